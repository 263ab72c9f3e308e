/*
 * One message from its header to what becomes of it: the parts have tests of
 * their own, this is how they go together.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/header.h"
#include "tests/unit/dkim_kit.h"
#include "tests/unit/test.h"
#include "verdict/auth_results.h"
#include "verdict/verdict.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

/* From example.org, where 192.0.2.1 may send. */
#define SPF    "example.org TXT v=spf1 ip4:192.0.2.1 -all\n"
#define REJECT "_dmarc.example.org TXT v=DMARC1; p=reject\n"

enum content { PLAIN, SIGNED, CHANGED };

/* A judge by some configuration, and what it says of a message. */
struct court {
	struct verdict_conf conf;
	struct trusted_authserv trusted;
	struct network network;
	char id[64], none[1];
	struct judge *judge;
	struct verdict_message message;
	struct verdict *verdict;
};

static void
court_init(struct court *c)
{
	memset(c, 0, sizeof(*c));
	c->conf.authserv_id = c->none;
	c->conf.dns.deadline_ms = 10000;
	c->conf.dns.lookups = 100;
	c->message.helo = "mail.example.org";
	c->message.sender = "anna@example.org";
	c->message.now_ms = INT64_C(1000) * DKIM_KIT_NOW;
	assert_int_equal(sockaddr_parse_ip("192.0.2.1", 0, &c->message.client),
			 0);
	c->message.peer = c->message.client;
}

static const struct verdict_result *
court_hear(struct court *c, struct dkim_kit *k, const char *text)
{
	size_t scanned = 0, len;
	const char *why;

	assert_int_equal(judge_new(&c->conf, "mx.example.net", &c->judge, &why),
			 0);
	assert_int_equal(header_end(text, strlen(text), &scanned, &len), 1);
	c->message.header = text;
	c->message.header_len = len;
	c->verdict = verdict_new(c->judge, &c->message);
	while (verdict_look(c->verdict) == -EAGAIN)
		assert_true(zone_settle(&k->zone, verdict_answers(c->verdict)));
	verdict_body(c->verdict, text + len, strlen(text) - len);
	return verdict_end(c->verdict);
}

static void
court_done(struct court *c)
{
	verdict_free(&c->verdict);
	judge_unref(&c->judge);
}

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
		  "domain of the sender, by its SPF record; example.org "
		  "explains: use our server"},
	{.name = "SPF of HELO fails",
	 .zone = SPF "mail.example.org TXT v=spf1 -all\n",
	 .reject_fail = true,
	 .disposition = VERDICT_REJECT,
	 .reason = "192.0.2.1 may not send for mail.example.org, the domain of "
		   "HELO",
	 .reply = "550 5.7.23 192.0.2.1 may not send for mail.example.org"},
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

/* --- fields of others ---------------------------------------------------------- */

#define FROM  "From: anna@example.org\r\n\r\n"
#define OURS  "Authentication-Results: MX.example.net; dmarc=pass\r\n"
#define OURS2 "authentication-results: (a) mx.example.net 1; spf=pass\r\n"
#define OURS3 "Authentication-Results:\r\n \"mx.example.net\"; dkim=pass\r\n"
#define EDGE                                                                   \
	"Authentication-Results: edge.example.net;\r\n"                        \
	" spf=pass smtp.mailfrom=anna@example.com;\r\n"                        \
	" spf=fail smtp.helo=mail.example.com\r\n"
#define EDGE2                                                                  \
	"Authentication-Results: edge.example.net;\r\n"                        \
	" dkim=pass header.d=example.org header.s=s1;\r\n"                     \
	" dmarc=fail reason=\"no\" header.from=example.org\r\n"
#define OTHER "Authentication-Results: mx.example.com; dmarc=pass\r\n"

/* ID is believed from NETWORK. */
static void
court_trust(struct court *c, const char *id, const char *network)
{
	assert_int_equal(network_parse(network, &c->network), 0);
	snprintf(c->id, sizeof(c->id), "%s", id);
	c->trusted = (struct trusted_authserv){
		.id = c->id,
		.believed = {.n = 1, .v = &c->network},
	};
	c->conf.trusted_authserv = (struct conf_list){.n = 1, .v = &c->trusted};
}

