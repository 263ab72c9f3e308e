/*
 * engine - incidents, who is told of them, and when.
 *
 * What sources say becomes incidents; incidents stand in alert groups by the
 * receiver that routing names; a group that is due becomes notices, one message
 * of the queue per recipient; what becomes of these comes back here. State is
 * in records of the store and is committed with the messages it causes; memory
 * changes only after the commit. One job is under way at a time, and what comes
 * meanwhile waits for the next, up to a ceiling.
 *
 * Everything runs on one loop, the engine's, and callbacks come there, never
 * within the call. Times are wall times in milliseconds.
 */
#ifndef ALERT_ENGINE_H
#define ALERT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert.h"
#include "alert/incident_state.h"
#include "alert/matcher.h"
#include "base/arena.h"
#include "base/buf.h"
#include "queue/queue.h"

struct engine;
struct envelope_rcpt;
struct rules;
struct render_notice;
struct target;

#define ENGINE_WAITING_MAX   50000       /* alerts that wait for a commit ... */
#define ENGINE_WAITING_TEXT  (64u << 20) /* ... and what they say, bytes */
#define ENGINE_MALFORMED_MAX 100
#define ENGINE_BODY_MAX      (64 * 1024) /* kept of a malformed one */
#define ENGINE_LISTED_MAX    50          /* alerts shown in one notice */
#define ENGINE_TOLD_MAX      1000        /* whose history says that it came */

/*
 * A message to be written, for one recipient. The writer may work anywhere and
 * fills in what is marked; it leads to one engine_written() on the engine's
 * loop. NOTICE, TO and what they point to lie in ARENA.
 */
struct engine_letter {
	struct arena arena;
	struct render_notice *notice; /* without links and tokens: the writer
				       * knows these */
	const struct target *to;
	uint64_t group;
	uint32_t seq;
	/* The writer's; strings in ARENA. */
	struct buf content;
	size_t nrcpt; /* what the address stands for; of other channels one,
		       * the endpoint's name */
	const struct envelope_rcpt *rcpt;
	const char *sender;     /* "" is the null path */
	const char *message_id; /* for listings; may be "" */
	bool eight_bit, utf8;   /* as the envelope has them */
};
typedef void engine_write_fn(void *ctx, struct engine_letter *l);
/* 0; or -errno: it can't be written now, and is due again in a minute. */
void engine_written(struct engine_letter *l, int result);

struct engine_deps {
	struct queue *queue;
	struct loop *loop;
	struct clock *clock;
	const struct log_context *log;
	struct metrics *metrics; /* may be NULL in tests */
	engine_write_fn *write;
	void *write_ctx;
	/* Is this a mere sign of life? Then its source was heard, and there is
	 * no incident. NULL: none is. */
	bool (*hear)(void *ctx, const struct alert *a);
	void *hear_ctx;
	/* Is the clock known to be right? NULL: adjtimex(2) is asked. */
	bool (*clock_is_synced)(void);
	const char *hostname; /* copied */
};

/* Registers with the queue; before queue_start(). */
int engine_new(const struct engine_deps *deps, struct engine **ret);
/* Read the records, a page at a time; until that is done every change is
 * answered with -EAGAIN, and the queue's outcomes wait. After queue_start(). */
void engine_start(struct engine *e, struct rules *rules);
/* After a reload: open incidents are routed anew. RULES is referenced. */
void engine_set_rules(struct engine *e, struct rules *rules);
/* Nothing new is begun; what waits is answered with -ESHUTDOWN. Before
 * queue_stop(). */
void engine_stop(struct engine *e);
/* After the queue was closed, and before the loop is freed; no letter may be
 * with the writer any more. */
void engine_free(struct engine **e);
bool engine_is_loaded(const struct engine *e);
/* True while something waits for the store or for a writer. */
bool engine_is_busy(const struct engine *e);
/* Do what is due by the clock. The engine sees to it by itself, by the
 * machine's own time; a test that moves a clock says so here. */
void engine_turn(struct engine *e);

/* --- what sources say ------------------------------------------------------- */

/* After the commit. 0; -ENOSPC (the store is full), -EAGAIN (too much waits, or
 * the records are being read): try again; -ENOENT; -EALREADY; -ESHUTDOWN. */
typedef void engine_done_fn(void *arg, int result);

/* V is copied. One commit for all of it. -EAGAIN also where there is no room for
 * some of it (`limits`): the rest is taken all the same. */
