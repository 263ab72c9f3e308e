/*
 * The section `tls`, and what listeners say of it.
 */
#include <string.h>

#include "config/config_impl.h"
#include "net/tls.h"

const char *const config_tls_names[] = {
	[CONFIG_TLS_NONE] = "none",
	[CONFIG_TLS_STARTTLS] = "starttls",
	[CONFIG_TLS_REQUIRED] = "required",
	[CONFIG_TLS_IMPLICIT] = "implicit",
	NULL,
};

/* FIELD is a struct conf_text, which begins with its string. */
static bool
tls_check_path(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	return ((struct conf_text *)field)->text[0] == '\0' ||
	       conf_check_path(field, mark, errors);
}

#define TLS_CERTIFICATE_HELP                                                   \
	"The certificate in PEM, with those that lead to its root behind it."
#define TLS_KEY_WHAT "its private key, in PEM and not encrypted"

static const struct conf_option tls_pair_options[] = {
	{.name = "certificate_file",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct tls_pair_conf, certificate_file),
	 .dflt = "\"\"",
	 .help = TLS_CERTIFICATE_HELP,
	 .check = tls_check_path,
	 .example = "/etc/belfry/other.pem"},
	SECRET_OPTIONS("key", struct tls_pair_conf, key, TLS_KEY_WHAT,
		       "/etc/belfry/other-key.pem"),
	{.name = NULL},
};

static bool
tls_check_pair(const struct tls_pair_conf *pair, struct conf_errors *errors)
{
	bool certificate = pair->certificate_file.text[0] != '\0';

	if (!secret_check(&pair->key, "key", errors))
		return false;
	if (certificate == secret_is_given(&pair->key))
		return true;
	conf_error(errors,
		   certificate ? &pair->certificate_file.mark
			       : secret_mark(&pair->key),
		   "`certificate_file` and `key_file` go together; one of "
		   "them is missing");
	return false;
}

static bool
tls_check_more(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const struct tls_pair_conf *pair = field;

	if (!tls_check_pair(pair, errors))
		return false;
	if (pair->certificate_file.text[0] != '\0')
		return true;
	conf_error(errors, mark,
		   "`certificate_file` and `key_file` are missing here");
	return false;
}

static const struct conf_table tls_pair_table = {
	.size = sizeof(struct tls_pair_conf),
	.options = tls_pair_options,
	.mark_offset = offsetof(struct tls_pair_conf, mark),
	.check = tls_check_more,
};

static const struct conf_option tls_options[] = {
	{.name = "certificate_file",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct tls_conf, first.certificate_file),
	 .dflt = "\"\"",
	 .help = TLS_CERTIFICATE_HELP,
	 .check = tls_check_path,
	 .example = "/etc/belfry/fullchain.pem"},
	SECRET_OPTIONS("key", struct tls_conf, first.key, TLS_KEY_WHAT,
		       "/etc/belfry/key.pem"),
	{.name = "more",
	 .type = CONF_LIST,
	 .offset = offsetof(struct tls_conf, more),
	 .dflt = "[]",
	 .help = "Further certificates: a client that asks for a name is shown "
		 "the first that is for it, any other client the one above.",
	 .table = &tls_pair_table,
	 .example = "[{certificate_file: /etc/belfry/other.pem, key_file: "
		    "/etc/belfry/other-key.pem}]"},
	{.name = "min_version",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct tls_conf, min_version),
	 .dflt = "\"1.2\"",
	 .help = "The oldest version of TLS that is spoken.",
	 .names = tls_version_names},
	{.name = NULL},
};

static bool
tls_check(void *field, const struct conf_mark *mark, struct conf_errors *errors)
{
	const struct tls_conf *tls = field;

	(void)mark;
	if (!tls_check_pair(&tls->first, errors))
		return false;
	if (tls->more.n == 0 || tls->first.certificate_file.text[0] != '\0')
		return true;
	conf_error(errors, &((struct tls_pair_conf *)tls->more.v)->mark,
		   "`more` goes with a first certificate: give "
		   "`certificate_file` and `key_file` of `tls` too");
	return false;
}

