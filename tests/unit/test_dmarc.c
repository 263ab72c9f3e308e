/*
 * DMARC over tables of records: which record counts, whose domain a domain is,
 * what it asks for, and what several authors come to.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/dmarc_kit.h"
#include "tests/unit/test.h"

static const struct dmarc_row discovery[] = {
	{"no record", "example.org A 192.0.2.1\n", "example.org",
	 "spf:example.org", "none of example.org"},
	{"the author's own", "_dmarc.example.org " REJECT "\n", "example.org",
	 "", "fail reject by p=reject at example.org of example.org"},
	{"the organisation's",
	 "_dmarc.example.org " REJECT "\na.b.example.org A 192.0.2.1\n",
	 "a.b.example.org", "",
	 "fail reject by p=reject at example.org of example.org"},
	{"own before the organisation's",
	 "_dmarc.a.example.org TXT v=DMARC1; p=none; sp=reject\n"
	 "_dmarc.example.org " REJECT "\n",
	 "a.example.org", "", "fail by p=none at a.example.org of example.org"},
	{"one in between does not count",
	 "_dmarc.b.example.org TXT v=DMARC1; p=none\n"
	 "_dmarc.example.org " REJECT "\n",
	 "a.b.example.org", "",
	 "fail reject by p=reject at example.org of example.org"},
	{"psd=n in between does",
	 "_dmarc.b.example.org TXT v=DMARC1; p=quarantine; psd=n\n"
	 "_dmarc.example.org " REJECT "\n",
	 "a.b.example.org", "",
	 "fail quarantine by p=quarantine at b.example.org of b.example.org"},
	{"psd=n of the author's own",
	 "_dmarc.b.example.org TXT v=DMARC1; p=quarantine; psd=n\n"
	 "_dmarc.example.org " REJECT "\n",
	 "b.example.org", "spf:example.org",
	 "fail quarantine by p=quarantine at b.example.org of b.example.org"},
	{"psd=n, then what is above it is not asked",
	 "_dmarc.example.org TXT v=DMARC1; p=reject; psd=n\n"
	 "_dmarc.org TIMEOUT x\n",
	 "example.org", "",
	 "fail reject by p=reject at example.org of example.org"},
	{"the suffix's", "_dmarc.org TXT v=DMARC1; p=reject; psd=y\n",
	 "a.example.org", "", "fail reject by p=reject at org of example.org"},
	{"the suffix's, right above",
	 "_dmarc.org TXT v=DMARC1; p=reject; psd=y\n", "example.org", "",
	 "fail reject by p=reject at org of example.org"},
	{"the organisation's before the suffix's",
	 "_dmarc.example.org TXT v=DMARC1; p=none\n"
	 "_dmarc.org TXT v=DMARC1; p=reject; psd=y\n",
	 "a.example.org", "", "fail by p=none at example.org of example.org"},
	{"below the organisation, above the author",
	 "_dmarc.a.example.org TXT v=DMARC1; p=none\n"
	 "_dmarc.org TXT v=DMARC1; p=reject; psd=y\n",
	 "b.a.example.org", "",
	 "fail reject by p=reject at org of example.org"},
	{"a suffix of two labels",
	 "_dmarc.co.uk TXT v=DMARC1; p=quarantine; psd=y\n"
	 "_dmarc.uk TXT v=DMARC1; p=none; psd=y\n",
	 "x.a.co.uk", "",
	 "fail quarantine by p=quarantine at co.uk of a.co.uk"},
	{"a chain: psd=n below psd=y",
	 "_dmarc.dept.example.gov TXT v=DMARC1; p=none; psd=n\n"
	 "_dmarc.example.gov " REJECT "\n"
	 "_dmarc.gov TXT v=DMARC1; p=reject; psd=y\n",
	 "x.dept.example.gov", "",
	 "fail by p=none at dept.example.gov of dept.example.gov"},
	{"a chain: psd=y below psd=n",
	 "_dmarc.dyn.example.org TXT v=DMARC1; p=reject; psd=y\n"
	 "_dmarc.example.org TXT v=DMARC1; p=none; psd=n\n",
	 "x.host.dyn.example.org", "",
	 "fail reject by p=reject at dyn.example.org of host.dyn.example.org"},
	{"psd=y of the author's own is no suffix",
	 "_dmarc.gov TXT v=DMARC1; p=reject; psd=y\n", "gov", "spf:gov",
	 "pass by p=reject at gov of gov spf"},
	{"psd=y at its start is no organisation above",
	 "_dmarc.a.example.org TXT v=DMARC1; p=reject; psd=y\n"
	 "_dmarc.example.org TXT v=DMARC1; p=none\n",
	 "a.example.org", "spf:example.org",
	 "fail reject by p=reject at a.example.org of a.example.org"},
	{"a top level without psd", "_dmarc.org " REJECT "\n", "a.example.org",
	 "spf:b.org", "pass by p=reject at org of org spf"},
	{"two records are none",
	 "_dmarc.a.example.org TXT v=DMARC1; p=none\n"
	 "_dmarc.a.example.org TXT v=DMARC1; p=none\n"
	 "_dmarc.example.org " REJECT "\n",
	 "a.example.org", "",
	 "fail reject by p=reject at example.org of example.org"},
	{"two records, and nothing above",
	 "_dmarc.example.org " REJECT "\n_dmarc.example.org " REJECT "\n",
	 "example.org", "", "none of example.org"},
	{"two records with psd=n end no walk",
	 "_dmarc.a.example.org TXT v=DMARC1; p=none; psd=n\n"
	 "_dmarc.a.example.org TXT v=DMARC1; p=none; psd=n\n"
	 "_dmarc.example.org " REJECT "\n",
	 "a.example.org", "",
	 "fail reject by p=reject at example.org of example.org"},
	{"other records beside it",
	 "_dmarc.example.org TXT v=spf1 -all\n_dmarc.example.org " REJECT "\n"
	 "_dmarc.example.org TXT v=DMARC2; p=none\n",
	 "example.org", "",
	 "fail reject by p=reject at example.org of example.org"},
	{"eight labels", "_dmarc.b.c.d.e.f.example.org " REJECT "\n",
	 "a.b.c.d.e.f.example.org", "",
	 "fail reject by p=reject at b.c.d.e.f.example.org of "
	 "b.c.d.e.f.example.org"},
	{"nine labels: the eighth is passed over",
	 "_dmarc.b.c.d.e.f.g.example.org " REJECT "\n",
	 "a.b.c.d.e.f.g.example.org", "", "none of a.b.c.d.e.f.g.example.org"},
	{"nine labels: the own",
	 "_dmarc.a.b.c.d.e.f.g.example.org " REJECT "\n"
	 "_dmarc.example.org TXT v=DMARC1; p=none\n",
	 "a.b.c.d.e.f.g.example.org", "",
	 "fail reject by p=reject at a.b.c.d.e.f.g.example.org of "
	 "example.org"},
	{"nine labels: the seventh",
	 "_dmarc.c.d.e.f.g.example.org TXT v=DMARC1; p=reject; psd=n\n"
	 "_dmarc.example.org TXT v=DMARC1; p=none\n",
	 "a.b.c.d.e.f.g.example.org", "",
	 "fail reject by p=reject at c.d.e.f.g.example.org of "
	 "c.d.e.f.g.example.org"},
	{"thirteen labels, the suffix seven of them",
	 "_dmarc.g.h.i.j.mail.example.com TXT v=DMARC1; p=reject; psd=y\n",
	 "a.b.c.d.e.f.g.h.i.j.mail.example.com", "",
	 "fail reject by p=reject at g.h.i.j.mail.example.com of "
	 "f.g.h.i.j.mail.example.com"},
};

static const struct dmarc_row policies[] = {
	{"sp below",
	 "_dmarc.example.org TXT v=DMARC1; p=reject; sp=none\n"
	 "a.example.org A 192.0.2.1\n",
	 "a.example.org", "", "fail by sp=none at example.org of example.org"},
	{"sp is not for the domain itself",
	 "_dmarc.example.org TXT v=DMARC1; p=reject; sp=none; np=none\n",
	 "example.org", "",
	 "fail reject by p=reject at example.org of example.org"},
	{"np for what is not there",
	 "_dmarc.example.org TXT v=DMARC1; p=none; sp=none; np=reject\n"
	 "example.org A 192.0.2.1\n",
	 "a.example.org", "",
	 "fail reject by np=reject at example.org of example.org"},
	{"np, but it is there",
	 "_dmarc.example.org TXT v=DMARC1; p=none; sp=quarantine; np=reject\n"
	 "a.example.org A 192.0.2.1\n",
	 "a.example.org", "",
	 "fail quarantine by sp=quarantine at example.org of example.org"},
	{"np, it is there, no sp",
	 "_dmarc.example.org TXT v=DMARC1; p=none; np=reject\n"
	 "a.example.org A 192.0.2.1\n",
	 "a.example.org", "", "fail by p=none at example.org of example.org"},
	{"not there, no np",
	 "_dmarc.example.org TXT v=DMARC1; p=none; sp=reject\n",
	 "a.example.org", "",
	 "fail reject by sp=reject at example.org of example.org"},
	{"not there, neither np nor sp", "_dmarc.example.org " REJECT "\n",
	 "a.example.org", "",
	 "fail reject by p=reject at example.org of example.org"},
	{"np of a suffix",
	 "_dmarc.gov TXT v=DMARC1; p=none; sp=none; np=reject; psd=y\n",
	 "example.gov", "", "fail reject by np=reject at gov of example.gov"},
	{"np, not known whether it is there",
	 "_dmarc.example.org TXT v=DMARC1; p=none; np=reject\n"
	 "a.example.org TIMEOUT x\n",
	 "a.example.org", "",
	 "temperror reject by p=none at example.org of example.org"},
	{"np as sp, not known whether it is there",
	 "_dmarc.example.org TXT v=DMARC1; p=reject; sp=none; np=none\n"
	 "a.example.org TIMEOUT x\n",
	 "a.example.org", "", "fail by sp=none at example.org of example.org"},
	{"np not known, but it passes",
	 "_dmarc.example.org TXT v=DMARC1; p=none; np=reject\n"
	 "a.example.org TIMEOUT x\n",
	 "a.example.org", "dkim:a.example.org",
	 "pass by p=none at example.org of example.org dkim0"},
	{"test: reject", "_dmarc.example.org " REJECT "; t=y\n", "example.org",
	 "", "fail quarantine by p=reject at example.org of example.org"},
	{"test: quarantine",
	 "_dmarc.example.org TXT v=DMARC1; p=quarantine; t=y\n", "example.org",
	 "", "fail by p=quarantine at example.org of example.org"},
	{"test: none", "_dmarc.example.org TXT v=DMARC1; p=none; t=y\n",
	 "example.org", "", "fail by p=none at example.org of example.org"},
	{"test: np",
	 "_dmarc.example.org TXT v=DMARC1; p=none; np=reject; t=y\n",
	 "a.example.org", "",
	 "fail quarantine by np=reject at example.org of example.org"},
	{"test: np not known",
	 "_dmarc.example.org TXT v=DMARC1; p=none; np=quarantine; t=y\n"
	 "a.example.org TIMEOUT x\n",
	 "a.example.org", "", "fail by p=none at example.org of example.org"},
	{"no p, but rua", "_dmarc.example.org TXT v=DMARC1" RUA "\n",
	 "example.org", "", "fail by p=none at example.org of example.org"},
	{"no p, but rua: it can pass",
	 "_dmarc.example.org TXT v=DMARC1" RUA "\n", "example.org",
	 "spf:a.example.org",
	 "pass by p=none at example.org of example.org spf"},
	{"no p and no rua", "_dmarc.example.org TXT v=DMARC1; sp=reject\n",
	 "example.org", "spf:example.org",
	 "permerror at example.org of example.org"},
	{"no p and no rua, above the author",
	 "_dmarc.example.org TXT v=DMARC1\n", "a.example.org", "",
	 "permerror at example.org of example.org"},
	{"no p and no rua ends a walk too",
	 "_dmarc.b.example.org TXT v=DMARC1; psd=n\n"
	 "_dmarc.example.org " REJECT "\n",
	 "a.b.example.org", "", "permerror at b.example.org of b.example.org"},
	{"a bad p with rua", "_dmarc.example.org TXT v=DMARC1; p=no" RUA "\n",
	 "example.org", "", "fail by p=none at example.org of example.org"},
	{"a bad sp with rua", "_dmarc.example.org " REJECT "; sp=no" RUA "\n",
	 "example.org", "", "fail by p=none at example.org of example.org"},
	{"a bad np without rua", "_dmarc.example.org " REJECT "; np=no\n",
	 "example.org", "", "permerror at example.org of example.org"},
	{"a bad sp: np is not asked for",
	 "_dmarc.example.org TXT v=DMARC1; p=reject; sp=no; np=reject" RUA "\n",
	 "a.example.org", "", "fail by p=none at example.org of example.org"},
	{"pct is of the past", "_dmarc.example.org " REJECT "; pct=0\n",
	 "example.org", "",
	 "fail reject by p=reject at example.org of example.org"},
};

/* Of several authors, "a.example" asks for reject, "q.example" for quarantine,
 * "n.example" for nothing; "t.example" can't be asked, "p.example" has nothing
 * that is valid, and others no record. "2:" in front: in several fields. */
