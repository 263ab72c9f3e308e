/*
 * route_find - the lookup: which list of hosts, and is a host ourselves?
 */
#include <errno.h>
#include <string.h>

#include "deliver/route_impl.h"
#include "mail/pattern.h"

void
routing_set_listens(struct routing *r, const struct sockaddr_any *v, size_t n)
{
	r->listens = arena_alloc(&r->arena, n * sizeof(*v));
	if (n > 0)
		memcpy(r->listens, v, n * sizeof(*v));
	r->nlistens = n;
}

bool
routing_listens_on_port(const struct routing *r, int port)
{
	for (size_t i = 0; i < r->nlistens; i++)
		if (sockaddr_port(&r->listens[i]) == port)
			return true;
	return false;
}

bool
routing_listens_at(const struct routing *r, const struct sockaddr_any *addr,
		   bool *ret_any)
{
	uint8_t want[16], have[16];
	bool any = false;

	*ret_any = false;
	if (!sockaddr_bytes(addr, want))
		return false;
	for (size_t i = 0; i < r->nlistens; i++) {
		const struct sockaddr_any *l = &r->listens[i];

		if (sockaddr_port(l) != sockaddr_port(addr) ||
		    !sockaddr_bytes(l, have))
			continue;
		if (memcmp(want, have, sizeof(want)) == 0)
			return true;
		any |= sockaddr_is_any(l) &&
		       l->ss.ss_family == addr->ss.ss_family;
	}
	*ret_any = any;
	return false;
}

static bool
rt_sender_matches(const struct pattern *p, const char *sender)
{
	const char *domain = address_domain_of(sender), *why;
	struct address from = {sender, ""};
	struct arena arena;
	bool ok = sender[0] != '\0';

	arena_init(&arena);
	if (ok && domain[0] != '\0')
		ok = address_parse(sender, &arena, &from, &why) == 0;
	ok = ok && pattern_match(p, &from);
	arena_done(&arena);
	return ok;
}

static bool
rt_matches(const struct route_list *l, const char *sender,
	   const struct address *rcpt)
{
	if (!l->match)
		return true;
	return l->by_sender ? rt_sender_matches(l->match, sender)
			    : pattern_match(l->match, rcpt);
}

/* By delivery.only_recipients. */
static bool
rt_is_listed(const struct routing *r, const struct address *rcpt)
{
	for (size_t i = 0; i < r->nonly; i++)
		if (pattern_match(r->only[i], rcpt))
			return true;
	return r->nonly == 0;
}

bool
route_is_endpoint_held(const struct routing *r, const char *name)
{
	const struct address endpoint = {name, ""};

	return !rt_is_listed(r, &endpoint);
}

int
route_find(const struct routing *r, const char *sender,
	   const struct address *rcpt, struct route *ret_route)
{
	bool closed = rt_is_closed(r, rcpt->domain), listed = false;

	if (strcmp(rcpt->domain, ROUTE_ALERT_DOMAIN) == 0) {
		*ret_route = (struct route){
			.agent = "alert",
			.dest = "alert",
			.rule = "alert",
		};
		return 0;
	}
	for (size_t i = 0; i < r->nlists; i++) {
		const struct route_list *l = &r->lists[i];

		if (l->rule == NULL) { /* behind those that are rules */
			if (closed)
				break;
			if (!listed && !rt_is_listed(r, rcpt))
				return -EACCES;
			listed = true;
		}
		if (!rt_matches(l, sender, rcpt))
			continue;
		*ret_route = (struct route){
			.agent = l->agent,
			.dest = l->dest,
			.rule = l->name,
			.hops = l->hops,
			.nhops = l->nhops,
			.entry = l->rule,
		};
		return 0;
	}
	if (closed || rcpt->domain[0] == '\0')
		return -ENOENT;
	if (!listed && !rt_is_listed(r, rcpt))
		return -EACCES;
	*ret_route = (struct route){
		.agent = "smtp",
		.dest = rcpt->domain,
		.rule = "mx",
		.mx = true,
		.hops = &r->mx,
		.nhops = 1,
	};
	return 0;
}
