/*
 * store_txn - what a job may do: records, their wait rows, and pages.
 *
 * The first error of the engine in a transaction that writes stays with it, so
 * that a job can't overlook it: the transaction is then only good for an abort.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "queue/store_guard.h"
#include "queue/store_impl.h"
#include "queue/store_record.h"

int
store_txn_begin(struct store *store, bool write, struct store_txn *ret_txn)
{
	int r;

	*ret_txn = (struct store_txn){.store = store, .write = write};
	store_guard_enter();
	r = engine_begin(store->engine, write, &ret_txn->engine_txn);
	if (r < 0)
		store_guard_leave();
	return r;
}

int
store_txn_commit(struct store_txn *txn)
{
	int r;

	if (txn->error < 0 || txn->writes == 0) {
		store_txn_abort(txn);
		return txn->error;
	}
	r = engine_commit(&txn->engine_txn);
	store_guard_leave();
	if (r == 0)
		store_counters_kept(txn);
	return r;
}

void
store_txn_abort(struct store_txn *txn)
{
	engine_abort(&txn->engine_txn);
	store_guard_leave();
}

bool
store_txn_has_room(struct store_txn *txn, enum store_need need)
{
	return store_has_room(txn->store, need);
}

static int
tx_note(struct store_txn *txn, int r)
{
	if (r < 0 && r != -ENOENT && txn->error == 0)
		txn->error = r;
	return r;
}

static int
tx_get(struct store_txn *txn, enum engine_table table,
       const struct store_row *row, struct engine_bytes *ret_value)
{
	return tx_note(txn, engine_get(txn->engine_txn, table, row->bytes,
				       row->len, ret_value));
}

static int
tx_seek(struct store_txn *txn, enum engine_table table,
	const struct store_row *row, struct engine_bytes *ret_key,
	struct engine_bytes *ret_value)
{
	return tx_note(txn, engine_seek(txn->engine_txn, table, row->bytes,
					row->len, ret_key, ret_value));
}

static int
tx_put(struct store_txn *txn, enum engine_table table,
       const struct store_row *row, const void *value, size_t len)
{
	must(txn->write);
	txn->writes++;
	return tx_note(txn, engine_put(txn->engine_txn, table, row->bytes,
				       row->len, value, len));
}

static int
tx_del(struct store_txn *txn, enum engine_table table,
       const struct store_row *row)
{
	int r;

	must(txn->write);
	r = engine_del(txn->engine_txn, table, row->bytes, row->len);
	if (r == 0)
		txn->writes++;
	return tx_note(txn, r);
}

int
store_get(struct store_txn *txn, const struct store_key *key,
	  struct store_rec *ret_rec)
{
	struct engine_bytes v;
	struct store_rec rec;
	struct store_row row;
	int r;

	store_row_rec(key, &row);
	r = tx_get(txn, ENGINE_REC, &row, &v);
	if (r == 0)
		r = store_rec_decode(&row, v.data, v.len, &rec);
	if (r == 0)
		*ret_rec = rec;
	return r;
}

/* The place where the record ROW waits now, also when its checksum is wrong: a
 * wait row that its damage hides is a hint that leads nowhere. 0 or -ENOENT. */
static int
tx_old_place(struct store_txn *txn, const struct store_row *row,
	     struct store_place *ret_place)
{
	struct engine_bytes v;
	struct store_rec rec;
	int r;

	r = tx_get(txn, ENGINE_REC, row, &v);
	if (r < 0)
		return r;
	(void)store_rec_decode(row, v.data, v.len, &rec);
	*ret_place = rec.place;
	return 0;
}

/* A row that is already gone is fine. */
static int
tx_leave(struct store_txn *txn, const struct store_place *place,
	 const struct store_key *key)
{
	struct store_row row;
	int r;

	if (place->len == 0)
		return 0;
	store_row_wait(place, key, &row);
	r = tx_del(txn, ENGINE_WAIT, &row);
	return r == -ENOENT ? 0 : r;
}

static int
tx_wait(struct store_txn *txn, const struct store_place *place,
	const struct store_key *key)
{
	struct store_row row;

	if (place->len == 0)
		return 0;
	store_row_wait(place, key, &row);
	return tx_put(txn, ENGINE_WAIT, &row, "", 0);
}

int
store_put(struct store_txn *txn, const struct store_key *key,
	  struct store_rec *rec)
{
	struct store_place old = {0};
	uint8_t value[ENGINE_VALUE_MAX];
	struct store_row row;
	size_t len;
	int r;

	must(txn->write);
	store_row_rec(key, &row);
	rec->version = ++txn->store->version;
	/* First of all, since the value may be borrowed from the store. */
	len = store_rec_encode(&row, rec, value);

