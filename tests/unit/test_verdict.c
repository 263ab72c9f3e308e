/*
 * One message from its header to what becomes of it: the parts have tests of
 * their own, this is how they go together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/court.h"
#include "tests/unit/test.h"
#include "verdict/verdict_log.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

/* From example.org, where 192.0.2.1 may send. */
#define SPF    "example.org TXT v=spf1 ip4:192.0.2.1 -all\n"
#define REJECT "_dmarc.example.org TXT v=DMARC1; p=reject\n"

enum content { PLAIN, SIGNED, CHANGED };

/* All fields, as they would stand in the message. */
static const char *
fields_of(struct dkim_kit *k, const struct verdict_result *r)
{
	const char *text = "";

	for (size_t i = 0; i < r->nfields; i++)
		text = arena_printf(&k->arena, "%s%s:%s\n", text,
				    r->fields[i].name, r->fields[i].value);
	return text;
}

static const char *
reply_of(struct dkim_kit *k, const struct verdict_result *r)
{
	if (r->reply.code == 0)
		return "";
	return arena_printf(&k->arena, "%d %s %s", r->reply.code, r->reply.dsn,
			    r->reply.text);
}

static const char *
content_of(struct dkim_kit *k, enum content content)
{
	static const struct dkim_kit_way way = {.sha1 = false};
	const char *text = dkim_kit_plain(k);

	if (content == PLAIN)
		return text;
	text = dkim_kit_sign(k, &way, text);
	return content == SIGNED
		       ? text
		       : dkim_kit_changed(k, text, "an end", "another end");
}

