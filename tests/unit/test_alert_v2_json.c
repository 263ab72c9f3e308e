#include "relay/alert_v2_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

#define NOW INT64_C(1795345200000) /* 2026-11-22T11:00:00Z */

static struct label db1[] = {
	{"alertname", "A"},
	{"instance", "db1"},
	{"severity", "critical"},
	{"team", "db"},
};
static const struct labels labels = {4, db1};
static struct label summary[] = {{"summary", "s \xc3\xa4"}};
static const struct labels annotations = {1, summary};
static const char *const receivers[] = {"oncall", "db"};
static const char *const silences[] = {"6a7a66b2-e191-47c9-ba7a-74a11060959a"};

static struct incident_view
view(void)
{
	return (struct incident_view){
		.id = 7,
		.source = "alertmanager",
		.key = "",
		.labels = &labels,
		.annotations = &annotations,
		.url = "http://x/g",
		.state = INCIDENT_OPEN,
		.starts_ms = NOW + 123,
		.ends_ms = NOW + 300123,
		.updated_ms = NOW + 456,
		.acked_by = "",
		.inhibited_by = "",
		.maintenance = "",
		.nreceivers = 2,
		.receivers = receivers,
	};
}

static void
assert_json(json_t *json, const char *expected)
{
	char *text = json_dumps(json, JSON_COMPACT);

	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

#define REST                                                                   \
	"\"startsAt\":\"2026-11-22T11:00:00.123Z\",\"status\":{"               \
	"\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"active\"},"          \
	"\"updatedAt\":\"2026-11-22T11:00:00.456Z\","
#define LABELS                                                                 \
	"\"labels\":{\"alertname\":\"A\",\"instance\":\"db1\","                \
	"\"severity\":\"critical\",\"team\":\"db\"}}"

/* As the packaged Alertmanager answered for the same alert. */
static void
test_alert(void **state)
{
	struct incident_view v = view();
	struct alert_v2_query q;

	(void)state;
	alert_v2_query_init(&q);
	assert_json(alert_v2_alert(&v, &q, false),
		    "{\"annotations\":{\"summary\":\"s \xc3\xa4\"},\"endsAt\":"
		    "\"2026-11-22T11:05:00.123Z\",\"fingerprint\":"
		    "\"5a4887e3d3f98890\",\"receivers\":[{\"name\":\"oncall\"},"
		    "{\"name\":\"db\"}]," REST
		    "\"generatorURL\":\"http://x/g\"," LABELS);
}

static void
test_alert_without(void **state)
{
	struct incident_view v = view();
	struct labels none = {0};
	struct alert_v2_query q;

	(void)state;
	alert_v2_query_init(&q);
	v.annotations = &none;
	v.ends_ms = 0;
	v.url = "";
	v.nreceivers = 0;
	assert_json(alert_v2_alert(&v, &q, false),
		    "{\"annotations\":{},\"endsAt\":"
		    "\"0001-01-01T00:00:00.000Z\",\"fingerprint\":"
		    "\"5a4887e3d3f98890\",\"receivers\":[]," REST LABELS);
}

static void
test_grouped(void **state)
{
	struct incident_view v = view();
	struct alert_v2_query q;
	struct arena arena;
	json_t *json;
	char *why;

	(void)state;
	arena_init(&arena);
	alert_v2_query_init(&q);
	json = alert_v2_alert(&v, &q, true);
	assert_json(json_incref(json_object_get(json, "receivers")),
		    "[{\"name\":\"db\"},{\"name\":\"oncall\"}]");
	json_decref(json);
	assert_int_equal(
		alert_v2_query_set(&q, &arena, "receiver", "on.*", &why), 0);
	json = alert_v2_alert(&v, &q, true);
	assert_json(json_incref(json_object_get(json, "receivers")),
		    "[{\"name\":\"oncall\"}]");
	json_decref(json);
	alert_v2_query_done(&q);
	arena_done(&arena);
}

static const struct status_row {
	const char *name;
	size_t nsilences;
	const char *inhibited_by, *maintenance;
	bool muted;
	const char *status;
} statuses[] = {
	{"silenced", 1, "", "", false,
	 "{\"inhibitedBy\":[],\"silencedBy\":["
	 "\"6a7a66b2-e191-47c9-ba7a-74a11060959a\"],\"state\":"
	 "\"suppressed\"}"},
	{"inhibited", 0, "5a4887e3d3f98890", "", false,
	 "{\"inhibitedBy\":[\"5a4887e3d3f98890\"],\"silencedBy\":[],"
	 "\"state\":\"suppressed\"}"},
	{"maintenance", 0, "", "night", false,
	 "{\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"suppressed\"}"},
	{"muted", 0, "", "", true,
	 "{\"inhibitedBy\":[],\"silencedBy\":[],\"state\":\"suppressed\"}"},
};

static void
test_status(void **state)
{
	struct alert_v2_query q;

	(void)state;
	alert_v2_query_init(&q);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		const struct status_row *row = &statuses[i];
		struct incident_view v = view();
		json_t *json;

		print_message("%s\n", row->name);
		v.nsilences = row->nsilences;
		v.silences = silences;
		v.inhibited_by = row->inhibited_by;
		v.maintenance = row->maintenance;
		v.muted = row->muted;
		json = alert_v2_alert(&v, &q, false);
		assert_json(json_incref(json_object_get(json, "status")),
			    row->status);
		json_decref(json);
	}
}

