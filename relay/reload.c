/*
 * SIGHUP: the file is read again; what it says holds from the next connection,
 * transaction and attempt on. A broken one changes nothing.
 */
#include "relay/alerts.h"
#include "relay/certificates.h"
#include "relay/relay.h"
#include "verdict/observed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/buf.h"
#include "base/jail.h"
#include "base/xalloc.h"

#define RELOAD_LIST_MAX 256

/* A whole file has no line. */
static char *
reload_where(const struct conf_mark *m)
{
	return m->line > 0 ? xasprintf("%s:%d:%d", m->file, m->line, m->column)
			   : xstrdup(m->file);
}

static void
reload_refused(struct relay *r, const struct conf_errors *e)
{
	for (size_t i = 0; i < e->n; i++) {
		char *where;

		if (e->v[i].warning)
			continue;
		where = reload_where(&e->v[i].mark);
		log_event(&r->log_root, LOG_ERROR, "reload_refused",
			  LOG_STR("where", where),
			  LOG_STR("error", e->v[i].text));
		free(where);
	}
	relay_metrics_reloaded(r, false);
}

/* Of the secrets and certificates; the others are for who writes the file. */
static void
reload_warnings(struct relay *r, const struct conf_errors *e, size_t from)
{
	for (size_t i = from; i < e->n; i++) {
		char *where = reload_where(&e->v[i].mark);

		log_event(&r->log_root, LOG_WARNING, "reload_warning",
			  LOG_STR("where", where),
			  LOG_STR("warning", e->v[i].text));
		free(where);
	}
}

static bool
reload_strings_differ(const struct conf_strings *a,
		      const struct conf_strings *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return true;
	return a->n != b->n;
}

/* A socket that is there was given to its group by root. */
static bool
reload_group_differs(const struct relay *r, const struct config *now)
{
	const struct port *p;

	TAILQ_FOREACH (p, &r->ports, entry)
		if (p->kind == PORT_ADMIN)
			return strcmp(p->group, now->admin_group) != 0;
	return false;
}

/* What a running process can't change; it keeps the old value. */
static void
reload_fixed(const struct relay *r, const struct config *now,
	     struct buf *ret_names)
{
	const struct config *was = r->started;
	const struct {
		const char *name;
		bool changed;
	} fixed[] = {
		{"state_dir", strcmp(was->state_dir, now->state_dir) != 0},
		{"drop_dir", strcmp(was->drop_dir, now->drop_dir) != 0},
		{"user", strcmp(was->user, now->user) != 0},
		{"loops", was->nloops != now->nloops},
		{"dns", was->dns.timeout_ms != now->dns.timeout_ms ||
				strcmp(was->dns.trust_anchor,
				       now->dns.trust_anchor) != 0 ||
				reload_strings_differ(&was->dns.servers,
						      &now->dns.servers)},
		{"store.max_size", was->store.max_size != now->store.max_size},
		{"store.reserve",
		 strcmp(was->store.reserve, now->store.reserve) != 0},
		{"admin_group", reload_group_differs(r, now)},
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (fixed[i].changed)
			buf_printf(ret_names, "%s%s",
				   ret_names->len > 0 ? "," : "",
				   fixed[i].name);
}

struct reload_post {
	struct post post;
	struct relay_loop *rl;     /* borrowed */
	struct snapshot *snapshot; /* owned reference */
};

static void
reload_loop(void *arg)
{
	struct reload_post *p = arg;

	sessions_set_snapshot(p->rl->sessions, p->snapshot);
	snapshot_unref(&p->snapshot);
	free(p);
}

static void
reload_loops(struct relay *r)
{
	for (size_t i = 0; i < r->nloops; i++) {
		struct reload_post *p = xcalloc(1, sizeof(*p));

		p->rl = &r->loops[i];
		p->snapshot = snapshot_ref(r->snapshot);
		loop_post(r->loops[i].loop, &p->post, reload_loop, p);
	}
}

/* The hard limit was ours to take at the start, and is now fixed. */
static int
reload_files(const struct config *config, struct conf_errors *e)
{
	uint64_t need = relay_files(config), limit;

	if (jail_raise_files(need, &limit) == 0)
		return 0;
	conf_error(e, &config->limits.mark,
		   "limits.connections and delivery.connections need %llu "
		   "descriptors, the process may have %llu: raise LimitNOFILE= "
		   "and restart, or lower the two",
		   (unsigned long long)need, (unsigned long long)limit);
	return -EMFILE;
}

static int
reload_log(struct relay *r, const struct config *config, struct conf_errors *e)
{
	const struct conf_mark mark = {.file = r->conf_path};
	int result = log_prepare(r->log, &config->log);

	if (result < 0)
		conf_error(e, &mark, "log.to: %s can't be opened: %s",
			   config->log.to, strerror(-result));
	return result;
}

/* The file may have been moved away to make room, whatever else is wrong. */
static void
reload_log_again(struct relay *r)
{
	const struct log_conf *conf = &relay_config(r)->log;

	if (log_prepare(r->log, conf) == 0)
		log_switch(r->log, conf);
}

static const char *
reload_listen_help(int result)
{
	if (result == -EADDRINUSE)
		return "another listener of the file or another process has "
		       "it; `ss -ltnp` shows which";
	if (result == -EACCES)
		return "what only root may do, as to listen on a port below "
		       "1024, needs a restart";
	return NULL;
}

/* What can fail goes first. 1: the sockets are others than before; 0; or
 * -errno, and all is as it was. */
static int
reload_ports(struct relay *r, const struct config *config)
{
	char *address = NULL;
	int changed = ports_apply(r, config, &address);

	if (changed < 0)
		log_event(&r->log_root, LOG_ERROR, "listen",
			  LOG_STR("address", address),
			  LOG_STR("error", strerror(-changed)),
			  LOG_STR("help", reload_listen_help(changed)));
	free(address);
	return changed;
}

static void
reload_listen(struct relay *r)
{
	for (size_t i = 0; i < PORT_NKIND; i++)
		acceptor_stop(r->acceptors[i]);
	ports_listen(r);
}

static void
reload_apply(struct relay *r, struct snapshot *snapshot, bool ports_changed)
{
	struct snapshot *was = r->snapshot;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): never NULL */
	struct queue_conf conf = relay_queue_conf(snapshot->config);
	const struct observed_conf *observed =
		&snapshot->config->verdict.observed;
	struct buf fixed;

