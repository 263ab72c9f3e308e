#include "deliver/route.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "deliver/hop_conf.h"
#include "deliver/routes_conf.h"
#include "net/dns.h"
#include "net/sockaddr.h"

/* --- by_sender, by_domain ------------------------------------------------------------- */

static bool
rule_check_via(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const struct conf_list *via = field;

	if (via->n > 0)
		return true;
	conf_error(errors, mark,
		   "`via` names no next hop; write for example "
		   "`via: [{host: 10.0.0.5}]`");
	return false;
}

/* Of whom MATCH speaks, with examples of both keys. */
#define DELIVERY_RULE_OPTIONS(match_help, match_example, via_example)          \
	{                                                                      \
		{.name = "match",                                              \
		 .type = CONF_STRING,                                          \
		 .offset = offsetof(struct delivery_rule, match),              \
		 .help = (match_help),                                         \
		 .check = route_check_match,                                   \
		 .example = (match_example)},                                  \
			{.name = "via",                                        \
			 .type = CONF_LIST,                                    \
			 .offset = offsetof(struct delivery_rule, via),        \
			 .help = "Next hops, tried in this order.",            \
			 .table = &hop_conf_table,                             \
			 .check = rule_check_via,                              \
			 .example = (via_example)},                            \
			{.name = NULL},                                        \
	}
#define DELIVERY_RULE_TABLE(rule_options)                                      \
	{                                                                      \
		.size = sizeof(struct delivery_rule),                          \
		.options = (rule_options),                                     \
		.mark_offset = offsetof(struct delivery_rule, mark),           \
	}

static const struct conf_option domain_rule_options[] = DELIVERY_RULE_OPTIONS(
	"The recipients it is for, as a pattern: `anna@example.com`, "
	"`example.com`, `.example.com` (subdomains), a glob with `*`, "
	"or `/regular expression/`.",
	"example.com", "[{host: 10.0.0.5}]");
static const struct conf_table domain_rule_table =
	DELIVERY_RULE_TABLE(domain_rule_options);

static const struct conf_option sender_rule_options[] = DELIVERY_RULE_OPTIONS(
	"The envelope senders it is for, as a pattern like those of "
	"by_domain. Reports (from `<>`) match none.",
	".shop.example.org", "[{host: smtp.shop.example.net}]");
static const struct conf_table sender_rule_table =
	DELIVERY_RULE_TABLE(sender_rule_options);

/* --- delivery -------------------------------------------------------------- */

#define DELIVERY_TIMEOUT(key, field, value, text)                              \
	{                                                                      \
		.name = (key), .type = CONF_TIME,                              \
		.offset = offsetof(struct delivery_timeouts, field),           \
		.dflt = (value), .help = (text), .min = 100, .max = 3600000    \
	}

static const struct conf_option timeout_options[] = {
	DELIVERY_TIMEOUT("connect", connect_ms, "30s",
			 "For the connection to one address."),
	DELIVERY_TIMEOUT("banner", banner_ms, "5m", "For the greeting."),
	DELIVERY_TIMEOUT("command", command_ms, "5m",
			 "For the answer to each command."),
	DELIVERY_TIMEOUT("data", data_ms, "3m",
			 "For each piece of the message to be taken."),
	DELIVERY_TIMEOUT("after_dot", after_dot_ms, "10m",
			 "For the answer to the whole message; too short makes "
			 "duplicates."),
	{.name = NULL},
};

static const struct conf_table timeout_table = {
	.size = sizeof(struct delivery_timeouts),
	.options = timeout_options,
};

static const struct conf_option per_address_options[] = {
	{.name = "connections",
	 .type = CONF_INT,
	 .offset = 0,
	 .dflt = "20",
	 .help = "Connections to one address at the same time, whatever "
		 "destinations lead there.",
	 .min = 1,
	 .max = 10000},
	{.name = NULL},
};

static const struct conf_table per_address_table = {
	.size = sizeof(((struct delivery_conf *)0)->per_address),
	.options = per_address_options,
};

static const struct conf_option dsn_options[] = {
	{.name = "max_size",
	 .type = CONF_SIZE,
	 .offset = 0,
	 .dflt = "64K",
	 .help = "The largest message that comes back whole with a report that "
		 "it failed; of a larger one its header does. A report itself "
		 "has at most 64K.",
	 .min = 0,
	 .max = 64 << 10},
	{.name = NULL},
};

static const struct conf_table dsn_table = {
	.size = sizeof(((struct delivery_conf *)0)->dsn),
	.options = dsn_options,
};

static bool
delivery_check_only(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors)
{
	const struct conf_strings *s = field;
	bool ok = true;

	(void)mark;
	for (size_t i = 0; i < s->n; i++)
		ok = route_check_match(&s->v[i], &s->marks[i], errors) && ok;
	return ok;
}

/* enum delivery_prefer */
static const char *const prefer_names[] = {"any", "ipv4", "ipv6", "ipv4-only",
					   NULL};

