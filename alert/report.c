#include "alert/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/xalloc.h"

#define REPORT_PAGE 5000 /* entries of histories */
#define FNV_OFFSET  UINT64_C(14695981039346656037)
#define FNV_PRIME   UINT64_C(1099511628211)

/* One message stands in the histories of all whom it listed: it is known by
 * its time and its words. */
struct prints {
	size_t n, room;
	uint64_t *v; /* owned */
};

struct row {
	UT_hash_handle hh;
	struct report_row sum;
	struct prints told;
	size_t key_len;
	char key[]; /* source NUL alertname NUL */
};

struct report {
	struct engine *e;
	struct store_job job;
	int64_t since_ms;
	struct store_key from; /* of the next page */
	bool end;
	/* Of the incident that FROM is in the midst of. */
	uint64_t id;
	struct prints told;
	bool acked, flapping, noise;
	struct row *rows;
	struct arena arena; /* within one entry */
	engine_report_fn *fn;
	void *arg;
};

static void
prints_add(struct prints *p, uint64_t print)
{
	if (p->n == p->room) {
		p->room = p->room > 0 ? 2 * p->room : 16;
		p->v = xreallocarray(p->v, p->room, sizeof(p->v[0]));
	}
	p->v[p->n++] = print;
}

static int
prints_order(const void *av, const void *bv)
{
	const uint64_t *a = av, *b = bv;

	return *a < *b ? -1 : *a > *b;
}

static uint64_t
prints_count(struct prints *p)
{
	uint64_t n = 0;

	if (p->n > 0)
		qsort(p->v, p->n, sizeof(p->v[0]), prints_order);
	for (size_t i = 0; i < p->n; i++)
		n += i == 0 || p->v[i] != p->v[i - 1];
	return n;
}

static uint64_t
print_of(const struct history *h)
{
	uint64_t print = FNV_OFFSET ^ (uint64_t)h->when_ms;

	for (const char *s = h->text; *s != '\0'; s++)
		print = (print ^ (unsigned char)*s) * FNV_PRIME;
	return print;
}

/* --- rows ---------------------------------------------------------------------- */

static struct row *
report_row(struct report *r, const char *source, const char *alertname)
{
	size_t source_len = strlen(source) + 1;
	size_t len = source_len + strlen(alertname) + 1;
	struct row *row = xcalloc(1, sizeof(*row) + len), *known;

	memcpy(row->key, source, source_len);
	memcpy(row->key + source_len, alertname, len - source_len);
	row->key_len = len;
	HASH_FIND(hh, r->rows, row->key, len, known);
	if (known != NULL) {
		free(row);
		return known;
	}
	if (HASH_CNT(hh, r->rows) >= REPORT_ROWS_MAX && source[0] != '\0') {
		free(row);
		return report_row(r, "", "");
	}
	row->sum.source = row->key;
	row->sum.alertname = row->key + source_len;
	HASH_ADD(hh, r->rows, key, row->key_len, row);
	return row;
}

/* Whose it is. False: its record is no more. */
static bool
report_text(struct report *r, struct store_txn *txn, struct incident_text *ret)
{
	struct store_key key = engine_key('i', r->id);
	struct incident in;
	struct store_rec rec;

	if (store_get(txn, &key, &rec) < 0) {
		key = engine_key('j', r->id);
		if (store_get(txn, &key, &rec) < 0)
			return false;
	}
	return incident_read(txn, &rec, &r->arena, &in) == 0 &&
	       incident_text_unpack(in.text, in.text_len, &r->arena, ret) == 0;
}

/* All entries of an incident are seen. */
static void
report_incident(struct report *r, struct store_txn *txn)
{
	struct incident_text text;
	const char *alertname;
	struct row *row;

	if ((r->told.n > 0 || r->noise) && report_text(r, txn, &text)) {
		alertname = labels_get(&text.labels, "alertname");
		row = report_row(r, text.source,
				 alertname != NULL ? alertname : "");
		for (size_t i = 0; i < r->told.n; i++)
			prints_add(&row->told, r->told.v[i]);
		row->sum.incidents += r->told.n > 0;
		row->sum.acked += r->acked;
		row->sum.flapping += r->flapping;
		row->sum.noise += r->noise;
	}
	arena_done(&r->arena);
	r->told.n = 0;
	r->acked = r->flapping = r->noise = false;
}

