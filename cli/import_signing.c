/*
 * import_signing - OpenDKIM's keys and who signs with them, as the rules of
 * `dkim.sign`.
 *
 * OpenDKIM looks an address up in a table, in an order of its own, or goes down
 * a list of patterns; here the first rule that matches counts. So the rules of
 * a table are put into its order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "cli/import_opendkim.h"

#define SELECTORS_MAX 10 /* of a rule */

struct sign_key {
	const char *name, *domain, *selector, *path;
	bool used;
};

struct sign_rule {
	const char *match;
	const char *domain; /* NULL: that of MATCH */
	size_t n;
	struct {
		const char *name, *path;
	} selectors[SELECTORS_MAX];
	unsigned rank;     /* where the order of a table puts it */
	size_t dots, line; /* among those of one rank */
};

struct signing {
	struct import_opendkim *io;
	struct arena *arena;
	bool several; /* MultipleSignatures */
	size_t nkeys, nrules;
	struct sign_key *keys;
	struct sign_rule *rules;
};

/* --- keys ---------------------------------------------------------------- */

static bool
is_path(const char *s)
{
	return s[0] == '/' || strncmp(s, "./", 2) == 0 ||
	       strncmp(s, "../", 3) == 0;
}

/* "domain:selector:path" */
static bool
key_read(struct signing *sg, const struct opendkim_entry *e,
	 struct sign_key *ret)
{
	char *rest = arena_strdup(sg->arena, e->value);
	const char *domain = strsep(&rest, ":");
	const char *selector = strsep(&rest, ":");

	if (rest == NULL || *domain == '\0' || *selector == '\0') {
		import_note(&sg->io->im, "KeyTable",
			    "line %zu: `%s` is no domain, selector and key",
			    e->line, e->key);
		return false;
	}
	*ret = (struct sign_key){e->key, domain, selector, rest, false};
	if (is_path(rest)) {
		if (rest[0] == '.')
			import_note(&sg->io->im, "KeyTable",
				    "line %zu: where `%s` is, is not said "
				    "from / on",
				    e->line, rest);
		return true;
	}
	ret->path = arena_printf(sg->arena, "/etc/belfry/dkim/%s.%s.pem",
				 selector, domain);
	import_note(&sg->io->im, "KeyTable",
		    "line %zu: the key `%s` stands in the table itself; it "
		    "isn't printed: put it into %s, in PEM",
		    e->line, e->key, ret->path);
	return true;
}

static void
keys_read(struct signing *sg, const char *value)
{
	struct opendkim_dataset d;

	opendkim_dataset(&sg->io->settings, value, &d);
	if (d.why != NULL)
		import_note(&sg->io->im, "KeyTable", "was not read: %s", d.why);
	sg->keys = arena_alloc(sg->arena, (d.n + 1) * sizeof(*sg->keys));
	for (size_t i = 0; i < d.n; i++)
		if (key_read(sg, &d.v[i], &sg->keys[sg->nkeys]))
			sg->nkeys++;
}

static struct sign_key *
key_find(const struct signing *sg, const char *name)
{
	for (size_t i = 0; i < sg->nkeys; i++)
		if (strcasecmp(sg->keys[i].name, name) == 0)
			return &sg->keys[i];
	return NULL;
}

/* --- rules --------------------------------------------------------------- */

/* The domain that all who match are of, or NULL. */
static const char *
match_domain(const char *match)
{
	const char *at = strrchr(match, '@');
	const char *domain = at != NULL ? at + 1 : match;

	return strpbrk(domain, "*/[") == NULL && domain[0] != '.' ? domain
								  : NULL;
}

/* TEXT with DOMAIN for each "%". */
static const char *
fill_in(struct signing *sg, const char *text, const char *domain)
{
	const char *out;
	struct buf b;

	buf_init(&b, IMPORT_TEXT_MAX);
	for (; *text != '\0'; text++)
		if (*text == '%')
			import_put(&b, "%s", domain);
		else
			import_put(&b, "%c", *text);
	out = arena_strdup(sg->arena, buf_str(&b));
	buf_done(&b);
	return out;
}

static struct sign_rule *
rule_find(const struct signing *sg, const char *match)
{
	for (size_t i = 0; i < sg->nrules; i++)
		if (strcasecmp(sg->rules[i].match, match) == 0)
			return &sg->rules[i];
	return NULL;
}

static void
rule_add_selector(struct signing *sg, struct sign_rule *rule, const char *name,
		  const char *path)
{
	for (size_t i = 0; i < rule->n; i++)
		if (strcasecmp(rule->selectors[i].name, name) == 0)
			return;
	if (rule->n == SELECTORS_MAX) {
		import_note(&sg->io->im, "SigningTable",
			    "`%s` has more keys than %d", rule->match,
			    SELECTORS_MAX);
		return;
	}
	rule->selectors[rule->n].name = name;
	rule->selectors[rule->n++].path = path;
}

