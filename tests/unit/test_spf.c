/*
 * SPF beyond the suite of its RFC: what is counted, what the DNS may say, every
 * mistake, every macro.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/spf_kit.h"
#include "tests/unit/test.h"

/* Does a step of F begin with TEXT? */
static bool
says(const struct spf_kit *f, const char *text)
{
	const struct step *step;

	STAILQ_FOREACH (step, &f->steps.list, link)
		if (strncmp(step->text, text, strlen(text)) == 0)
			return true;
	return false;
}

struct row {
	const char *name, *zone, *ip, *helo, *sender;
	enum spf_result result;
	const char *term;
	unsigned lookups, voids;
	const char *why; /* how it begins */
};

static void
run_rows(void **state, const struct row *row, size_t n)
{
	struct spf_kit *f = *state;

	for (size_t i = 0; i < n; i++, row++) {
		print_message("%s\n", row->name);
		spf_kit_zone(f, row->zone);
		spf_kit_check(f, row->ip, row->helo, row->sender);
		assert_string_equal(spf_result_names[f->v.result],
				    spf_result_names[row->result]);
		assert_string_equal(f->v.term, row->term);
		assert_int_equal(f->v.lookups, row->lookups);
		assert_int_equal(f->v.voids, row->voids);
		if (row->why == NULL)
			assert_string_equal(f->v.why, "");
		else if (strncmp(f->v.why, row->why, strlen(row->why)) != 0)
			fail_msg("it says \"%s\"", f->v.why);
	}
}

#define ROWS(v) v, sizeof(v) / sizeof((v)[0])
#define FIVE(x) x " " x " " x " " x " " x
#define TEN(x)  FIVE(x) " " FIVE(x)

static void
test_counts(void **state)
{
	static const struct row rows[] = {
		{"ten terms that ask",
		 "d.test TXT v=spf1 " TEN("a") " ip4:" CLIENT "\n"
					       "d.test A 10.0.0.1\n",
		 CLIENT, "h.test", "a@d.test", SPF_PASS, "ip4:" CLIENT, 10, 0,
		 NULL},
		{"eleven",
		 "d.test TXT v=spf1 " TEN("a") " mx ip4:" CLIENT "\n"
					       "d.test A 10.0.0.1\n",
		 CLIENT, "h.test", "a@d.test", SPF_PERMERROR, "", 11, 0,
		 "over 10 terms"},
		{"the eleventh behind a match",
		 "d.test TXT v=spf1 " TEN("a") " ip4:" CLIENT " mx\n"
					       "d.test A 10.0.0.1\n",
		 CLIENT, "h.test", "a@d.test", SPF_PASS, "ip4:" CLIENT, 10, 0,
		 NULL},
		{"networks and all ask nobody",
		 "d.test TXT v=spf1 " TEN("ip4:10.0.0.1") " " TEN(
			 "ip6:::1") " all\n",
		 CLIENT, "h.test", "a@d.test", SPF_PASS, "all", 0, 0, NULL},
		{"a redirect counts",
		 "d.test TXT v=spf1 " TEN("a") " redirect=e.test\n"
					       "d.test A 10.0.0.1\n"
					       "e.test TXT v=spf1 +all\n",
		 CLIENT, "h.test", "a@d.test", SPF_PERMERROR, "", 11, 0,
		 "over 10 terms"},
		{"an include counts, and what is in it",
		 "d.test TXT v=spf1 include:e.test include:e.test all\n"
		 "e.test TXT v=spf1 a a a a -all\n"
		 "e.test A 10.0.0.1\n",
		 CLIENT, "h.test", "a@d.test", SPF_PASS, "all", 10, 0, NULL},
		{"over all includes together",
		 "d.test TXT v=spf1 include:e.test include:e.test mx all\n"
		 "e.test TXT v=spf1 a a a a -all\n"
		 "e.test A 10.0.0.1\n",
		 CLIENT, "h.test", "a@d.test", SPF_PERMERROR, "", 11, 0,
		 "over 10 terms"},
		{"two for nothing",
		 "d.test TXT v=spf1 a:x.test mx:y.test all\n", CLIENT, "h.test",
		 "a@d.test", SPF_PASS, "all", 2, 2, NULL},
		{"three for nothing",
		 "d.test TXT v=spf1 a:x.test mx:y.test exists:z.test all\n",
		 CLIENT, "h.test", "a@d.test", SPF_PERMERROR, "", 3, 3,
		 "over 2 questions without an answer, the last for z.test A"},
		{"no data is for nothing, too", "d.test TXT v=spf1 a a a all\n",
		 CLIENT, "h.test", "a@d.test", SPF_PERMERROR, "", 3, 3,
		 "over 2 questions"},
		{"the addresses of mail exchangers count for voids",
		 "d.test TXT v=spf1 mx all\n"
		 "d.test MX 1 a.test\nd.test MX 2 b.test\nd.test MX 3 c.test\n",
		 CLIENT, "h.test", "a@d.test", SPF_PERMERROR, "", 1, 3,
		 "over 2 questions"},
		{"a domain that includes itself",
		 "d.test TXT v=spf1 include:d.test -all\n", CLIENT, "h.test",
		 "a@d.test", SPF_PERMERROR, "", 11, 0, "over 10 terms"},
		{"a domain that redirects to itself",
		 "d.test TXT v=spf1 redirect=d.test\n", CLIENT, "h.test",
		 "a@d.test", SPF_PERMERROR, "", 11, 0, "over 10 terms"},
		{"two that include each other",
		 "d.test TXT v=spf1 include:e.test\n"
		 "e.test TXT v=spf1 include:d.test\n",
		 CLIENT, "h.test", "a@d.test", SPF_PERMERROR, "", 11, 0,
		 "over 10 terms"},
	};

	run_rows(state, ROWS(rows));
}

