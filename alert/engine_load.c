/*
 * engine_load - the records become memory at start, a page of them at a time.
 *
 * A record that can't be read, or is of a later release, stays as it is and is
 * logged: nothing of it is lost, and nothing is told of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "base/log.h"
#include "base/must.h"
#include "base/xalloc.h"

#define LOAD_ROWS  1000
#define LOAD_BYTES (8u << 20)
#define LOAD_AGAIN 20 /* ms, when the disk pool is full */

struct load_row {
	struct store_key key;
	uint64_t version, blob;
	uint32_t pages;
	int bad; /* the record can't be read: why */
	const uint8_t *value, *text;
	size_t len, text_len;
};

struct shared {
	UT_hash_handle hh;
	uint64_t message;
	struct notice *notice;
};

struct load {
	struct engine *e;
	struct shared *shared;
	struct arena shares;
	const char *kind; /* in what is still to be read */
	struct store_key next;
	bool more; /* of this kind */
	struct arena arena;
	struct load_row *v;
	size_t n, bytes;
	struct store_job job;
	struct loop_timer again;
	bool reading;
	int64_t began_mono_ms;
};

/* In this order: what comes later names what came before. */
static const char load_kinds[] = "ialgs";

static void load_begin(void *arg);

/* --- in the disk pool ------------------------------------------------------- */

static int
load_text(struct load *l, struct store_txn *txn, struct load_row *row)
{
	uint8_t *text =
		arena_alloc(&l->arena, (size_t)row->pages * STORE_PAGE_MAX + 1);
	size_t len;

	for (uint32_t n = 0; n < row->pages; n++) {
		int r = store_page_get(txn, row->blob, n, text + row->text_len,
				       &len);

		if (r < 0)
			return r;
		row->text_len += len;
	}
	row->text = text;
	l->bytes += row->text_len;
	return 0;
}

static void
load_row(struct load *l, struct store_txn *txn, const struct store_key *key,
	 const struct store_rec *rec)
{
	struct load_row *row = &l->v[l->n++];
	uint8_t *value = arena_alloc(&l->arena, rec->len + 1);

	*row = (struct load_row){.key = *key, .version = rec->version};
	memcpy(value, rec->value, rec->len);
	row->value = value;
	row->len = rec->len;
	row->blob = rec->blob;
	row->pages = rec->pages;
	l->bytes += rec->len;
	if (row->pages > 0)
		row->bad = load_text(l, txn, row);
}

static int
load_read(struct store_txn *txn, void *arg)
{
	struct load *l = arg;
	struct store_key at;
	struct store_rec rec;
	int r;

	l->v = arena_alloc(&l->arena, LOAD_ROWS * sizeof(l->v[0]));
	l->n = l->bytes = 0;
	while (l->n < LOAD_ROWS && l->bytes < LOAD_BYTES) {
		r = store_next(txn, &l->next, &at, &rec);
		if (r == 0) {
			l->more = false;
			return 0;
		}
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r > 0)
			load_row(l, txn, &at, &rec);
		else
			l->v[l->n++] = (struct load_row){.key = at, .bad = r};
		l->next = at;
		if (l->next.len < STORE_KEY_MAX)
			l->next.bytes[l->next.len++] = 0;
	}
	l->more = true;
	return 0;
}

/* --- on the loop ------------------------------------------------------------- */

static int
load_incident(struct engine *e, const struct load_row *row)
{
	struct incident_who who;
	struct incident_text text;
	struct incident_core c;
	struct incident *in;
	const void *at;
	size_t len;
	int r;

	r = incident_decode(row->value, row->len, &c, &who, &at, &len);
	if (r < 0)
		return r;
	if (at == NULL) {
		at = row->text;
		len = row->text_len;
	}
	if (at == NULL || incident_text_unpack(at, len, &e->scratch, &text) < 0)
		return -EBADMSG;
	if (engine_find_print(e, c.print) != NULL)
		return -EEXIST;
	in = xcalloc(1, sizeof(*in));
	in->id = engine_key_part(&row->key, 0);
	in->c = c;
	in->source = engine_source(e, text.source);
	in->acked_by = who.name[0] != '\0' ? xstrdup(who.name) : NULL;
	in->note = who.note[0] != '\0' ? xstrdup(who.note) : NULL;
	in->text = xmemdup(at, len);
	in->text_len = (uint32_t)len;
	in->pages = row->pages;
	in->version = row->version;
	in->expires_ms = c.expires_ms;
	in->heard_ms = c.updated_ms;
	in->due.kind = DUE_INCIDENT;
	HASH_ADD(by_id, e->incidents, id, sizeof(in->id), in);
	id_index_add(&e->in_order, in->id, in);
	HASH_ADD(by_print, e->incidents_by_print, c.print, INCIDENT_PRINT, in);
	engine_count(e, in);
	return 0;
}

