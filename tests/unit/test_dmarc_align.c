/*
 * DMARC: who vouches for an author, what the DNS's failures make of it, and what
 * is asked for it all.
 */
#include "tests/unit/dmarc_kit.h"
#include "tests/unit/test.h"

static const struct dmarc_row alignments[] = {
	{"the same", EXAMPLE, "example.org", "spf:example.org dkim:example.org",
	 "pass by p=reject at example.org of example.org spf dkim0"},
	{"in another spelling", EXAMPLE, "example.org",
	 "spf:EXAMPLE.org dkim:Example.Org.",
	 "pass by p=reject at example.org of example.org spf dkim0"},
	{"below", EXAMPLE, "example.org", "spf:a.example.org",
	 "pass by p=reject at example.org of example.org spf"},
	{"above", EXAMPLE, "a.example.org", "dkim:example.org",
	 "pass by p=reject at example.org of example.org dkim0"},
	{"beside", EXAMPLE, "a.example.org", "dkim:b.example.org",
	 "pass by p=reject at example.org of example.org dkim0"},
	{"another", EXAMPLE, "example.org", "spf:example.net dkim:example.com",
	 "fail reject by p=reject at example.org of example.org"},
	{"only looks so", EXAMPLE, "example.org", "spf:badexample.org",
	 "fail reject by p=reject at example.org of example.org"},
	{"one of many", EXAMPLE, "example.org",
	 "dkim:example.net !dkim:example.org dkim:a.example.org",
	 "pass by p=reject at example.org of example.org dkim2"},
	{"all failed", EXAMPLE, "example.org",
	 "!spf:example.org !dkim:example.org",
	 "fail reject by p=reject at example.org of example.org"},
	{"none at all", EXAMPLE, "example.org",
	 "spf: dkim:", "fail reject by p=reject at example.org of example.org"},
	{"strict, the same", STRICT, "example.org",
	 "spf:example.org dkim:EXAMPLE.ORG",
	 "pass by p=reject at example.org of example.org spf dkim0"},
	{"strict, below", STRICT, "example.org",
	 "spf:a.example.org dkim:a.example.org",
	 "fail reject by p=reject at example.org of example.org"},
	{"strict, above", STRICT, "a.example.org", "dkim:example.org",
	 "fail reject by p=reject at example.org of example.org"},
	{"strict for DKIM alone", "_dmarc.example.org " REJECT "; adkim=s\n",
	 "example.org", "spf:a.example.org dkim:a.example.org",
	 "pass by p=reject at example.org of example.org spf"},
	{"strict for SPF alone", "_dmarc.example.org " REJECT "; aspf=s\n",
	 "example.org", "spf:a.example.org dkim:a.example.org",
	 "pass by p=reject at example.org of example.org dkim0"},
	{"two of one suffix",
	 "_dmarc.a.co.uk " REJECT "\n"
	 "_dmarc.co.uk TXT v=DMARC1; p=none; psd=y\n",
	 "a.co.uk", "spf:b.co.uk dkim:b.co.uk",
	 "fail reject by p=reject at a.co.uk of a.co.uk"},
	{"two of one suffix without a record", "_dmarc.a.co.uk " REJECT "\n",
	 "a.co.uk", "dkim:b.co.uk dkim:co.uk dkim:uk",
	 "fail reject by p=reject at a.co.uk of a.co.uk"},
	{"two of one suffix, none with a record",
	 "_dmarc.co.uk TXT v=DMARC1; p=reject; psd=y\n", "a.co.uk",
	 "dkim:b.co.uk", "fail reject by p=reject at co.uk of a.co.uk"},
	{"the top level", EXAMPLE, "example.org", "dkim:org spf:com",
	 "fail reject by p=reject at example.org of example.org"},
	{"the top level with a record",
	 "_dmarc.example.com " REJECT "\n_dmarc.com TXT v=DMARC1; p=none; psd=y"
	 "\n",
	 "example.com", "dkim:com",
	 "fail reject by p=reject at example.com of example.com"},
	{"its own walk: psd=n there",
	 EXAMPLE "_dmarc.b.example.org TXT v=DMARC1; p=none; psd=n\n",
	 "example.org", "dkim:a.b.example.org dkim:b.example.org",
	 "fail reject by p=reject at example.org of example.org"},
	{"its own walk: psd=y there",
	 EXAMPLE "_dmarc.dyn.example.org TXT v=DMARC1; p=none; psd=y\n",
	 "example.org", "dkim:host.dyn.example.org dkim:dyn.example.org",
	 "fail reject by p=reject at example.org of example.org"},
	{"its own walk: a record without psd",
	 EXAMPLE "_dmarc.b.example.org TXT v=DMARC1; p=none\n", "example.org",
	 "dkim:b.example.org",
	 "pass by p=reject at example.org of example.org dkim0"},
	{"its own walk from nine labels passes one over",
	 EXAMPLE "_dmarc.h.g.f.e.d.c.example.org TXT v=DMARC1; p=none; psd=n"
		 "\n",
	 "example.org", "dkim:a.h.g.f.e.d.c.example.org",
	 "pass by p=reject at example.org of example.org dkim0"},
	{"within a part of its own",
	 EXAMPLE "_dmarc.b.example.org " REJECT "; psd=n\n", "x.b.example.org",
	 "dkim:y.b.example.org",
	 "pass by p=reject at b.example.org of b.example.org dkim0"},
	{"from below into a part of its own",
	 EXAMPLE "_dmarc.b.example.org " REJECT "; psd=n\n", "b.example.org",
	 "dkim:example.org dkim:a.example.org",
	 "fail reject by p=reject at b.example.org of b.example.org"},
	{"UTF-8 in MAIL FROM", "_dmarc.xn--bcher-kva.example " REJECT "\n",
	 "xn--bcher-kva.example",
	 "spf:b\xc3\xbc"
	 "cher.example",
	 "pass by p=reject at xn--bcher-kva.example of xn--bcher-kva.example "
	 "spf"},
	{"no name of the DNS", EXAMPLE, "example.org",
	 "spf:..example.org dkim:a..example.org",
	 "fail reject by p=reject at example.org of example.org"},
};