static void
test_answers(void **state)
{
	static const struct row rows[] = {
		{"a timeout of the record", "d.test TIMEOUT -\n", CLIENT,
		 "h.test", "a@d.test", SPF_TEMPERROR, "", 0, 0,
		 "d.test TXT: timeout"},
		{"of a term",
		 "d.test TXT v=spf1 a:slow.test -all\nslow.test TIMEOUT -\n",
		 CLIENT, "h.test", "a@d.test", SPF_TEMPERROR, "", 1, 0,
		 "slow.test A: timeout"},
		{"behind a match",
		 "d.test TXT v=spf1 ip4:" CLIENT " a:slow.test -all\n"
		 "slow.test TIMEOUT -\n",
		 CLIENT, "h.test", "a@d.test", SPF_PASS, "ip4:" CLIENT, 0, 0,
		 NULL},
		{"of one mail exchanger before the match",
		 "d.test TXT v=spf1 mx -all\nd.test MX 1 slow.test\n"
		 "d.test MX 2 m.test\nslow.test TIMEOUT -\nm.test A " CLIENT
		 "\n",
		 CLIENT, "h.test", "a@d.test", SPF_TEMPERROR, "", 1, 0,
		 "slow.test A: timeout"},
		{"a client's name that can't be asked for matches nothing",
		 "d.test TXT v=spf1 ptr -all\n"
		 "1.2.0.192.in-addr.arpa TIMEOUT -\n",
		 CLIENT, "h.test", "a@d.test", SPF_FAIL, "-all", 1, 0, NULL},
		{"no mail at all is no host",
		 "d.test TXT v=spf1 mx -all\nd.test MX 0 \n", CLIENT, "h.test",
		 "a@d.test", SPF_FAIL, "-all", 1, 0, NULL},
		{"eleven mail exchangers",
		 "d.test TXT v=spf1 mx -all\n"
		 "d.test MX 1 a.test\nd.test MX 1 b.test\nd.test MX 1 c.test\n"
		 "d.test MX 1 d.test\nd.test MX 1 e.test\nd.test MX 1 f.test\n"
		 "d.test MX 1 g.test\nd.test MX 1 h.test\nd.test MX 1 i.test\n"
		 "d.test MX 1 j.test\nd.test MX 1 k.test\n",
		 CLIENT, "h.test", "a@d.test", SPF_PERMERROR, "", 1, 0,
		 "d.test has over 10 MX"},
		{"a redirect to no record",
		 "d.test TXT v=spf1 redirect=e.test\n", CLIENT, "h.test",
		 "a@d.test", SPF_PERMERROR, "", 1, 0, "e.test, where redirect"},
		{"an include of none", "d.test TXT v=spf1 include:e.test all\n",
		 CLIENT, "h.test", "a@d.test", SPF_PERMERROR, "", 1, 0,
		 "e.test, which is included"},
		{"a softfail inside is no match",
		 "d.test TXT v=spf1 include:e.test ?all\n"
		 "e.test TXT v=spf1 ~all\n",
		 CLIENT, "h.test", "a@d.test", SPF_NEUTRAL, "?all", 1, 0, NULL},
		{"nothing matched", "d.test TXT v=spf1 -ip4:10.0.0.0/8\n",
		 CLIENT, "h.test", "a@d.test", SPF_NEUTRAL, "", 0, 0, NULL},
		{"a domain is asked in lower case", "d.test TXT v=spf1 -all\n",
		 CLIENT, "h.test", "a@D.TEST.", SPF_FAIL, "-all", 0, 0, NULL},
		{"the name of EHLO", "h.test TXT v=spf1 -all\n", CLIENT,
		 "h.test", "", SPF_FAIL, "-all", 0, 0, NULL},
		{"an address as name of EHLO", "", CLIENT, "[192.0.2.1]", "",
		 SPF_NONE, "", 0, 0, NULL},
		{"a name without a dot", "", CLIENT, "localhost", "", SPF_NONE,
		 "", 0, 0, NULL},
		{"a domain with an empty label", "", CLIENT, "h.test",
		 "a@d..test", SPF_NONE, "", 0, 0, NULL},
		{"a sender without a local part",
		 "d.test TXT v=spf1 exists:%{l}.d.test -all\n"
		 "postmaster.d.test A 127.0.0.2\n",
		 CLIENT, "h.test", "@d.test", SPF_PASS, "exists:%{l}.d.test", 1,
		 0, NULL},
		{"IPv6 in half octets",
		 "d.test TXT v=spf1 ip6:2001:db8::/33 -all\n",
		 "2001:db8:8000::1", "h.test", "a@d.test", SPF_FAIL, "-all", 0,
		 0, NULL},
		{"both families",
		 "d.test TXT v=spf1 a/24//64 -all\n"
		 "d.test AAAA 2001:db8::5\n",
		 "2001:db8::1", "h.test", "a@d.test", SPF_PASS, "a/24//64", 1,
		 0, NULL},
		{"no IPv4 address is in ::/0",
		 "d.test TXT v=spf1 ip6:::/0 -all\n", CLIENT, "h.test",
		 "a@d.test", SPF_FAIL, "-all", 0, 0, NULL},
		{"all of IPv4", "d.test TXT v=spf1 ip4:0.0.0.0/0 -all\n",
		 CLIENT, "h.test", "a@d.test", SPF_PASS, "ip4:0.0.0.0/0", 0, 0,
		 NULL},
	};

	run_rows(state, ROWS(rows));
}

