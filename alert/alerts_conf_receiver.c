/* The keys of an entry of `receivers`. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "alert/alerts_conf_impl.h"
#include "base/spawn.h"
#include "net/fetch.h"

#define DAY_MS     (INT64_C(24) * 3600 * 1000)
#define HEADER_MAX 4096 /* bytes of a value */
#define EXEC_TIME  "30s"
#define PAGERDUTY  "https://events.pagerduty.com/v2/enqueue"

const char *const alert_method_names[] = {
	[ALERT_POST] = "POST",
	[ALERT_PUT] = "PUT",
	[ALERT_PATCH] = "PATCH",
	NULL,
};

/* A secret that the channel can't do without. */
static bool
ar_needs(const struct secret_conf *secret, const char *key,
	 const struct conf_mark *mark, struct conf_errors *errors)
{
	if (secret_is_given(secret))
		return secret_check(secret, key, errors);
	conf_error(errors, mark,
		   "`%s_file` is missing; write for example "
		   "`%s_file: /etc/belfry/%s`",
		   key, key, key);
	return false;
}

/* Of TYPE: whom to believe that it is the host. */
#define CA_OPTION(type_)                                                       \
	{                                                                      \
		.name = "ca_file", .type = CONF_TEXT,                          \
		.offset = offsetof(type_, ca_file), .dflt = "\"\"",            \
		.help = "The certificates (PEM) of those who may vouch for "   \
			"the host; empty: the system's.",                      \
		.check = ar_check_path, .example = "/etc/belfry/our-ca.pem"    \
	}

/* Of TYPE. */
#define NAME_OPTION(type_)                                                     \
	{                                                                      \
		.name = "name", .type = CONF_STRING,                           \
		.offset = offsetof(type_, name), .dflt = "\"\"",               \
		.help = "What it is called in listings, and by which it is "   \
			"known again when what it is changes; empty: by a "    \
			"sum of that.",                                        \
		.check = ar_check_name_or_none, .example = "ops"               \
	}

static bool
ar_check_name_or_none(void *field, const struct conf_mark *mark,
		      struct conf_errors *errors)
{
	return **(char **)field == '\0' ||
	       alert_check_name(field, mark, errors);
}

static bool
ar_check_path(void *field, const struct conf_mark *mark,
	      struct conf_errors *errors)
{
	struct conf_text *path = field;

	return path->text[0] == '\0' ||
	       conf_check_path(&path->text, mark, errors);
}

/* --- slack, teams -------------------------------------------------------------- */

static bool
slack_check(void *field, const struct conf_mark *mark,
	    struct conf_errors *errors)
{
	const struct alert_slack_conf *s = field;

	return ar_needs(&s->url, "url", mark, errors);
}

static const struct conf_option slack_options[] = {
	NAME_OPTION(struct alert_slack_conf),
	SECRET_OPTIONS("url", struct alert_slack_conf, url,
		       "the URL of the incoming webhook", "/etc/belfry/slack"),
	CA_OPTION(struct alert_slack_conf),
	{.name = NULL},
};

static const struct conf_table slack_table = {
	.size = sizeof(struct alert_slack_conf),
	.options = slack_options,
	.mark_offset = offsetof(struct alert_slack_conf, mark),
	.check = slack_check,
};

static bool
teams_check(void *field, const struct conf_mark *mark,
	    struct conf_errors *errors)
{
	const struct alert_teams_conf *t = field;

	return ar_needs(&t->url, "url", mark, errors);
}

static const struct conf_option teams_options[] = {
	NAME_OPTION(struct alert_teams_conf),
	SECRET_OPTIONS("url", struct alert_teams_conf, url,
		       "the URL of the workflow", "/etc/belfry/teams"),
	{.name = NULL},
};

static const struct conf_table teams_table = {
	.size = sizeof(struct alert_teams_conf),
	.options = teams_options,
	.mark_offset = offsetof(struct alert_teams_conf, mark),
	.check = teams_check,
};

/* --- webhook ------------------------------------------------------------------- */

/* The host is that of the URL: what is secret goes nowhere else. */
static const char *
webhook_header_wrong(const char *name, const char *value)
{
	if (strcasecmp(name, "Host") == 0)
		return "it is the URL's";
	if (strlen(name) > ALERT_NAME_MAX || strlen(value) > HEADER_MAX)
		return "it is too long";
	return fetch_check_header(name, value);
}

static bool
webhook_check_headers(void *field, const struct conf_mark *mark,
		      struct conf_errors *errors)
{
	const struct conf_pairs *p = field;
	bool ok = true;

