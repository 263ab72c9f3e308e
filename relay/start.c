/*
 * From the configuration file to a running belfryd, in the one order that
 * works: what needs root first, then the identity, then everything again as
 * that identity, then what needs one thread, then threads.
 */
#include "relay/notify.h"

#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/password.h"
#include "base/sandbox.h"
#include "base/spawn.h"
#include "base/start_failed.h"
#include "base/xalloc.h"
#include "mail/mime.h"
#include "relay/alert_mail.h"
#include "relay/alert_take.h"
#include "relay/alerts.h"
#include "relay/certificates.h"
#include "relay/drop.h"
#include "base/places.h"
#include "relay/start_impl.h"
#include "relay/watchdog.h"
#include "verdict/observed.h"

#define DISK_THREADS 4
#define DISK_JOBS    4096
/* Of tens of milliseconds each: who would wait longer is told to come back. */
#define CPU_JOBS        128 /* LOGINS_CHECKS of them, at the most, of logins */
#define CPU_THREADS_MAX 8
/* Descriptors beside connections: store, log, loops, resolvers, HTTP. */
#define OTHER_FILES 300
/* Signs of life in the time after which the service manager misses them. */
#define WATCHDOG_SIGNS 4
/* Connections for alerts above delivery.connections. */
#define ALERT_CONNECTIONS 20
#define HTTP_PER_ADDRESS  20
#define ADMIN_PER_UID     50
#define SUBMIT_PER_UID    100

struct queue_conf
relay_queue_conf(const struct config *config)
{
	return (struct queue_conf){
		.dir = config->state_dir,
		.max_size = config->store.max_size,
		.reserve = config->store_reserve,
		.keep_delivered_ms = config->store.keep_delivered_ms,
		.keep_bounced_ms = config->store.keep_bounced_ms,
		.retry = config->delivery.retry,
		.destination = config->delivery.per_destination,
		.lifetime_ms = config->delivery.lifetime_ms,
		.alert_lifetime_ms = config->alerts.lifetime_ms,
		.warn_after_ms = config->delivery.warn_after_ms,
		.connections = config->delivery.connections,
	};
}

int
relay_owner(const struct config *config, struct place_owner *ret)
{
	*ret = (struct place_owner){
		.user = config->user, .uid = geteuid(), .gid = getegid()};
	return config->user[0] == '\0'
		       ? 0
		       : jail_find_user(config->user, &ret->uid, &ret->gid);
}

/* --- the steps: 0, or the exit code after having said why ------------------- */

static int
start_spawner(struct relay *r)
{
	int result = relay_spawner_start(r);

	if (result < 0)
		return start_failed(RELAY_EXIT_FAILED, "can't fork: %s",
				    strerror(-result));
	return 0;
}

/* When the file is not for us, what would make it so. */
static void
start_say_unreadable(const char *path)
{
	const struct passwd *pw = getpwuid(geteuid());
	const struct group *gr = getgrgid(getegid());

	if (access(path, R_OK) == 0 || errno != EACCES || pw == NULL ||
	    gr == NULL)
		return;
	start_failed(0,
		     "it is read as user %s, so that it can be reloaded: "
		     "`chgrp %s %s; chmod 0640 %s` lets it",
		     pw->pw_name, gr->gr_name, path, path);
}

/* Read anew by whom reloads will be read by, and the secrets with it. What the
 * file itself is warned of was told before. */
static int
start_snapshot(struct relay *r)
{
	struct config *config;
	struct conf_errors e;
	int result;

	conf_errors_init(&e);
	result = config_load(r->conf_path, &config, &e);
	if (result == 0) {
		conf_errors_done(&e);
		conf_errors_init(&e);
		result = snapshot_new(config, &r->smtp_metrics, &e,
				      &r->snapshot);
		config_unref(&config);
	}
	if (result == 0) {
		r->started = config_ref(r->snapshot->config);
		conf_errors_print(&e, stderr);
	} else {
		conf_errors_print(&e, stderr);
		start_say_unreadable(r->conf_path);
	}
	conf_errors_done(&e);
	return result < 0 ? RELAY_EXIT_CONFIG : 0;
}

uint64_t
relay_files(const struct config *config)
{
	return (uint64_t)config->limits.connections +
	       (uint64_t)config->delivery.connections * 3 / 2 + /* at rest */
	       ALERT_CONNECTIONS + RELAY_SUBMIT_CONNECTIONS +
	       RELAY_HTTP_CONNECTIONS + RELAY_ADMIN_CONNECTIONS +
	       PORT_NKIND * ACCEPTOR_LINGER_MAX + ACCEPTOR_LEAVING_MAX +
	       ACCEPTOR_PENDING_MAX + OTHER_FILES;
}

