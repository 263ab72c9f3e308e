#include "config/config_impl.h"

#include <string.h>

const char *const config_role_names[] = {"submission", "inbound", NULL};
const char *const config_auth_names[] = {"none", "optional", "required", NULL};
const char *const config_verdict_names[] = {"evaluate", "trusted", "none",
					    NULL};
const char *const config_class_names[] = {"by_header", "normal", "bulk", NULL};

static bool
listener_check_address(void *field, const struct conf_mark *mark,
		       struct conf_errors *errors)
{
	const char *text = *(char **)field;
	struct sockaddr_any sa[2];
	size_t n;

	if (sockaddr_parse_listen(text, sa, &n) < 0) {
		conf_error(errors, mark,
			   "`address` is ADDRESS:PORT, [ADDRESS]:PORT or :PORT "
			   "(both families), not `%s`",
			   text);
		return false;
	}
	if (sa[0].ss.ss_family == AF_UNIX) {
		conf_error(
			errors, mark,
			"a listener has a TCP port; programs on this machine "
			"use `submit_socket`");
		return false;
	}
	return true;
}

#define LISTENER_TRUST "[loopback]"

static const struct conf_option listener_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .offset = offsetof(struct listener_conf, name),
	 .dflt = "\"\"",
	 .help = "What logs and metrics call it; empty: the address.",
	 .example = "apps"},
	{.name = "address",
	 .type = CONF_STRING,
	 .offset = offsetof(struct listener_conf, address),
	 .help = "Where it listens: ADDRESS:PORT, [ADDRESS]:PORT, or :PORT for "
		 "both families.",
	 .check = listener_check_address,
	 .example = "\"127.0.0.1:587\""},
	{.name = "role",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct listener_conf, role),
	 .help = "Whose mail it takes: `submission` is for the clients in "
		 "trust, to any recipient that has a route; `inbound` is for "
		 "anybody, to recipients at domains that aliases or routes "
		 "know.",
	 .names = config_role_names,
	 .example = "submission"},
	{.name = "trust",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct listener_conf, trust),
	 .dflt = LISTENER_TRUST,
	 .help = "Networks whose clients may submit here, to any recipient; "
		 "not given: loopback with role `submission`, nobody with "
		 "`inbound`.",
	 .example = "[loopback, 10.1.0.0/16]"},
	{.name = "tls",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct listener_conf, tls),
	 .dflt = "none",
	 .help = "Whether the connection is encrypted: `starttls` for clients "
		 "that ask for it, `required` for all that send mail, "
		 "`implicit` from the first byte on, as on port 465.",
	 .names = config_tls_names},
	{.name = "proxy",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct listener_conf, proxy),
	 .dflt = "[]",
	 .help = "Networks of proxies: they must begin with a PROXY header, "
		 "version 1 or 2, and the client is who it names; nobody else "
		 "may.",
	 .example = "[10.0.0.2]"},
	{.name = "auth",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct listener_conf, auth),
	 .dflt = "none",
	 .help = "Whether clients may log in, and whether they must. Who did "
		 "may submit here, to any recipient; with `required` nobody "
		 "else may send, trusted or not.",
	 .names = config_auth_names,
	 .example = "required"},
	{.name = "auth_in_clear",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct listener_conf, auth_in_clear),
	 .dflt = "false",
	 .help = "Passwords may come without encryption; only for a listener "
		 "on loopback."},
	{.name = "client_certificates",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct listener_conf, clients),
	 .dflt = "{}",
	 .help = "Clients that are trusted for the certificate they show.",
	 .table = &client_certificates_table},
	{.name = "xclient",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct listener_conf, xclient),
	 .dflt = "[]",
	 .help = "Networks whose clients may say by XCLIENT whose session it "
		 "is: for trust, limits, login and all else.",
	 .example = "[loopback]"},
	{.name = "xforward",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct listener_conf, xforward),
	 .dflt = "[]",
	 .help = "Networks whose clients may say by XFORWARD whose message it "
		 "is, for the log, verdicts and signatures.",
	 .example = "[loopback]"},
	{.name = "verdict",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct listener_conf, verdict),
	 .dflt = "evaluate",
	 .help = "With role `inbound`, what is thought of mail of others than "
		 "those in trust: `evaluate` asks SPF, DKIM and DMARC, "
		 "`trusted` believes the field of a trusted_authserv, and "
		 "refuses nothing.",
	 .names = config_verdict_names},
	{.name = "sign",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct listener_conf, sign),
	 .dflt = "true",
	 .help = "Mail of clients that may submit gets our signatures, where "
		 "`dkim` has a key for its author; false where something "
		 "behind signs."},
	{.name = "class",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct listener_conf, class),
	 .dflt = "by_header",
	 .help = "The class of its messages; `by_header` makes mail of lists "
		 "and bulk mail bulk, by its header, and other mail normal.",
	 .names = config_class_names},
	{.name = NULL},
};

/* An unnamed listener is called by its address; whom it trusts by default is
 * a matter of its role. */
static bool
listener_check(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	struct listener_conf *l = field;

	(void)mark;
	(void)errors;
	if (l->name[0] == '\0')
		l->name = l->address;
	if (l->role == CONFIG_INBOUND && l->trust.n > 0 &&
	    conf_mark_is_default(&l->trust.marks[0]))
		l->trust.n = 0;
	return true;
}

const struct conf_table listener_conf_table = {
	.size = sizeof(struct listener_conf),
	.options = listener_options,
	.mark_offset = offsetof(struct listener_conf, mark),
	.check = listener_check,
};
