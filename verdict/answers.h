/*
 * answers - what the DNS has said so far, for the verdict on one message.
 *
 * The evaluators (SPF, DKIM keys, DMARC) ask this table and nothing else. A
 * question that it can't answer yet is noted, and the evaluator gives up with
 * -EAGAIN; whoever drives it has the open questions resolved, settles them, and
 * calls the evaluator again from its start. So they need no threads, and a table
 * of records is a complete test. A name that SPF, DKIM and DMARC ask for is
 * asked once.
 *
 * Names are labels with dots between them, of any octets but NUL, compared
 * without regard to ASCII case; a final dot does not count.
 */
#ifndef VERDICT_ANSWERS_H
#define VERDICT_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"

enum answer_type { ANSWER_A, ANSWER_AAAA, ANSWER_MX, ANSWER_PTR, ANSWER_TXT };

extern const char *const answer_type_names[]; /* "A" ... */

enum answer_status {
	ANSWER_OPEN,     /* asked for, not settled */
	ANSWER_OK,       /* at least one record */
	ANSWER_NO_DATA,  /* the name has none of this type */
	ANSWER_NO_NAME,  /* there is no such name (NXDOMAIN, or NXNAME in an
			  * NSEC: RFC 9824) */
	ANSWER_TEMPFAIL, /* timeout, SERVFAIL, bogus, or the budget is spent */
};

extern const char *const answer_status_names[]; /* "open" ... */

struct answer_record {
	/* A: 4 octets, AAAA: 16, MX and PTR: the host's name, TXT: all its
	 * strings, one behind the other. Followed by a NUL. */
	const char *data;
	size_t len;
	uint16_t preference; /* MX */
};

#define ANSWER_RECORDS_MAX 100 /* of one answer; more are left out */

struct answer {
	STAILQ_ENTRY(answer) link;
	const char *name; /* lower case */
	enum answer_type type;
	enum answer_status status;
	bool asked;      /* the driver has taken it */
	bool authentic;  /* DNSSEC says so */
	const char *why; /* of a TEMPFAIL, for people; "" */
	size_t n;
	struct answer_record *records; /* in the table's arena */
};

struct answers {
	struct arena *arena; /* borrowed */
	unsigned questions, max;
	STAILQ_HEAD(, answer) list;
	struct answer spent; /* what all are told once MAX have been asked */
};

/* A table that lives in ARENA and asks at most MAX questions. */
void answers_init(struct answers *a, struct arena *arena, unsigned max);

/* For evaluators: what is known of NAME. Never NULL; ANSWER_OPEN: give up with
 * -EAGAIN after asking for whatever else is needed at this point. A name that
 * the DNS can't have (a label of 0 or over 63 octets, over 253 in all) does not
 * exist. */
const struct answer *answers_find(struct answers *a, const char *name,
				  enum answer_type type);
/* True for a name that the DNS can have. */
bool answers_name_ok(const char *name);

/* No more questions, as if all that one message may cost were asked: what is not
 * known is a failure from now on, and never open. */
void answers_close(struct answers *a);

/* For the driver: an open question that has not been returned before; NULL:
 * there is none. Then answer_add() its records and answer_settle() it. */
struct answer *answers_next_open(struct answers *a);
/* DATA is copied. */
void answer_add(struct answers *a, struct answer *answer, const void *data,
		size_t len, unsigned preference);
/* STATUS is not ANSWER_OPEN; ANSWER_OK without a record is ANSWER_NO_DATA. WHY
 * is copied. */
void answer_settle(struct answers *a, struct answer *answer,
		   enum answer_status status, const char *why);

#endif
