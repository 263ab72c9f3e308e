#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"
#include "verdict/dmarc_record.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

#define R "; rua=mailto:r@example.org"

/* What is read of a record, NULL: it is none. "p/sp/np", then of the others
 * those that are not the default. */
struct row {
	const char *name, *text, *read;
};

static const struct row rows[] = {
	{"usual", "v=DMARC1; p=reject", "reject//"},
	{"all policies", "v=DMARC1; p=none; sp=quarantine; np=reject",
	 "none/quarantine/reject"},
	{"any order", "v=DMARC1; np=none; sp=none; p=reject",
	 "reject/none/none"},
	{"no blanks", "v=DMARC1;p=reject;sp=none;", "reject/none/"},
	{"blanks everywhere", "v\t= DMARC1\t;\t p =  reject ;; ; ", "reject//"},
	{"any case", "V=DMARC1; P=REJECT; Sp=None", "reject/none/"},
	{"alignment", "v=DMARC1; p=none; adkim=s; aspf=S",
	 "none// adkim=s aspf=s"},
	{"alignment not valid", "v=DMARC1; p=none; adkim=x; aspf=", "none//"},
	{"in test", "v=DMARC1; p=reject; t=y", "reject// t=y"},
	{"not in test", "v=DMARC1; p=reject; t=n", "reject//"},
	{"test not valid", "v=DMARC1; p=reject; t=yes", "reject//"},
	{"suffix", "v=DMARC1; p=none; psd=y", "none// psd=y"},
	{"no suffix", "v=DMARC1; p=none; psd=n", "none// psd=n"},
	{"suffix unknown", "v=DMARC1; p=none; psd=u", "none//"},
	{"suffix not valid", "v=DMARC1; p=none; psd=1", "none//"},
	{"tags of the past", "v=DMARC1; p=reject; pct=0; rf=afrf; ri=3600",
	 "reject//"},
	{"unknown tags", "v=DMARC1; p=reject; x=y; =; z; p2=none", "reject//"},
	{"value with =", "v=DMARC1; p=none; rua=https://a.example/?a=b",
	 "none// rua"},
	{"reports", "v=DMARC1; p=none" R, "none// rua"},
	{"two addresses, one good", "v=DMARC1; p=none; rua=nobody, mailto:a@b",
	 "none// rua"},
	{"size of the past", "v=DMARC1; p=none; rua=mailto:a@b!10m",
	 "none// rua"},
	{"no scheme", "v=DMARC1; p=none; rua=a@b", "none// (rua)"},
	{"scheme of digits", "v=DMARC1; p=none; rua=1a:b@c", "none// (rua)"},
	{"empty scheme", "v=DMARC1; p=none; rua=:b@c", "none// (rua)"},
	{"mailto without a domain", "v=DMARC1; p=none; rua=mailto:a",
	 "none// (rua)"},
	{"mailto with half a domain", "v=DMARC1; p=none; rua=mailto:a@",
	 "none// (rua)"},
	{"blank in it", "v=DMARC1; p=none; rua=mailto:a b@c", "none// (rua)"},
	{"8 bit in it", "v=DMARC1; p=none; rua=mailto:\xc3\xa4@c", "none//"},
	{"8 bit in a policy", "v=DMARC1; p=none\xa0" R, "// rua broken"},
	{"only commas", "v=DMARC1; p=none; rua=,,", "none// (rua)"},
	{"no tags", "v=DMARC1", "// broken"},
	{"no tags, a blank", "v=DMARC1 ", "// broken"},
	{"no p", "v=DMARC1; sp=reject" R, "/reject/ rua broken"},
	{"empty p", "v=DMARC1; p=" R, "// rua broken"},
	{"p not valid", "v=DMARC1; p=refuse" R, "// rua broken"},
	{"p with more", "v=DMARC1; p=reject now", "// broken"},
	{"sp not valid", "v=DMARC1; p=reject; sp=all", "reject// broken"},
	{"np not valid", "v=DMARC1; p=reject; np=" R, "reject// rua broken"},
	{"p twice", "v=DMARC1; p=none; p=reject", "// broken"},
	{"p three times", "v=DMARC1; p=none; p=none; p=none", "// broken"},
	{"t twice", "v=DMARC1; p=reject; t=y; t=y", "reject//"},
	{"rua twice", "v=DMARC1; p=reject" R R, "reject//"},
	{"nothing", "", NULL},
	{"another", "v=spf1 -all", NULL},
	{"v not first", "p=reject; v=DMARC1", NULL},
	{"a blank first", " v=DMARC1; p=reject", NULL},
	{"an empty tag first", ";v=DMARC1; p=reject", NULL},
	{"version in another case", "v=dmarc1; p=reject", NULL},
	{"next version", "v=DMARC2; p=reject", NULL},
	{"longer version", "v=DMARC10; p=reject", NULL},
	{"no semicolon", "v=DMARC1 p=reject", NULL},
	{"only the version", "DMARC1; p=reject", NULL},
};

static void
describe(const struct dmarc_record *r, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s/%s%s%s%s%s%s%s", dmarc_policy_names[r->p],
		 dmarc_policy_names[r->sp], dmarc_policy_names[r->np],
		 r->adkim_strict ? " adkim=s" : "",
		 r->aspf_strict ? " aspf=s" : "", r->testing ? " t=y" : "",
		 r->psd == DMARC_PSD_YES  ? " psd=y"
		 : r->psd == DMARC_PSD_NO ? " psd=n"
					  : "",
		 r->rua_valid        ? " rua"
		 : r->rua[0] != '\0' ? " (rua)"
				     : "",
		 r->broken ? " broken" : "");
}

static void
check(const struct row *row)
{
	size_t len = strlen(row->text);
	char *text = malloc(len > 0 ? len : 1), read[128];
	struct dmarc_record record;
	struct arena arena;

	memcpy(text, row->text, len);
	arena_init(&arena);
	assert_int_equal(dmarc_record_is(text, len), row->read != NULL);
	if (row->read != NULL) {
		dmarc_record_parse(text, len, &arena, &record);
		describe(&record, read, sizeof(read));
		assert_string_equal(read, row->read);
		assert_string_equal(record.text, row->text);
	}
	arena_done(&arena);
	free(text);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].name);
		check(&rows[i]);
	}
}

static void
test_rua(void **state)
{
	static const char text[] =
		"v=DMARC1; p=none; rua = mailto:a@b!1k , https://c/ ; t=n";
	struct dmarc_record record;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	dmarc_record_parse(text, strlen(text), &arena, &record);
	assert_string_equal(record.rua, "mailto:a@b!1k , https://c/");
	arena_done(&arena);
}

static void
test_too_long(void **state)
{
	char text[DMARC_RECORD_MAX + 1];

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "v=DMARC1;", 9);
	assert_true(dmarc_record_is(text, DMARC_RECORD_MAX));
	assert_false(dmarc_record_is(text, DMARC_RECORD_MAX + 1));
}

static void
test_softer(void **state)
{
	(void)state;
	assert_int_equal(dmarc_policy_softer(DMARC_POLICY_REJECT),
			 DMARC_POLICY_QUARANTINE);
	assert_int_equal(dmarc_policy_softer(DMARC_POLICY_QUARANTINE),
			 DMARC_POLICY_NONE);
	assert_int_equal(dmarc_policy_softer(DMARC_POLICY_NONE),
			 DMARC_POLICY_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rua),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_softer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
