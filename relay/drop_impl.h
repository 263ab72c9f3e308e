/*
 * drop_impl - what the parts of drop share; nobody else includes it.
 */
#ifndef RELAY_DROP_IMPL_H
#define RELAY_DROP_IMPL_H

#include <uthash.h>

#include "base/log.h"
#include "net/pool.h"
#include "relay/drop.h"
#include "relay/drop_disk.h"
#include "relay/drop_talk.h"
#include "relay/relay.h"

enum drop_state {
	DROP_IDLE,
	DROP_SCAN,
	DROP_OPEN,
	DROP_TALK,
	DROP_REPORT,
	DROP_FINISH,
};
extern const char *const drop_state_names[];

/* What the last hour saw, for quotas and so that nothing is logged twice in it;
 * all of it is forgotten when the hour is over. */
#define DROP_HOUR_MS   (60 * 60 * 1000)
#define DROP_NOTED_MAX 1000
/* Of one user's files so many are tried in vain in a pass. */
#define DROP_KEPT_MAX 1000

struct drop_user {
	uid_t uid;
	int64_t files, bytes;
	int64_t kept; /* in this pass */
	bool told;    /* that it is over its quota */
	UT_hash_handle hh;
};

struct drop_noted {
	char name[DROP_NAME_LEN + 1];
	UT_hash_handle hh;
};

struct drop_hour {
	int64_t since_mono_ms;
	struct drop_user *users;        /* owned */
	struct drop_noted *noted;       /* owned */
	size_t odd, bad;                /* as last logged */
	int64_t most_files, most_bytes; /* drop.messages, drop.size */
};

/* Begin a new hour when the last is over. */
void drop_hour_check(struct drop_hour *h, int64_t now_mono_ms);
void drop_hour_done(struct drop_hour *h);
/* May a file of UID be tried? No: it is over the quota, and *RET_FIRST says
 * that it is the first one, or so many were in vain in this pass. */
bool drop_hour_may(struct drop_hour *h, uid_t uid, int64_t size,
		   bool *ret_first);
/* Count it, when something was done with it for good. */
void drop_hour_count(struct drop_hour *h, uid_t uid, int64_t size);
/* It was in vain, this time. */
void drop_hour_kept(struct drop_hour *h, uid_t uid);
/* A pass begins. */
void drop_hour_pass(struct drop_hour *h);
/* True: nothing was noted of NAME in this hour. */
bool drop_hour_note(struct drop_hour *h, const char *name);

/* drop_keys.c: all that were asked for are remembered, so that they can be
 * forgotten when the file is gone. */
struct drop_keys {
	char *base, **v; /* owned, and each */
	size_t n;
};
/* So often a part is submitted anew. */
#define DROP_RETAKES_MAX 16

void drop_keys_init(struct drop_keys *k, const struct drop_file *f);
void drop_keys_done(struct drop_keys *k);
/* Of a part, counted from 1; RETAKES: how often its key was taken already. */
const char *drop_keys_part(struct drop_keys *k, size_t part, unsigned retakes);
/* Of the report of what T refused. */
const char *drop_keys_report(struct drop_keys *k, const struct drop_file *f,
			     const struct drop_talk *t);
void drop_keys_forget(const struct drop_keys *k, struct queue *q,
		      struct loop *loop);

struct drop {
	struct relay *relay; /* borrowed, and its home loop and pool */
	struct loop *loop;
	int dir_fd;         /* owned */
	int news_fd;        /* owned; -1: no inotify */
	struct event *news; /* owned */
	struct loop_timer timer;
	enum drop_state state;
	bool stopping, ended;
	bool again;  /* there were news meanwhile */
	bool busy;   /* the pool works for us */
	size_t full; /* files that the store had no room for, in this turn */
	bool waits;  /* there are such */
	bool resume; /* the pass is not over */
	int64_t scan_mono_ms, scan_took_ms, rest_until_mono_ms;
	struct drop_scan scan;
	size_t at; /* in SCAN */
	struct drop_file file;
	struct drop_talk *talk, *report; /* owned */
	struct drop_envelope report_env;
	struct buf report_text;
	size_t report_at;
	struct drop_keys keys;
	size_t part; /* of the file, each a message to some of its recipients */
	unsigned retakes; /* of the part */
	struct drop_hour hour;
	struct drop_seen seen;
	size_t kept; /* in this pass so far */
	struct pool_job job;
	struct post post, report_post;
};

/* drop.c */
void drop_move(struct drop *d, enum drop_state next);
/* FN on the pool, then DONE on the loop. False: the pool is busy, and the file
 * waits for the next pass. */
bool drop_run(struct drop *d, loop_fn *fn, loop_fn *done);
/* The file in hand counts for its user. */
void drop_account(struct drop *d, enum drop_action action);
/* It is over. */
void drop_next(struct drop *d);

/* drop_take.c: the life of one file; drop_next() is called at its end. False:
 * the pool is busy, and nothing was begun. */
bool drop_take(struct drop *d, const struct drop_found *found);
/* What is done with the file for good is always said, that it is kept once an
 * hour. */
void drop_log(struct drop *d, enum log_level level, const char *status,
	      const char *reason);
void drop_log_kept(struct drop *d, const char *reason);
/* A session of our own for CONF, whose ARG is filled in; NULL: not now. */
struct drop_talk *drop_talk_to(struct drop *d, const char *login,
			       const char *key, struct drop_talk_conf *conf);
/* What is left to do with the file; then the next one. */
void drop_finish(struct drop *d, enum drop_action action);

/* drop_report.c: tell the sender of the file what was refused of it, then
 * finish it. */
void drop_return(struct drop *d);

#endif
