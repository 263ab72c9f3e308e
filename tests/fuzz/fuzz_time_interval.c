/*
 * Any bytes as an interval of time. What is taken contains some moments or
 * none, without falling over; what is refused says why.
 */
#include <stddef.h>
#include <stdint.h>

#include "alert/time_interval.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct time_interval_conf conf;
	struct time_interval t;
	struct conf_errors e;
	struct arena arena;
	bool ok;

	arena_init(&arena);
	conf_errors_init(&e);
	ok = conf_load_text("fuzz", (const char *)data, len,
			    &time_interval_conf_table, &arena, &e, &conf) == 0;
	ok = ok && time_interval_read(&conf, &arena, &e, &t);
	must(ok == (e.total == 0));
	if (ok) {
		must(t.zone != NULL);
		for (size_t i = 0; i < t.times.n; i++)
			must(t.times.v[i].begin < t.times.v[i].end);
		for (int64_t day = 0; day < 400; day++)
			time_interval_contains(&t, day * INT64_C(87000000));
		time_interval_contains(&t, INT64_MIN);
		time_interval_contains(&t, INT64_MAX);
	}
	conf_errors_done(&e);
	arena_done(&arena);
	return 0;
}
