/*
 * import_table - every setting that is known, in the order in which they need
 * one another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/import_postfix.h"

static const struct import_row *
it_row(const char *name)
{
	const struct import_row *row = import_rows;

	while (strcmp(row->name, name) != 0)
		row++;
	return row;
}

/* --- this host ----------------------------------------------------------- */

static void
it_hostname(struct import *im, const char *name, const char *value)
{
	char host[256] = "";

	if (value == NULL) {
		bool got = gethostname(host, sizeof(host) - 1) == 0;

		value = got && host[0] != '\0' ? host : "localhost";
		value = arena_printf(im->arena, "%s%s", value,
				     strchr(value, '.') ? "" : ".localdomain");
		import_note(im, name,
			    "isn't set, so it is the name of this machine, %s; "
			    "`hostname` must be the full one",
			    value);
	}
	im->hostname = value;
}

static void
it_origin(struct import *im, const char *name, const char *value)
{
	struct buf file;

	buf_init(&file, 1024);
	if (value[0] == '/') { /* Debian's /etc/mailname */
		if (im->read(im->read_arg, value, &file) < 0) {
			import_note(im, name, "%s can't be read", value);
			buf_done(&file);
			return;
		}
		value = arena_strndup(im->arena, buf_str(&file),
				      strcspn(buf_str(&file), " \t\r\n"));
	}
	buf_done(&file);
	if (value[0] == '\0' || strcasecmp(value, im->hostname) == 0)
		return;
	im->origin = value;
	import_put(&im->top, "origin: %s\n", import_quote(im, value));
}

static void
it_delimiter(struct import *im, const char *name, const char *value)
{
	char one[2] = {value[0], '\0'};

	import_put(&im->top, "recipient_delimiter: %s\n",
		   import_quote(im, one));
	if (strlen(value) > 1)
		import_note(im, name, "there is one, `%s`", one);
}

/* --- where mail comes in ------------------------------------------------- */

/* As it is where no port is to be open for others. */
static bool
it_is_loopback(const char *interfaces)
{
	return strcmp(interfaces, "loopback-only") == 0 ||
	       strcmp(interfaces, "localhost") == 0 ||
	       strncmp(interfaces, "127.", 4) == 0;
}

static void
it_listener(struct import *im, size_t n, const char *address, const char *tls)
{
	bool inbound = im->domain_list.len > 0;

	import_put(&im->listeners,
		   "  - {name: smtp%.*s%.0zu, address: %s, role: %s, "
		   "trust: [loopback%s]%s}\n",
		   n > 0, "-", n, import_quote(im, address),
		   inbound ? "inbound" : "submission",
		   im->networks.len > 0 && !im->untrusted ? ", mynetworks" : "",
		   tls);
}

/* The certificate, and what the listeners say of it. */
static const char *
it_listen_tls(struct import *im)
{
	const char *cert = postfix_get(&im->settings, "smtpd_tls_cert_file");
	const char *key = postfix_get(&im->settings, "smtpd_tls_key_file");
	const char *level =
		postfix_get(&im->settings, "smtpd_tls_security_level");

	if (cert == NULL || cert[0] == '\0' || strcmp(cert, "none") == 0)
		return "";
	import_put(
		&im->top, "tls: {certificate_file: %s, key_file: %s}\n",
		import_quote(im, cert),
		import_quote(im, key != NULL && key[0] != '\0' ? key : cert));
	import_note(im, "smtpd_tls_key_file",
		    "belfryd reads it as its own user, who must be able to");
	if (level != NULL && strcmp(level, "encrypt") == 0)
		return ", tls: required";
	return level != NULL && strcmp(level, "none") == 0 ? ""
							   : ", tls: starttls";
}