static const struct dmarc_row failures[] = {
	{"the author's record", "_dmarc.example.org TIMEOUT x\n", "example.org",
	 "spf:example.org", "temperror reject"},
	{"above, where it would count", "_dmarc.example.org TIMEOUT x\n",
	 "a.example.org", "spf:a.example.org", "temperror reject"},
	{"above the author's record, nothing vouches",
	 EXAMPLE "_dmarc.org TIMEOUT x\n", "example.org", "",
	 "fail reject by p=reject at example.org"},
	{"above the author's record, another vouches",
	 EXAMPLE "_dmarc.org TIMEOUT x\n", "example.org", "spf:example.net",
	 "fail reject by p=reject at example.org"},
	{"above the author's record, one below vouches",
	 EXAMPLE "_dmarc.org TIMEOUT x\n", "example.org", "spf:a.example.org",
	 "temperror reject by p=reject at example.org"},
	{"above the author's record, itself vouches",
	 EXAMPLE "_dmarc.org TIMEOUT x\n", "example.org", "spf:example.org",
	 "pass by p=reject at example.org spf"},
	{"strict does not need it", STRICT "_dmarc.org TIMEOUT x\n",
	 "example.org", "spf:a.example.org",
	 "fail reject by p=reject at example.org"},
	{"test counts for what may be",
	 "_dmarc.example.org " REJECT "; t=y\n_dmarc.org TIMEOUT x\n",
	 "example.org", "spf:a.example.org",
	 "temperror quarantine by p=reject at example.org"},
	{"none is none",
	 "_dmarc.example.org TXT v=DMARC1; p=none\n_dmarc.org TIMEOUT x\n",
	 "example.org", "spf:a.example.org",
	 "temperror by p=none at example.org"},
	{"on the way of who vouches",
	 EXAMPLE "_dmarc.a.example.org TIMEOUT x\n", "example.org",
	 "dkim:a.example.org",
	 "temperror reject by p=reject at example.org of example.org"},
	{"on the way of one of two", EXAMPLE "_dmarc.a.example.org TIMEOUT x\n",
	 "example.org", "dkim:a.example.org spf:b.example.org",
	 "pass by p=reject at example.org of example.org spf"},
	{"on the way of a stranger", EXAMPLE "_dmarc.example.net TIMEOUT x\n",
	 "example.org", "dkim:example.net spf:a.example.net",
	 "fail reject by p=reject at example.org of example.org"},
	{"SPF's own", EXAMPLE, "example.org", "?spf:example.org",
	 "temperror reject by p=reject at example.org of example.org"},
	{"a key's own", EXAMPLE, "example.org", "?dkim:a.example.org",
	 "temperror reject by p=reject at example.org of example.org"},
	{"a key's own, another passes", EXAMPLE, "example.org",
	 "?dkim:a.example.org dkim:example.org",
	 "pass by p=reject at example.org of example.org dkim1"},
	{"a stranger's own", EXAMPLE, "example.org",
	 "?spf:example.net ?dkim:example.com",
	 "fail reject by p=reject at example.org of example.org"},
};

