/*
 * engine_view - what people see. Only what is committed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/xalloc.h"

#define VIEW_HISTORY  1000 /* entries shown */
#define VIEW_PAST     1000 /* rows of one read */
#define VIEW_SILENCES 32   /* shown of one incident */

/* --- one incident --------------------------------------------------------- */

/* The fingerprint of who keeps it quiet; "": nobody. */
static const char *
view_inhibitor(struct engine *e, const struct incident *in,
	       const struct labels *labels, struct arena *arena)
{
	const struct incident *by = NULL;
	struct incident_text text;

	if (in->sides.target != 0)
		by = engine_find_id(e, inhibit_find(e->inhibit, e->rules,
						    labels, in->sides, in->id));
	if (by == NULL)
		return "";
	incident_get_text(by, arena, &text);
	return arena_printf(arena, "%016" PRIx64,
			    labels_fingerprint(&text.labels));
}

/* Why nobody is told of it now; of what is over nobody would be. */
static void
view_marks(struct engine *e, const struct incident *in,
	   const struct labels *labels, struct arena *arena,
	   struct incident_view *ret)
{
	int64_t now = engine_now(e);
	const char **ids, *window;

	if (e->rules == NULL || in->c.state == INCIDENT_RESOLVED)
		return;
	ids = arena_alloc(arena, VIEW_SILENCES * sizeof(*ids));
	ret->silences = ids;
	ret->nsilences = silences_of(e, labels, now, ids, VIEW_SILENCES);
	ret->inhibited_by = view_inhibitor(e, in, labels, arena);
	window = rules_maintenance(e->rules, labels, now);
	ret->maintenance = window != NULL ? window : "";
	ret->muted = engine_is_muted(e, now);
}

static void
view_fill(struct engine *e, const struct incident *in,
	  const struct incident_text *text, struct arena *arena,
	  struct incident_view *ret)
{
	const struct incident_core *c = &in->c;
	const char **receivers =
		arena_alloc(arena, (in->nlinks + 1u) * sizeof(*receivers));

	*ret = (struct incident_view){
		.id = in->id,
		.source = text->source,
		.key = text->key,
		.labels = &text->labels,
		.annotations = &text->annotations,
		.url = text->url,
		.state = c->state,
		.starts_ms = c->starts_ms,
		.changed_ms = c->changed_ms,
		.ends_ms = c->state == INCIDENT_RESOLVED ? c->ends_ms
							 : in->expires_ms,
		.updated_ms = in->heard_ms,
		.flapping = c->flags & INCIDENT_FLAPPING,
		.noise = c->flags & INCIDENT_NOISE,
		.closed = c->flags & INCIDENT_CLOSED,
		.acked_by = in->acked_by != NULL ? in->acked_by : "",
		.acked_ms = c->acked_ms,
		.inhibited_by = "",
		.maintenance = "",
		.receivers = receivers,
	};
	for (size_t i = 0; i < in->nlinks; i++)
		receivers[ret->nreceivers++] = in->links[i].group->receiver;
	view_marks(e, in, &text->labels, arena, ret);
}

static bool
filter_has_labels(const struct engine_filter *f, const struct labels *labels)
{
	return f == NULL || f->matchers == NULL ||
	       matchers_match(f->matchers, labels, NULL);
}

static bool
filter_wants(const struct engine_filter *f, const struct incident *in)
{
	if (f == NULL)
		return true;
	if (f->states != 0 && !(f->states & 1u << in->c.state))
		return false;
	if (f->receiver == NULL)
		return true;
	for (size_t i = 0; i < in->nlinks; i++)
		if (strcmp(in->links[i].group->receiver, f->receiver) == 0)
			return true;
	return false;
}

/* --- all of them ------------------------------------------------------------ */

uint64_t
engine_each(struct engine *e, const struct engine_filter *f, uint64_t from,
	    size_t max, engine_see_fn *fn, void *arg)
{
	struct incident_text text;
	struct incident_view view;
	struct incident *in;
	bool more = true;
	size_t seen = 0;
	uint64_t id;

	while (more && (in = id_index_from(&e->in_order, from, &id)) != NULL) {
		if (seen == max)
			return id;
		from = id + 1;
		if (!filter_wants(f, in))
			continue;
		incident_get_text(in, &e->scratch, &text);
		if (filter_has_labels(f, &text.labels)) {
			seen++;
			view_fill(e, in, &text, &e->scratch, &view);
			more = fn(arg, &view);
		}
		arena_done(&e->scratch);
	}
	return 0;
}

bool
engine_find(struct engine *e, uint64_t id, engine_see_fn *fn, void *arg)
{
	struct incident *in = engine_find_id(e, id);
	struct incident_text text;
	struct incident_view view;

	if (in == NULL)
		return false;
	incident_get_text(in, &e->scratch, &text);
	view_fill(e, in, &text, &e->scratch, &view);
	(void)fn(arg, &view);
	arena_done(&e->scratch);
	return true;
}

/* --- with its history --------------------------------------------------------- */

struct show {
	struct engine *e;
	struct store_job job;
	uint64_t id;
	struct arena arena;
	struct history_entry *v;
	size_t n;
	/* When it is in memory no longer: its record. */
	struct incident past;
	bool has_past;
	engine_show_fn *fn;
	void *arg;
};

