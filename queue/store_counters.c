/*
 * store_counters - ids and versions that never fall below what was given out.
 *
 * The record '0' "counters" holds two limits, always ahead of what is in use; a
 * start goes on from the limits as if everything below them had been given out.
 * A transaction that would pass them carries new ones, so a number is never
 * durable without a limit above it.
 *
 * An id is time in milliseconds (42 bits), node (8, 0 here), sequence (14).
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "queue/store_impl.h"

#define CT_TIME_SHIFT  22
#define CT_SEQ_MASK    ((UINT64_C(1) << 14) - 1)
#define CT_AHEAD_MS    60000
#define CT_LEAST_AHEAD (UINT64_C(1000) << CT_TIME_SHIFT)
#define CT_VERSIONS    (UINT64_C(1) << 20)

struct ct_value {
	uint64_t id_limit, version_limit; /* big-endian */
};

static const struct store_key ct_key = {
	.kind = '0', .len = 8, .bytes = "counters"};

int
store_counters_load(struct store_txn *txn)
{
	struct store *s = txn->store;
	struct store_rec rec;
	struct ct_value v;
	int r;

	r = store_get(txn, &ct_key, &rec);
	if (r < 0)
		return r;
	if (rec.len != sizeof(v))
		return -EBADMSG;
	memcpy(&v, rec.value, sizeof(v));
	s->id_limit = be64toh(v.id_limit);
	s->last_id = s->id_limit;
	s->version_limit = be64toh(v.version_limit);
	s->version = s->version_limit;
	return 0;
}

static uint64_t
ct_now(struct store *s)
{
	int64_t now = clock_wall_ms(s->conf.clock);

	return now > 0 ? (uint64_t)now : 0;
}

int
store_counters_keep(struct store_txn *txn, bool force)
{
	struct store *s = txn->store;
	uint64_t last = atomic_load(&s->last_id), now = ct_now(s);
	uint64_t soon = (now + CT_AHEAD_MS / 2) << CT_TIME_SHIFT;
	struct ct_value v;
	struct store_rec rec = {.value = &v, .len = sizeof(v)};

	if (!force && last + CT_LEAST_AHEAD / 2 < s->id_limit &&
	    soon < s->id_limit && s->version + 2 < s->version_limit) {
		atomic_store(&s->want_counters, false);
		return 0;
	}
	txn->id_limit = (now + CT_AHEAD_MS) << CT_TIME_SHIFT;
	if (txn->id_limit < last + CT_LEAST_AHEAD)
		txn->id_limit = last + CT_LEAST_AHEAD;
	if (txn->id_limit < s->id_limit)
		txn->id_limit = s->id_limit;
	txn->version_limit = s->version + CT_VERSIONS;
	v.id_limit = htobe64(txn->id_limit);
	v.version_limit = htobe64(txn->version_limit);
	return store_put(txn, &ct_key, &rec);
}

void
store_counters_kept(struct store_txn *txn)
{
	struct store *s = txn->store;

	if (txn->id_limit == 0)
		return;
	atomic_store(&s->id_limit, txn->id_limit);
	atomic_store(&s->want_counters, false);
	s->version_limit = txn->version_limit;
}

/* The next id after LAST that names the time NOW, or simply the next one when
 * the clock stands still or goes back. The node's bits stay clear. */
static uint64_t
ct_next_id(uint64_t last, uint64_t now)
{
	uint64_t id = now << CT_TIME_SHIFT;

	if (id > last)
		return id;
	if ((last & CT_SEQ_MASK) < CT_SEQ_MASK)
		return last + 1;
	return ((last >> CT_TIME_SHIFT) + 1) << CT_TIME_SHIFT;
}

uint64_t
store_new_id(struct store *store)
{
	uint64_t last = atomic_load(&store->last_id), now = ct_now(store);
	uint64_t limit = atomic_load(&store->id_limit), id;

	do {
		id = ct_next_id(last, now);
		/* After an idle hour the limit lies behind the clock: stay
		 * below it until the store thread has moved it. */
		if (id >= limit)
			id = ct_next_id(last, 0);
	} while (!atomic_compare_exchange_weak(&store->last_id, &last, id));

	if (id + CT_LEAST_AHEAD / 2 >= limit &&
	    !atomic_exchange(&store->want_counters, true))
		store_poke(store);
	return id;
}