static bool
domain_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcasecmp(a, b) == 0;
}

/* One more key for those who match. NULL: there is no rule for it, as is said. */
static struct sign_rule *
rule_add(struct signing *sg, const char *match, const char *domain, size_t line)
{
	struct sign_rule *rule = rule_find(sg, match);

	if (domain != NULL && match_domain(match) != NULL &&
	    strcasecmp(domain, match_domain(match)) == 0)
		domain = NULL;
	if (rule == NULL) {
		rule = &sg->rules[sg->nrules++];
		*rule = (struct sign_rule){
			.match = match, .domain = domain, .line = line};
		return rule;
	}
	if (!sg->several)
		import_note(&sg->io->im, "SigningTable",
			    "line %zu: `%s` has a line already, and without "
			    "MultipleSignatures the first one counts",
			    line, match);
	else if (!domain_same(rule->domain, domain))
		import_note(&sg->io->im, "SigningTable",
			    "line %zu: the keys of `%s` are of several "
			    "domains; here one domain signs",
			    line, match);
	else
		return rule;
	return NULL;
}

/* There will be at most N. */
static void
rules_init(struct signing *sg, size_t n)
{
	sg->rules = arena_alloc(sg->arena, (n + 1) * sizeof(*sg->rules));
}

static void
rule_write(struct signing *sg, const struct sign_rule *rule)
{
	struct import *im = &sg->io->im;
	struct buf *out = &sg->io->sign;

	import_put(out, "    - match: %s\n", import_quote(im, rule->match));
	if (rule->domain != NULL)
		import_put(out, "      domain: %s\n",
			   import_quote(im, rule->domain));
	import_put(out, "      selectors:\n");
	for (size_t i = 0; i < rule->n; i++)
		import_put(out, "        - {name: %s, key_file: %s}\n",
			   import_quote(im, rule->selectors[i].name),
			   import_quote(im, rule->selectors[i].path));
}

static void
rules_write(struct signing *sg)
{
	for (size_t i = 0; i < sg->nrules; i++)
		if (sg->rules[i].n > 0)
			rule_write(sg, &sg->rules[i]);
}

/* --- SigningTable -------------------------------------------------------- */

/* A key of a table as a pattern; *RET_RANK is when it is looked up. */
static const char *
table_match(struct signing *sg, const char *key, unsigned *ret_rank)
{
	const char *at = strchr(key, '@');

	*ret_rank = 5;
	if (strcmp(key, "*") == 0)
		return key;
	*ret_rank = key[0] == '.' ? 3 : 1;
	if (at == NULL)
		return key;
	*ret_rank = at[1] == '*' ? 4 : at[1] == '.' ? 2 : 0;
	if (*ret_rank != 2)
		return key;
	return arena_printf(sg->arena, "%.*s@*%s", (int)(at - key), key,
			    at + 1);
}

/* A pattern of OpenDKIM, which is for the whole address, as one of ours. NULL:
 * no address is like it. */
static const char *
pattern_match_of(const char *key)
{
	if (strcmp(key, "*@*") == 0)
		return "*";
	if (strncmp(key, "*@*.", 4) == 0 && strchr(key + 4, '*') == NULL)
		return key + 3;
	if (strncmp(key, "*@", 2) == 0 && strchr(key + 2, '*') == NULL &&
	    key[2] != '.' && key[2] != '\0')
		return key + 2;
	return strpbrk(key, "@*") != NULL ? key : NULL;
}

static size_t
count_dots(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '.';
	return n;
}

/* Those who match are of DOMAIN, or of several: then NULL. */
static void
table_add_key(struct signing *sg, const char *match, struct sign_key *key,
	      unsigned rank, size_t line)
{
	const char *own = match_domain(match), *domain = key->domain;
	struct sign_rule *rule;

	key->used = true;
	if (own == NULL &&
	    (strcmp(domain, "%") == 0 || strchr(key->path, '%') != NULL)) {
		import_note(&sg->io->im, "SigningTable",
			    "line %zu: the key `%s` is another one for each "
			    "domain: write a rule for each that `%s` means",
			    line, key->name, match);
		return;
	}
	if (strcmp(domain, "%") == 0)
		domain = own;
	rule = rule_add(sg, match, domain, line);
	if (rule == NULL)
		return;
	if (rule->n == 0) {
		rule->rank = rank;
		rule->dots = count_dots(match);
	}
	rule_add_selector(sg, rule, key->selector,
			  own != NULL ? fill_in(sg, key->path, own)
				      : key->path);
}