/* --- queries ------------------------------------------------------------------- */

enum what { ACTIVE, SILENCED, INHIBITED, STALE, RESOLVED };

static const struct query_row {
	const char *name;
	const char *params[5]; /* name, value, ... */
	enum what what;
	bool has;
} queries[] = {
	{"nothing asked", {NULL}, ACTIVE, true},
	{"what is over", {NULL}, RESOLVED, false},
	{"what is no longer reported", {NULL}, STALE, true},
	{"not active", {"active", "false"}, ACTIVE, false},
	{"not active, suppressed", {"active", "false"}, SILENCED, true},
	{"no word of truth", {"active", "maybe"}, ACTIVE, false},
	{"another word of truth", {"active", "Yes"}, ACTIVE, true},
	{"nothing said of active", {"active", ""}, ACTIVE, true},
	{"not silenced", {"silenced", "false"}, SILENCED, false},
	{"not silenced, inhibited", {"silenced", "false"}, INHIBITED, true},
	{"not inhibited", {"inhibited", "0"}, INHIBITED, false},
	{"not inhibited, silenced", {"inhibited", "0"}, SILENCED, true},
	{"unprocessed is none of ours", {"unprocessed", "false"}, ACTIVE, true},
	{"a matcher", {"filter", "alertname=\"A\""}, ACTIVE, true},
	{"a bare value", {"filter", "alertname=A"}, ACTIVE, true},
	{"another value", {"filter", "alertname=B"}, ACTIVE, false},
	{"two matchers",
	 {"filter", "team=~\"d.\"", "filter", "severity!=\"critical\""},
	 ACTIVE,
	 false},
	{"a receiver", {"receiver", "o.*l"}, ACTIVE, true},
	{"a piece of a receiver", {"receiver", "oncal"}, ACTIVE, false},
	{"any receiver", {"receiver", ""}, ACTIVE, true},
	{"something unknown", {"nonsense", "x"}, ACTIVE, true},
};

static struct incident_view
view_of(enum what what)
{
	struct incident_view v = view();

	if (what == SILENCED)
		v.nsilences = 1;
	v.silences = silences;
	if (what == INHIBITED)
		v.inhibited_by = "5a4887e3d3f98890";
	if (what == STALE)
		v.state = INCIDENT_STALE;
	if (what == RESOLVED)
		v.state = INCIDENT_RESOLVED;
	return v;
}

static void
test_queries(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		const struct query_row *row = &queries[i];
		struct incident_view v = view_of(row->what);
		struct alert_v2_query q;
		char *why = NULL;

		print_message("%s\n", row->name);
		alert_v2_query_init(&q);
		for (size_t k = 0; row->params[k] != NULL; k += 2)
			assert_int_equal(
				alert_v2_query_set(&q, &arena, row->params[k],
						   row->params[k + 1], &why),
				0);
		assert_int_equal(alert_v2_query_has(&q, &v), row->has);
		alert_v2_query_done(&q);
	}
	arena_done(&arena);
}

static void
test_bad_queries(void **state)
{
	static const struct {
		const char *name, *value, *why;
	} rows[] = {
		{"filter", "bad", "bad matcher format: bad"},
		{"filter", "", "bad matcher format: "},
		{"filter", "a=~\"(\"", "bad matcher format: a=~\"(\""},
		{"receiver", "(", "failed to parse receiver param: "},
	};
	struct alert_v2_query q;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	alert_v2_query_init(&q);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *why = NULL;

		assert_int_equal(alert_v2_query_set(&q, &arena, rows[i].name,
						    rows[i].value, &why),
				 -EINVAL);
		assert_memory_equal(why, rows[i].why, strlen(rows[i].why));
		free(why);
	}
	alert_v2_query_done(&q);
	arena_done(&arena);
}