static int
start_raise_files(struct relay *r)
{
	uint64_t need = relay_files(relay_config(r)), limit;

	if (jail_raise_files(need, &limit) == 0)
		return 0;
	return start_failed(RELAY_EXIT_CONFIG,
			    "limits.connections and delivery.connections need "
			    "%llu descriptors, the process may have %llu: "
			    "raise LimitNOFILE= or lower the two",
			    (unsigned long long)need,
			    (unsigned long long)limit);
}

static int
start_log(struct relay *r)
{
	const struct log_conf *conf = &relay_config(r)->log;
	int result = log_open(conf, r->clock, &r->log);

	if (result < 0)
		return start_failed(RELAY_EXIT_FAILED, "log to %s: %s",
				    conf->to, strerror(-result));
	r->log_root.log = r->log;
	return 0;
}

/* From here on the log says what went wrong. */
static int
start_error(struct relay *r, const char *what, int error, const char *why)
{
	log_event(&r->log_root, LOG_ERROR, "start_failed",
		  LOG_STR("what", what), LOG_STR("error", strerror(-error)),
		  LOG_STR("why", why));
	return RELAY_EXIT_FAILED;
}

/* Before anything comes from outside. */
static int
start_sandbox(struct relay *r)
{
	int result;

	/* Nothing can be loaded any more afterwards. */
	r->charsets = mime_charsets_open();
	result = sandbox_daemon(spawner_pid(r->spawner));
	if (result == -EOPNOTSUPP) {
		log_event(&r->log_root, LOG_WARNING, "no_sandbox",
			  LOG_STR("why", "this kernel can't filter system "
					 "calls (CONFIG_SECCOMP_FILTER)"));
		return 0;
	}
	return result < 0 ? start_error(r, "sandbox", result, NULL) : 0;
}

static int
start_loops(struct relay *r)
{
	const struct config *config = relay_config(r);
	char *why = NULL;
	int result;

	r->nloops = (size_t)config->nloops;
	r->loops = xcalloc(r->nloops, sizeof(*r->loops));
	r->loop_ptrs = xcalloc(r->nloops, sizeof(struct loop *));
	r->dns_ptrs = xcalloc(r->nloops, sizeof(struct dns *));
	for (size_t i = 0; i < r->nloops; i++) {
		r->loops[i].relay = r;
		r->loops[i].loop = loop_new(r->clock);
		r->loop_ptrs[i] = r->loops[i].loop;
		result = dns_new(r->loops[i].loop, &config->dns,
				 &r->loops[i].dns, &why);
		if (result < 0) {
			result = start_error(r, "dns", result, why);
			free(why);
			return result;
		}
		r->dns_ptrs[i] = r->loops[i].dns;
	}
	r->disk = pool_new("disk", DISK_THREADS, DISK_JOBS);
	return 0;
}

static int
start_queue_failed(struct relay *r, int error, const char *why)
{
	const struct config *config = relay_config(r);
	const char *user = config->user[0] != '\0' ? config->user : "USER";
	const char *dir = config->state_dir;
	char *text;
	int result;

	if (error != -EACCES)
		return start_error(r, "store", error, why);
	text = xasprintf("%s; what is in state_dir must be belfryd's own: "
			 "`chown %s: %s %s/*` (not -R: whose mail it is in "
			 "drop_dir, the owners of the files say)",
			 why, user, dir, dir);
	result = start_error(r, "store", error, text);
	free(text);
	return result;
}

static int
start_queue(struct relay *r)
{
	struct queue_conf conf = relay_queue_conf(relay_config(r));
	char *why = NULL;
	int result;

	notify_init(r);
	result = queue_open(&conf, r->clock, r->loop_ptrs, r->nloops, r->disk,
			    &r->log_root, r->metrics, &r->queue, &why);
	if (result == -ENODATA || result == -EUCLEAN) {
		start_error(r, "store", result, why);
		result = RELAY_EXIT_STORE;
	} else if (result < 0) {
		result = start_queue_failed(r, result, why);
	}
	free(why);
	return result;
}

static int
start_deliver(struct relay *r)
{
	int result;

	r->deliver =
		deliver_new(r->queue, r->snapshot->routing, r->loop_ptrs,
			    r->dns_ptrs, r->nloops, &r->log_root, r->metrics);
	deliver_local(r->deliver, r->disk, r->spawner);
	result = deliver_web(r->deliver);
	if (result < 0)
		return start_error(r, "the agent web", result, NULL);
	notify_start(r);
	return 0;
}

