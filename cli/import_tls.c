/*
 * import_tls - how the next hops are spoken to: smtp_tls_security_level, what
 * smtp_tls_policy_maps says of one of them, and the certificate they are shown.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/import_postfix.h"

#define CERTIFICATE "smtp_tls_cert_file"
#define LEVEL       "smtp_tls_security_level"
#define POLICIES    "smtp_tls_policy_maps"

static const struct tls_level {
	const char *level, *tls, *note;
} tp_levels[] = {
	{"none", "none", NULL},
	{"may", "opportunistic", NULL},
	{"encrypt", "encrypt", NULL},
	{"verify", "verify", NULL},
	{"secure", "verify", NULL},
	{"dane", "opportunistic",
	 "TLSA records are not looked up; it is `tls: opportunistic`"},
	{"dane-only", "encrypt",
	 "TLSA records are not looked up; it is `tls: encrypt`"},
	{"fingerprint", "verify",
	 "fingerprints are not compared; it is `tls: verify`, by the system's "
	 "authorities"},
};

/* What is said of one next hop. */
struct tls_policy {
	const char *setting; /* that says so */
	const char *level;   /* "": nothing is said */
	const char *ca_file; /* "": the system's authorities */
};

bool
import_is_yes(struct import *im, const char *name)
{
	const char *value = postfix_get(&im->settings, name);

	return value != NULL && strcasecmp(value, "yes") == 0;
}

static const char *
tp_text(struct import *im, const char *name)
{
	const char *value = postfix_get(&im->settings, name);

	return value != NULL ? value : "";
}

static const char *
tp_level(struct import *im)
{
	const char *level = tp_text(im, LEVEL);

	if (level[0] != '\0')
		return level;
	if (import_is_yes(im, "smtp_enforce_tls"))
		return "verify";
	return import_is_yes(im, "smtp_use_tls") ? "may" : "";
}

static const struct tls_level *
tp_find_level(const char *level)
{
	for (size_t i = 0; i < sizeof(tp_levels) / sizeof(tp_levels[0]); i++)
		if (strcasecmp(tp_levels[i].level, level) == 0)
			return &tp_levels[i];
	return NULL;
}

/* --- policies ------------------------------------------------------------ */

/* Postfix looks for the next hop as written, and for what is above a bare
 * name. */
static struct postfix_map_entry *
tp_find_entry(struct import *im, const char *hop)
{
	const struct postfix_map *map;
	struct postfix_map_entry *e =
		import_find_entry(im, POLICIES, hop, &map);

	if (strpbrk(hop, "[:") != NULL)
		return e;
	while (e == NULL && (hop = strchr(hop + 1, '.')) != NULL)
		e = import_find_entry(im, POLICIES, hop, &map);
	return e;
}

/* "secure match=.example.net ciphers=high" */
static void
tp_read_entry(struct import *im, struct postfix_map_entry *e,
	      struct tls_policy *policy)
{
	struct postfix_list list = postfix_list(im->arena, e->value);

	e->taken = true;
	policy->setting = POLICIES;
	policy->level = list.n > 0 ? list.v[0] : "";
	for (size_t i = 1; i < list.n; i++) {
		if (strncasecmp(list.v[i], "tafile=", 7) == 0)
			policy->ca_file = list.v[i] + 7;
		else
			import_note(im, POLICIES,
				    "`%s` of `%s` can't be said here; `tls: "
				    "verify` wants a certificate for `host`",
				    list.v[i], e->key);
	}
}

static struct tls_policy
tp_policy(struct import *im, const char *hop)
{
	struct tls_policy policy = {LEVEL, tp_level(im),
				    tp_text(im, "smtp_tls_CAfile")};
	struct postfix_map_entry *e = tp_find_entry(im, hop);

	if (e != NULL)
		tp_read_entry(im, e, &policy);
	return policy;
}

/* --- as keys of a next hop ----------------------------------------------- */

static void
tp_put_certificate(struct import *im, struct buf *out)
{
	const char *cert = tp_text(im, CERTIFICATE);
	const char *key = tp_text(im, "smtp_tls_key_file");

	if (cert[0] == '\0' || strcmp(cert, "none") == 0)
		return;
	import_put(out, ", certificate_file: %s, key_file: %s",
		   import_quote(im, cert),
		   import_quote(im, key[0] != '\0' ? key : cert));
	im->client_certificate = true;
}

