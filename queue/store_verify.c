/*
 * store_verify - first the structure, page by page and without the engine; when
 * that is right, the engine is safe to ask, and what must be one to one is
 * compared.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "queue/message.h"
#include "queue/store_impl.h"
#include "queue/store_offline_impl.h"

#define VF_LINES 1000 /* said of each sort */

struct verify {
	struct store_verdict *verdict;
	store_say_fn *say;
	void *arg;
	struct engine_txn *txn;
};

void
store_key_text(const struct store_key *key, char ret[static STORE_KEY_TEXT_MAX])
{
	char id[QUEUE_ID_LEN];
	uint64_t number;
	uint32_t n;

	if (key_message_parse(key, &number, &n)) {
		queue_id_text(number, id);
		if (n == 0)
			snprintf(ret, STORE_KEY_TEXT_MAX, "message %s", id);
		else
			snprintf(ret, STORE_KEY_TEXT_MAX,
				 "recipient %" PRIu32 " of message %s", n, id);
	} else if (key->kind == '0') {
		snprintf(ret, STORE_KEY_TEXT_MAX, "the store's `%.*s`",
			 (int)key->len, (const char *)key->bytes);
	} else {
		snprintf(ret, STORE_KEY_TEXT_MAX, "record %c %016" PRIx64,
			 key->kind >= ' ' && key->kind < 127 ? key->kind : '?',
			 key_number(key));
	}
}

static void __attribute__((format(printf, 2, 3)))
vf_fault(struct verify *v, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	if (v->verdict->faults++ == VF_LINES)
		v->say(v->arg, "... and more");
	if (v->verdict->faults > VF_LINES)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v->say(v->arg, text);
}

/* --- row by row ------------------------------------------------------------ */

static void
vf_structure(void *arg, const char *text)
{
	struct verify *v = arg;

	v->verdict->structure++;
	vf_fault(v, "%s", text);
}

static void
vf_row_rec(struct verify *v, const void *row, size_t row_len, const void *value,
	   size_t len)
{
	char text[STORE_KEY_TEXT_MAX];
	struct store_row key_row;
	struct store_key key;
	struct store_rec rec;

	if (store_row_parse_rec(row, row_len, &key) < 0) {
		vf_fault(v, "rec: a key of %zu bytes", row_len);
		return;
	}
	store_row_rec(&key, &key_row);
	if (store_rec_decode(&key_row, value, len, &rec) == 0) {
		v->verdict->recs++;
		return;
	}
	store_key_text(&key, text);
	vf_fault(v, "%s: the checksum is wrong", text);
}

static void
vf_row_page(struct verify *v, const void *row, size_t row_len,
	    const void *value, size_t len)
{
	struct store_row key_row = {.len = 8 + 4};
	char id[QUEUE_ID_LEN];
	uint64_t blob;
	size_t n;

	if (row_len != key_row.len) {
		vf_fault(v, "page: a key of %zu bytes", row_len);
		return;
	}
	memcpy(key_row.bytes, row, row_len);
	if (store_page_decode(&key_row, value, len, &n) == 0) {
		v->verdict->pages++;
		return;
	}
	memcpy(&blob, row, sizeof(blob));
	queue_id_text(be64toh(blob), id);
	vf_fault(v, "a page of the content of %s: the checksum is wrong", id);
}

static void
vf_row(void *arg, const char *table, enum lmdb_how how, const void *key,
       size_t key_len, const void *value, size_t len)
{
	struct store_place place;
	struct store_key found;
	struct verify *v = arg;

	if (how != LMDB_IN_TREE)
		return;
	if (strcmp(table, "rec") == 0)
		vf_row_rec(v, key, key_len, value, len);
	else if (strcmp(table, "page") == 0)
		vf_row_page(v, key, key_len, value, len);
	else if (store_row_parse_wait(key, key_len, &place, &found) < 0)
		vf_fault(v, "wait: a key that makes no sense");
	else
		v->verdict->waits++;
}

/* --- one to one ------------------------------------------------------------ */

typedef void vf_each_fn(struct verify *v, const struct engine_bytes *key,
			const struct engine_bytes *value);

static void
vf_each(struct verify *v, enum engine_table table, vf_each_fn *fn)
{
	struct engine_bytes key, value;
	struct store_row row = {.len = 1};

	while (engine_seek(v->txn, table, row.bytes, row.len, &key, &value) ==
		       0 &&
	       key.len < sizeof(row.bytes)) {
		fn(v, &key, &value);
		memcpy(row.bytes, key.data, key.len);
		row.bytes[key.len] = 0;
		row.len = (uint8_t)(key.len + 1);
	}
}

static bool
vf_has(struct verify *v, enum engine_table table, const struct store_row *row)
{
	struct engine_bytes value;

	return engine_get(v->txn, table, row->bytes, row->len, &value) == 0;
}

static bool
vf_is_aside(const struct store_key *key, const struct store_rec *rec)
{
	struct message m = {0};
	struct arena a;
	uint64_t id;
	uint32_t n;

	if (!key_message_parse(key, &id, &n) || n > 0)
		return false;
	arena_init(&a);
	(void)message_decode(rec->value, rec->len, &a, &m);
	arena_done(&a);
	return m.flags & MESSAGE_CORRUPT;
}

