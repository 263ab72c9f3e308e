/*
 * queue_impl - what the parts of the queue share; nobody else includes it.
 */
#ifndef QUEUE_QUEUE_IMPL_H
#define QUEUE_QUEUE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "queue/attempt.h"
#include "queue/body.h"
#include "queue/count.h"
#include "queue/dest.h"
#include "queue/draft.h"
#include "queue/effect.h"
#include "queue/teller.h"
#include "queue/walk.h"

#define QUEUE_AGENTS  8
#define QUEUE_TELLERS 8
#define QUEUE_DUES    24
#define QUEUE_FATES   1024
#define QUEUE_WORDS   64 /* refusals remembered for who asks later */
#define QUEUE_WATCHES 10000
#define QUEUE_TELLS   64 /* at once */

/* How long a caller's key is remembered. */
#define QUEUE_KEY_MS (INT64_C(24) * 60 * 60 * 1000)

#define QUEUE_ALERT_SLOTS 20 /* of the connections in all */

/* Grace of what happens by absence, counted from awake_since. */
#define QUEUE_GRACE_MS (10 * 60 * 1000)

struct queue_agent {
	const char *name;
	queue_agent_fn *fn;
	void *ctx;
	size_t most_rcpts; /* an attempt; 0: recipients_per_message only */
	bool unrated;
	bool serial; /* its destinations get one attempt at a time */
	bool secret; /* its recipients' names are not logged */
	struct metric_cell *result_cell[3]; /* delivered, deferred, bounced */
};

struct queue_teller {
	uint8_t kind;
	queue_teller_fn *fn;
	void *ctx;
};

/* One row of time: a class and a kind. One job at a time each. */
struct due {
	struct queue *q;
	enum store_class class;
	uint8_t kind;
	queue_due_fn *fn; /* NULL: the queue's own */
	void *ctx;
	bool busy;
	int64_t not_before_mono_ms; /* after an error */
	/* After the clock was set back: what it put off too far, up to
	 * AHEAD_MS, is looked through from AHEAD_AT on; 0: nothing. */
	int64_t ahead_ms;
	struct due_at {
		struct store_place place;
		struct store_key key;
		bool has_key;
	} ahead_at, ahead_next;
	struct store_job job;
	struct effects effects;
	uint64_t freed; /* bytes, by the job */
};

/* Pieces of a content, read by an attempt or a tell on its loop. */
struct reader {
	struct queue *q;
	struct loop *loop;
	uint64_t blob;
	uint32_t pages;
	int64_t size;
	uint32_t at;       /* the next page */
	int64_t given;     /* bytes so far */
	char *buf;         /* owned; up to STORE_BLOB_IN_PLACE pages */
	struct body *body; /* a reference: all of it, in memory; or NULL */
	struct post post;  /* ... and how it is given */
	ssize_t result;
	bool busy;
	bool has_timer;
	struct loop_timer again; /* the pool was full */
	struct store_job job;
	attempt_read_fn *fn;
	void *arg;
};

void reader_init(struct reader *r, struct queue *q, struct loop *loop,
		 uint64_t blob, uint32_t pages, int64_t size);
void reader_done(struct reader *r);
void reader_next(struct reader *r, attempt_read_fn *fn, void *arg);