/* One mistake anywhere, and the record is none: also behind a match. */
static void
test_mistakes(void **state)
{
	static const char *const terms[] = {
		"ip4:192.0.2.300",
		"ip4:192.0.2.1/33",
		"ip4:192.0.2.1/024",
		"ip4:192.0.2.0/",
		"ip4",
		"ip4:",
		"ip6:192.0.2.1",
		"ip6:2001:db8::/129",
		"a:",
		"a/33",
		"a//129",
		"a/24/64",
		"mx:x",
		"include",
		"include:",
		"exists",
		"exists:x..test/24",
		"redirect=",
		"redirect=a.test redirect=a.test",
		"exp=a.test exp=a.test",
		"all:x",
		"all/8",
		"a:%",
		"a:%{",
		"a:%{d",
		"a:%{x}.test",
		"a:%{d0}.test",
		"a:%{d}.1",
		"a:%{c}.test",
		"a:%{d!}.test",
		"-",
		"+-all",
		"unknown",
		"unknown:a.test",
		"=a",
		"1x=a",
		"a:\x80.test",
		"x=%",
	};
	struct spf_kit *f = *state;
	char record[128];

	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		print_message("%s\n", terms[i]);
		snprintf(record, sizeof(record), "v=spf1 +all %s", terms[i]);
		spf_kit_zone(f, "");
		zone_add(&f->zone, "d.test", "TXT", record, strlen(record));
		spf_kit_check(f, CLIENT, "h.test", "a@d.test");
		assert_int_equal(f->v.result, SPF_PERMERROR);
		assert_int_equal(f->v.lookups, 0);
		assert_non_null(strstr(f->v.why, "is no term"));
	}
}

