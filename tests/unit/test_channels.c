/*
 * The examples of docs/channels.md, as they stand there: each is taken, and what
 * it makes of every notice is what the service's documentation asks for.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/rules.h"
#include "base/xalloc.h"
#include "net/fetch.h"
#include "tests/unit/render_kit.h"
#include "tests/unit/rules_kit.h"

static char *
page_read(const char *path)
{
	char *text = xcalloc(1, 100000);
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	assert_true(fread(text, 1, 99999, f) > 0);
	fclose(f);
	return text;
}

/* The example below the heading NAME, without its first line, "alerts:". */
static char *
example(const char *page, const char *name)
{
	static const char open[] = "```yaml\nalerts:\n";
	char *heading = xasprintf("\n## %s\n", name);
	const char *at = strstr(page, heading), *end;

	free(heading);
	if (at == NULL)
		fail_msg("docs/channels.md has no \"%s\"", name);
	at = strstr(at, open);
	assert_non_null(at);
	at += strlen(open);
	end = strstr(at, "```");
	assert_non_null(end);
	return xstrndup(at, (size_t)(end - at));
}

/* --- what the services ask for ------------------------------------------------------ */

/* At most MAX characters, and at least one. */
static void
check_text(const char *text, size_t max)
{
	size_t n = 0;

	assert_non_null(text);
	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	assert_true(n > 0 && n <= max);
}

static json_t *
body_json(const struct buf *out)
{
	json_error_t why;
	json_t *json = json_loads(kit_body(out), JSON_REJECT_DUPLICATES, &why);

	if (json == NULL)
		fail_msg("%s: %s", why.text, kit_body(out));
	return json;
}

static const char *
text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

/* sendMessage: chat_id; text of 1 to 4,096 characters; link_preview_options. */
static void
check_telegram(const struct buf *out, const struct render_notice *n)
{
	json_t *json = body_json(out);

	(void)n;
	check_text(text_of(json, "chat_id"), 40);
	check_text(text_of(json, "text"), 4096);
	assert_true(json_is_true(json_object_get(
		json_object_get(json, "link_preview_options"), "is_disabled")));
	assert_int_equal(json_object_size(json), 3);
	json_decref(json);
}

/* Execute Webhook: content of at most 2,000 characters; allowed_mentions. */
static void
check_discord(const struct buf *out, const struct render_notice *n)
{
	json_t *json = body_json(out), *parse;

	(void)n;
	check_text(text_of(json, "content"), 2000);
	parse = json_object_get(json_object_get(json, "allowed_mentions"),
				"parse");
	assert_true(json_is_array(parse) && json_array_size(parse) == 0);
	json_decref(json);
}

/* PUT .../send/m.room.message/{txnId}; an event of at most 65,536 bytes. */
static void
check_matrix(const struct buf *out, const struct render_notice *n)
{
	json_t *json = body_json(out);
	char url[8192];

	assert_string_equal(text_of(json, "msgtype"), "m.text");
	check_text(text_of(json, "body"), 60000);
	assert_true(strlen(kit_body(out)) < 60000);
	kit_field(out, "Belfry-URL", 0, url);
	assert_string_equal(
		url, "https://matrix.example.org/_matrix/client/v3/rooms/"
		     "%21room%3Aexample.org/send/m.room.message/"
		     "g.5.4.1%40relay1.example.org");
	(void)n;
	json_decref(json);
}