/* An attempt and what the queue knows of it. */
struct attempt_impl {
	struct attempt a;
	struct queue *q;
	struct dest *dest;
	size_t loop_at;
	struct loop *loop;
	struct queue_agent *agent;
	uint8_t lane;
	uint32_t flow;
	uint32_t first, last; /* what was taken, in the order of the list */
	uint32_t epoch;       /* of the destination when it was given */
	bool reached, reaching, has_result;
	bool corrupt;          /* the content was found damaged */
	bool has_slot;         /* of its destination's window */
	bool counted;          /* ... rate */
	uint32_t narrowed;     /* of the destination when it was given */
	uint32_t worked;       /* likewise */
	int64_t given_mono_ms; /* when that was */
	struct reader reader;
	attempt_read_fn *read_fn;
	void *read_arg;
	struct post post;
	struct store_job job, reached_job;
	struct attempt_impl *same; /* the next one of this message */
	STAILQ_ENTRY(attempt_impl) unwritten, returned;
	int result; /* of the job */
	UT_hash_handle hh;
	/* The result, made by the job. */
	struct effects effects;
	bool down;       /* the destination's record moved */
	bool first_fail; /* ... and was made */
	bool narrow;     /* it failed, while others reach it */
	bool patient;    /* most of the window is free: its result can wait */
	bool up;         /* it is gone */
	int64_t not_before_ms, now_ms;
	bool *applied; /* in the attempt's arena: by recipient */
	/* What is logged on the loop, when the queue may be gone. */
	const struct log_context *log;
	bool secret; /* the agent's */
	struct metric_cell *result_cell[3], *latency_cell;
};

struct watch {
	uint64_t id;
	struct queue *q;
	struct loop *loop;
	uint64_t handle;
	queue_fate_fn *fn;
	bool there, delivered;
	struct reply last;
	struct store_job job;
	struct post post;
	struct watch *same;
	UT_hash_handle hh;
};

struct fate {
	uint64_t id;
	bool delivered;
};

/* What was said last of a message that was not taken. */
struct words {
	uint64_t id;
	struct reply last;
};

struct queue_metrics {
	struct metric_family *deliveries, *latency, *stored, *oldest;
	struct metric_family *dest_deliveries, *dest_oldest, *paused;
	struct metric_cell *double_bounces, *corrupt;
	struct metric_cell *latency_cell[QUEUE_NCLASS];
};

struct queue {
	struct store *store;
	struct clock *clock;
	const struct log_context *log;
	struct metrics *metrics;
	struct loop **loops; /* owned array of borrowed loops */
	size_t nloops;
	struct queue_metrics metric;

	struct queue_agent agents[QUEUE_AGENTS];
	size_t nagents;
	struct queue_teller tellers[QUEUE_TELLERS];
	size_t ntellers;
	struct due dues[QUEUE_DUES];
	size_t ndues;
	queue_router_fn *router;
	void *router_ctx;

	pthread_mutex_t lock; /* guards from here ... */
	struct queue_conf conf_shared;
	bool conf_changed;
	unsigned char routes_shared[QUEUE_ROUTES_LEN];
	struct queue_paused paused_shared;
	STAILQ_HEAD(, attempt_impl) returned; /* see attempt_free_slots() */
	struct queue_stats *snapshot;         /* owned; for scrapes */
	/* ... to here */
	_Atomic bool started, stopping, scraped;
	_Atomic unsigned next_loop, refs;
	struct loop_end *ends; /* owned, by loop: set once it is closed */

	/* The store thread's. */
	struct queue_conf conf;
	struct queue_paused paused;
	unsigned char routes[QUEUE_ROUTES_LEN]; /* fingerprint of what routing
						 * reads */
	struct dest_table dests;
	struct count count;
	struct body_table bodies;
	struct walk walk;
	struct attempt_impl *outs; /* by message */
	/* Results that found no room; they stay out until they are written. */
	STAILQ_HEAD(, attempt_impl) unwritten;
	int64_t unwritten_mono_ms; /* when to try again */
	struct withdraw *withdraws;
	uint32_t nout, nbusy, nbusy_alert; /* attempts; those with a slot */
	size_t next_give;                  /* a loop, in turns */
	struct tell_impl *tells;
	uint32_t ntells;
	struct watch *watches;
	uint32_t nwatches;
	struct fate fates[QUEUE_FATES];
	size_t next_fate;
	struct words words[QUEUE_WORDS];
	size_t next_words;
	int64_t awake_since_ms;
	int64_t wall_minus_mono_ms;
	bool clock_known;
	/* What has a lease that ends before was leased in an earlier life: due
	 * again. 0: nothing was. */
	int64_t leased_before_ms;
	bool scanning; /* the ready lists, for destinations */
	bool scan_wrapped;
	uint64_t scan_at, scan_end; /* the next; where the circle is closed */
	int64_t scan_again_mono_ms;
	bool poked;
	bool count_busy;
	struct store_job count_job;
	struct effects count_effects;
	uint64_t count_next;
	bool count_end;
	int64_t snapshot_mono_ms;
	struct buf scratch;
	uint32_t rng;
};

