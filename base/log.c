/*
 * Callers format their line on their own stack and copy it, under the mutex,
 * into the filling half of the ring; the log thread takes the full half away,
 * leaves the other, and writes without the mutex.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log_line.h"
#include "base/log_sink.h"
#include "base/must.h"
#include "base/thread.h"
#include "base/xalloc.h"

#define LOG_HALF      ((size_t)256 * 1024)
#define LOG_HEAD_MAX  48 /* time or <N>, in either format */
#define LOG_GATHER_MS 10

struct log_half {
	size_t len;
	char *data; /* owned; LOG_HALF bytes */
};

struct log {
	_Atomic int level, format, addresses;
	struct clock *clock; /* borrowed */

	_Atomic(log_watch_fn *) watch;
	void *watch_arg;

	void (*capture)(void *arg, const char *line);
	void *capture_arg;

	pthread_mutex_t lock; /* all that follows, but the sink */
	pthread_cond_t filled, drained;
	struct log_half half[2];
	int filling;             /* index of the half that callers append to */
	bool writing;            /* the thread has the other one in hand */
	uint64_t drains;         /* how often a half was written */
	struct timespec written; /* when the last began; monotonic */
	bool hurry;              /* write at once: a caller waits, or the end */
	bool ending;
	bool prefixed;  /* of the sink */
	size_t dropped; /* lines not yet told of */
	int64_t second; /* that STAMP is of */
	char stamp[CLOCK_RFC3339_LEN];

	pthread_mutex_t sink_lock;
	struct log_sink sink;
	pthread_t thread;

	struct log_sink next; /* of the thread that prepares it */
	bool prepared;
};

bool
log_target_ok(const char *to)
{
	if (strcmp(to, "stderr") == 0)
		return true;
	if (strncmp(to, "syslog:", 7) == 0)
		return log_sink_facility(to + 7) >= 0;
	return to[0] == '/';
}

/* --- the callers' side ----------------------------------------------------- */

static size_t
log_put_time(struct log *log, enum log_format format, char *to)
{
	static const char logfmt[] = "time=", json[] = "{\"time\":\"";
	int64_t now = clock_wall_ms(log->clock);
	int ms = (int)(now % 1000);
	size_t n = 0;

	if (log->stamp[0] == '\0' || now / 1000 != log->second) {
		clock_rfc3339(now, log->stamp);
		log->second = now / 1000;
	}
	if (format == LOG_LOGFMT) {
		memcpy(to, logfmt, n = sizeof(logfmt) - 1);
	} else {
		memcpy(to, json, n = sizeof(json) - 1);
	}
	memcpy(to + n, log->stamp, 24); /* 1997-11-21T09:55:06.123Z */
	to[n + 20] = (char)('0' + ms / 100);
	to[n + 21] = (char)('0' + ms / 10 % 10);
	to[n + 22] = (char)('0' + ms % 10);
	n += 24;
	if (format == LOG_LOGFMT) {
		to[n++] = ' ';
	} else {
		to[n++] = '"';
		to[n++] = ',';
	}
	return n;
}

/* What stands before the line; at most LOG_HEAD_MAX bytes. */
static size_t
log_put_head(struct log *log, enum log_level level, enum log_format format,
	     char *to)
{
	static const char priority[] = {'7', '6', '4', '3'};
	size_t n = 0;

	if (!log->prefixed)
		return log_put_time(log, format, to);
	to[n++] = '<';
	to[n++] = priority[level];
	to[n++] = '>';
	if (format == LOG_JSON)
		to[n++] = '{';
	return n;
}

static void
log_append(struct log *log, enum log_level level, const struct log_line *l)
{
	struct log_half *h = &log->half[log->filling];

	h->len += log_put_head(log, level, l->format, h->data + h->len);
	memcpy(h->data + h->len, l->data, l->len);
	h->len += l->len;
}

static bool
log_has_room(const struct log *log, const struct log_line *l)
{
	return log->half[log->filling].len + LOG_HEAD_MAX + l->len <= LOG_HALF;
}

