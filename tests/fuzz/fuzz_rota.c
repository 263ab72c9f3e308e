/*
 * Any bytes as a schedule, and as its hours and shifts. What is taken has
 * changes that lie ahead.
 */
#include <stddef.h>
#include <stdint.h>

#include "alert/rota_impl.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
words(const char *text)
{
	struct rota_hours h;

	if (rota_parse_hours(text, &h) == 0) {
		must(h.days != 0 && h.days <= 0x7f);
		must(h.from_minute >= 0 && h.from_minute < 1440);
		must(h.until_minute > h.from_minute);
		must(h.until_minute <= h.from_minute + 1440);
	}
	must(rota_parse_shift(text) != 0);
}

/* A few, since a change may be a year of days away. */
static void
changes(const struct rota *r)
{
	int64_t at = INT64_C(1774000000000), next;

	for (int i = 0; i < 5; i++) {
		next = rota_next_change(r, at);
		must(next > at);
		if (next == INT64_MAX)
			return;
		at = next;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rota_conf conf;
	struct conf_errors e;
	struct arena arena;
	struct rota *r = NULL;
	bool ok;

	arena_init(&arena);
	conf_errors_init(&e);
	words(arena_strndup(&arena, (const char *)data, len));
	ok = conf_load_text("fuzz", (const char *)data, len, &rota_conf_table,
			    &arena, &e, &conf) == 0;
	ok = ok && rota_read(&conf, &arena, &e, &r);
	must(ok == (e.total == 0));
	if (ok)
		changes(r);
	conf_errors_done(&e);
	arena_done(&arena);
	return 0;
}