static int
load_group(struct engine *e, const struct load_row *row)
{
	struct labels labels;
	struct alert_group *g;
	struct group_core c;
	const char *receiver;
	uint8_t print[GROUP_PRINT];
	struct buf packed;
	struct pack p = {.out = &packed};
	int r = group_decode(row->value, row->len, &e->scratch, &c, &receiver,
			     &labels);

	if (r < 0)
		return r;
	group_print(receiver, &labels, c.flags, print);
	if (group_find_print(e, print) != NULL)
		return -EEXIST;
	buf_init(&packed, SIZE_MAX);
	labels_pack(&p, &labels);
	g = xcalloc(1, sizeof(*g));
	g->id = engine_key_part(&row->key, 0);
	memcpy(g->print, print, GROUP_PRINT);
	g->c = c;
	g->receiver = engine_name(e, receiver);
	g->labels = (uint8_t *)packed.data;
	g->labels_len = (uint32_t)packed.len;
	g->version = row->version;
	g->due.kind = DUE_GROUP;
	HASH_ADD(by_id, e->groups, id, sizeof(g->id), g);
	id_index_add(&e->groups_in_order, g->id, g);
	HASH_ADD(by_print, e->groups_by_print, print, GROUP_PRINT, g);
	return 0;
}

static void
load_entries(struct engine *e, struct notice *n, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i + NOTICE_ENTRY_LEN <= len; i += NOTICE_ENTRY_LEN) {
		struct notice_entry entry;
		struct incident *in;
		struct link *link;
		bool known;

		notice_entry_unpack(at + i, &entry);
		in = engine_find_id(e, entry.incident);
		if (in == NULL)
			continue;
		known = incident_link(in, n->group) != NULL;
		link = group_add_member(n->group, in);
		/* Unless routing says otherwise. */
		if (!known)
			n->group->v[link->slot].flags |= MEMBER_LEFT;
		if (n->group->v[link->slot].seq == 0)
			n->group->v[link->slot].seq = entry.seq;
		if (link->slot >= n->n) {
			n->both = xrealloc(n->both, link->slot + 1);
			memset(n->both + n->n, 0, link->slot + 1 - n->n);
			n->n = link->slot + 1;
		}
		n->both[link->slot] = entry.both;
		/* What was accepted last may be over since before the start. */
		if (!notice_waits(n) && told_of(entry.both) != TOLD_NOTHING &&
		    (in->c.state != INCIDENT_OPEN || entry.both != TOLD_FIRING))
			n->deferred = true;
	}
}

/* Notices that one mail tells, by its id. */
static void
load_share(struct engine *e, struct notice *n)
{
	struct shared *s;

	if (n->c.message == 0)
		return;
	HASH_FIND(hh, e->load->shared, &n->c.message, sizeof(n->c.message), s);
	if (s != NULL) {
		notice_share(s->notice, n);
		return;
	}
	s = arena_alloc(&e->load->shares, sizeof(*s));
	s->message = n->c.message;
	s->notice = n;
	HASH_ADD(hh, e->load->shared, message, sizeof(s->message), s);
}

static int
load_notice(struct engine *e, const struct load_row *row)
{
	struct alert_group *g = group_find_id(e, engine_key_part(&row->key, 0));
	struct notice_names names;
	struct notice_core c;
	struct notice *n;
	const uint8_t *at;
	size_t len;
	int channel, r;

	r = notice_decode(row->value, row->len, &e->scratch, &c, &names, &at,
			  &len);
	if (r < 0)
		return r;
	channel = engine_channel(names.channel);
	if (channel < 0)
		return -EPROTONOSUPPORT;
	if (g == NULL)
		return -ENOENT;
	n = xcalloc(1, sizeof(*n));
	n->group = g;
	n->c = c;
	n->channel = (uint8_t)channel;
	n->address = engine_name(e, names.address);
	n->person = engine_name(e, names.person);
	n->time_zone = engine_name(e, names.time_zone);
	n->receiver = engine_name(e, names.receiver);
	n->version = row->version;
	n->pages = row->pages;
	n->deferred = c.flags & NOTICE_AGAIN && !notice_waits(n);
	n->older = c.message != 0;
	group_add_notice(e, g, n);
	load_share(e, n);
	load_entries(e, n, at != NULL ? at : row->text,
		     at != NULL ? len : row->text_len);
	return 0;
}

