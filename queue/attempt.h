/*
 * attempt - one try to deliver a message to some recipients at one destination.
 *
 * The turn gives it to an agent on a loop; the agent owns it until it hands it
 * back with attempt_result(), exactly once, also when its session died. While
 * an attempt is out nobody else changes its recipients. After a crash what was
 * out is ready again: a delivery in flight may repeat, never be lost.
 */
#ifndef QUEUE_ATTEMPT_H
#define QUEUE_ATTEMPT_H

#include <sys/types.h>

#include "mail/dsn_wish.h"
#include "queue/queue.h"

enum attempt_outcome {
	ATTEMPT_UNTRIED, /* goes back as it was, no try counted */
	ATTEMPT_DONE,
	ATTEMPT_LATER,
	ATTEMPT_NEVER,
	ATTEMPT_MOVED, /* routing now names another destination: see moved_* */
};
extern const char *const attempt_outcome_names[];

/* With DONE: how far it came, for a sender who asked to hear of success. */
enum attempt_reach {
	ATTEMPT_PASSED_ON, /* to a host that reports by itself */
	ATTEMPT_RELAYED,   /* to one that does not */
	ATTEMPT_DELIVERED, /* to its end */
};

/* How a connection was encrypted. */
struct attempt_tls {
	const char *version, *cipher; /* "TLSv1.3", ... */
	bool verified;                /* the host is who it should be */
};

struct attempt_rcpt {
	uint32_t n;
	uint64_t version; /* the token */
	const char *address, *original, *route;
	const char *orcpt; /* RFC 3461, decoded; NULL: none */
	uint8_t notify;    /* enum dsn_notify; 0: not said */
	bool copy;         /* nobody named it */
	uint32_t tries;    /* before this one */
	/* What the agent fills in. */
	enum attempt_outcome outcome;
	bool doubted; /* without DONE: it may have arrived all the same */
	enum attempt_reach reach;
	struct reply reply; /* what was said; empty for UNTRIED */
	const char
		*relay; /* "host[ip]:port" that said it; in the arena, or "" */
	const struct attempt_tls *tls; /* of RELAY; in the arena; NULL plain */
	const char *moved_agent, *moved_dest, *moved_route; /* in the arena */
};

/* Did the destination as a whole fail? */
enum attempt_dest {
	ATTEMPT_DEST_UNKNOWN, /* nothing was learnt of it */
	ATTEMPT_DEST_OK,
	ATTEMPT_DEST_FAILED,  /* no address, connect, banner, EHLO, 421 before
			       * the  first MAIL: only the destination's record
			       * moves */
	ATTEMPT_DEST_DROPPED, /* the message's exchange ended in a disconnect:
			       * three different messages in a row make it
			       * the destination's failure */
};

struct attempt {
	struct arena arena;
	uint64_t id;
	const char *agent, *dest;
	const char *sender;
	int64_t size; /* of the content, bytes */
	int64_t arrival_ms;
	bool eight_bit;
	bool smtputf8;       /* the client said so (RFC 6531) */
	bool utf8_header;    /* ... and the header needs it */
	bool submitted;      /* whose it is was logged in, or trusted */
	const char *verdict; /* what was thought of it; "": nothing */
	enum dsn_ret ret;
	const char *envid; /* decoded; NULL: none */
	enum queue_class class;
	bool probe; /* the destination is down: this one tries it */
	size_t nrcpt;
	struct attempt_rcpt *rcpt;
	/* What the agent fills in. */
	enum attempt_dest dest_state;
	struct reply dest_reply; /* with DEST_FAILED: its words or ours */
	/* ... and it asked to be left alone until then, wall, a day at most; 0:
	 * it did not. Then it is down, whatever others there came to. */
	int64_t dest_not_before_ms;
	bool keep; /* the connection lives: this loop is asked first */
	struct attempt_impl *impl; /* the queue's own */
};

/* The next piece of the content, at most 64 KiB: FN runs on the attempt's loop.
 * LEN 0: the end; -EBADMSG (corrupt: close before the final dot), other -errno.
 * DATA is valid until the next attempt_read() or attempt_result(). One read at
 * a time. */
typedef void attempt_read_fn(void *arg, const char *data, ssize_t len);
void attempt_read(struct attempt *a, attempt_read_fn *fn, void *arg);

/* A connection to the destination was made (EHLO went well). After a probe all
 * may drain, before this attempt itself has an outcome. */
void attempt_reached(struct attempt *a);

/* The mail moves there: content has left, or a reply came. As often as one
 * likes. */
void attempt_heard(struct attempt *a);

/* Hand back and leave NULL. No read may be under way. Logs one `deliver` event
 * a recipient once the outcome is durable. */
void attempt_result(struct attempt **a);

#endif
