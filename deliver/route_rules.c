#include "deliver/route_impl.h"
#include "deliver/routes_conf.h"
#include "mail/pattern.h"

void
rt_dup_routes(struct routing *r, const struct conf_list *routes)
{
	struct route_rule *rules;

	r->routes = *routes;
	rt_dup_list(r, &r->routes, sizeof(*rules));
	rules = r->routes.v;
	for (size_t i = 0; i < r->routes.n; i++) {
		rules[i].match = rt_dup(r, rules[i].match);
		rules[i].pattern = NULL;
		rules[i].path = rt_dup(r, rules[i].path);
		rt_dup_mark(r, &rules[i].mark);
		rt_dup_hops(r, &rules[i].via,
			    rules[i].deliver == ROUTE_LMTP ? HOP_LMTP_PORT
							   : HOP_SMTP_PORT);
	}
}

static void
rt_add_rule(struct routing *r, const struct route_rule *rule)
{
	struct route_list *l = rt_add(r);

	l->agent = route_deliver_names[rule->deliver];
	l->name = rule->match;
	l->match = rule->pattern;
	l->rule = rule;
	switch ((enum route_deliver)rule->deliver) {
	case ROUTE_SMTP:
	case ROUTE_LMTP:
		l->hops = rule->via.v;
		l->nhops = rule->via.n;
		l->dest = rt_dest(r, &rule->via);
		break;
	case ROUTE_MAILDIR:
		l->dest = rule->path;
		break;
	}
}

void
rt_add_routes(struct routing *r, struct conf_errors *errors)
{
	struct route_rule *rules = r->routes.v;

	for (size_t i = 0; i < r->routes.n; i++) {
		rules[i].pattern =
			rt_compile(r, rules[i].match, &rules[i].mark, errors);
		rt_add_rule(r, &rules[i]);
	}
}

void
rt_done_routes(struct routing *r)
{
	struct route_rule *rules = r->routes.v;

	for (size_t i = 0; i < r->routes.n; i++)
		pattern_free(&rules[i].pattern);
}