#define AUTHORS                                                                \
	"_dmarc.a.example " REJECT "\n_dmarc.q.example TXT v=DMARC1; "         \
	"p=quarantine\n_dmarc.n.example TXT v=DMARC1; p=none\n"                \
	"_dmarc.t.example TIMEOUT x\n_dmarc.p.example TXT v=DMARC1\n"          \
	"_dmarc.u.example " REJECT "; t=y\n"

static const struct dmarc_row authors[] = {
	{"nobody", "", "", "spf:example.org", "permerror"},
	{"both fail", AUTHORS, "q.example a.example", "",
	 "fail reject by p=reject at a.example of a.example"},
	{"one fails", AUTHORS, "q.example a.example", "spf:a.example",
	 "fail quarantine by p=quarantine at q.example of q.example"},
	{"one fails, of no policy", AUTHORS, "a.example n.example",
	 "spf:a.example", "fail by p=none at n.example of n.example"},
	{"one without a record", AUTHORS, "a.example x.example",
	 "spf:a.example", "none of x.example"},
	{"both pass", AUTHORS, "a.example q.example",
	 "spf:a.example dkim:q.example",
	 "pass by p=reject at a.example of a.example spf"},
	{"one can't be asked", AUTHORS, "a.example t.example", "spf:a.example",
	 "temperror reject"},
	{"one can't be asked, one fails as hard", AUTHORS,
	 "t.example a.example", "",
	 "fail reject by p=reject at a.example of a.example"},
	{"one can't be asked, one fails", AUTHORS, "q.example t.example", "",
	 "temperror reject"},
	{"one not valid", AUTHORS, "x.example p.example", "",
	 "permerror at p.example of p.example"},
	{"five, the last fails", AUTHORS,
	 "b.example c.example d.example e.example a.example", "",
	 "fail reject by p=reject at a.example of a.example"},
	{"six", AUTHORS,
	 "b.example c.example d.example e.example f.example a.example", "",
	 "fail reject of b.example"},
	{"several fields, nothing passes", AUTHORS, "2:a.example",
	 "spf:a.example",
	 "fail reject by p=reject at a.example of a.example spf"},
	{"several fields, in test", AUTHORS, "2:u.example", "spf:u.example",
	 "fail quarantine by p=reject at u.example of u.example spf"},
	{"several fields, no record", AUTHORS, "2:x.example y.example",
	 "spf:x.example", "none of x.example"},
};