/* --- queue.c ------------------------------------------------------------- */

void queue_conf_copy(struct queue *q, struct queue_conf *ret);
struct queue_agent *queue_find_agent(struct queue *q, const char *name);
struct queue_teller *queue_find_teller(struct queue *q, uint8_t kind);
/* store_run(), or the end of the job when the queue is closed already. */
void queue_run(struct queue *q, struct store_job *job);
/* store_read(), likewise: -ESHUTDOWN. */
int queue_read(struct queue *q, struct store_job *job);
/* Have the turn run soon; store thread. */
void queue_poke(struct queue *q);
struct loop *queue_any_loop(struct queue *q);
/* FIRST * FACTOR^(TRIES-1), at most MAX, of alerts QUEUE_ALERT_RETRY_MAX, with
 * jitter. */
int64_t queue_backoff(struct queue *q, enum queue_class class, uint32_t tries);
/* Encode and put; the record's place is set. */
int queue_put_message(struct queue *q, struct store_txn *txn, uint64_t id,
		      const struct message *m, struct store_rec *rec);
int queue_put_rcpt(struct queue *q, struct store_txn *txn, uint64_t id,
		   uint32_t n, const struct rcpt *r, struct store_place place);
int queue_get_message(struct store_txn *txn, uint64_t id, struct arena *a,
		      struct message *ret, struct store_rec *ret_rec);
int queue_get_rcpt(struct store_txn *txn, uint64_t id, uint32_t n,
		   struct arena *a, struct rcpt *ret,
		   struct store_rec *ret_rec);
/* The first recipient of ID at or after *N: 1 and *N is its number, 0 none,
 * -EBADMSG (*N is set). RET may be NULL with A. */
int queue_next_rcpt(struct store_txn *txn, uint64_t id, uint32_t *n,
		    struct arena *a, struct rcpt *ret,
		    struct store_rec *ret_rec);

/* --- out.c: attempts that are out ---------------------------------------- */

void out_add(struct queue *q, struct attempt_impl *ai);
void out_del(struct queue *q, struct attempt_impl *ai);
/* Another attempt may be given, before this one's result is written. */
void out_free_slot(struct queue *q, struct attempt_impl *ai);
struct attempt_impl *out_find(struct queue *q, uint64_t id);
bool out_has(struct queue *q, uint64_t id, uint32_t n);

/* --- finish.c ------------------------------------------------------------ */

/* After a recipient went: when it was the last, the message goes too, or its
 * teller is to be told. M and REC are the message's. */
/* As queue_next_rcpt(), of what is left: where that is copies only the fate of
 * M is known. */
int message_next_left(struct store_txn *txn, uint64_t id,
		      const struct message *m, struct effects *e);
int message_settle(struct queue *q, struct store_txn *txn, uint64_t id,
		   struct message *m, struct store_rec *rec, struct effects *e,
		   int64_t now);
/* The last recipient is gone and nobody is to be told: it goes, or is kept as
 * the configuration says. */
int message_end(struct queue *q, struct store_txn *txn, uint64_t id,
		struct message *m, struct store_rec *rec, struct effects *e,
		int64_t now);
/* The record and its content; the recipients are gone. */
int message_del(struct store_txn *txn, uint64_t id, const struct message *m,
		const struct store_rec *rec, struct effects *e, int64_t now);
/* All of it, whatever its state: the operator's, or a withdrawal. */
int message_del_all(struct queue *q, struct store_txn *txn, uint64_t id,
		    struct effects *e, int64_t now);