static void
test_too_many_filters(void **state)
{
	struct alert_v2_query q;
	struct arena arena;
	char *why = NULL;

	(void)state;
	arena_init(&arena);
	alert_v2_query_init(&q);
	for (int i = 0; i < MATCHERS_MAX; i++)
		assert_int_equal(
			alert_v2_query_set(&q, &arena, "filter", "a=b", &why),
			0);
	assert_int_equal(alert_v2_query_set(&q, &arena, "filter", "a=b", &why),
			 -EINVAL);
	free(why);
	alert_v2_query_done(&q);
	arena_done(&arena);
}

/* --- silences -------------------------------------------------------------------- */

#define WHEN                                                                   \
	"\"startsAt\":\"2026-11-22T10:00:00Z\","                               \
	"\"endsAt\":\"2026-11-22T23:00:00Z\","
#define WHO "\"createdBy\":\"anna\",\"comment\":\"c\""
#define M   "\"matchers\":[{\"name\":\"a\",\"value\":\"x\",\"isRegex\":false}],"

static const struct silence_row {
	const char *name, *body, *why; /* NULL: it is good */
} silence_rows[] = {
	{"good", "{" M WHEN WHO "}", NULL},
	{"an empty comment is one",
	 "{" M WHEN "\"createdBy\":\"\",\"comment\":\"\"}", NULL},
	{"more than one",
	 "{\"matchers\":[{\"name\":\"a\",\"value\":\".*\","
	 "\"isRegex\":true},{\"name\":\"b\",\"value\":\"\",\"isRegex\":false,"
	 "\"isEqual\":false}]," WHEN WHO "}",
	 NULL},
	{"nothing", "", "silence in body is required"},
	{"no JSON", "{", "the body is no JSON"},
	{"no object", "[]", "the body is no JSON object"},
	{"empty object", "{}", "comment in body is required"},
	{"no creator", "{" M WHEN "\"comment\":\"c\"}",
	 "createdBy in body is required"},
	{"a number for a comment",
	 "{" M WHEN "\"createdBy\":\"a\",\"comment\":3}",
	 "comment in body must be a string"},
	{"no start", "{" M "\"endsAt\":\"2026-11-22T23:00:00Z\"," WHO "}",
	 "startsAt in body is required"},
	{"no end", "{" M "\"startsAt\":\"2026-11-22T23:00:00Z\"," WHO "}",
	 "endsAt in body is required"},
	{"no time",
	 "{" M "\"startsAt\":\"yesterday\",\"endsAt\":"
	 "\"2026-11-22T23:00:00Z\"," WHO "}",
	 "startsAt in body must be a date-time"},
	{"ends before it starts",
	 "{" M "\"startsAt\":\"2026-11-22T12:30:00Z\",\"endsAt\":"
	 "\"2026-11-22T12:00:00Z\"," WHO "}",
	 "Failed to create silence: start time must be before end time"},
	{"ended",
	 "{" M "\"startsAt\":\"2026-11-22T08:30:00Z\",\"endsAt\":"
	 "\"2026-11-22T09:00:00Z\"," WHO "}",
	 "Failed to create silence: end time can't be in the past"},
	{"no matchers", "{" WHEN WHO "}", "matchers in body is required"},
	{"an empty list of matchers", "{\"matchers\":[]," WHEN WHO "}",
	 "matchers in body should have at least 1 items"},
	{"not said whether an expression",
	 "{\"matchers\":[{\"name\":\"a\",\"value\":\"x\"}]," WHEN WHO "}",
	 "matchers.0.isRegex in body is required"},
	{"no name",
	 "{\"matchers\":[{\"value\":\"x\",\"isRegex\":false}]," WHEN WHO "}",
	 "matchers.0.name in body is required"},
	{"a name that is none",
	 "{\"matchers\":[{\"name\":\"a b\",\"value\":\"x\",\"isRegex\":"
	 "false}]," WHEN WHO "}",
	 "silence invalid: invalid label matcher 0: "},
	{"an expression that is none",
	 "{\"matchers\":[{\"name\":\"a\",\"value\":\"(\",\"isRegex\":true}]"
	 "," WHEN WHO "}",
	 "silence invalid: invalid label matcher 0: "},
	{"all that is not",
	 "{\"matchers\":[{\"name\":\"a\",\"value\":\"x\",\"isRegex\":false,"
	 "\"isEqual\":false}]," WHEN WHO "}",
	 NULL},
	{"it would silence everything",
	 "{\"matchers\":[{\"name\":\"a\",\"value\":\".*\",\"isRegex\":true}]"
	 "," WHEN WHO "}",
	 "silence invalid: at least one matcher must not match the empty "
	 "string"},
};