static void
log_enqueue(struct log *log, enum log_level level, const struct log_line *l)
{
	bool was_empty;

	pthread_mutex_lock(&log->lock);
	while (!log_has_room(log, l)) {
		if (level == LOG_DEBUG) {
			log->dropped++;
			goto out;
		}
		log->hurry = true;
		pthread_cond_signal(&log->filled);
		pthread_cond_wait(&log->drained, &log->lock);
	}
	was_empty = log->half[log->filling].len == 0;
	log_append(log, level, l);
	if (was_empty)
		pthread_cond_signal(&log->filled);
	else if (!log->hurry && log->half[log->filling].len > LOG_HALF / 2) {
		log->hurry = true;
		pthread_cond_signal(&log->filled);
	}
out:
	pthread_mutex_unlock(&log->lock);
}

static void
log_to_capture(struct log *log, struct log_line *l)
{
	l->data[--l->len] = '\0'; /* the newline */
	if (l->format == LOG_JSON) {
		memmove(l->data + 1, l->data, l->len + 1);
		l->data[0] = '{';
	}
	pthread_mutex_lock(&log->lock);
	log->capture(log->capture_arg, l->data);
	pthread_mutex_unlock(&log->lock);
}

void
log_emit(const struct log_context *ctx, enum log_level level, const char *event,
	 const struct log_field *fields)
{
	struct log *log = NULL;
	log_watch_fn *watch;
	struct log_line l;

	for (const struct log_context *c = ctx; c != NULL && log == NULL;
	     c = c->parent)
		log = c->log;
	if (log == NULL ||
	    (int)level <
		    atomic_load_explicit(&log->level, memory_order_relaxed))
		return;
	log_line_init(&l, (enum log_format)log->format,
		      (enum log_addresses)log->addresses);
	log_line_make(&l, ctx, level, event, fields);
	watch = atomic_load_explicit(&log->watch, memory_order_acquire);
	if (watch != NULL)
		watch(log->watch_arg, event, fields, l.data, l.len);
	if (log->capture != NULL)
		log_to_capture(log, &l);
	else
		log_enqueue(log, level, &l);
}

void
log_set_watch(struct log *log, log_watch_fn *fn, void *arg)
{
	if (fn != NULL)
		log->watch_arg = arg;
	atomic_store_explicit(&log->watch, fn, memory_order_release);
}

/* --- the thread ------------------------------------------------------------ */

/* Tell of lines that were dropped, as soon as there is room. */
static void
log_tell_dropped(struct log *log)
{
	struct log_line l;

	if (log->dropped == 0)
		return;
	log_line_init(&l, (enum log_format)log->format, LOG_ADDR_PLAIN);
	log_line_make(&l, NULL, LOG_WARNING, "log_dropped",
		      (const struct log_field[]){LOG_INT("lines", log->dropped),
						 {0}});
	if (!log_has_room(log, &l))
		return;
	log->dropped = 0;
	log_append(log, LOG_WARNING, &l);
}

/* With the lock: wait for the first line. After a pause it goes at once; soon
 * after another write it waits for more, so that a busy log writes 100 times a
 * second at most. */
static void
log_gather(struct log *log)
{
	struct timespec until = log->written;

	while (log->half[log->filling].len == 0 && !log->ending)
		pthread_cond_wait(&log->filled, &log->lock);
	until.tv_nsec += LOG_GATHER_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	while (!log->hurry && !log->ending)
		if (pthread_cond_timedwait(&log->filled, &log->lock, &until) ==
		    ETIMEDOUT)
			break;
}

/* With the lock, which is free while the target takes the lines. */
static void
log_drain(struct log *log)
{
	struct log_half *h = &log->half[log->filling];
	size_t lost;

	log_tell_dropped(log);
	log->filling = !log->filling;
	log->writing = true;
	log->hurry = false;
	must(clock_gettime(CLOCK_MONOTONIC, &log->written) == 0);
	pthread_cond_broadcast(&log->drained);
	pthread_mutex_unlock(&log->lock);

	pthread_mutex_lock(&log->sink_lock);
	lost = log_sink_write(&log->sink, h->data, h->len);
	pthread_mutex_unlock(&log->sink_lock);

	pthread_mutex_lock(&log->lock);
	h->len = 0;
	log->dropped += lost;
	log->writing = false;
	log->drains++;
	pthread_cond_broadcast(&log->drained);
}

