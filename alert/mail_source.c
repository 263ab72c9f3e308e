/*
 * A source's mail as an alert: by the source's rules; or what Sentry and
 * UptimeRobot write; or, where no rule fits, by its subject.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "alert/intake_impl.h"
#include "alert/mail_intake_impl.h"
#include "base/ascii.h"

/* --- rules ------------------------------------------------------------------- */

/* What a rule's expressions found. */
struct mail_match {
	const char *text; /* that of the groups; NULL: there are none */
	struct expression_groups groups;
};

/* One that takes too long does not match: it says that it is over, as easily as
 * that it is not. */
static bool
ms_expression(const struct expression *e, const char *text,
	      struct mail_match *match)
{
	struct expression_groups groups;

	if (e == NULL)
		return true;
	if (expression_match(e, text, strlen(text), &groups) != EXPRESSION_YES)
		return false;
	if (match->text == NULL) {
		match->text = text;
		match->groups = groups;
	}
	return true;
}

static bool
ms_sender(const struct source_mail_rule *rule, const char *from,
	  struct arena *a)
{
	struct address address;
	const char *why;

	if (rule->sender == NULL)
		return true;
	return *from != '\0' && address_parse(from, a, &address, &why) == 0 &&
	       pattern_match(rule->sender, &address);
}

static const struct source_mail_rule *
ms_rule(const struct mail_intake *in, const struct rules_source *source,
	struct arena *a, struct mail_match *ret)
{
	for (size_t i = 0; i < source->nrules; i++) {
		const struct source_mail_rule *rule = &source->rules[i];

		*ret = (struct mail_match){.text = NULL};
		if (ms_sender(rule, in->mail->from, a) &&
		    ms_expression(rule->subject, in->mail->subject, ret) &&
		    ms_expression(rule->body, in->mail->text, ret))
			return rule;
	}
	return NULL;
}

/* "$1" to "$9" are groups, "$$" is "$". */
static const char *
ms_expand(const char *template, const struct mail_match *match, struct arena *a)
{
	const char *text;
	struct buf out;

	buf_init(&out, INTAKE_TEXT_MAX);
	for (const char *p = template; *p != '\0'; p++) {
		if (p[0] == '$' && p[1] >= '0' && p[1] <= '9') {
			int n = *++p - '0';
			ptrdiff_t from, to;

			from = match->text != NULL ? match->groups.v[n].start
						   : -1;
			to = match->text != NULL ? match->groups.v[n].end : -1;
			if (from >= 0 && to > from)
				(void)buf_append(&out, match->text + from,
						 (size_t)(to - from));
			continue;
		}
		if (p[0] == '$' && p[1] == '$')
			p++;
		(void)buf_append_char(&out, *p);
	}
	text = clean_line(a, buf_str(&out), out.len, INTAKE_KEY_MAX);
	buf_done(&out);
	return text;
}

/* --- what every mail has -------------------------------------------------------- */

static void
ms_begin(const struct mail_intake *in, struct intake *intake, struct maker *m)
{
	maker_begin(m, intake);
	maker_label(m, "sender", in->mail->from);
	maker_note(m, "summary", in->mail->subject);
	maker_note(m, "description", in->mail->text);
}

static void
ms_by_rule(const struct mail_intake *in, struct intake *intake, struct maker *m,
	   const struct source_mail_rule *rule, const struct mail_match *match)
{
	const char *key = ms_expand(rule->dedup_key, match, intake->arena);
	const char *title = ms_expand(rule->title, match, intake->arena);

	ms_begin(in, intake, m);
	title = intake_either(title, in->mail->subject);
	maker_note(m, "summary", title);
	key = intake_either(key, in->mail->subject);
	m->key = clean_line(intake->arena, key, strlen(key), INTAKE_KEY_MAX);
	maker_label(m, "severity",
		    ms_expand(rule->severity, match, intake->arena));
	m->status = rule->resolved ? ALERT_RESOLVED : ALERT_FIRING;
}

/* --- what UptimeRobot writes ------------------------------------------------------ */

