/* The keys of an entry of the users file. */
#include <string.h>

#include "base/buf.h"
#include "base/password.h"
#include "config/users_impl.h"
#include "mail/base64.h"

#define SALT_MAX  64 /* bytes */
#define DAILY_MAX INT64_C(1000000000)

static const char *const user_class_names[] = {"listener", "by_header",
					       "normal", "bulk", NULL};

/* --- scram ------------------------------------------------------------------- */

/* TEXT as base64 of LEAST to MOST bytes. */
static bool
scram_is_base64(const char *text, size_t least, size_t most)
{
	struct buf bytes;
	bool ok;

	buf_init(&bytes, most);
	ok = base64_decode(text, strlen(text), &bytes) == 0 &&
	     bytes.len >= least;
	buf_done(&bytes);
	return ok;
}

static bool
scram_check(void *field, const struct conf_mark *mark,
	    struct conf_errors *errors)
{
	const struct user_scram_conf *s = field;

	if (s->salt[0] == '\0' && s->stored[0] == '\0' && s->server[0] == '\0')
		return true;
	if (scram_is_base64(s->salt, 1, SALT_MAX) &&
	    scram_is_base64(s->stored, SCRAM_KEY_LEN, SCRAM_KEY_LEN) &&
	    scram_is_base64(s->server, SCRAM_KEY_LEN, SCRAM_KEY_LEN))
		return true;
	conf_error(errors, mark,
		   "`scram` has a `salt` and the two keys `stored` and "
		   "`server` of %d bytes, in base64; `belfry password` makes "
		   "them",
		   SCRAM_KEY_LEN);
	return false;
}

static const struct conf_option scram_options[] = {
	{.name = "iterations",
	 .type = CONF_INT,
	 .offset = offsetof(struct user_scram_conf, iterations),
	 .dflt = "8192",
	 .help = "How often the password was hashed for the keys.",
	 .min = SCRAM_ITERATIONS_MIN,
	 .max = SCRAM_ITERATIONS_MAX},
	{.name = "salt",
	 .type = CONF_STRING,
	 .offset = offsetof(struct user_scram_conf, salt),
	 .dflt = "\"\"",
	 .help = "Their salt, in base64."},
	{.name = "stored",
	 .type = CONF_STRING,
	 .offset = offsetof(struct user_scram_conf, stored),
	 .dflt = "\"\"",
	 .help = "The key by which a client is known (StoredKey), in base64."},
	{.name = "server",
	 .type = CONF_STRING,
	 .offset = offsetof(struct user_scram_conf, server),
	 .dflt = "\"\"",
	 .help = "The key by which the client knows us (ServerKey), in "
		 "base64."},
	{.name = NULL},
};

static const struct conf_table scram_table = {
	.size = sizeof(struct user_scram_conf),
	.options = scram_options,
	.check = scram_check,
};

/* --- the entry ----------------------------------------------------------------- */

/* What is wrong stays unsaid in the message: it may be the password itself. */
static bool
user_check_password(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors)
{
	const char *hash = *(char **)field;

	if (hash[0] == '\0' || password_kind_of(hash) == PASSWORD_GOOD)
		return true;
	conf_error(errors, mark,
		   "`password` is a hash of crypt(5) that is still good, like "
		   "yescrypt's; `belfry password` makes one");
	return false;
}

/* Into `rights_bits`, which stands in the same struct. */
static bool
user_check_rights(struct user_conf *u, struct conf_errors *errors)
{
	static const struct {
		const char *name;
		unsigned bits;
	} known[] = {
		{"submit", USER_SUBMIT},
		{"post", USER_POST},
		{"read", USER_READ},
		{"act", USER_ACT},
		{"admin", USER_ADMIN | USER_READ},
	};
	const size_t nknown = sizeof(known) / sizeof(known[0]);
	bool ok = true;

	for (size_t i = 0; i < u->rights.n; i++) {
		size_t at = 0;

		while (at < nknown &&
		       strcmp(known[at].name, u->rights.v[i]) != 0)
			at++;
		if (at < nknown) {
			u->rights_bits |= known[at].bits;
			continue;
		}
		conf_error(errors, &u->rights.marks[i],
			   "`rights` lists submit, post, read, act and admin, "
			   "not `%s`",
			   u->rights.v[i]);
		ok = false;
	}
	return ok;
}

