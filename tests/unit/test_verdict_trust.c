/*
 * Authentication-Results of others: which are taken out, and which are believed.
 */
#include <stdio.h>

#include "mail/header.h"
#include "tests/unit/court.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))
#define REJECT  "_dmarc.example.org TXT v=DMARC1; p=reject\n"

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

/* What stands below may have been there before him: a method is believed in the
 * first field that has it. */
static void
test_first_is_believed(void **state)
{
	static const char older[] =
		"Authentication-Results: edge.example.net;\r\n"
		" spf=pass smtp.mailfrom=eve@example.org;\r\n"
		" spf=pass smtp.helo=mail.example.org;\r\n"
		" dkim=pass header.d=example.com; dmarc=pass\r\n" FROM;
	struct dkim_kit *k = *state;
	const struct verdict_result *r;
	struct court c;
	char text[1024];

	court_init(&c);
	c.message.how = VERDICT_TRUST;
	court_trust(&c, "edge.example.net", "192.0.2.1");
	snprintf(text, sizeof(text), "%s%s%s", EDGE, EDGE2, older);
	r = court_hear(&c, k, text);
	assert_string_equal(r->mail_from->domain, "example.com");
	assert_int_equal(r->helo->result, SPF_FAIL);
	assert_int_equal(r->dkim->n, 1);
	assert_int_equal(r->dmarc->result, DMARC_FAIL);
	court_done(&c);

	court_init(&c);
	c.message.how = VERDICT_TRUST;
	court_trust(&c, "edge.example.net", "192.0.2.1");
	snprintf(text, sizeof(text),
		 "Authentication-Results: edge.example.net; dkim=none\r\n%s",
		 older);
	r = court_hear(&c, k, text);
	assert_int_equal(r->dkim->n, 0);
	assert_int_equal(r->dmarc->result, DMARC_PASS);
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
		DKIM_KIT_CASE(test_forged),
		DKIM_KIT_CASE(test_trusted),
		DKIM_KIT_CASE(test_first_is_believed),
		DKIM_KIT_CASE(test_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