/* A loose blob is due at WHEN. */
int blob_put_loose(struct store_txn *txn, uint64_t blob, uint32_t pages,
		   int64_t when);
/* Take some pages of a loose blob that is due; the record goes with the last.
 */
int blob_due(struct queue *q, struct store_txn *txn,
	     const struct store_key *key, const struct store_rec *rec,
	     int64_t now);
/* Put message ID out of every place. */
int message_set_aside(struct queue *q, struct store_txn *txn, uint64_t id,
		      struct effects *e);

/* --- timer.c ------------------------------------------------------------- */

/* What is being told is not due for so long. */
#define DUE_TELL_LEASE_MS 60000
#define DUE_PROBE_MS      (5 * 60 * 1000)
#define DUE_ROWS          100 /* a job */

void due_register(struct queue *q, uint8_t kind, queue_due_fn *fn, void *ctx);
/* Start jobs for what is due; the wall time when the next is, or INT64_MAX. */
int64_t due_turn(struct queue *q, struct store_txn *txn, int64_t now_wall_ms,
		 int64_t now_mono_ms);
/* What the row (PLACE, KEY) is due for, in D's job. 0, 1: no more now, -errno.
 */
int due_row(struct due *d, struct store_txn *txn,
	    const struct store_place *place, const struct store_key *key,
	    int64_t now);

/* --- ahead.c ------------------------------------------------------------- */

/* A job of struct due, and its end. */
int due_ahead_job(struct store_txn *txn, void *arg);
void due_ahead_after(struct due *d);
/* The wall clock went from BEFORE_MS back to NOW_MS: nothing waits longer for
 * that. */
void due_clock_back(struct queue *q, int64_t now_ms, int64_t before_ms);

/* --- wish.c -------------------------------------------------------------- */

/* What the sender of M wants to hear of a recipient with this NOTIFY. */
bool wish_success(const struct message *m, uint8_t notify);
bool wish_failure(const struct message *m, const struct rcpt *r);
bool wish_delay(const struct message *m, uint8_t notify);

/* The record of the destination looked at last. */
struct dest_look {
	bool known, failed; /* FAILED: it has a record, REC */
	uint64_t key;
	struct dest_rec rec;
};
void dest_look(struct dest_look *l, struct store_txn *txn, struct arena *a,
	       uint64_t key);
/* What a failed destination says stands for its recipients' own last answer. */
void rcpt_take_dest(struct rcpt *r, const struct dest_rec *dest);

/* R waits, and its sender may hear that it is late; R then has its
 * destination's last words. */
bool wish_is_late(struct dest_look *l, struct store_txn *txn, struct arena *a,
		  const struct message *m, struct rcpt *r);
/* The time for a warning has come: M is due to be told of, or its time is
 * another one. 0 or -errno; the caller puts M. */
int wish_warn(struct queue *q, struct store_txn *txn, uint64_t id,
	      struct message *m, struct arena *a, int64_t now);

/* --- turn.c -------------------------------------------------------------- */

int64_t queue_turn(struct store_txn *txn, void *arg);

/* --- scan.c -------------------------------------------------------------- */

/* From where the last one ended, all around. */
void scan_start(struct queue *q);
/* Some more of it, when one is under way. */
void scan_turn(struct queue *q, struct store_txn *txn, int64_t wall_ms);
/* Start one now and then while some did not fit; when to come back. */
int64_t scan_again(struct queue *q, int64_t mono_ms);

/* --- take.c -------------------------------------------------------------- */

/* The first of LANES that has something, in their order. 0 or -ENOENT. */
int take_lanes(struct queue *q, struct store_txn *txn, struct dest *d,
	       const uint8_t *lanes, size_t n, struct attempt_impl **ret);
/* The wait row (PLACE, KEY) leads nowhere, or to what is damaged. */
void take_mend(struct queue *q, const struct store_place *place,
	       const struct store_key *key);

/* --- attempt.c ----------------------------------------------------------- */

