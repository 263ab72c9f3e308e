/*
 * attempt_route - the route of a recipient, looked up anew at each try.
 */
#include <string.h>

#include "deliver/deliver_impl.h"

static bool
ar_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

bool
attempt_route_rcpt(struct attempt *a, struct attempt_rcpt *rcpt,
		   const struct routing *routing, struct route *ret_route)
{
	struct address to = {rcpt->address, ""}; /* <postmaster> */
	const char *why;

	if (strchr(rcpt->address, '@'))
		address_parse(rcpt->address, &a->arena, &to, &why);
	if (route_find(routing, &to, ret_route) < 0) {
		rcpt->outcome = ATTEMPT_LATER;
		rcpt->relay = "";
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