/* --- what is done -------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *zone;
	enum content content;
	struct verdict_dmarc_conf dmarc;
	bool reject_fail, accept;
	const char *ip, *helo, *sender; /* NULL: as they are in order */
	int64_t lookups;
	enum verdict_disposition disposition;
	const char *reason, *reply;
	const char *within; /* one of the fields has it */
} rows[] = {
	{.name = "all in order",
	 .zone = SPF REJECT,
	 .content = SIGNED,
	 .within = "dmarc=pass (p=reject, done: none) header.from=example.org"},
	{.name = "nothing published", .zone = "", .within = "dmarc=none"},
	{.name = "p=reject is marked",
	 .zone = SPF REJECT,
	 .ip = "192.0.2.2",
	 .disposition = VERDICT_MARK,
	 .reason = "example.org asks for reject",
	 .within = "X-Belfry-Quarantine: example.org asks for reject"},
	{.name = "p=quarantine is marked",
	 .zone = "_dmarc.example.org TXT v=DMARC1; p=quarantine\n",
	 .disposition = VERDICT_MARK,
	 .reason = "example.org asks for quarantine",
	 .within = "dmarc=fail (p=quarantine, done: mark)"},
	{.name = "a changed body",
	 .zone = REJECT,
	 .content = CHANGED,
	 .disposition = VERDICT_MARK,
	 .reason = "example.org asks for reject",
	 .within = "dkim=fail"},
	{.name = "p=reject is refused",
	 .zone = REJECT,
	 .dmarc = {.on_reject = VERDICT_DO_REJECT},
	 .disposition = VERDICT_REJECT,
	 .reason = "example.org asks for reject",
	 .reply = "550 5.7.26 example.org asks for reject"},
	{.name = "p=reject comes later",
	 .zone = REJECT,
	 .dmarc = {.on_reject = VERDICT_DO_TEMPFAIL},
	 .disposition = VERDICT_TEMPFAIL,
	 .reason = "example.org asks for reject",
	 .reply = "451 4.7.26 example.org asks for reject"},
	{.name = "p=quarantine is held",
	 .zone = "_dmarc.example.org TXT v=DMARC1; p=quarantine\n",
	 .dmarc = {.on_reject = VERDICT_DO_REJECT,
		   .on_quarantine = VERDICT_DO_HOLD},
	 .disposition = VERDICT_HOLD,
	 .reason = "example.org asks for quarantine"},
	{.name = "p=reject is dropped",
	 .zone = REJECT,
	 .dmarc = {.on_reject = VERDICT_DO_DISCARD},
	 .disposition = VERDICT_DISCARD,
	 .reason = "example.org asks for reject"},
	{.name = "t=y is a level softer",
	 .zone = "_dmarc.example.org TXT v=DMARC1; p=reject; t=y\n",
	 .dmarc = {.on_reject = VERDICT_DO_REJECT,
		   .on_quarantine = VERDICT_DO_HOLD},
	 .disposition = VERDICT_HOLD,
	 .reason = "example.org asks for quarantine"},
	{.name = "p=none asks for nothing",
	 .zone = "_dmarc.example.org TXT v=DMARC1; p=none\n",
	 .dmarc = {.on_reject = VERDICT_DO_REJECT,
		   .on_quarantine = VERDICT_DO_REJECT},
	 .within = "dmarc=fail (p=none, done: none)"},

	{.name = "no policy from the DNS",
	 .zone = "_dmarc.example.org TXT TIMEOUT\n",
	 .disposition = VERDICT_TEMPFAIL,
	 .reason = "example.org can't be checked now",
	 .reply = "451 4.7.0 example.org can't be checked now",
	 .within = "dmarc=temperror"},
	{.name = "no policy from the DNS, and that is fine",
	 .zone = "_dmarc.example.org TXT TIMEOUT\n",
	 .accept = true,
	 .within = "dmarc=temperror"},
	{.name = "no SPF from the DNS where it counts",
	 .zone = "example.org TXT TIMEOUT\n" REJECT,
	 .disposition = VERDICT_TEMPFAIL,
	 .reason = "example.org can't be checked now",
	 .reply = "451 4.7.0 example.org can't be checked now",
	 .within = "spf=temperror"},
	{.name = "no SPF from the DNS, but a signature",
	 .zone = "example.org TXT TIMEOUT\n" REJECT,
	 .content = SIGNED,
	 .within = "dmarc=pass"},
	{.name = "no SPF from the DNS where nothing is asked for",
	 .zone = "example.org TXT TIMEOUT\n"
		 "_dmarc.example.org TXT v=DMARC1; p=none\n",
	 .within = "dmarc=temperror"},
	{.name = "more questions than a message may cost",
	 .zone = SPF REJECT,
	 .lookups = 1,
	 .disposition = VERDICT_TEMPFAIL,
	 .reason = "example.org can't be checked now",
	 .reply = "451 4.7.0 example.org can't be checked now"},

	{.name = "a stranger can't spend what DMARC needs",
	 .zone = REJECT,
	 .accept = true,
	 .helo = "mail.example.net",
	 .sender = "x@example.net",
	 .lookups = 2,
	 .disposition = VERDICT_MARK,
	 .reason = "example.org asks for reject",
	 .within = "dmarc=fail (p=reject, done: mark)"},
	{.name = "SPF fails, and that is no reason",
	 .zone = "example.org TXT v=spf1 -all\n",
	 .within = "spf=fail (192.0.2.1: -all of example.org)"},
	{.name = "SPF fails, and that is one",
	 .zone = "example.org TXT v=spf1 -all\n",
	 .content = SIGNED,
	 .reject_fail = true,
	 .disposition = VERDICT_REJECT,
	 .reason = "192.0.2.1 may not send for example.org, the domain of the "
		   "sender",
	 .reply = "550 5.7.23 192.0.2.1 may not send for example.org"},
	{.name = "SPF fails, with the domain's own words",
	 .zone = "example.org TXT v=spf1 -all exp=why.example.org\n"
		 "why.example.org TXT use our server\n",
	 .reject_fail = true,
	 .disposition = VERDICT_REJECT,
	 .reason = "192.0.2.1 may not send for example.org",
	 .reply = "550 5.7.23 192.0.2.1 may not send for example.org, the "
		  "domain of the sender, by its SPF record; that domain "
		  "explains: use our server"},
	{.name = "SPF of HELO fails",
	 .zone = SPF "mail.example.org TXT v=spf1 -all\n",
	 .reject_fail = true,
	 .disposition = VERDICT_REJECT,
	 .reason = "192.0.2.1 may not send for mail.example.org, the domain of "
		   "HELO",
	 .reply = "550 5.7.23 192.0.2.1 may not send for mail.example.org"},
	{.name = "no SPF from the DNS where a failure would be refused",
	 .zone = "example.org TXT TIMEOUT\n",
	 .content = SIGNED,
	 .reject_fail = true,
	 .disposition = VERDICT_TEMPFAIL,
	 .reason = "SPF of example.org can't be checked now",
	 .reply = "451 4.7.24 SPF of example.org can't be checked now"},
	{.name = "no SPF from the DNS there, and that is fine",
	 .zone = "example.org TXT TIMEOUT\n",
	 .reject_fail = true,
	 .accept = true,
	 .within = "spf=temperror"},
	{.name = "no SPF of HELO from the DNS",
	 .zone = SPF "mail.example.org TXT TIMEOUT\n",
	 .reject_fail = true,
	 .within = "spf=pass"},
	{.name = "HELO can't spend what SPF of the sender needs",
	 .zone = "example.org TXT v=spf1 include:spf.example.org -all\n"
		 "spf.example.org TXT v=spf1 ip4:192.0.2.9 -all\n"
		 "mail.example.net TXT v=spf1 a:a.example.net -all\n",
	 .helo = "mail.example.net",
	 .reject_fail = true,
	 .lookups = 5,
	 .disposition = VERDICT_REJECT,
	 .reason = "192.0.2.1 may not send for example.org",
	 .reply = "550 5.7.23 192.0.2.1 may not send for example.org"},
	{.name = "SPF that only might fail",
	 .zone = "example.org TXT v=spf1 ~all\n",
	 .reject_fail = true,
	 .within = "spf=softfail"},
	{.name = "the null path, vouched for by HELO",
	 .zone = REJECT "mail.example.org TXT v=spf1 ip4:192.0.2.1 -all\n",
	 .sender = "",
	 .within = "spf=pass (192.0.2.1: ip4:192.0.2.1 of mail.example.org)"},
	{.name = "HELO does not vouch for a sender",
	 .zone = REJECT "mail.example.org TXT v=spf1 ip4:192.0.2.1 -all\n",
	 .sender = "anna@example.com",
	 .disposition = VERDICT_MARK,
	 .reason = "example.org asks for reject",
	 .within = "dmarc=fail"},
	{.name = "the sender's domain in UTF-8",
	 .zone = "xn--mnchen-3ya.example TXT v=spf1 ip4:192.0.2.1 -all\n",
	 .sender = "anna@m\xc3\xbcnchen.example",
	 .within = "spf=pass (192.0.2.1: ip4:192.0.2.1 of "
		   "xn--mnchen-3ya.example)"},
	{.name = "HELO in UTF-8",
	 .zone = "xn--mnchen-3ya.example TXT v=spf1 ip4:192.0.2.1 -all\n",
	 .helo = "m\xc3\xbcnchen.example",
	 .within = "spf=pass (192.0.2.1: ip4:192.0.2.1 of "
		   "xn--mnchen-3ya.example)"},
	{.name = "what a client says breaks out of nothing",
	 .zone = "",
	 .helo = "a; dkim=pass\r\nX: y",
	 .sender = "\"a; dmarc=pass\"@b",
	 .within = "smtp.mailfrom=\"\\\"a; dmarc=pass\\\"@b\""},
};

