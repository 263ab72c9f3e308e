#include "base/tally.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/xalloc.h"

struct tally_entry {
	struct rate rate;
	UT_hash_handle hh;
	unsigned char key[];
};

/* The hash keeps the order in which its entries came: the one that was counted
 * last is at its end. */
struct tally {
	struct tally_entry *entries; /* owned */
	size_t most;
};

struct tally *
tally_new(size_t most)
{
	struct tally *t = xcalloc(1, sizeof(*t));

	t->most = most;
	return t;
}

static struct tally_entry *
tally_find(const struct tally *t, const void *key, size_t len)
{
	struct tally_entry *e;

	HASH_FIND(hh, t->entries, key, len, e);
	return e;
}

static void
tally_drop(struct tally *t, struct tally_entry *e)
{
	HASH_DEL(t->entries, e);
	free(e);
}

void
tally_free(struct tally **tp)
{
	struct tally *t = tp != NULL ? *tp : NULL;

	if (t == NULL)
		return;
	*tp = NULL;
	while (t->entries != NULL)
		tally_drop(t, t->entries);
	free(t);
}

bool
tally_has_room(const struct tally *t, const void *key, size_t len,
	       const struct conf_rate *conf, int64_t now)
{
	const struct tally_entry *e;

	if (conf->n == 0)
		return true;
	e = tally_find(t, key, len);
	return e == NULL || rate_opens(&e->rate, conf, conf->n, now) <= now;
}

void
tally_count(struct tally *t, const void *key, size_t len,
	    const struct conf_rate *conf, int64_t now)
{
	struct tally_entry *e;

	if (conf->n == 0)
		return;
	e = tally_find(t, key, len);
	if (e != NULL) {
		HASH_DEL(t->entries, e);
	} else {
		if (HASH_COUNT(t->entries) >= t->most)
			tally_drop(t, t->entries);
		e = xcalloc(1, sizeof(*e) + len);
		memcpy(e->key, key, len);
	}
	HASH_ADD_KEYPTR(hh, t->entries, e->key, len, e);
	rate_count(&e->rate, conf, now);
}

size_t
tally_size(const struct tally *t)
{
	return HASH_COUNT(t->entries);
}
