/* The keys of an entry of `sources`. */
#include <stddef.h>
#include <string.h>

#include "alert/alerts_conf_impl.h"
#include "alert/labels.h"
#include "alert/source.h"
#include "mail/address.h"

#define DAY_MS  (INT64_C(24) * 3600 * 1000)
#define AS_BODY (1 << 20) /* the default of `body` */

/* As enum source_kind begins; the others are always there. */
static const char *const kind_names[] = {
	[SOURCE_ALERTMANAGER] = "alertmanager",
	[SOURCE_GRAFANA] = "grafana",
	[SOURCE_SENTRY] = "sentry",
	[SOURCE_UPTIMEROBOT] = "uptimerobot",
	[SOURCE_UPTIMEKUMA] = "uptimekuma",
	[SOURCE_STATUSPAGE] = "statuspage",
	[SOURCE_PAPERTRAIL] = "papertrail",
	[SOURCE_GITHUB] = "github",
	[SOURCE_GENERIC] = "generic",
	[SOURCE_MAIL] = "mail",
	[SOURCE_MAIL + 1] = NULL,
};

static bool
is_slug(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t len = strlen(name);

	return len > 0 && len <= ALERT_NAME_MAX && strspn(name, letters) == len;
}

static bool
as_check_name(void *field, const struct conf_mark *mark,
	      struct conf_errors *errors)
{
	const char *name = *(char **)field;

	if (strcmp(name, source_kind_names[SOURCE_CLI]) == 0 ||
	    strcmp(name, source_kind_names[SOURCE_OWN]) == 0) {
		conf_error(errors, mark,
			   "`%s` is the name of a source of Belfry's own",
			   name);
		return false;
	}
	if (is_slug(name))
		return true;
	conf_error(errors, mark,
		   "the name of a source is part of its URL: letters of ASCII, "
		   "digits, `-` and `_`, at most %d, not `%s`",
		   ALERT_NAME_MAX, name);
	return false;
}

/* Where a value is: "" or a JSON pointer (RFC 6901). */
static bool
as_check_pointer(void *field, const struct conf_mark *mark,
		 struct conf_errors *errors)
{
	const char *at = *(char **)field;

	if (at[0] == '\0' || at[0] == '/')
		return true;
	conf_error(errors, mark,
		   "a place in what is posted is a JSON pointer, `/name` or "
		   "`/outer/inner`, not `%s`",
		   at);
	return false;
}

static bool
as_check_labels(void *field, const struct conf_mark *mark,
		struct conf_errors *errors)
{
	struct conf_pairs *p = field;
	bool ok = true;

	(void)mark;
	for (size_t i = 0; i < p->n; i++) {
		if (!label_name_is_valid(p->names[i])) {
			conf_error(errors, &p->v[i].mark,
				   "`%s` is no name of a label: letters of "
				   "ASCII, digits and `_`",
				   p->names[i]);
			ok = false;
		}
		ok = as_check_pointer(&p->v[i].text, &p->v[i].mark, errors) &&
		     ok;
	}
	return ok;
}

static bool
as_check_domains(void *field, const struct conf_mark *mark,
		 struct conf_errors *errors)
{
	const struct conf_strings *s = field;
	bool ok = true;

	(void)mark;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i][0] != '[' &&
		    address_is_domain(s->v[i], strlen(s->v[i])))
			continue;
		conf_error(errors, &s->marks[i], "`%s` is no domain", s->v[i]);
		ok = false;
	}
	return ok;
}

/* --- what goes together ------------------------------------------------------- */

static bool
as_wrong(const struct alert_source_conf *s, const char *text,
	 struct conf_errors *errors)
{
	conf_error(errors, &s->mark, "a source of the kind `%s` %s",
		   kind_names[s->kind], text);
	return false;
}

static bool
as_check_mapping(const struct alert_source_conf *s, struct conf_errors *errors)
{
	bool maps = s->dedup_key[0] != '\0' || s->title[0] != '\0' ||
		    s->text[0] != '\0' || s->status[0] != '\0' ||
		    s->severity[0] != '\0' || s->url[0] != '\0' ||
		    s->labels.n > 0 || s->resolved.n > 0;

	return !maps || s->kind == SOURCE_GENERIC || s->kind == SOURCE_GITHUB ||
	       as_wrong(s,
			"is understood as it is: dedup_key, title, text, "
			"status, severity, url, labels and resolved are for "
			"`generic` and `github`",
			errors);
}