	(void)mark;
	for (size_t i = 0; i < p->n; i++) {
		const char *why =
			webhook_header_wrong(p->names[i], p->v[i].text);

		if (why == NULL)
			continue;
		conf_error(errors, &p->v[i].mark,
			   "`%s` can't be given to a request: %s", p->names[i],
			   why);
		ok = false;
	}
	return ok;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "2xx" or "202". */
static bool
webhook_check_success(void *field, const struct conf_mark *mark,
		      struct conf_errors *errors)
{
	const struct conf_strings *s = field;
	bool ok = true;

	for (size_t i = 0; i < s->n; i++) {
		const char *code = s->v[i];

		if (strlen(code) == 3 && code[0] >= '1' && code[0] <= '5' &&
		    (strcmp(code + 1, "xx") == 0 ||
		     (is_digit(code[1]) && is_digit(code[2]))))
			continue;
		conf_error(errors, &s->marks[i],
			   "`success` lists codes of HTTP, like 202 or 2xx, "
			   "not `%s`",
			   code);
		ok = false;
	}
	if (s->n > 0)
		return ok;
	conf_error(errors, mark, "`success` lists no code: nothing would do");
	return false;
}

/* FIELD is what KEY makes. */
static bool
webhook_check_field(const struct alert_webhook_conf *w, const char *field,
		    const char *key, struct conf_errors *errors)
{
	const struct conf_pairs *p = &w->headers;
	bool ok = true;

	for (size_t i = 0; i < p->n; i++) {
		if (strcasecmp(p->names[i], field) != 0)
			continue;
		conf_error(errors, &p->v[i].mark,
			   "a webhook has one of `%s` and `%s` among its "
			   "`headers`",
			   key, p->names[i]);
		ok = false;
	}
	return ok;
}

static bool
webhook_check_fields(const struct alert_webhook_conf *w,
		     const struct conf_mark *mark, struct conf_errors *errors)
{
	bool ok = true;

	if (secret_is_given(&w->token)) {
		ok = webhook_check_field(w, "Authorization", "token_file",
					 errors);
	} else if (strcmp(w->authorization, "Bearer") != 0) {
		conf_error(errors, mark,
			   "`authorization` stands before a token: give "
			   "`token_file`");
		ok = false;
	}
	if (secret_is_given(&w->secret))
		ok &= webhook_check_field(w, "Belfry-Signature", "secret_file",
					  errors);
	return ok;
}

static bool
webhook_check(void *field, const struct conf_mark *mark,
	      struct conf_errors *errors)
{
	const struct alert_webhook_conf *w = field;
	bool secret_url = secret_is_given(&w->url_secret);

	if ((w->url[0] != '\0') == secret_url) {
		conf_error(errors, mark,
			   "a webhook has one of `url` and `url_file`");
		return false;
	}
	return webhook_check_fields(w, mark, errors) &&
	       secret_check(&w->url_secret, "url", errors) &&
	       secret_check(&w->secret, "secret", errors) &&
	       secret_check(&w->token, "token", errors);
}

static bool
webhook_check_authorization(void *field, const struct conf_mark *mark,
			    struct conf_errors *errors)
{
	const char *word = *(char **)field;

	if (fetch_check_header(word, "") == NULL)
		return true;
	conf_error(errors, mark, "`authorization` is one word, not `%s`", word);
	return false;
}

static const struct conf_option webhook_options[] = {
	NAME_OPTION(struct alert_webhook_conf),
	{.name = "url",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_webhook_conf, url),
	 .dflt = "\"\"",
	 .help = "Where it goes; `{{names}}` of the notice may stand behind "
		 "the host.",
	 .check = alert_check_url_or_none,
	 .example = "https://example.net/hook"},
	SECRET_OPTIONS("url", struct alert_webhook_conf, url_secret,
		       "the URL, where it is a secret", "/etc/belfry/hook-url"),
	SECRET_OPTIONS("secret", struct alert_webhook_conf, secret,
		       "what the body is signed with", "/etc/belfry/hook"),
	SECRET_OPTIONS("token", struct alert_webhook_conf, token,
		       "the token of the field Authorization",
		       "/etc/belfry/hook-token"),
	{.name = "authorization",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_webhook_conf, authorization),
	 .dflt = "Bearer",
	 .help = "The word before the token.",
	 .check = webhook_check_authorization,
	 .example = "GenieKey"},
	{.name = "method",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct alert_webhook_conf, method),
	 .dflt = "POST",
	 .help = "The method of the request.",
	 .names = alert_method_names},
	{.name = "headers",
	 .type = CONF_PAIRS,
	 .offset = offsetof(struct alert_webhook_conf, headers),
	 .dflt = "{}",
	 .help = "Further fields of the request, whose values may have "
		 "`{{names}}`.",
	 .check = webhook_check_headers,
	 .example = "{Content-Type: application/json}"},
	{.name = "body",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_webhook_conf, body),
	 .dflt = "\"\"",
	 .help = "A template of the body; empty: JSON as Alertmanager's "
		 "webhook has it.",
	 .example = "'{\"text\": \"{{title}}\"}'"},
	{.name = "success",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_webhook_conf, success),
	 .dflt = "[2xx]",
	 .help = "Answers that say that it arrived.",
	 .check = webhook_check_success,
	 .example = "[200, 202]"},
	CA_OPTION(struct alert_webhook_conf),
	{.name = NULL},
};

