/*
 * From the configuration file to a running belfry-milter: what needs root first,
 * then the identity, then everything again as that identity, then threads; and
 * the way out.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "base/jail.h"
#include "base/sandbox.h"
#include "base/start_failed.h"
#include "milter/session.h"

/* Descriptors beside sessions: log, loop, resolver, lines for reports, HTTP, and
 * what a lookup takes. */
#define OTHER_FILES 300
/* Signs of life in the time after which the service manager misses them. */
#define ALIVE_SIGNS 4

struct milter_snapshot *
milter_now(struct milter *m)
{
	struct milter_snapshot *s;

	pthread_mutex_lock(&m->lock);
	s = milter_snapshot_ref(m->snapshot);
	pthread_mutex_unlock(&m->lock);
	return s;
}

uint64_t
milter_files(const struct config *config)
{
	return (uint64_t)config->milter.sessions * 2 + OTHER_FILES;
}

/* --- the steps: 0, or the exit code after having said why ------------------------ */

/* Read anew by whom reloads will be read by, and the keys with it. What the file
 * itself is warned of was told before. */
static int
st_snapshot(struct milter *m)
{
	struct config *config;
	struct conf_errors e;
	int r;

	conf_errors_init(&e);
	r = config_load_milter(m->conf_path, &config, &e);
	if (r == 0) {
		conf_errors_done(&e);
		conf_errors_init(&e);
		r = milter_snapshot_new(config, &e, &m->snapshot);
		config_unref(&config);
	}
	if (r == 0)
		m->started = config_ref(m->snapshot->config);
	conf_errors_print(&e, stderr);
	conf_errors_done(&e);
	return r < 0 ? MILTER_EXIT_CONFIG : 0;
}

static int
st_files(struct milter *m)
{
	uint64_t need = milter_files(m->started), limit;

	if (jail_raise_files(need, &limit) == 0)
		return 0;
	return start_failed(MILTER_EXIT_CONFIG,
			    "milter.sessions needs %llu descriptors, "
			    "the process may have %llu: raise "
			    "LimitNOFILE= or lower it",
			    (unsigned long long)need,
			    (unsigned long long)limit);
}

static int
st_log(struct milter *m)
{
	const struct log_conf *conf = &m->started->milter.log;
	int r = log_open(conf, m->clock, &m->log);

	if (r < 0)
		return start_failed(MILTER_EXIT_FAILED, "milter.log.to %s: %s",
				    conf->to, strerror(-r));
	m->log_root.log = m->log;
	return 0;
}

/* From here on the log says what went wrong. */
static int
st_error(struct milter *m, const char *what, int error, const char *why)
{
	log_event(&m->log_root, LOG_ERROR, "start_failed",
		  LOG_STR("what", what), LOG_STR("error", strerror(-error)),
		  LOG_STR("why", why));
	return MILTER_EXIT_FAILED;
}

/* Before anything comes from outside. */
static int
st_sandbox(struct milter *m)
{
	int r = sandbox_milter();

	if (r == -EOPNOTSUPP) {
		log_event(&m->log_root, LOG_WARNING, "no_sandbox",
			  LOG_STR("why", "this kernel can't filter system "
					 "calls (CONFIG_SECCOMP_FILTER)"));
		return 0;
	}
	return r < 0 ? st_error(m, "sandbox", r, NULL) : 0;
}

static int
st_dns(struct milter *m)
{
	char *why = NULL;
	int r;

	m->loop = loop_new(m->clock);
	r = dns_new(m->loop, &m->started->dns, &m->dns, &why);
	if (r < 0)
		r = st_error(m, "dns", r, why);
	free(why);
	return r;
}

static int
st_observed(struct milter *m)
{
	const struct observed_conf *conf = &m->started->verdict.observed;
	const char *dir = m->started->milter.observed_dir;
	int r = observed_open(dir, conf->max_size, conf->max_age_ms, m->clock,
			      &m->log_root, &m->observed);

	if (r == 0) {
		observed_register(m->observed, m->registry);
		r = observed_start(m->observed);
	}
	return r < 0 ? st_error(m, dir, r,
				"observed_dir must be the milter's own")
		     : 0;
}

