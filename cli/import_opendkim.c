#include "cli/import_opendkim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/sockaddr.h"

/* A setting by hand: NAME as it is in the table. */
typedef void opendkim_fn(struct import_opendkim *io, const char *name,
			 const char *value);

struct opendkim_row {
	const char *name;
	opendkim_fn *fn; /* NULL: see WHY */
	const char *why; /* it isn't carried over; "": it means nothing here */
	bool if_yes;     /* only where it is yes */
};

/* An item more of a list that is written "[a, b]". */
static void
list_add(struct import_opendkim *io, struct buf *list, const char *item)
{
	import_put(list, "%s%s", list->len > 0 ? ", " : "",
		   import_quote(&io->im, item));
}

/* --- who is ours --------------------------------------------------------- */

/* "[::1]" too; a name is none. */
static const char *
network_text(struct import_opendkim *io, const char *key)
{
	struct network network;
	size_t len = strlen(key);

	if (len > 2 && key[0] == '[' && key[len - 1] == ']')
		key = arena_strndup(io->im.arena, key + 1, len - 2);
	if (strcasecmp(key, "localhost") == 0)
		return "loopback";
	return network_parse(key, &network) == 0 ? key : NULL;
}

static void
oi_internal_hosts(struct import_opendkim *io, const char *name,
		  const char *value)
{
	struct opendkim_dataset d;
	const char *text;
	struct buf list;

	opendkim_dataset(&io->settings, value, &d);
	buf_init(&list, IMPORT_TEXT_MAX);
	if (d.why != NULL)
		import_note(&io->im, name, "was not read: %s", d.why);
	for (size_t i = 0; i < d.n; i++) {
		if (d.v[i].key[0] == '!') {
			import_note(&io->im, name,
				    "`%s` leaves somebody out of a network, "
				    "which can't be said here: write down who "
				    "is left, as `networks.internal` and in "
				    "`milter.ours.networks`",
				    d.v[i].key);
			buf_done(&list);
			return;
		}
		text = network_text(io, d.v[i].key);
		if (text == NULL)
			import_note(&io->im, name,
				    "`%s` is no network: here only addresses "
				    "say who is ours",
				    d.v[i].key);
		else
			list_add(io, &list, text);
	}
	if (list.len > 0) {
		import_put(&io->networks, "  internal: [%s]\n", buf_str(&list));
		io->has_networks = true;
	}
	buf_done(&list);
}

/* Names of Postfix's or Sendmail's services. */
static void
oi_daemons(struct import_opendkim *io, const char *name, const char *value)
{
	struct opendkim_dataset d;

	opendkim_dataset(&io->settings, value, &d);
	if (d.why != NULL)
		import_note(&io->im, name, "was not read: %s", d.why);
	for (size_t i = 0; i < d.n; i++)
		list_add(io, &io->daemons, d.v[i].key);
}

/* "daemon_name=ORIGINATING|SUBMISSION" */
static void
oi_macros(struct import_opendkim *io, const char *name, const char *value)
{
	struct opendkim_dataset d;
	char *rest, *word;

	opendkim_dataset(&io->settings, value, &d);
	if (d.why != NULL)
		import_note(&io->im, name, "was not read: %s", d.why);
	for (size_t i = 0; i < d.n; i++) {
		const char *key = d.v[i].key;

		rest = arena_strdup(io->im.arena, d.v[i].value);
		if (strstr(key, "auth_type") != NULL && *rest == '\0')
			continue;
		if (strstr(key, "daemon_name") == NULL || *rest == '\0') {
			import_note(&io->im, name,
				    "`%s` says nothing here: {auth_type} and "
				    "{daemon_name} do",
				    key);
			continue;
		}
		while ((word = strsep(&rest, "|")) != NULL)
			if (*word != '\0')
				list_add(io, &io->daemons, word);
	}
}

/* --- the socket ---------------------------------------------------------- */

/* Which goes with it. */
static bool
is_opendkims(const char *path)
{
	return strncmp(path, "/run/opendkim/", 14) == 0 ||
	       strncmp(path, "/var/run/opendkim/", 18) == 0;
}

