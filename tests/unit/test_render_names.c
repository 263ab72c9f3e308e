/*
 * docs/alerts-mail.md names every variable and every template, and shows a mail
 * as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/render_impl.h"
#include "alert/render_names.h"
#include "base/xalloc.h"
#include "tests/unit/render_kit.h"

static char *
file_text(const char *path)
{
	char *text = xcalloc(1, 100000);
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	assert_true(fread(text, 1, 99999, f) > 0);
	fclose(f);
	return text;
}

/* Tags are code there. */
static char *
as_markdown(const char *help)
{
	char *out = xcalloc(1, strlen(help) * 2 + 1), *at = out;

	while (*help != '\0') {
		bool open = strncmp(help, "{{", 2) == 0;
		bool end = strncmp(help, "}}", 2) == 0;
		bool inside = at - out >= 3 && strncmp(at - 3, "...", 3) == 0;

		if (open && !inside)
			*at++ = '`';
		*at++ = *help++;
		if (open || end)
			*at++ = *help++;
		if (end && strncmp(help, "...{{", 5) != 0)
			*at++ = '`';
	}
	return out;
}

static void
check_names(const char *page, const char *heading,
	    const struct render_name *names)
{
	const char *at = strstr(page, heading);

	assert_non_null(at);
	for (; names->name != NULL; names++) {
		char *help = as_markdown(names->help);
		char *line = xasprintf("\n| `%s` | %s |\n", names->name, help);

		at = strstr(at, line);
		if (at == NULL)
			fail_msg("docs/alerts-mail.md lacks%s", line);
		free(line);
		free(help);
	}
}

static void
test_names(void **state)
{
	char *page = file_text(MAIL_PAGE);

	(void)state;
	check_names(page, "### Variables of a notice", render_notice_names);
	check_names(page, "### Variables of an alert", render_alert_names);
	check_names(page, "### Variables of what is listed",
		    render_label_names);
	free(page);
}

static void
test_templates(void **state)
{
	char *page = file_text(MAIL_PAGE);

	(void)state;
	for (int i = 0; i < RENDER_NTEXT; i++) {
		char *cell = xasprintf("\n| `%s` | ", render_limits[i].name);

		if (strstr(page, cell) == NULL)
			fail_msg("docs/alerts-mail.md lacks %s", cell);
		free(cell);
	}
	free(page);
}

/* Each line of the mail that the page shows. */
static void
test_sample(void **state)
{
	char *page = file_text(MAIL_PAGE), *mail = file_text(FIRING_MAIL);
	char *at = strstr(page, "```\nSubject: "), *end, *rest = NULL;
	size_t n = 0;

	(void)state;
	assert_non_null(at);
	at += 4;
	end = strstr(at, "```");
	assert_non_null(end);
	*end = '\0';
	for (char *line = strtok_r(at, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest), n++) {
		char *whole = xasprintf("\n%s\r\n", line);

		if (strstr(mail, whole) == NULL)
			fail_msg("no mail says: %s", line);
		free(whole);
	}
	assert_true(n > 10);
	free(page);
	free(mail);
}

static size_t
count_names(const struct render_name *names)
{
	size_t n = 0;

	while (names[n].name != NULL)
		n++;
	return n;
}

/* OBJECT's fields are NAMES, no more and no less. */
static void
check_fields(const struct mustache_value *object,
	     const struct render_name *names)
{
	for (size_t i = 0; i < object->n; i++) {
		const struct render_name *at = names;

		while (at->name != NULL &&
		       strcmp(at->name, object->fields[i].name) != 0)
			at++;
		if (at->name == NULL)
			fail_msg("%s is in no table", object->fields[i].name);
	}
	assert_int_equal(object->n, count_names(names));
}

static void
test_tree(void **state)
{
	static const char all[] = "{{message}}{{text}}";
	struct render_notice n = kit_notice(&kit_rows[0]);
	struct render *r = kit_render("");
	struct mustache_error error;
	struct mustache_value root;
	struct render_scope s;
	struct arena arena;
	struct mustache *m;

	(void)state;
	assert_int_equal(mustache_new(all, strlen(all), &m, &error), 0);
	arena_init(&arena);
	render_scope_init(&s, r, &n, &render_limits[RENDER_MAIL_TXT]);
	s.arena = &arena;
	root = render_tree(&s, m);
	check_fields(&root, render_notice_names);
	for (size_t i = 0; i < root.n; i++)
		if (strcmp(root.fields[i].name, "alerts") == 0)
			check_fields(&root.fields[i].value.items[0],
				     render_alert_names);
	arena_done(&arena);
	mustache_free(&m);
	render_unref(&r);
}

static void
test_known(void **state)
{
	static const char *const known[] = {".",     "-first",   "-last",
					    "title", "labels.x", "is.digest",
					    "value"};
	static const char *const unknown[] = {"titel", "-second", "labelsx",
					      "tit"};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(render_name_is_known(known[i]));
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_false(render_name_is_known(unknown[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),  cmocka_unit_test(test_templates),
		cmocka_unit_test(test_sample), cmocka_unit_test(test_tree),
		cmocka_unit_test(test_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