static void
st_is_alive(void *arg)
{
	struct milter *m = arg;

	sd_notify(0, "WATCHDOG=1");
	loop_timer_set(&m->alive, m->alive_ms);
}

/* The loop says that it runs: without it no message gets on. */
static void
st_watchdog(struct milter *m)
{
	uint64_t patience_us;

	loop_timer_init(&m->alive, m->loop, st_is_alive, m);
	if (sd_watchdog_enabled(0, &patience_us) <= 0)
		return;
	m->alive_ms = (int64_t)(patience_us / 1000 / ALIVE_SIGNS);
	loop_timer_set(&m->alive, m->alive_ms);
}

static int
st_threads(struct milter *m)
{
	int r = milter_http_start(m);

	if (r < 0)
		return st_error(m, "http", r, NULL);
	st_watchdog(m);
	r = loop_start(m->loop, "dns");
	if (r < 0)
		return st_error(m, "dns", r, NULL);
	m->looping = true;
	r = milter_reload_start(m);
	return r < 0 ? st_error(m, "reload", r, NULL) : 0;
}

static int
st_all(struct milter *m)
{
	static int (*const steps[])(struct milter *) = {
		milter_start_as_root, st_snapshot, st_files,    st_log,
		st_sandbox,           st_dns,      st_observed, st_threads,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(*steps); i++)
		r = steps[i](m);
	return r;
}

/* Until a signal ends it; libmilter waits for SIGTERM, SIGINT and SIGHUP. */
static int
st_serve(struct milter *m)
{
	int r;

	milter_metrics_reloaded(m, true);
	log_event(&m->log_root, LOG_INFO, "start",
		  LOG_STR("version", BELFRY_VERSION),
		  LOG_STR("hostname", m->started->hostname),
		  LOG_STR("socket", m->started->milter.socket));
	sd_notify(0, "READY=1");
	r = smfi_main();
	sd_notify(0, "STOPPING=1");
	log_event(&m->log_root, LOG_INFO, "stop");
	return r == MI_SUCCESS ? 0 : MILTER_EXIT_FAILED;
}

/* --- the way out ------------------------------------------------------------------ */

/* libmilter's threads outlive smfi_main(). True: none of them is with us any
 * more, nor comes again. */
static bool
st_quiet(struct milter *m)
{
	const struct timespec step = {.tv_nsec = 5 * 1000000};

	atomic_store(&m->stopping, true);
	for (int i = 0; i < MILTER_GRACE_MS / 5; i++) {
		if (atomic_load(&m->callbacks) == 0)
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}

static void
st_release(struct milter *m)
{
	struct session *s;

	milter_reload_stop(m);
	while ((s = TAILQ_FIRST(&m->sessions)) != NULL)
		session_free(&s);
	if (m->looping) {
		loop_stop(m->loop);
		loop_join(m->loop);
	}
	milter_http_free(m);
	if (m->alive.loop != NULL)
		loop_timer_done(&m->alive);
	dns_free(&m->dns);
	loop_free(&m->loop);
	observed_close(&m->observed);
	milter_snapshot_unref(&m->snapshot);
	config_unref(&m->started);
	log_close(&m->log);
	metrics_free(&m->registry);
	pthread_mutex_destroy(&m->lock);
}

/* SIGUSR1 is for the thread that reloads, what ends us for libmilter's: one that
 * comes before these are there waits for them. */
static void
st_block_signals(void)
{
	static const int signals[] = {SIGUSR1, SIGTERM, SIGINT, SIGHUP};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a full disk is an error, not the end */
}

int
milter_main(const char *conf_path)
{
	static struct milter m; /* libmilter's threads outlive us */
	int r;

	m.conf_path = conf_path;
	m.clock = clock_system();
	TAILQ_INIT(&m.sessions);
	pthread_mutex_init(&m.lock, NULL);
	st_block_signals();
	milter_metrics_init(&m);
	r = st_all(&m);
	if (r == 0)
		r = st_serve(&m);
	if (!st_quiet(&m)) {
		observed_close(&m.observed);
		log_close(&m.log);
		_exit(r);
	}
	st_release(&m);
	return r;
}
