/* Every case of the suite of RFC 7208, asked of our own evaluator. */
#include <errno.h>

#include "tests/unit/spf_suite.h"
#include "tests/unit/test.h"

static void
check_case(void *arg, struct zone *zone, const struct spf_case *c)
{
	unsigned *passed = arg;
	struct spf_verdict v;
	struct answers answers;
	struct arena arena;
	int r;

	arena_init(&arena);
	answers_init(&answers, &arena, SPF_SUITE_QUESTIONS);
	while ((r = spf_check(&c->question, &answers, &arena, NULL, &v)) ==
	       -EAGAIN)
		assert_true(zone_settle(zone, &answers));
	assert_int_equal(r, 0);
	if (spf_case_wants(c, &v))
		++*passed;
	else
		print_error("%s: %s (%s) \"%s\", not %s \"%s\"\n", c->name,
			    spf_result_names[v.result], v.why,
			    v.explanation != NULL ? v.explanation
						  : SPF_SUITE_EXPLANATION,
			    c->results, c->explanation);
	arena_done(&arena);
}

static void
all_cases(void **state)
{
	unsigned passed = 0,
		 cases = spf_suite_each(*state, check_case, &passed);

	print_message("%u of %u cases\n", passed, cases);
	assert_int_equal(cases, SPF_SUITE_CASES);
	assert_int_equal(passed, SPF_SUITE_CASES);
}

int
main(void)
{
	FILE *f = spf_suite_open();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(all_cases, f),
	};
	int r;

	if (f == NULL)
		return 77;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fclose(f);
	return r;
}