/* The value of NAME in a form, decoded. */
static void
form_value(const char *form, const char *name, char ret[static 8192])
{
	size_t len = strlen(name), n = 0;

	while (strncmp(form, name, len) != 0 || form[len] != '=') {
		form = strchr(form, '&');
		if (form++ == NULL)
			fail_msg("no %s", name);
	}
	for (form += len + 1; *form != '\0' && *form != '&'; form++) {
		unsigned c = (unsigned char)*form;

		assert_true(c > ' ' && c < 0x7f && n < 8191);
		if (c == '%') {
			assert_int_equal(sscanf(form + 1, "%2x", &c), 1);
			form += 2;
		}
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
}

/* messages.json: token, user, title of 250 and message of 1,024 characters;
 * priority from -2 to 2, of which 2 wants more fields. */
static void
check_pushover(const struct buf *out, const struct render_notice *n)
{
	const char *form = kit_body(out);
	char value[8192];

	assert_string_equal(kit_field(out, "Content-Type", 0, value),
			    "application/x-www-form-urlencoded");
	form_value(form, "token", value);
	assert_string_equal(value, "TOKEN");
	form_value(form, "user", value);
	assert_string_equal(value, "USER");
	form_value(form, "title", value);
	check_text(value, 250);
	form_value(form, "message", value);
	check_text(value, 1024);
	form_value(form, "priority", value);
	assert_string_equal(value, n->critical && n->kind != NOTICE_RECOVERY &&
						   n->kind != NOTICE_CLOSED &&
						   n->kind != NOTICE_WAS_DOWN
					   ? "1"
					   : "0");
}

/* Create Alert: message of 130, alias of 512, description of 15,000, source of
 * 100 characters, priority P1 to P5. Close Alert: note of 25,000, source. */
static void
check_opsgenie(const struct buf *out, const struct render_notice *n)
{
	json_t *json = body_json(out);
	bool over = n->kind == NOTICE_RECOVERY || n->kind == NOTICE_CLOSED ||
		    n->kind == NOTICE_WAS_DOWN;
	char url[8192];

	kit_field(out, "Belfry-URL", 0, url);
	if (over) {
		assert_string_equal(
			url, "https://api.opsgenie.com/v2/alerts/belfry-5/"
			     "close?identifierType=alias");
		check_text(text_of(json, "note"), 25000);
		assert_null(json_object_get(json, "message"));
	} else {
		assert_string_equal(url, "https://api.opsgenie.com/v2/alerts");
		check_text(text_of(json, "message"), 130);
		check_text(text_of(json, "alias"), 512);
		check_text(text_of(json, "description"), 15000);
		assert_string_equal(text_of(json, "priority"),
				    n->critical ? "P1" : "P3");
	}
	check_text(text_of(json, "source"), 100);
	json_decref(json);
}

/* The arguments behind the program, and the input. */
static void
check_program(const struct buf *out, const struct render_notice *n)
{
	char value[8192];
	json_t *json = body_json(out);

	assert_memory_equal(kit_field(out, "Belfry-Argument", 0, value),
			    "--level=", 8);
	kit_field(out, "Belfry-Argument", 1, value);
	assert_memory_equal(value, n->group_subject, 5);
	assert_string_equal(kit_field(out, "Belfry-Argument", 2, value), "");
	assert_string_equal(text_of(json, "version"), "4");
	json_decref(json);
}

static const struct service {
	const char *heading;
	enum channel channel;
	void (*check)(const struct buf *out, const struct render_notice *n);
} services[] = {
	{"Telegram", CHANNEL_WEBHOOK, check_telegram},
	{"Discord", CHANNEL_WEBHOOK, check_discord},
	{"Matrix", CHANNEL_WEBHOOK, check_matrix},
	{"Pushover", CHANNEL_WEBHOOK, check_pushover},
	{"Opsgenie", CHANNEL_WEBHOOK, check_opsgenie},
	{"A program", CHANNEL_EXEC, check_program},
};

static void
check_notice(const struct service *s, const struct render *r,
	     const char *endpoint, const struct render_notice *n)
{
	struct buf out;
	char url[8192];

	buf_init(&out, RENDER_BODY_MAX + 10000);
	assert_int_equal(render_body(r, s->channel, endpoint, n, &out), 0);
	if (kit_field(&out, "Belfry-URL", 0, url)[0] != '\0')
		assert_null(fetch_check_url(url));
	s->check(&out, n);
	buf_done(&out);
}

#define FIVE(a) a a a a a
#define EVIL    "&\"}]\\\r\n%26{{x}}\xff\xf0\x9f\x94\xa5"

/* Every kind, and one whose texts are long and would break out. */
static void
check_service(const struct service *s, const struct render *r,
	      const char *endpoint)
{
	static struct label notes[] = {{"description", FIVE(FIVE(FIVE(EVIL)))},
				       {"summary", FIVE(FIVE(EVIL))}};
	static struct label labels[] = {{"alertname", FIVE(FIVE(EVIL))}};
	const struct labels l = {1, labels}, a = {2, notes};
	struct render_alert v[RENDER_ALERTS_MAX];
	struct render_notice n;

	for (const struct kit_row *row = kit_rows; row->name != NULL; row++) {
		n = kit_notice(row);
		check_notice(s, r, endpoint, &n);
	}
	n = kit_notice(&kit_rows[0]);
	for (size_t i = 0; i < ROWS(v); i++) {
		v[i] = n.v[0];
		v[i].labels = &l;
		v[i].annotations = &a;
	}
	n.v = v;
	n.n = ROWS(v);
	n.group_subject = "[bad] " FIVE(FIVE(EVIL));
	check_notice(s, r, endpoint, &n);
}

static void
test_examples(void **state)
{
	char *page = page_read(CHANNELS_PAGE);

	(void)state;
	setenv("PUSHOVER_TOKEN", "TOKEN", 1);
	setenv("PUSHOVER_USER", "USER", 1);
	for (size_t i = 0; i < ROWS(services); i++) {
		char *yaml = example(page, services[i].heading);
		struct rules *rules = rules_kit_new(yaml);
		struct render *r = NULL;
		const struct rules_receiver *v;
		const char *url, *name;
		struct conf_errors e;

		assert_int_equal(rules_receivers(rules, &v), 1);
		url = v[0].endpoints[0].url;
		name = v[0].endpoints[0].name;
		/* As whoever delivers has it: with its tags. */
		assert_true(url[0] == '\0' || fetch_check_url(url) == NULL);
		conf_errors_init(&e);
		if (render_new_by_rules(rules, &e, &r) < 0) {
			conf_errors_print(&e, stderr);
			fail_msg("%s", services[i].heading);
		}
		check_service(&services[i], r, name);
		render_unref(&r);
		conf_errors_done(&e);
		rules_unref(&rules);
		free(yaml);
	}
	free(page);
}

/* A template that is wrong is an error of the configuration. */
static void
test_wrong(void **state)
{
	struct rules *rules = rules_kit_new(
		"receivers: [{name: a, webhook: [{url: 'https://example.net/',"
		" body: '{{titel}}'}]}]\nroute: {receiver: a}\n");
	struct render *r = NULL;
	struct conf_errors e;

	(void)state;
	conf_errors_init(&e);
	assert_true(render_new_by_rules(rules, &e, &r) < 0);
	assert_null(r);
	assert_string_equal(
		e.v[0].text,
		"no variable is called `titel`; did you mean `title`?");
	assert_int_equal(e.v[0].mark.line, 1);
	conf_errors_done(&e);
	rules_unref(&rules);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
