/*
 * smtp_hosts - the hosts that a try goes to, in their order.
 *
 * First the route's entries. An entry that stands for mail exchangers gives its
 * place to them when its turn comes (RFC 5321, 5.1): the best preference first,
 * equals in random order, without those that are not better than ourselves.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "deliver/deliver_impl.h"
#include "deliver/hop_conf.h"

const char *
smtp_host_key(const struct smtp_host *host, char *key, size_t size)
{
	const struct hop *entry = host->entry;

	/* Where one login or level of TLS fails another may be welcome. */
	snprintf(key, size, "%s %s:%" PRId64 " %d %s",
		 smtp_host_is_open(host) ? "mx" : "host", host->name,
		 entry->port, (int)hop_tls_level(entry), entry->user);
	return key;
}

bool
smtp_host_is_open(const struct smtp_host *host)
{
	return host->entry->mx && !host->is_mx;
}

static struct smtp_host *
hosts_now(const struct smtp_try *t)
{
	return &t->hosts[t->host_at];
}

/* From the host at hand on: as they stand, but what failed lately last. */
static void
hosts_order(struct smtp_try *t)
{
	size_t n = t->nhosts - t->host_at, k = 0;
	struct smtp_host *was = arena_alloc(&t->a->arena, n * sizeof(*was));
	char key[SMTP_KEY_MAX];

	memcpy(was, hosts_now(t), n * sizeof(*was));
	for (size_t i = 0; i < n; i++) {
		smtp_host_key(&was[i], key, sizeof(key));
		was[i].failed = host_memory_has(&t->dl->memory, key,
						loop_mono_ms(t->dl->loop));
	}
	for (int failed = 0; failed < 2; failed++)
		for (size_t i = 0; i < n; i++)
			if (was[i].failed == (failed == 1))
				hosts_now(t)[k++] = was[i];
}

static void
hosts_add(struct smtp_try *t, const struct hop *hops, size_t n, bool fallback)
{
	for (size_t i = 0; i < n; i++)
		t->hosts[t->nhosts++] = (struct smtp_host){
			.entry = &hops[i],
			.name = hops[i].host,
			.fallback = fallback,
		};
}

/* A store behind LMTP has no stand-in. */
void
smtp_hosts_init(struct smtp_try *t, const struct route *route)
{
	const struct conf_list *fallback = &routing_conf(t->routing)->fallback;
	size_t n = smtp_try_is_lmtp(t) ? 0 : fallback->n;

	t->hosts = arena_alloc(&t->a->arena,
			       (route->nhops + n) * sizeof(*t->hosts));
	t->nhosts = 0;
	hosts_add(t, route->hops, route->nhops, false);
	if (route->mx) {
		t->mx_entry = &route->hops[0];
		t->hosts[0].name = t->a->dest;
	}
	hosts_add(t, fallback->v, n, true);
	hosts_order(t);
}

/* --- routes ------------------------------------------------------------------------ */

/* A list of hosts that is named like a domain is not that domain: back for a
 * try of its own. */
static void
hosts_namesake(struct smtp_try *t, struct attempt_rcpt *rcpt,
	       const struct route *route)
{
	rcpt->outcome = ATTEMPT_MOVED;
	rcpt->relay = "";
	rcpt->moved_agent = t->a->agent;
	rcpt->moved_dest = t->a->dest;
	rcpt->moved_route = arena_strdup(&t->a->arena, route->rule);
}

size_t
smtp_hosts_route(struct smtp_try *t, struct route *ret_route)
{
	struct route route;
	size_t n = 0;

	for (size_t i = 0; i < t->a->nrcpt; i++) {
		t->a->rcpt[i].relay = NULL;
		if (!attempt_route_rcpt(t->a, &t->a->rcpt[i], t->routing,
					&route))
			continue;
		if (n > 0 && route.mx != ret_route->mx) {
			hosts_namesake(t, &t->a->rcpt[i], &route);
			continue;
		}
		*ret_route = route;
		n++;
	}
	return n;
}

/* --- mail exchangers ----------------------------------------------------------- */

