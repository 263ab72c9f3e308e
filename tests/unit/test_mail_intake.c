#include "alert/mail_intake.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "tests/unit/test.h"

#define NOW  INT64_C(1795234200000)
#define HOUR INT64_C(3600000)

static const struct alert_link_key key = {.bytes = {1, 2, 3}};

/* --- sources ------------------------------------------------------------------- */

static const char *const nas_domains[] = {"nas.example.org"};
static const char *const cron_domains[] = {"cron.example.org"};
static struct source_mail_rule nas_rules[3];
static struct rules_source sources[] = {
	{.name = "nas",
	 .kind = SOURCE_MAIL,
	 .nrules = 3,
	 .rules = nas_rules,
	 .ndomains = 1,
	 .domains = nas_domains},
	{.name = "cron",
	 .kind = SOURCE_MAIL,
	 .ndomains = 1,
	 .domains = cron_domains},
};

static struct expression *
expression(const char *text)
{
	struct expression *e = NULL;
	char *why = NULL;

	assert_int_equal(expression_new(text, 0, &e, &why), 0);
	return e;
}

static int
setup(void **state)
{
	struct pattern *p = NULL;
	char *why = NULL;

	(void)state;
	assert_int_equal(pattern_new("raid@nas.example.org", '\0', &p, &why),
			 0);
	nas_rules[0] = (struct source_mail_rule){
		.subject = expression("FAILED (.*)"),
		.dedup_key = "$1",
		.title = "",
		.severity = "warning",
	};
	nas_rules[1] = (struct source_mail_rule){
		.subject = expression("OK (.*)"),
		.dedup_key = "$1",
		.title = "",
		.severity = "",
		.resolved = true,
	};
	nas_rules[2] = (struct source_mail_rule){
		.sender = p,
		.body = expression("(?m)^array (\\w+) is (\\w+)$"),
		.dedup_key = "",
		.title = "$1: $2, costs $$5$9",
		.severity = "$2",
	};
	return 0;
}

/* As rules_free() does. */
static void
free_expression(const struct expression *e)
{
	union {
		const struct expression *from;
		struct expression *to;
	} u = {e};

	expression_free(&u.to);
}

static int
teardown(void **state)
{
	union {
		const struct pattern *from;
		struct pattern *to;
	} sender = {nas_rules[2].sender};

	(void)state;
	free_expression(nas_rules[0].subject);
	free_expression(nas_rules[1].subject);
	free_expression(nas_rules[2].body);
	pattern_free(&sender.to);
	return 0;
}

/* --- a mail -------------------------------------------------------------------- */

struct letter {
	struct arena arena;
	struct mime_mail mail;
	struct mail_intake in;
	struct mail_meaning got;
};

static void
letter_read(struct letter *l, const char *text)
{
	*l = (struct letter){.in = {
				     .mail = &l->mail,
				     .sender = "somebody@example.org",
				     .token = "",
				     .nsources = 2,
				     .sources = sources,
				     .key = &key,
				     .now_ms = NOW,
			     }};
	arena_init(&l->arena);
	assert_int_equal(mime_read(text, strlen(text), &l->arena, &l->mail), 0);
	alert_batch_init(&l->got.batch);
}

static void
letter_done(struct letter *l)
{
	alert_batch_done(&l->got.batch);
	arena_done(&l->arena);
}

static const char *
token(enum alert_token_kind kind, const char *recipient, int64_t expires_ms)
{
	static char text[3 + ALERT_TOKEN_LEN];
	const struct alert_token t = {
		.kind = (uint8_t)kind,
		.group = 7,
		.seq = 3,
		.expires_ms = expires_ms,
	};
	bool bounce = kind == ALERT_TOKEN_BOUNCE;

	strcpy(text, bounce ? "b." : "");
	alert_token_make(&key, &t, recipient, text + (bounce ? 2 : 0));
	return text;
}

