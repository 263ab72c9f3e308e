#include "base/must.h"
#include "deliver/route_impl.h"
#include "deliver/routes_conf.h"
#include "mail/pattern.h"

/* Of a destination that is named after its command. */
#define COMMAND_DEST_MAX 512

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

static void
rt_dup_command(struct routing *r, struct route_rule *rule)
{
	struct conf_strings *command = &rule->command;
	char **v = arena_alloc(&r->arena, (command->n + 1) * sizeof(*v));

	for (size_t i = 0; i < command->n; i++)
		v[i] = rt_dup(r, command->v[i]);
	command->v = v;
	command->marks = NULL;
}

/* The command as one reads it, the end of a long one left out: two that share
 * their beginning share a destination, and each is run by its own route. */
static const char *
rt_command_dest(struct routing *r, const struct conf_strings *command)
{
	struct buf name;
	const char *dest;
	int e = 0;

	buf_init(&name, COMMAND_DEST_MAX);
	for (size_t i = 0; i < command->n && e == 0; i++)
		e = buf_printf(&name, "%s%s", i > 0 ? " " : "", command->v[i]);
	dest = rt_dup(r, buf_str(&name));
	buf_done(&name);
	return dest;
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
		rt_dup_command(r, &rules[i]);
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
	case ROUTE_PIPE:
		l->dest = rt_command_dest(r, &rule->command);
		break;
	case ROUTE_ALERT:
		l->dest = route_deliver_names[ROUTE_ALERT];
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