void engine_take(struct engine *e, const struct alert *v, size_t n,
		 engine_done_fn *done, void *arg);
/* What could not be understood, for people to look at: the last
 * ENGINE_MALFORMED_MAX. */
void engine_keep_malformed(struct engine *e, const char *source,
			   const char *why, const void *body, size_t len);
/* An alert of Belfry's own: of KIND (see `own`), one incident per KEY. FIRING
 * does nothing when the rules leave KIND out. What can't be taken now is kept until
 * it can; the last that is said of a KEY counts. After engine_start(). */
void engine_own(struct engine *e, const char *kind, const char *key,
		bool firing, const char *summary, const char *severity);
/* Those that are not over, of an earlier life, too, each as "KIND KEY"; borrowed
 * during the call. Once it is loaded. */
typedef void engine_see_own_fn(void *arg, const char *key, const char *summary);
void engine_each_own(struct engine *e, engine_see_own_fn *fn, void *arg);

/* --- what people do --------------------------------------------------------- */

enum engine_act { ENGINE_ACK, ENGINE_UNACK, ENGINE_CLOSE, ENGINE_NOISE };
extern const char *const engine_act_names[]; /* "ack", "unack", ... */

/* WHO is a login or an address, for the history; NOTE may be "". -ENOENT: no
 * such incident, or it is over; -EALREADY: it was so before. */
void engine_act(struct engine *e, enum engine_act act, uint64_t incident,
		const char *who, const char *note, engine_done_fn *done,
		void *arg);
/* On those that had been told by the notice SEQ of a group, and by those of
 * other groups that stood in the same mail to WHO. */
void engine_act_group(struct engine *e, enum engine_act act, uint64_t group,
		      uint32_t seq, const char *who, const char *note,
		      engine_done_fn *done, void *arg);

#define ENGINE_SILENCE_ID 37 /* a UUID as text */

enum silence_state { SILENCE_PENDING, SILENCE_ACTIVE, SILENCE_EXPIRED };
extern const char *const silence_state_names[]; /* "pending", ... */

struct engine_silence {
	char id[ENGINE_SILENCE_ID]; /* "": a new one */
	struct matchers matchers;
	int64_t starts_ms, ends_ms, updated_ms;
	const char *created_by, *comment;
	enum silence_state state; /* of views */
};
/* ID is that of the silence that is now in force: changing the matchers of an
 * active one, or its past, makes a new one, as Alertmanager does. -EINVAL: it
 * would end before it starts, in the past or after the year 9999, or has no
 * matchers. */
typedef void engine_silence_done_fn(void *arg, int result, const char *id);
void engine_silence_set(struct engine *e, const struct engine_silence *s,
			engine_silence_done_fn *done, void *arg);
void engine_silence_expire(struct engine *e, const char *id,
			   engine_done_fn *done, void *arg);

#define ENGINE_MUTE_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)

/* Nobody is told anything until UNTIL_MS; callers bound that. */
void engine_mute(struct engine *e, int64_t until_ms, const char *reason,
		 const char *who, engine_done_fn *done, void *arg);
void engine_unmute(struct engine *e, const char *who, engine_done_fn *done,
		   void *arg);
/* The clock is right after all. -EALREADY: nobody doubted it. */
void engine_clock_accept(struct engine *e, engine_done_fn *done, void *arg);

/* An address that a bounce said does not work: of the notice that a return
 * address names. DSN is its status code, "5.1.1". -EAGAIN: that message is still
 * in the queue. */
void engine_bounced(struct engine *e, uint64_t group, uint32_t seq,
		    const char *address, const char *dsn, const char *words,
		    engine_done_fn *done, void *arg);

/* --- looking --------------------------------------------------------------- */

extern const char *const incident_state_names[]; /* "open", ... */

struct incident_view {
	uint64_t id;
	const char *source, *key;
	const struct labels *labels, *annotations;
	const char *url;
	enum incident_state state;
	int64_t starts_ms, changed_ms;
	int64_t ends_ms; /* resolved: when; else when it is let go, 0 never */
	int64_t updated_ms; /* last heard of */
	bool flapping, noise, closed;
	const char *acked_by; /* "": nobody */
	int64_t acked_ms;
	/* Why nobody is told now. */
	size_t nsilences;
	const char *const *silences; /* ids */
	const char *inhibited_by;    /* fingerprint in hex; "" */
	const char *maintenance;     /* "" */
	bool muted;
	size_t nreceivers;
	const char *const *receivers;
};
/* False: enough. Views are borrowed during the call. */
typedef bool engine_see_fn(void *arg, const struct incident_view *v);

