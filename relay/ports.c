#include "relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/xalloc.h"
#include "base/places.h"
#include "relay/session_proxy.h"

/* Said by the acceptor, in place of the banner. */
#define PORT_REFUSAL "421 4.7.0 too many connections, try again later\r\n"

#define PORT_ADMIN_MODE 0660
#define PORT_OPEN_MODE  0666 /* who may what is asked of each request */

static void
port_add(struct relay *r, struct port_list *list, enum port_kind kind,
	 const char *address, const char *name)
{
	struct port *p = xcalloc(1, sizeof(*p));

	p->relay = r;
	p->kind = kind;
	p->address = xstrdup(address);
	p->name = xstrdup(name);
	TAILQ_INSERT_TAIL(list, p, entry);
}

static void
port_free(struct port *p)
{
	for (size_t i = 0; i < p->nfds; i++)
		close(p->fds[i]);
	free(p->address);
	free(p->name);
	free(p->group);
	free(p);
}

static void
port_add_unix(struct relay *r, struct port_list *list, enum port_kind kind,
	      const char *path, const char *name)
{
	char *address;

	if (path[0] == '\0')
		return;
	address = xasprintf("unix:%s", path);
	port_add(r, list, kind, address, name);
	free(address);
}

static void
ports_wanted(struct relay *r, const struct config *config,
	     struct port_list *ret)
{
	TAILQ_INIT(ret);
	for (size_t i = 0; i < config->listeners.n; i++) {
		const struct listener_conf *l = config_listener(config, i);

		port_add(r, ret, PORT_SMTP, l->address, l->name);
	}
	for (size_t i = 0; i < config->http.n; i++) {
		const struct http_conf *h = config_http(config, i);

		port_add(r, ret, PORT_HTTP, h->address, h->address);
	}
	port_add_unix(r, ret, PORT_SUBMIT, config->submit_socket,
		      CONFIG_SUBMIT_NAME);
	port_add_unix(r, ret, PORT_ADMIN, config->admin_socket, "admin");
}

static struct port *
ports_find(struct port_list *list, const struct port *like)
{
	struct port *p;

	TAILQ_FOREACH (p, list, entry)
		if (p->kind == like->kind &&
		    strcmp(p->address, like->address) == 0)
			return p;
	return NULL;
}

/* Without the group, or the right to give a file to it, only the daemon's user
 * and root get in. */
static void
port_warn_group(const struct port *p, const struct config *config, int error)
{
	static const char help[] = "only root and the user of belfryd can use "
				   "the admin socket";
	const char *why = error == -ENOENT ? "no such group" : strerror(-error);
	struct relay *r = p->relay;

	if (r->log == NULL) /* at the start, while still root */
		fprintf(stderr, "belfryd: admin_group %s: %s; %s\n",
			config->admin_group, why, help);
	else
		log_event(&r->log_root, LOG_WARNING, "admin_group",
			  LOG_STR("group", config->admin_group),
			  LOG_STR("error", why), LOG_STR("help", help));
}

static int
port_bind_admin(struct port *p, const struct config *config)
{
	gid_t gid;
	int r = -ENOENT;

	p->group = xstrdup(config->admin_group);
	if (config->admin_group[0] != '\0')
		r = jail_find_group(config->admin_group, &gid);
	if (r == 0)
		r = acceptor_bind(p->address, PORT_ADMIN_MODE, (long)gid,
				  p->fds, &p->nfds);
	if (r == -ENOENT || r == -EPERM) {
		if (config->admin_group[0] != '\0')
			port_warn_group(p, config, r);
		r = acceptor_bind(p->address, PORT_ADMIN_MODE & ~077u, -1,
				  p->fds, &p->nfds);
	}
	return r;
}

/* Bound as root, but the daemon's: it takes the file away again. */
static int
port_give(const struct port *p, const struct config *config)
{
	uid_t uid;
	gid_t gid;
	int r;

	if (strncmp(p->address, "unix:", 5) != 0 || geteuid() != 0 ||
	    config->user[0] == '\0')
		return 0;
	r = jail_find_user(config->user, &uid, &gid);
	if (r == 0 && lchown(p->address + 5, uid, (gid_t)-1) < 0)
		r = -errno;
	return r;
}

static int
port_bind_as_we_are(struct port *p, const struct config *config)
{
	switch (p->kind) {
	case PORT_ADMIN:
		return port_bind_admin(p, config);
	case PORT_SUBMIT:
	case PORT_SMTP:
	case PORT_HTTP:
		return acceptor_bind(p->address, PORT_OPEN_MODE, -1, p->fds,
				     &p->nfds);
	}
	abort();
}

/* As root, a file in a folder of the daemon's user is made by that user; the
 * group of the admin socket is then the one that it may give. */
