/*
 * The {names} in a route's path or argument.
 */
#include "deliver/template.h"

#include <string.h>

#include "tests/unit/test.h"

static void
test_values(void **state)
{
	static const struct {
		const char *rcpt;
		char delimiter;
		const char *local, *extension, *domain;
	} row[] = {
		{"anna@example.org", '+', "anna", "", "example.org"},
		{"anna+list@example.org", '+', "anna", "list", "example.org"},
		{"anna+a+b@example.org", '+', "anna", "a+b", "example.org"},
		{"anna+@example.org", '+', "anna", "", "example.org"},
		{"+list@example.org", '+', "+list", "", "example.org"},
		{"++@example.org", '+', "+", "", "example.org"},
		{"anna+list@example.org", '-', "anna+list", "", "example.org"},
		{"anna+list@example.org", '\0', "anna+list", "", "example.org"},
		{"postmaster", '+', "postmaster", "", ""},
		{"\"anna\"@example.org", '+', "anna", "", "example.org"},
		{"\"a\\\"b c\"@example.org", '+', "a\"b c", "", "example.org"},
		{"\"a+b\"@example.org", '+', "a+b", "", "example.org"},
		{"\"a@b\"@example.org", '+', "a@b", "", "example.org"},
		{"\"\"@example.org", '+', "", "", "example.org"},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct template_values v;

		print_message("%s\n", row[i].rcpt);
		template_values_init(&v, "ben@example.net", row[i].rcpt,
				     row[i].delimiter, &arena);
		assert_string_equal(v.v[TEMPLATE_TO], row[i].rcpt);
		assert_string_equal(v.v[TEMPLATE_LOCAL], row[i].local);
		assert_string_equal(v.v[TEMPLATE_EXTENSION], row[i].extension);
		assert_string_equal(v.v[TEMPLATE_DOMAIN], row[i].domain);
		assert_string_equal(v.v[TEMPLATE_FROM], "ben@example.net");
	}
	arena_done(&arena);
}

static void
test_expand(void **state)
{
	static const struct {
		const char *text, *want;
	} row[] = {
		{"/mail/{domain}/{local}", "/mail/example.org/anna"},
		{"{local}{local}", "annaanna"},
		{"--for={to}", "--for=Anna+x@example.org"},
		{"{from}", "ben@example.net"},
		{"[{extension}]", "[x]"},
		{"nothing", "nothing"},
		{"", ""},
		{"{{local}", "{local}"},
		{"{{{local}}", "{anna}"},
		{"{ print $1 }", "{ print $1 }"},
		{"{", "{"},
		{"{}", "{}"},
		{"{local", "{local"},
	};
	struct template_values v;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	template_values_init(&v, "ben@example.net", "Anna+x@example.org", '+',
			     &arena);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct template_values lower = v;

		print_message("%s\n", row[i].text);
		template_values_lower(&lower, &arena);
		lower.v[TEMPLATE_TO] = v.v[TEMPLATE_TO];
		assert_string_equal(
			template_expand(row[i].text, &lower, &arena),
			row[i].want);
	}
	arena_done(&arena);
}

static void
test_check(void **state)
{
	static const struct {
		const char *text;
		unsigned allowed;
		const char *bad; /* NULL: well */
		const char *fixed;
	} row[] = {
		{"/mail/{local}", TEMPLATE_PATH, NULL, "/mail/"},
		{"/mail/{from}", TEMPLATE_PATH, "{from}", "/mail/"},
		{"{from}", TEMPLATE_ALL, NULL, ""},
		{"{user}", TEMPLATE_ALL, "{user}", ""},
		{"{to}{sender}", TEMPLATE_ALL, "{sender}", ""},
		{"{{user}", TEMPLATE_ALL, NULL, "{user}"},
		{"{print $1}", TEMPLATE_ALL, NULL, "{print $1}"},
		{"/mail", TEMPLATE_PATH, NULL, "/mail"},
		{"/{{{{x/{{{local}", TEMPLATE_PATH, NULL, "/{{x/{"},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *bad = NULL;
		size_t len = 0;

		print_message("%s\n", row[i].text);
		assert_int_equal(
			template_check(row[i].text, row[i].allowed, &bad, &len),
			row[i].bad == NULL);
		if (row[i].bad != NULL) {
			assert_int_equal(len, strlen(row[i].bad));
			assert_memory_equal(bad, row[i].bad, len);
		}
		assert_string_equal(template_fixed(row[i].text, &arena),
				    row[i].fixed);
	}
	arena_done(&arena);
	assert_int_equal(template_used("{to}{{from}{local}{user}"),
			 1u << TEMPLATE_TO | 1u << TEMPLATE_LOCAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