/* --- answers ------------------------------------------------------------------- */

#define FROM_ANNA "From: Anna <Anna@Example.org>\nSubject: Re: down\n"

static void
test_commands(void **state)
{
	static const struct {
		const char *name, *body;
		int command; /* -1: none */
		int64_t silence_ms;
	} row[] = {
		{"ack", "ack\n", MAIL_ACK, 0},
		{"as written on a phone", "\n  Ack.  \n", MAIL_ACK, 0},
		{"unack", "UNACK!\n", MAIL_UNACK, 0},
		{"close", "close", MAIL_CLOSE, 0},
		{"silence", "silence 2h\n", MAIL_SILENCE, 2 * HOUR},
		{"silence, more", "Silence  1h30m.\n", MAIL_SILENCE,
		 HOUR + HOUR / 2},
		{"quoted lines before", "> On call\n>ack\n\nclose\n",
		 MAIL_CLOSE, 0},
		{"words behind", "ack\n\nAnna\n-- \nclose\n", MAIL_ACK, 0},
		{"nothing", "\n\n", -1, 0},
		{"only quoted", "> ack\n", -1, 0},
		{"not alone", "ack this please\n", -1, 0},
		{"a sentence", "I will not ack\n", -1, 0},
		{"not in the first line", "hello\nack\n", -1, 0},
		{"silence without a time", "silence\n", -1, 0},
		{"silence for nothing", "silence 0s\n", -1, 0},
		{"silence for too long", "silence 31d\n", -1, 0},
		{"silence for no time", "silence forever\n", -1, 0},
		{"another word", "acknowledge\n", -1, 0},
		{"a long line",
		 "ackackackackackackackackackackackackackackackackackackackack"
		 "ackackackack\n",
		 -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *text = xasprintf(FROM_ANNA "\n%s", row[i].body);
		bool reply = row[i].command >= 0;
		struct letter l;

		letter_read(&l, text);
		l.in.token = token(ALERT_TOKEN_REPLY, "anna@example.org",
				   NOW + HOUR);
		l.in.vouched = true;
		mail_intake(&l.in, &l.got);
		if (l.got.kind != (reply ? MAIL_REPLY : MAIL_REFUSED) ||
		    (reply && ((int)l.got.command != row[i].command ||
			       l.got.silence_ms != row[i].silence_ms)))
			fail_msg("%s: %s %s", row[i].name,
				 mail_kind_names[l.got.kind], l.got.why);
		if (reply) {
			assert_int_equal(l.got.token.group, 7);
			assert_int_equal(l.got.token.seq, 3);
			assert_string_equal(l.got.address, "Anna@example.org");
		}
		letter_done(&l);
		free(text);
	}
}

enum token_is { REPLY, EXPIRED, OF_ANOTHER, OF_ANOTHER_KIND, NONE, RUBBISH };

static const char *
token_that_is(enum token_is is)
{
	switch (is) {
	case REPLY:
		break;
	case EXPIRED:
		return token(ALERT_TOKEN_REPLY, "anna@example.org", NOW - HOUR);
	case OF_ANOTHER:
		return token(ALERT_TOKEN_REPLY, "ben@example.org", NOW + HOUR);
	case OF_ANOTHER_KIND:
		return token(ALERT_TOKEN_LINK, "anna@example.org", NOW + HOUR);
	case NONE:
		return "";
	case RUBBISH:
		return "rubbish";
	}
	return token(ALERT_TOKEN_REPLY, "anna@example.org", NOW + HOUR);
}

static void
test_who_answers(void **state)
{
	static const struct {
		const char *name, *fields, *sender;
		enum token_is token;
		bool vouched;
		enum mail_kind kind;
		bool answer; /* with a command that is none */
	} row[] = {
		{"as it should be", "", "a@x", REPLY, true, MAIL_REPLY, true},
		{"said not to be automatic", "Auto-Submitted: no\n", "a@x",
		 REPLY, true, MAIL_REPLY, true},
		{"nobody vouches", "", "a@x", REPLY, false, MAIL_REFUSED,
		 false},
		{"an old notice", "", "a@x", EXPIRED, true, MAIL_REFUSED, true},
		{"another's notice", "", "a@x", OF_ANOTHER, true, MAIL_REFUSED,
		 false},
		{"a link's token", "", "a@x", OF_ANOTHER_KIND, true,
		 MAIL_REFUSED, false},
		{"no token", "", "a@x", NONE, true, MAIL_REFUSED, false},
		{"no token of ours", "", "a@x", RUBBISH, true, MAIL_REFUSED,
		 false},
		{"two authors", "From: b@example.org\n", "a@x", REPLY, true,
		 MAIL_REFUSED, false},
		{"a null path", "", "", REPLY, true, MAIL_DROPPED, false},
		{"an absence", "Auto-Submitted: auto-replied (away)\n", "a@x",
		 REPLY, true, MAIL_DROPPED, false},
		{"a program", "Auto-Submitted: auto-generated\n", "a@x", REPLY,
		 true, MAIL_DROPPED, false},
		{"an absence of old", "X-Autoreply: yes\n", "a@x", REPLY, true,
		 MAIL_DROPPED, false},
		{"a list", "List-Id: <x.example.org>\n", "a@x", REPLY, true,
		 MAIL_DROPPED, false},
		{"bulk", "Precedence: Bulk\n", "a@x", REPLY, true, MAIL_DROPPED,
		 false},
	};

	(void)state;
	for (size_t n = 0; n < 2 * sizeof(row) / sizeof(row[0]); n++) {
		size_t i = n / 2;
		bool wrong = n % 2 == 1;
		char *text = xasprintf("%s" FROM_ANNA "\n%s\n", row[i].fields,
				       wrong ? "akc" : "ack");
		struct letter l;

		letter_read(&l, text);
		l.in.sender = row[i].sender;
		l.in.token = token_that_is(row[i].token);
		l.in.vouched = row[i].vouched;
		mail_intake(&l.in, &l.got);
		if (wrong ? l.got.answer != row[i].answer
			  : l.got.kind != row[i].kind)
			fail_msg("%s: %s %s", row[i].name,
				 mail_kind_names[l.got.kind], l.got.why);
		letter_done(&l);
		free(text);
	}
}

/* --- bounces ------------------------------------------------------------------- */

#define REPORT(type, fields)                                                   \
	"From: MAILER-DAEMON@example.org\n"                                    \
	"Content-Type: multipart/report; report-type=" type "; boundary=b\n\n" \
	"--b\nContent-Type: text/plain\n\nsorry\n"                             \
	"--b\nContent-Type: message/delivery-status\n\n"                       \
	"Reporting-MTA: dns; mx\n\n" fields "--b--\n"
#define FAILED(rcpt)                                                           \
	"Final-Recipient: rfc822; " rcpt "\nAction: failed\n"                  \
	"Status: 5.1.1\nDiagnostic-Code: smtp; 550 nobody\n"

static void
test_bounces(void **state)
{
	static const struct {
		const char *name, *mail;
		bool expired;
		enum mail_kind kind;
	} row[] = {
		{"failed",
		 REPORT("delivery-status", FAILED("Anna@example.org")), false,
		 MAIL_BOUNCE},
		{"failed elsewhere",
		 REPORT("delivery-status",
			"Original-Recipient: rfc822; anna@example.org\n" FAILED(
				"a@far.example")),
		 false, MAIL_BOUNCE},
		{"the second of two",
		 REPORT("delivery-status",
			"Final-Recipient: rfc822; x@x.org\nAction: "
			"delayed\n\n" FAILED("anna@example.org")),
		 false, MAIL_BOUNCE},
		{"delayed",
		 REPORT("delivery-status", "Final-Recipient: rfc822; "
					   "anna@example.org\n"
					   "Action: delayed\n"),
		 false, MAIL_DROPPED},
		{"delivered",
		 REPORT("delivery-status", "Final-Recipient: rfc822; "
					   "anna@example.org\n"
					   "Action: delivered\n"),
		 false, MAIL_DROPPED},
		{"of somebody else",
		 REPORT("delivery-status", FAILED("ben@example.org")), false,
		 MAIL_REFUSED},
		{"too old",
		 REPORT("delivery-status", FAILED("anna@example.org")), true,
		 MAIL_REFUSED},
		{"another report",
		 REPORT("disposition-notification", FAILED("anna@example.org")),
		 false, MAIL_DROPPED},
		{"an absence", FROM_ANNA "\nack\n", false, MAIL_DROPPED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct letter l;

		letter_read(&l, row[i].mail);
		l.in.sender = "";
		l.in.token = token(ALERT_TOKEN_BOUNCE, "anna@example.org",
				   row[i].expired ? NOW - HOUR : NOW + HOUR);
		mail_intake(&l.in, &l.got);
		if (l.got.kind != row[i].kind)
			fail_msg("%s: %s %s", row[i].name,
				 mail_kind_names[l.got.kind], l.got.why);
		if (row[i].kind == MAIL_BOUNCE) {
			assert_string_equal(l.got.status->status, "5.1.1");
			assert_int_equal(l.got.token.group, 7);
		}
		letter_done(&l);
	}
}

/* Only a mark that our key made. */
static void
test_our_own(void **state)
{
	static const struct alert_link_key other = {.bytes = {1, 2, 4}};
	static const struct {
		const struct alert_link_key *key;
		int64_t expires_ms;
		enum mail_kind kind;
	} row[] = {
		{&key, NOW + HOUR, MAIL_DROPPED},
		{&key, NOW - HOUR, MAIL_DROPPED},
		{&other, NOW + HOUR, MAIL_ALERT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *text = xasprintf(
			"From: cron@cron.example.org\nSubject: FAILED x\n"
			"X-Incident: %s\n\nx\n",
			token(ALERT_TOKEN_MARK, "", row[i].expires_ms));
		struct letter l;

		letter_read(&l, text);
		l.in.by_token = &sources[0];
		l.in.key = row[i].key;
		mail_intake(&l.in, &l.got);
		assert_int_equal(l.got.kind, row[i].kind);
		letter_done(&l);
		free(text);
	}
}

/* --- sources ------------------------------------------------------------------- */

static void
show_labels(struct buf *out, const struct labels *l, const char *leave_out)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].name, leave_out) != 0)
			buf_printf(out, " %s=%s", l->v[i].name, l->v[i].value);
}

