/*
 * milter - belfry-milter as a whole: what its parts share.
 *
 * Threads: those of libmilter run the sessions (milter/session.h), one at a time
 * each, but not always the same one; LOOP's thread asks the DNS and serves HTTP;
 * one waits for SIGUSR1 and reloads. What all of them use is atomic, immutable,
 * or under LOCK.
 */
#ifndef MILTER_MILTER_H
#define MILTER_MILTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/metric_program.h"
#include "milter/snapshot.h"
#include "net/acceptor.h"
#include "net/dns.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "verdict/observed.h"

#define MILTER_EXIT_FAILED 1
#define MILTER_EXIT_CONFIG 78

/* How long a stop waits for callbacks. */
#define MILTER_GRACE_MS 15000
/* Connections of HTTP at the same time. */
#define MILTER_HTTP_CONNECTIONS 50

struct session;
TAILQ_HEAD(session_list, session);

/* What became of a message, as the metric has it: first the dispositions of a
 * verdict, then those of ours. */
enum milter_fate {
	MILTER_SIGNED = VERDICT_DISCARD + 1,
	MILTER_UNSIGNED,
	MILTER_FAILED, /* it could not be done: tempfail */
};
#define MILTER_NFATE (MILTER_FAILED + 1)

struct milter_metrics {
	struct metric_cell *messages[MILTER_NFATE];
	struct metric_cell *sessions, *refused;
	struct metric_program program;
};

struct milter {
	const char *conf_path;
	struct clock *clock;
	struct log *log; /* owned */
	struct log_context log_root;
	struct metrics *registry; /* owned */
	struct milter_metrics metrics;
	struct config *started; /* owned reference: what a reload can't change
				 * is still this one's */
	bool replies; /* each step wants its answer: see milter_listen() */
	struct observed *observed; /* owned */

	pthread_mutex_t lock;             /* of the next four */
	struct milter_snapshot *snapshot; /* owned reference */
	struct session_list sessions;     /* owned */
	int64_t nsessions;
	uint64_t named; /* sessions so far */

	struct loop *loop; /* owned */
	struct dns *dns;   /* owned */
	bool looping;      /* in its thread */
	struct loop_timer alive;
	int64_t alive_ms;          /* 0: nobody wants signs of life */
	struct acceptor *acceptor; /* owned */
	struct http_server *http;  /* owned */
	int http_fds[2];           /* owned until the acceptor has them */
	size_t nhttp_fds;

	pthread_t reloader;
	bool reloading;
	/* Callbacks that are under way; none begins once STOPPING. */
	_Atomic int callbacks;
	_Atomic bool stopping;
};

/* A reference for the caller. */
struct milter_snapshot *milter_now(struct milter *m);

/* start.c: everything, from reading the file to the exit code. */
int milter_main(const char *conf_path);
/* Descriptors that may be needed with CONFIG. */
uint64_t milter_files(const struct config *config);

/* start_root.c: by whoever starts us, up to the identity that stays. 0 or the
 * exit code. */
int milter_start_as_root(struct milter *m);

/* listen.c: the socket of the mail server, and libmilter bound to it. 0, or the
 * exit code after having said why. */
int milter_listen(struct milter *m, const struct config *config);

/* callbacks.c */
/* Have libmilter call us for M. 0 or -1. */
int milter_register(struct milter *m);

/* reload.c */
int milter_reload_start(struct milter *m);
void milter_reload_stop(struct milter *m);

/* http.c: on the loop, before it runs. 0 or -errno. */
int milter_http_bind(struct milter *m, const struct config *config);
int milter_http_start(struct milter *m);
void milter_http_free(struct milter *m);

/* metrics.c */
void milter_metrics_init(struct milter *m);
void milter_metrics_reloaded(struct milter *m, bool ok);

#endif
