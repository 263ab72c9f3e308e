#include "config/config_impl.h"

#include "base/utf8.h"
#include "deliver/template.h"

/* An address, perhaps with {names} in it: tried with a plain one. */
static bool
rewrite_check_to(void *field, const struct conf_mark *mark,
		 struct conf_errors *errors)
{
	const char *text = *(char **)field, *why = "", *bad;
	struct template_values values;
	struct address a = {0};
	struct arena arena;
	bool ok = true;
	size_t len;

	if (text[0] == '\0')
		return true;
	if (!template_check(text, TEMPLATE_PATH, &bad, &len)) {
		conf_error(errors, mark,
			   "`%.*s` is not known here; there are {local}, "
			   "{domain} and {extension}",
			   (int)len, bad);
		return false;
	}
	arena_init(&arena);
	template_values_init(&values, "", "a+b@c.example", '+', &arena);
	if (address_parse(template_expand(text, &values, &arena), &arena, &a,
			  &why) < 0 ||
	    a.domain[0] == '\0') {
		conf_error(errors, mark,
			   "`%s` is no address like noreply@example.org: %s",
			   text,
			   why[0] != '\0' ? why : "the domain is missing");
		ok = false;
	} else if (!utf8_is_ascii(a.local)) {
		conf_error(errors, mark,
			   "`%s` is not ASCII before the @, which few hosts "
			   "take",
			   text);
		ok = false;
	}
	arena_done(&arena);
	return ok;
}

#define REWRITE_TO(key, place)                                                 \
	{                                                                      \
		.name = #key, .type = CONF_STRING,                             \
		.offset = offsetof(struct rewrite_rule, key), .dflt = "\"\"",  \
		.help = "What stands instead " place                           \
			"; {local}, {domain} and {extension} are those of "    \
			"the "                                                 \
			"address; empty: it stays.",                           \
		.check = rewrite_check_to, .example = "noreply@example.org"    \
	}

static const struct conf_option rewrite_options[] = {
	{.name = "match",
	 .type = CONF_STRING,
	 .offset = offsetof(struct rewrite_rule, match),
	 .help = "The senders it is for, as a pattern.",
	 .check = route_check_match,
	 .example = ".int.example.org"},
	REWRITE_TO(from, "in the field From"),
	REWRITE_TO(sender, "in the field Sender"),
	REWRITE_TO(envelope, "in the envelope"),
	{.name = NULL},
};

static bool
rewrite_check(void *field, const struct conf_mark *mark,
	      struct conf_errors *errors)
{
	const struct rewrite_rule *r = field;

	if (r->from[0] != '\0' || r->sender[0] != '\0' ||
	    r->envelope[0] != '\0')
		return true;
	conf_error(errors, mark,
		   "a rule that changes nothing: give `from`, `sender` or "
		   "`envelope`");
	return false;
}

const struct conf_table rewrite_rule_table = {
	.size = sizeof(struct rewrite_rule),
	.options = rewrite_options,
	.mark_offset = offsetof(struct rewrite_rule, mark),
	.check = rewrite_check,
};