static void
test_octets(void **state)
{
	struct spf_kit *f = *state;

	zone_add(&f->zone, "nul.test", "TXT", "v=spf1 all\0-all", 15);
	spf_kit_check(f, CLIENT, "h.test", "a@nul.test");
	assert_int_equal(f->v.result, SPF_PERMERROR);
	zone_add(&f->zone, "tab.test", "TXT", "v=spf1\tall", 10);
	spf_kit_check(f, CLIENT, "h.test", "a@tab.test");
	assert_int_equal(f->v.result, SPF_NONE);
	zone_add(&f->zone, "bare.test", "TXT", "v=spf1", 6);
	spf_kit_check(f, CLIENT, "h.test", "a@bare.test");
	assert_int_equal(f->v.result, SPF_NEUTRAL);
	zone_add(&f->zone, "v10.test", "TXT", "v=spf10 all", 11);
	spf_kit_check(f, CLIENT, "h.test", "a@v10.test");
	assert_int_equal(f->v.result, SPF_NONE);
}

/* Every letter, by the explanation that they make. */
static void
test_macros(void **state)
{
	static const struct {
		const char *text, *want, *ip, *sender;
	} row[] = {
		{"%{s} %{l} %{o} %{d}", "a-b.c@d.test a-b.c d.test d.test",
		 CLIENT, "a-b.c@d.test"},
		{"%{i} %{v} %{c} %{h} %{r} %{t}",
		 "192.0.2.1 in-addr 192.0.2.1 h.test mx.receiver.example "
		 "1700000000",
		 CLIENT, "a@d.test"},
		{"%{i} %{v} %{c}",
		 "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
		 "0.A ip6 2001:db8::a",
		 "2001:db8::a", "a@d.test"},
		{"%{ir} %{i2} %{i2r} %{d1} %{d99} %{d999999999999}",
		 "1.2.0.192 2.1 0.192 test d.test d.test", CLIENT, "a@d.test"},
		{"%{l-} %{l1-} %{lr-.} %{l=} %{l-+/}",
		 "a.b.c b.c c.b.a a-b.c a.b.c", CLIENT, "a-b.c@d.test"},
		{"%{S} %{L}", "a%2Fb%25%20~%40d.test a%2Fb%25%20~", CLIENT,
		 "a/b% ~@d.test"},
		{"%%%_%-", "% %20", CLIENT, "a@d.test"},
		{"%{p}", "unknown", CLIENT, "a@d.test"},
		{"%{P} %{p1}", "host.d.test test", "192.0.2.9", "a@d.test"},
	};
	struct spf_kit *f = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s\n", row[i].text);
		spf_kit_zone(f, "d.test TXT v=spf1 -all exp=e.d.test\n"
				"9.2.0.192.in-addr.arpa PTR other.test\n"
				"9.2.0.192.in-addr.arpa PTR host.d.test\n"
				"9.2.0.192.in-addr.arpa PTR forged.d.test\n"
				"host.d.test A 192.0.2.9\n"
				"other.test A 192.0.2.9\n"
				"forged.d.test A 192.0.2.8\n");
		zone_add(&f->zone, "e.d.test", "TXT", row[i].text,
			 strlen(row[i].text));
		spf_kit_check(f, row[i].ip, "h.test", row[i].sender);
		assert_int_equal(f->v.result, SPF_FAIL);
		assert_non_null(f->v.explanation);
		assert_string_equal(f->v.explanation, row[i].want);
	}
}