static void
show(const struct mail_meaning *m, struct buf *out)
{
	const struct alert *a = m->batch.v;

	buf_append_str(out, mail_kind_names[m->kind]);
	if (m->kind == MAIL_MALFORMED || m->kind == MAIL_REFUSED)
		buf_printf(out, ": %s", m->why);
	if (m->kind != MAIL_ALERT)
		return;
	buf_printf(out, " %s %s %s", a->source,
		   a->status == ALERT_FIRING ? "firing" : "resolved", a->key);
	show_labels(out, &a->labels, "sender");
	show_labels(out, &a->annotations, "description");
	if (*a->url != '\0')
		buf_printf(out, " %s", a->url);
}

enum came { BY_TOKEN_OF_NAS, BY_TOKEN_OF_CRON, VOUCHED, ALONE };

static const struct {
	const char *name;
	enum came came;
	const char *mail, *means;
} mails[] = {
	{"a rule", BY_TOKEN_OF_NAS, "Subject: FAILED backup of db1\n\nx\n",
	 "alert nas firing backup of db1 alertname=nas severity=warning "
	 "source=nas summary=FAILED backup of db1"},
	{"its end", BY_TOKEN_OF_NAS, "Subject: OK backup of db1\n\nx\n",
	 "alert nas resolved backup of db1 alertname=nas "
	 "source=nas summary=OK backup of db1"},
	{"groups of the body", BY_TOKEN_OF_NAS,
	 "From: RAID@nas.example.org\nSubject: raid\n\nhi\n"
	 "array md0 is degraded\n",
	 "alert nas firing raid alertname=nas "
	 "severity=degraded source=nas summary=md0: degraded, costs $5"},
	{"another sender", BY_TOKEN_OF_NAS,
	 "From: x@nas.example.org\nSubject: raid\n\narray md0 is degraded\n",
	 "alert nas firing raid alertname=nas source=nas summary=raid"},
	{"an encoded subject", BY_TOKEN_OF_NAS,
	 "Subject: =?utf-8?b?RkFJTEVEIMOk?=\n\nx\n",
	 "alert nas firing \xc3\xa4 alertname=nas severity=warning "
	 "source=nas summary=FAILED \xc3\xa4"},
	{"by its domain", VOUCHED,
	 "From: x@NAS.example.org\nSubject: FAILED a\n\nx\n",
	 "alert nas firing a alertname=nas severity=warning source=nas "
	 "summary=FAILED a"},
	{"by its domain, as it says", ALONE,
	 "From: x@nas.example.org\nSubject: FAILED a\n\nx\n",
	 "refused: no token, and no domain that is listed and vouched for"},
	{"another domain", VOUCHED,
	 "From: x@sub.nas.example.org\nSubject: FAILED a\n\nx\n",
	 "refused: no token, and no domain that is listed and vouched for"},
	{"two domains", VOUCHED,
	 "From: x@nas.example.org, x@cron.example.org\nSubject: a\n\nx\n",
	 "refused: no token, and no domain that is listed and vouched for"},
	{"what programs send may be an alert", BY_TOKEN_OF_CRON,
	 "Auto-Submitted: auto-generated\nSubject: Cron <db1>\n\nx\n",
	 "alert cron firing Cron <db1> alertname=cron source=cron summary=Cron "
	 "<db1>"},
	{"an absence is none", BY_TOKEN_OF_CRON,
	 "Auto-Submitted: auto-replied\nSubject: away\n\nx\n", "dropped"},
	{"a problem", BY_TOKEN_OF_CRON, "Subject: PROBLEM: disk on db1\n\nx\n",
	 "alert cron firing disk on db1 alertname=cron "
	 "source=cron summary=PROBLEM: disk on db1"},
	{"its recovery", BY_TOKEN_OF_CRON,
	 "Subject: Re: [RECOVERY] disk on db1\n\nx\n",
	 "alert cron resolved disk on db1 alertname=cron "
	 "source=cron summary=Re: [RECOVERY] disk on db1"},
	{"another word in brackets", BY_TOKEN_OF_CRON,
	 "Subject: [db1] up: ok\n\nx\n",
	 "alert cron firing [db1] up: ok alertname=cron "
	 "source=cron summary=[db1] up: ok"},
	{"only a word", BY_TOKEN_OF_CRON, "Subject: OK:\n\nx\n",
	 "alert cron resolved OK: alertname=cron source=cron summary=OK:"},
	{"no subject", BY_TOKEN_OF_CRON, "From: a@x.org\n\nx\n",
	 "malformed: no rule fits, and it has no subject"},
	{"UptimeRobot", BY_TOKEN_OF_NAS,
	 "From: alert@uptimerobot.com\nSubject: Monitor is DOWN: Shop\n\nx\n",
	 "alert nas firing Shop alertname=Shop severity=critical "
	 "source=nas summary=Shop is down"},
	{"UptimeRobot, later", BY_TOKEN_OF_NAS,
	 "From: alert@uptimerobot.com\nSubject: Monitor is UP: Shop\n\nx\n",
	 "alert nas resolved Shop alertname=Shop severity=critical "
	 "source=nas summary=Shop is up"},
	{"Sentry", BY_TOKEN_OF_NAS,
	 "From: noreply@sentry.io\nSubject: COVE-1K - OperationalError\n"
	 "X-Sentry-Project: cove\nX-Sentry-Logger-Level: fatal\n\n"
	 "See <https://sentry.io/organizations/ocp/issues/1117540176/?x>\n",
	 "alert nas firing issue/1117540176 alertname=cove project=cove "
	 "severity=critical source=nas summary=COVE-1K - OperationalError "
	 "https://sentry.io/organizations/ocp/issues/1117540176"},
	{"Sentry, later", BY_TOKEN_OF_NAS,
	 "Subject: Re: COVE-1K - OperationalError\nX-Sentry-Project: cove\n\n"
	 "jane marked COVE-1K as resolved\n"
	 "https://sentry.io/organizations/ocp/issues/1117540176/\n",
	 "alert nas resolved issue/1117540176 alertname=cove project=cove "
	 "source=nas summary=Re: COVE-1K - OperationalError "
	 "https://sentry.io/organizations/ocp/issues/1117540176"},
	{"Sentry, with a heading and a release", BY_TOKEN_OF_NAS,
	 "Subject: s\nX-Sentry-Project: cove\n\n# Resolved Issue\n\n"
	 "jane marked COVE-1K as resolved in 1.2\n",
	 "alert nas resolved issue/s alertname=cove project=cove source=nas "
	 "summary=s"},
	{"an exception that speaks of it", BY_TOKEN_OF_NAS,
	 "Subject: s\nX-Sentry-Project: cove\n\n"
	 "ValueError: ticket could not be marked as resolved\n"
	 "jane marked COVE-1K as resolved\n",
	 "alert nas firing issue/s alertname=cove project=cove source=nas "
	 "summary=s"},
	{"an exception that marked something", BY_TOKEN_OF_NAS,
	 "Subject: s\nX-Sentry-Project: cove\n\n"
	 "job marked 3 tickets as resolved too early\n",
	 "alert nas firing issue/s alertname=cove project=cove source=nas "
	 "summary=s"},
	{"Sentry without a link", BY_TOKEN_OF_NAS,
	 "Subject: s\nX-Sentry-Project: cove\n\n/issues/x /issues/\n",
	 "alert nas firing issue/s alertname=cove project=cove source=nas "
	 "summary=s"},
};