static void
row_run(size_t i, struct dkim_kit *k)
{
	const struct verdict_result *r;
	struct court c;

	court_init(&c);
	zone_load(&k->zone, rows[i].zone);
	c.conf.dmarc = rows[i].dmarc;
	c.conf.spf.reject_fail = rows[i].reject_fail;
	if (rows[i].accept)
		c.conf.on_temperror = VERDICT_ON_TEMPERROR_ACCEPT;
	if (rows[i].lookups > 0)
		c.conf.dns.lookups = rows[i].lookups;
	if (rows[i].ip != NULL)
		assert_int_equal(
			sockaddr_parse_ip(rows[i].ip, 0, &c.message.client), 0);
	if (rows[i].helo != NULL)
		c.message.helo = rows[i].helo;
	if (rows[i].sender != NULL)
		c.message.sender = rows[i].sender;
	r = court_hear(&c, k, content_of(k, rows[i].content));

	assert_string_equal(verdict_disposition_names[r->disposition],
			    verdict_disposition_names[rows[i].disposition]);
	if (rows[i].reason == NULL)
		assert_string_equal(r->reason, "");
	else
		assert_non_null(strstr(r->reason, rows[i].reason));
	if (rows[i].reply == NULL)
		assert_string_equal(reply_of(k, r), "");
	else
		assert_non_null(strstr(reply_of(k, r), rows[i].reply));
	if (rows[i].within != NULL &&
	    strstr(fields_of(k, r), rows[i].within) == NULL)
		fail_msg("%s", fields_of(k, r));
	assert_int_equal(r->nfields, r->disposition == VERDICT_MARK ? 2 : 1);
	assert_int_equal(r->nforged, 0);
	court_done(&c);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		void *kit;

		print_message("%s\n", rows[i].name);
		dkim_kit_setup(&kit);
		row_run(i, kit);
		dkim_kit_teardown(&kit);
	}
}