static void
it_listeners(struct import *im, const char *name, const char *value)
{
	struct postfix_list list =
		postfix_list(im->arena, value != NULL ? value : "all");
	const char *tls = it_listen_tls(im);
	size_t n = 0;

	(void)name;
	for (size_t i = 0; i < list.n; i++) {
		const char *at = list.v[i];
		size_t len = strcspn(at, "]");

		if (it_is_loopback(at))
			it_listener(im, n++, "127.0.0.1:25", tls);
		else if (strcmp(at, "all") == 0)
			it_listener(im, n++, ":25", tls);
		else if (at[0] == '[')
			it_listener(im, n++,
				    arena_printf(im->arena, "%.*s]:25",
						 (int)len, at),
				    tls);
		else
			it_listener(im, n++,
				    arena_printf(im->arena,
						 strchr(at, ':') ? "[%s]:25"
								 : "%s:25",
						 at),
				    tls);
	}
}

/* --- one key ------------------------------------------------------------- */

/* Postfix's time with its own unit where none is given: ours has the same
 * letters. */
static const char *
it_time(struct import *im, const char *value, const char *unit)
{
	size_t digits = strspn(value, "0123456789");

	return value[digits] == '\0'
		       ? arena_printf(im->arena, "%s%s", value, unit)
		       : value;
}

/* "limits.recipients" with VALUE. */
static void
it_put(struct import *im, const char *key, const char *value)
{
	if (strncmp(key, "limits.", 7) == 0)
		import_put(&im->limits, "  %s: %s\n", key + 7, value);
	else
		import_put(&im->delivery, "  %s: %s\n", key + 9, value);
}

static void
it_number(struct import *im, const char *name, const char *value)
{
	if (value[0] == '\0' || value[strspn(value, "0123456789")] != '\0' ||
	    strtoll(value, NULL, 10) == 0)
		import_note(im, name, "`%s` can't be said here: a number",
			    value);
	else
		it_put(im, it_row(name)->key, value);
}

static void
it_days(struct import *im, const char *name, const char *value)
{
	it_put(im, it_row(name)->key,
	       import_quote(im, it_time(im, value, "d")));
}

static void
it_warning(struct import *im, const char *name, const char *value)
{
	/* Postfix says nothing of its own accord. */
	(void)name;
	import_put(&im->delivery, "  warn_after: %s\n",
		   value != NULL ? import_quote(im, it_time(im, value, "h"))
				 : "0s");
}

static void
it_text(struct import *im, const char *name, const char *value)
{
	if (value[0] != '\0')
		it_put(im, it_row(name)->key, import_quote(im, value));
}

static void
it_bind(struct import *im, const char *name, const char *value)
{
	const char *six = postfix_get(&im->settings, "smtp_bind_address6");
	struct buf list;

	(void)name;
	buf_init(&list, 1024);
	if (value != NULL && value[0] != '\0')
		import_put(&list, "%s", import_quote(im, value));
	if (six != NULL && six[0] != '\0')
		import_put(&list, "%s%s", list.len > 0 ? ", " : "",
			   import_quote(im, six));
	if (list.len > 0)
		import_put(&im->delivery, "  bind: [%s]\n", list.data);
	buf_done(&list);
}

static void
it_protocols(struct import *im, const char *name, const char *value)
{
	if (strcasecmp(value, "ipv4") == 0)
		import_put(&im->delivery, "  prefer: ipv4-only\n");
	else if (strcasecmp(value, "ipv6") == 0)
		import_note(im, name, "IPv4 is not switched off");
}

static void
it_soft_bounce(struct import *im, const char *name, const char *value)
{
	(void)name;
	if (strcasecmp(value, "yes") == 0)
		import_put(&im->delivery, "  soft_bounce: true\n");
}

/* Two keys of one section. */
static void
it_retry(struct import *im, const char *name, const char *value)
{
	const char *max = postfix_get(&im->settings, "maximal_backoff_time");

	(void)name;
	if (value == NULL && max == NULL)
		return;
	import_put(&im->delivery, "  retry:\n");
	if (value != NULL)
		import_put(&im->delivery, "    first: %s\n",
			   import_quote(im, it_time(im, value, "s")));
	if (max != NULL)
		import_put(&im->delivery, "    max: %s\n",
			   import_quote(im, it_time(im, max, "s")));
}

