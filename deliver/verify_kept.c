#include "deliver/verify_impl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/must.h"
#include "base/xalloc.h"

struct kept {
	UT_hash_handle hh; /* in the order of arrival */
	enum verify_result result;
	int64_t until_ms; /* mono */
	char key[];
};

struct verify_kept {
	pthread_mutex_t lock;
	struct kept *all;
};

struct verify_kept *
verify_kept_new(void)
{
	struct verify_kept *k = xcalloc(1, sizeof(*k));

	must(pthread_mutex_init(&k->lock, NULL) == 0);
	return k;
}

static void
kept_drop(struct verify_kept *k, struct kept *one)
{
	HASH_DEL(k->all, one);
	free(one);
}

void
verify_kept_free(struct verify_kept **kp)
{
	struct verify_kept *k = *kp;

	*kp = NULL;
	if (k == NULL)
		return;
	while (k->all != NULL)
		kept_drop(k, k->all);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

enum verify_result
verify_kept_get(struct verify_kept *k, const char *key, int64_t now_ms)
{
	enum verify_result result = VERIFY_ASKED;
	struct kept *one;

	pthread_mutex_lock(&k->lock);
	HASH_FIND_STR(k->all, key, one);
	if (one != NULL && one->until_ms <= now_ms)
		kept_drop(k, one);
	else if (one != NULL)
		result = one->result;
	pthread_mutex_unlock(&k->lock);
	return result;
}

void
verify_kept_put(struct verify_kept *k, const char *key,
		enum verify_result result, int64_t until_ms)
{
	size_t len = strlen(key) + 1;
	struct kept *one = xcalloc(1, sizeof(*one) + len), *old;

	memcpy(one->key, key, len);
	one->result = result;
	one->until_ms = until_ms;
	pthread_mutex_lock(&k->lock);
	HASH_FIND_STR(k->all, key, old);
	if (old != NULL)
		kept_drop(k, old);
	if (HASH_COUNT(k->all) >= VERIFY_KEPT_MAX)
		kept_drop(k, k->all);
	HASH_ADD_STR(k->all, key, one);
	pthread_mutex_unlock(&k->lock);
}
