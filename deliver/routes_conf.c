#include "deliver/routes_conf.h"

#include <stdlib.h>

#include "deliver/route.h"
#include "mail/pattern.h"

const char *const route_deliver_names[] = {
	[ROUTE_SMTP] = "smtp",
	NULL,
};

/* Which keys a kind needs; it takes no other. */
static const struct route_kind {
	bool via;
} route_kinds[] = {
	[ROUTE_SMTP] = {.via = true},
};

bool
route_check_match(void *field, const struct conf_mark *mark,
		  struct conf_errors *errors)
{
	const char *match = *(char **)field;
	struct pattern *pattern = NULL;
	char *why = NULL;
	/* Whatever the delimiter is: it changes nothing in what is refused. */
	int r = pattern_new(match, '\0', &pattern, &why);

	if (r < 0)
		conf_error(errors, mark, "`%s` is no pattern: %s", match,
			   why != NULL ? why : "not understood");
	pattern_free(&pattern);
	free(why);
	return r == 0;
}

static const struct conf_option route_rule_options[] = {
	{.name = "match",
	 .type = CONF_STRING,
	 .offset = offsetof(struct route_rule, match),
	 .help = "The recipients it is for, as a pattern: `anna@example.org`, "
		 "`example.org`, `.example.org` (subdomains), a glob with `*`, "
		 "or `/regular expression/`.",
	 .check = route_check_match,
	 .example = "example.org"},
	{.name = "deliver",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct route_rule, deliver),
	 .help = "How they are delivered: `smtp` to the next hops in via.",
	 .names = route_deliver_names,
	 .example = "smtp"},
	{.name = "via",
	 .type = CONF_LIST,
	 .offset = offsetof(struct route_rule, via),
	 .dflt = "[]",
	 .help = "Next hops, tried in this order; required with `deliver: "
		 "smtp`.",
	 .table = &hop_conf_table,
	 .example = "[{host: 10.1.0.5}]"},
	{.name = NULL},
};

static bool
route_rule_check(void *field, const struct conf_mark *mark,
		 struct conf_errors *errors)
{
	const struct route_rule *rule = field;
	const struct route_kind *kind = &route_kinds[rule->deliver];

	if (kind->via && rule->via.n == 0) {
		conf_error(errors, mark,
			   "a route with `deliver: %s` needs next hops; write "
			   "for example `via: [{host: 10.1.0.5}]`",
			   route_deliver_names[rule->deliver]);
		return false;
	}
	return true;
}

const struct conf_table route_rule_table = {
	.size = sizeof(struct route_rule),
	.options = route_rule_options,
	.mark_offset = offsetof(struct route_rule, mark),
	.check = route_rule_check,
};
