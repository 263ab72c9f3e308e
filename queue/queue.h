/*
 * queue - the face: what the rest of the house may ask of the queue.
 *
 * The queue keeps messages and their recipients in the store, gives out
 * attempts to agents in fair turns, moves what failed to its next time, tells
 * whoever must be told, and answers the operator. docs/queue.md has every rule.
 *
 * Calls may come from any loop; answers come back on the loop that is named.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/conf.h"
#include "mail/pattern.h"
#include "mail/smtp_reply.h"
#include "queue/store.h"

enum queue_class { QUEUE_ALERT, QUEUE_NORMAL, QUEUE_BULK };
#define QUEUE_NCLASS 3
extern const char *const queue_class_names[]; /* "alert", "normal", "bulk" */

/* The sections `store` and what of `delivery` is the queue's. */
struct queue_store_conf {
	int64_t max_size;
	char *reserve; /* "5%" or a size */
	int64_t keep_delivered_ms, keep_bounced_ms;
};
extern const struct conf_table queue_store_conf_table;
/* RESERVE in bytes; a percentage is one of MAX_SIZE. */
int64_t queue_store_reserve(const struct queue_store_conf *conf);

/* Alerts wait no longer between two tries, whatever is configured. */
#define QUEUE_ALERT_RETRY_MAX INT64_C(120000)

struct queue_retry_conf {
	int64_t first_ms, max_ms;
	double factor, jitter;
};
extern const struct conf_table queue_retry_conf_table;

struct queue_destination_conf {
	int64_t connections; /* the window at its widest */
	int64_t messages_per_connection;
	int64_t recipients_per_message;
	struct conf_rate rate; /* messages, where agents keep to one */
};
extern const struct conf_table queue_destination_conf_table;

struct queue_conf {
	const char *dir;
	int64_t max_size, reserve;
	struct queue_retry_conf retry;
	struct queue_destination_conf destination;
	int64_t keep_delivered_ms; /* the content of what is delivered; 0: no */
	int64_t keep_bounced_ms;   /* ... of what failed */
	int64_t lifetime_ms;       /* of a message of class normal and bulk */
	int64_t alert_lifetime_ms; /* of class alert */
	int64_t warn_after_ms;     /* a message is late; 0: never */
	int64_t connections;       /* attempts out in all; 20 more for alerts */
};

struct queue;

/* 0, or -errno with a line for the operator in *RET_WHY (owned by the caller).
 * Nothing is handed out before queue_start(). */
int queue_open(const struct queue_conf *conf, struct clock *clock,
	       struct loop *const *loops, size_t nloops, struct pool *disk,
	       const struct log_context *log, struct metrics *metrics,
	       struct queue **ret_queue, char **ret_why);
void queue_start(struct queue *q);
/* No new attempts; call before the loops end. */
void queue_stop(struct queue *q);
/* When the loops have been joined and before they are freed: what is left of it
 * goes with them. */
void queue_close(struct queue **q);
/* After a reload, from any thread. */
void queue_set_conf(struct queue *q, const struct queue_conf *conf);
/* The fingerprint of what routing reads: before queue_start() and after each
 * reload, from any thread. When it is another than before mail that waits gets
 * its grace and a try by the new routes before it expires. */
#define QUEUE_ROUTES_LEN 32
void queue_set_routes(struct queue *q,
		      const unsigned char print[static QUEUE_ROUTES_LEN]);
struct store *queue_store(struct queue *q);

/* An id as everyone sees it: 13 characters of [0-9A-Z] that sort as the ids. */
#define QUEUE_ID_LEN 14 /* with the NUL */
void queue_id_text(uint64_t id, char ret[static QUEUE_ID_LEN]);
int queue_id_parse(const char *text, uint64_t *ret_id); /* 0 or -EINVAL */

/* A destination is (agent, name); its key in the store. */
uint64_t queue_dest_key(const char *agent, const char *name);

/* --- who takes part (before queue_start) ---------------------------------- */

struct attempt;
/* Runs on the loop that the turn chose; leads to one attempt_result(). */
typedef void queue_agent_fn(void *ctx, struct loop *loop, struct attempt *a);
void queue_set_agent(struct queue *q, const char *agent, queue_agent_fn *fn,
		     void *ctx);
/* An attempt of AGENT takes at most so many recipients of its message, whatever
 * recipients_per_message says. */
void queue_limit_agent(struct queue *q, const char *agent, size_t most_rcpts);

/* One attempt of AGENT at a time at each of its destinations, whatever the
 * settings say: what came first is over first, unless it has to wait. */
void queue_serial_agent(struct queue *q, const char *agent);