static int
start_alerts(struct relay *r)
{
	int result = alerts_new(r, &r->alerts);

	alert_mail_init(r);
	return result < 0 ? start_error(r, "alerts", result,
					"alert.secret in state_dir must be "
					"belfryd's own")
			  : 0;
}

/* Half of the processors at most hash passwords. */
static size_t
start_cpu_threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN) / 2;

	return n < 1 ? 1 : n > CPU_THREADS_MAX ? CPU_THREADS_MAX : (size_t)n;
}

static int
start_logins(struct relay *r)
{
	char *path = xasprintf("%s/login.secret", relay_config(r)->state_dir);
	uint8_t secret[LOGINS_SECRET_LEN];
	int result = logins_read_secret(path, secret);

	if (result < 0) {
		result = start_error(r, path, result, NULL);
	} else {
		r->cpu = pool_new("cpu", start_cpu_threads(), CPU_JOBS);
		r->logins = logins_new(r->cpu, secret);
		deliver_sign(r->deliver, r->cpu);
	}
	password_wipe(secret, sizeof(secret));
	free(path);
	return result;
}

static int
start_observed(struct relay *r)
{
	const struct observed_conf *conf = &relay_config(r)->verdict.observed;
	char *dir = xasprintf("%s/observed", relay_config(r)->state_dir);
	int result = mkdir(dir, 0700) < 0 && errno != EEXIST ? -errno : 0;

	if (result == 0)
		result = observed_open(dir, conf->max_size, conf->max_age_ms,
				       r->clock, &r->log_root, &r->observed);
	if (result == 0) {
		observed_register(r->observed, r->metrics);
		result = observed_start(r->observed);
	}
	if (result < 0)
		result =
			start_error(r, dir, result, "it must be belfryd's own");
	free(dir);
	return result;
}

static int
start_sessions(struct relay *r)
{
	unsigned char seed[TLS_TICKETS_SEED];
	int64_t epoch = clock_mono_ms(r->clock);

	tls_tickets_make_seed(seed);
	r->kept = verify_kept_new();
	r->rates = rates_new();
	for (size_t i = 0; i < r->nloops; i++) {
		struct relay_loop *rl = &r->loops[i];

		rl->verifier = verifier_new(rl->loop, rl->dns, r->disk, r->kept,
					    &r->log_root);
		rl->sessions =
			sessions_new(rl->loop, r->queue, rl->verifier,
				     r->snapshot, r->rates, &r->log_root);
		sessions_set_logins(rl->sessions, r->logins);
		sessions_set_seal(rl->sessions, rl->dns, r->cpu, r->observed);
		sessions_set_tickets(rl->sessions,
				     tls_tickets_new(r->clock, seed, epoch));
	}
	explicit_bzero(seed, sizeof(seed));
	for (size_t i = 0; i < PORT_NKIND; i++) {
		size_t nloops = port_is_mail(i) ? r->nloops : 1;

		r->acceptors[i] = acceptor_new(relay_home(r), r->loop_ptrs,
					       nloops, &r->log_root);
	}
	relay_apply_limits(r);
	return 0;
}

void
relay_apply_limits(struct relay *r)
{
	const struct limits_conf *limits = &relay_config(r)->limits;
	const struct acceptor_limits of[PORT_NKIND] = {
		[PORT_SMTP] = {.connections = limits->connections,
			       .connections_per_ip = limits->connections_per_ip,
			       .shared = true,
			       .rate_per_ip = limits->rates.connections_per_ip,
			       .rate_per_network =
				       limits->rates.connections_per_network},
		[PORT_SUBMIT] = {.connections = RELAY_SUBMIT_CONNECTIONS,
				 .connections_per_ip = SUBMIT_PER_UID},
		[PORT_HTTP] = {.connections = RELAY_HTTP_CONNECTIONS,
			       .connections_per_ip = HTTP_PER_ADDRESS,
			       .shared = true},
		[PORT_ADMIN] = {.connections = RELAY_ADMIN_CONNECTIONS,
				.connections_per_ip = ADMIN_PER_UID},
	};

	for (size_t i = 0; i < PORT_NKIND; i++)
		acceptor_set_limits(r->acceptors[i], &of[i]);
}

/* --- signals ------------------------------------------------------------------ */

static void
relay_signal(evutil_socket_t fd, short what, void *arg)
{
	struct signalfd_siginfo info;
	struct relay *r = arg;

	(void)what;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		relay_reload(r);
	else
		relay_stop(r);
}