static const struct conf_table webhook_table = {
	.size = sizeof(struct alert_webhook_conf),
	.options = webhook_options,
	.mark_offset = offsetof(struct alert_webhook_conf, mark),
	.check = webhook_check,
};

/* --- pagerduty, ntfy ----------------------------------------------------------- */

static bool
pagerduty_check(void *field, const struct conf_mark *mark,
		struct conf_errors *errors)
{
	const struct alert_pagerduty_conf *p = field;

	return ar_needs(&p->routing_key, "routing_key", mark, errors);
}

static const struct conf_option pagerduty_options[] = {
	NAME_OPTION(struct alert_pagerduty_conf),
	SECRET_OPTIONS("routing_key", struct alert_pagerduty_conf, routing_key,
		       "the integration key", "/etc/belfry/pagerduty"),
	{.name = "url",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_pagerduty_conf, url),
	 .dflt = PAGERDUTY,
	 .help = "The endpoint for events (version 2).",
	 .check = alert_check_url,
	 .example = "https://events.eu.pagerduty.com/v2/enqueue"},
	{.name = NULL},
};

static const struct conf_table pagerduty_table = {
	.size = sizeof(struct alert_pagerduty_conf),
	.options = pagerduty_options,
	.mark_offset = offsetof(struct alert_pagerduty_conf, mark),
	.check = pagerduty_check,
};

static bool
ntfy_check(void *field, const struct conf_mark *mark,
	   struct conf_errors *errors)
{
	const struct alert_ntfy_conf *n = field;

	(void)mark;
	return secret_check(&n->token, "token", errors);
}

static const struct conf_option ntfy_options[] = {
	NAME_OPTION(struct alert_ntfy_conf),
	{.name = "url",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_ntfy_conf, url),
	 .help = "The server and the topic.",
	 .check = alert_check_url,
	 .example = "https://ntfy.example.org/alerts"},
	SECRET_OPTIONS("token", struct alert_ntfy_conf, token,
		       "the access token", "/etc/belfry/ntfy"),
	CA_OPTION(struct alert_ntfy_conf),
	{.name = NULL},
};

static const struct conf_table ntfy_table = {
	.size = sizeof(struct alert_ntfy_conf),
	.options = ntfy_options,
	.mark_offset = offsetof(struct alert_ntfy_conf, mark),
	.check = ntfy_check,
};

/* --- exec ---------------------------------------------------------------------- */

static bool
exec_check_command(void *field, const struct conf_mark *mark,
		   struct conf_errors *errors)
{
	const struct conf_strings *c = field;

	if (c->n > 0 && c->v[0][0] == '/' && strpbrk(c->v[0], "{}") == NULL)
		return true;
	conf_error(errors, c->n > 0 ? &c->marks[0] : mark,
		   "`command` begins with the whole path of a program, not "
		   "`%s`",
		   c->n > 0 ? c->v[0] : "");
	return false;
}

static const struct conf_option exec_options[] = {
	NAME_OPTION(struct alert_exec_conf),
	{.name = "command",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_exec_conf, command),
	 .help = "A program with its arguments, which may have `{names}` of "
		 "the notice; no shell reads it.",
	 .check = exec_check_command,
	 .example = "[/usr/local/bin/page, \"{title}\"]"},
	{.name = "time",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alert_exec_conf, time_ms),
	 .dflt = EXEC_TIME,
	 .help = "It is ended after so long, and tried again later.",
	 .min = 1000,
	 .max = SPAWN_TIME_MAX_MS},
	{.name = NULL},
};

static const struct conf_table exec_table = {
	.size = sizeof(struct alert_exec_conf),
	.options = exec_options,
	.mark_offset = offsetof(struct alert_exec_conf, mark),
};

/* --- the receiver --------------------------------------------------------------- */

#define IN(part, member)                                                       \
	(offsetof(struct alert_receiver_conf, part.member) -                   \
	 offsetof(struct alert_receiver_conf, part))