	buf_init(&fixed, RELOAD_LIST_MAX);
	reload_fixed(r, snapshot->config, &fixed);
	r->snapshot = snapshot;
	r->forwarded_logged = false;
	log_switch(r->log, &snapshot->config->log);
	conf.dir = r->started->state_dir;
	queue_set_conf(r->queue, &conf);
	deliver_set_routing(r->deliver, snapshot->routing);
	alerts_reload(r->alerts);
	reload_loops(r);
	relay_apply_limits(r);
	observed_set_limits(r->observed, observed->max_size,
			    observed->max_age_ms);
	if (ports_changed)
		reload_listen(r);
	relay_metrics_reloaded(r, true);
	certificates_look(r->certificates);
	log_event(&r->log_root, LOG_INFO, "reload",
		  LOG_STR("file", r->conf_path),
		  LOG_STR("restart_for", fixed.len > 0 ? fixed.data : NULL));
	buf_done(&fixed);
	snapshot_unref(&was);
}

void
relay_reload(struct relay *r)
{
	struct snapshot *snapshot = NULL;
	struct config *config;
	struct conf_errors e;
	struct timespec now;
	size_t warned = 0;
	int result;

	if (r->stopping)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	conf_errors_init(&e);
	result = config_load(r->conf_path, &config, &e);
	if (result == 0) {
		warned = e.n;
		result = snapshot_new(config, &r->smtp_metrics, &e, &snapshot);
		config_unref(&config);
	}
	if (result == 0)
		result = reload_files(snapshot->config, &e);
	if (result == 0)
		result = reload_log(r, snapshot->config, &e);
	if (result == 0)
		result = reload_ports(r, snapshot->config);
	if (result >= 0) {
		reload_warnings(r, &e, warned);
		reload_apply(r, snapshot, result > 0);
	} else {
		log_forget(r->log);
		snapshot_unref(&snapshot);
		reload_log_again(r);
		reload_refused(r, &e);
	}
	conf_errors_done(&e);
	sd_notify(0, "READY=1");
}