/* A failure has an explanation only where its domain has exactly one that is
 * right; the one that counts is that of the record which decided. */
static void
test_explanations(void **state)
{
	static const struct {
		const char *name, *zone, *want; /* NULL: none */
	} row[] = {
		{"plain",
		 "d.test TXT v=spf1 -all exp=e.test\ne.test TXT go away\n",
		 "go away"},
		{"after a redirect",
		 "d.test TXT v=spf1 redirect=r.test exp=e.test\n"
		 "r.test TXT v=spf1 -all exp=f.test\n"
		 "e.test TXT first\nf.test TXT second\n",
		 "second"},
		{"not of what is included",
		 "d.test TXT v=spf1 include:r.test -all exp=e.test\n"
		 "r.test TXT v=spf1 -all exp=f.test\n"
		 "e.test TXT first\nf.test TXT second\n",
		 "first"},
		{"no record", "d.test TXT v=spf1 -all exp=e.test\n", NULL},
		{"a timeout",
		 "d.test TXT v=spf1 -all exp=e.test\ne.test TIMEOUT -\n", NULL},
		{"two",
		 "d.test TXT v=spf1 -all exp=e.test\n"
		 "e.test TXT one\ne.test TXT two\n",
		 NULL},
		{"a bad macro",
		 "d.test TXT v=spf1 -all exp=e.test\ne.test TXT %{x}\n", NULL},
		{"beyond ASCII",
		 "d.test TXT v=spf1 -all exp=e.test\ne.test TXT caf\xc3\xa9\n",
		 NULL},
		{"no failure, no explanation",
		 "d.test TXT v=spf1 ~all exp=e.test\ne.test TXT go away\n",
		 NULL},
	};
	struct spf_kit *f = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s\n", row[i].name);
		spf_kit_zone(f, row[i].zone);
		spf_kit_check(f, CLIENT, "h.test", "a@d.test");
		if (row[i].want == NULL)
			assert_null(f->v.explanation);
		else
			assert_string_equal(f->v.explanation, row[i].want);
	}
}

static void
test_steps(void **state)
{
	struct spf_kit *f = *state;

	zone_load(&f->zone, "d.test TXT v=spf1 a include:e.test -all\n"
			    "d.test A 10.0.0.1\n"
			    "e.test TXT v=spf1 redirect=f.test\n"
			    "f.test TXT v=spf1 ip4:192.0.2.0/24\n");
	spf_kit_check(f, CLIENT, "h.test", "a@d.test");
	assert_int_equal(f->v.result, SPF_PASS);
	assert_string_equal(f->v.domain, "d.test");
	assert_string_equal(f->v.term, "include:e.test");
	assert_true(says(f, "d.test: v=spf1 a include:e.test -all"));
	assert_true(says(f, "a: no match"));
	assert_true(says(f, "redirect to f.test"));
	assert_true(says(f, "ip4:192.0.2.0/24: pass"));
	assert_true(says(f, "include:e.test: pass"));
	assert_int_equal(STAILQ_FIRST(&f->steps.list)->depth, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, spf_kit_setup, spf_kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_counts), T(test_answers), T(test_mistakes),
		T(test_octets), T(test_macros),  T(test_explanations),
		T(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