struct engine_filter {
	unsigned states;                 /* bits of incident_state; 0: all */
	const struct matchers *matchers; /* NULL: any */
	const char *receiver;            /* NULL: any */
};
/* Those in memory with an id of at least FROM, in order, at most MAX: all that
 * are not resolved, and what was resolved lately. The id to go on with, 0 at
 * the end. */
uint64_t engine_each(struct engine *e, const struct engine_filter *f,
		     uint64_t from, size_t max, engine_see_fn *fn, void *arg);

struct history_entry {
	int64_t when_ms;
	const char *what; /* "opened", "told", ... */
	const char *who;  /* "": Belfry */
	const char *text;
};
/* RESULT 0, -ENOENT or -errno; V and H are borrowed during the call. */
typedef void engine_show_fn(void *arg, int result,
			    const struct incident_view *v, size_t nhistory,
			    const struct history_entry *h);
void engine_show(struct engine *e, uint64_t id, engine_show_fn *fn, void *arg);

/* What is over and kept by `retention`, oldest first, from id FROM on, at most
 * MAX (1,000 at most). FN for each, then DONE with 0 or -errno and the id to go
 * on with, 0 at the end. */
typedef void engine_past_done_fn(void *arg, int result, uint64_t next);
void engine_each_past(struct engine *e, uint64_t from, size_t max,
		      engine_see_fn *fn, engine_past_done_fn *done, void *arg);

typedef bool engine_see_silence_fn(void *arg, const struct engine_silence *s);
void engine_each_silence(struct engine *e, engine_see_silence_fn *fn,
			 void *arg);
/* False: no such silence. */
bool engine_find_silence(struct engine *e, const char *id,
			 engine_see_silence_fn *fn, void *arg);

struct group_view {
	uint64_t id;
	const char *receiver;
	const struct labels *labels;
	uint32_t seq;
	int64_t due_ms; /* 0: nothing is planned */
	size_t nincidents;
	const uint64_t *incidents; /* ids */
};
typedef bool engine_see_group_fn(void *arg, const struct group_view *v);
/* As engine_each(). */
uint64_t engine_each_group(struct engine *e, uint64_t from, size_t max,
			   engine_see_group_fn *fn, void *arg);
/* One of them by its id; false: none. */
bool engine_find_group(struct engine *e, uint64_t id, engine_see_group_fn *fn,
		       void *arg);
/* The groups that the notice SEQ of GROUP to RECIPIENT told; *RET in ARENA. */
size_t engine_mail_groups(struct engine *e, uint64_t group, uint32_t seq,
			  const char *recipient, struct arena *arena,
			  uint64_t **ret);
/* One incident of memory by its id; false: none. */
bool engine_find(struct engine *e, uint64_t id, engine_see_fn *fn, void *arg);
/* Is it resolved, or forgotten since? Much cheaper than a look at it. */
bool engine_is_over(struct engine *e, uint64_t id);

struct malformed_view {
	unsigned number; /* from 1; stays until it makes room for another */
	int64_t when_ms;
	const char *source, *why;
	const void *body;
	size_t len;  /* what was kept */
	size_t size; /* what had come */
};
/* Newest first. V is borrowed during the call. */
typedef void engine_malformed_fn(void *arg, int result, size_t n,
				 const struct malformed_view *v);
void engine_each_malformed(struct engine *e, engine_malformed_fn *fn,
			   void *arg);

struct engine_status {
	bool loaded;
	uint64_t incidents[INCIDENT_NSTATE]; /* of those in memory */
	uint64_t acked, suppressed, flapping;
	uint64_t groups, silences;
	uint64_t notices_out;   /* messages in the queue */
	uint64_t failed;        /* addresses that took nothing last time ... */
	uint64_t suspended;     /* ... and those that are left alone for that */
	int64_t muted_until_ms; /* 0: not muted */
	char muted_reason[256], muted_by[128];
	int64_t muted_since_ms;
	bool clock_doubt;
	int64_t awake_since_ms;
};
void engine_status(struct engine *e, struct engine_status *ret);
typedef bool engine_see_suspended_fn(void *arg, const char *channel,
				     const char *address, int64_t until_ms,
				     const char *words);
void engine_each_suspended(struct engine *e, engine_see_suspended_fn *fn,
			   void *arg);

#endif
