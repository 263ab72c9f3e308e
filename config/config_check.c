#include "config/config_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/expand.h"

struct cc {
	struct config *config;
	struct arena *arena;
	struct conf_errors *errors;
};

/* --- networks -------------------------------------------------------------- */

static bool
cc_networks(struct cc *cc, const struct conf_strings *texts,
	    struct network_list *ret)
{
	return networks_resolve(texts, &cc->config->networks, cc->arena,
				cc->errors, ret);
}

/* Who is in one of these may say to be anybody. */
static void
cc_warn_wide_says(struct cc *cc, const struct listener_conf *l, const char *key,
		  const struct conf_strings *texts,
		  const struct network_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!network_is_wide(&list->v[i]))
			continue;
		conf_warning(
			cc->errors, &texts->marks[0],
			"`%s` of listener `%s` has more than private "
			"networks: whoever is there may say to be anybody, "
			"also whom you trust",
			key, l->name);
		return;
	}
}

static void
cc_warn_wide(struct cc *cc, const struct listener_conf *l)
{
	for (size_t i = 0; i < l->trusted.n; i++) {
		if (!network_is_wide(&l->trusted.v[i]))
			continue;
		conf_warning(cc->errors,
			     l->trust.n > 0 ? &l->trust.marks[0] : &l->mark,
			     "listener `%s` trusts more than private networks: "
			     "whoever is there may send mail to anybody",
			     l->name);
		return;
	}
}

/* --- listeners ------------------------------------------------------------- */

/* One that took its name from its address is told of the address only. */
static bool
cc_listener_name(struct cc *cc, size_t at)
{
	const struct listener_conf *l = config_listener(cc->config, at);

	if (strcmp(l->name, CONFIG_SUBMIT_NAME) == 0) {
		conf_error(cc->errors, &l->mark,
			   "`%s` is the name of the submit socket; call the "
			   "listener otherwise",
			   l->name);
		return false;
	}
	for (size_t i = 0; i < at; i++) {
		const struct listener_conf *o = config_listener(cc->config, i);

		if (strcmp(o->name, l->name) != 0 ||
		    (strcmp(l->name, l->address) == 0 &&
		     strcmp(o->address, l->address) == 0))
			continue;
		conf_error(cc->errors, &l->mark,
			   "two listeners are called `%s`; the first is in "
			   "line %d",
			   l->name, o->mark.line);
		return false;
	}
	return true;
}

static bool
cc_address_is_free(struct cc *cc, const char *address,
		   const struct conf_mark *mark, const char *other,
		   const struct conf_mark *other_mark)
{
	if (strcmp(address, other) != 0)
		return true;
	conf_error(cc->errors, mark, "`%s` is taken by the entry in line %d",
		   address, other_mark->line);
	return false;
}

/* None of the first N listeners has ADDRESS; one that does is told of, no
 * more. */
static bool
cc_not_listener(struct cc *cc, const char *address,
		const struct conf_mark *mark, size_t n)
{
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		const struct listener_conf *o = config_listener(cc->config, i);

		ok = cc_address_is_free(cc, address, mark, o->address,
					&o->mark);
	}
	return ok;
}

/* Can somebody log in where that is wanted, and nobody listen? */
static bool
cc_listener_auth(struct cc *cc, const struct listener_conf *l)
{
	struct sockaddr_any sa[2];
	size_t n;

	if (l->auth_in_clear &&
	    (sockaddr_parse_listen(l->address, sa, &n) < 0 ||
	     !sockaddr_is_loopback(&sa[0]))) {
		conf_error(cc->errors, &l->mark,
			   "listener `%s`: auth_in_clear is for an address of "
			   "loopback; what is sent elsewhere others can read",
			   l->name);
		return false;
	}
	if (l->auth == CONFIG_AUTH_NONE)
		return true;
	if (cc->config->users_file.text[0] == '\0') {
		conf_error(cc->errors, &l->mark,
			   "listener `%s` has auth, and `users_file` is empty: "
			   "nobody could log in",
			   l->name);
		return false;
	}
	if (l->tls != CONFIG_TLS_NONE || l->auth_in_clear)
		return true;
	conf_error(cc->errors, &l->mark,
		   "listener `%s` has auth but no tls, so nobody could log "
		   "in; on loopback `auth_in_clear: true` lets them",
		   l->name);
	return false;
}