/* What AGENT delivers stays here: no rate is kept to. */
void queue_unrated_agent(struct queue *q, const char *agent);
/* AGENT's recipients bear secrets in their names: of them the log has the domains
 * only. Before queue_start(). */
void queue_secret_agent(struct queue *q, const char *agent);

struct tell;
/* Runs on a loop when something must be said of a message; leads to one
 * tell_commit() or tell_drop(). KIND 'm' is the DSN; other kinds are records
 * that wait for the fate of a message they published. */
typedef void queue_teller_fn(void *ctx, struct loop *loop, struct tell *tell);
void queue_set_teller(struct queue *q, uint8_t kind, queue_teller_fn *fn,
		      void *ctx);

/* A record of KIND whose time has come, in the store thread inside a job; must
 * move or delete the record, else it is reported as corrupt and set aside. */
typedef int queue_due_fn(struct store_txn *txn, void *ctx,
			 const struct store_key *key,
			 const struct store_rec *rec, int64_t now_wall_ms);
void queue_set_due(struct queue *q, uint8_t kind, queue_due_fn *fn, void *ctx);

/* Where a recipient goes: the router writes what routing names now into AGENT,
 * DEST and ROUTE (in the arena) and leaves them where it knows no route. */
struct queue_lookup {
	const char *sender, *address, *original;
	const char *agent, *dest, *route;
};
/* On LOOP, for what waits, when routing may say something else than before. */
typedef void queue_router_fn(void *ctx, struct loop *loop, struct arena *arena,
			     struct queue_lookup *v, size_t n);
void queue_set_router(struct queue *q, queue_router_fn *fn, void *ctx);

/* --- the operator ---------------------------------------------------------- */

enum queue_action {
	QUEUE_HOLD,
	QUEUE_RELEASE,
	QUEUE_FLUSH,   /* try now, the destination's back-off forgotten too */
	QUEUE_REQUEUE, /* ready now, routes looked up anew */
	QUEUE_REMOVE,  /* -EBUSY while an attempt is out */
};

/* 0, -ENOENT (no such id), -EBUSY, -EALREADY, -EPERM (it is held: neither flush
 * nor requeue), -EBADMSG (it was set aside: only remove), -ESTALE (it is over,
 * and only kept: only remove). */
typedef void queue_done_fn(void *arg, int result);
void queue_act(struct queue *q, enum queue_action action, uint64_t id,
	       struct loop *loop, queue_done_fn *done, void *arg);

struct queue_paused {
	bool paused;
	bool alerts;      /* alerts are paused too */
	int64_t until_ms; /* wall; 0: until resumed */
	int64_t since_ms;
	char reason[256];
};

/* UNTIL_MS 0: until resumed. Durable; DONE after the commit. */
void queue_pause(struct queue *q, const struct queue_paused *p,
		 struct loop *loop, queue_done_fn *done, void *arg);
void queue_resume(struct queue *q, struct loop *loop, queue_done_fn *done,
		  void *arg);
void queue_get_paused(struct queue *q, struct queue_paused *ret);

/* --- listings (disk pool; bounded) ------------------------------------------ */

enum queue_rcpt_state {
	QUEUE_RCPT_READY, /* waits for its turn */
	QUEUE_RCPT_DEFERRED,
	QUEUE_RCPT_HELD,
	QUEUE_RCPT_FAILED,    /* the sender is being told */
	QUEUE_RCPT_SET_ASIDE, /* corrupt */
	QUEUE_RCPT_SERVED,    /* delivered; the sender is being told */
};
#define QUEUE_RCPT_NSTATE 6
extern const char *const queue_rcpt_state_names[];

struct queue_rcpt_info {
	uint32_t n;
	const char *address, *original; /* original NULL: the same */
	const char *agent, *dest;       /* "smtp", name */
	enum queue_rcpt_state state;
	uint32_t tries;
	bool dest_down;         /* its destination is: probed at NEXT_MS */
	int64_t next_ms;        /* wall time of the next try; 0: now or never */
	const char *last_reply; /* one line; "" none */
};

/* Which messages are meant: what is set must all hold. */
struct queue_filter {
	const struct pattern *to; /* of one recipient, as it is or was given */
	const struct pattern *sender; /* borrowed, as all of it */
	bool null_sender;             /* "<>" */
	const char *dest;             /* of one recipient: that of TO */
	int64_t before_ms;            /* arrived before; 0: whenever */
	bool held, corrupt;           /* it, or one of its recipients */
};

struct queue_message_info {
	uint64_t id;
	const char *sender;
	int64_t size, arrival_ms, expires_ms;
	enum queue_class class;
	bool held, corrupt;
	bool kept; /* it is over; the content stays until EXPIRES */
	const char *message_id;
	const char *verdict; /* what was thought of it; "": nothing */
	size_t nrcpt;
	struct queue_rcpt_info *rcpt;
};

