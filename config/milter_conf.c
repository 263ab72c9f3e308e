#include "config/config_impl.h"

#include <stdlib.h>
#include <string.h>

/* libmilter takes one socket, and another grammar. */
static bool
mc_check_socket(void *field, const struct conf_mark *mark,
		struct conf_errors *errors)
{
	const char *text = *(char **)field;
	struct sockaddr_any sa[2];
	size_t n = 0;

	if (sockaddr_parse_listen(text, sa, &n) == 0 && n == 1)
		return true;
	conf_error(errors, mark,
		   "`socket` is unix:/PATH, ADDRESS:PORT or [ADDRESS]:PORT "
		   "(like 127.0.0.1:8891), not `%s`",
		   text);
	return false;
}

static bool
mc_check_mode(void *field, const struct conf_mark *mark,
	      struct conf_errors *errors)
{
	const char *text = *(char **)field;
	size_t len = strlen(text);

	if (len >= 3 && len <= 4 && strspn(text, "01234567") == len &&
	    strtoul(text, NULL, 8) <= 0777)
		return true;
	conf_error(errors, mark,
		   "`socket_mode` is an octal mode like \"0660\", not `%s`",
		   text);
	return false;
}

static bool
mc_check_http(void *field, const struct conf_mark *mark,
	      struct conf_errors *errors)
{
	const char *text = *(char **)field;
	struct sockaddr_any sa[2];
	size_t n;

	if (text[0] == '\0' || sockaddr_parse_listen(text, sa, &n) == 0)
		return true;
	conf_error(errors, mark,
		   "`http` is ADDRESS:PORT, [ADDRESS]:PORT, :PORT (both "
		   "families) or unix:/PATH, or empty, not `%s`",
		   text);
	return false;
}

static const struct conf_option ours_options[] = {
	{.name = "networks",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct milter_ours_conf, networks),
	 .dflt = "[loopback]",
	 .help = "Clients whose mail is ours.",
	 .example = "[loopback, servers]"},
	{.name = "authenticated",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct milter_ours_conf, authenticated),
	 .dflt = "true",
	 .help = "Mail of clients that logged in is ours: those for which "
		 "the macro `{auth_type}` is set."},
	{.name = "daemons",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct milter_ours_conf, daemons),
	 .dflt = "[]",
	 .help = "Values of the macro `{daemon_name}` with which mail is "
		 "ours: of Postfix, `milter_macro_daemon_name` of a service.",
	 .example = "[ORIGINATING]"},
	{.name = NULL},
};

static const struct conf_table ours_table = {
	.size = sizeof(struct milter_ours_conf),
	.options = ours_options,
};

static const struct conf_option milter_options[] = {
	{.name = "user",
	 .type = CONF_STRING,
	 .offset = offsetof(struct milter_conf, user),
	 .dflt = "belfry-milter",
	 .help = "The user that belfry-milter becomes when root starts it; "
		 "empty: whoever starts it, but not root."},
	{.name = "socket",
	 .type = CONF_STRING,
	 .offset = offsetof(struct milter_conf, socket),
	 .dflt = "\"unix:/var/spool/postfix/belfry/milter.sock\"",
	 .help = "Where the mail server asks: unix:/PATH, ADDRESS:PORT or "
		 "[ADDRESS]:PORT.",
	 .check = mc_check_socket,
	 .example = "\"127.0.0.1:8891\""},
	{.name = "socket_group",
	 .type = CONF_STRING,
	 .offset = offsetof(struct milter_conf, socket_group),
	 .dflt = "postfix",
	 .help = "The group that may use a unix socket; empty: that of the "
		 "user."},
	{.name = "socket_mode",
	 .type = CONF_STRING,
	 .offset = offsetof(struct milter_conf, socket_mode_text),
	 .dflt = "\"0660\"",
	 .help = "The mode of a unix socket, octal.",
	 .check = mc_check_mode},
	{.name = "http",
	 .type = CONF_STRING,
	 .offset = offsetof(struct milter_conf, http),
	 .dflt = "\"\"",
	 .help = "Where its metrics and its health are served, to whoever "
		 "connects; empty: nowhere.",
	 .check = mc_check_http,
	 .example = "\"127.0.0.1:8026\""},
	{.name = "log",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct milter_conf, log),
	 .dflt = "{}",
	 .help = "Its own log.",
	 .table = &log_conf_table},
	{.name = "sign",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct milter_conf, sign),
	 .dflt = "true",
	 .help = "Sign our mail by `dkim`."},
	{.name = "sessions",
	 .type = CONF_INT,
	 .offset = offsetof(struct milter_conf, sessions),
	 .dflt = "200",
	 .help = "Connections of the mail server at the same time; those "
		 "beyond are told to try again later.",
	 .min = 1,
	 .max = 10000},
	{.name = "observed_dir",
	 .type = CONF_STRING,
	 .offset = offsetof(struct milter_conf, observed_dir),
	 .dflt = "/var/lib/belfry-milter",
	 .help = "Where it writes down its verdicts for reports, see "
		 "`verdict.observed`.",
	 .check = conf_check_path},
	{.name = "ours",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct milter_conf, ours),
	 .dflt = "{}",
	 .help = "Whose mail is signed and never verified; that of all others "
		 "is verified and never signed.",
	 .table = &ours_table},
	{.name = NULL},
};

