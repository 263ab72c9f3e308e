/*
 * engine_take - what a source says becomes incidents.
 *
 * A re-post that changes nothing but the expiry is answered from memory: its
 * fact is durable already, and the stored expiry is coarse.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "alert/engine_own.h"
#include "alert/severity.h"
#include "base/log.h"
#include "base/must.h"
#include "base/xalloc.h"

#define TAKE_EACH 1024 /* of an alert in the store, besides its text */

struct taken {
	uint8_t print[INCIDENT_PRINT];
	enum alert_status status;
	bool sign; /* of life, and nothing else */
	int64_t starts_ms, ends_ms;
	struct source *source;
	uint8_t *text; /* owned */
	uint32_t len;
};

struct take {
	struct work work;
	engine_done_fn *done;
	void *arg;
	size_t n, bytes;
	bool refused; /* some of it: there is no room */
	struct taken v[];
};

static void
take_done(struct engine *e, struct work *w, int result)
{
	struct take *t = (struct take *)w;

	if (result == 0 && t->refused)
		result = -EAGAIN;
	e->nwaiting -= t->n;
	e->waiting_text -= t->bytes;
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].text);
	if (t->done != NULL)
		t->done(t->arg, result);
	free(t);
}

/* --- room ------------------------------------------------------------------- */

/* Below this share of a limit there is room again. */
static bool
below(uint64_t n, int64_t limit)
{
	return n <= (uint64_t)limit - (uint64_t)limit / 16;
}

static void
take_say_full(struct engine *e, bool full, size_t n)
{
	if (full == e->full)
		return;
	e->full = full;
	log_event(e->deps.log, full ? LOG_WARNING : LOG_INFO,
		  full ? "alert_full" : "alert_room",
		  LOG_INT("incidents", (int64_t)n),
		  LOG_INT("bytes", (int64_t)e->held_bytes));
}

static bool
taken_is_of(const struct taken *a, enum source_kind kind)
{
	return strcmp(a->source->name, source_kind_names[kind]) == 0;
}

/* Any user of this machine may say any number of things: others have the last
 * quarter of LIMIT for themselves. */
static size_t
take_limit(const struct taken *a, int64_t limit)
{
	return (size_t)(taken_is_of(a, SOURCE_CLI) ? limit - limit / 4 : limit);
}

/* For A, of IN (NULL: a new one)? What Belfry says itself is little, and about
 * just such things. */
static bool
take_has_room(struct engine *e, const struct taken *a,
	      const struct incident *in)
{
	const struct rules_settings *s = rules_settings(e->rules);
	size_t n = HASH_CNT(by_id, e->incidents) +
		   HASH_CNT(by_print, e->fresh_incidents);
	size_t bytes = e->held_bytes + e->fresh_bytes;
	size_t more = incident_bytes(a->len), had = 0;

	if (in != NULL)
		had = incident_bytes(in->edit != NULL && in->edit->text != NULL
					     ? in->edit->text_len
					     : in->text_len);
	if (taken_is_of(a, SOURCE_OWN) || more <= had)
		return true;
	if ((in == NULL && n >= take_limit(a, s->incidents_max)) ||
	    bytes + (more - had) > take_limit(a, s->bytes_max)) {
		if (!taken_is_of(a, SOURCE_CLI))
			take_say_full(e, true, n);
		return false;
	}
	if (below(n, s->incidents_max) && below(bytes, s->bytes_max))
		take_say_full(e, false, n);
	e->fresh_bytes += more - had;
	return true;
}

/* --- what it changes -------------------------------------------------------- */

/* The source lets it go at; 0: never. */
static int64_t
taken_expires(const struct engine *e, const struct taken *a, int64_t now)
{
	int64_t timeout = engine_resolve_timeout(e, a->source->name);

	if (a->ends_ms > 0)
		return a->ends_ms;
	return timeout > 0 ? now + timeout : 0;
}

/* How bad is what has LABELS? What the rules call critical is above all. */
static uint8_t
labels_level(const struct engine *e, const struct labels *labels)
{
	if (rules_is_critical(e->rules, labels))
		return SEVERITY_NSEVERITY;
	return (uint8_t)severity_of(labels_get(labels, "severity"));
}

