/*
 * SIGUSR1: the file is read again; what it says holds from the next message on.
 * A broken one changes nothing. (SIGHUP, which others use, ends a program of
 * libmilter's.)
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/buf.h"
#include "base/jail.h"
#include "base/thread.h"
#include "base/xalloc.h"
#include "milter/milter.h"

#define RELOAD_LIST_MAX 256

static void
mr_say(struct milter *m, enum log_level level, const char *event,
       const char *key, const struct conf_error *error)
{
	const struct conf_mark *at = &error->mark;
	char *where = at->line > 0 ? xasprintf("%s:%d:%d", at->file, at->line,
					       at->column)
				   : xstrdup(at->file);

	log_event(&m->log_root, level, event, LOG_STR("where", where),
		  LOG_STR(key, error->text));
	free(where);
}

static void
mr_refused(struct milter *m, const struct conf_errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (!e->v[i].warning)
			mr_say(m, LOG_ERROR, "reload_refused", "error",
			       &e->v[i]);
	milter_metrics_reloaded(m, false);
}

/* Of the keys; the others are for who writes the file. */
static void
mr_warnings(struct milter *m, const struct conf_errors *e, size_t from)
{
	for (size_t i = from; i < e->n; i++)
		mr_say(m, LOG_WARNING, "reload_warning", "warning", &e->v[i]);
}

static bool
mr_strings_differ(const struct conf_strings *a, const struct conf_strings *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return true;
	return a->n != b->n;
}

/* What a running process can't change; it keeps the old value. */
static void
mr_fixed(const struct config *was, const struct config *now,
	 struct buf *ret_names)
{
	const struct milter_conf *a = &was->milter, *b = &now->milter;
	const struct {
		const char *name;
		bool changed;
	} fixed[] = {
		{"dns", was->dns.timeout_ms != now->dns.timeout_ms ||
				strcmp(was->dns.trust_anchor,
				       now->dns.trust_anchor) != 0 ||
				mr_strings_differ(&was->dns.servers,
						  &now->dns.servers)},
		{"milter.user", strcmp(a->user, b->user) != 0},
		{"milter.socket", strcmp(a->socket, b->socket) != 0},
		{"milter.socket_group",
		 strcmp(a->socket_group, b->socket_group) != 0},
		{"milter.socket_mode", a->socket_mode != b->socket_mode},
		{"milter.http", strcmp(a->http, b->http) != 0},
		{"milter.observed_dir",
		 strcmp(a->observed_dir, b->observed_dir) != 0},
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (fixed[i].changed)
			buf_printf(ret_names, "%s%s",
				   ret_names->len > 0 ? "," : "",
				   fixed[i].name);
}

/* The hard limit was ours to take at the start, and is now fixed. */
static int
mr_files(const struct config *config, struct conf_errors *e)
{
	uint64_t need = milter_files(config), limit;

	if (jail_raise_files(need, &limit) == 0)
		return 0;
	conf_error(e, &config->milter.mark,
		   "milter.sessions needs %llu descriptors, the process may "
		   "have %llu: raise LimitNOFILE= and restart, or lower it",
		   (unsigned long long)need, (unsigned long long)limit);
	return -EMFILE;
}

static int
mr_log(struct milter *m, const struct config *config, struct conf_errors *e)
{
	const struct conf_mark mark = {.file = m->conf_path};
	int r = log_prepare(m->log, &config->milter.log);

	if (r < 0)
		conf_error(e, &mark, "milter.log.to: %s can't be opened: %s",
			   config->milter.log.to, strerror(-r));
	return r;
}

/* The file may have been moved away to make room, whatever else is wrong. */
static void
mr_log_again(struct milter *m)
{
	/* Only this thread changes it. */
	const struct log_conf *conf = &milter_snapshot_conf(m->snapshot)->log;

	if (log_prepare(m->log, conf) == 0)
		log_switch(m->log, conf);
}

static void
mr_apply(struct milter *m, struct milter_snapshot *next)
{
	const struct observed_conf *o = &next->config->verdict.observed;
	struct milter_snapshot *was;
	struct buf fixed;

	buf_init(&fixed, RELOAD_LIST_MAX);
	mr_fixed(m->started, next->config, &fixed);
	pthread_mutex_lock(&m->lock);
	was = m->snapshot;
	m->snapshot = next;
	pthread_mutex_unlock(&m->lock);
	log_switch(m->log, &milter_snapshot_conf(next)->log);
	observed_set_limits(m->observed, o->max_size, o->max_age_ms);
	milter_metrics_reloaded(m, true);
	log_event(&m->log_root, LOG_INFO, "reload",
		  LOG_STR("file", m->conf_path),
		  LOG_STR("restart_for", fixed.len > 0 ? fixed.data : NULL));
	buf_done(&fixed);
	milter_snapshot_unref(&was);
}

static int
mr_read(struct milter *m, struct conf_errors *e, size_t *ret_warned,
	struct milter_snapshot **ret)
{
	struct config *config;
	int r = config_load_milter(m->conf_path, &config, e);

	if (r < 0)
		return r;
	*ret_warned = e->n;
	r = milter_snapshot_new(config, e, ret);
	if (r == 0)
		r = mr_files(config, e);
	if (r == 0)
		r = mr_log(m, config, e);
	config_unref(&config);
	return r;
}

static void
mr_reload(struct milter *m)
{
	struct milter_snapshot *next = NULL;
	struct conf_errors e;
	struct timespec now;
	size_t warned = 0;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	conf_errors_init(&e);
	if (mr_read(m, &e, &warned, &next) == 0) {
		mr_warnings(m, &e, warned);
		mr_apply(m, next);
	} else {
		log_forget(m->log);
		milter_snapshot_unref(&next);
		mr_log_again(m);
		mr_refused(m, &e);
	}
	conf_errors_done(&e);
	sd_notify(0, "READY=1");
}

static void *
mr_thread(void *arg)
{
	struct milter *m = arg;
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	while (sigwait(&set, &got) == 0 && !atomic_load(&m->stopping))
		mr_reload(m);
	return NULL;
}

int
milter_reload_start(struct milter *m)
{
	int r = thread_start("reload", mr_thread, m, &m->reloader);

	m->reloading = r == 0;
	return r;
}

void
milter_reload_stop(struct milter *m)
{
	if (!m->reloading)
		return;
	m->reloading = false;
	pthread_kill(m->reloader, SIGUSR1);
	pthread_join(m->reloader, NULL);
}