static void
table_add(struct signing *sg, const struct opendkim_entry *e, bool patterns)
{
	char *identity = arena_strdup(sg->arena, e->value);
	const char *name = strsep(&identity, ":"), *match;
	struct import *im = &sg->io->im;
	struct sign_key *key;
	unsigned rank = 0;

	match = patterns ? pattern_match_of(e->key)
			 : table_match(sg, e->key, &rank);
	if (match == NULL) {
		import_note(im, "SigningTable",
			    "line %zu: no address is like `%s`", e->line,
			    e->key);
		return;
	}
	if (identity != NULL && *identity != '\0')
		import_note(im, "SigningTable",
			    "line %zu: `%s` isn't put into signatures; they "
			    "have no i=",
			    e->line, identity);
	if (strcmp(name, "%") == 0 && match_domain(match) != NULL)
		name = match_domain(match);
	key = key_find(sg, name);
	if (key == NULL)
		import_note(im, "SigningTable",
			    "line %zu: KeyTable has no key `%s`", e->line,
			    name);
	else
		table_add_key(sg, match, key, rank, e->line);
}

static int
rule_order(const void *va, const void *vb)
{
	const struct sign_rule *a = va, *b = vb;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->dots != b->dots)
		return a->dots > b->dots ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

static void
table_read(struct signing *sg, const char *value)
{
	struct import *im = &sg->io->im;
	struct opendkim_dataset d;

	opendkim_dataset(&sg->io->settings, value, &d);
	if (d.why != NULL)
		import_note(im, "SigningTable", "was not read: %s", d.why);
	rules_init(sg, d.n);
	for (size_t i = 0; i < d.n; i++)
		table_add(sg, &d.v[i], d.patterns);
	if (!d.patterns && sg->nrules > 0)
		qsort(sg->rules, sg->nrules, sizeof(*sg->rules), rule_order);
	if (sg->several && sg->nrules > 1)
		import_note(im, "MultipleSignatures",
			    "of several rules the first one that matches "
			    "signs, with all its keys: one that is for less "
			    "than another needs the other's, too");
	for (size_t i = 0; i < sg->nkeys && d.why == NULL; i++)
		if (!sg->keys[i].used)
			import_note(im, "KeyTable",
				    "no line of SigningTable that is carried "
				    "over names the key `%s`",
				    sg->keys[i].name);
}

/* --- Domain, Selector, KeyFile ------------------------------------------- */

static void
domain_add(struct signing *sg, const char *domain, const char *selector,
	   const char *path, bool subdomains)
{
	struct sign_rule *rule;

	if (domain[0] == '.' || strchr(domain, '*') != NULL) {
		import_note(&sg->io->im, "Domain",
			    "`%s` is no domain: write a rule for each that "
			    "it means",
			    domain);
		return;
	}
	if (rule_find(sg, domain) != NULL)
		return;
	rule = rule_add(sg, domain, NULL, 0);
	if (rule != NULL)
		rule_add_selector(sg, rule, selector, path);
	if (!subdomains)
		return;
	rule = rule_add(sg, arena_printf(sg->arena, ".%s", domain), domain, 0);
	if (rule != NULL)
		rule_add_selector(sg, rule, selector, path);
}

static void
domains_read(struct signing *sg, const char *value)
{
	struct opendkim_settings *s = &sg->io->settings;
	const char *selector = opendkim_get(s, "Selector");
	const char *path = opendkim_get(s, "KeyFile");
	struct opendkim_dataset d;

	if (selector == NULL || path == NULL) {
		import_note(&sg->io->im, "Domain",
			    "nobody signs: there is no %s",
			    selector == NULL ? "Selector" : "KeyFile");
		return;
	}
	opendkim_dataset(s, value, &d);
	if (d.why != NULL)
		import_note(&sg->io->im, "Domain", "was not read: %s", d.why);
	rules_init(sg, 2 * d.n);
	for (size_t i = 0; i < d.n; i++)
		domain_add(sg, d.v[i].key, selector, path,
			   opendkim_is_yes(opendkim_get(s, "SubDomains")));
}

/* --- the whole ----------------------------------------------------------- */

void
import_signing(struct import_opendkim *io)
{
	const struct opendkim_settings *s = &io->settings;
	const char *keys = opendkim_get(s, "KeyTable");
	const char *table = opendkim_get(s, "SigningTable");
	const char *domain = opendkim_get(s, "Domain");
	struct signing sg = {
		.io = io,
		.arena = &io->settings.arena,
		.several =
			opendkim_is_yes(opendkim_get(s, "MultipleSignatures")),
	};

	if (keys != NULL)
		keys_read(&sg, keys);
	if (keys != NULL && table != NULL)
		table_read(&sg, table);
	else if (keys != NULL || table != NULL)
		import_note(&io->im, keys != NULL ? "KeyTable" : "SigningTable",
			    "nobody signs: there is no %s",
			    keys != NULL ? "SigningTable" : "KeyTable");
	else if (domain != NULL)
		domains_read(&sg, domain);
	rules_write(&sg);
}