/* Whatever a domain explains: one line of SMTP, 512 octets with codes and end. */
static void
test_reply_line(void **state)
{
	struct dkim_kit *k = *state;
	char words[401] = "";
	const struct verdict_result *r;
	struct court c;

	memset(words, 'x', sizeof(words) - 1);
	court_init(&c);
	c.conf.spf.reject_fail = true;
	zone_load(&k->zone,
		  "example.org TXT v=spf1 -all exp=why.example.org\n");
	zone_add(&k->zone, "why.example.org", "TXT", words, strlen(words));
	r = court_hear(&c, k, content_of(k, PLAIN));
	assert_int_equal(r->disposition, VERDICT_REJECT);
	assert_in_range(strlen(reply_of(k, r)), 200, 510);
	court_done(&c);
}

/* All of it in one field. */
static void
test_field(void **state)
{
	struct dkim_kit *k = *state;
	const struct verdict_result *r;
	const char *start, *quote;
	struct court c;

	court_init(&c);
	c.conf.spf.received_spf = true;
	zone_load(&k->zone, SPF REJECT);
	r = court_hear(&c, k, content_of(k, SIGNED));
	start = r->dkim->signatures[0].start;
	quote = strpbrk(start, "/=") != NULL ? "\"" : "";
	assert_int_equal(r->nfields, 2);
	assert_string_equal(
		fields_of(k, r),
		arena_printf(
			&k->arena,
			"Authentication-Results: mx.example.net;\r\n"
			"\tspf=pass (192.0.2.1: ip4:192.0.2.1 of example.org)"
			"\r\n\tsmtp.mailfrom=anna@example.org;\r\n"
			"\tdkim=pass (1024-bit key) header.d=example.org "
			"header.i=@example.org\r\n"
			"\theader.s=rsa header.a=rsa-sha256 "
			"header.b=%s%s%s;\r\n"
			"\tdmarc=pass (p=reject, done: none) "
			"header.from=example.org\n"
			"Received-SPF: pass (mx.example.net: example.org "
			"designates 192.0.2.1 as\r\n"
			"\tpermitted sender) client-ip=192.0.2.1;\r\n"
			"\tenvelope-from=\"anna@example.org\"; "
			"helo=mail.example.org;\r\n"
			"\treceiver=mx.example.net; "
			"mechanism=\"ip4:192.0.2.1\"; identity=mailfrom;\n",
			quote, start, quote));
	assert_string_equal(r->spf_domain, "example.org");
	court_done(&c);
}