static bool
cc_listeners(struct cc *cc)
{
	bool ok = true;

	for (size_t i = 0; i < cc->config->listeners.n; i++) {
		struct listener_conf *l =
			(struct listener_conf *)cc->config->listeners.v + i;

		ok = cc_listener_name(cc, i) && ok;
		ok = cc_not_listener(cc, l->address, &l->mark, i) && ok;
		ok = cc_networks(cc, &l->trust, &l->trusted) && ok;
		ok = cc_networks(cc, &l->proxy, &l->proxies) && ok;
		ok = cc_networks(cc, &l->xclient, &l->xclients) && ok;
		ok = cc_networks(cc, &l->xforward, &l->xforwards) && ok;
		ok = cc_listener_auth(cc, l) && ok;
		if (l->role == CONFIG_INBOUND && cc->config->domains.n == 0) {
			conf_error(cc->errors, &l->mark,
				   "listener `%s` has the role inbound, and "
				   "`domains` is empty: list there what it "
				   "takes mail for",
				   l->name);
			ok = false;
		}
		if (l->trust.n == 0 && l->role == CONFIG_SUBMISSION &&
		    l->auth == CONFIG_AUTH_NONE && !config_asks_clients(l))
			conf_warning(cc->errors, &l->mark,
				     "listener `%s` trusts nobody, so nobody "
				     "may submit there",
				     l->name);
		cc_warn_wide(cc, l);
		cc_warn_wide_says(cc, l, "proxy", &l->proxy, &l->proxies);
		cc_warn_wide_says(cc, l, "xclient", &l->xclient, &l->xclients);
	}
	return ok;
}

/* --- http ------------------------------------------------------------------ */

static void
cc_warn_plain_http(struct cc *cc, const struct http_conf *h)
{
	struct sockaddr_any sa[2];
	size_t n;

	if (sockaddr_parse_listen(h->address, sa, &n) < 0 ||
	    sa[0].ss.ss_family == AF_UNIX || sockaddr_is_loopback(&sa[0]))
		return;
	conf_warning(cc->errors, &h->mark,
		     "HTTP at `%s` is not encrypted; put a proxy with TLS in "
		     "front and listen on loopback",
		     h->address);
}

static bool
cc_http_address(struct cc *cc, const struct http_conf *h, size_t at)
{
	bool ok = true;

	for (size_t i = 0; ok && i < at; i++) {
		const struct http_conf *o = config_http(cc->config, i);

		ok = cc_address_is_free(cc, h->address, &h->mark, o->address,
					&o->mark);
	}
	return ok && cc_not_listener(cc, h->address, &h->mark,
				     cc->config->listeners.n);
}

static bool
cc_http(struct cc *cc)
{
	bool ok = true;

	for (size_t i = 0; i < cc->config->http.n; i++) {
		struct http_conf *h =
			(struct http_conf *)cc->config->http.v + i;

		ok = cc_http_address(cc, h, i) && ok;
		ok = cc_networks(cc, &h->trust, &h->trusted) && ok;
		ok = cc_networks(cc, &h->proxy, &h->proxies) && ok;
		cc_warn_plain_http(cc, h);
	}
	return ok;
}

/* --- the rest -------------------------------------------------------------- */

/* One processor is for the store's thread, which works as hard as any loop. */
static int64_t
cc_auto_loops(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN) - 1;

	return n < 1 ? 1 : n > 64 ? 64 : n;
}

static void
cc_resolve_numbers(struct cc *cc)
{
	struct config *c = cc->config;

	c->nloops =
		strcmp(c->loops, "auto") == 0 ? 0 : strtol(c->loops, NULL, 10);
	if (c->nloops == 0)
		c->nloops = cc_auto_loops();
	c->store_reserve = queue_store_reserve(&c->store);
	if (c->drop_dir[0] == '\0')
		c->drop_dir = arena_printf(cc->arena, "%s/drop", c->state_dir);
}

