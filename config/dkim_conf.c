/*
 * The section `dkim`: who signs with which keys.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "config/config_impl.h"
#include "config/dkim_load.h"
#include "verdict/answers.h"

#define SELECTORS_MAX 10

/* --- a selector ---------------------------------------------------------------- */

bool
dkim_conf_is_selector(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	return answers_name_ok(name) && strspn(name, letters) == strlen(name) &&
	       name[strlen(name) - 1] != '.';
}

bool
dkim_conf_is_domain(const char *name)
{
	return name[0] != '[' && address_is_domain(name, strlen(name));
}

static bool
dkim_check_selector(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors)
{
	const char *name = *(char **)field;

	if (dkim_conf_is_selector(name))
		return true;
	conf_error(errors, mark,
		   "a selector is a name for the DNS, like s2026, not `%s`",
		   name);
	return false;
}

static bool
dkim_check_domain(void *field, const struct conf_mark *mark,
		  struct conf_errors *errors)
{
	const char *name = *(char **)field;

	if (name[0] == '\0' || dkim_conf_is_domain(name))
		return true;
	conf_error(errors, mark, "`%s` is no domain", name);
	return false;
}

static const struct conf_option selector_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .offset = offsetof(struct dkim_selector_conf, name),
	 .help = "The name that the key has in the DNS, before "
		 "`._domainkey.` and the domain.",
	 .check = dkim_check_selector,
	 .example = "s2026"},
	SECRET_OPTIONS("key", struct dkim_selector_conf, key,
		       "the private key, in PEM and not encrypted",
		       "/etc/belfry/dkim/s2026.pem"),
	{.name = NULL},
};

static bool
selector_check(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const struct dkim_selector_conf *s = field;

	if (!secret_check(&s->key, "key", errors))
		return false;
	if (secret_is_given(&s->key))
		return true;
	conf_error(errors, mark,
		   "selector `%s` has no key: give `key_file`; `belfry dkim "
		   "genkey` makes one",
		   s->name);
	return false;
}

static const struct conf_table selector_table = {
	.size = sizeof(struct dkim_selector_conf),
	.options = selector_options,
	.mark_offset = offsetof(struct dkim_selector_conf, mark),
	.check = selector_check,
};

/* --- a rule -------------------------------------------------------------------- */

static const struct conf_option rule_options[] = {
	{.name = "match",
	 .type = CONF_STRING,
	 .offset = offsetof(struct dkim_rule_conf, match),
	 .help = "Whose mail it is for, by the first address of From, as a "
		 "pattern.",
	 .check = route_check_match,
	 .example = "example.org"},
	{.name = "domain",
	 .type = CONF_STRING,
	 .offset = offsetof(struct dkim_rule_conf, domain),
	 .dflt = "\"\"",
	 .help = "The domain that signs; empty: that of match, where it is "
		 "a domain or an address.",
	 .check = dkim_check_domain,
	 .example = "example.org"},
	{.name = "selectors",
	 .type = CONF_LIST,
	 .offset = offsetof(struct dkim_rule_conf, selectors),
	 .help = "The keys: each makes a signature of its own.",
	 .table = &selector_table,
	 .example = "[{name: s2026, key_file: /etc/belfry/dkim/s2026.pem}]"},
	{.name = NULL},
};

static bool
rule_selectors(const struct dkim_rule_conf *r, struct conf_errors *errors)
{
	if (r->selectors.n == 0 || r->selectors.n > SELECTORS_MAX) {
		conf_error(errors, &r->mark,
			   "a rule has from 1 to %d `selectors`",
			   SELECTORS_MAX);
		return false;
	}
	for (size_t i = 0; i < r->selectors.n; i++)
		for (size_t j = 0; j < i; j++) {
			const struct dkim_selector_conf *s =
				dkim_conf_selector(r, i);

			if (strcasecmp(s->name,
				       dkim_conf_selector(r, j)->name) != 0)
				continue;
			conf_error(errors, &s->mark,
				   "selector `%s` is there twice", s->name);
			return false;
		}
	return true;
}

static bool
rule_check(void *field, const struct conf_mark *mark,
	   struct conf_errors *errors)
{
	const struct dkim_rule_conf *r = field;

	if (!rule_selectors(r, errors))
		return false;
	if (dkim_conf_domain(r) != NULL)
		return true;
	conf_error(errors, mark,
		   "`%s` does not say which domain signs: add `domain`",
		   r->match);
	return false;
}

static const struct conf_table rule_table = {
	.size = sizeof(struct dkim_rule_conf),
	.options = rule_options,
	.mark_offset = offsetof(struct dkim_rule_conf, mark),
	.check = rule_check,
};

const struct dkim_rule_conf *
dkim_conf_rule(const struct dkim_conf *c, size_t i)
{
	return (const struct dkim_rule_conf *)c->sign.v + i;
}

const struct dkim_selector_conf *
dkim_conf_selector(const struct dkim_rule_conf *r, size_t i)
{
	return (const struct dkim_selector_conf *)r->selectors.v + i;
}

/* A pattern that is no domain has something that no domain has. */
const char *
dkim_conf_domain(const struct dkim_rule_conf *r)
{
	const char *at = strrchr(r->match, '@');
	const char *domain = at != NULL ? at + 1 : r->match;

	if (r->domain[0] != '\0')
		return r->domain;
	if (strpbrk(domain, "/*") != NULL || domain[0] == '.' ||
	    !dkim_conf_is_domain(domain))
		return NULL;
	return domain;
}

/* --- the section ---------------------------------------------------------------- */

static const struct conf_option dkim_section_options[] = {
	{.name = "sign",
	 .type = CONF_LIST,
	 .offset = offsetof(struct dkim_conf, sign),
	 .dflt = "[]",
	 .help = "Who signs with which keys; of several rules the first that "
		 "matches.",
	 .table = &rule_table,
	 .example = "[{match: example.org, selectors: [{name: s2026, "
		    "key_file: /etc/belfry/dkim/s2026.pem}]}]"},
	{.name = NULL},
};

const struct conf_table dkim_conf_table = {
	.size = sizeof(struct dkim_conf),
	.options = dkim_section_options,
};