static const struct conf_option mx_options[] = {
	{.name = "hosts",
	 .type = CONF_INT,
	 .offset = offsetof(struct delivery_mx_conf, hosts),
	 .dflt = "10",
	 .help = "Mail exchangers tried at most, the best first.",
	 .min = 1,
	 .max = DNS_MX_MAX},
	{.name = "addresses",
	 .type = CONF_INT,
	 .offset = offsetof(struct delivery_mx_conf, addresses),
	 .dflt = "20",
	 .help = "Addresses of them tried at most.",
	 .min = 1,
	 .max = 1000},
	{.name = "port",
	 .type = CONF_INT,
	 .offset = offsetof(struct delivery_mx_conf, port),
	 .dflt = "25",
	 .help = "The port of every mail exchanger.",
	 .min = 1,
	 .max = 65535},
	{.name = NULL},
};

static const struct conf_table mx_table = {
	.size = sizeof(struct delivery_mx_conf),
	.options = mx_options,
};

static bool
delivery_check_bind(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors)
{
	const struct conf_strings *s = field;
	struct sockaddr_any sa;
	bool seen4 = false, seen6 = false;

	(void)mark;
	for (size_t i = 0; i < s->n; i++) {
		bool *seen;

		if (sockaddr_parse_ip(s->v[i], 0, &sa) < 0) {
			conf_error(errors, &s->marks[i],
				   "`bind` lists addresses of this host; `%s` "
				   "is none",
				   s->v[i]);
			return false;
		}
		seen = sa.ss.ss_family == AF_INET ? &seen4 : &seen6;
		if (*seen) {
			conf_error(errors, &s->marks[i],
				   "`bind` takes at most one IPv4 and one IPv6 "
				   "address");
			return false;
		}
		*seen = true;
	}
	return true;
}

static const struct conf_option delivery_options[] = {
	{.name = "smarthost",
	 .type = CONF_LIST,
	 .offset = offsetof(struct delivery_conf, smarthost),
	 .dflt = "[]",
	 .help = "Next hops for whatever by_sender and by_domain do not cover, "
		 "tried in this order; empty: the mail exchangers (MX) of each "
		 "recipient's domain.",
	 .table = &hop_conf_table,
	 .example = "[{host: smtp.example.net}]"},
	{.name = "by_sender",
	 .type = CONF_LIST,
	 .offset = offsetof(struct delivery_conf, by_sender),
	 .dflt = "[]",
	 .help = "Next hops of their own for mail of some senders; the first "
		 "rule that matches is taken, before any of by_domain.",
	 .table = &sender_rule_table,
	 .example = "[{match: .shop.example.org, via: [{host: "
		    "smtp.shop.example.net}]}]"},
	{.name = "by_domain",
	 .type = CONF_LIST,
	 .offset = offsetof(struct delivery_conf, by_domain),
	 .dflt = "[]",
	 .help = "Next hops of their own for some recipients; the first rule "
		 "that matches is taken.",
	 .table = &domain_rule_table,
	 .example = "[{match: example.com, via: [{host: 10.0.0.5}]}]"},
	{.name = "retry",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct delivery_conf, retry),
	 .dflt = "{}",
	 .help = "When what was deferred is tried again.",
	 .table = &queue_retry_conf_table},
	{.name = "lifetime",
	 .type = CONF_TIME,
	 .offset = offsetof(struct delivery_conf, lifetime_ms),
	 .dflt = "5d",
	 .help = "How long a message is tried before its sender is told that "
		 "it failed.",
	 .min = 1000,
	 .max = 60LL * 86400000},
	{.name = "warn_after",
	 .type = CONF_TIME,
	 .offset = offsetof(struct delivery_conf, warn_after_ms),
	 .dflt = "4h",
	 .help = "The sender of a message that still waits after this time is "
		 "told so, once; 0s: never.",
	 .min = 0,
	 .max = 60LL * 86400000},
	{.name = "dsn",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct delivery_conf, dsn),
	 .dflt = "{}",
	 .help = "Delivery reports to senders.",
	 .table = &dsn_table},
	{.name = "connections",
	 .type = CONF_INT,
	 .offset = offsetof(struct delivery_conf, connections),
	 .dflt = "1000",
	 .help = "Deliveries under way at the same time, in all; 20 of them "
		 "are kept for alerts. As many connections may rest for the "
		 "next mail.",
	 .min = 1,
	 .max = 100000},
	{.name = "per_destination",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct delivery_conf, per_destination),
	 .dflt = "{}",
	 .help = "Limits of each destination.",
	 .table = &queue_destination_conf_table},
	{.name = "per_address",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct delivery_conf, per_address),
	 .dflt = "{}",
	 .help = "Limits of each address connected to.",
	 .table = &per_address_table},
	{.name = "timeouts",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct delivery_conf, timeouts),
	 .dflt = "{}",
	 .help = "How long a next hop may take; then the message is tried "
		 "again later.",
	 .table = &timeout_table},
	{.name = "mx",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct delivery_conf, mx),
	 .dflt = "{}",
	 .help = "How far the mail exchangers of a domain are tried.",
	 .table = &mx_table},
	{.name = "fallback",
	 .type = CONF_LIST,
	 .offset = offsetof(struct delivery_conf, fallback),
	 .dflt = "[]",
	 .help = "Next hops to try when no other host of a destination can be "
		 "reached.",
	 .table = &hop_conf_table,
	 .example = "[{host: slow.example.net}]"},
	{.name = "prefer",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct delivery_conf, prefer),
	 .dflt = "any",
	 .help = "Which addresses of a host are tried first: `any` as the "
		 "resolver has them; `ipv4-only`: no others at all.",
	 .names = prefer_names},
	{.name = "soft_bounce",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct delivery_conf, soft_bounce),
	 .dflt = "false",
	 .help = "true: what is refused for good (5xx) is tried again, as if "
		 "it had been 4xx, until its lifetime ends; for a new "
		 "configuration that may be wrong."},
	{.name = "strict_8bit",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct delivery_conf, strict_8bit),
	 .dflt = "false",
	 .help = "true: return 8-bit mail (5.6.3) where the next hop does not "
		 "offer 8BITMIME; false: send it unchanged, logged and "
		 "counted. Mail from `<>`, as reports are, is sent in any "
		 "case."},
	{.name = "chunking",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct delivery_conf, chunking),
	 .dflt = "false",
	 .help = "true: small mail goes by BDAT to hosts that offer CHUNKING "
		 "and PIPELINING, which saves a round trip; false: all by "
		 "DATA."},
	{.name = "helo",
	 .type = CONF_STRING,
	 .offset = offsetof(struct delivery_conf, helo),
	 .dflt = "\"\"",
	 .help = "The name said in EHLO; empty: hostname.",
	 .check = hop_check_helo,
	 .example = "relay1.example.org"},
	{.name = "only_recipients",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct delivery_conf, only_recipients),
	 .dflt = "[]",
	 .help = "For a staging server: patterns of the only recipients that "
		 "mail goes out to; all others are refused, but those of "
		 "`routes`. Endpoints of receivers are held back, too. Empty: "
		 "everybody.",
	 .check = delivery_check_only,
	 .example = "[example.org]"},
	{.name = "bind",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct delivery_conf, bind),
	 .dflt = "[]",
	 .help = "Addresses of this host to connect from, at most one of each "
		 "family; empty: the system's choice.",
	 .check = delivery_check_bind,
	 .example = "[192.0.2.7, \"2001:db8::7\"]"},
	{.name = NULL},
};