static void *
log_thread(void *arg)
{
	struct log *log = arg;

	pthread_mutex_lock(&log->lock);
	while (!log->ending || log->half[log->filling].len > 0) {
		log_gather(log);
		if (log->half[log->filling].len > 0)
			log_drain(log);
	}
	pthread_mutex_unlock(&log->lock);
	return NULL;
}

/* --- open and close -------------------------------------------------------- */

static struct log *
log_new(void)
{
	struct log *log = xcalloc(1, sizeof(*log));

	must(pthread_mutex_init(&log->lock, NULL) == 0);
	must(pthread_mutex_init(&log->sink_lock, NULL) == 0);
	cond_init_monotonic(&log->filled);
	cond_init_monotonic(&log->drained);
	return log;
}

static void
log_free(struct log *log)
{
	pthread_cond_destroy(&log->drained);
	pthread_cond_destroy(&log->filled);
	pthread_mutex_destroy(&log->sink_lock);
	pthread_mutex_destroy(&log->lock);
	free(log->half[0].data);
	free(log->half[1].data);
	free(log);
}

static void
log_take_conf(struct log *log, const struct log_conf *conf)
{
	log->level = conf->level;
	log->format = conf->format;
	log->addresses = conf->addresses;
}

int
log_open(const struct log_conf *conf, struct clock *clock, struct log **ret_log)
{
	struct log *log = log_new();
	int r;

	log->clock = clock;
	log_take_conf(log, conf);
	log->half[0].data = xmalloc(LOG_HALF);
	log->half[1].data = xmalloc(LOG_HALF);
	r = log_sink_open(conf->to, &log->sink);
	if (r < 0)
		goto drop;
	log_sink_use(&log->sink);
	log->prefixed = log->sink.prefixed;
	r = thread_start("log", log_thread, log, &log->thread);
	if (r < 0)
		goto close;
	*ret_log = log;
	return 0;

close:
	log_sink_close(&log->sink);
drop:
	log_free(log);
	return r;
}

struct log *
log_new_capture(void (*fn)(void *arg, const char *line), void *arg)
{
	struct log *log = log_new();

	log->capture = fn;
	log->capture_arg = arg;
	return log;
}

void
log_close(struct log **logp)
{
	struct log *log;

	if (logp == NULL || *logp == NULL)
		return;
	log = *logp;
	*logp = NULL;
	if (log->capture == NULL) {
		pthread_mutex_lock(&log->lock);
		log->ending = true;
		pthread_cond_signal(&log->filled);
		pthread_mutex_unlock(&log->lock);
		must(pthread_join(log->thread, NULL) == 0);
		log_sink_close(&log->sink);
	}
	log_free(log);
}

/* Until what was logged before this call is written. */
static void
log_flush(struct log *log)
{
	uint64_t until;

	pthread_mutex_lock(&log->lock);
	until = log->drains + log->writing + (log->half[log->filling].len > 0);
	while (log->drains < until) {
		log->hurry = true;
		pthread_cond_signal(&log->filled);
		pthread_cond_wait(&log->drained, &log->lock);
	}
	pthread_mutex_unlock(&log->lock);
}

int
log_prepare(struct log *log, const struct log_conf *conf)
{
	int r = 0;

	must(!log->prepared);
	if (log->capture == NULL)
		r = log_sink_open(conf->to, &log->next);
	log->prepared = r == 0;
	return r;
}

void
log_forget(struct log *log)
{
	/* closelog() would end what the running one tells syslog. */
	if (log->prepared && log->capture == NULL && log->next.fd >= 0)
		log_sink_close(&log->next);
	log->prepared = false;
}

void
log_switch(struct log *log, const struct log_conf *conf)
{
	struct log_sink sink = log->next, old;

	must(log->prepared);
	log->prepared = false;
	if (log->capture != NULL) {
		log_take_conf(log, conf);
		return;
	}
	log_flush(log);
	pthread_mutex_lock(&log->sink_lock);
	old = log->sink;
	log->sink = sink;
	log_sink_use(&log->sink);
	pthread_mutex_unlock(&log->sink_lock);
	pthread_mutex_lock(&log->lock);
	log->prefixed = sink.prefixed;
	log_take_conf(log, conf);
	pthread_mutex_unlock(&log->lock);
	if (old.fd >= 0 || sink.fd >= 0)
		log_sink_close(&old);
}
