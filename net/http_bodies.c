#include "net/http_bodies.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/must.h"
#include "base/xalloc.h"

struct share_key {
	enum share_kind { SHARE_UID, SHARE_SITE, SHARE_NETWORK } kind;
	uint8_t id[16];
};

/* It lives while N > 0. */
struct share {
	struct share_key key;
	size_t n;
	UT_hash_handle hh;
};

struct http_bodies {
	size_t max, n;
	struct share *shares; /* owned */
};

struct http_bodies *
http_bodies_new(size_t max)
{
	struct http_bodies *b = xcalloc(1, sizeof(*b));

	b->max = max;
	return b;
}

void
http_bodies_free(struct http_bodies **bp)
{
	struct http_bodies *b = *bp;
	struct share *s, *next;

	*bp = NULL;
	if (b == NULL)
		return;
	HASH_ITER(hh, b->shares, s, next)
	{
		HASH_DEL(b->shares, s);
		free(s);
	}
	free(b);
}

/* Whose it is: in KEYS who is meant alone, and the network where there is one.
 * How many. */
static size_t
share_keys(const struct http_origin *from, struct share_key keys[static 2])
{
	memset(keys, 0, 2 * sizeof(keys[0]));
	keys[0].kind = SHARE_SITE;
	keys[1].kind = SHARE_NETWORK;
	if (sockaddr_site(&from->peer, keys[0].id) &&
	    sockaddr_network(&from->peer, keys[1].id))
		return 2;
	memset(keys, 0, sizeof(keys[0]));
	keys[0].kind = SHARE_UID;
	memcpy(keys[0].id, &from->uid, sizeof(from->uid));
	return 1;
}

static struct share *
share_find(struct http_bodies *b, const struct share_key *key)
{
	struct share *s;

	HASH_FIND(hh, b->shares, key, sizeof(*key), s);
	return s;
}

static void
share_add(struct http_bodies *b, const struct share_key *key, size_t len)
{
	struct share *s = share_find(b, key);

	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		s->key = *key;
		HASH_ADD(hh, b->shares, key, sizeof(s->key), s);
	}
	s->n += len;
}

static void
share_remove(struct http_bodies *b, const struct share_key *key, size_t len)
{
	struct share *s = share_find(b, key);

	must(s != NULL && s->n >= len);
	s->n -= len;
	if (s->n > 0)
		return;
	HASH_DEL(b->shares, s);
	free(s);
}

static bool
share_has_room(struct http_bodies *b, const struct share_key *key, size_t len)
{
	size_t from =
		key->kind == SHARE_NETWORK ? b->max - b->max / 4 : b->max / 2;
	const struct share *s = share_find(b, key);

	return b->n + len <= from ||
	       (s != NULL ? s->n : 0) + len <= b->max - b->n - len;
}

bool
http_bodies_take(struct http_bodies *b, const struct http_origin *from,
		 size_t len)
{
	struct share_key keys[2];
	size_t n = share_keys(from, keys);

	if (len > b->max - b->n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!share_has_room(b, &keys[i], len))
			return false;
	for (size_t i = 0; i < n; i++)
		share_add(b, &keys[i], len);
	b->n += len;
	return true;
}

void
http_bodies_give(struct http_bodies *b, const struct http_origin *from,
		 size_t len)
{
	struct share_key keys[2];
	size_t n = share_keys(from, keys);

	must(len <= b->n);
	b->n -= len;
	for (size_t i = 0; i < n && len > 0; i++)
		share_remove(b, &keys[i], len);
}
