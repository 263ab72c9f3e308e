/*
 * attempt_route - the route of a recipient, looked up anew at each try, and for
 * all that wait when the routes are others.
 */
#include <errno.h>
#include <string.h>

#include "deliver/deliver_impl.h"

static bool
ar_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static int
ar_find(const struct routing *routing, const char *sender, const char *address,
	struct arena *arena, struct route *ret_route)
{
	struct address to = {address, ""}; /* <postmaster> */
	const char *why;

	if (strchr(address, '@'))
		address_parse(address, arena, &to, &why);
	return route_find(routing, sender, &to, ret_route);
}

bool
attempt_route_rcpt(struct attempt *a, struct attempt_rcpt *rcpt,
		   const struct routing *routing, struct route *ret_route)
{
	int r = ar_find(routing, a->sender, rcpt->address, &a->arena,
			ret_route);

	if (r < 0) {
		rcpt->outcome = ATTEMPT_LATER;
		rcpt->relay = "";
		if (r == -EACCES)
			reply_set(&rcpt->reply, 451, "4.7.1",
				  "delivery.only_recipients does not list %s",
				  rcpt->address);
		else
			reply_set(&rcpt->reply, 451, "4.4.4", "no route to %s",
				  rcpt->address);
		return false;
	}
	if (ar_same(ret_route->agent, a->agent) &&
	    ar_same(ret_route->dest, a->dest))
		return true;
	rcpt->outcome = ATTEMPT_MOVED;
	rcpt->relay = "";
	rcpt->moved_agent = arena_strdup(&a->arena, ret_route->agent);
	rcpt->moved_dest = arena_strdup(&a->arena, ret_route->dest);
	rcpt->moved_route = arena_strdup(&a->arena, ret_route->rule);
	return false;
}

void
deliver_look_up(void *ctx, struct loop *loop, struct arena *arena,
		struct queue_lookup *v, size_t n)
{
	struct routing *routing = deliver_routing(ctx);
	struct route route;

	(void)loop;
	for (size_t i = 0; i < n; i++) {
		/* An endpoint's name is no address that is routed. */
		if (strcmp(v[i].agent, "web") == 0 ||
		    strcmp(v[i].agent, "exec") == 0)
			continue;
		if (ar_find(routing, v[i].sender, v[i].address, arena, &route) <
		    0)
			continue; /* its next try says so */
		v[i].agent = arena_strdup(arena, route.agent);
		v[i].dest = arena_strdup(arena, route.dest);
		v[i].route = arena_strdup(arena, route.rule);
	}
	routing_unref(&routing);
}