/* "Monitor is DOWN: Shop", "Monitor is UP: Shop ( https://... )" */
static bool
ms_uptimerobot(const struct mail_intake *in, struct intake *intake,
	       struct maker *m)
{
	static const char down[] = "Monitor is DOWN: ",
			  up[] = "Monitor is UP: ";
	const char *subject = in->mail->subject, *name;
	bool is_down = strncasecmp(subject, down, sizeof(down) - 1) == 0;

	if (!is_down && strncasecmp(subject, up, sizeof(up) - 1) != 0)
		return false;
	name = subject + (is_down ? sizeof(down) : sizeof(up)) - 1;
	ms_begin(in, intake, m);
	maker_label(m, "alertname", name);
	maker_label(m, "severity", "critical");
	maker_note(m, "summary",
		   arena_printf(intake->arena, "%s is %s", name,
				is_down ? "down" : "up"));
	m->key = clean_line(intake->arena, name, strlen(name), INTAKE_KEY_MAX);
	m->status = is_down ? ALERT_FIRING : ALERT_RESOLVED;
	return true;
}

/* --- what Sentry writes ----------------------------------------------------------- */

/* The issue that the mail links to, so that its webhook's end is this one's. */
static const char *
ms_sentry_issue(const char *text, struct arena *a, const char **ret_url)
{
	static const char path[] = "/issues/";
	const char *at = strstr(text, path), *start, *end;

	for (; at != NULL; at = strstr(at + 1, path)) {
		size_t n = strspn(at + sizeof(path) - 1, "0123456789");

		if (n == 0 || n > 20)
			continue;
		for (start = at; start > text && start[-1] > ' ' &&
				 strchr("<>()\"", start[-1]) == NULL;)
			start--;
		end = at + sizeof(path) - 1 + n;
		*ret_url = arena_strndup(a, start, (size_t)(end - start));
		return arena_strndup(a, at + sizeof(path) - 1, n);
	}
	return "";
}

/* Is the line S, of LEN bytes, "jane marked COVE-1K as resolved", or "... as
 * resolved in 1.2"? */
static bool
ms_sentry_says_over(const char *s, size_t len, struct arena *a)
{
	static const char marked[] = " marked ", as[] = " as resolved";
	const char *line = arena_strndup(a, s, len), *at = line, *issue, *end;

	while ((at = strstr(at, marked)) != NULL) {
		issue = at + sizeof(marked) - 1;
		end = issue + strcspn(issue, " ");
		if (strncmp(issue, "an issue ", 9) == 0)
			end = issue + 8;
		if (at > line && end > issue &&
		    strncmp(end, as, sizeof(as) - 1) == 0 &&
		    strchr(" .", end[sizeof(as) - 1]) != NULL)
			return true;
		at = issue;
	}
	return false;
}

/* Sentry's own line is the first, or the one below its heading; below come the
 * words of whatever failed. */
static bool
ms_sentry_is_over(const struct mail_intake *in, struct arena *a)
{
	static const char heading[] = "Resolved Issue";
	const char *s = in->mail->text;

	if (strncasecmp(in->mail->subject, "[resolved]", 10) == 0)
		return true;
	for (int lines = 0; lines < 2; lines++) {
		size_t len;

		s += strspn(s, " \t\r\n#*=-");
		len = strcspn(s, "\r\n");
		if (ms_sentry_says_over(s, len, a))
			return true;
		if (len != sizeof(heading) - 1 ||
		    strncasecmp(s, heading, len) != 0)
			return false;
		s += len;
	}
	return false;
}