static int
port_enter(const struct port *p, const struct config *config)
{
	const char *slash = strrchr(p->address, '/');
	struct place_owner owner;
	char *dir;
	gid_t gid;
	int r;

	if (strncmp(p->address, "unix:", 5) != 0 || geteuid() != 0 ||
	    slash == NULL)
		return 0;
	r = relay_owner(config, &owner);
	if (r < 0)
		return r;
	if (p->kind != PORT_ADMIN || config->admin_group[0] == '\0' ||
	    jail_find_group(config->admin_group, &gid) < 0)
		gid = owner.gid;
	dir = xstrndup(p->address + 5, (size_t)(slash - p->address) - 5);
	r = place_enter(dir[0] != '\0' ? dir : "/", &owner, gid);
	free(dir);
	return r;
}

/* Its mode and group are the manager's affair. */
static int
port_bound_passed(struct port *p, const struct config *config, int r)
{
	if (p->kind == PORT_ADMIN)
		p->group = xstrdup(config->admin_group);
	return r < 0 ? r : 0;
}

static int
port_bind(struct port *p, const struct config *config)
{
	int r = ports_passed_find(p->relay, p), entered;

	if (r != 0)
		return port_bound_passed(p, config, r);
	entered = r = port_enter(p, config);
	if (r >= 0)
		r = port_bind_as_we_are(p, config);
	if (r == 0)
		r = port_give(p, config);
	place_leave(entered);
	return r;
}

static void
ports_free(struct port_list *list)
{
	struct port *p;

	while ((p = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, p, entry);
		port_free(p);
	}
}

/* A socket file that stays behind would make a client wait for nobody. */
static void
port_unlink(const struct port *p)
{
	if (p->nfds > 0 && !p->passed && strncmp(p->address, "unix:", 5) == 0)
		unlink(p->address + 5);
}

/* Not as root where others can put a link in the way. */
static void
port_take_back(const struct port *p, const struct config *config)
{
	int entered = port_enter(p, config);

	if (entered >= 0)
		port_unlink(p);
	place_leave(entered);
}

/* The socket of an address goes over to the port that has it from now on. */
static void
port_take_over(struct port *to, struct port *from)
{
	memcpy(to->fds, from->fds, sizeof(to->fds));
	to->passed = from->passed;
	to->nfds = from->nfds;
	from->nfds = 0;
}

/* WANTED, all of them bound or known, become the ports. True: something is not
 * as it was. */
static bool
ports_swap(struct relay *r, struct port_list *wanted)
{
	struct port_list next = TAILQ_HEAD_INITIALIZER(next);
	struct port *p, *old;
	bool changed = false;

	while ((p = TAILQ_FIRST(wanted)) != NULL) {
		TAILQ_REMOVE(wanted, p, entry);
		old = ports_find(&r->ports, p);
		if (old != NULL && strcmp(old->name, p->name) == 0) {
			TAILQ_REMOVE(&r->ports, old, entry);
			port_free(p);
			p = old;
		} else {
			changed = true;
			if (old != NULL)
				port_take_over(p, old);
		}
		TAILQ_INSERT_TAIL(&next, p, entry);
	}
	while ((old = TAILQ_FIRST(&r->ports)) != NULL) {
		changed = true;
		port_unlink(old);
		for (size_t i = 0; i < old->nfds; i++)
			close(old->fds[i]);
		old->nfds = 0;
		TAILQ_REMOVE(&r->ports, old, entry);
		TAILQ_INSERT_TAIL(&r->retired, old, entry);
	}
	TAILQ_CONCAT(&r->ports, &next, entry);
	return changed;
}

/* --- one address in place of another that overlaps it --------------------- */

/* Of two TCP addresses with the same port one may contain the other. */
static bool
port_may_overlap(const struct port *a, const struct port *b)
{
	const char *x = strrchr(a->address, ':');
	const char *y = strrchr(b->address, ':');

	return strncmp(a->address, "unix:", 5) != 0 &&
	       strncmp(b->address, "unix:", 5) != 0 && x != NULL && y != NULL &&
	       strcmp(x, y) == 0;
}

/* Those that are not wanted any more stop listening where P can't be bound,
 * unless the manager listens there. They keep their address, so that they can go on where they were. True: there
 * are some. */
static bool
ports_silence(struct relay *r, struct port_list *wanted, const struct port *p)
{
	struct port *old;
	bool some = false;

	TAILQ_FOREACH (old, &r->ports, entry) {
		if (old->silent || old->passed || !port_may_overlap(old, p) ||
		    ports_find(wanted, old) != NULL)
			continue;
		for (size_t i = 0; i < old->nfds; i++)
			shutdown(old->fds[i], SHUT_RDWR);
		old->silent = some = true;
	}
	return some;
}