static void
it_per_destination(struct import *im, const char *name, const char *value)
{
	static const struct {
		const char *name, *key;
	} keys[] = {
		{"default_destination_concurrency_limit", "connections"},
		{"default_destination_recipient_limit",
		 "recipients_per_message"},
	};
	bool any = false;

	(void)name;
	(void)value;
	for (size_t i = 0; i < 2; i++) {
		const char *v = postfix_get(&im->settings, keys[i].name);

		if (v == NULL || strtoll(v, NULL, 10) <= 0)
			continue;
		import_put(&im->delivery, "%s    %s: %lld\n",
			   any ? "" : "  per_destination:\n", keys[i].key,
			   strtoll(v, NULL, 10));
		any = true;
	}
}

static void
it_notify(struct import *im, const char *name, const char *value)
{
	static const struct {
		const char *theirs, *ours;
	} kinds[] = {{"2bounce", "double_bounce"},
		     {"protocol", "protocol"},
		     {"resource", "store"}};
	struct postfix_list list = postfix_list(im->arena, value);
	struct buf some;

	(void)name;
	buf_init(&some, 1024);
	for (size_t i = 0; i < list.n; i++)
		for (size_t k = 0; k < 3; k++)
			if (strcasecmp(list.v[i], kinds[k].theirs) == 0 &&
			    strstr(buf_str(&some), kinds[k].ours) == NULL)
				import_put(&some, "%s%s",
					   some.len > 0 ? ", " : "",
					   kinds[k].ours);
	/* It goes to `postmaster`, which there is with `domains`. */
	if (some.len > 0 && im->domain_list.len > 0)
		import_put(&im->top, "notify: {postmaster: [%s]}\n", some.data);
	buf_done(&some);
}

#define CARRY(name, fn)                                                        \
	{                                                                      \
		name, fn, NULL, NULL, false                                    \
	}
#define ALWAYS(name, fn)                                                       \
	{                                                                      \
		name, fn, NULL, NULL, true                                     \
	}
#define KEY(name, fn, key)                                                     \
	{                                                                      \
		name, fn, key, NULL, false                                     \
	}
#define SAY(name, why)                                                         \
	{                                                                      \
		name, NULL, NULL, why, false                                   \
	}
/* Another's function reads it, or it has no meaning here. */
#define NOTHING(name) SAY(name, "")

#define RULES                                                                  \
	"Belfry's own rules hold: who is in `trust` may send anywhere, "       \
	"everybody else to `domains`, to recipients that are known"
#define FILTER "mail is not given to filters"
#define MAILBOX                                                                \
	"mail for users of this machine needs a route: `deliver: "             \
	"lmtp`, `maildir` or `pipe`"
#define LOGINS "logins are in `users_file`; passwords can't be taken over"
#define TLSOWN "Belfry's own list of ciphers and versions holds"