static void
test_alignments(void **state)
{
	(void)state;
	dmarc_check_rows(alignments, ROWS(alignments), NULL);
}

static void
test_failures(void **state)
{
	(void)state;
	dmarc_check_rows(failures, ROWS(failures), NULL);
}

/* Names asked for, and in how many rounds. */
static void
check_cost(const struct dmarc_row *row, unsigned questions, unsigned rounds)
{
	struct answers answers;
	struct dmarc_verdict v;
	struct arena arena;
	struct dmarc_asked q;
	struct zone zone;

	zone_init(&zone);
	zone_load(&zone, row->zone);
	arena_init(&arena);
	answers_init(&answers, &arena, 100);
	dmarc_ask_init(&q, row, NULL);
	dmarc_answer(&zone, &answers, &q.question, &arena, NULL, &v);
	assert_int_equal(answers.questions, questions);
	assert_int_equal(zone.rounds, rounds);
	arena_done(&q.arena);
	arena_done(&arena);
	zone_done(&zone);
}

static void
test_costs(void **state)
{
	static const struct {
		struct dmarc_row row;
		unsigned questions, rounds;
	} costs[] = {
		{{"one walk", EXAMPLE, "example.org", "spf:example.org", ""},
		 2,
		 1},
		{{"eight at most", "", "a.b.c.d.e.f.g.h.i.j.mail.example.com",
		  "", ""},
		 8,
		 1},
		{{"strangers cost nothing", EXAMPLE, "example.org",
		  "spf:x.example.net dkim:y.example.com", ""},
		 2,
		 1},
		{{"walks below share what is above", EXAMPLE, "example.org",
		  "spf:a.example.org dkim:b.example.org", ""},
		 4,
		 2},
		{{"strict costs none", STRICT, "example.org",
		  "spf:a.example.org dkim:b.example.org", ""},
		 2,
		 1},
		{{"np asks beside the walks",
		  "_dmarc.example.org " REJECT "; np=none\n", "a.example.org",
		  "spf:b.example.org", ""},
		 5,
		 2},
		{{"several authors at once", EXAMPLE, "example.org example.net",
		  "", ""},
		 4,
		 1},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(costs); i++) {
		print_message("%s\n", costs[i].row.name);
		check_cost(&costs[i].row, costs[i].questions, costs[i].rounds);
	}
}

static void
test_no_budget(void **state)
{
	const struct dmarc_row row = {"", EXAMPLE, "example.org", "", ""};
	struct answers answers;
	struct dmarc_verdict v;
	struct arena arena;
	struct dmarc_asked q;

	(void)state;
	arena_init(&arena);
	answers_init(&answers, &arena, 0);
	dmarc_ask_init(&q, &row, NULL);
	assert_int_equal(dmarc_check(&q.question, &answers, &arena, NULL, &v),
			 0);
	assert_int_equal(v.result, DMARC_TEMPERROR);
	assert_int_equal(v.asked, DMARC_POLICY_REJECT);
	arena_done(&q.arena);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignments),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_costs),
		cmocka_unit_test(test_no_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
