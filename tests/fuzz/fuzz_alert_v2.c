/*
 * What is posted to /api/v2/silences, and parameters of listings: what is read
 * is said again, and what is refused says why.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "relay/alert_v2_json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define NOW_MS INT64_C(1795345200000)

static void
silence(const char *text, size_t len, struct arena *arena)
{
	struct engine_silence s;
	char *why = NULL;
	int r = alert_v2_silence_read(text, len, NOW_MS, arena, &s, &why);

	must((r < 0) == (why != NULL));
	if (r == 0) {
		must(s.matchers.n > 0 && s.starts_ms < s.ends_ms);
		json_decref(alert_v2_silence(&s));
	}
	matchers_done(&s.matchers);
	free(why);
}

static void
query(const char *text, struct arena *arena)
{
	static const char *const names[] = {"filter", "receiver", "active"};
	struct alert_v2_query q;

	alert_v2_query_init(&q);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *why = NULL;
		int r = alert_v2_query_set(&q, arena, names[i], text, &why);

		must((r < 0) == (why != NULL));
		free(why);
	}
	alert_v2_query_has_receiver(&q, "oncall");
	alert_v2_query_done(&q);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct arena arena;
	char *text;

	arena_init(&arena);
	text = arena_strndup(&arena, (const char *)data, len);
	silence(text, len, &arena);
	query(text, &arena);
	arena_done(&arena);
	return 0;
}