/* Does somebody know by N how bad what stands in SLOT is, or soon? */
static bool
notice_says_level(const struct notice *n, uint32_t slot)
{
	uint8_t both = notice_both(n, slot);
	enum told told = told_of(both), to = told_pending(both);

	if (both & TOLD_HELD)
		return false;
	return told == TOLD_FIRING || told == TOLD_FLAPPING ||
	       told == TOLD_ACKED ||
	       (n->c.message != 0 &&
		(to == TOLD_FIRING || to == TOLD_FLAPPING));
}

/* A silence, a night, a rate or its group's wait may be why nobody does. */
static bool
incident_is_heard(const struct incident *in)
{
	for (size_t i = 0; i < in->nlinks && !in->suppressed; i++) {
		const struct alert_group *g = in->links[i].group;

		for (uint32_t k = 0; k < g->nnotices; k++)
			if (notice_says_level(g->notices[k], in->links[i].slot))
				return true;
	}
	return false;
}

/* Does it say by TO what is more urgent than ever? Somebody's own words are no
 * less than any but the worst. */
static bool
taken_is_worse(struct engine *e, struct incident *in, const struct labels *from,
	       const struct labels *to)
{
	struct incident_core *c = &job_incident(e, in)->c;
	uint8_t was = labels_level(e, from), is = labels_level(e, to);

	if (c->worst > was)
		was = c->worst;
	/* The worst that nobody knows of counts for nothing. */
	if (c->acked_ms != 0 || incident_is_heard(in))
		c->worst = was;
	return is > was &&
	       (was != SEVERITY_UNKNOWN || is == SEVERITY_NSEVERITY);
}

/* True: the labels changed, so that it is routed anew. */
static bool
taken_set_text(struct engine *e, struct incident *in, struct taken *a,
	       bool *ret_worse)
{
	struct incident_edit *ed = job_incident(e, in);
	struct incident_text old, new;
	bool moved;

	must(incident_text_unpack(a->text, a->len, &e->scratch, &new) == 0);
	if (ed->text != NULL)
		must(incident_text_unpack(ed->text, ed->text_len, &e->scratch,
					  &old) == 0);
	else
		incident_get_text(in, &e->scratch, &old);
	moved = !labels_equal(&old.labels, &new.labels);
	*ret_worse = taken_is_worse(e, in, &old.labels, &new.labels);
	free(ed->text);
	ed->text = a->text;
	ed->text_len = a->len;
	a->text = NULL;
	if (moved)
		job_history(e, in, HISTORY_CHANGED, "", "%s",
			    *ret_worse ? "its severity" : "its labels");
	return moved;
}

static bool
taken_is_same_text(const struct incident *in, const struct taken *a)
{
	const uint8_t *text = in->text;
	uint32_t len = in->text_len;

	if (in->edit != NULL && in->edit->text != NULL) {
		text = in->edit->text;
		len = in->edit->text_len;
	}
	return len == a->len && memcmp(text, a->text, len) == 0;
}

static void
take_new(struct engine *e, struct taken *a, int64_t now)
{
	struct incident *in = job_new_incident(e, a->print);
	struct incident_edit *ed = in->edit;

	in->source = a->source;
	in->expires_ms = taken_expires(e, a, now);
	in->heard_ms = now;
	ed->c.state = INCIDENT_OPEN;
	ed->c.starts_ms = a->starts_ms > 0 ? a->starts_ms : now;
	ed->c.changed_ms = ed->c.opened_ms = now;
	ed->c.updated_ms = now;
	ed->c.expires_ms = in->expires_ms;
	memcpy(ed->c.print, a->print, INCIDENT_PRINT);
	ed->text = a->text;
	ed->text_len = a->len;
	a->text = NULL;
	engine_note_change(e, in);
	job_history(e, in, HISTORY_OPENED, "", "reported by %s",
		    in->source->name);
	engine_incident_opened(e, in);
}