static int
show_read_history(struct show *s, struct store_txn *txn)
{
	struct store_key from = engine_key('h', s->id), at;
	struct store_rec rec;
	struct history h;

	s->v = arena_alloc(&s->arena, VIEW_HISTORY * sizeof(s->v[0]));
	while (s->n < VIEW_HISTORY) {
		int r = store_next(txn, &from, &at, &rec);

		if (r == 0 || at.len != 16 ||
		    memcmp(at.bytes, engine_key('h', s->id).bytes, 8) != 0)
			return r < 0 && r != -EBADMSG ? r : 0;
		if (r > 0 &&
		    history_decode(rec.value, rec.len, &s->arena, &h) == 0)
			s->v[s->n++] = (struct history_entry){
				.when_ms = h.when_ms,
				.what = history_what_names[h.what],
				.who = h.who,
				.text = h.text,
			};
		from = at;
		from.bytes[from.len++] = 0;
	}
	return 0;
}

int
incident_read(struct store_txn *txn, const struct store_rec *rec,
	      struct arena *arena, struct incident *ret)
{
	struct incident_who who;
	const void *text;
	size_t len, piece;
	uint8_t *copy;
	int r = incident_decode(rec->value, rec->len, &ret->c, &who, &text,
				&len);

	if (r < 0)
		return r;
	copy = arena_alloc(arena,
			   len + (size_t)rec->pages * STORE_PAGE_MAX + 1);
	if (text != NULL)
		memcpy(copy, text, len);
	for (uint32_t n = 0; text == NULL && n < rec->pages; n++) {
		r = store_page_get(txn, rec->blob, n, copy + len, &piece);
		if (r < 0)
			return r;
		len += piece;
	}
	ret->text = copy;
	ret->text_len = (uint32_t)len;
	ret->acked_by = arena_strdup(arena, who.name);
	ret->heard_ms = ret->c.updated_ms;
	ret->expires_ms = ret->c.expires_ms;
	return 0;
}

static int
show_read(struct store_txn *txn, void *arg)
{
	struct show *s = arg;
	struct store_key key = engine_key('j', s->id);
	struct store_rec rec;

	if (store_get(txn, &key, &rec) == 0) {
		s->has_past =
			incident_read(txn, &rec, &s->arena, &s->past) == 0;
		s->past.id = s->id;
	}
	return show_read_history(s, txn);
}

static void
show_did(void *arg, int result)
{
	struct show *s = arg;
	struct incident *in = engine_find_id(s->e, s->id);
	struct incident_text text;
	struct incident_view view;

	if (in == NULL && s->has_past)
		in = &s->past;
	if (in == NULL && result == 0)
		result = -ENOENT;
	if (result == 0)
		result = incident_text_unpack(in->text, in->text_len, &s->arena,
					      &text);
	if (result == 0)
		view_fill(s->e, in, &text, &s->arena, &view);
	s->fn(s->arg, result, result == 0 ? &view : NULL, s->n, s->v);
	arena_done(&s->arena);
	free(s);
}

void
engine_show(struct engine *e, uint64_t id, engine_show_fn *fn, void *arg)
{
	struct show *s = xcalloc(1, sizeof(*s));

	s->e = e;
	s->id = id;
	s->fn = fn;
	s->arg = arg;
	arena_init(&s->arena);
	s->job = (struct store_job){
		.fn = show_read,
		.done = show_did,
		.arg = s,
		.loop = e->deps.loop,
	};
	if (store_read(e->store, &s->job) < 0) {
		fn(arg, -EAGAIN, NULL, 0, NULL);
		free(s);
	}
}

/* --- what is over -------------------------------------------------------------- */

struct past {
	struct engine *e;
	struct store_job job;
	uint64_t from, next;
	size_t max, n;
	struct arena arena;
	struct incident *v;
	engine_see_fn *fn;
	engine_past_done_fn *done;
	void *arg;
};

static int
past_read_rows(struct store_txn *txn, void *arg)
{
	struct past *p = arg;
	struct store_key from = engine_key('j', p->from), at;
	struct store_rec rec;

	p->v = arena_alloc(&p->arena, p->max * sizeof(p->v[0]));
	for (;;) {
		int r = store_next(txn, &from, &at, &rec);

		if (r == 0 || (r < 0 && r != -EBADMSG))
			return r;
		from = at;
		from.bytes[from.len++] = 0;
		if (r < 0)
			continue;
		if (p->n == p->max) {
			p->next = 0;
			for (int i = 0; i < 8; i++)
				p->next = p->next << 8 | at.bytes[i];
			return 0;
		}
		if (incident_read(txn, &rec, &p->arena, &p->v[p->n]) < 0)
			continue;
		for (int i = 0; i < 8; i++)
			p->v[p->n].id = p->v[p->n].id << 8 | at.bytes[i];
		p->n++;
	}
}

static void
past_did(void *arg, int result)
{
	struct past *p = arg;
	struct incident_text text;
	struct incident_view view;

	for (size_t i = 0; result == 0 && i < p->n; i++) {
		if (incident_text_unpack(p->v[i].text, p->v[i].text_len,
					 &p->arena, &text) < 0)
			continue;
		view_fill(p->e, &p->v[i], &text, &p->arena, &view);
		if (!p->fn(p->arg, &view))
			break;
	}
	p->done(p->arg, result, p->next);
	arena_done(&p->arena);
	free(p);
}

void
engine_each_past(struct engine *e, uint64_t from, size_t max, engine_see_fn *fn,
		 engine_past_done_fn *done, void *arg)
{
	struct past *p = xcalloc(1, sizeof(*p));

	p->e = e;
	p->from = from;
	p->max = max < VIEW_PAST ? max : VIEW_PAST;
	p->fn = fn;
	p->done = done;
	p->arg = arg;
	arena_init(&p->arena);
	p->job = (struct store_job){
		.fn = past_read_rows,
		.done = past_did,
		.arg = p,
		.loop = e->deps.loop,
	};
	if (store_read(e->store, &p->job) < 0) {
		done(arg, -EAGAIN, from);
		free(p);
	}
}