static bool
as_check_mail(const struct alert_source_conf *s, struct conf_errors *errors)
{
	bool mail = s->kind == SOURCE_MAIL;
	bool posts = s->networks.n > 0 || s->rate.n > 0 || s->rate.none ||
		     s->body_max != AS_BODY;

	if (!mail && (s->domains.n > 0 || s->rules.n > 0))
		return as_wrong(s,
				"has no `domains` and no `rules`; they are "
				"for `mail`",
				errors);
	if (mail && posts)
		return as_wrong(s,
				"has no `networks`, `rate` and `body`: what "
				"may come is said by its token and its "
				"domains, and limited as all mail is",
				errors);
	if (mail && s->domains.n == 0 && !secret_is_given(&s->token))
		return as_wrong(s,
				"needs a `token_file`, for mail to "
				"alert+TOKEN@, or `domains`, whose mail counts "
				"when it passes DMARC",
				errors);
	return true;
}

static bool
as_check_secrets(const struct alert_source_conf *s, struct conf_errors *errors)
{
	if (secret_is_given(&s->secret) && s->kind != SOURCE_SENTRY &&
	    s->kind != SOURCE_GITHUB && s->kind != SOURCE_GENERIC)
		return as_wrong(s,
				"signs nothing; give it a `token_file`, which "
				"makes its URL secret",
				errors);
	return secret_check(&s->secret, "secret", errors) &&
	       secret_check(&s->token, "token", errors);
}

static bool
as_check(void *field, const struct conf_mark *mark, struct conf_errors *errors)
{
	const struct alert_source_conf *s = field;

	(void)mark;
	return as_check_mapping(s, errors) && as_check_mail(s, errors) &&
	       as_check_secrets(s, errors);
}

/* --- tables ------------------------------------------------------------------- */

static const struct conf_option rule_options[] = {
	{.name = "sender",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_mail_rule_conf, sender),
	 .dflt = "\"\"",
	 .help = "Whose mail it is for, as a pattern; empty: everybody's.",
	 .example = "nas@example.org"},
	{.name = "subject",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_mail_rule_conf, subject),
	 .dflt = "\"\"",
	 .help = "A `/regular expression/` that is in the subject; empty: any.",
	 .example = "\"/FAILED (.*)/\""},
	{.name = "body",
	 .type = CONF_TEXT,
	 .offset = offsetof(struct alert_mail_rule_conf, body),
	 .dflt = "\"\"",
	 .help = "A `/regular expression/` that is in the text; empty: any.",
	 .example = "\"/exit code [1-9]/\""},
	{.name = "dedup_key",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_mail_rule_conf, dedup_key),
	 .dflt = "\"\"",
	 .help = "What makes two mails the same incident: `$1` to `$9` are the "
		 "groups of `subject`, or of `body` where there is no "
		 "`subject`. Empty: the subject.",
	 .example = "\"$1\""},
	{.name = "title",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_mail_rule_conf, title),
	 .dflt = "\"\"",
	 .help = "What people read first, with the same groups; empty: the "
		 "subject.",
	 .example = "\"Backup of $1\""},
	{.name = "severity",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_mail_rule_conf, severity),
	 .dflt = "\"\"",
	 .help = "The label `severity`; empty: none.",
	 .example = "warning"},
	{.name = "resolved",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct alert_mail_rule_conf, resolved),
	 .dflt = "false",
	 .help = "true: such a mail says that it is over."},
	{.name = NULL},
};

static const struct conf_table rule_table = {
	.size = sizeof(struct alert_mail_rule_conf),
	.options = rule_options,
	.mark_offset = offsetof(struct alert_mail_rule_conf, mark),
};

#define POINTER(key, what, example_)                                           \
	{                                                                      \
		.name = #key, .type = CONF_STRING,                             \
		.offset = offsetof(struct alert_source_conf, key),             \
		.dflt = "\"\"",                                                \
		.help = "Where in what it posts " what                         \
			" is: a JSON pointer, or `/name` of a form; empty: "   \
			"the usual names are tried.",                          \
		.check = as_check_pointer, .example = (example_)               \
	}

