/*
 * What a receiver's entry says of its own: body, headers, URL, arguments.
 */
#include <stdlib.h>
#include <string.h>

#include "net/fetch.h"
#include "tests/unit/render_kit.h"

static const struct render_field form[] = {
	{"Content-Type", "application/x-www-form-urlencoded"}};
static const struct render_field plain[] = {
	{"Content-Type", "text/plain; charset=utf-8"},
	{"X-Title", "{{title}}: {{{headline}}}"},
	{"X-Note", "{{{note}}}"}};
static const struct render_field merge[] = {
	{"Content-Type", "application/merge-patch+json"}};
static const struct render_field bad_name[] = {{"X Y", "a"}};
static const struct render_field our_name[] = {{"Belfry-URL", "a"}};
static const char *const args[] = {"/usr/local/bin/page", "{title}",
				   "--level={severity}", "{{x}", "{note}"};
static const char *const bad_args[] = {"/bin/{title}"};
static const char *const doubled_args[] = {"/bin/page", "-t {{#over}}"};
static const char *const unknown_args[] = {"/bin/page", "{titel}"};

#define ONLY_BEHIND                                                            \
	"a tag may stand only behind the host of a URL and the `/` after it"

static const struct own_row {
	const char *name;
	struct render_endpoint ep;
	const char *field, *value; /* what is sent */
	size_t nth;
	const char *body;  /* NULL: not looked at */
	const char *error; /* NULL: taken */
} own_rows[] = {
	{"ours",
	 {.channel = CHANNEL_WEBHOOK},
	 "Content-Type",
	 "application/json",
	 0,
	 NULL,
	 NULL},
	{"idempotent",
	 {.channel = CHANNEL_WEBHOOK},
	 "Idempotency-Key",
	 "g.5.4.1@relay1.example.org",
	 0,
	 NULL,
	 NULL},
	{"JSON",
	 {.channel = CHANNEL_WEBHOOK, .body = "{\"t\":\"{{note}}\"}"},
	 "Content-Type",
	 "application/json",
	 0,
	 "{\"t\":\"a \\\"b\\\" c & d\"}",
	 NULL},
	{"an incident as everywhere",
	 {.channel = CHANNEL_WEBHOOK,
	  .body = "[{{#alerts}}\"{{incident}}\"{{^-last}},{{/-last}}"
		  "{{/alerts}}]"},
	 "Content-Type",
	 "application/json",
	 0,
	 "[\"000000000000H\"]",
	 NULL},
	{"another JSON",
	 {.channel = CHANNEL_WEBHOOK,
	  .headers = merge,
	  .nheaders = 1,
	  .body = "[\"{{note}}\"]"},
	 "Content-Type",
	 "application/merge-patch+json",
	 0,
	 "[\"a \\\"b\\\" c & d\"]",
	 NULL},
	{"form",
	 {.channel = CHANNEL_WEBHOOK,
	  .headers = form,
	  .nheaders = 1,
	  .body = "m={{note}}&k={{key}}"},
	 "Content-Type",
	 "application/x-www-form-urlencoded",
	 0,
	 "m=a%20%22b%22%20c%20%26%20d&k=belfry-5",
	 NULL},
	{"text",
	 {.channel = CHANNEL_WEBHOOK,
	  .headers = plain,
	  .nheaders = 3,
	  .body = "{{note}}"},
	 "X-Title",
	 "[london] DiskWillFill on db1: FIRING: 1 alert, critical, since "
	 "2026-11-22 13:28 UTC (12 min)",
	 0,
	 "a \"b\" c & d",
	 NULL},
	{"a field is one line",
	 {.channel = CHANNEL_WEBHOOK,
	  .headers = plain,
	  .nheaders = 3,
	  .body = "x"},
	 "X-Note",
	 "a \"b\" c & d",
	 0,
	 "x",
	 NULL},
	{"URL",
	 {.channel = CHANNEL_WEBHOOK,
	  .url = "https://example.net/{{note}}{{#over}}/close{{/over}}"},
	 "Belfry-URL",
	 "https://example.net/a%20%22b%22%20c%20%26%20d",
	 0,
	 NULL,
	 NULL},
	{"URL without tags",
	 {.channel = CHANNEL_WEBHOOK, .url = "https://example.net/x"},
	 "Belfry-URL",
	 "",
	 0,
	 NULL,
	 NULL},
	{"argument",
	 {.channel = CHANNEL_EXEC, .args = args, .nargs = ROWS(args)},
	 "Belfry-Argument",
	 "[london] DiskWillFill on db1",
	 0,
	 NULL,
	 NULL},
	{"part of an argument",
	 {.channel = CHANNEL_EXEC, .args = args, .nargs = ROWS(args)},
	 "Belfry-Argument",
	 "--level=critical",
	 1,
	 NULL,
	 NULL},
	{"a brace",
	 {.channel = CHANNEL_EXEC, .args = args, .nargs = ROWS(args)},
	 "Belfry-Argument",
	 "{x}",
	 2,
	 NULL,
	 NULL},
	{"an argument is one line",
	 {.channel = CHANNEL_EXEC, .args = args, .nargs = ROWS(args)},
	 "Belfry-Argument",
	 "a \"b\" c & d",
	 3,
	 NULL,
	 NULL},
	{"no host from outside",
	 {.channel = CHANNEL_WEBHOOK, .url = "https://{{note}}/x"},
	 NULL,
	 NULL,
	 0,
	 NULL,
	 ONLY_BEHIND},
	{"no host in part",
	 {.channel = CHANNEL_WEBHOOK, .url = "https://example.net{{note}}/x"},
	 NULL,
	 NULL,
	 0,
	 NULL,
	 ONLY_BEHIND},
	{"no JSON",
	 {.channel = CHANNEL_WEBHOOK, .body = "{\"t\":{{note}}}"},
	 NULL,
	 NULL,
	 0,
	 NULL,
	 "what this template makes of a notice of kind firing is no JSON: "},
	{"no such variable",
	 {.channel = CHANNEL_WEBHOOK, .body = "\n{{notes}}"},
	 NULL,
	 NULL,
	 0,
	 NULL,
	 "no variable is called `notes`"},
	{"no name of a header",
	 {.channel = CHANNEL_WEBHOOK, .headers = bad_name, .nheaders = 1},
	 NULL,
	 NULL,
	 0,
	 NULL,
	 "`X Y` can't be the name of a header"},
	{"our name of a header",
	 {.channel = CHANNEL_WEBHOOK, .headers = our_name, .nheaders = 1},
	 NULL,
	 NULL,
	 0,
	 NULL,
	 "`Belfry-URL` can't be the name of a header"},
	{"no program from outside",
	 {.channel = CHANNEL_EXEC, .args = bad_args, .nargs = 1},
	 NULL,
	 NULL,
	 0,
	 NULL,
	 "the program itself can't be taken from an alert"},
	{"no such argument",
	 {.channel = CHANNEL_EXEC, .args = unknown_args, .nargs = 2},
	 NULL,
	 NULL,
	 0,
	 NULL,
	 "no variable is called `titel`; did you mean `title`?"},
	{"an argument as all else has it",
	 {.channel = CHANNEL_EXEC, .args = doubled_args, .nargs = 2},
	 NULL,
	 NULL,
	 0,
	 NULL,
	 "in arguments a variable has one brace: write `{#over}`, not "
	 "`{{#over}}`"},
};