/* By the public suffix list. */
static const struct dmarc_row by_list[] = {
	{"the organisation's",
	 EXAMPLE "_dmarc.b.example.org TXT v=DMARC1; "
		 "p=none\n",
	 "a.b.example.org", "spf:c.example.org",
	 "pass by p=reject at example.org of example.org spf"},
	{"the author's own",
	 EXAMPLE "_dmarc.a.example.org TXT v=DMARC1; p=none\n", "a.example.org",
	 "", "fail by p=none at a.example.org of example.org"},
	{"one in between does not count", "_dmarc.b.example.org " REJECT "\n",
	 "a.b.example.org", "", "none of example.org"},
	{"psd does not count",
	 EXAMPLE "_dmarc.b.example.org TXT v=DMARC1; p=none; psd=n\n"
		 "_dmarc.org TXT v=DMARC1; p=none; psd=y\n",
	 "a.b.example.org", "dkim:x.b.example.org",
	 "pass by p=reject at example.org of example.org dkim0"},
	{"the suffix's does not count",
	 "_dmarc.org TXT v=DMARC1; p=reject; psd=y\n", "example.org", "",
	 "none of example.org"},
	{"sp", "_dmarc.example.org TXT v=DMARC1; p=none; sp=reject\n",
	 "a.example.org", "",
	 "fail reject by sp=reject at example.org of example.org"},
	{"two of one suffix", "_dmarc.a.co.uk " REJECT "\n", "a.co.uk",
	 "spf:b.co.uk dkim:b.co.uk dkim:co.uk",
	 "fail reject by p=reject at a.co.uk of a.co.uk"},
	{"below one", "_dmarc.a.co.uk " REJECT "\n", "x.a.co.uk",
	 "dkim:y.z.a.co.uk", "pass by p=reject at a.co.uk of a.co.uk dkim0"},
	{"the top level", "_dmarc.example.com " REJECT "\n", "example.com",
	 "dkim:com", "fail reject by p=reject at example.com of example.com"},
	{"from the top level", "_dmarc.com " REJECT "\n", "com",
	 "dkim:example.com dkim:com", "pass by p=reject at com of com dkim1"},
	{"a suffix beyond ASCII", "_dmarc.a.xn--55qx5d.cn " REJECT "\n",
	 "x.a.xn--55qx5d.cn", "dkim:b.xn--55qx5d.cn",
	 "fail reject by p=reject at a.xn--55qx5d.cn of a.xn--55qx5d.cn"},
	{"the DNS fails above", "_dmarc.example.org TIMEOUT x\n",
	 "a.example.org", "", "temperror reject of example.org"},
	{"the DNS fails above, of no use",
	 "_dmarc.a.example.org " REJECT "\n_dmarc.example.org TIMEOUT x\n",
	 "a.example.org", "dkim:b.example.org",
	 "pass by p=reject at a.example.org of example.org dkim0"},
};