static const struct conf_option source_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .offset = offsetof(struct alert_source_conf, name),
	 .help = "Its name, also in its URL, /hooks/NAME, and in the label "
		 "`source` of its alerts.",
	 .check = as_check_name,
	 .example = "backup"},
	{.name = "kind",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct alert_source_conf, kind),
	 .help = "What it speaks.",
	 .names = kind_names,
	 .example = "generic"},
	SECRET_OPTIONS("secret", struct alert_source_conf, secret,
		       "what it signs its posts with (sentry, github, generic)",
		       "/etc/belfry/sentry"),
	SECRET_OPTIONS("token", struct alert_source_conf, token,
		       "the token that lets it in without a login: "
		       "/hooks/NAME/TOKEN, or mail to alert+TOKEN@",
		       "/etc/belfry/uptimerobot"),
	{.name = "networks",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_source_conf, networks),
	 .dflt = "[]",
	 .help = "Where it may post from; empty: anywhere.",
	 .example = "[servers]"},
	{.name = "rate",
	 .type = CONF_RATE,
	 .offset = offsetof(struct alert_source_conf, rate),
	 .dflt = "\"\"",
	 .help = "How many posts are taken from it in a time; `none`: any "
		 "number; empty: 100/1s, and any number from an "
		 "`alertmanager`, since Prometheus "
		 "sends nothing again that was refused.",
	 .example = "10/1s"},
	{.name = "body",
	 .type = CONF_SIZE,
	 .offset = offsetof(struct alert_source_conf, body_max),
	 .dflt = "1M",
	 .help = "The largest post that is taken from it.",
	 .min = 1024,
	 .max = 64 << 20},
	{.name = "resend",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alert_source_conf, resend_ms),
	 .dflt = "5m",
	 .help = "How long it may take to say again what fires, after Belfry "
		 "was away.",
	 .min = 1000,
	 .max = DAY_MS},
	{.name = "resolve_timeout",
	 .type = CONF_TIME,
	 .offset = offsetof(struct alert_source_conf, resolve_timeout_ms),
	 .unset = "5m for alertmanager, 1d for sentry and papertrail, else 0s",
	 .help = "An alert that is not said again for so long, and said no end "
		 "of its own, is told as no longer reported; 0s: only its "
		 "source ends it.",
	 .min = 0,
	 .max = 365 * DAY_MS},
	POINTER(dedup_key, "the key that all posts of an incident share",
		"/job"),
	POINTER(title, "what people read first", "/text"),
	POINTER(text, "the description", "/message"),
	POINTER(status, "whether it is over", "/state"),
	POINTER(severity, "the severity", "/level"),
	POINTER(url, "the address where to look", "/link"),
	{.name = "labels",
	 .type = CONF_PAIRS,
	 .offset = offsetof(struct alert_source_conf, labels),
	 .dflt = "{}",
	 .help = "Labels, and where in what it posts their values are.",
	 .check = as_check_labels,
	 .example = "{host: /server/name}"},
	{.name = "resolved",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_source_conf, resolved),
	 .dflt = "[]",
	 .help = "Values at `status` that say that it is over; empty: the "
		 "usual words, like ok, up and resolved.",
	 .example = "[ok, up]"},
	{.name = "domains",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct alert_source_conf, domains),
	 .dflt = "[]",
	 .help = "With kind `mail`: domains whose mail counts without a token "
		 "when it passes DMARC.",
	 .check = as_check_domains,
	 .example = "[nas.example.org]"},
	{.name = "rules",
	 .type = CONF_LIST,
	 .offset = offsetof(struct alert_source_conf, rules),
	 .dflt = "[]",
	 .help = "With kind `mail`: what a mail means, by the first rule that "
		 "fits; one that none fits is an alert with its subject.",
	 .table = &rule_table,
	 .example = "[{subject: \"/OK (.*)/\", dedup_key: \"$1\", resolved: "
		    "true}]"},
	{.name = NULL},
};

const struct conf_table alert_source_table = {
	.size = sizeof(struct alert_source_conf),
	.options = source_options,
	.mark_offset = offsetof(struct alert_source_conf, mark),
	.check = as_check,
};
