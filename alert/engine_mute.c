/*
 * engine_mute - nobody is told for a while. It says so at both ends, ends by
 * itself, and tells at its end what came and went meanwhile.
 *
 *	none --mute--> ON, UNSAID --said--> ON --unmute, time--> ENDED
 *	ENDED --said--> none
 *
 * Each arrow is one commit of the record, and "said" is that of the messages
 * that say it: killed at any point, what is unsaid is said after the start. Whose
 * end is unsaid keeps what its digest is made of; muted anew, it goes on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "base/must.h"
#include "base/xalloc.h"

#define MUTE_FORMAT 2

enum mute_record_flag { MUTE_RECORD_SAID = 1 << 0, MUTE_RECORD_ENDED = 1 << 1 };

struct muting {
	struct work work;
	bool begins, by_time;
	bool edits; /* the record, in the job */
	struct mute mute;
	char who[128]; /* ends it; "": time */
	engine_done_fn *done;
	void *arg;
};

/* --- the record ------------------------------------------------------------------ */

static struct store_key
mute_key(void)
{
	return (struct store_key){.kind = 'a', .len = 4, .bytes = "mute"};
}

static void
mute_put(struct engine *e, const struct mute *m)
{
	struct put *p = job_put(e, mute_key());
	struct pack pk = {.out = &e->job.bytes};

	e->muting.edited = true;
	p->any = true;
	if (m->until_ms == 0) {
		p->what = PUT_DELETE;
		return;
	}
	pack_u8(&pk, MUTE_FORMAT);
	pack_u8(&pk, (uint8_t)((m->said ? MUTE_RECORD_SAID : 0) |
			       (m->ended ? MUTE_RECORD_ENDED : 0)));
	pack_u64(&pk, (uint64_t)m->until_ms);
	pack_u64(&pk, (uint64_t)m->since_ms);
	pack_str(&pk, m->reason);
	pack_str(&pk, m->who);
	must(!pk.bad);
	put_seal(e, p);
}

int
mute_load(struct engine *e, const void *value, size_t len)
{
	struct mute m = {.until_ms = 0};
	struct unpack u;
	uint8_t flags;

	unpack_init(&u, value, len);
	if (unpack_u8(&u) != MUTE_FORMAT)
		return -EPROTONOSUPPORT;
	flags = unpack_u8(&u);
	m.said = flags & MUTE_RECORD_SAID;
	m.ended = flags & MUTE_RECORD_ENDED;
	m.until_ms = (int64_t)unpack_u64(&u);
	m.since_ms = (int64_t)unpack_u64(&u);
	snprintf(m.reason, sizeof(m.reason), "%s", unpack_str(&u, &e->scratch));
	snprintf(m.who, sizeof(m.who), "%s", unpack_str(&u, &e->scratch));
	if (!unpack_end(&u))
		return -EBADMSG;
	e->mute = m;
	return 0;
}

bool
mute_waits_for(const struct engine *e, const struct incident *in)
{
	return e->mute.until_ms != 0 && in->c.changed_ms >= e->mute.since_ms;
}

/* The job that changes the record is over. */
static void
mute_became(struct engine *e, const struct mute *m, int result)
{
	e->muting.edited = false;
	if (result == 0) {
		e->mute = *m;
		e->muting.changes++;
	}
}

/* What the store would not take, or nobody could write, is tried again. */
static void
mute_later(struct engine *e, int result)
{
	if (result < 0)
		e->muting.later_mono_ms =
			clock_mono_ms(e->deps.clock) + ENGINE_MINUTE;
	engine_turn_soon(e);
}

/* --- said at both ends ------------------------------------------------------------ */

/* Is it over, and was nobody told of it, since nobody was to be? */
static bool
mute_missed(const struct incident *in, const struct mute *m)
{
	const struct incident_core *c = &in->c;
	bool told = false;

	if (c->state == INCIDENT_OPEN || c->flags & INCIDENT_QUIET ||
	    c->changed_ms < m->since_ms || c->opened_ms > m->until_ms)
		return false;
	for (size_t i = 0; i < in->nlinks; i++) {
		const struct link *link = &in->links[i];

		for (uint32_t k = 0; k < link->group->nnotices; k++)
			told |= notice_both(link->group->notices[k],
					    link->slot) != 0;
	}
	return !told;
}

