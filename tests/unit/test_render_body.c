/*
 * Notices as the channels other than mail take them. With a channel's and a
 * row's name as arguments what is sent is printed: how the files of
 * tests/alert/ were made.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "tests/unit/render_kit.h"

#define TURN "\xe2\x80\xae" /* U+202E */

/* --- files --------------------------------------------------------------------- */

static const struct golden {
	enum channel channel;
	const char *row;
} goldens[] = {
	{CHANNEL_SLACK, "firing"},       {CHANNEL_SLACK, "recovery"},
	{CHANNEL_SLACK, "multilingual"}, {CHANNEL_SLACK, "mute_begin"},
	{CHANNEL_WEBHOOK, "firing"},     {CHANNEL_WEBHOOK, "partly"},
	{CHANNEL_WEBHOOK, "mute_end"},   {CHANNEL_PAGERDUTY, "firing"},
	{CHANNEL_PAGERDUTY, "acked"},    {CHANNEL_PAGERDUTY, "recovery"},
	{CHANNEL_NTFY, "firing"},        {CHANNEL_NTFY, "multilingual"},
	{CHANNEL_NTFY, "was_down"},      {CHANNEL_TEAMS, "firing"},
	{CHANNEL_TEAMS, "recovery"},     {CHANNEL_EXEC, "stale"},
};

static void
test_golden(void **state)
{
	struct render *r = kit_render("");

	(void)state;
	for (size_t i = 0; i < ROWS(goldens); i++) {
		const struct golden *g = &goldens[i];
		struct render_notice n = kit_notice(kit_find(g->row));
		struct buf out;

		kit_send(r, g->channel, &n, &out);
		kit_compare(g->row, channel_names[g->channel], &out);
		buf_done(&out);
	}
	render_unref(&r);
}

/* --- what the services take -------------------------------------------------------- */

