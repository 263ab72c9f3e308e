/* The keys of the section itself. */
#include "alert/alerts_conf_impl.h"

#include <stddef.h>
#include <string.h>

#include "alert/rota.h"
#include "alert/time_interval.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "mail/address.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

const char *const alert_own_names[] = {
	[ALERT_OWN_QUEUE_STUCK] = "queue_stuck",
	[ALERT_OWN_DOUBLE_BOUNCE] = "double_bounce",
	[ALERT_OWN_CERTIFICATE] = "certificate",
	[ALERT_OWN_STORE] = "store",
	[ALERT_OWN_SOURCE_SILENT] = "source_silent",
	[ALERT_OWN_PAUSED] = "paused",
	[ALERT_OWN_REFUSED] = "refused",
	[ALERT_NOWN] = NULL,
};

/* --- checks that the other tables share -------------------------------------- */

static bool
is_control(char c)
{
	return (unsigned char)c < ' ' || c == 127;
}

bool
alert_check_name(void *field, const struct conf_mark *mark,
		 struct conf_errors *errors)
{
	const char *name = *(char **)field;
	size_t len = strlen(name);
	bool ok = len > 0 && len <= ALERT_NAME_MAX && utf8_is_valid(name) &&
		  strchr(name, '/') == NULL;

	for (size_t i = 0; ok && i < len; i++)
		ok = !is_control(name[i]);
	if (!ok)
		conf_error(errors, mark,
			   "a name has 1 to %d bytes of UTF-8, no slash and no "
			   "control characters: `%s`",
			   ALERT_NAME_MAX, name);
	return ok;
}

static bool
ac_address(const char *text, const struct conf_mark *mark,
	   struct conf_errors *errors)
{
	struct arena arena;
	struct address a;
	const char *why = "it has no domain";
	bool ok;

	arena_init(&arena);
	ok = address_parse(text, &arena, &a, &why) == 0 && a.domain[0] != '\0';
	if (!ok)
		conf_error(errors, mark, "`%s` is no mail address: %s", text,
			   why);
	arena_done(&arena);
	return ok;
}

bool
alert_check_address(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors)
{
	return ac_address(*(char **)field, mark, errors);
}

bool
alert_check_addresses(void *field, const struct conf_mark *mark,
		      struct conf_errors *errors)
{
	const struct conf_strings *s = field;
	bool ok = true;

	(void)mark;
	for (size_t i = 0; i < s->n; i++)
		ok = ac_address(s->v[i], &s->marks[i], errors) && ok;
	return ok;
}

bool
alert_check_url(void *field, const struct conf_mark *mark,
		struct conf_errors *errors)
{
	const char *url = *(char **)field, *host = NULL;
	bool ok;

	if (strncmp(url, "http://", 7) == 0)
		host = url + 7;
	else if (strncmp(url, "https://", 8) == 0)
		host = url + 8;
	ok = host != NULL && strcspn(host, "/?#") > 0 &&
	     strlen(url) <= ALERT_URL_LEN && utf8_is_ascii(url);
	for (size_t i = 0; ok && url[i] != '\0'; i++)
		ok = url[i] > ' ' && !is_control(url[i]);
	if (!ok)
		conf_error(errors, mark,
			   "a URL is http://HOST... or https://HOST..., of "
			   "ASCII and without spaces, not `%s`",
			   url);
	return ok;
}

bool
alert_check_url_or_none(void *field, const struct conf_mark *mark,
			struct conf_errors *errors)
{
	return (*(char **)field)[0] == '\0' ||
	       alert_check_url(field, mark, errors);
}

/* --- the section ------------------------------------------------------------- */

static bool
ac_check_from(void *field, const struct conf_mark *mark,
	      struct conf_errors *errors)
{
	const char *from = *(char **)field;
	size_t len = strcspn(from, "<");
	struct arena arena;
	bool ok = true;

	for (size_t i = 0; ok && from[i] != '\0'; i++)
		ok = !is_control(from[i]);
	if (!ok || !utf8_is_valid(from)) {
		conf_error(errors, mark, "`from` has no control characters");
		return false;
	}
	if (from[0] == '\0')
		return true;
	if (from[len] == '\0' && strchr(from, ' ') == NULL)
		return ac_address(from, mark, errors);
	if (from[strlen(from) - 1] != '>') {
		conf_error(errors, mark,
			   "`from` is an address, or a name and an address: "
			   "`Alerts <alerts@example.org>`, not `%s`",
			   from);
		return false;
	}
	arena_init(&arena);
	ok = ac_address(arena_strndup(&arena, from + len + 1,
				      strlen(from + len + 1) - 1),
			mark, errors);
	arena_done(&arena);
	return ok;
}