static bool
ms_sentry(const struct mail_intake *in, struct intake *intake, struct maker *m)
{
	const char *project = mime_field(in->mail, "X-Sentry-Project");
	const char *level = mime_field(in->mail, "X-Sentry-Logger-Level");
	const char *id, *url = "", *text = in->mail->text;

	if (project == NULL)
		return false;
	id = ms_sentry_issue(text, intake->arena, &url);
	ms_begin(in, intake, m);
	maker_label(m, "alertname", project);
	maker_label(m, "project", project);
	maker_label(m, "severity",
		    level != NULL && strcmp(level, "fatal") == 0 ? "critical"
								 : level);
	maker_url(m, url);
	id = arena_printf(intake->arena, "issue/%s",
			  intake_either(id, in->mail->subject));
	m->key = clean_line(intake->arena, id, strlen(id), INTAKE_KEY_MAX);
	if (ms_sentry_is_over(in, intake->arena))
		m->status = ALERT_RESOLVED;
	return true;
}

/* --- by the subject alone -------------------------------------------------------- */

static const char *const ms_over[] = {"resolved", "recovery", "recovered",
				      "ok",       "up",       "cleared",
				      "normal",   "success",  NULL};
static const char *const ms_on[] = {"firing", "problem", "error", "down",
				    "failed", "failure", NULL};
/* These say neither: "[CRITICAL] RESOLVED: the disk". */
static const char *const ms_neither[] = {"re",      "alert", "critical",
					 "warning", "alarm", NULL};

enum ms_status { MS_UNSAID, MS_OVER, MS_ON };

/* The word at the beginning that says how it is, "[OK] ", "RECOVERY: ": up to
 * what follows. The first that says it counts: what is behind it is of what
 * was wrong, "[RESOLVED] Error: backup of db1". 0: there is none. */
static size_t
ms_status_word(const char *s, enum ms_status *status)
{
	bool bracket = *s == '[';
	enum ms_status says = MS_UNSAID;
	size_t n = strcspn(s + bracket, bracket ? "]: " : ": "), len;
	char word[16];

	len = n + bracket;
	if (n == 0 || n >= sizeof(word) || s[len] != (bracket ? ']' : ':'))
		return 0;
	memcpy(word, s + bracket, n);
	word[n] = '\0';
	if (intake_is_one_of(word, ms_over))
		says = MS_OVER;
	else if (intake_is_one_of(word, ms_on))
		says = MS_ON;
	else if (!intake_is_one_of(word, ms_neither))
		return 0;
	if (*status == MS_UNSAID)
		*status = says;
	len++;
	return len + strspn(s + len, " ");
}

static void
ms_by_subject(const struct mail_intake *in, struct intake *intake,
	      struct maker *m)
{
	const char *rest = in->mail->subject;
	enum ms_status status = MS_UNSAID;
	size_t n;

	while ((n = ms_status_word(rest, &status)) > 0)
		rest += n;
	rest = intake_either(rest, in->mail->subject);
	ms_begin(in, intake, m);
	m->key = clean_line(intake->arena, rest, strlen(rest), INTAKE_KEY_MAX);
	m->status = status == MS_OVER ? ALERT_RESOLVED : ALERT_FIRING;
}

/* --- all of it ------------------------------------------------------------------- */

static bool
ms_make(const struct mail_intake *in, struct intake *intake, struct maker *m)
{
	const struct source_mail_rule *rule;
	struct mail_match match;

	rule = ms_rule(in, intake->source, intake->arena, &match);
	if (rule != NULL) {
		ms_by_rule(in, intake, m, rule, &match);
		return true;
	}
	if (ms_sentry(in, intake, m) || ms_uptimerobot(in, intake, m))
		return true;
	if (*in->mail->subject == '\0')
		return false;
	ms_by_subject(in, intake, m);
	return true;
}

void
mail_intake_source(const struct mail_intake *in, struct mail_meaning *ret)
{
	const struct intake_request req = {.now_ms = in->now_ms};
	struct intake intake = {
		.source = ret->source,
		.req = &req,
		.batch = &ret->batch,
		.arena = &ret->batch.arena,
	};
	struct maker m;

	ret->kind = MAIL_MALFORMED;
	if (!ms_make(in, &intake, &m)) {
		ret->why = "no rule fits, and it has no subject";
		return;
	}
	if (maker_end(&m) < 0) {
		ret->why = intake.why;
		return;
	}
	ret->kind = MAIL_ALERT;
}
