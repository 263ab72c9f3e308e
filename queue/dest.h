/*
 * dest - destinations: the record of one that failed, and the memory of those
 * that are active.
 *
 * A destination that works needs no record. When it fails as a whole only its
 * record moves: nothing that waits there is written. The record waits for the
 * next probe; one message probes, each time another one, and when it reaches
 * the destination the record goes and all drain.
 *
 * The memory (windows, rates, attempts out, whose flow was served last) belongs
 * to the store thread and may vanish at any time: it is made again from the
 * ready lists and the record.
 */
#ifndef QUEUE_DEST_H
#define QUEUE_DEST_H

#include <stdatomic.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/rate.h"
#include "queue/rcpt.h"

#define DEST_TIMES   32    /* times of failures that are kept */
#define DEST_MAX     10000 /* in memory */
#define DEST_CURSORS 8
#define DEST_DROPS   3 /* different messages in a row that were dropped */

/* The record `d`. */
struct dest_rec {
	const char *agent, *name;
	uint32_t fails;            /* in a row */
	int64_t first_ms, last_ms; /* of the failures */
	int64_t not_before_ms;
	int64_t asked_ms;   /* it asked not to be probed before; 0: no */
	struct reply reply; /* why */
	uint64_t probe;     /* the message that probed last */
	uint8_t probe_lane;
	uint32_t probe_flow;
	uint32_t ntimes; /* the latest failures, oldest first */
	int64_t times[DEST_TIMES];
};

/* Longer names are refused: the record must fit, and the key tells all apart.
 */
#define DEST_AGENT_MAX 255
#define DEST_NAME_MAX  1024
bool dest_name_fits(const char *agent, const char *name);

int dest_encode(const struct dest_rec *d, struct buf *out);
int dest_decode(const void *value, size_t len, struct arena *a,
		struct dest_rec *ret);
/* 0, -ENOENT (it works), -EBADMSG. */
int dest_get(struct store_txn *txn, uint64_t key, struct arena *a,
	     struct dest_rec *ret);
/* Until when it asked to be left alone, if that is still to come; else NOW. No
 * more than a day, also where the clock was set back since. */
int64_t dest_rec_asked(const struct dest_rec *d, int64_t now);
/* Note one more failure at NOW; NOT_BEFORE_MS is the caller's. */
void dest_rec_failed(struct dest_rec *d, int64_t now);
/* Failed probes since SINCE: tries of whatever waited there since then. At most
 * DEST_TIMES are known apart. */
uint32_t dest_rec_tries(const struct dest_rec *d, int64_t since);

/*
 * In a lane, what stands before the cursor of a flow is out: whoever puts a row
 * back there moves it (dest_wake()).
 */
struct dest_cursor {
	bool set;
	uint8_t lane;
	uint32_t flow;
	uint64_t id;
	uint32_t n; /* the next is at or after (id, n) */
};

/*
 *	IDLE	nothing to do, or until something comes back
 *	RUN	its turn comes
 *	WAITING	until a time, or something happens; the first that is due first
 *	RESTING	until a time, whatever happens; likewise
 */
enum dest_list { DEST_IDLE, DEST_RUN, DEST_WAITING, DEST_RESTING };
#define DEST_NLIST 4

#define DEST_NEVER_MS (INT64_MIN / 2)

struct dest {
	uint64_t key;
	char *agent_name, *name;   /* one block, owned with this */
	struct queue_agent *agent; /* borrowed; NULL: nobody serves it */
	enum dest_list list;
	bool loaded;    /* its record was looked for */
	bool on_alerts; /* also in the list of those with alerts */
	bool down, probing, hurrying;
	int64_t not_before_ms;
	int64_t until_mono_ms; /* in WAITING and RESTING */
	uint32_t epoch;        /* counts the times it went down or up */
	uint32_t fruitless;    /* attempts in a row that came back untried */
	uint32_t out;          /* attempts whose result is not written */
	uint32_t busy; /* those of them that hold a slot of the window */
	/* See throttle.c. */
	uint32_t window;                /* 0: as wide as it may be */
	uint32_t good;                  /* successes since it grew */
	uint32_t narrowed;              /* so often */
	_Atomic int64_t worked_mono_ms; /* something reached it; any loop */
	_Atomic uint32_t worked;        /* ... so often, or was taken there */
	int64_t given_mono_ms;          /* the last attempt */
	enum queue_tls tls;             /* of who answered last */
	struct rate *rate;              /* owned; NULL: nothing counted */
	uint8_t lanes; /* bit: may hold a row that is not out */
	uint8_t turn;
	uint32_t flow[LANES]; /* served last */
	struct dest_cursor cursor[DEST_CURSORS];
	uint64_t drops[DEST_DROPS];
	uint32_t ndrops;
	TAILQ_ENTRY(dest) link;
	TAILQ_ENTRY(dest) alert_link;
	UT_hash_handle hh;
	uint32_t kept[]; /* per loop: connections that live */
};
TAILQ_HEAD(dest_head, dest);

struct dest_table {
	size_t nloops;
	struct dest *hash;
	struct dest_head lists[DEST_NLIST]; /* by enum dest_list */
	struct dest_head alerts;            /* with alerts that may go */
	bool forgot; /* one with rows may not be known: scan again */
};

void dest_table_init(struct dest_table *t, size_t nloops);
void dest_table_done(struct dest_table *t);
struct dest *dest_find(const struct dest_table *t, uint64_t key);
/* Find or make; NULL when there are too many (FORGOT is set). */
struct dest *dest_enter(struct dest_table *t, uint64_t key, const char *agent,
			const char *name);
void dest_move(struct dest_table *t, struct dest *d, enum dest_list list);
/* Into WAITING or RESTING, until UNTIL_MS. */
void dest_wait(struct dest_table *t, struct dest *d, enum dest_list list,
	       int64_t until_ms);
/* A row was put into the ready list of (LANE, FLOW) for message ID. */
void dest_wake(struct dest_table *t, struct dest *d, uint8_t lane,
	       uint32_t flow, uint64_t id);
/* Nothing is known of its lanes any more: look at all. */
void dest_wake_all(struct dest_table *t, struct dest *d);
/* The same for some lanes (bits), without running it. */
void dest_reset_lanes(struct dest *d, uint8_t lanes);
/* Look at it again, unless it rests. */
void dest_run(struct dest_table *t, struct dest *d);
void dest_on_alerts(struct dest_table *t, struct dest *d);
void dest_off_alerts(struct dest_table *t, struct dest *d);
/* The lane holds nothing that is not out. */
void dest_lane_empty(struct dest_table *t, struct dest *d, uint8_t lane);

/* NULL: the flow begins at its first row. */
struct dest_cursor *dest_cursor_find(struct dest *d, uint8_t lane,
				     uint32_t flow);
void dest_cursor_set(struct dest *d, uint8_t lane, uint32_t flow, uint64_t id,
		     uint32_t n);

#endif