/* "inet:8891@localhost" as it is written here. */
static const char *
inet_text(struct import_opendkim *io, const char *name, const char *value)
{
	bool six = strncasecmp(value, "inet6:", 6) == 0;
	const char *loopback = six ? "::1" : "127.0.0.1", *host;
	char *port = arena_strdup(io->im.arena, strchr(value, ':') + 1);
	char *at = strchr(port, '@');
	struct sockaddr_any sa;

	if (at == NULL) {
		import_note(&io->im, name,
			    "`%s` is open on every address of this machine: "
			    "here only on loopback",
			    value);
		host = loopback;
	} else {
		*at = '\0';
		host = network_text(io, at + 1);
	}
	if (host != NULL && strcmp(host, "loopback") == 0)
		host = loopback;
	if (host == NULL || sockaddr_parse_ip(host, 0, &sa) < 0) {
		import_note(&io->im, name,
			    "`%s` is at a name, and only an address is "
			    "understood here: on loopback",
			    value);
		host = loopback;
	}
	return arena_printf(io->im.arena,
			    strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s",
			    host, port);
}

static void
oi_socket(struct import_opendkim *io, const char *name, const char *value)
{
	static const char *const local[] = {"local:", "unix:"};
	const char *path = value[0] == '/' ? value : NULL;

	for (size_t i = 0; i < 2; i++)
		if (strncasecmp(value, local[i], strlen(local[i])) == 0)
			path = value + strlen(local[i]);
	if (path != NULL && is_opendkims(path)) {
		import_note(&io->im, name,
			    "%s is in a directory of OpenDKIM's own: "
			    "`milter.socket` says where Postfix finds it now",
			    path);
		return;
	}
	if (path != NULL) {
		value = arena_printf(io->im.arena, "unix:%s", path);
	} else if (strncasecmp(value, "inet:", 5) == 0 ||
		   strncasecmp(value, "inet6:", 6) == 0) {
		value = inet_text(io, name, value);
	} else {
		import_note(&io->im, name, "`%s` is no socket that is known",
			    value);
		return;
	}
	import_put(&io->milter, "  socket: %s\n", import_quote(&io->im, value));
}

static void
oi_umask(struct import_opendkim *io, const char *name, const char *value)
{
	char *end;
	unsigned long mask = strtoul(value, &end, 8);

	if (*end != '\0' || mask > 0777)
		import_note(&io->im, name, "`%s` is no mask", value);
	else
		import_put(&io->milter, "  socket_mode: \"%04lo\"\n",
			   0666UL & ~mask);
}

static void
oi_user(struct import_opendkim *io, const char *name, const char *value)
{
	const char *group = strchr(value, ':');

	import_note(&io->im, name,
		    "the user here is `milter.user`, belfry-milter; it must "
		    "be able to read the keys");
	if (group != NULL && group[1] != '\0')
		import_put(&io->milter, "  socket_group: %s\n",
			   import_quote(&io->im, group + 1));
}

/* --- the others ---------------------------------------------------------- */

static void
oi_mode(struct import_opendkim *io, const char *name, const char *value)
{
	if (strchr(value, 's') == NULL)
		import_put(&io->milter, "  sign: false\n");
	if (strchr(value, 'v') == NULL)
		import_note(&io->im, name,
			    "mail that is not ours is judged all the same, "
			    "and by default only marked");
}

static void
oi_authserv_id(struct import_opendkim *io, const char *name, const char *value)
{
	(void)name;
	if (strcasecmp(value, "HOSTNAME") != 0)
		import_put(&io->verdict, "  authserv_id: %s\n",
			   import_quote(&io->im, value));
}

static void
oi_canonical(struct import_opendkim *io, const char *name, const char *value)
{
	if (strcasecmp(value, "relaxed/relaxed") != 0)
		import_note(&io->im, name,
			    "signatures are relaxed/relaxed, which is no "
			    "less than `%s` to who verifies",
			    value);
}

static void
oi_nameservers(struct import_opendkim *io, const char *name, const char *value)
{
	struct opendkim_dataset d;
	struct buf list;

	(void)name;
	opendkim_dataset(&io->settings, value, &d);
	buf_init(&list, IMPORT_TEXT_MAX);
	for (size_t i = 0; i < d.n; i++)
		list_add(io, &list, d.v[i].key);
	if (list.len > 0)
		import_put(&io->dns, "  servers: [%s]\n", buf_str(&list));
	buf_done(&list);
}

static void
oi_trust_anchor(struct import_opendkim *io, const char *name, const char *value)
{
	(void)name;
	import_put(&io->dns, "  trust_anchor: %s\n",
		   import_quote(&io->im, value));
}

/* What to do with a signature that is not good. */
static void
oi_on(struct import_opendkim *io, const char *name, const char *value)
{
	if (value[0] != 'a' && value[0] != 'A')
		import_note(&io->im, name,
			    "DKIM alone refuses nothing here: what the "
			    "author's domain asks for by DMARC is done as "
			    "`verdict.dmarc.on_reject` and `on_quarantine` "
			    "say, a failure of the DNS as "
			    "`verdict.on_temperror` says");
}