/* A login has `verify` by itself, and nothing weaker. */
static void
tp_put_level(struct import *im, const struct tls_level *level,
	     const struct tls_policy *policy, bool login, struct buf *out)
{
	bool verify = strcmp(level->tls, "verify") == 0;

	if (!login)
		import_put(out, ", tls: %s", level->tls);
	else if (!verify)
		import_note(im, policy->setting,
			    "where there is a login the certificate is "
			    "verified, not only `%s`",
			    policy->level);
	if ((login || verify) && policy->ca_file[0] != '\0')
		import_put(out, ", ca_file: %s",
			   import_quote(im, policy->ca_file));
	if (login || strcmp(level->tls, "none") != 0)
		tp_put_certificate(im, out);
	if (level->note != NULL)
		import_note(im, policy->setting, "%s", level->note);
}

void
import_hop_tls(struct import *im, const char *hop, bool login, struct buf *out)
{
	struct tls_policy policy = tp_policy(im, hop);
	const struct tls_level *level = tp_find_level(policy.level);

	if (import_is_yes(im, "smtp_tls_wrappermode"))
		import_put(out, ", implicit_tls: true");
	if (level != NULL)
		tp_put_level(im, level, &policy, login, out);
	else if (policy.level[0] != '\0')
		import_note(im, policy.setting, "`%s` is not known",
			    policy.level);
}

/* --- what no next hop has ------------------------------------------------ */

/* By MX, as Postfix found it, too. False: it can't be. */
static bool
tp_add_domain(struct import *im, const char *domain)
{
	if (im->smarthost.len > 0 || strpbrk(domain, "[]:*/@") != NULL ||
	    domain[0] == '.' || import_find_domain(im, domain) != NULL)
		return false;
	import_put(&im->by_domain, "    - {match: %s, via: [",
		   import_quote(im, domain));
	(void)import_hop(im, domain, NULL, &im->by_domain);
	import_put(&im->by_domain, "]}\n");
	return true;
}

static void
tp_rest(struct import *im, const struct postfix_map *m,
	const struct postfix_map_entry *e)
{
	if (e->taken ||
	    (m->kind == POSTFIX_MAP_KEYS && tp_add_domain(im, e->key)))
		return;
	if (m->kind != POSTFIX_MAP_KEYS || e->key[0] == '.')
		import_note(im, POLICIES,
			    "%s, line %zu: `%s` is more than one domain; name "
			    "each in `delivery.by_domain`, as {match: "
			    "example.com, via: [{host: example.com, mx: true, "
			    "tls: verify}]}",
			    m->spec, e->line, e->key);
	else
		import_note(im, POLICIES,
			    "%s, line %zu: no mail goes to the next hop `%s`",
			    m->spec, e->line, e->key);
}

void
import_policies(struct import *im, const char *name, const char *value)
{
	const struct tls_level *level = tp_find_level(tp_level(im));
	size_t n;
	struct postfix_map **maps = import_maps(im, name, &n);

	(void)value;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < maps[i]->n; k++)
			tp_rest(im, maps[i], &maps[i]->v[k]);
	if (level != NULL && im->smarthost.len == 0 &&
	    (strcmp(level->tls, "encrypt") == 0 ||
	     strcmp(level->tls, "verify") == 0))
		import_note(im, LEVEL,
			    "`%s` holds for the next hops that are named; what "
			    "goes by MX is encrypted where it is offered, "
			    "stricter only for domains that "
			    "`delivery.by_domain` names",
			    level->level);
}

void
import_certificate(struct import *im, const char *name, const char *value)
{
	if (value[0] == '\0' || strcmp(value, "none") == 0)
		return;
	if (im->client_certificate)
		import_note(im, name,
			    "the next hops that are named get it; "
			    "belfryd reads both as its own user, who must be "
			    "able to");
	else
		import_note(im, name,
			    "no next hop is named that would be shown it; it "
			    "is `certificate_file` and `key_file` of an entry "
			    "of `smarthost` or `via`");
}