static const struct conf_option rate_options[] = {
	{.name = "limit",
	 .type = CONF_RATE,
	 .offset = IN(rate, limit),
	 .dflt = "\"\"",
	 .help = "How many groups of alerts it is told of in a time; what is "
		 "more "
		 "waits for the digest. What is critical never does. Empty: "
		 "any "
		 "number.",
	 .example = "20/1h"},
	{.name = "burst",
	 .type = CONF_INT,
	 .offset = IN(rate, burst),
	 .dflt = "10",
	 .help = "How many of them may come one right after the other; the "
		 "rate gives room for more little by little.",
	 .min = 1,
	 .max = 1000},
	{.name = "digest",
	 .type = CONF_TIME,
	 .offset = IN(rate, digest_ms),
	 .dflt = "15m",
	 .help = "What is above the rate is told together after so long.",
	 .min = 60000,
	 .max = DAY_MS},
	{.name = NULL},
};

static const struct conf_table rate_table = {
	.size = sizeof(((struct alert_receiver_conf *)0)->rate),
	.options = rate_options,
};

static const struct conf_option fallback_options[] = {
	{.name = "receiver",
	 .type = CONF_TEXT,
	 .offset = IN(fallback, receiver),
	 .dflt = "\"\"",
	 .help = "Who is told when this receiver can't be; empty: nobody.",
	 .example = "boss"},
	{.name = "after",
	 .type = CONF_TIME,
	 .offset = IN(fallback, after_ms),
	 .dflt = "10m",
	 .help = "How long an address may not take what it is told.",
	 .min = 1000,
	 .max = DAY_MS},
	{.name = "after_critical",
	 .type = CONF_TIME,
	 .offset = IN(fallback, after_critical_ms),
	 .dflt = "3m",
	 .help = "The same of what is critical.",
	 .min = 1000,
	 .max = DAY_MS},
	{.name = NULL},
};

static const struct conf_table fallback_table = {
	.size = sizeof(((struct alert_receiver_conf *)0)->fallback),
	.options = fallback_options,
};

#define CHANNEL(key, table_, what, example_)                                   \
	{                                                                      \
		.name = #key, .type = CONF_LIST,                               \
		.offset = offsetof(struct alert_receiver_conf, key),           \
		.dflt = "[]", .help = what, .table = &(table_),                \
		.example = (example_)                                          \
	}

static const struct conf_option receiver_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_receiver_conf, name),
	 .help = "By which routes name it.",
	 .check = alert_check_name,
	 .example = "oncall"},
	{.name = "schedules",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_receiver_conf, schedules),
	 .dflt = "[]",
	 .help = "Whoever is on call by these. While nobody is, its other "
		 "addresses are told; without any, all people of them.",
	 .example = "[primary]"},
	{.name = "people",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_receiver_conf, people),
	 .dflt = "[]",
	 .help = "Names of `people`.",
	 .example = "[anna]"},
	{.name = "mail",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_receiver_conf, mail),
	 .dflt = "[]",
	 .help = "Mail addresses.",
	 .check = alert_check_addresses,
	 .example = "[sysadmin@example.net]"},
	CHANNEL(slack, slack_table, "Channels of Slack, by incoming webhooks.",
		"[{url_file: /etc/belfry/slack}]"),
	CHANNEL(webhook, webhook_table,
		"Requests to anything that speaks HTTP: Telegram, Discord, "
		"Matrix and others.",
		"[{url: \"https://example.net/hook\"}]"),
	CHANNEL(pagerduty, pagerduty_table, "Services of PagerDuty.",
		"[{routing_key_file: /etc/belfry/pagerduty}]"),
	CHANNEL(ntfy, ntfy_table, "Topics of ntfy.",
		"[{url: \"https://ntfy.example.org/alerts\"}]"),
	CHANNEL(teams, teams_table,
		"Channels of Microsoft Teams, by workflows.",
		"[{url_file: /etc/belfry/teams}]"),
	CHANNEL(exec, exec_table, "Programs of this machine.",
		"[{command: [/usr/local/bin/page, \"{title}\"]}]"),
	{.name = "rate",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct alert_receiver_conf, rate),
	 .dflt = "{}",
	 .help = "How much of it at most.",
	 .table = &rate_table},
	{.name = "fallback",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct alert_receiver_conf, fallback),
	 .dflt = "{}",
	 .help = "Who else is told when telling fails.",
	 .table = &fallback_table},
	{.name = "send_resolved",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct alert_receiver_conf, send_resolved),
	 .dflt = "true",
	 .help = "false: nobody is told that it is over."},
	{.name = NULL},
};

const struct conf_table alert_receiver_table = {
	.size = sizeof(struct alert_receiver_conf),
	.options = receiver_options,
	.mark_offset = offsetof(struct alert_receiver_conf, mark),
};