static void
oi_algorithm(struct import_opendkim *io, const char *name, const char *value)
{
	if (strcasecmp(value, "rsa-sha1") == 0)
		import_note(&io->im, name,
			    "SHA-1 is not used any more: RSA keys sign with "
			    "SHA-256");
}

#define BY_SCRIPT "scripts are not run"
#define NO_LIST   "there is no such list"
#define HEADERS                                                                \
	"which fields are signed is not to be chosen; From is signed once "    \
	"more than it is there"

/* In the order of opendkim.conf(5). */
static const struct opendkim_row rows[] = {
	{"AlwaysAddARHeader", NULL, "", false}, /* it is always added */
	{"AuthservID", oi_authserv_id, NULL, false},
	{"AuthservIDWithJobID", NULL, "the id of the queue is in the log",
	 true},
	{"AutoRestart", NULL, "", false}, /* these are systemd's */
	{"AutoRestartCount", NULL, "", false},
	{"AutoRestartRate", NULL, "", false},
	{"Background", NULL, "", false},
	{"BodyLengthDB", NULL, "signatures cover the whole body", false},
	{"Canonicalization", oi_canonical, NULL, false},
	{"Diagnostics", NULL, "", false},
	{"DNSTimeout", NULL,
	 "it was for one question: `verdict.dns.deadline` is for all of a "
	 "message",
	 false},
	{"Domain", NULL, "", false}, /* import_signing() */
	{"DontSignMailTo", NULL, NO_LIST, false},
	{"EnableCoredumps", NULL, "", false},
	{"ExemptDomains", NULL, NO_LIST, false},
	{"ExternalIgnoreList", NULL, "", false}, /* of lines in the log */
	{"FinalPolicyScript", NULL, BY_SCRIPT, false},
	{"FixCRLF", NULL, "", false},
	{"InternalHosts", oi_internal_hosts, NULL, false},
	{"KeepAuthResults", NULL, "fields that say they are ours are removed",
	 true},
	{"KeyFile", NULL, "", false},
	{"KeyTable", NULL, "", false},
	{"LogResults", NULL, "", false},
	{"LogWhy", NULL, "", false},
	{"MacroList", oi_macros, NULL, false},
	{"MaximumHeaders", NULL, "", false},
	{"MaximumSignaturesToVerify", NULL, "ten of a message are verified",
	 false},
	{"MaximumSignedBytes", NULL, "signatures cover the whole body", false},
	{"MilterDebug", NULL, "", false},
	{"Minimum", NULL,
	 "what a signature leaves out by l= makes it fail; "
	 "`verdict.dkim.body_length_tag: allow` takes it",
	 false},
	{"MinimumKeyBits", NULL, "keys under 1,024 bits pass nothing", false},
	{"Mode", oi_mode, NULL, false},
	{"MTA", oi_daemons, NULL, false},
	{"MultipleSignatures", NULL, "", false},
	{"MustBeSigned", NULL, HEADERS, false},
	{"Nameservers", oi_nameservers, NULL, false},
	{"OmitHeaders", NULL, HEADERS, false},
	{"On-BadSignature", oi_on, NULL, false},
	{"On-Default", oi_on, NULL, false},
	{"On-DNSError", oi_on, NULL, false},
	{"On-InternalError", NULL,
	 "it is Postfix's milter_default_action: `tempfail`", false},
	{"On-KeyNotFound", oi_on, NULL, false},
	{"On-NoSignature", oi_on, NULL, false},
	{"On-Security", oi_on, NULL, false},
	{"On-SignatureError", oi_on, NULL, false},
	{"OversignHeaders", NULL, "", false},
	{"PeerList", NULL,
	 "who is neither signed nor judged: no milter for that service in "
	 "Postfix's master.cf",
	 false},
	{"PidFile", NULL, "", false},
	{"Quarantine", NULL, "see `verdict.dmarc.on_quarantine: hold`", true},
	{"QueryCache", NULL, "", false},
	{"RemoveARAll", NULL, "only fields that say they are ours are removed",
	 true},
	{"RemoveARFrom", NULL, "only fields that say they are ours are removed",
	 false},
	{"RemoveOldSignatures", NULL, "signatures that are there stay", true},
	{"RequireSafeKeys", NULL, "a key that the world can read is refused",
	 false},
	{"ResignAll", NULL, "who is ours is signed, also if it was before",
	 true},
	{"ScreenPolicyScript", NULL, BY_SCRIPT, false},
	{"Selector", NULL, "", false},
	{"SendReports", NULL, "reports of single failures are not sent", true},
	{"SenderHeaders", NULL, "the first address of From says who signs",
	 false},
	{"SetupPolicyScript", NULL, BY_SCRIPT, false},
	{"SignatureAlgorithm", oi_algorithm, NULL, false},
	{"SignatureTTL", NULL, "signatures do not expire", false},
	{"SignHeaders", NULL, HEADERS, false},
	{"SigningTable", NULL, "", false},
	{"Socket", oi_socket, NULL, false},
	{"SoftwareHeader", NULL, "", false},
	{"Statistics", NULL, "`milter.http` has the metrics", false},
	{"StrictHeaders", NULL, "", false},
	{"SubDomains", NULL, "", false},
	{"Syslog", NULL, "", false}, /* the journal has it */
	{"SyslogFacility", NULL, "see `milter.log`", false},
	{"SyslogName", NULL, "see `milter.log`", false},
	{"SyslogSuccess", NULL, "", false},
	{"TemporaryDirectory", NULL, "", false},
	{"TrustAnchorFile", oi_trust_anchor, NULL, false},
	{"UMask", oi_umask, NULL, false},
	{"UserID", oi_user, NULL, false},
	{NULL, NULL, NULL, false},
};