static const struct {
	const char *name, *header;
	const char *trusted, *network;
	size_t n;
	unsigned nth[3];
	size_t at[3];
} forged[] = {
	{"none of ours", OTHER FROM, NULL, NULL, 0, {0}, {0}},
	{"three at once",
	 OURS OTHER OURS2 OURS3 FROM,
	 NULL,
	 NULL,
	 3,
	 {1, 3, 4},
	 {0, sizeof(OURS OTHER) - 1, sizeof(OURS OTHER OURS2) - 1}},
	{"one in our name, of who may",
	 OURS EDGE FROM,
	 "mx.example.net",
	 "192.0.2.0/24",
	 0,
	 {0},
	 {0}},
	{"one of who is trusted elsewhere",
	 EDGE OTHER FROM,
	 "edge.example.net",
	 "10.0.0.0/8",
	 1,
	 {1},
	 {0}},
	{"one of who is trusted here",
	 EDGE OTHER OURS FROM,
	 "edge.example.net",
	 "192.0.2.0/24",
	 1,
	 {3},
	 {sizeof(EDGE OTHER) - 1}},
};

static void
test_forged(void **state)
{
	struct dkim_kit *k = *state;

	for (size_t i = 0; i < ROWS(forged); i++) {
		const struct verdict_result *r;
		struct court c;

		print_message("%s\n", forged[i].name);
		court_init(&c);
		if (forged[i].trusted != NULL)
			court_trust(&c, forged[i].trusted, forged[i].network);
		r = court_hear(&c, k, forged[i].header);
		assert_int_equal(r->nforged, forged[i].n);
		for (size_t j = 0; j < r->nforged; j++) {
			const struct verdict_forged *f = &r->forged[j];
			struct header_field field;

			assert_int_equal(f->nth, forged[i].nth[j]);
			assert_int_equal(f->at, forged[i].at[j]);
			assert_int_equal(header_next(forged[i].header + f->at,
						     f->len, &field),
					 1);
			assert_int_equal(field.raw_len, f->len);
		}
		court_done(&c);
	}
}

/* Who is trusted has judged: nothing is asked, and nothing refused. */
static void
test_trusted(void **state)
{
	struct dkim_kit *k = *state;
	const struct verdict_result *r;
	struct court c;

	court_init(&c);
	c.message.how = VERDICT_TRUST;
	c.conf.dmarc.on_reject = VERDICT_DO_REJECT;
	zone_load(&k->zone, REJECT);
	court_trust(&c, "edge.example.net", "192.0.2.1");
	r = court_hear(&c, k, OTHER EDGE OURS EDGE2 FROM);
	assert_string_equal(r->believed, "edge.example.net");
	assert_int_equal(r->disposition, VERDICT_NONE);
	assert_int_equal(r->nfields, 0);
	assert_int_equal(r->questions, 0);
	assert_int_equal(r->nforged, 1);
	assert_int_equal(r->mail_from->result, SPF_PASS);
	assert_string_equal(r->mail_from->domain, "example.com");
	assert_string_equal(r->spf_domain, "example.com");
	assert_int_equal(r->helo->result, SPF_FAIL);
	assert_int_equal(r->dkim->n, 1);
	assert_int_equal(r->dkim->signatures[0].result, DKIM_PASS);
	assert_string_equal(r->dkim->signatures[0].domain, "example.org");
	assert_int_equal(r->dmarc->result, DMARC_FAIL);
	assert_string_equal(r->dmarc->author, "example.org");
	court_done(&c);
}

/* ... and without a field of his there is no result. */
static void
test_not_trusted(void **state)
{
	struct dkim_kit *k = *state;
	const struct verdict_result *r;
	struct court c;

	court_init(&c);
	c.message.how = VERDICT_TRUST;
	court_trust(&c, "edge.example.net", "10.0.0.0/8");
	r = court_hear(&c, k, EDGE EDGE2 OTHER FROM);
	assert_null(r->believed);
	assert_null(r->mail_from);
	assert_null(r->helo);
	assert_null(r->dmarc);
	assert_int_equal(r->dkim->n, 0);
	assert_int_equal(r->disposition, VERDICT_NONE);
	assert_int_equal(r->nfields, 0);
	assert_int_equal(r->nforged, 2);
	court_done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		DKIM_KIT_CASE(test_field),
		DKIM_KIT_CASE(test_no_address),
		DKIM_KIT_CASE(test_explain),
		DKIM_KIT_CASE(test_other_engine),
		DKIM_KIT_CASE(test_forged),
		DKIM_KIT_CASE(test_trusted),
		DKIM_KIT_CASE(test_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