	r = tx_old_place(txn, &row, &old);
	if (r < 0 && r != -ENOENT)
		return r;
	if (!store_place_equal(&old, &rec->place)) {
		r = tx_leave(txn, &old, key);
		if (r == 0)
			r = tx_wait(txn, &rec->place, key);
		if (r < 0)
			return r;
	}
	return tx_put(txn, ENGINE_REC, &row, value, len);
}

int
store_del(struct store_txn *txn, const struct store_key *key)
{
	struct store_place old = {0};
	struct store_row row;
	int r;

	must(txn->write);
	store_row_rec(key, &row);
	r = tx_old_place(txn, &row, &old);
	if (r == 0)
		r = tx_leave(txn, &old, key);
	if (r < 0)
		return r;
	return tx_del(txn, ENGINE_REC, &row);
}

/* Step ROW behind the row FOUND, which makes no sense here: LMDB's structure
 * has no checksum, and what it shows after a flipped bit must not stand in the
 * way of what lies behind it. False: it can't be passed. */
static bool
tx_step_over(struct store_row *row, const struct engine_bytes *found)
{
	if (found->len >= sizeof(row->bytes))
		return false;
	memcpy(row->bytes, found->data, found->len);
	row->bytes[found->len] = 0;
	row->len = (uint8_t)(found->len + 1);
	return true;
}

int
store_next(struct store_txn *txn, const struct store_key *key,
	   struct store_key *ret_key, struct store_rec *ret_rec)
{
	struct engine_bytes k, v;
	struct store_key found;
	struct store_rec rec;
	struct store_row row;
	int r;

	store_row_rec(key, &row);
	do {
		r = tx_seek(txn, ENGINE_REC, &row, &k, &v);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		r = store_row_parse_rec(k.data, k.len, &found);
	} while (r < 0 && tx_step_over(&row, &k));
	if (r < 0)
		return r;
	if (found.kind != key->kind)
		return 0;
	*ret_key = found;
	store_row_rec(&found, &row);
	r = store_rec_decode(&row, v.data, v.len, &rec);
	if (r < 0)
		return r;
	*ret_rec = rec;
	return 1;
}

int
store_next_waiting(struct store_txn *txn, const struct store_place *place,
		   const struct store_key *key, size_t prefix_len,
		   struct store_place *ret_place, struct store_key *ret_key)
{
	struct engine_bytes k, v;
	struct store_row row;
	int r;

	must(prefix_len <= place->len);
	store_row_wait(place, key, &row);
	do {
		r = tx_seek(txn, ENGINE_WAIT, &row, &k, &v);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		if (k.len < prefix_len ||
		    memcmp(k.data, place->bytes, prefix_len) != 0)
			return 0;
		r = store_row_parse_wait(k.data, k.len, ret_place, ret_key);
	} while (r < 0 && tx_step_over(&row, &k));
	return r < 0 ? r : 1;
}

int
store_drop_hint(struct store_txn *txn, const struct store_place *place,
		const struct store_key *key)
{
	struct store_rec rec;
	struct store_row row;

	if (store_get(txn, key, &rec) == 0 &&
	    store_place_equal(&rec.place, place))
		return -EBUSY;
	store_row_wait(place, key, &row);
	return tx_del(txn, ENGINE_WAIT, &row);
}

int
store_has_hint(struct store_txn *txn, const struct store_place *place,
	       const struct store_key *key)
{
	struct engine_bytes v;
	struct store_row row;
	int r;

	if (place->len == 0)
		return 1;
	store_row_wait(place, key, &row);
	r = tx_get(txn, ENGINE_WAIT, &row, &v);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int
store_put_hint(struct store_txn *txn, const struct store_place *place,
	       const struct store_key *key)
{
	return tx_wait(txn, place, key);
}

int
store_page_put(struct store_txn *txn, uint64_t blob, uint32_t n,
	       const void *data, size_t len)
{
	uint8_t value[ENGINE_VALUE_MAX];
	struct store_row row;

	store_row_page(blob, n, &row);
	len = store_page_encode(&row, data, len, value);
	return tx_put(txn, ENGINE_PAGE, &row, value, len);
}

int
store_page_get(struct store_txn *txn, uint64_t blob, uint32_t n, void *buf,
	       size_t *ret_len)
{
	struct engine_bytes v;
	struct store_row row;
	size_t len;
	int r;

	store_row_page(blob, n, &row);
	r = tx_get(txn, ENGINE_PAGE, &row, &v);
	if (r < 0)
		return r;
	r = store_page_decode(&row, v.data, v.len, &len);
	if (r < 0)
		return r;
	memcpy(buf, v.data, len);
	*ret_len = len;
	return 0;
}

int
store_page_del(struct store_txn *txn, uint64_t blob, uint32_t n)
{
	struct store_row row;

	store_row_page(blob, n, &row);
	return tx_del(txn, ENGINE_PAGE, &row);
}
