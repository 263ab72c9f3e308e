#include "deliver/host_memory.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/xalloc.h"

struct host_failed {
	int64_t until_ms;
	UT_hash_handle hh; /* in the order of failure */
	char key[];
};

static struct host_failed *
hm_find(const struct host_memory *m, const char *key)
{
	struct host_failed *f;

	HASH_FIND_STR(m->failed, key, f);
	return f;
}

static void
hm_drop(struct host_memory *m, struct host_failed *f)
{
	HASH_DEL(m->failed, f);
	free(f);
}

void
host_memory_done(struct host_memory *m)
{
	while (m->failed)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unlinked */
		hm_drop(m, m->failed);
}

void
host_memory_add(struct host_memory *m, const char *key, int64_t now_mono_ms)
{
	size_t len = strlen(key);
	struct host_failed *f;

	host_memory_remove(m, key);
	if (HASH_COUNT(m->failed) >= HOST_MEMORY_MAX)
		hm_drop(m, m->failed);
	f = xcalloc(1, sizeof(*f) + len + 1);
	memcpy(f->key, key, len + 1);
	f->until_ms = now_mono_ms + HOST_MEMORY_MS;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unlinked */
	HASH_ADD_STR(m->failed, key, f);
}

void
host_memory_remove(struct host_memory *m, const char *key)
{
	struct host_failed *f = hm_find(m, key);

	if (f)
		hm_drop(m, f);
}

bool
host_memory_has(const struct host_memory *m, const char *key,
		int64_t now_mono_ms)
{
	const struct host_failed *f = hm_find(m, key);

	return f && f->until_ms > now_mono_ms;
}