static void
test_sources(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		struct letter l;
		struct buf out;

		letter_read(&l, mails[i].mail);
		if (mails[i].came == BY_TOKEN_OF_NAS)
			l.in.by_token = &sources[0];
		else if (mails[i].came == BY_TOKEN_OF_CRON)
			l.in.by_token = &sources[1];
		l.in.vouched = mails[i].came == VOUCHED;
		mail_intake(&l.in, &l.got);
		buf_init(&out, 10000);
		show(&l.got, &out);
		if (strcmp(buf_str(&out), mails[i].means) != 0)
			fail_msg("%s: %s", mails[i].name, buf_str(&out));
		buf_done(&out);
		letter_done(&l);
	}
}

static void
test_shown(void **state)
{
	static const struct {
		const char *address, *shown;
	} rows[] = {
		{"alert@in.example", "alert@in.example"},
		{"alert+abc@in.example", "alert+*@in.example"},
		{"alert+abc+d@in.example", "alert+*@in.example"},
		{"alert+B.abc@in.example", "alert+B.*@in.example"},
		{"alert+@in.example", "alert+*@in.example"},
		{"alert+abc", "alert+*"},
		{"+abc@in.example", "+abc@in.example"},
		{"", ""},
	};
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(mail_intake_shown(rows[i].address, &a),
				    rows[i].shown);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_who_answers),
		cmocka_unit_test(test_bounces),
		cmocka_unit_test(test_our_own),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