static void
test_silence_read(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(silence_rows) / sizeof(silence_rows[0]);
	     i++) {
		const struct silence_row *row = &silence_rows[i];
		struct engine_silence s;
		char *why = NULL;
		int r;

		print_message("%s\n", row->name);
		r = alert_v2_silence_read(row->body, strlen(row->body), NOW,
					  &arena, &s, &why);
		assert_int_equal(r, row->why != NULL ? -EINVAL : 0);
		if (row->why != NULL)
			assert_memory_equal(why, row->why, strlen(row->why));
		free(why);
		matchers_done(&s.matchers);
	}
	arena_done(&arena);
}

#define NOBODY "00000000-0000-0000-0000-000000000000"

static void
test_silence_id(void **state)
{
	static const struct {
		const char *id, *expected;
	} rows[] = {
		{"", ""},
		{"6a7a66b2-e191-47c9-ba7a-74a11060959a",
		 "6a7a66b2-e191-47c9-ba7a-74a11060959a"},
		{"6a7a66b2-e191-47c9-ba7a-74a11060959a0", NOBODY},
		{"6a7a66b2-e191-47c9-ba7a-74a11060959", NOBODY},
		{"nonsense", NOBODY},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *body = arena_printf(
			&arena, "{\"id\":\"%s\"," M WHEN WHO "}", rows[i].id);
		struct engine_silence s;
		char *why;

		assert_int_equal(alert_v2_silence_read(body, strlen(body), NOW,
						       &arena, &s, &why),
				 0);
		assert_string_equal(s.id, rows[i].expected);
		matchers_done(&s.matchers);
	}
	arena_done(&arena);
}

/* What was read is said again. */
static void
test_silence(void **state)
{
	static const char body[] =
		"{\"matchers\":[{\"name\":\"a\",\"value\":\"x.\",\"isRegex\":"
		"true}]," WHEN WHO "}";
	struct matchers filter = {0};
	struct engine_silence s;
	struct arena arena;
	char *why;

	(void)state;
	arena_init(&arena);
	assert_int_equal(alert_v2_silence_read(body, sizeof(body) - 1, NOW,
					       &arena, &s, &why),
			 0);
	memcpy(s.id, silences[0], sizeof(s.id));
	s.updated_ms = NOW;
	s.state = SILENCE_ACTIVE;
	assert_json(alert_v2_silence(&s),
		    "{\"id\":\"6a7a66b2-e191-47c9-ba7a-74a11060959a\","
		    "\"status\":{\"state\":\"active\"},\"updatedAt\":"
		    "\"2026-11-22T11:00:00.000Z\",\"comment\":\"c\","
		    "\"createdBy\":\"anna\",\"endsAt\":"
		    "\"2026-11-22T23:00:00.000Z\",\"matchers\":[{\"isEqual\":"
		    "true,\"isRegex\":true,\"name\":\"a\",\"value\":\"x.\"}],"
		    "\"startsAt\":\"2026-11-22T10:00:00.000Z\"}");
	assert_true(alert_v2_silence_has(&s, &filter));
	assert_int_equal(matchers_parse("a=~\"x.\"", &arena, &filter, &why), 0);
	assert_true(alert_v2_silence_has(&s, &filter));
	matchers_done(&filter);
	assert_int_equal(matchers_parse("a=~\"x.\",b=c", &arena, &filter, &why),
			 0);
	assert_false(alert_v2_silence_has(&s, &filter));
	matchers_done(&filter);
	matchers_done(&s.matchers);
	arena_done(&arena);
}

static void
test_silence_order(void **state)
{
	/* Each comes before the next. */
	static const struct engine_silence rows[] = {
		{.state = SILENCE_ACTIVE, .starts_ms = 5, .ends_ms = 10},
		{.state = SILENCE_ACTIVE, .starts_ms = 4, .ends_ms = 20},
		{.state = SILENCE_PENDING, .starts_ms = 1, .ends_ms = 9},
		{.state = SILENCE_PENDING, .starts_ms = 2, .ends_ms = 8},
		{.state = SILENCE_EXPIRED, .starts_ms = 1, .ends_ms = 3},
		{.state = SILENCE_EXPIRED, .starts_ms = 1, .ends_ms = 2},
	};
	size_t n = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			int c = alert_v2_silence_compare(&rows[i], &rows[k]);

			assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_alert_without),
		cmocka_unit_test(test_grouped),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_bad_queries),
		cmocka_unit_test(test_too_many_filters),
		cmocka_unit_test(test_silence_read),
		cmocka_unit_test(test_silence_id),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_silence_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