static bool
cc_sizes(struct cc *cc)
{
	const struct config *c = cc->config;
	bool ok = true;

	if (c->limits.message_size >
	    (c->store.max_size - c->store_reserve) / 2) {
		conf_error(cc->errors, &c->limits.mark,
			   "limits.message_size is %s, more than half of what "
			   "store.max_size (%s) leaves; make the store larger",
			   conf_size_text(c->limits.message_size, cc->arena),
			   conf_size_text(c->store.max_size, cc->arena));
		ok = false;
	}
	if (c->limits.header_size > c->limits.message_size) {
		conf_error(cc->errors, &c->limits.mark,
			   "limits.header_size is %s, larger than "
			   "limits.message_size, which is %s",
			   conf_size_text(c->limits.header_size, cc->arena),
			   conf_size_text(c->limits.message_size, cc->arena));
		ok = false;
	}
	return ok;
}

static bool
cc_sockets(struct cc *cc)
{
	const struct config *c = cc->config;

	if (strcmp(c->admin_socket, c->submit_socket) != 0)
		return true;
	conf_error(cc->errors, &c->mark,
		   "admin_socket and submit_socket are the same path, %s",
		   c->admin_socket);
	return false;
}

/* Compiled once for its own checks; who delivers compiles it again. */
static bool
cc_routing(struct cc *cc)
{
	struct routing_sources from = config_routing(cc->config);
	struct routing *routing = NULL;
	size_t before = cc->errors->total;

	if (routing_new(&from, cc->errors, &routing) == 0) {
		expand_check(routing, &cc->config->mark, cc->errors);
		routing_check_fallback(routing, cc->errors);
		routing_unref(&routing);
	}
	return cc->errors->total == before;
}

static bool
cc_postmaster(struct cc *cc)
{
	const struct config *c = cc->config;

	if (c->domains.n == 0 || c->postmaster[0] != '\0')
		return true;
	conf_error(
		cc->errors, &c->domains.marks[0],
		"`domains` needs a `postmaster`, who answers for them; write "
		"for example `postmaster: anna@%s`",
		c->domains.v[0]);
	return false;
}

static bool
cc_notify(struct cc *cc)
{
	const struct config *c = cc->config;

	if (c->notify.kinds == 0 || c->postmaster[0] != '\0')
		return true;
	conf_error(cc->errors, &c->notify.postmaster.marks[0],
		   "`notify.postmaster` needs a `postmaster`, who is told; "
		   "write for example `postmaster: anna@example.org`");
	return false;
}

bool
config_resolve(struct config *c, struct arena *arena, struct conf_errors *e)
{
	struct cc cc = {c, arena, e};
	bool ok = networks_check(&c->networks, arena, e);

	cc_resolve_numbers(&cc);
	ok = cc_sizes(&cc) && ok;
	ok = cc_sockets(&cc) && ok;
	ok = cc_postmaster(&cc) && ok;
	ok = cc_notify(&cc) && ok;
	ok = config_read_aliases(c, arena, e) && ok;
	if (ok)
		ok = cc_routing(&cc);
	/* An unknown name would be told of once more at each place it is used.
	 */
	if (ok)
		ok = cc_listeners(&cc);
	if (ok)
		ok = config_resolve_tls(c, arena, e);
	if (ok)
		ok = cc_http(&cc);
	if (ok)
		ok = config_resolve_alerts(c, arena, e);
	if (ok)
		ok = config_resolve_for_milter(c, arena, e);
	return ok;
}

bool
config_resolve_for_milter(struct config *c, struct arena *arena,
			  struct conf_errors *e)
{
	bool ok = networks_check(&c->networks, arena, e);

	if (ok)
		ok = config_resolve_verdict(c, arena, e);
	if (ok)
		ok = config_resolve_milter(c, arena, e);
	return ok;
}