static void
court_heard(void *arg, const char *line)
{
	snprintf(arg, 1000, "%s", line);
}

/* Whoever judges says it in the same line. */
static void
test_log(void **state)
{
	struct dkim_kit *k = *state;
	char line[1000] = "";
	struct log_context root = {.log = log_new_capture(court_heard, line)};
	const struct log_field more[] = {LOG_STR("id", "1F"),
					 {0, LOG_END, 0, 0}};
	const struct verdict_result *r;
	struct court c;

	court_init(&c);
	zone_load(&k->zone, REJECT);
	r = court_hear(&c, k, content_of(k, CHANGED));
	verdict_log(&root, c.verdict, r, "ann*@example.org", more);
	assert_memory_equal(
		line,
		"level=info event=verdict id=1F client=192.0.2.1 "
		"helo=mail.example.org from=ann*@example.org "
		"author=example.org spf=none dkim=example.org:fail dmarc=fail "
		"policy=example.org disposition=mark "
		"reason=\"example.org asks for reject",
		200);
	assert_non_null(strstr(line, " questions=5"));
	court_done(&c);
	log_close(&root.log);
}

/* A program on this machine has no address: SPF says nothing. */
static void
test_no_address(void **state)
{
	struct dkim_kit *k = *state;
	const struct verdict_result *r;
	struct court c;

	court_init(&c);
	memset(&c.message.client, 0, sizeof(c.message.client));
	c.message.client.ss.ss_family = AF_UNIX;
	c.conf.spf.received_spf = c.conf.spf.reject_fail = true;
	zone_load(&k->zone, "example.org TXT v=spf1 -all\n");
	r = court_hear(&c, k, content_of(k, PLAIN));
	assert_null(r->helo);
	assert_null(r->mail_from);
	assert_string_equal(fields_of(k, r),
			    "Authentication-Results: mx.example.net;\r\n"
			    "\tdkim=none;\r\n"
			    "\tdmarc=none header.from=example.org\n");
	court_done(&c);
}

/* Each part tells how it came about, to who asks. */
static void
test_explain(void **state)
{
	struct dkim_kit *k = *state;
	const struct verdict_result *r;
	struct court c;

	court_init(&c);
	zone_load(&k->zone, SPF REJECT);
	r = court_hear(&c, k, content_of(k, SIGNED));
	assert_null(r->steps);
	court_done(&c);

	court_init(&c);
	c.message.explain = true;
	r = court_hear(&c, k, content_of(k, SIGNED));
	assert_non_null(r->steps);
	assert_false(STAILQ_EMPTY(&r->steps->helo.list));
	assert_false(STAILQ_EMPTY(&r->steps->mail_from.list));
	assert_false(STAILQ_EMPTY(&r->steps->dkim.list));
	assert_false(STAILQ_EMPTY(&r->steps->dmarc.list));
	assert_in_range(r->questions, 4, 20);
	court_done(&c);
}

/* libspf2 says the same of a plain record, and that it was asked. */
static void
test_other_engine(void **state)
{
	struct dkim_kit *k = *state;
	const struct verdict_result *r;
	struct court c;

	court_init(&c);
	c.conf.spf.engine = SPF_ENGINE_LIBSPF2;
	c.message.explain = true;
	zone_load(&k->zone, SPF REJECT);
	r = court_hear(&c, k, content_of(k, PLAIN));
	assert_int_equal(r->mail_from->result, SPF_PASS);
	assert_int_equal(strncmp(STAILQ_FIRST(&r->steps->mail_from.list)->text,
				 "libspf2: ", 9),
			 0);
	court_done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		DKIM_KIT_CASE(test_reply_line),
		DKIM_KIT_CASE(test_field),
		DKIM_KIT_CASE(test_log),
		DKIM_KIT_CASE(test_no_address),
		DKIM_KIT_CASE(test_explain),
		DKIM_KIT_CASE(test_other_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