struct attempt_impl *attempt_new(struct queue *q, struct dest *d);
void attempt_free(struct attempt_impl *ai);
void attempt_give(struct attempt_impl *ai);
/* Its result to the writer. */
void attempt_submit(struct attempt_impl *ai);

/* Free the slots of those that came back: what the next hop has taken or
 * refused need not be on the disk before it is given the next message. */
void attempt_free_slots(struct queue *q);
/* Try again what could not be written; when to come back, or INT64_MAX. */
int64_t attempt_unwritten_turn(struct queue *q, int64_t now_mono_ms);
/* The store is closed. */
void attempt_unwritten_free(struct queue *q);

/* --- attempt_dest.c ------------------------------------------------------ */

/* In the result's job, and after it. */
int attempt_dest_result(struct attempt_impl *ai, struct store_txn *txn);
void attempt_dest_after(struct attempt_impl *ai);
/* While alerts wait at DEST, which is down since FIRST_MS: the time from probe
 * to probe. INT64_MAX: none wait. */
int64_t dest_alert_pace(struct store_txn *txn, uint64_t dest, int64_t first_ms,
			int64_t now);
/* Nothing for a second: what it gives comes back as it was. */
void dest_rest(struct queue *q, struct dest *d);

/* --- throttle.c ---------------------------------------------------------- */

/* The first time from MONO on at which D's rate has room. */
int64_t throttle_rate_opens(const struct queue *q, const struct dest *d,
			    bool alert, int64_t mono);
/* The same for its rate and its window; INT64_MAX: when something comes back.
 */
int64_t throttle_opens(const struct queue *q, const struct dest *d, bool alert,
		       int64_t mono);
/* How many attempts may be out. */
uint32_t throttle_window(const struct queue *q, const struct dest *d);
void throttle_given(struct attempt_impl *ai, int64_t mono);
/* From any loop: a connection was made, or the destination had its say of the
 * mail. */
void throttle_reached(struct attempt_impl *ai);
/* From any loop: a mail moves there. */
void throttle_heard(struct attempt_impl *ai);
/* A connection could not be made: do others work? Then it is the window's
 * business. */
bool throttle_is_partial(const struct attempt_impl *ai);
void throttle_narrow(struct attempt_impl *ai);
/* The destination failed as a whole; it is back. */
void throttle_down(struct dest *d);
void throttle_up(struct queue *q, struct dest *d);
/* What AI came back with, but a failure of its destination. */
void throttle_result(struct attempt_impl *ai);

/* --- teller.c ------------------------------------------------------------ */

void tell_start(struct queue *q, uint64_t id);
bool tell_is_out(struct queue *q, uint64_t id);
void tell_forget_all(struct queue *q);

/* --- watch.c ------------------------------------------------------------- */

void watch_note(struct queue *q, uint64_t id, const struct reply *last);
void watch_gone(struct queue *q, uint64_t id, bool delivered);
void watch_done(struct queue *q);

/* --- stats.c ------------------------------------------------------------- */

void stats_init(struct queue *q);
void stats_turn(struct queue *q, struct store_txn *txn, int64_t now_mono_ms);
void stats_count_turn(struct queue *q);
/* ADDRESS as the log may have it; its domain where it is a SECRET one's. */
const char *log_name(const char *address, bool secret);
void log_deliver(const struct log_context *log, uint64_t id, bool secret,
		 const struct rcpt *r, const char *relay,
		 const struct attempt_tls *tls, const char *status,
		 const struct reply *reply, uint32_t tries, int64_t now);

/* --- pause.c ------------------------------------------------------------- */

/* What a store says of it at open. */
int pause_load(struct queue *q);
/* For a store without a queue. */
int pause_put_until_resumed(struct store_txn *txn, const char *reason,
			    int64_t now_ms);
int pause_due(struct queue *q, struct store_txn *txn,
	      const struct store_key *key, struct effects *e);
void pause_over(struct queue *q);

#endif