/* Blocked in every thread, read as events by the home loop. */
static void
start_block_signals(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGHUP);
	sigaddset(ret_set, SIGINT);
	sigaddset(ret_set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, ret_set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a full disk is an error, not the end */
}

static int
start_signals(struct relay *r)
{
	sigset_t set;

	start_block_signals(&set);
	r->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (r->signal_fd < 0)
		return start_error(r, "signals", -errno, NULL);
	r->signals = event_new(loop_base(relay_home(r)), r->signal_fd,
			       EV_READ | EV_PERSIST, relay_signal, r);
	event_add(r->signals, NULL);
	relay_spawner_watch(r);
	return 0;
}

/* --- the order ----------------------------------------------------------------- */

static int
start_threads(struct relay *r)
{
	for (size_t i = 1; i < r->nloops; i++) {
		char name[32];
		int result;

		snprintf(name, sizeof(name), "loop%zu", i);
		result = loop_start(r->loops[i].loop, name);
		if (result < 0)
			return start_error(r, name, result, NULL);
		r->loops[i].running = true;
	}
	return 0;
}

/* Who can't leave mail there loses it while belfryd is down. */
static void
start_warn_closed(struct relay *r)
{
	char *why = config_drop_closed(relay_config(r));

	if (why != NULL)
		log_event(&r->log_root, LOG_WARNING, "drop_closed",
			  LOG_STR("why", why));
	free(why);
}

static int
start_drop(struct relay *r)
{
	const char *dir = relay_config(r)->drop_dir;
	int result = drop_new(r, &r->drop);

	if (result == -EWOULDBLOCK)
		return start_error(r, dir, result,
				   "another belfryd takes mail from this "
				   "folder: give each a drop_dir of its own");
	if (result < 0)
		return start_error(r, dir, result,
				   "belfryd must be able to read it: chown it "
				   "to `user`");
	start_warn_closed(r);
	return 0;
}

static void
start_ask_store(void *arg, struct loop *home, loop_fn *answer, void *answer_arg)
{
	struct relay *r = arg;

	queue_ping(r->queue, home, answer, answer_arg);
}

static void
start_alive(void *arg)
{
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

static void
start_watchdog(struct relay *r)
{
	struct watchdog_conf conf = {
		.loops = r->loop_ptrs,
		.nloops = r->nloops,
		.ask_store = start_ask_store,
		.alive = start_alive,
		.arg = r,
	};
	uint64_t patience_us;

	if (sd_watchdog_enabled(0, &patience_us) <= 0)
		return;
	conf.every_ms = (int64_t)(patience_us / 1000 / WATCHDOG_SIGNS);
	r->watchdog = watchdog_new(&conf);
}

static int
start_serve(struct relay *r)
{
	queue_start(r->queue);
	alerts_start(r->alerts);
	ports_listen(r);
	r->certificates = certificates_new(r);
	relay_metrics_reloaded(r, true);
	log_event(&r->log_root, LOG_INFO, "start",
		  LOG_STR("version", BELFRY_VERSION),
		  LOG_STR("hostname", relay_config(r)->hostname),
		  LOG_INT("loops", r->nloops));
	sd_notify(0, "READY=1");
	start_watchdog(r);
	return 0;
}

static int
relay_start(struct relay *r)
{
	static int (*const steps[])(struct relay *) = {
		start_as_root,     start_spawner,    start_snapshot,
		start_raise_files,

		start_log,         start_sandbox,    start_loops,
		start_signals,     start_queue,      start_deliver,
		start_logins,      start_alerts,     start_observed,
		start_sessions,    relay_http_start, start_drop,
		start_threads,     start_serve,
	};
	int result = 0;

	for (size_t i = 0; result == 0 && i < sizeof(steps) / sizeof(*steps);
	     i++)
		result = steps[i](r);
	return result;
}

int
relay_main(const char *conf_path)
{
	struct relay r = {
		.conf_path = conf_path,
		.clock = clock_system(),
		.signal_fd = -1,
		.start_ms = clock_wall_ms(clock_system()),
	};
	sigset_t set;
	int result;

	TAILQ_INIT(&r.ports);
	TAILQ_INIT(&r.retired);
	start_block_signals(&set);
	relay_metrics_init(&r);
	result = relay_start(&r);
	if (result == 0)
		loop_run(relay_home(&r));
	if (result == 0 && r.failed)
		result = RELAY_EXIT_FAILED;
	relay_release(&r);
	return result;
}
