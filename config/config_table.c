#include "config/config_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static bool
config_check_hostname(void *field, const struct conf_mark *mark,
		      struct conf_errors *errors)
{
	const char *name = *(char **)field;

	if (name[0] != '[' && address_is_domain(name, strlen(name)))
		return true;
	conf_error(errors, mark,
		   "`hostname` is this host's full name, like "
		   "relay1.example.org, not `%s`",
		   name);
	return false;
}

static bool
config_check_path_or_none(void *field, const struct conf_mark *mark,
			  struct conf_errors *errors)
{
	return (*(char **)field)[0] == '\0' ||
	       conf_check_path(field, mark, errors);
}

static bool
config_check_socket(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors)
{
	const char *path = *(char **)field;

	if (!conf_check_path(field, mark, errors))
		return false;
	if (strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
		return true;
	conf_error(errors, mark,
		   "the path of a socket has at most %zu characters",
		   sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	return false;
}

static bool
config_check_loops(void *field, const struct conf_mark *mark,
		   struct conf_errors *errors)
{
	const char *text = *(char **)field;
	size_t len = strlen(text);

	if (strcmp(text, "auto") == 0)
		return true;
	if (len > 0 && len <= 2 && strspn(text, "0123456789") == len &&
	    strtol(text, NULL, 10) <= 64)
		return true;
	conf_error(errors, mark,
		   "`loops` is auto or a number from 1 to 64, not `%s`", text);
	return false;
}

static const struct conf_option config_options[] = {
	{.name = "hostname",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, hostname),
	 .help = "This host's full name, for the greeting, EHLO, Received and "
		 "reports.",
	 .check = config_check_hostname,
	 .example = "relay1.example.org"},
	{.name = "networks",
	 .type = CONF_MAP,
	 .offset = offsetof(struct config, networks),
	 .dflt = "{}",
	 .help = "Names for lists of networks, to be used wherever networks "
		 "are listed; `loopback` is built in.",
	 .example = "{servers: [10.1.0.0/16]}"},
	{.name = "state_dir",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, state_dir),
	 .dflt = "/var/lib/belfry",
	 .help = "Where the queue's store is kept, on a local disk.",
	 .check = conf_check_path},
	{.name = "admin_socket",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, admin_socket),
	 .dflt = "/run/belfry/admin.sock",
	 .help = "The socket that `belfry` commands of the operator use.",
	 .check = config_check_socket},
	{.name = "admin_group",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, admin_group),
	 .dflt = "belfry-admin",
	 .help = "The group that may use admin_socket; empty: only root and "
		 "`user`.",
	 .example = "adm"},
	{.name = "submit_socket",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, submit_socket),
	 .dflt = "/run/belfry/submit.sock",
	 .help = "The socket through which anybody on this machine may submit "
		 "mail.",
	 .check = config_check_socket},
	{.name = "drop_dir",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, drop_dir),
	 .dflt = "\"\"",
	 .help = "Where sendmail leaves mail while belfryd is down; empty: "
		 "drop/ of state_dir. Made with mode 3733 when it is missing.",
	 .check = config_check_path_or_none,
	 .example = "/var/spool/belfry-drop"},
	{.name = "drop",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, drop),
	 .dflt = "{}",
	 .help = "How much is taken from drop_dir.",
	 .table = &drop_conf_table},
	{.name = "user",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, user),
	 .dflt = "belfry",
	 .help = "The user that belfryd becomes when root starts it; empty: "
		 "whoever starts it, but not root."},
	{.name = "loops",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, loops),
	 .dflt = "auto",
	 .help = "How many threads serve connections: a number from 1 to 64, "
		 "or auto: one a processor, less one for the store.",
	 .check = config_check_loops,
	 .example = "4"},
	{.name = "secrets",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, secrets),
	 .dflt = "{}",
	 .help = "Files with passwords, tokens and keys.",
	 .table = &secrets_conf_table},
	{.name = "tls",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, tls),
	 .dflt = "{}",
	 .help = "The certificates that listeners show.",
	 .table = &tls_conf_table},
	{.name = "log",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, log),
	 .dflt = "{}",
	 .help = "One line an event.",
	 .table = &log_conf_table},
	{.name = "store",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, store),
	 .dflt = "{}",
	 .help = "Where messages are until their fate is known.",
	 .table = &queue_store_conf_table},
	{.name = "notify",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, notify),
	 .dflt = "{}",
	 .help = "Who hears of what only the log knows.",
	 .table = &notify_conf_table},
	{.name = "dns",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, dns),
	 .dflt = "{}",
	 .help = "How names are looked up.",
	 .table = &dns_conf_table},
	{.name = "users_file",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct config, users_file),
	 .dflt = "\"\"",
	 .help = "Who may log in, over SMTP and HTTP, read again at each "
		 "reload; empty: nobody.",
	 .check = config_check_path_or_none,
	 .example = "/etc/belfry/users.yaml"},
	{.name = "listeners",
	 .type = CONF_LIST,
	 .offset = offsetof(struct config, listeners),
	 .dflt = "[]",
	 .help = "Ports where mail comes in; without any, only submit_socket "
		 "takes mail.",
	 .table = &listener_conf_table,
	 .example = "[{name: apps, address: \"127.0.0.1:587\", "
		    "role: submission}]"},
	{.name = "http",
	 .type = CONF_LIST,
	 .offset = offsetof(struct config, http),
	 .dflt = "[]",
	 .help = "Ports for HTTP: health, metrics and the interface for "
		 "programs.",
	 .table = &http_conf_table,
	 .example = "[{address: \"127.0.0.1:8025\"}]"},
	{.name = "limits",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, limits),
	 .dflt = "{}",
	 .help = "What a client may ask of every listener.",
	 .table = &limits_conf_table},
	{.name = "domains",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct config, domains),
	 .dflt = "[]",
	 .help = "The domains that we take mail for, from anybody: only for "
		 "recipients that aliases or routes know.",
	 .check = config_check_domains,
	 .example = "[example.org, lists.example.org]"},
	{.name = "origin",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, origin),
	 .dflt = "\"\"",
	 .help = "The domain of names that are given without one; empty: "
		 "hostname.",
	 .check = config_check_origin,
	 .example = "example.org"},
	{.name = "postmaster",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, postmaster),
	 .dflt = "\"\"",
	 .help = "Who gets mail to postmaster, which is always taken; required "
		 "with domains.",
	 .check = config_check_postmaster,
	 .example = "anna@example.org"},
	{.name = "recipient_delimiter",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, recipient_delimiter),
	 .dflt = "\"+\"",
	 .help = "What stands between a name and its extension, as in "
		 "`anna+list@example.org`; empty: there are no extensions.",
	 .check = config_check_delimiter,
	 .example = "\"-\""},
	{.name = "aliases_file",
	 .type = CONF_STRING,
	 .offset = offsetof(struct config, aliases_file),
	 .dflt = "\"\"",
	 .help = "A file of further aliases in the form of aliases(5), read "
		 "again at each reload; empty: none.",
	 .check = config_check_aliases_file,
	 .example = "/etc/aliases"},
	{.name = "aliases",
	 .type = CONF_MAP,
	 .offset = offsetof(struct config, aliases),
	 .dflt = "{}",
	 .help = "Names, or whole addresses, that stand for others. A name is "
		 "one of hostname, localhost and domains.",
	 .example = "{root: [anna@example.org]}"},
	{.name = "rewrite",
	 .type = CONF_LIST,
	 .offset = offsetof(struct config, rewrite),
	 .dflt = "[]",
	 .help = "Other addresses for the senders of submitted mail; in each "
		 "place the first rule that matches and names it.",
	 .table = &rewrite_rule_table,
	 .example = "[{match: .int.example.org, from: noreply@example.org}]"},
	{.name = "routes",
	 .type = CONF_LIST,
	 .offset = offsetof(struct config, routes),
	 .dflt = "[]",
	 .help = "Where some recipients go before anything in delivery is "
		 "asked; the first rule that matches is taken.",
	 .table = &route_rule_table,
	 .example = "[{match: example.org, deliver: smtp, via: [{host: "
		    "10.1.0.5}]}]"},
	{.name = "delivery",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, delivery),
	 .dflt = "{}",
	 .help = "Where mail goes and how hard it is tried.",
	 .table = &delivery_conf_table},
	{.name = "dkim",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, dkim),
	 .dflt = "{}",
	 .help = "The signatures on submitted mail.",
	 .table = &dkim_conf_table},
	{.name = "verdict",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, verdict),
	 .dflt = "{}",
	 .help = "How inbound mail is judged, and what becomes of it.",
	 .table = &verdict_conf_table},
	{.name = "alerts",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, alerts),
	 .dflt = "{}",
	 .help = "Alerts of monitoring systems, and who is told of them.",
	 .table = &alerts_conf_table,
	 .example = "{mail: [anna@example.org]}"},
	{.name = "milter",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct config, milter),
	 .dflt = "{}",
	 .help = "belfry-milter, for Postfix and Sendmail, which runs only "
		 "where this section is there.",
	 .table = &milter_conf_table,
	 .example = "{http: \"127.0.0.1:8026\"}"},
	{.name = NULL},
};

const struct conf_table config_table = {
	.size = sizeof(struct config),
	.options = config_options,
	.mark_offset = offsetof(struct config, mark),
};
