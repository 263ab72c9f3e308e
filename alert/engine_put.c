/*
 * engine_put - edits as records, and the job that writes them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "alert/engine_impl.h"
#include "base/must.h"
#include "base/xalloc.h"

#define PUT_HISTORY 300 /* entries of an incident, before ... */
#define PUT_PRUNED  100 /* ... the oldest go */

struct store_key
engine_key(uint8_t kind, uint64_t a)
{
	struct store_key key = {.kind = kind, .len = 8};

	for (int i = 0; i < 8; i++)
		key.bytes[i] = (uint8_t)(a >> (56 - 8 * i));
	return key;
}

struct store_key
engine_key_2(uint8_t kind, uint64_t a, uint64_t b)
{
	struct store_key key = engine_key(kind, a), more = engine_key(kind, b);

	memcpy(key.bytes + 8, more.bytes, 8);
	key.len = 16;
	return key;
}

uint64_t
engine_key_part(const struct store_key *key, size_t at)
{
	uint64_t v = 0;

	for (size_t i = at; i < at + 8 && i < key->len; i++)
		v = v << 8 | key->bytes[i];
	return v;
}

struct put *
job_put(struct engine *e, struct store_key key)
{
	struct job *j = &e->job;
	struct put *p;

	if (j->n == j->cap) {
		j->cap = j->cap > 0 ? 2 * j->cap : 64;
		j->v = xreallocarray(j->v, j->cap, sizeof(j->v[0]));
	}
	p = &j->v[j->n++];
	*p = (struct put){.key = key, .at = j->bytes.len};
	return p;
}

/* The value is in the job's bytes, from where job_put() was called. */
void
put_seal(struct engine *e, struct put *p)
{
	p->len = e->job.bytes.len - p->at;
	must(p->len <= STORE_VALUE_MAX);
}

static void put_history(struct engine *e, struct intent *it,
			struct incident *in, enum history_what what,
			const char *who, const char *fmt, va_list ap)
	__attribute__((format(printf, 6, 0)));
static void
put_history(struct engine *e, struct intent *it, struct incident *in,
	    enum history_what what, const char *who, const char *fmt,
	    va_list ap)
{
	struct history h = {.when_ms = engine_now(e), .what = what, .who = who};
	struct buf text;
	struct put *p;

	buf_init(&text, 4 * HISTORY_TEXT_MAX);
	(void)buf_vprintf(&text, fmt, ap);
	h.text = buf_str(&text);
	if (++in->nhistory > PUT_HISTORY) {
		in->nhistory -= PUT_PRUNED;
		job_put(e, engine_key_2('h', in->id, 0))->what = PUT_PRUNE;
	}
	p = job_put(e, engine_key_2('h', in->id, store_new_id(e->store)));
	p->intent = it;
	history_encode(&h, &e->job.bytes);
	put_seal(e, p);
	buf_done(&text);
}

void
job_history(struct engine *e, struct incident *in, enum history_what what,
	    const char *who, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_history(e, NULL, in, what, who, fmt, ap);
	va_end(ap);
}

void
job_history_if(struct engine *e, struct intent *it, struct incident *in,
	       enum history_what what, const char *who, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_history(e, it, in, what, who, fmt, ap);
	va_end(ap);
}

void
put_text(struct put *p, uint64_t blob, const uint8_t *text, size_t len,
	 uint32_t old_pages)
{
	p->blob = blob;
	p->text = text;
	p->text_len = len;
	p->pages = (uint32_t)((len + STORE_PAGE_MAX - 1) / STORE_PAGE_MAX);
	p->old_pages = old_pages;
}

static void
seal_incident(struct engine *e, struct incident_edit *ed)
{
	struct incident *in = ed->incident;
	const uint8_t *text = ed->text != NULL ? ed->text : in->text;
	size_t len = ed->text != NULL ? ed->text_len : in->text_len;
	const char *acked = ed->acked_by != NULL ? ed->acked_by : "";
	const char *note = ed->note != NULL ? ed->note : "";
	struct put *p;

	if (ed->past) {
		p = job_put(e, engine_key('i', in->id));
		p->what = PUT_DELETE;
		p->expect = in->version;
	}
	p = job_put(e, engine_key(ed->past ? 'j' : 'i', in->id));
	if (ed->past)
		p->place =
			store_place_time(STORE_CLASS_OTHER, 'j',
					 engine_now(e) + engine_retention(e));
	else
		p->expect = in->version;
	incident_encode(&ed->c, acked, note, text, len, &e->job.bytes);
	if (e->job.bytes.len - p->at > STORE_VALUE_MAX) {
		e->job.bytes.len = p->at;
		incident_encode(&ed->c, acked, note, NULL, 0, &e->job.bytes);
		put_text(p, in->id, text, len, in->pages);
	} else {
		put_text(p, in->id, NULL, 0, in->pages);
	}
	if (!ed->past) {
		p->ret_version = &in->version;
		p->ret_pages = &in->pages;
	}
	put_seal(e, p);
}

static void
seal_group(struct engine *e, struct group_edit *ed)
{
	struct alert_group *g = ed->group;
	struct group_core c = ed->c;
	struct put *p;

	if (ed->ended && ed->is_new)
		return;
	flush_plan_first(&c.due_ms, ed->again_ms);
	p = job_put(e, engine_key('g', g->id));
	p->expect = g->version;
	if (ed->ended) {
		p->what = PUT_DELETE;
		return;
	}
	group_encode(&c, ed->receiver != NULL ? ed->receiver : g->receiver,
		     g->labels, g->labels_len, &e->job.bytes);
	p->ret_version = &g->version;
	put_seal(e, p);
}