static bool
ac_check_reply(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const char *reply = *(char **)field;

	if (reply[0] == '\0' ||
	    (reply[0] != '[' && address_is_domain(reply, strlen(reply))))
		return true;
	conf_error(errors, mark, "`reply` is a domain, not `%s`", reply);
	return false;
}

/* A base: what is appended begins with a slash. */
static bool
ac_check_base(void *field, const struct conf_mark *mark,
	      struct conf_errors *errors)
{
	char *url = *(char **)field;
	size_t len = strlen(url);

	if (!alert_check_url_or_none(field, mark, errors))
		return false;
	if (strpbrk(url, "?#") != NULL) {
		conf_error(errors, mark,
			   "`url` is what links begin with: it has no `?` and "
			   "no `#`");
		return false;
	}
	while (len > 0 && url[len - 1] == '/')
		url[--len] = '\0';
	return true;
}

static bool
ac_check_templates(void *field, const struct conf_mark *mark,
		   struct conf_errors *errors)
{
	return (*(char **)field)[0] == '\0' ||
	       conf_check_path(field, mark, errors);
}

/* "queue_stuck, double_bounce, ... and refused" */
static const char *
ac_own_words(struct buf *buf)
{
	for (size_t i = 0; i < ALERT_NOWN; i++)
		(void)buf_printf(buf, "%s%s",
				 i == 0               ? ""
				 : i + 1 < ALERT_NOWN ? ", "
						      : " and ",
				 alert_own_names[i]);
	return buf_str(buf);
}

static void
ac_own_error(const struct conf_mark *mark, const char *word,
	     struct conf_errors *errors)
{
	struct buf words;

	buf_init(&words, 1024);
	conf_error(errors, mark, "`own` lists %s, not `%s`",
		   ac_own_words(&words), word);
	buf_done(&words);
}

static bool
ac_resolve_own(struct alerts_conf *a, struct conf_errors *errors)
{
	bool ok = true;

	for (size_t i = 0; i < a->own.n; i++) {
		unsigned at = 0;

		while (at < ALERT_NOWN &&
		       strcmp(alert_own_names[at], a->own.v[i]) != 0)
			at++;
		a->own_bits |= at < ALERT_NOWN ? 1u << at : 0;
		if (at < ALERT_NOWN)
			continue;
		ac_own_error(&a->own.marks[i], a->own.v[i], errors);
		ok = false;
	}
	return ok;
}

static bool
ac_check(void *field, const struct conf_mark *mark, struct conf_errors *errors)
{
	struct alerts_conf *a = field;

	(void)mark;
	return ac_resolve_own(a, errors) &&
	       secret_check(&a->heartbeat.ping_url, "ping_url", errors);
}

/* --- tables ------------------------------------------------------------------ */

static const struct conf_option person_options[] = {
	{.name = "mail",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_person_conf, mail),
	 .help = "Where the person reads mail.",
	 .check = alert_check_address,
	 .example = "anna@example.org"},
	{.name = "time_zone",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_person_conf, time_zone),
	 .dflt = "\"\"",
	 .help = "Of the times that the person is told; empty: the machine's.",
	 .example = "Europe/Berlin"},
	{.name = NULL},
};

static const struct conf_table person_table = {
	.size = sizeof(struct alert_person_conf),
	.options = person_options,
	.mark_offset = offsetof(struct alert_person_conf, mark),
	.name_offset = offsetof(struct alert_person_conf, name),
};

#define FLAP(member)                                                           \
	(offsetof(struct alerts_conf, member) -                                \
	 offsetof(struct alerts_conf, flap))

static const struct conf_option flap_options[] = {
	{.name = "changes",
	 .type = CONF_INT,
	 .offset = FLAP(flap.changes),
	 .dflt = "4",
	 .help = "So many changes between firing and resolved make an incident "
		 "a flapping one, of which people are told once.",
	 .min = 2,
	 .max = 100},
	{.name = "within",
	 .type = CONF_TIME,
	 .offset = FLAP(flap.within_ms),
	 .dflt = "10m",
	 .help = "The time in which they count.",
	 .min = 1000,
	 .max = DAY_MS},
	{.name = NULL},
};

static const struct conf_table flap_table = {
	.size = sizeof(((struct alerts_conf *)0)->flap),
	.options = flap_options,
};

#define LIMIT(member)                                                          \
	(offsetof(struct alerts_conf, member) -                                \
	 offsetof(struct alerts_conf, limits))