/* Those of one preference in random order; V is sorted by it. */
static void
sh_mx_shuffle(struct dns_mx *v, size_t n)
{
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1;
		     to < n && v[to].preference == v[from].preference; to++)
			;
		for (size_t i = to - 1; i > from; i--) {
			size_t j = from +
				   arc4random_uniform((uint32_t)(i - from + 1));
			struct dns_mx other = v[i];

			v[i] = v[j];
			v[j] = other;
		}
	}
}

/* V in the place of the host at hand, which they are the exchangers of. */
static void
hosts_put(struct smtp_try *t, const struct dns_mx *v, size_t n)
{
	const struct smtp_host *open = hosts_now(t);
	size_t total = t->nhosts - 1 + n;
	struct smtp_host *hosts =
		arena_alloc(&t->a->arena, total * sizeof(*hosts));

	memcpy(hosts, t->hosts, t->host_at * sizeof(*hosts));
	for (size_t i = 0; i < n; i++)
		hosts[t->host_at + i] = (struct smtp_host){
			.entry = open->entry,
			.name = arena_strdup(&t->a->arena, v[i].host),
			.preference = v[i].preference,
			.is_mx = true,
		};
	memcpy(&hosts[t->host_at + n], open + 1,
	       (t->nhosts - t->host_at - 1) * sizeof(*hosts));
	t->hosts = hosts;
	t->nhosts = total;
	hosts_order(t);
	smtp_try_host(t);
}

static void
hosts_are_us(struct smtp_try *t, const char *name)
{
	smtp_try_hopeless(t, 554, "5.4.6",
			  "mail for %s loops: its mail host %s is this one",
			  hosts_now(t)->name, name);
}

/* --- are we one of them? --------------------------------------------------------- */

bool
smtp_hosts_is_us(const struct smtp_try *t, const struct sockaddr_any *addr)
{
	bool any;

	return sockaddr_is_any(addr) ||
	       routing_listens_at(t->routing, addr, &any) ||
	       (any && sockaddr_is_ours(addr));
}

void
smtp_hosts_drop_equals(struct smtp_try *t)
{
	const struct smtp_host *us = hosts_now(t);
	size_t n = t->host_at + 1;

	for (size_t i = n; i < t->nhosts; i++) {
		const struct smtp_host *h = &t->hosts[i];

		if (h->entry != us->entry || !h->is_mx ||
		    h->preference < us->preference)
			t->hosts[n++] = *h;
	}
	t->nhosts = n;
}

/* The first N of the exchangers, and not more than are to be tried. */
static void
mx_put(struct smtp_try *t, size_t n)
{
	size_t most = (size_t)routing_conf(t->routing)->mx.hosts;

	hosts_put(t, t->mx, n < most ? n : most);
}

/* How many are better than number AT. */
static size_t
mx_better(const struct smtp_try *t, size_t at)
{
	size_t n = at;

	while (n > 0 && t->mx[n - 1].preference == t->mx[at].preference)
		n--;
	return n;
}

/* What is not better than ourselves goes, and the rest is tried. */
static void
mx_cut(struct smtp_try *t, size_t us)
{
	size_t n = mx_better(t, us);

	if (n == 0)
		hosts_are_us(t, t->mx[us].host);
	else
		mx_put(t, n);
}

/* We are not among those that are known. For a domain of ours we are among
 * them, then: what is not better than one that is not known may be behind us.
 */
static void
mx_doubt(struct smtp_try *t)
{
	const char *domain = hosts_now(t)->name;
	size_t n = t->nmx;

	if (t->mx_doubt < n && routing_is_ours(t->routing, domain))
		n = mx_better(t, t->mx_doubt);
	if (n == 0)
		smtp_try_failed_host(t, "4.4.3",
				     "%s: the address of its mail host %s "
				     "can't be found now, and it may be this "
				     "one",
				     domain, t->mx[t->mx_doubt].host);
	else
		mx_put(t, n);
}

static void mx_look(struct smtp_try *t);