static void
test_discovery(void **state)
{
	(void)state;
	dmarc_check_rows(discovery, ROWS(discovery), NULL);
}

static void
test_policies(void **state)
{
	(void)state;
	dmarc_check_rows(policies, ROWS(policies), NULL);
}

static void
test_authors(void **state)
{
	(void)state;
	dmarc_check_rows(authors, ROWS(authors), NULL);
}

static void
test_by_list(void **state)
{
	struct suffixes *list;

	(void)state;
	assert_int_equal(suffixes_open(&list), 0);
	dmarc_check_rows(by_list, ROWS(by_list), list);
	suffixes_close(&list);
	assert_null(list);
	suffixes_close(&list);
}

static void
test_steps(void **state)
{
	static const char *const said[] = {
		"0 author a.example.org",
		"0 _dmarc.a.example.org: no record",
		"0 _dmarc.example.org: v=DMARC1; p=none; np=reject",
		"0 _dmarc.org: no record",
		"0 organisational domain: example.org",
		"0 a.example.org does not exist",
		"0 policy: reject, by np of example.org",
		"1 _dmarc.b.example.org: no record",
		"1 _dmarc.example.org: v=DMARC1; p=none; np=reject",
		"1 _dmarc.org: no record",
		"0 SPF of b.example.org: aligned",
		"0 DKIM of example.net: not aligned",
		"0 pass: by SPF of b.example.org",
	};
	const struct dmarc_row row = {
		"", "_dmarc.example.org TXT v=DMARC1; p=none; np=reject\n",
		"a.example.org", "spf:b.example.org dkim:example.net", ""};
	struct answers answers;
	struct dmarc_verdict v;
	struct steps steps;
	struct arena arena;
	struct dmarc_asked q;
	struct zone zone;
	struct step *step;
	char is[256];
	size_t n = 0;

	(void)state;
	zone_init(&zone);
	zone_load(&zone, row.zone);
	arena_init(&arena);
	answers_init(&answers, &arena, 100);
	steps_init(&steps, &arena);
	dmarc_ask_init(&q, &row, NULL);
	q.author.why = "";
	dmarc_answer(&zone, &answers, &q.question, &arena, &steps, &v);
	STAILQ_FOREACH (step, &steps.list, link) {
		snprintf(is, sizeof(is), "%u %s", step->depth, step->text);
		assert_true(n < ROWS(said));
		assert_string_equal(is, said[n++]);
	}
	assert_int_equal(n, ROWS(said));
	arena_done(&q.arena);
	arena_done(&arena);
	zone_done(&zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discovery),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_authors),
		cmocka_unit_test(test_by_list),
		cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