static const struct conf_option limits_options[] = {
	{.name = "incidents",
	 .type = CONF_INT,
	 .offset = LIMIT(limits.incidents),
	 .dflt = "250000",
	 .help = "Incidents that are held in memory: those that are not over, "
		 "and those of the last hour.",
	 .min = 1,
	 .max = 10000000},
	{.name = "bytes",
	 .type = CONF_SIZE,
	 .offset = LIMIT(limits.bytes),
	 .dflt = "384M",
	 .help = "What they may take of memory, with all that they say.",
	 .min = 64 * 1024,
	 .max = INT64_C(64) << 30},
	{.name = NULL},
};

static const struct conf_table limits_table = {
	.size = sizeof(((struct alerts_conf *)0)->limits),
	.options = limits_options,
};

#define BEAT(member)                                                           \
	(offsetof(struct alerts_conf, member) -                                \
	 offsetof(struct alerts_conf, heartbeat))

static const struct conf_option heartbeat_options[] = {
	{.name = "expect",
	 .type = CONF_STRINGS,
	 .offset = BEAT(heartbeat.expect),
	 .dflt = "[]",
	 .help = "Matchers of an alert that fires all the time, such as "
		 "Prometheus's Watchdog: nobody is told of it, but of its "
		 "absence. Empty: none is expected.",
	 .example = "['alertname=\"Watchdog\"']"},
	{.name = "within",
	 .type = CONF_TIME,
	 .offset = BEAT(heartbeat.within_ms),
	 .dflt = "5m",
	 .help = "How long it may be absent.",
	 .min = 10000,
	 .max = 7 * DAY_MS},
	{.name = "ping_url_file",
	 .type = CONF_TEXT,
	 .offset = BEAT(heartbeat.ping_url.file),
	 .dflt = "\"\"",
	 .help = "The file that holds the URL that Belfry itself asks for "
		 "while it works, at a service that tells you when nobody "
		 "asks any more.",
	 .example = "/etc/belfry/ping"},
	{.name = "ping_url_env",
	 .type = CONF_TEXT,
	 .offset = BEAT(heartbeat.ping_url.env),
	 .dflt = "\"\"",
	 .help = "The environment variable that holds that URL, instead of "
		 "`ping_url_file`."},
	{.name = "every",
	 .type = CONF_TIME,
	 .offset = BEAT(heartbeat.every_ms),
	 .dflt = "1m",
	 .help = "How often it is asked for.",
	 .min = 10000,
	 .max = DAY_MS},
	{.name = NULL},
};

static const struct conf_table heartbeat_table = {
	.size = sizeof(((struct alerts_conf *)0)->heartbeat),
	.options = heartbeat_options,
};