static void
mx_looked(void *arg, const struct dns_answer *answer)
{
	const struct smtp_try *now = arg;
	int64_t port = hosts_now(now)->entry->port;
	struct smtp_try *t = arg;

	t->query = NULL;
	if (answer->status == DNS_TEMPFAIL && t->mx_doubt > t->mx_at)
		t->mx_doubt = t->mx_at;
	for (size_t i = 0; i < answer->n; i++) {
		struct sockaddr_any addr = answer->v[i];

		sockaddr_set_port(&addr, (int)port);
		if (smtp_hosts_is_us(t, &addr)) {
			mx_cut(t, t->mx_at);
			return;
		}
	}
	t->mx_at++;
	mx_look(t);
}

/* Equals come in random order, so all are looked at before one is tried: also
 * those that are not going to be. */
static void
mx_look(struct smtp_try *t)
{
	if (t->mx_at == t->nmx)
		mx_doubt(t);
	else
		t->query = dns_addresses(t->dl->dns, t->mx[t->mx_at].host,
					 mx_looked, t);
}

static void
mx_found(struct smtp_try *t)
{
	const struct routing *r = t->routing;

	sh_mx_shuffle(t->mx, t->nmx);
	for (size_t i = 0; i < t->nmx; i++)
		if (strcasecmp(t->mx[i].host, routing_hostname(r)) == 0) {
			mx_cut(t, i);
			return;
		}
	t->mx_at = 0;
	t->mx_doubt = t->nmx;
	/* A single one is looked at when it is tried. */
	if (t->nmx > 1 &&
	    routing_listens_on_port(r, (int)hosts_now(t)->entry->port))
		mx_look(t);
	else
		mx_put(t, t->nmx);
}

/* --- the question ------------------------------------------------------------------ */

/* A domain without MX is its own mail exchanger. */
static void
mx_implicit(struct smtp_try *t, const char *name)
{
	t->mx = arena_alloc(&t->a->arena, sizeof(*t->mx));
	t->nmx = 1;
	snprintf(t->mx->host, sizeof(t->mx->host), "%s", name);
	mx_found(t);
}

/* The root among others is no host; by itself it says "no mail" (RFC 7505). */
static void
mx_take(struct smtp_try *t, const struct dns_mx_answer *answer)
{
	t->mx = arena_alloc(&t->a->arena, answer->n * sizeof(*t->mx));
	t->nmx = 0;
	for (size_t i = 0; i < answer->n; i++)
		if (answer->v[i].host[0] != '\0')
			t->mx[t->nmx++] = answer->v[i];
	if (t->nmx == 0)
		smtp_try_hopeless(t, 556, "5.1.10",
				  "%s takes no mail (null MX)",
				  hosts_now(t)->name);
	else
		mx_found(t);
}

static void
mx_answered(void *arg, const struct dns_mx_answer *answer)
{
	struct smtp_try *t = arg;
	const char *name = hosts_now(t)->name;

	t->query = NULL;
	switch (answer->status) {
	case DNS_OK:
		mx_take(t, answer);
		return;
	case DNS_NONE:
		if (answer->no_name)
			smtp_try_hopeless(t, 550, "5.1.2",
					  "the domain %s does not exist", name);
		else
			mx_implicit(t, name);
		return;
	case DNS_TEMPFAIL:
		smtp_try_failed_host(t, "4.4.3", "%s: %s", name, answer->why);
		return;
	}
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321, 4.1.3). */
static void
mx_literal(struct smtp_try *t, const char *literal)
{
	static const char tag[] = "IPv6:";
	char ip[DNS_NAME_MAX];
	struct sockaddr_any addr;

	if (strncasecmp(literal + 1, tag, strlen(tag)) == 0)
		snprintf(ip, sizeof(ip), "%s", literal + 1 + strlen(tag));
	else
		snprintf(ip, sizeof(ip), "%s", literal + 1);
	ip[strcspn(ip, "]")] = '\0';
	if (sockaddr_parse_ip(ip, 0, &addr) == 0)
		mx_implicit(t, ip);
	else
		smtp_try_hopeless(t, 550, "5.1.2", "%s is no address", literal);
}

void
smtp_hosts_ask(struct smtp_try *t)
{
	const char *name = hosts_now(t)->name;

	if (name[0] == '[')
		mx_literal(t, name);
	else
		t->query = dns_mx(t->dl->dns, name, mx_answered, t);
}
