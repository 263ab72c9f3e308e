#include "base/must.h"
#include "deliver/route_impl.h"
#include "deliver/routes_conf.h"
#include "mail/pattern.h"

static void
rt_dup_bcc(struct routing *r, struct route_rule *rule)
{
	struct conf_strings *bcc = &rule->bcc;
	const char *why;

	rule->copies =
		arena_alloc(&r->arena, (bcc->n + 1) * sizeof(*rule->copies));
	for (size_t i = 0; i < bcc->n; i++)
		must(address_parse_bare(bcc->v[i], &r->arena, &rule->copies[i],
					&why) == 0); /* the tables see to it */
	bcc->v = NULL;
	bcc->marks = NULL;
}

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
		rt_dup_bcc(r, &rules[i]);
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