static const struct conf_option alerts_options[] = {
	{.name = "mail",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alerts_conf, mail),
	 .dflt = "[]",
	 .help = "Who is told of every alert, by mail: the receiver `default`, "
		 "which the route has unless it names another. Enough by "
		 "itself.",
	 .check = alert_check_addresses,
	 .example = "[anna@example.org]"},
	{.name = "from",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alerts_conf, from),
	 .dflt = "\"\"",
	 .help = "The author of alert mails; empty: `Belfry "
		 "<alerts@HOSTNAME>`.",
	 .check = ac_check_from,
	 .example = "\"Alerts <alerts@example.org>\""},
	{.name = "url",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alerts_conf, url),
	 .dflt = "\"\"",
	 .help = "Where people reach Belfry's HTTP, for links to acknowledge "
		 "and silence; empty: no links.",
	 .check = ac_check_base,
	 .example = "https://belfry.example.org"},
	{.name = "reply",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alerts_conf, reply),
	 .dflt = "\"\"",
	 .help = "The domain of the addresses that take replies and bounces of "
		 "alert mails; needs a route with `deliver: alert` for "
		 "`alert@` it. Empty: replies do nothing.",
	 .check = ac_check_reply,
	 .example = "example.org"},
	{.name = "lifetime",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alerts_conf, lifetime_ms),
	 .dflt = "24h",
	 .help = "How long a message about an alert is tried.",
	 .min = 60000,
	 .max = 30 * DAY_MS},
	{.name = "retention",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alerts_conf, retention_ms),
	 .dflt = "90d",
	 .help = "How long an incident that is over is kept, with its history.",
	 .min = 3600000,
	 .max = 3650 * DAY_MS},
	{.name = "critical",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alerts_conf, critical),
	 .dflt = "['severity=~\"critical|page\"']",
	 .help = "Matchers of what is critical: told sooner, never held back "
		 "by a rate.",
	 .example = "['severity=\"page\"']"},
	{.name = "templates",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alerts_conf, templates),
	 .dflt = "\"\"",
	 .help = "A folder whose files replace the templates of messages; "
		 "empty: ours.",
	 .check = ac_check_templates,
	 .example = "/etc/belfry/templates"},
	{.name = "builtin_sources",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct alerts_conf, builtin_sources),
	 .dflt = "true",
	 .help = "There is a source of every kind at /hooks/KIND, for who may "
		 "post; one of `sources` takes the place of that with its "
		 "name."},
	{.name = "sources",
	 .type = CONF_LIST,
	 .offset = offsetof(struct alerts_conf, sources),
	 .dflt = "[]",
	 .help = "Who sends alerts, beside those that are built in.",
	 .table = &alert_source_table,
	 .example = "[{name: backup, kind: generic, dedup_key: /job}]"},
	{.name = "people",
	 .type = CONF_NAMED,
	 .offset = offsetof(struct alerts_conf, people),
	 .dflt = "{}",
	 .help = "Who can be told, by the names that schedules and receivers "
		 "use.",
	 .table = &person_table,
	 .example = "{anna: {mail: anna@example.org}}"},
	{.name = "schedules",
	 .type = CONF_LIST,
	 .offset = offsetof(struct alerts_conf, schedules),
	 .dflt = "[]",
	 .help = "Who is on call when.",
	 .table = &rota_conf_table,
	 .example = "[{name: primary, people: [anna, ben]}]"},
	{.name = "receivers",
	 .type = CONF_LIST,
	 .offset = offsetof(struct alerts_conf, receivers),
	 .dflt = "[]",
	 .help = "Whom routes can name. One without any address tells nobody; "
		 "where all are so, it has to be called `nobody`.",
	 .table = &alert_receiver_table,
	 .example = "[{name: oncall, schedules: [primary]}]"},
	{.name = "route",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct alerts_conf, route),
	 .dflt = "{}",
	 .help = "Which alerts go to which receiver, and when: a tree, as in "
		 "Alertmanager.",
	 .table = &alert_route_table},
	{.name = "inhibit_rules",
	 .type = CONF_LIST,
	 .offset = offsetof(struct alerts_conf, inhibit),
	 .dflt = "[]",
	 .help = "Alerts of which nobody is told while certain others fire.",
	 .table = &alert_inhibit_table,
	 .example = "[{source_matchers: ['alertname=\"SiteDown\"'], "
		    "target_matchers: ['severity=\"warning\"'], equal: "
		    "[site]}]"},
	{.name = "time_intervals",
	 .type = CONF_LIST,
	 .offset = offsetof(struct alerts_conf, intervals),
	 .dflt = "[]",
	 .help = "Spans of time that routes and maintenance name, as in "
		 "Alertmanager.",
	 .table = &time_intervals_conf_table,
	 .example = "[{name: nights, time_intervals: [{times: [{start_time: "
		    "\"00:00\", end_time: \"06:00\"}]}]}]"},
	{.name = "maintenance",
	 .type = CONF_LIST,
	 .offset = offsetof(struct alerts_conf, maintenance),
	 .dflt = "[]",
	 .help = "Times in which nobody is told of certain alerts: once from "
		 "`start` to `end`, or again and again by `time_intervals`.",
	 .table = &alert_maintenance_table,
	 .example = "[{name: backup, matchers: ['host=\"db1\"'], "
		    "time_intervals: [nights]}]"},
	{.name = "flap",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct alerts_conf, flap),
	 .dflt = "{}",
	 .help = "When an incident that comes and goes is told of once.",
	 .table = &flap_table},
	{.name = "limits",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct alerts_conf, limits),
	 .dflt = "{}",
	 .help = "How much is held at once. Above that what is new is refused "
		 "for now, so that its source sends it again (HTTP 503 with "
		 "`Retry-After`); what is known goes on. The last quarter is "
		 "not for `belfry alert send`, which any user may call any "
		 "number of times.",
	 .table = &limits_table},
	{.name = "own",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alerts_conf, own),
	 .dflt = "[queue_stuck, double_bounce, certificate, store, "
		 "source_silent, paused, refused]",
	 .help = "What Belfry raises alerts of by itself: a queue that does "
		 "not move, a bounce that can't be delivered, a certificate "
		 "that ends soon, a store that is nearly full, a source that "
		 "fell silent, a queue that is paused, a source whose posts "
		 "are refused since they can't be understood, are too large or "
		 "come too often.",
	 .example = "[queue_stuck, store]"},
	{.name = "heartbeat",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct alerts_conf, heartbeat),
	 .dflt = "{}",
	 .help = "Signs of life, of those who watch for us and of us.",
	 .table = &heartbeat_table},
	{.name = NULL},
};

const struct conf_table alerts_conf_table = {
	.size = sizeof(struct alerts_conf),
	.options = alerts_options,
	.mark_offset = offsetof(struct alerts_conf, mark),
	.check = ac_check,
};