static bool
incident_is_at(const struct incident *in, const char *receiver)
{
	for (size_t i = 0; i < in->nlinks; i++)
		if (strcmp(in->links[i].group->receiver, receiver) == 0)
			return true;
	return false;
}

/* Of RECEIVER's incidents: what was missed, and how many are open. */
static void
mute_list(struct engine *e, const struct rules_receiver *r,
	  const struct mute *m, struct arena *arena, struct announce *a)
{
	struct incident *in, *next;

	a->v = arena_alloc(arena, ENGINE_LISTED_MAX * sizeof(a->v[0]));
	HASH_ITER(by_id, e->incidents, in, next)
	{
		struct incident_text *text;

		if (!incident_is_at(in, r->name))
			continue;
		a->nfiring += in->c.state == INCIDENT_OPEN;
		if (!mute_missed(in, m))
			continue;
		a->nresolved += in->c.state == INCIDENT_RESOLVED;
		a->nstale += in->c.state == INCIDENT_STALE;
		if (a->n == ENGINE_LISTED_MAX)
			continue;
		text = arena_alloc(arena, sizeof(*text));
		incident_get_text(in, arena, text);
		a->v[a->n++] = (struct render_alert){
			.labels = &text->labels,
			.annotations = &text->annotations,
			.state = in->c.state,
			.url = text->url,
			.starts_ms = in->c.starts_ms,
			.ends_ms = in->c.ends_ms,
			.is_new = true,
			.incident = in->id,
		};
	}
}

/* The group of Belfry's own words to R; NULL: it is still to be made. */
static struct alert_group *
mute_group(struct engine *e, const struct rules_receiver *r, bool makes)
{
	struct labels none = {.n = 0};
	uint8_t print[GROUP_PRINT];
	struct alert_group *g;

	group_print(r->name, &none, GROUP_OWN, print);
	g = group_find_print(e, print);
	if (g == NULL && makes)
		g = job_new_group(e, r->name, &none, GROUP_OWN, print);
	return g;
}

/* That of the route hears in any case, the others of what they missed. */
static void
mute_say_to(struct flush *f, const struct rules_receiver *r)
{
	struct engine *e = f->e;
	const struct mute *m = &e->mute;
	struct announce *a = arena_alloc(&f->arena, sizeof(*a));

	a->kind = m->ended ? NOTICE_MUTE_END : NOTICE_MUTE_BEGIN;
	if (m->ended)
		mute_list(e, r, m, &f->arena, a);
	if (r != rules_root(e->rules)->receiver &&
	    a->nresolved + a->nstale == 0)
		return;
	a->subject = "Mute of alerts"; /* one thread */
	a->why = "mute";
	a->since_ms = m->since_ms;
	a->until_ms = m->until_ms;
	a->who = arena_strdup(&f->arena, m->who);
	a->note = arena_strdup(&f->arena, m->reason);
	a->next_ms = m->ended ? 0 : m->until_ms;
	a->next_what = m->ended ? NULL : "end of the mute";
	flush_announce(f, mute_group(e, r, false), r, a);
}

/* Groups that are missing are made by a job of their own. */
static int
mute_groups_prepare(struct engine *e, struct work *w)
{
	const struct rules_receiver *v;
	size_t n = rules_receivers(e->rules, &v);

	(void)w;
	for (size_t i = 0; i < n; i++)
		(void)mute_group(e, &v[i], true);
	return 0;
}

static void
mute_groups_done(struct engine *e, struct work *w, int result)
{
	e->muting.saying = false;
	mute_later(e, result);
	free(w);
}

static void
mute_make_groups(struct engine *e)
{
	struct work *w = xcalloc(1, sizeof(*w));

	w->prepare = mute_groups_prepare;
	w->done = mute_groups_done;
	w->need = STORE_NEED_RESULT;
	w->bytes = 4096;
	engine_submit(e, w);
}

/* All who may be told at once, or nobody yet. */
static void
mute_say(struct engine *e)
{
	const struct rules_receiver *v;
	size_t n = rules_receivers(e->rules, &v);
	struct flush *f;

	for (size_t i = 0; i < n; i++) {
		const struct alert_group *g = mute_group(e, &v[i], false);

		if (g == NULL) {
			e->muting.saying = true;
			mute_make_groups(e);
			return;
		}
		if (g->busy)
			return;
	}
	f = flush_new(e, engine_now(e));
	f->says_mute = true;
	f->mute_changes = e->muting.changes;
	for (size_t i = 0; i < n; i++)
		mute_say_to(f, &v[i]);
	e->muting.saying = true;
	flush_start(f);
}