static void
vf_rec_blob(struct verify *v, const struct store_key *key,
	    const struct store_rec *rec)
{
	char text[STORE_KEY_TEXT_MAX];
	struct store_row row;
	uint32_t missing = 0;

	if (key->kind == 'b' || vf_is_aside(key, rec))
		return; /* being written or removed; known to be damaged */
	for (uint32_t n = 0; n < rec->pages; n++) {
		store_row_page(rec->blob, n, &row);
		missing += !vf_has(v, ENGINE_PAGE, &row);
	}
	if (missing == 0)
		return;
	store_key_text(key, text);
	vf_fault(v,
		 "%s: %" PRIu32 " of %" PRIu32
		 " pages of its content are missing",
		 text, missing, rec->pages);
}

static void
vf_each_rec(struct verify *v, const struct engine_bytes *k,
	    const struct engine_bytes *value)
{
	char text[STORE_KEY_TEXT_MAX];
	struct store_row row, wait;
	struct store_rec rec;
	struct store_key key;

	if (store_row_parse_rec(k->data, k->len, &key) < 0)
		return;
	store_row_rec(&key, &row);
	if (store_rec_decode(&row, value->data, value->len, &rec) < 0)
		return;
	vf_rec_blob(v, &key, &rec);
	if (rec.place.len == 0)
		return;
	store_row_wait(&rec.place, &key, &wait);
	if (vf_has(v, ENGINE_WAIT, &wait))
		return;
	store_key_text(&key, text);
	vf_fault(v, "%s: it waits for something and has no row for that", text);
}

static void
vf_each_wait(struct verify *v, const struct engine_bytes *k,
	     const struct engine_bytes *none)
{
	char text[STORE_KEY_TEXT_MAX];
	struct store_place place;
	struct engine_bytes value;
	struct store_rec rec;
	struct store_key key;
	struct store_row row;

	(void)none;
	if (store_row_parse_wait(k->data, k->len, &place, &key) < 0)
		return;
	store_row_rec(&key, &row);
	if (engine_get(v->txn, ENGINE_REC, row.bytes, row.len, &value) == 0 &&
	    (store_rec_decode(&row, value.data, value.len, &rec) < 0 ||
	     store_place_equal(&rec.place, &place)))
		return;
	store_key_text(&key, text);
	vf_fault(v, "a row of what waits leads to %s, which is not there",
		 text);
}

/* A message or a recipient of it, or a loose content. What can't be read was
 * told already. */
static bool
vf_is_owned(struct verify *v, uint64_t blob)
{
	struct store_key key = key_blob(blob), found;
	struct engine_bytes at, value;
	struct store_row row;
	uint64_t id;
	uint32_t n;

	store_row_rec(&key, &row);
	if (vf_has(v, ENGINE_REC, &row))
		return true;
	key = key_message(blob, 0);
	store_row_rec(&key, &row);
	return engine_seek(v->txn, ENGINE_REC, row.bytes, row.len, &at,
			   &value) == 0 &&
	       store_row_parse_rec(at.data, at.len, &found) == 0 &&
	       key_message_parse(&found, &id, &n) && id == blob;
}

/* Once for every content. */
static void
vf_blobs(struct verify *v)
{
	struct engine_bytes key, value;
	char id[QUEUE_ID_LEN];
	struct store_row row;
	uint64_t blob = 0;

	for (;; blob++) {
		store_row_page(blob, 0, &row);
		if (engine_seek(v->txn, ENGINE_PAGE, row.bytes, row.len, &key,
				&value) < 0 ||
		    key.len != row.len)
			return;
		memcpy(&blob, key.data, sizeof(blob));
		blob = be64toh(blob);
		if (!vf_is_owned(v, blob)) {
			queue_id_text(blob, id);
			vf_fault(v, "the content of %s belongs to no message",
				 id);
		}
		if (blob == UINT64_MAX)
			return;
	}
}

static int
vf_compare(struct verify *v, const char *dir)
{
	struct engine *engine;
	int r = engine_open_to_read(dir, &engine);

	if (r == -EPROTONOSUPPORT) {
		vf_structure(v, "names: a table is not there");
		return 0;
	}
	if (r < 0)
		return r;
	r = engine_begin(engine, false, &v->txn);
	if (r == 0) {
		vf_each(v, ENGINE_REC, vf_each_rec);
		vf_each(v, ENGINE_WAIT, vf_each_wait);
		vf_blobs(v);
		engine_abort(&v->txn);
	}
	engine_close(&engine);
	return r;
}

static int
vf_walk(struct verify *v, const char *dir)
{
	const struct lmdb_visitor visitor = {
		.row = vf_row, .fault = vf_structure, .arg = v};
	char *path = xasprintf("%s/data.mdb", dir);
	struct lmdb_file *file;
	int r = lmdb_file_open(path, &visitor, &file);

	free(path);
	if (r < 0)
		return r;
	lmdb_file_walk(file);
	lmdb_file_close(&file);
	return 0;
}

int
store_verify(const char *dir, store_say_fn *say, void *arg,
	     struct store_verdict *ret_verdict)
{
	struct verify v = {.verdict = ret_verdict, .say = say, .arg = arg};
	int fd, r = store_offline_lock(dir, &fd);

	if (r < 0)
		return r;
	*ret_verdict = (struct store_verdict){0};
	r = vf_walk(&v, dir);
	if (r == 0 && ret_verdict->structure == 0)
		r = vf_compare(&v, dir);
	if (fd >= 0)
		close(fd);
	return r;
}