/* What is worth remembering of a notice's incidents. */
static void
pack_entries(const struct notice_edit *ed, struct buf *out)
{
	const struct alert_group *g = ed->notice->group;

	for (uint32_t i = 0; i < ed->n && i < g->n; i++) {
		struct notice_entry entry = {
			.incident = g->v[i].incident->id,
			.both = ed->both[i],
			.seq = g->v[i].seq,
		};

		if (entry.seq == 0 && ed->c.message != 0 &&
		    told_pending(entry.both) != 0)
			entry.seq = ed->c.seq;
		if (entry.both != 0)
			notice_entry_pack(&entry, out);
	}
}

static void
seal_notice(struct engine *e, struct notice_edit *ed)
{
	struct notice *n = ed->notice;
	struct notice_names names = {
		.channel = channel_names[n->channel],
		.address = n->address,
		.person = n->person,
		.time_zone = n->time_zone,
		.receiver = ed->receiver != NULL ? ed->receiver : n->receiver,
	};
	struct buf entries;
	struct put *p;

	if (ed->ended && ed->is_new)
		return;
	p = job_put(e, engine_key_2('s', n->group->id, ed->c.id));
	p->expect = n->version;
	p->intent = ed->intent;
	if (ed->ended) {
		p->what = PUT_DELETE;
		put_text(p, ed->c.id, NULL, 0, n->pages);
		return;
	}
	buf_init(&entries, SIZE_MAX);
	pack_entries(ed, &entries);
	notice_encode(&ed->c, &names,
		      entries.len < STORE_VALUE_MAX / 2 ? buf_str(&entries)
							: NULL,
		      entries.len, &e->job.bytes);
	if (entries.len < STORE_VALUE_MAX / 2) {
		put_text(p, ed->c.id, NULL, 0, n->pages);
	} else {
		/* In the arena, as long as the job is. */
		uint8_t *copy = arena_alloc(&e->job.arena, entries.len);

		memcpy(copy, entries.data, entries.len);
		put_text(p, ed->c.id, copy, entries.len, n->pages);
	}
	p->ret_version = &n->version;
	p->ret_pages = &n->pages;
	put_seal(e, p);
	buf_done(&entries);
}

void
job_seal(struct engine *e)
{
	struct incident_edit *in;
	struct group_edit *g;
	struct notice_edit *n;

	STAILQ_FOREACH (in, &e->job.incidents, link)
		if (!in->idle)
			seal_incident(e, in);
	STAILQ_FOREACH (g, &e->job.groups, link)
		if (!g->idle)
			seal_group(e, g);
	STAILQ_FOREACH (n, &e->job.notices, link)
		seal_notice(e, n);
}

/* --- in the store thread --------------------------------------------------- */

static int
put_pages(struct store_txn *txn, const struct put *p)
{
	size_t at = 0;
	int r = 0;

	for (uint32_t n = 0; r == 0 && n < p->pages; n++) {
		size_t len = p->text_len - at;

		if (len > STORE_PAGE_MAX)
			len = STORE_PAGE_MAX;
		r = store_page_put(txn, p->blob, n, p->text + at, len);
		at += len;
	}
	for (uint32_t n = p->pages; r == 0 && n < p->old_pages; n++) {
		r = store_page_del(txn, p->blob, n);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* Nobody else changes what is ours. */
static int
put_check(struct store_txn *txn, const struct put *p)
{
	struct store_rec rec;
	int r = store_get(txn, &p->key, &rec);

	if (r == -ENOENT || r == -EBADMSG)
		return p->expect == 0 ? 0 : -ESTALE;
	if (r < 0)
		return r;
	return rec.version == p->expect ? 0 : -ESTALE;
}

/* The oldest entries of an incident's history. */
static int
put_prune(struct store_txn *txn, const struct put *p)
{
	struct store_key key = p->key, at;
	struct store_rec rec;

	for (int n = 0; n < PUT_PRUNED; n++) {
		int r = store_next(txn, &key, &at, &rec);

		if (r == 0 || at.len != 16 || memcmp(at.bytes, p->key.bytes, 8))
			return r < 0 && r != -EBADMSG ? r : 0;
		r = store_del(txn, &at);
		if (r < 0)
			return r;
		key = at;
	}
	return 0;
}

static int
put_run(struct store_txn *txn, const struct job *j, struct put *p)
{
	struct store_rec rec = {
		.place = p->place,
		.blob = p->pages > 0 ? p->blob : 0,
		.pages = p->pages,
		.value = j->bytes.data + p->at,
		.len = p->len,
	};
	int r;

	if (p->what == PUT_PRUNE)
		return put_prune(txn, p);
	if (p->key.kind != 'h' && !p->any) {
		r = put_check(txn, p);
		if (r < 0)
			return r;
	}
	r = put_pages(txn, p);
	if (r < 0)
		return r;
	if (p->what == PUT_DELETE) {
		r = store_del(txn, &p->key);
		return r == -ENOENT ? 0 : r;
	}
	r = store_put(txn, &p->key, &rec);
	p->version = rec.version;
	return r;
}

int
job_fn(struct store_txn *txn, void *arg)
{
	struct engine *e = arg;
	struct job *j = &e->job;
	int r = 0;

	if (j->store.need != STORE_NEED_RESULT &&
	    !store_txn_has_room(txn, j->store.need))
		return -ENOSPC;
	intents_check(e, txn, j->intents, j->nintents);
	for (size_t i = 0; r == 0 && i < j->nintents; i++)
		r = intent_run(e, txn, j->intents[i]);
	for (size_t i = 0; r == 0 && i < j->n; i++) {
		struct put *p = &j->v[i];

		if (p->intent == NULL || !p->intent->skipped)
			r = put_run(txn, j, p);
	}
	return r;
}