static bool
user_check(void *field, const struct conf_mark *mark,
	   struct conf_errors *errors)
{
	struct user_conf *u = field;
	bool ok = user_check_rights(u, errors);

	ok = secret_check(&u->token, "token", errors) && ok;
	if (u->password[0] == '\0' && u->scram.stored[0] == '\0' &&
	    u->certificates.n == 0 && !secret_is_given(&u->token)) {
		conf_error(errors, mark,
			   "there is no way to log in: give `password`, "
			   "`scram`, `certificates` or `token_file`");
		ok = false;
	}
	return ok;
}

static const struct conf_option user_options[] = {
	{.name = "password",
	 .type = CONF_STRING,
	 .offset = offsetof(struct user_conf, password),
	 .dflt = "\"\"",
	 .help = "The hash of the password, for PLAIN and LOGIN, and for Basic "
		 "over HTTP; empty: none of these.",
	 .check = user_check_password,
	 .example = "\"$y$j9T$salt$hash\""},
	{.name = "scram",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct user_conf, scram),
	 .dflt = "{}",
	 .help = "The keys of the password for SCRAM-SHA-256; empty: no "
		 "SCRAM.",
	 .table = &scram_table},
	{.name = "certificates",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct user_conf, certificates),
	 .dflt = "[]",
	 .help = "SHA-256 fingerprints of certificates by which the user logs "
		 "in over TLS (EXTERNAL), as `openssl x509 -fingerprint "
		 "-sha256` prints them."},
	SECRET_OPTIONS("token", struct user_conf, token,
		       "the token, for Bearer over HTTP",
		       "/etc/belfry/prometheus"),
	{.name = "rights",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct user_conf, rights),
	 .dflt = "[submit]",
	 .help = "What the user may do: submit (mail); over HTTP post "
		 "(alerts), "
		 "read (metrics, figures and alerts), act (acknowledge, "
		 "silence, close), admin (queue, pause and the rest of the "
		 "API, and read).",
	 .example = "[read]"},
	{.name = "person",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct user_conf, person),
	 .dflt = "\"\"",
	 .help = "Who of alerts.people the user is; empty: none of them.",
	 .example = "anna"},
	{.name = "senders",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct user_conf, senders),
	 .dflt = "[]",
	 .help = "Patterns of the addresses that the user may send as, in the "
		 "envelope and in From; empty: any.",
	 .example = "[example.org]"},
	{.name = "networks",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct user_conf, networks),
	 .dflt = "[]",
	 .help = "Where the user may log in from; empty: anywhere.",
	 .example = "[loopback, 10.1.0.0/16]"},
	{.name = "rate",
	 .type = CONF_RATE,
	 .offset = offsetof(struct user_conf, rate),
	 .dflt = "\"\"",
	 .help = "To how many recipients the user may send in a time.",
	 .example = "100/1m"},
	{.name = "daily",
	 .type = CONF_INT,
	 .offset = offsetof(struct user_conf, daily),
	 .dflt = "0",
	 .help = "To how many recipients the user may send in 24 hours; 0: no "
		 "limit. A restart of belfryd begins to count anew.",
	 .max = DAILY_MAX},
	{.name = "class",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct user_conf, class),
	 .dflt = "listener",
	 .help = "The class of the user's messages; `listener`: what the "
		 "listener says.",
	 .names = user_class_names},
	{.name = NULL},
};

const struct conf_table user_conf_table = {
	.size = sizeof(struct user_conf),
	.options = user_options,
	.mark_offset = offsetof(struct user_conf, mark),
	.check = user_check,
};