static void
check_own(const struct own_row *row)
{
	const struct conf_mark mark = {.file = "c", .line = 7, .column = 3};
	struct render_notice n = kit_notice(&kit_rows[0]);
	struct render *r = kit_render("");
	char value[8192];
	struct conf_errors e;
	struct buf out;

	n.note = "a \"b\"\nc & d";
	conf_errors_init(&e);
	if (render_add_endpoint(r, "oncall/x/0", &row->ep, &mark, &e) < 0) {
		if (row->error == NULL ||
		    strncmp(e.v[0].text, row->error, strlen(row->error)) != 0)
			fail_msg("%s: %s", row->name, e.v[0].text);
	} else {
		assert_null(row->error);
		kit_send(r, row->ep.channel, &n, &out);
		if (strcmp(kit_field(&out, row->field, row->nth, value),
			   row->value) != 0)
			fail_msg("%s: %s", row->name, value);
		if (row->body != NULL && strcmp(kit_body(&out), row->body) != 0)
			fail_msg("%s: %s", row->name, kit_body(&out));
		buf_done(&out);
	}
	conf_errors_done(&e);
	render_unref(&r);
}

static void
test_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(own_rows); i++)
		check_own(&own_rows[i]);
}

/* Whatever an alert holds, what comes out can be asked for. */
static void
test_long_url(void **state)
{
	static const char *const url[] = {
		"https://example.net/{{note}}/{{note}}/{{note}}/{{note}}",
		"https://example.net/{{title}}/{{title}}/{{note}}",
		"https://example.net/{{text}}",
		"https://example.net/{{message}}",
		"https://example.net/{{#alerts}}{{title}}{{text}}{{/alerts}}",
	};
	const struct conf_mark mark = {.file = "c", .line = 7, .column = 3};
	struct render_notice n = kit_notice(&kit_rows[0]);
	char value[8192], note[601];

	(void)state;
	for (size_t i = 0; i < 600; i += 2)
		memcpy(note + i, "\xc3\xbc", 2);
	note[600] = '\0';
	n.note = n.group_subject = note;
	for (size_t i = 0; i < ROWS(url); i++) {
		const struct render_endpoint ep = {.channel = CHANNEL_WEBHOOK,
						   .url = url[i]};
		struct render *r = kit_render("");
		struct conf_errors e;
		struct buf out;

		print_message("%s\n", url[i]);
		conf_errors_init(&e);
		assert_int_equal(
			render_add_endpoint(r, "oncall/x/0", &ep, &mark, &e),
			0);
		kit_send(r, CHANNEL_WEBHOOK, &n, &out);
		kit_field(&out, "Belfry-URL", 0, value);
		assert_true(strlen(value) > 40);
		assert_null(fetch_check_url(value));
		buf_done(&out);
		conf_errors_done(&e);
		render_unref(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_long_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