/* --- entries -------------------------------------------------------------------- */

static void
report_entry(struct report *r, const struct history *h)
{
	if (h->when_ms < r->since_ms)
		return;
	if (h->what == HISTORY_ACCEPTED)
		prints_add(&r->told, print_of(h));
	r->acked |= h->what == HISTORY_ACKED;
	r->flapping |= h->what == HISTORY_FLAPPING;
	r->noise |= h->what == HISTORY_NOISE;
}

static uint64_t
report_id(const struct store_key *key)
{
	uint64_t id = 0;

	for (size_t i = 0; i < 8; i++)
		id = id << 8 | key->bytes[i];
	return id;
}

static int
report_read(struct store_txn *txn, void *arg)
{
	struct report *r = arg;
	struct store_key at;
	struct store_rec rec;
	struct history h;

	for (size_t n = 0; n < REPORT_PAGE; n++) {
		int found = store_next(txn, &r->from, &at, &rec);

		if (found < 0 && found != -EBADMSG)
			return found;
		if (found == 0 || report_id(&at) != r->id)
			report_incident(r, txn);
		r->end = found == 0;
		if (r->end)
			return 0;
		r->id = report_id(&at);
		if (found > 0 &&
		    history_decode(rec.value, rec.len, &r->arena, &h) == 0)
			report_entry(r, &h);
		arena_done(&r->arena);
		r->from = at;
		r->from.bytes[r->from.len++] = 0;
	}
	return 0;
}

/* --- the end ---------------------------------------------------------------------- */

static int
report_order(const void *av, const void *bv)
{
	const struct report_row *a = av, *b = bv;

	if (a->notices != b->notices)
		return a->notices > b->notices ? -1 : 1;
	if (a->incidents != b->incidents)
		return a->incidents > b->incidents ? -1 : 1;
	if (strcmp(a->source, b->source) != 0)
		return strcmp(a->source, b->source);
	return strcmp(a->alertname, b->alertname);
}

static void
report_answer(struct report *r, int result)
{
	struct report_row *v = xcalloc(HASH_CNT(hh, r->rows) + 1u, sizeof(*v));
	struct row *row, *next;
	size_t n = 0;

	HASH_ITER(hh, r->rows, row, next)
	{
		row->sum.notices = prints_count(&row->told);
		v[n++] = row->sum;
	}
	qsort(v, n, sizeof(*v), report_order);
	r->fn(r->arg, result, result == 0 ? n : 0, v);
	HASH_ITER(hh, r->rows, row, next)
	{
		HASH_DEL(r->rows, row);
		free(row->told.v);
		free(row);
	}
	free(v);
	free(r->told.v);
	arena_done(&r->arena);
	free(r);
}

static void
report_did(void *arg, int result)
{
	struct report *r = arg;

	if (result == 0 && !r->end) {
		result = r->e->stopping ? -ESHUTDOWN
					: store_read(r->e->store, &r->job);
		if (result == 0)
			return;
	}
	report_answer(r, result);
}

void
engine_report(struct engine *e, int64_t since_ms, engine_report_fn *fn,
	      void *arg)
{
	struct report *r = xcalloc(1, sizeof(*r));
	int result;

	r->e = e;
	r->since_ms = since_ms;
	r->from = (struct store_key){.kind = 'h'};
	r->fn = fn;
	r->arg = arg;
	arena_init(&r->arena);
	r->job = (struct store_job){
		.fn = report_read,
		.done = report_did,
		.arg = r,
		.loop = e->deps.loop,
	};
	result = store_read(e->store, &r->job);
	if (result < 0)
		report_answer(r, result);
}
