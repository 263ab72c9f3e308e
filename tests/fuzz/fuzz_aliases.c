/* A file of aliases: parsed, and what is good made into a table that resolves.
 */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "deliver/aliases.h"
#include "mail/alias_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
follow(const struct aliases *t, const struct alias *a, size_t level)
{
	must(level <= ALIASES_DEPTH && a->n > 0);
	for (size_t i = 0; i < a->n; i++) {
		const struct alias *to = aliases_find(t, &a->to[i]);

		if (to != NULL && to != a)
			follow(t, to, level + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct alias_domains domains = {.hostname = "host.example",
					.delimiter = '+'};
	struct conf_map own = {0}, map = {0};
	const struct alias_sources from = {
		.own = &own,
		.file = &map,
		.postmaster = "anna@example.org",
		.domains = &domains,
	};
	struct aliases *t = NULL;
	struct conf_errors e;
	struct arena arena;

	arena_init(&arena);
	conf_errors_init(&e);
	if (alias_file_parse("f", (const char *)data, size, &arena, &e, &map) ==
		    0 &&
	    aliases_init(&from, &arena, &e, &t) == 0) {
		must(e.total == 0);
		for (const struct alias *a = aliases_next(t, NULL); a != NULL;
		     a = aliases_next(t, a))
			follow(t, a, 1);
	} else {
		must(e.total > 0);
	}
	aliases_done(&t);
	conf_errors_done(&e);
	arena_done(&arena);
	return 0;
}