static void
take_drop_ack(struct incident_edit *ed)
{
	ed->c.acked_ms = 0;
	free(ed->acked_by);
	free(ed->note);
	ed->acked_by = ed->note = NULL;
}

/* It is more than people were told, or have seen to. */
static void
take_worse(struct engine *e, struct incident *in)
{
	take_drop_ack(job_incident(e, in));
	engine_note_change(e, in);
	incident_is_worse(e, in);
}

static void
take_reopen(struct engine *e, struct incident *in, const struct taken *a,
	    int64_t now)
{
	struct incident_edit *ed = job_incident(e, in);
	bool was_stale = ed->c.state == INCIDENT_STALE;

	/* Whoever saw to it was told that it is no longer reported. */
	if (!was_stale || !(ed->c.flags & INCIDENT_QUIET))
		take_drop_ack(ed);
	ed->c.state = INCIDENT_OPEN;
	ed->c.flags &=
		(uint8_t) ~(INCIDENT_QUIET | INCIDENT_CLOSED | INCIDENT_ENDED);
	ed->c.changed_ms = now;
	ed->c.ends_ms = 0;
	if (!was_stale) {
		ed->c.worst = SEVERITY_UNKNOWN;
		ed->c.opened_ms = now;
		ed->c.starts_ms = a->starts_ms > 0 ? a->starts_ms : now;
		engine_note_change(e, in);
	}
	job_history(e, in, HISTORY_REOPENED, "", "reported by %s",
		    in->source->name);
	engine_incident_opened(e, in);
}

/* Somebody closed it, and the source goes on about what was before that. Two
 * that watch the same don't agree on when it began. */
static bool
taken_is_closed(const struct incident_core *c, const struct taken *a)
{
	return c->state == INCIDENT_RESOLVED && (c->flags & INCIDENT_CLOSED) &&
	       !(c->flags & INCIDENT_ENDED) && a->starts_ms > 0 &&
	       a->starts_ms <= c->changed_ms;
}

/* What was closed is over for its source, too. */
static void
take_ended(struct engine *e, struct incident *in)
{
	const struct incident_core *c = job_core(in);

	if (!(c->flags & INCIDENT_CLOSED) || (c->flags & INCIDENT_ENDED))
		return;
	job_incident(e, in)->c.flags |= INCIDENT_ENDED;
	job_history(e, in, HISTORY_RESOLVED, "", "reported by %s",
		    in->source->name);
}

/* Is the expiry that the record of C has no longer good enough for the next
 * life? AT is what it is now. */
static bool
taken_expires_otherwise(const struct incident_core *c, int64_t at)
{
	return (c->expires_ms == 0) != (at == 0) ||
	       at - c->expires_ms > ENGINE_COARSE_MS;
}

/* False: it says something new, for which there is no room. That it still fires
 * is known then. */
static bool
take_firing(struct engine *e, struct taken *a, int64_t now)
{
	struct incident *in = engine_find_print(e, a->print);
	const struct incident_core *c;
	bool moved = false, worse = false, room = true;

	if (in == NULL) {
		room = take_has_room(e, a, NULL);
		if (room)
			take_new(e, a, now);
		return room;
	}
	c = job_core(in);
	in->heard_ms = now;
	in->expires_ms = taken_expires(e, a, now);
	if (taken_is_closed(c, a))
		return true;
	if (!taken_is_same_text(in, a)) {
		room = take_has_room(e, a, in);
		moved = room && taken_set_text(e, in, a, &worse);
	}
	if (worse)
		take_worse(e, in);
	if (c->state != INCIDENT_OPEN)
		take_reopen(e, in, a, now);
	else if (moved)
		engine_incident_opened(e, in);
	else if (now - c->updated_ms >= ENGINE_COARSE_MS ||
		 taken_expires_otherwise(c, in->expires_ms))
		job_incident(e, in);
	if (in->edit != NULL && !in->edit->idle) {
		in->edit->c.updated_ms = now;
		in->edit->c.expires_ms = in->expires_ms;
	} else {
		engine_plan(e, in);
	}
	return room;
}