const struct conf_table milter_conf_table = {
	.size = sizeof(struct milter_conf),
	.options = milter_options,
	.mark_offset = offsetof(struct milter_conf, mark),
};

/* --- what is written short ----------------------------------------------------- */

/* Whoever reaches the socket may speak as the mail server does. */
static void
mc_warn_reach(const struct milter_conf *m, const char *address,
	      const char *what, struct conf_errors *errors)
{
	struct sockaddr_any sa[2];
	size_t n;

	if (address[0] == '\0' || sockaddr_parse_listen(address, sa, &n) < 0 ||
	    sockaddr_is_loopback(&sa[0]))
		return;
	conf_warning(errors, &m->mark,
		     "`%s` is at %s: whoever reaches it from other machines "
		     "may use it",
		     what, address);
}

#define POSTFIX_PATIENCE_MS 30000 /* its milter_command_timeout */

static void
mc_warn_deadline(const struct config *c, struct conf_errors *errors)
{
	if (c->verdict.dns.deadline_ms >= POSTFIX_PATIENCE_MS)
		conf_warning(errors, &c->verdict.mark,
			     "dns.deadline is %lld seconds: Postfix waits for "
			     "a milter 30, unless its milter_command_timeout "
			     "says otherwise",
			     (long long)c->verdict.dns.deadline_ms / 1000);
}

/* A section that is not there has the place of what it would stand in. */
bool
config_has_milter(const struct config *c)
{
	const struct conf_mark *own = &c->milter.mark, *all = &c->mark;

	return own->line != all->line || own->column != all->column ||
	       strcmp(own->file, all->file) != 0;
}

bool
config_resolve_milter(struct config *c, struct arena *arena,
		      struct conf_errors *errors)
{
	struct milter_conf *m = &c->milter;

	m->socket_mode = (unsigned)strtoul(m->socket_mode_text, NULL, 8);
	if (!config_has_milter(c))
		return networks_resolve(&m->ours.networks, &c->networks, arena,
					errors, &m->ours.clients);
	mc_warn_reach(m, m->socket, "socket", errors);
	mc_warn_reach(m, m->http, "http", errors);
	mc_warn_deadline(c, errors);
	if (!networks_resolve(&m->ours.networks, &c->networks, arena, errors,
			      &m->ours.clients))
		return false;
	for (size_t i = 0; i < m->ours.clients.n; i++) {
		if (!network_is_wide(&m->ours.clients.v[i]))
			continue;
		conf_warning(errors, &m->ours.networks.marks[0],
			     "milter.ours has more than private networks: "
			     "what comes from there is signed as yours and "
			     "never verified");
		break;
	}
	return true;
}