/* What the mute is once F has said it. */
static struct mute
mute_said(const struct engine *e)
{
	struct mute m = e->mute;

	if (m.ended)
		return (struct mute){.until_ms = 0};
	m.said = true;
	return m;
}

int
mute_may_say(const struct engine *e, const struct flush *f)
{
	if (e->muting.edited)
		return WORK_LATER;
	return f->mute_changes == e->muting.changes ? 0 : -ECANCELED;
}

void
mute_put_said(struct engine *e)
{
	const struct mute m = mute_said(e);

	mute_put(e, &m);
}

void
mute_was_said(struct engine *e, int result)
{
	const struct mute m = mute_said(e);

	e->muting.saying = false;
	if (result == -ECANCELED)
		return;
	mute_became(e, &m, result);
	mute_later(e, result);
	/* What waited for the digest may go. */
	if (result == 0)
		engine_look_all(e);
}

/* --- begun, ended ------------------------------------------------------------------ */

static int
muting_prepare(struct engine *e, struct work *w)
{
	struct muting *g = (struct muting *)w;
	const struct mute *now = &e->mute;

	g->edits = false;
	if (!e->loaded)
		return -EAGAIN;
	if (e->muting.edited)
		return WORK_LATER;
	if (g->begins && g->mute.until_ms <= engine_now(e))
		return -EINVAL;
	if (!g->begins && (now->until_ms == 0 || now->ended))
		return -EALREADY;
	/* It was prolonged meanwhile. */
	if (g->by_time && now->until_ms > engine_now(e))
		return 1;
	if (g->begins) {
		g->mute.since_ms =
			now->until_ms != 0 ? now->since_ms : engine_now(e);
	} else {
		g->mute = *now;
		g->mute.ended = true;
		g->mute.until_ms = engine_now(e);
		if (g->who[0] != '\0')
			memcpy(g->mute.who, g->who, sizeof(g->who));
	}
	g->edits = true;
	mute_put(e, &g->mute);
	return 0;
}

static void
muting_done(struct engine *e, struct work *w, int result)
{
	struct muting *g = (struct muting *)w;

	if (g->edits)
		mute_became(e, &g->mute, result);
	if (g->by_time) {
		e->muting.ending = false;
		mute_later(e, result);
	}
	if (result == 0)
		engine_look_all(e);
	engine_turn_soon(e);
	if (g->done != NULL)
		g->done(g->arg, result);
	free(g);
}

static struct muting *
muting_new(engine_done_fn *done, void *arg)
{
	struct muting *g = xcalloc(1, sizeof(*g));

	g->done = done;
	g->arg = arg;
	g->work.prepare = muting_prepare;
	g->work.done = muting_done;
	g->work.need = STORE_NEED_RESULT;
	g->work.bytes = 4096;
	return g;
}

void
engine_mute(struct engine *e, int64_t until_ms, const char *reason,
	    const char *who, engine_done_fn *done, void *arg)
{
	struct muting *g = muting_new(done, arg);

	g->begins = true;
	g->mute.until_ms = until_ms;
	snprintf(g->mute.reason, sizeof(g->mute.reason), "%s", reason);
	snprintf(g->mute.who, sizeof(g->mute.who), "%s", who);
	engine_submit(e, &g->work);
}

void
engine_unmute(struct engine *e, const char *who, engine_done_fn *done,
	      void *arg)
{
	struct muting *g = muting_new(done, arg);

	snprintf(g->who, sizeof(g->who), "%s", who);
	engine_submit(e, &g->work);
}

static void
mute_end_by_time(struct engine *e)
{
	struct muting *g = muting_new(NULL, NULL);

	g->by_time = true;
	e->muting.ending = true;
	engine_submit(e, &g->work);
}

void
mute_turn(struct engine *e, int64_t now)
{
	const struct mute *m = &e->mute;

	if (m->until_ms == 0 ||
	    clock_mono_ms(e->deps.clock) < e->muting.later_mono_ms)
		return;
	if (!m->ended && m->until_ms <= now && !e->muting.ending)
		mute_end_by_time(e);
	else if ((m->ended || !m->said) && !e->muting.saying &&
		 e->nreroutes == 0)
		mute_say(e);
}