static int
load_own(struct engine *e, const struct load_row *row)
{
	const struct store_key *key = &row->key;

	if (key->len == 4 && memcmp(key->bytes, "mute", 4) == 0)
		return mute_load(e, row->value, row->len);
	if (key->len == 2 && key->bytes[0] == 'M')
		malformed_load(e, key->bytes[1], row->blob, row->pages,
			       row->value, row->len);
	else if (key->len == 9 && key->bytes[0] == 'S')
		return suspend_load(e, engine_key_part(key, 1), row->value,
				    row->len);
	return 0;
}

static int
load_one(struct engine *e, const struct load_row *row)
{
	if (row->bad < 0)
		return row->bad;
	switch (row->key.kind) {
	case 'i':
		return load_incident(e, row);
	case 'g':
		return load_group(e, row);
	case 's':
		return load_notice(e, row);
	case 'l':
		return silence_load(e, engine_key_part(&row->key, 0),
				    row->version, row->value, row->len);
	case 'a':
		return load_own(e, row);
	default:
		return 0;
	}
}

static void
load_rows(struct load *l)
{
	struct engine *e = l->e;

	for (size_t i = 0; i < l->n; i++) {
		const struct load_row *row = &l->v[i];
		char kind[2] = {(char)row->key.kind, '\0'};
		int r = load_one(e, row);

		if (r < 0)
			log_event(e->deps.log, LOG_ERROR, "alert_record",
				  LOG_STR("kind", kind),
				  LOG_INT("id", (int64_t)engine_key_part(
							&row->key, 0)),
				  LOG_STR("error", strerror(-r)));
		arena_done(&e->scratch);
	}
}

static void
load_next_kind(struct load *l)
{
	l->next = (struct store_key){.kind = (uint8_t)*l->kind};
}

static void
load_did(void *arg, int result)
{
	struct load *l = arg;
	struct engine *e = l->e;

	l->reading = false;
	if (e->stopping)
		return;
	if (result < 0) {
		log_event(e->deps.log, LOG_ERROR, "alert_load",
			  LOG_STR("error", strerror(-result)));
		loop_timer_set(&l->again, ENGINE_AGAIN_MS);
		return;
	}
	load_rows(l);
	arena_done(&l->arena);
	if (!l->more) {
		l->kind++;
		load_next_kind(l);
	}
	if (*l->kind != '\0') {
		load_begin(l);
		return;
	}
	log_event(e->deps.log, LOG_INFO, "alert_loaded",
		  LOG_INT("incidents", (int64_t)HASH_CNT(by_id, e->incidents)),
		  LOG_INT("groups", (int64_t)HASH_CNT(by_id, e->groups)));
	engine_load_free(e);
	engine_loaded(e);
}

static void
load_begin(void *arg)
{
	struct load *l = arg;

	arena_done(&l->arena);
	l->job = (struct store_job){
		.fn = load_read,
		.done = load_did,
		.arg = l,
		.loop = l->e->deps.loop,
	};
	l->reading = store_read(l->e->store, &l->job) == 0;
	if (!l->reading)
		loop_timer_set(&l->again, LOAD_AGAIN);
}

void
engine_load_start(struct engine *e)
{
	struct load *l = xcalloc(1, sizeof(*l));

	l->e = e;
	l->kind = load_kinds;
	arena_init(&l->arena);
	arena_init(&l->shares);
	loop_timer_init(&l->again, e->deps.loop, load_begin, l);
	e->load = l;
	load_next_kind(l);
	load_begin(l);
}

void
engine_load_free(struct engine *e)
{
	struct load *l = e->load;

	if (l == NULL)
		return;
	must(!l->reading);
	e->load = NULL;
	loop_timer_done(&l->again);
	arena_done(&l->arena);
	HASH_CLEAR(hh, l->shared);
	arena_done(&l->shares);
	free(l);
}
