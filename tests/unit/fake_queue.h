/*
 * fake_queue - just enough of the queue to run deliver/ without a store.
 *
 * Attempts and tells are made by the test and run on the loop it names; what
 * comes back waits until the test takes it. The content is in memory.
 */
#ifndef TESTS_UNIT_FAKE_QUEUE_H
#define TESTS_UNIT_FAKE_QUEUE_H

#include "queue/attempt.h"
#include "queue/teller.h"

struct queue *fake_queue_new(void);
void fake_queue_free(struct queue **q);

struct fake_mail {
	const char *content; /* borrowed */
	size_t len;
	int64_t size;      /* that the queue tells; 0: LEN */
	int64_t broken_at; /* reads from here on fail; 0: none */
	int error;         /* ... so; 0: -EBADMSG */
	bool probe, eight_bit;
	enum queue_class class;
	const char *sender; /* NULL: anna@example.org */
	const char *agent;  /* NULL: smtp */
	const char *dest;
	const char *rcpt[4];
	/* Of a tell. */
	enum tell_what what;
	enum dsn_ret ret;
	const char *envid;
	bool quotes;
	int64_t expires_ms;          /* 0: the first of January 2026 */
	const struct reply *refused; /* what was said; NULL: by WHAT */
};

struct fake_result {
	struct fake_result *next;
	uint64_t id;
	size_t nrcpt;
	struct {
		enum attempt_outcome outcome;
		bool doubted;
		struct reply reply;
		char relay[256], moved_dest[256];
		char tls[16]; /* "": plain */
		bool verified;
	} rcpt[4];
	enum attempt_dest dest_state;
	struct reply dest_reply;
	int64_t dest_not_before_ms;
	bool keep, reached, heard;
};

/* Give an attempt to the agent, on LOOP; its id. */
uint64_t fake_queue_give(struct queue *q, struct loop *loop,
			 const struct fake_mail *mail);
/* The next result in the order of handing back, within ten seconds; the caller
 * frees it. NULL: none came. */
struct fake_result *fake_queue_take(struct queue *q);
/* How often queue_set_routes() brought others. */
unsigned fake_queue_rerouted(struct queue *q);
/* How many attempts are out. */
size_t fake_queue_out(struct queue *q);

struct fake_report {
	char *text; /* NULL: nobody can be told */
	size_t len;
	bool dropped;
	char sender[256], to[256], dest[256];
	enum queue_class class;
	bool eight_bit;
};

/* Run a tell of NRCPT recipients of MAIL; of all of them the same. */
void fake_queue_tell(struct queue *q, struct loop *loop,
		     const struct fake_mail *mail, size_t nrcpt);
/* The same: what became of it. Free with fake_report_free(). */
struct fake_report *fake_queue_take_report(struct queue *q);
void fake_report_free(struct fake_report **r);

#endif