/* A destination bears its first next hop's name, so two different ones with one
 * name would share their queue. */
static bool
delivery_name_is_free(const struct hop *a, const struct hop *b,
		      struct conf_errors *errors)
{
	if (a == b || a->name[0] == '\0' || strcmp(a->name, b->name) != 0 ||
	    (strcmp(a->host, b->host) == 0 && a->port == b->port))
		return true;
	conf_error(errors, &a->mark,
		   "the name `%s` is taken by another next hop, in line %d",
		   a->name, b->mark.line);
	return false;
}

/* Every next hop of the section, in the order of the lists. */
struct hop_refs {
	size_t n;
	const struct hop **v; /* owned */
};

static void
delivery_add_hops(struct hop_refs *refs, const struct conf_list *hops)
{
	const struct hop *v = hops->v;

	refs->v = xreallocarray(refs->v, refs->n + hops->n + 1,
				sizeof(struct hop *));
	for (size_t i = 0; i < hops->n; i++)
		refs->v[refs->n++] = &v[i];
}

static void
delivery_add_rules(struct hop_refs *refs, const struct conf_list *list)
{
	const struct delivery_rule *rules = list->v;

	for (size_t i = 0; i < list->n; i++)
		delivery_add_hops(refs, &rules[i].via);
}

static bool
delivery_check(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const struct delivery_conf *conf = field;
	struct hop_refs hops = {0};
	bool all = true;

	(void)mark;
	delivery_add_hops(&hops, &conf->smarthost);
	delivery_add_rules(&hops, &conf->by_sender);
	delivery_add_rules(&hops, &conf->by_domain);
	delivery_add_hops(&hops, &conf->fallback);
	for (size_t i = 0; i < hops.n; i++) {
		bool ok = hop_check_no_unix(hops.v[i], errors);

		for (size_t j = 0; ok && j < i; j++)
			ok = delivery_name_is_free(hops.v[i], hops.v[j],
						   errors);
		all = all && ok;
	}
	free(hops.v);
	return all;
}

const struct conf_table delivery_conf_table = {
	.size = sizeof(struct delivery_conf),
	.options = delivery_options,
	.check = delivery_check,
};