/* Characters of a string of JSON. */
static size_t
characters(const json_t *s)
{
	const char *text = json_string_value(s);
	size_t n = 0;

	assert_non_null(text);
	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static json_t *
json_of(const char *name, const struct buf *out)
{
	json_error_t why;
	json_t *json = json_loads(kit_body(out), JSON_REJECT_DUPLICATES, &why);

	if (json == NULL)
		fail_msg("%s: %s, line %d", name, why.text, why.line);
	return json;
}

/* Without blocks, and a line of JSON, too. */
static void
check_slack_plain(const char *name, const struct buf *out)
{
	static const char field[] = "Belfry-Plain: ";
	const char *line = strstr(buf_str(out), field);
	json_error_t why;
	json_t *json, *text;

	assert_non_null(line);
	line += sizeof(field) - 1;
	json = json_loadb(line, strcspn(line, "\r\n"), JSON_REJECT_DUPLICATES,
			  &why);
	if (json == NULL)
		fail_msg("%s: %s", name, why.text);
	text = json_object_get(json, "text");
	assert_in_range(characters(text), 3, 4000);
	assert_null(strstr(json_string_value(text), "<!"));
	json_decref(json);
}

/* A header of 150 and a section of 3,000 characters, in which Slack looks for no
 * names to mention. */
static void
check_slack_block(const char *name, const json_t *block)
{
	const char *type = json_string_value(json_object_get(block, "type"));
	const json_t *elements = json_object_get(block, "elements");
	const json_t *text = json_object_get(block, "text");
	bool header = strcmp(type, "header") == 0;
	size_t n;

	if (text == NULL)
		text = json_array_get(elements, 0);
	n = characters(json_object_get(text, "text"));
	if (n == 0 || n > (header ? 150 : 3000))
		fail_msg("%s: %zu characters in %s", name, n, type);
	if (!header && !json_is_true(json_object_get(text, "verbatim")))
		fail_msg("%s: names are looked for in %s", name, type);
}

/* 50 blocks. */
static void
check_slack(const char *name, const struct buf *out)
{
	json_t *json = json_of(name, out), *block;
	size_t i;

	check_slack_plain(name, out);
	assert_true(characters(json_object_get(json, "text")) < 40000);
	assert_true(json_array_size(json_object_get(json, "blocks")) <= 50);
	json_array_foreach(json_object_get(json, "blocks"), i, block)
	{
		check_slack_block(name, block);
	}
	json_decref(json);
}

static void
check_webhook(const char *name, const struct buf *out)
{
	static const struct {
		const char *key;
		json_type type;
	} keys[] = {
		{"version", JSON_STRING},
		{"groupKey", JSON_STRING},
		{"status", JSON_STRING},
		{"receiver", JSON_STRING},
		{"groupLabels", JSON_OBJECT},
		{"commonLabels", JSON_OBJECT},
		{"externalURL", JSON_STRING},
		{"commonAnnotations", JSON_OBJECT},
		{"alerts", JSON_ARRAY},
		{"truncatedAlerts", JSON_INTEGER},
	};
	json_t *json = json_of(name, out), *alert;
	size_t i;

	for (i = 0; i < ROWS(keys); i++)
		if (json_typeof(json_object_get(json, keys[i].key)) !=
		    keys[i].type)
			fail_msg("%s: %s", name, keys[i].key);
	assert_string_equal(json_string_value(json_object_get(json, "version")),
			    "4");
	json_array_foreach(json_object_get(json, "alerts"), i, alert)
	{
		assert_true(json_is_object(json_object_get(alert, "labels")));
		assert_int_equal(
			characters(json_object_get(alert, "fingerprint")), 16);
		assert_true(characters(json_object_get(alert, "endsAt")) >= 20);
	}
	json_decref(json);
}

static bool
is_one_of(const json_t *s, const char *words)
{
	char word[40];

	snprintf(word, sizeof(word), " %s ", json_string_value(s));
	return strstr(words, word) != NULL;
}

/* PagerDuty: a summary of 1,024 characters, a key of 255, 512 KB. */
static void
check_pagerduty(const char *name, const struct buf *out)
{
	json_t *json = json_of(name, out);
	json_t *payload = json_object_get(json, "payload");
	json_t *summary = json_object_get(payload, "summary");

	assert_true(is_one_of(json_object_get(json, "event_action"),
			      " trigger acknowledge resolve "));
	assert_true(is_one_of(json_object_get(payload, "severity"),
			      " critical error warning info "));
	assert_true(characters(json_object_get(json, "dedup_key")) <= 255);
	assert_true(characters(json_object_get(json, "dedup_key")) > 0);
	assert_true(characters(json_object_get(payload, "source")) > 0);
	assert_true(characters(summary) > 0 && characters(summary) <= 1024);
	assert_true(json_is_object(json_object_get(payload, "custom_details")));
	assert_null(json_object_get(json, "routing_key"));
	assert_int_equal(kit_body(out)[0], '{');
	json_decref(json);
}

static void
check_ntfy(const char *name, const struct buf *out)
{
	char value[8192], head[9000];
	json_t *actions;

	assert_true(strlen(kit_body(out)) <= 4096);
	assert_true(kit_field(out, "Title", 0, value)[0] != '\0');
	snprintf(head, sizeof(head), "%.*s",
		 (int)(kit_body(out) - buf_str(out)), buf_str(out));
	if (!utf8_is_ascii(head))
		fail_msg("%s: %s", name, head);
	if (kit_field(out, "Actions", 0, value)[0] == '\0')
		return;
	actions = json_loads(value, 0, NULL);
	assert_true(json_array_size(actions) >= 1 &&
		    json_array_size(actions) <= 3);
	json_decref(actions);
}

static void
check_teams(const char *name, const struct buf *out)
{
	json_t *json = json_of(name, out), *card;

	assert_true(strlen(kit_body(out)) < 28 * 1024);
	assert_string_equal(json_string_value(json_object_get(json, "type")),
			    "message");
	card = json_object_get(
		json_array_get(json_object_get(json, "attachments"), 0),
		"content");
	assert_string_equal(json_string_value(json_object_get(card, "type")),
			    "AdaptiveCard");
	assert_true(json_array_size(json_object_get(card, "body")) >= 2);
	assert_true(json_array_size(json_object_get(card, "actions")) <= 6);
	json_decref(json);
}

typedef void check_fn(const char *name, const struct buf *out);
static check_fn *const checks[] = {
	[CHANNEL_MAIL] = NULL,
	[CHANNEL_SLACK] = check_slack,
	[CHANNEL_WEBHOOK] = check_webhook,
	[CHANNEL_PAGERDUTY] = check_pagerduty,
	[CHANNEL_NTFY] = check_ntfy,
	[CHANNEL_TEAMS] = check_teams,
	[CHANNEL_EXEC] = check_webhook,
};

static void
check_all(const struct render *r, const char *name,
	  const struct render_notice *n)
{
	for (int c = CHANNEL_SLACK; c < CHANNEL_NCHANNEL; c++) {
		struct buf out;

		kit_send(r, (enum channel)c, n, &out);
		assert_true(utf8_is_valid(buf_str(&out)));
		assert_null(strstr(buf_str(&out), TURN));
		checks[c](name, &out);
		buf_done(&out);
	}
}

static void
test_services(void **state)
{
	struct render *r = kit_render("");

	(void)state;
	for (const struct kit_row *row = kit_rows; row->name != NULL; row++) {
		struct render_notice n = kit_notice(row);

		check_all(r, row->name, &n);
	}
	render_unref(&r);
}

#define EVIL "\"}],<!channel>&&&&&&\\\r\n\t{{x}}*_`\xff\xf0\x9f\x94\xa5" TURN
#define LONG EVIL EVIL EVIL EVIL EVIL EVIL EVIL EVIL EVIL EVIL EVIL EVIL EVIL

/* Fifty alerts whose every text is long and would break out. */
static void
test_evil(void **state)
{
	static struct label labels[] = {{"alertname", LONG LONG LONG},
					{"instance", LONG LONG LONG},
					{"severity", EVIL}};
	static struct label notes[] = {
		{"description", LONG LONG LONG LONG LONG LONG LONG},
		{"summary", LONG LONG LONG LONG}};
	const struct labels l = {3, labels}, a = {2, notes};
	struct render *r = kit_render("");
	struct render_notice n = kit_notice(&kit_rows[0]);
	struct render_alert v[RENDER_ALERTS_MAX];

	(void)state;
	for (size_t i = 0; i < ROWS(v); i++) {
		v[i] = n.v[0];
		v[i].labels = &l;
		v[i].annotations = &a;
		v[i].url = "https://prom.example.org/?" LONG;
	}
	n.v = v;
	n.n = ROWS(v);
	n.nfiring = 200;
	n.group_subject = LONG LONG LONG;
	n.receiver = n.route = n.person = n.who = LONG;
	n.note = LONG LONG LONG;
	n.key = LONG LONG LONG;
	check_all(r, "evil", &n);
	n.kind = NOTICE_RECOVERY;
	check_all(r, "evil, over", &n);
	render_unref(&r);
}

/* --- the ceiling -------------------------------------------------- */

/* What does not fit fails, and leaves nothing. */
static void
test_ceiling(void **state)
{
	struct render *r = kit_render("");
	struct render_notice n = kit_notice(&kit_rows[0]);
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(buf_append_str(&out, "before"), 0);
	assert_int_equal(render_body(r, CHANNEL_SLACK, "x", &n, &out),
			 -EMSGSIZE);
	assert_int_equal(out.len, 6);
	buf_done(&out);
	render_unref(&r);
}

static int
print_one(const char *channel, const char *row)
{
	struct render *r = kit_render("");
	struct render_notice n = kit_notice(kit_find(row));
	struct buf out;
	int c = 0;

	while (strcmp(channel_names[c], channel) != 0)
		c++;
	kit_send(r, (enum channel)c, &n, &out);
	fwrite(out.data, 1, out.len, stdout);
	buf_done(&out);
	render_unref(&r);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_evil),
		cmocka_unit_test(test_ceiling),
	};

	if (argc == 3)
		return print_one(argv[1], argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