const struct import_row import_rows[] = {
	ALWAYS("myhostname", it_hostname),
	NOTHING("mydomain"),
	CARRY("myorigin", it_origin),
	CARRY("recipient_delimiter", it_delimiter),
	NOTHING("mynetworks_style"),
	ALWAYS("mynetworks", import_mynetworks),
	ALWAYS("mydestination", import_domains),
	CARRY("relay_domains", import_domains),
	CARRY("virtual_alias_domains", import_domains),
	CARRY("virtual_mailbox_domains", import_domains),
	CARRY("virtual_alias_maps", import_virtual),
	CARRY("virtual_maps", import_virtual),
	ALWAYS("alias_maps", import_alias_file),
	CARRY("smtp_generic_maps", import_generic),
	CARRY("sender_canonical_maps", import_generic),
	CARRY("canonical_maps", import_generic),
	NOTHING("smtp_sasl_auth_enable"),
	NOTHING("smtp_sender_dependent_authentication"),
	NOTHING("smtp_tls_security_level"),
	NOTHING("smtp_use_tls"),
	NOTHING("smtp_enforce_tls"),
	NOTHING("smtp_tls_wrappermode"),
	CARRY("relayhost", import_relayhost),
	CARRY("smtp_fallback_relay", import_fallback),
	CARRY("fallback_relay", import_fallback),
	CARRY("transport_maps", import_transports),
	CARRY("sender_dependent_relayhost_maps", import_by_sender),
	NOTHING("virtual_transport"),
	NOTHING("mailbox_transport"),
	NOTHING("local_transport"),
	NOTHING("relay_transport"),
	ALWAYS("", import_domain_routes),
	CARRY("recipient_bcc_maps", import_copies),
	CARRY("always_bcc", import_always_bcc),
	ALWAYS("smtp_tls_policy_maps", import_policies),
	CARRY("smtp_tls_cert_file", import_certificate),
	NOTHING("smtp_tls_key_file"),
	CARRY("smtp_sasl_password_maps", import_logins),
	CARRY("smtpd_relay_restrictions", import_trust),
	CARRY("smtpd_recipient_restrictions", import_trust),
	ALWAYS("inet_interfaces", it_listeners),
	NOTHING("smtpd_tls_cert_file"),
	NOTHING("smtpd_tls_key_file"),
	NOTHING("smtpd_tls_security_level"),
	CARRY("notify_classes", it_notify),
	KEY("message_size_limit", it_number, "limits.message_size"),
	KEY("header_size_limit", it_number, "limits.header_size"),
	KEY("smtpd_recipient_limit", it_number, "limits.recipients"),
	KEY("smtpd_hard_error_limit", it_number, "limits.errors"),
	KEY("hopcount_limit", it_number, "limits.received_fields"),
	KEY("smtpd_client_connection_count_limit", it_number,
	    "limits.connections_per_ip"),
	KEY("maximal_queue_lifetime", it_days, "delivery.lifetime"),
	ALWAYS("delay_warning_time", it_warning),
	ALWAYS("minimal_backoff_time", it_retry),
	NOTHING("maximal_backoff_time"),
	ALWAYS("default_destination_concurrency_limit", it_per_destination),
	NOTHING("default_destination_recipient_limit"),
	KEY("smtp_helo_name", it_text, "delivery.helo"),
	ALWAYS("smtp_bind_address", it_bind),
	NOTHING("smtp_bind_address6"),
	CARRY("inet_protocols", it_protocols),
	CARRY("soft_bounce", it_soft_bounce),

	/* What is said, and why. */
	SAY("sender_bcc_maps",
	    "no copy depends on the sender; `bcc` of a route gives one of what "
	    "the route takes"),
	SAY("bounce_queue_lifetime", "reports are tried as long as other mail"),
	SAY("body_checks", FILTER),
	SAY("content_filter", FILTER),
	SAY("default_destination_rate_delay",
	    "see `delivery.per_destination.rate`"),
	SAY("smtp_destination_rate_delay",
	    "see `delivery.per_destination.rate`"),
	SAY("smtp_destination_concurrency_limit",
	    "see `delivery.per_destination.connections`"),
	SAY("header_checks", FILTER),
	SAY("smtp_header_checks", FILTER),
	SAY("home_mailbox", MAILBOX),
	SAY("mail_spool_directory", MAILBOX),
	SAY("mailbox_command", MAILBOX),
	SAY("local_recipient_maps",
	    "the recipients that `aliases` and `routes` know are taken"),
	SAY("relay_recipient_maps",
	    "`verify` of a route asks the next hop which recipients it "
	    "has"),
	SAY("luser_relay",
	    "a route whose `match` is the domain takes what no alias "
	    "does"),
	SAY("masquerade_domains",
	    "see `rewrite`, e.g. {match: .example.org, from: "
	    "\"{local}@example.org\"}"),
	SAY("recipient_canonical_maps",
	    "`aliases` give recipients other addresses"),
	SAY("relocated_maps", "an address that is gone is refused as unknown"),
	SAY("sender_dependent_default_transport_maps",
	    "see `delivery.by_sender`"),
	SAY("default_transport", "see `delivery.smarthost`"),
	SAY("milter_default_action", FILTER),
	SAY("non_smtpd_milters", FILTER),
	SAY("smtpd_milters", FILTER),
	NOTHING("smtp_tls_CAfile"),
	SAY("smtp_tls_CApath", "the system's authorities count"),
	SAY("smtp_tls_chain_files",
	    "name the two files, `certificate_file` and `key_file`, in each "
	    "next hop that asks for them; they may be the same"),
	SAY("smtp_tls_mandatory_ciphers", TLSOWN),
	SAY("smtp_tls_mandatory_protocols", TLSOWN),
	SAY("smtp_tls_protocols", TLSOWN),
	SAY("smtpd_tls_mandatory_ciphers", TLSOWN),
	SAY("smtpd_tls_mandatory_protocols", TLSOWN),
	SAY("smtpd_tls_protocols", TLSOWN),
	SAY("smtpd_tls_chain_files",
	    "name the two files: `tls: {certificate_file, key_file}`"),
	SAY("smtpd_client_restrictions", RULES),
	SAY("smtpd_data_restrictions", RULES),
	SAY("smtpd_helo_restrictions", RULES),
	SAY("smtpd_recipient_restrictions", RULES),
	SAY("smtpd_relay_restrictions", RULES),
	SAY("smtpd_sender_restrictions", RULES),
	NOTHING("smtpd_helo_required"),
	SAY("smtpd_sasl_auth_enable", LOGINS),
	SAY("smtpd_sasl_type", LOGINS),
	SAY("smtpd_sasl_path", LOGINS),
	SAY("smtpd_sender_login_maps", "`senders` of a login, in `users_file`"),
	SAY("virtual_mailbox_base", MAILBOX),
	SAY("virtual_mailbox_maps", MAILBOX),

	/* What has no meaning here, or is so anyway. */
	NOTHING("alias_database"),
	NOTHING("append_at_myorigin"),
	NOTHING("append_dot_mydomain"),
	NOTHING("biff"),
	NOTHING("command_directory"),
	NOTHING("compatibility_level"),
	NOTHING("config_directory"),
	NOTHING("daemon_directory"),
	NOTHING("data_directory"),
	NOTHING("debug_peer_level"),
	NOTHING("debugger_command"),
	NOTHING("default_process_limit"),
	NOTHING("disable_vrfy_command"),
	NOTHING("html_directory"),
	NOTHING("local_destination_recipient_limit"),
	NOTHING("mail_name"),
	NOTHING("mail_owner"),
	NOTHING("mail_version"),
	NOTHING("mailbox_size_limit"),
	NOTHING("mailq_path"),
	SAY("maillog_file", "see `log: {to: ...}`"),
	NOTHING("manpage_directory"),
	NOTHING("meta_directory"),
	NOTHING("newaliases_path"),
	NOTHING("queue_directory"),
	NOTHING("readme_directory"),
	NOTHING("sample_directory"),
	NOTHING("sendmail_path"),
	NOTHING("setgid_group"),
	NOTHING("shlib_directory"),
	NOTHING("smtp_sasl_mechanism_filter"),
	NOTHING("smtp_sasl_security_options"),
	NOTHING("smtp_sasl_tls_security_options"),
	NOTHING("smtp_tls_loglevel"),
	NOTHING("smtp_tls_note_starttls_offer"),
	NOTHING("smtp_tls_session_cache_database"),
	NOTHING("smtpd_banner"),
	NOTHING("smtpd_tls_auth_only"),
	NOTHING("smtpd_tls_loglevel"),
	NOTHING("smtpd_tls_received_header"),
	NOTHING("smtpd_tls_session_cache_database"),
	NOTHING("smtpd_use_tls"),
	NOTHING("smtputf8_enable"),
	NOTHING("strict_rfc821_envelopes"),
	NOTHING("tls_random_source"),
	NOTHING("unknown_local_recipient_reject_code"),
	{NULL, NULL, NULL, NULL, false},
};