static void
take_resolved(struct engine *e, struct taken *a, int64_t now)
{
	struct incident *in = engine_find_print(e, a->print);
	struct incident_edit *ed;

	if (in == NULL)
		return;
	if (job_core(in)->state == INCIDENT_RESOLVED) {
		take_ended(e, in);
		return;
	}
	in->heard_ms = now;
	ed = job_incident(e, in);
	ed->c.state = INCIDENT_RESOLVED;
	ed->c.ends_ms = a->ends_ms > 0 && a->ends_ms <= now ? a->ends_ms : now;
	ed->c.changed_ms = now;
	ed->c.updated_ms = now;
	ed->c.flags &= (uint8_t)~INCIDENT_QUIET;
	engine_note_change(e, in);
	job_history(e, in, HISTORY_RESOLVED, "", "reported by %s",
		    in->source->name);
	engine_incident_over(e, in, true);
}

static int
take_prepare(struct engine *e, struct work *w)
{
	struct take *t = (struct take *)w;
	int64_t now = engine_now(e);

	if (!e->loaded)
		return -EAGAIN;
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].sign)
			; /* that it came is all */
		else if (t->v[i].status == ALERT_FIRING)
			t->refused |= !take_firing(e, &t->v[i], now);
		else
			take_resolved(e, &t->v[i], now);
		engine_source_heard(e, t->v[i].source, now);
		arena_done(&e->scratch);
	}
	if (t->refused)
		metric_full(e);
	return 0;
}

/* --- the copy --------------------------------------------------------------- */

static int
taken_copy(struct engine *e, const struct alert *from, struct taken *to)
{
	char print[17];
	const char *key = from->key;
	struct buf text;
	int r;

	if (key == NULL || key[0] == '\0') {
		snprintf(print, sizeof(print), "%016llx",
			 (unsigned long long)labels_fingerprint(&from->labels));
		key = print;
	}
	incident_print(from->source, key, to->print);
	to->status = from->status;
	to->starts_ms = from->starts_ms;
	to->ends_ms = from->ends_ms;
	to->source = engine_source(e, from->source);
	buf_init(&text, 2 * INCIDENT_TEXT_MAX);
	r = incident_text_pack(from, key, &text);
	if (r < 0) {
		buf_done(&text);
		return r;
	}
	to->len = (uint32_t)text.len;
	to->text = xmemdup(text.data, text.len);
	buf_done(&text);
	return 0;
}

/* Refused before anything was kept. */
static int
refuse_prepare(struct engine *e, struct work *w)
{
	(void)e;
	return w->result;
}

/* That there is no room is to be told. */
static enum store_need
take_need(const struct alert *v, size_t n)
{
	bool own =
		n == 1 && strcmp(v->source, source_kind_names[SOURCE_OWN]) == 0;

	return own ? STORE_NEED_NOTICE : STORE_NEED_ALERT;
}

void
engine_take(struct engine *e, const struct alert *v, size_t n,
	    engine_done_fn *done, void *arg)
{
	struct take *t = xcalloc(1, sizeof(*t) + n * sizeof(t->v[0]));
	int r = 0;

	t->done = done;
	t->arg = arg;
	t->work.prepare = take_prepare;
	t->work.done = take_done;
	t->work.need = take_need(v, n);
	if (!e->loaded || e->nwaiting + n > ENGINE_WAITING_MAX)
		r = -EAGAIN;
	for (size_t i = 0; r == 0 && i < n; i++) {
		t->n = i + 1;
		t->v[i].sign = e->deps.hear != NULL &&
			       e->deps.hear(e->deps.hear_ctx, &v[i]);
		r = taken_copy(e, &v[i], &t->v[i]);
		t->bytes += t->v[i].len;
		if (e->waiting_text + t->bytes > ENGINE_WAITING_TEXT)
			r = -EAGAIN;
	}
	if (r < 0) {
		t->work.result = r;
		t->work.prepare = refuse_prepare;
	}
	e->nwaiting += t->n;
	e->waiting_text += t->bytes;
	t->work.bytes = n * TAKE_EACH + t->bytes;
	engine_submit(e, &t->work);
}