const struct conf_table tls_conf_table = {
	.size = sizeof(struct tls_conf),
	.options = tls_options,
	.mark_offset = offsetof(struct tls_conf, mark),
	.check = tls_check,
};

/* --- clients with a certificate --------------------------------------------- */

static const struct conf_option client_options[] = {
	{.name = "ca_file",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct client_certificates_conf, ca_file),
	 .dflt = "\"\"",
	 .help = "Whose signature makes a client's certificate good: a list of "
		 "certificates in PEM. Best a CA of your own.",
	 .check = tls_check_path,
	 .example = "/etc/belfry/sites.pem"},
	{.name = "names",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct client_certificates_conf, names),
	 .dflt = "[]",
	 .help = "Only the certificates of ca_file with one of these names; "
		 "empty: all of them.",
	 .example = "[mx.site2.example.org]"},
	{.name = "fingerprints",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct client_certificates_conf, fingerprints),
	 .dflt = "[]",
	 .help = "SHA-256 of certificates that are good whoever signed them, "
		 "as `openssl x509 -fingerprint -sha256` prints it.",
	 .example = "[\"AB:CD:01:...\"]"},
	{.name = NULL},
};

static bool
client_check(void *field, const struct conf_mark *mark,
	     struct conf_errors *errors)
{
	const struct client_certificates_conf *c = field;

	(void)mark;
	if (c->names.n == 0 || c->ca_file.text[0] != '\0')
		return true;
	conf_error(errors, &c->names.marks[0],
		   "`names` needs `ca_file`: anybody can make a certificate "
		   "with any name");
	return false;
}

const struct conf_table client_certificates_table = {
	.size = sizeof(struct client_certificates_conf),
	.options = client_options,
	.check = client_check,
};

bool
config_asks_clients(const struct listener_conf *l)
{
	return l->clients.ca_file.text[0] != '\0' ||
	       l->clients.fingerprints.n > 0;
}

/* --- what spans sections ------------------------------------------------------ */

bool
config_fingerprint(const char *text, const struct conf_mark *mark,
		   struct conf_errors *errors, char *ret)
{
	if (tls_fingerprint_parse(text, ret) == 0)
		return true;
	conf_error(errors, mark,
		   "a fingerprint is SHA-256, 64 digits with or without "
		   "colons: `openssl x509 -in FILE -noout -fingerprint "
		   "-sha256` prints it");
	return false;
}

static bool
tls_fingerprints(struct conf_strings *list, struct arena *arena,
		 struct conf_errors *errors)
{
	bool ok = true;

	for (size_t i = 0; i < list->n; i++) {
		char text[TLS_FINGERPRINT_LEN];

		if (config_fingerprint(list->v[i], &list->marks[i], errors,
				       text))
			list->v[i] = arena_strdup(arena, text);
		else
			ok = false;
	}
	return ok;
}

static bool
tls_resolve_listener(const struct config *c, struct listener_conf *l,
		     struct arena *arena, struct conf_errors *errors)
{
	bool ok = tls_fingerprints(&l->clients.fingerprints, arena, errors);

	if (l->tls != CONFIG_TLS_NONE &&
	    c->tls.first.certificate_file.text[0] == '\0') {
		conf_error(errors, &l->mark,
			   "listener `%s` speaks TLS and there is no "
			   "certificate: add `tls: {certificate_file: "
			   "/etc/belfry/fullchain.pem, key_file: "
			   "/etc/belfry/key.pem}`",
			   l->name);
		ok = false;
	}
	if (l->tls == CONFIG_TLS_NONE && config_asks_clients(l)) {
		conf_error(errors, &l->mark,
			   "listener `%s` has `client_certificates` and no "
			   "TLS: add `tls: starttls`, `required` or `implicit`",
			   l->name);
		ok = false;
	}
	return ok;
}

bool
config_resolve_tls(struct config *c, struct arena *arena,
		   struct conf_errors *errors)
{
	bool ok = true;

	for (size_t i = 0; i < c->listeners.n; i++)
		ok = tls_resolve_listener(
			     c, (struct listener_conf *)c->listeners.v + i,
			     arena, errors) &&
		     ok;
	return ok;
}