struct queue_listing {
	struct arena arena;
	size_t n;
	struct queue_message_info *v;
	size_t looked; /* at so many messages */
	uint64_t next; /* where to go on; 0: this was the end */
	int result;    /* 0 or -errno */
};

/* The callback owns the listing: queue_listing_free(). */
typedef void queue_listing_fn(void *arg, struct queue_listing *l);
/* Messages with id >= FROM that FILTER means (NULL: all; it must stay until
 * FN), at most MAX_ROWS records read (1,000 a read transaction): a page may be
 * empty before the end. 0 or -EAGAIN. */
int queue_list(struct queue *q, uint64_t from, size_t max_rows,
	       const struct queue_filter *filter, struct loop *loop,
	       queue_listing_fn *fn, void *arg);
/* One message; N 0 when there is none. */
int queue_show(struct queue *q, uint64_t id, struct loop *loop,
	       queue_listing_fn *fn, void *arg);
void queue_listing_free(struct queue_listing **l);

/* A piece of a message's content: LEN bytes of DATA (borrowed), which are its
 * pages from PAGE on, QUEUE_PIECE_PAGES of them where there are as many. LEN 0:
 * there is no more; -ENOENT: no such message; -EBADMSG: PAGE is damaged; other
 * -errno. CUT: the piece ends before a damaged page. All pieces together are the
 * message's size. */
#define QUEUE_PIECE_PAGES 256
typedef void queue_piece_fn(void *arg, const char *data, ssize_t len, bool cut);
/* 0 or -EAGAIN. */
int queue_piece(struct queue *q, uint64_t id, uint32_t page, struct loop *loop,
		queue_piece_fn *fn, void *arg);

/* How who answered last was spoken to. */
enum queue_tls { QUEUE_TLS_NONE, QUEUE_TLS_UNVERIFIED, QUEUE_TLS_VERIFIED };
extern const char *const queue_tls_names[]; /* "", "unverified", ... */

struct queue_dest_info {
	const char *agent, *name;
	uint64_t waiting;  /* deliveries ready or deferred, as counted */
	uint32_t active;   /* attempts out */
	uint32_t window;   /* so many at the same time */
	int64_t oldest_ms; /* wall time of arrival; 0: none */
	int64_t idle_ms;   /* the same of what is not being tried now */
	bool down;         /* it failed and is being probed */
	int64_t not_before_ms;
	uint32_t fails;
	const char *last_reply;
	enum queue_tls tls;
	int64_t rate_until_ms; /* wall: its rate is used up until; 0: no */
};

/* The walk over all records, see queue/walk.h. */
struct queue_walk_info {
	const char *work; /* "none", "rows", "routes" */
	bool running;
	uint64_t seen, moved, mended; /* recipients; recipients; rows: of this
				       * walk, or the last */
	int64_t began_ms, ended_ms;   /* wall; ENDED of the last whole one */
};

struct queue_stats {
	struct arena arena;
	/* Counted in memory; COUNTING while a start's background count runs. */
	bool counting;
	uint64_t deliveries[QUEUE_RCPT_NSTATE]
			   [QUEUE_NCLASS]; /* by queue_rcpt_state */
	uint64_t messages;
	uint64_t active;
	int64_t oldest_ms[QUEUE_NCLASS]; /* wall time of arrival; 0: none */
	uint64_t used_bytes, limit_bytes, reserve_bytes;
	struct queue_paused paused;
	struct queue_walk_info walk;
	size_t n;
	struct queue_dest_info
		*v; /* the 50 longest that are active or failing */
};
typedef void queue_stats_fn(void *arg, struct queue_stats *s);
void queue_stats(struct queue *q, struct loop *loop, queue_stats_fn *fn,
		 void *arg);
void queue_stats_free(struct queue_stats **s);

/* Whoever published under KEY will not do so again: it is forgotten in a day.
 * From any loop; nothing comes back. */
void queue_forget_key(struct queue *q, const char *key, struct loop *loop);

/* FN(ARG) on LOOP when the store thread has come to it: it is not stuck. */
void queue_ping(struct queue *q, struct loop *loop, loop_fn *fn, void *arg);

/* --- waiting for a message's fate ------------------------------------------- */

/* FN once, on LOOP, when the message is gone, but for copies that nobody named:
 * every recipient delivered (DELIVERED true), or something else became of some.
 * For `send --wait`. The
 * object of HANDLE is looked up on LOOP and FN not called when it is gone. */
typedef void queue_fate_fn(void *object, bool delivered,
			   const struct reply *last);
void queue_watch(struct queue *q, uint64_t id, struct loop *loop,
		 uint64_t handle, queue_fate_fn *fn);

#endif
