#include "queue/walk_record.h"

#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "base/pack.h"
#include "queue/key.h"

#define WALK_FORMAT 1

const char *const walk_work_names[] = {
	[WALK_NONE] = "none",
	[WALK_ROWS] = "rows",
	[WALK_ROUTES] = "routes",
};

void
walk_rec_encode(const struct walk_rec *wr, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, WALK_FORMAT);
	pack_u8(&p, (uint8_t)wr->work);
	pack_bytes(&p, wr->routes, sizeof(wr->routes));
	pack_u8(&p, wr->at.kind);
	pack_bytes(&p, wr->at.bytes, wr->at.len);
	pack_u64(&p, wr->seen);
	pack_u64(&p, wr->moved);
	pack_u64(&p, wr->mended);
	pack_u64(&p, (uint64_t)wr->began_ms);
	pack_u64(&p, (uint64_t)wr->ended_ms);
	must(!p.bad);
}

int
walk_rec_put(struct store_txn *txn, struct buf *scratch,
	     const struct walk_rec *wr)
{
	struct store_key key = key_walk();
	struct store_rec rec = {0};

	buf_clear(scratch);
	walk_rec_encode(wr, scratch);
	rec.value = scratch->data;
	rec.len = scratch->len;
	return store_put(txn, &key, &rec);
}

int
walk_rec_decode(const void *value, size_t len, struct walk_rec *ret)
{
	struct walk_rec wr = {0};
	const void *routes, *at;
	struct unpack u;
	size_t nroutes, nat;
	uint8_t work;

	unpack_init(&u, value, len);
	if (unpack_u8(&u) != WALK_FORMAT)
		u.bad = true;
	work = unpack_u8(&u);
	wr.work = work;
	routes = unpack_bytes(&u, &nroutes);
	wr.at.kind = unpack_u8(&u);
	at = unpack_bytes(&u, &nat);
	wr.seen = unpack_u64(&u);
	wr.moved = unpack_u64(&u);
	wr.mended = unpack_u64(&u);
	wr.began_ms = (int64_t)unpack_u64(&u);
	wr.ended_ms = (int64_t)unpack_u64(&u);
	if (!unpack_end(&u) || work > WALK_ROUTES ||
	    nroutes != sizeof(wr.routes) || nat > sizeof(wr.at.bytes))
		return -EBADMSG;
	memcpy(wr.routes, routes, nroutes);
	if (nat > 0)
		memcpy(wr.at.bytes, at, nat);
	wr.at.len = (uint8_t)nat;
	*ret = wr;
	return 0;
}

int
walk_rec_get(struct store_txn *txn, struct walk_rec *ret)
{
	struct store_key key = key_walk();
	struct store_rec rec;
	int r = store_get(txn, &key, &rec);

	return r < 0 ? r : walk_rec_decode(rec.value, rec.len, ret);
}