static void
ports_go_on(struct relay *r)
{
	struct port *p;

	TAILQ_FOREACH (p, &r->ports, entry) {
		for (size_t i = 0; p->silent && i < p->nfds; i++)
			if (listen(p->fds[i], SOMAXCONN) < 0)
				log_event(&r->log_root, LOG_ERROR, "listen",
					  LOG_STR("address", p->address),
					  LOG_STR("error", strerror(errno)));
		p->silent = false;
	}
}

int
ports_apply(struct relay *r, const struct config *config, char **ret_address)
{
	struct port_list wanted;
	struct port *p;
	int result = 0;

	ports_wanted(r, config, &wanted);
	/* First what can fail: the old ones stay when a new one does. */
	TAILQ_FOREACH (p, &wanted, entry) {
		if (ports_find(&r->ports, p) != NULL)
			continue;
		result = port_bind(p, config);
		if (result == -EADDRINUSE && ports_silence(r, &wanted, p))
			result = port_bind(p, config);
		if (result < 0) {
			*ret_address = xstrdup(p->address);
			TAILQ_FOREACH (p, &wanted, entry)
				port_take_back(p, config);
			ports_free(&wanted);
			ports_go_on(r);
			return result;
		}
	}
	return ports_swap(r, &wanted) ? 1 : 0;
}

/* --- accepted ---------------------------------------------------------------- */

static struct relay_loop *
relay_loop_of(struct relay *r, const struct loop *loop)
{
	for (size_t i = 0; i < r->nloops; i++)
		if (r->loops[i].loop == loop)
			return &r->loops[i];
	abort();
}

static void
port_accepted(void *arg, struct loop *loop, const struct accepted *a)
{
	struct port *p = arg;
	struct relay_loop *rl = relay_loop_of(p->relay, loop);

	switch (p->kind) {
	case PORT_SMTP:
		if (a->who == ACCEPTOR_PROXY)
			session_proxied(rl->sessions, a, p->name);
		else
			session_start(rl->sessions, a, p->name, -1, NULL, NULL);
		return;
	case PORT_SUBMIT:
		submit_accepted(p, rl, a);
		return;
	case PORT_HTTP:
	case PORT_ADMIN:
		relay_http_accepted(p, a);
		return;
	}
}

static enum acceptor_peer
port_judge(void *arg, const struct sockaddr_any *peer)
{
	const struct port *p = arg;
	const struct service *service =
		snapshot_service(p->relay->snapshot, p->name);

	if (service == NULL || service->submit)
		return ACCEPTOR_TRUSTED;
	if (network_list_has(service->proxies, peer))
		return ACCEPTOR_PROXY;
	return network_list_has(service->trusted, peer) ? ACCEPTOR_TRUSTED
							: ACCEPTOR_ANYBODY;
}

/* In clear it would be no TLS for who begins with that. */
static const char *
port_refusal(void *arg)
{
	const struct port *p = arg;
	const struct service *service =
		snapshot_service(p->relay->snapshot, p->name);

	return service != NULL && service->smtp.tls == CONFIG_TLS_IMPLICIT
		       ? NULL
		       : PORT_REFUSAL;
}

static void
port_refused(void *arg, const struct sockaddr_any *peer, const char *limit)
{
	struct port *p = arg;
	struct relay *r = p->relay;
	char ip[SOCKADDR_TEXT_MAX];

	sockaddr_ip(peer, ip);
	log_event(&r->log_root, LOG_WARNING, "refuse", LOG_STR("client", ip),
		  LOG_STR("verb", "connect"), LOG_INT("code", 421),
		  LOG_STR("dsn", "4.7.0"), LOG_STR("reason", limit),
		  LOG_STR("listener", p->name));
	if (port_is_mail(p->kind))
		metric_add(metric_cell(r->smtp_metrics.refused, p->name, limit,
				       NULL),
			   1);
}

void
ports_listen(struct relay *r)
{
	struct port *p;

	TAILQ_FOREACH (p, &r->ports, entry) {
		const struct acceptor_calls calls = {
			.refusal = port_is_mail(p->kind) ? port_refusal : NULL,
			.judge = port_is_mail(p->kind) ? port_judge : NULL,
			.refused = port_refused,
			.accepted = port_accepted,
		};

		for (size_t i = 0; i < p->nfds; i++) {
			int fd = fcntl(p->fds[i], F_DUPFD_CLOEXEC, 0);

			if (fd < 0) {
				log_event(&r->log_root, LOG_ERROR, "listen",
					  LOG_STR("address", p->address),
					  LOG_STR("error", strerror(errno)));
				continue;
			}
			acceptor_add(r->acceptors[p->kind], fd, &calls, p);
		}
	}
}

void
ports_close(struct relay *r)
{
	struct port *p;

	TAILQ_FOREACH (p, &r->ports, entry)
		port_unlink(p);
	ports_free(&r->ports);
	ports_free(&r->retired);
}
