/* The keys of one next hop, as everywhere in the configuration. */
#include "deliver/hop_conf.h"

#include <stddef.h>
#include <string.h>

#include "deliver/route.h"
#include "net/sockaddr.h"

/* HOST is "[host]", "[host]:port" or "host:port": what habit writes. Its parts,
 * or false. */
static bool
hop_split(const char *host, int *ret_len, const char **ret_host,
	  const char **ret_port)
{
	bool brackets = host[0] == '[';
	const char *name = host + brackets;
	size_t len = strcspn(name, brackets ? "]" : ":");
	const char *rest = name + len + (brackets && name[len] == ']');
	size_t digits;

	if (rest[0] == '\0' && brackets) {
		*ret_port = "25";
	} else {
		digits = rest[0] == ':' ? strspn(rest + 1, "0123456789") : 0;
		if (digits == 0 || rest[1 + digits] != '\0')
			return false;
		*ret_port = rest + 1;
	}
	*ret_host = name;
	*ret_len = (int)len;
	return len > 0;
}

static bool
hop_parse_unix(const char *host)
{
	struct sockaddr_any sa[2];
	size_t n;

	return strncmp(host, "unix:", 5) == 0 &&
	       sockaddr_parse_listen(host, sa, &n) == 0;
}

static bool
hop_check_host(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const char *host = *(char **)field, *name, *port;
	struct sockaddr_any sa;
	int len;

	if (sockaddr_parse_ip(host, 25, &sa) == 0 || hop_parse_unix(host))
		return true;
	if (hop_split(host, &len, &name, &port)) {
		conf_error(errors, mark,
			   "`host` takes neither port nor brackets; write "
			   "`host: \"%.*s\", port: %s` instead of `%s`",
			   len, name, port, host);
		return false;
	}
	if (host[0] != '[' && address_is_domain(host, strlen(host)))
		return true;
	conf_error(errors, mark, "`%s` is neither a host name nor an address",
		   host);
	return false;
}

bool
hop_check_helo(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const char *helo = *(char **)field;

	if (helo[0] == '\0' || address_is_domain(helo, strlen(helo)))
		return true;
	conf_error(errors, mark,
		   "`helo` is a host name or an address literal like "
		   "\"[192.0.2.1]\", not `%s`",
		   helo);
	return false;
}

static bool
hop_check_bind(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const char *bind = *(char **)field;
	struct sockaddr_any sa;

	if (bind[0] == '\0' || sockaddr_parse_ip(bind, 0, &sa) == 0)
		return true;
	conf_error(errors, mark, "`bind` is an address of this host, not `%s`",
		   bind);
	return false;
}

/* enum hop_tls, enum hop_implicit */
static const char *const hop_tls_names[] = {
	"auto", "none", "opportunistic", "encrypt", "verify", NULL};
static const char *const hop_implicit_names[] = {"auto", "true", "false", NULL};
/* Any, then as enum sasl_mechanism. */
static const char *const hop_mechanism_names[] = {
	"any", "scram-sha-256", "plain", "login", "xoauth2", NULL};

static bool
hop_check_path(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	return (*(char **)field)[0] == '\0' ||
	       conf_check_path(field, mark, errors);
}

static bool
hop_check_user(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	for (const char *p = *(char **)field; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 127) {
			conf_error(errors, mark,
				   "`user` has no control characters");
			return false;
		}
	return true;
}

