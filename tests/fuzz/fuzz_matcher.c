/*
 * Lists of matchers: what can be read is written, reads again as the same, and
 * goes through the store as it is; matching ends.
 */
#include <stdlib.h>
#include <string.h>

#include "alert/matcher.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define INPUT_MAX 4096

static void
through_text(const struct matchers *m, struct arena *arena)
{
	struct matchers again;
	char *why;

	must(matchers_parse(matchers_text(m, arena), arena, &again, &why) == 0);
	must(matchers_equal(m, &again));
	matchers_done(&again);
}

static void
through_store(const struct matchers *m, struct arena *arena)
{
	struct matchers again;
	struct unpack u;
	struct buf out;
	struct pack p = {.out = &out};

	buf_init(&out, MATCHERS_TEXT_MAX);
	matchers_pack(&p, m);
	must(!p.bad);
	unpack_init(&u, out.data, out.len);
	must(matchers_unpack(&u, arena, &again) == 0 && unpack_end(&u));
	must(matchers_equal(m, &again));
	matchers_done(&again);
	buf_done(&out);
}

/* Labels that have what the matchers ask for, as far as they can. */
static void
match(const struct matchers *m, struct arena *arena)
{
	struct labels_builder b;
	struct labels l;

	labels_builder_init(&b, arena);
	for (size_t i = 0; i < m->n; i++)
		labels_set(&b, m->v[i].name, m->v[i].value);
	labels_finish_annotations(&b, &l);
	matchers_match(m, &l, NULL);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct matchers m, stored;
	struct arena arena;
	struct unpack u;
	char *why;

	if (len > INPUT_MAX)
		return 0;
	arena_init(&arena);
	if (matchers_parse(arena_strndup(&arena, (const char *)data, len),
			   &arena, &m, &why) == 0) {
		through_text(&m, &arena);
		through_store(&m, &arena);
		match(&m, &arena);
		matchers_done(&m);
	} else {
		free(why);
	}
	unpack_init(&u, data, len);
	if (matchers_unpack(&u, &arena, &stored) == 0)
		matchers_done(&stored);
	arena_done(&arena);
	return 0;
}
