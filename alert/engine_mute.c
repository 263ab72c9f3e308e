/*
 * engine_mute - nobody is told for a while. It says so at both ends, ends by
 * itself, and tells at its end what came and went meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "base/must.h"
#include "base/xalloc.h"

#define MUTE_FORMAT 1

struct muting {
	struct work work;
	bool begins;
	struct mute mute, before;
	char who[128]; /* ends it; "": time */
	engine_done_fn *done;
	void *arg;
};

static struct store_key
mute_key(void)
{
	return (struct store_key){.kind = 'a', .len = 4, .bytes = "mute"};
}

static void
mute_encode(const struct mute *m, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, MUTE_FORMAT);
	pack_u64(&p, (uint64_t)m->until_ms);
	pack_u64(&p, (uint64_t)m->since_ms);
	pack_str(&p, m->reason);
	pack_str(&p, m->who);
	must(!p.bad);
}

int
mute_load(struct engine *e, const void *value, size_t len)
{
	struct mute m = {.until_ms = 0};
	struct unpack u;

	unpack_init(&u, value, len);
	if (unpack_u8(&u) != MUTE_FORMAT)
		return -EPROTONOSUPPORT;
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

/* --- said at both ends ------------------------------------------------------------ */

/* Did it come and go while nobody was told? */
static bool
mute_missed(const struct incident *in, const struct mute *m)
{
	const struct incident_core *c = &in->c;
	bool told = false;

	if (c->state != INCIDENT_RESOLVED || c->changed_ms < m->since_ms ||
	    c->opened_ms < m->since_ms)
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
		a->nresolved++;
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

/* The group of Belfry's own words to R. */
static struct alert_group *
mute_group(struct engine *e, const struct rules_receiver *r)
{
	struct labels none = {.n = 0};
	uint8_t print[GROUP_PRINT];
	struct alert_group *g;

	group_print(r->name, &none, GROUP_OWN, print);
	g = group_find_print(e, print);
	return g != NULL ? g
			 : job_new_group(e, r->name, &none, GROUP_OWN, print);
}

/* The groups are made with the mute itself; what is said follows. */
static void
mute_groups(struct engine *e)
{
	const struct rules_receiver *v;
	size_t n = rules_receivers(e->rules, &v);

	for (size_t i = 0; i < n; i++)
		(void)mute_group(e, &v[i]);
}

static void
mute_say(struct engine *e, struct flush *f, const struct rules_receiver *r,
	 const struct mute *m, bool begins)
{
	bool is_root = r == rules_root(e->rules)->receiver;
	struct announce *a = arena_alloc(&f->arena, sizeof(*a));
	struct labels none = {.n = 0};
	uint8_t print[GROUP_PRINT];
	struct alert_group *g;

	a->kind = begins ? NOTICE_MUTE_BEGIN : NOTICE_MUTE_END;
	if (!begins)
		mute_list(e, r, m, &f->arena, a);
	if (!is_root && (begins || a->nresolved == 0))
		return;
	group_print(r->name, &none, GROUP_OWN, print);
	g = group_find_print(e, print);
	if (g == NULL || g->busy || f->ngroups == FLUSH_GROUPS)
		return;
	a->subject = "Mute of alerts"; /* one thread */
	a->why = "mute";
	a->since_ms = m->since_ms;
	a->until_ms = begins ? m->until_ms : engine_now(e);
	a->who = arena_strdup(&f->arena, m->who);
	a->note = arena_strdup(&f->arena, m->reason);
	a->next_ms = begins ? m->until_ms : 0;
	a->next_what = begins ? "end of the mute" : NULL;
	flush_announce(f, g, r, a);
}

static void
mute_announce(struct engine *e, const struct mute *m, bool begins)
{
	struct flush *f = flush_new(e, engine_now(e));
	const struct rules_receiver *v;
	size_t n = rules_receivers(e->rules, &v);

	for (size_t i = 0; i < n; i++)
		mute_say(e, f, &v[i], m, begins);
	flush_start(f);
}

/* --- begun, ended ------------------------------------------------------------------ */

static int
muting_prepare(struct engine *e, struct work *w)
{
	struct muting *g = (struct muting *)w;
	struct put *p;

	if (!e->loaded)
		return -EAGAIN;
	g->before = e->mute;
	if (!g->begins && g->who[0] != '\0')
		memcpy(g->before.who, g->who, sizeof(g->who));
	if (g->begins && g->mute.until_ms <= engine_now(e))
		return -EINVAL;
	if (!g->begins && e->mute.until_ms == 0)
		return -EALREADY;
	p = job_put(e, mute_key());
	p->any = true;
	if (!g->begins) {
		p->what = PUT_DELETE;
		return 0;
	}
	g->mute.since_ms =
		e->mute.until_ms != 0 ? e->mute.since_ms : engine_now(e);
	mute_encode(&g->mute, &e->job.bytes);
	put_seal(e, p);
	mute_groups(e);
	return 0;
}

static void
muting_done(struct engine *e, struct work *w, int result)
{
	struct muting *g = (struct muting *)w;

	if (result == 0) {
		mute_announce(e, g->begins ? &g->mute : &g->before, g->begins);
		e->mute = g->mute;
		engine_look_all(e);
	} else if (!g->begins && g->done == NULL) {
		e->mute_ending = false;
	}
	if (result == 0)
		e->mute_ending = false;
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

/* It ends by itself. */
void
mute_turn(struct engine *e, int64_t now)
{
	if (e->mute.until_ms == 0 || e->mute.until_ms > now || e->mute_ending)
		return;
	e->mute_ending = true;
	engine_submit(e, &muting_new(NULL, NULL)->work);
}