static const struct conf_option hop_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, name),
	 .dflt = "\"\"",
	 .help = "What logs, metrics and `queue list` call this destination; "
		 "empty: host and port.",
	 .example = "provider"},
	{.name = "host",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, host),
	 .help = "The name or address to connect to, without port or "
		 "brackets; with `deliver: lmtp` also `unix:/path`, a socket "
		 "of this machine.",
	 .check = hop_check_host,
	 .example = "smtp.example.net"},
	{.name = "port",
	 .type = CONF_INT,
	 .offset = offsetof(struct hop, port),
	 .dflt = "0",
	 .help = "The port to connect to; 0: 25, or 587 with `user`, 24 with "
		 "`deliver: lmtp`.",
	 .min = 0,
	 .max = 65535},
	{.name = "mx",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct hop, mx),
	 .dflt = "false",
	 .help = "true: connect to the mail exchangers (MX) of `host`, not to "
		 "`host` itself."},
	{.name = "tls",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct hop, tls),
	 .dflt = "auto",
	 .help = "`none`: plain; `opportunistic`: TLS with anybody, plain "
		 "where "
		 "it is not offered or fails; `encrypt`: TLS with anybody; "
		 "`verify`: only with a host that has a certificate for its "
		 "name; `auto`: `verify` with `user`, else `opportunistic`.",
	 .names = hop_tls_names},
	{.name = "implicit_tls",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct hop, implicit_tls),
	 .dflt = "auto",
	 .help = "true: TLS from the first octet on, not by STARTTLS; `auto`: "
		 "with port 465.",
	 .names = hop_implicit_names},
	{.name = "ca_file",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, ca_file),
	 .dflt = "\"\"",
	 .help = "With `tls: verify`: the certificates (PEM) of those who may "
		 "vouch for the host; empty: the system's.",
	 .check = hop_check_path,
	 .example = "/etc/belfry/ca.pem"},
	{.name = "certificate_file",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, certificate_file),
	 .dflt = "\"\"",
	 .help = "The certificate (PEM, with what leads to its authority) that "
		 "the host is shown when it asks for one.",
	 .check = hop_check_path,
	 .example = "/etc/belfry/client.pem"},
	SECRET_OPTIONS("key", struct hop, key, "the key of certificate_file",
		       "/etc/belfry/client.key"),
	{.name = "user",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, user),
	 .dflt = "\"\"",
	 .help = "Whom to log in as; with a password or a token.",
	 .check = hop_check_user,
	 .example = "relay@example.org"},
	SECRET_OPTIONS("password", struct hop, password, "the password of user",
		       "/etc/belfry/smarthost"),
	SECRET_OPTIONS("token", struct hop, token,
		       "the token of user for XOAUTH2, read at each login",
		       "/etc/belfry/xoauth2"),
	{.name = "mechanism",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct hop, mechanism),
	 .dflt = "any",
	 .help = "How to log in; `any`: the strongest that the host offers.",
	 .names = hop_mechanism_names},
	{.name = "allow_plaintext_login",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct hop, allow_plaintext_login),
	 .dflt = "false",
	 .help = "true: a login with a `tls` below `verify`, where others may "
		 "read the password."},
	{.name = "helo",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, helo),
	 .dflt = "\"\"",
	 .help = "The name said in EHLO; empty: delivery.helo.",
	 .check = hop_check_helo,
	 .example = "relay1.example.org"},
	{.name = "bind",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, bind),
	 .dflt = "\"\"",
	 .help = "The address of this host to connect from; empty: "
		 "delivery.bind.",
	 .check = hop_check_bind,
	 .example = "192.0.2.7"},
	{.name = "connections",
	 .type = CONF_INT,
	 .offset = offsetof(struct hop, connections),
	 .dflt = "0",
	 .help = "Connections to this next hop at the same time; 0: only "
		 "per_destination limits them.",
	 .min = 0,
	 .max = 10000},
	{.name = NULL},
};

/* --- what goes together ---------------------------------------------------------- */

bool
hop_is_unix(const struct hop *hop)
{
	return strncmp(hop->host, "unix:", 5) == 0;
}

enum tls_level
hop_tls_level(const struct hop *hop)
{
	bool login = hop->user[0] != '\0';

	if (hop_is_unix(hop))
		return TLS_LEVEL_NONE;
	switch ((enum hop_tls)hop->tls) {
	case HOP_TLS_NONE:
		return TLS_LEVEL_NONE;
	case HOP_TLS_ENCRYPT:
		return TLS_LEVEL_ENCRYPT;
	case HOP_TLS_VERIFY:
		return TLS_LEVEL_VERIFY;
	case HOP_TLS_OPPORTUNISTIC:
		break;
	case HOP_TLS_AUTO:
		if (login)
			return TLS_LEVEL_VERIFY;
		break;
	}
	/* There is no plain way to such a port. */
	return hop_is_implicit(hop) ? TLS_LEVEL_ENCRYPT
				    : TLS_LEVEL_OPPORTUNISTIC;
}

bool
hop_is_implicit(const struct hop *hop)
{
	if (hop->implicit_tls != HOP_IMPLICIT_AUTO)
		return hop->implicit_tls == HOP_IMPLICIT_TRUE;
	return hop->port == HOP_TLS_PORT && hop->tls != HOP_TLS_NONE;
}

static bool
hop_wrong(const struct hop *hop, struct conf_errors *errors, const char *text)
{
	conf_error(errors, &hop->mark, "%s", text);
	return false;
}