/* --- the whole ----------------------------------------------------------- */

static struct buf *
oi_bufs(struct import_opendkim *io, size_t i)
{
	struct buf *const all[] = {&io->networks, &io->dns,    &io->sign,
				   &io->verdict,  &io->milter, &io->daemons};

	return i < sizeof(all) / sizeof(all[0]) ? all[i] : NULL;
}

void
import_opendkim_init(struct import_opendkim *io)
{
	memset(io, 0, sizeof(*io));
	import_init(&io->im, NULL, NULL);
	arena_init(&io->settings.arena);
	for (size_t i = 0; oi_bufs(io, i) != NULL; i++)
		buf_init(oi_bufs(io, i), IMPORT_TEXT_MAX);
}

void
import_opendkim_done(struct import_opendkim *io)
{
	for (size_t i = 0; oi_bufs(io, i) != NULL; i++)
		buf_done(oi_bufs(io, i));
	import_done(&io->im);
	opendkim_settings_done(&io->settings);
}

static struct opendkim_setting *
oi_setting(struct import_opendkim *io, const char *name)
{
	for (size_t i = 0; i < io->settings.n; i++)
		if (strcasecmp(io->settings.v[i].name, name) == 0)
			return &io->settings.v[i];
	return NULL;
}

static void
oi_row(struct import_opendkim *io, const struct opendkim_row *row)
{
	struct opendkim_setting *s = oi_setting(io, row->name);

	if (s == NULL)
		return;
	s->known = true;
	if (row->fn != NULL)
		row->fn(io, row->name, s->value);
	else if (row->why[0] != '\0' &&
		 (!row->if_yes || opendkim_is_yes(s->value)))
		import_note(&io->im, row->name, "%s", row->why);
}

static void
oi_write(struct import_opendkim *io, struct buf *out)
{
	import_put(out, "# Made of OpenDKIM's settings by `belfry import "
			"opendkim`.\n");
	import_section(out, "networks", &io->networks);
	import_section(out, "dns", &io->dns);
	if (io->sign.len > 0)
		import_put(out, "dkim:\n");
	import_section(out, "  sign", &io->sign);
	import_section(out, "verdict", &io->verdict);
	if (io->has_networks || io->daemons.len > 0)
		import_put(&io->milter, "  ours:\n");
	if (io->has_networks)
		import_put(&io->milter, "    networks: [internal]\n");
	if (io->daemons.len > 0)
		import_put(&io->milter, "    daemons: [%s]\n",
			   buf_str(&io->daemons));
	import_section(out, "milter", &io->milter);
}

int
import_opendkim(struct import_opendkim *io, const char *path, const char *text,
		size_t len, postfix_read_fn *read, void *read_arg,
		struct buf *ret_yaml)
{
	const char *mode;
	int r;

	opendkim_settings_done(&io->settings);
	r = opendkim_settings_parse(path, text, len, read, read_arg,
				    &io->settings);
	if (r < 0)
		return r;
	mode = opendkim_get(&io->settings, "Mode");
	if (mode == NULL || strchr(mode, 's') != NULL)
		import_signing(io);
	for (const struct opendkim_row *row = rows; row->name != NULL; row++)
		oi_row(io, row);
	for (size_t i = 0; i < io->settings.n; i++)
		if (!io->settings.v[i].known)
			import_note(&io->im, io->settings.v[i].name,
				    "nothing here is like it; see what you "
				    "used it for");
	oi_write(io, ret_yaml);
	return 0;
}