bool
hop_check_no_unix(const struct hop *hop, struct conf_errors *errors)
{
	return !hop_is_unix(hop) ||
	       hop_wrong(hop, errors,
			 "`host: unix:...` is for `deliver: lmtp` only");
}

/* Nobody else is on the way there. */
static bool
hop_check_unix(const struct hop *hop, struct conf_errors *errors)
{
	if (!hop_is_unix(hop) ||
	    (hop->port == 0 && !hop->mx && hop->tls == HOP_TLS_AUTO &&
	     hop->implicit_tls == HOP_IMPLICIT_AUTO &&
	     hop->ca_file[0] == '\0' && hop->certificate_file[0] == '\0' &&
	     hop->user[0] == '\0' && hop->bind[0] == '\0'))
		return true;
	return hop_wrong(hop, errors,
			 "beside `host: unix:...` there is only `name`, `helo` "
			 "and `connections`");
}

static bool
hop_check_tls(const struct hop *hop, struct conf_errors *errors)
{
	bool certificate = hop->certificate_file[0] != '\0';
	bool key = secret_is_given(&hop->key);
	bool none = hop->tls == HOP_TLS_NONE;

	if (none && hop->implicit_tls == HOP_IMPLICIT_TRUE)
		return hop_wrong(hop, errors,
				 "`implicit_tls: true` is TLS, and `tls: none` "
				 "is none; leave one of them out");
	if (hop->ca_file[0] != '\0' && hop_tls_level(hop) != TLS_LEVEL_VERIFY)
		return hop_wrong(hop, errors,
				 "`ca_file` is for `tls: verify`; write that "
				 "too");
	if (key && !certificate)
		return hop_wrong(hop, errors,
				 "a key needs its certificate: write "
				 "`certificate_file`");
	if (certificate && !key)
		return hop_wrong(hop, errors,
				 "`certificate_file` needs its key: write "
				 "`key_file`; it may be the same file");
	if (certificate && none)
		return hop_wrong(hop, errors,
				 "`certificate_file` is for TLS, and `tls: "
				 "none` is none; leave one of them out");
	return secret_check(&hop->key, "key", errors);
}

static bool
hop_check_mechanism(const struct hop *hop, struct conf_errors *errors)
{
	bool xoauth2 = hop->mechanism == 1 + SASL_XOAUTH2;
	bool token = secret_is_given(&hop->token);

	if (token && hop->mechanism != HOP_MECHANISM_ANY && !xoauth2)
		return hop_wrong(hop, errors,
				 "a token is for `mechanism: xoauth2`; leave "
				 "`mechanism` out");
	if (xoauth2 && !token)
		return hop_wrong(hop, errors,
				 "`mechanism: xoauth2` needs a token: write "
				 "`token_file`");
	return true;
}

static bool
hop_check_login(const struct hop *hop, struct conf_errors *errors)
{
	bool password = secret_is_given(&hop->password);
	bool token = secret_is_given(&hop->token);

	if (!secret_check(&hop->password, "password", errors) ||
	    !secret_check(&hop->token, "token", errors))
		return false;
	if (hop->user[0] == '\0') {
		if (password || token || hop->mechanism != HOP_MECHANISM_ANY ||
		    hop->allow_plaintext_login)
			return hop_wrong(hop, errors,
					 "a login needs a `user`; without one "
					 "there is no password, token, "
					 "`mechanism` or "
					 "`allow_plaintext_login`");
		return true;
	}
	if (password && token)
		return hop_wrong(hop, errors,
				 "a password and a token are two logins; give "
				 "one of them");
	if (!password && !token)
		return hop_wrong(hop, errors,
				 "`user` needs a password or a token: write "
				 "`password_file` or `token_file`");
	if (hop_tls_level(hop) < TLS_LEVEL_VERIFY &&
	    !hop->allow_plaintext_login)
		return hop_wrong(hop, errors,
				 "a login wants `tls: verify`, else others may "
				 "read the password; leave `tls` out, give a "
				 "`ca_file` for a host of your own, or write "
				 "`allow_plaintext_login: true`");
	return hop_check_mechanism(hop, errors);
}

static bool
hop_check(void *field, const struct conf_mark *mark, struct conf_errors *errors)
{
	const struct hop *hop = field;

	(void)mark;
	return hop_check_unix(hop, errors) && hop_check_tls(hop, errors) &&
	       hop_check_login(hop, errors);
}

const struct conf_table hop_conf_table = {
	.size = sizeof(struct hop),
	.options = hop_options,
	.mark_offset = offsetof(struct hop, mark),
	.check = hop_check,
};
