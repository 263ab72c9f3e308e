/*
 * engine_job - from edits to records, and from what is committed to memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/must.h"
#include "base/xalloc.h"

#define JOB_BYTES (4u << 20)
#define JOB_WORKS 2000
#define JOB_ROW   200 /* of a record, besides its value */

void
job_init(struct engine *e)
{
	struct job *j = &e->job;

	STAILQ_INIT(&j->works);
	STAILQ_INIT(&j->incidents);
	STAILQ_INIT(&j->groups);
	STAILQ_INIT(&j->notices);
	buf_init(&j->bytes, SIZE_MAX);
	arena_init(&j->arena);
}

/* --- edits ---------------------------------------------------------------- */

struct incident_edit *
job_incident_routes(struct engine *e, struct incident *in)
{
	struct incident_edit *ed = in->edit;

	if (ed != NULL)
		return ed;
	ed = arena_alloc(&e->job.arena, sizeof(*ed));
	ed->incident = in;
	ed->c = in->c;
	ed->acked_by = in->acked_by != NULL ? xstrdup(in->acked_by) : NULL;
	ed->note = in->note != NULL ? xstrdup(in->note) : NULL;
	ed->idle = true;
	in->edit = ed;
	STAILQ_INSERT_TAIL(&e->job.incidents, ed, link);
	return ed;
}

struct incident_edit *
job_incident(struct engine *e, struct incident *in)
{
	struct incident_edit *ed = job_incident_routes(e, in);

	if (ed->idle) {
		/* As it is written anyhow. */
		ed->c.updated_ms = in->heard_ms;
		ed->c.expires_ms = in->expires_ms;
	}
	ed->idle = false;
	return ed;
}

void
job_intent(struct engine *e, struct intent *lead)
{
	struct job *j = &e->job;

	if (j->nintents == j->intents_cap) {
		j->intents_cap = j->intents_cap > 0 ? 2 * j->intents_cap : 64;
		j->intents = xreallocarray(j->intents, j->intents_cap,
					   sizeof(struct intent *));
	}
	j->intents[j->nintents++] = lead;
}

const struct incident_core *
job_core(const struct incident *in)
{
	return in->edit != NULL ? &in->edit->c : &in->c;
}

struct incident *
job_new_incident(struct engine *e, const uint8_t *print)
{
	struct incident *in = xcalloc(1, sizeof(*in));

	in->id = store_new_id(e->store);
	in->due.kind = DUE_INCIDENT;
	memcpy(in->c.print, print, INCIDENT_PRINT);
	HASH_ADD(by_print, e->fresh_incidents, c.print, INCIDENT_PRINT, in);
	job_incident(e, in)->is_new = true;
	return in;
}

static struct group_edit *
job_group_idle(struct engine *e, struct alert_group *g)
{
	struct group_edit *ed = g->edit;

	if (ed != NULL)
		return ed;
	ed = arena_alloc(&e->job.arena, sizeof(*ed));
	ed->group = g;
	ed->c = g->c;
	ed->had_due_ms = g->c.due_ms;
	ed->idle = true;
	g->edit = ed;
	STAILQ_INSERT_TAIL(&e->job.groups, ed, link);
	return ed;
}

struct group_edit *
job_group(struct engine *e, struct alert_group *g)
{
	struct group_edit *ed = job_group_idle(e, g);

	ed->idle = false;
	return ed;
}

void
job_group_want(struct engine *e, struct alert_group *g, int64_t when)
{
	struct group_edit *ed = job_group_idle(e, g);

	if (ed->want_ms == 0 || when < ed->want_ms)
		ed->want_ms = when;
	if (ed->c.due_ms != 0 && ed->c.due_ms <= when)
		return;
	ed->c.due_ms = when;
	ed->idle = false;
}

const struct group_core *
job_group_core(const struct alert_group *g)
{
	return g->edit != NULL ? &g->edit->c : &g->c;
}

struct alert_group *
job_new_group(struct engine *e, const char *receiver,
	      const struct labels *labels, uint8_t flags, const uint8_t *print)
{
	struct alert_group *g = xcalloc(1, sizeof(*g));
	struct buf packed;
	struct pack p = {.out = &packed};

	buf_init(&packed, SIZE_MAX);
	labels_pack(&p, labels);
	g->id = store_new_id(e->store);
	g->due.kind = DUE_GROUP;
	g->receiver = engine_name(e, receiver);
	g->labels_len = (uint32_t)packed.len;
	g->labels = (uint8_t *)packed.data;
	memcpy(g->print, print, GROUP_PRINT);
	HASH_ADD(by_print, e->fresh_groups, print, GROUP_PRINT, g);
	g->c.flags = flags;
	g->c.created_ms = engine_now(e);
	job_group(e, g)->is_new = true;
	return g;
}

void
job_move_group(struct engine *e, struct alert_group *g, const char *receiver,
	       const uint8_t *print)
{
	struct group_edit *ed = job_group(e, g);

	must(!ed->is_new && !ed->ended && ed->receiver == NULL);
	ed->receiver = engine_name(e, receiver);
	memcpy(ed->old_print, g->print, GROUP_PRINT);
	/* Where others find it. */
	HASH_DELETE(by_print, e->groups_by_print, g);
	memcpy(g->print, print, GROUP_PRINT);
	HASH_ADD(by_print, e->fresh_groups, print, GROUP_PRINT, g);
}

/* It stays where it was. */
static void
undo_move(struct engine *e, struct group_edit *ed)
{
	struct alert_group *g = ed->group;

	HASH_DELETE(by_print, e->fresh_groups, g);
	memcpy(g->print, ed->old_print, GROUP_PRINT);
	HASH_ADD(by_print, e->groups_by_print, print, GROUP_PRINT, g);
}

struct notice_edit *
job_notice(struct engine *e, struct notice *n, uint32_t slots)
{
	struct notice_edit *ed = n->edit;

	if (ed == NULL) {
		ed = arena_alloc(&e->job.arena, sizeof(*ed));
		ed->notice = n;
		ed->c = n->c;
		ed->n = n->n > slots ? n->n : slots;
		ed->both = xcalloc(ed->n + 1, 1);
		if (n->n > 0)
			memcpy(ed->both, n->both, n->n);
		n->edit = ed;
		STAILQ_INSERT_TAIL(&e->job.notices, ed, link);
	} else if (ed->n < slots) {
		ed->both = xrealloc(ed->both, slots + 1);
		memset(ed->both + ed->n, 0, slots - ed->n);
		ed->n = slots;
	}
	return ed;
}

/* --- committed ------------------------------------------------------------- */

static void
apply_incident(struct engine *e, struct incident_edit *ed)
{
	struct incident *in = ed->incident;
	bool new_text = ed->text != NULL;
	bool other = new_text || in->c.state != ed->c.state;

	if (ed->is_new) {
		HASH_DELETE(by_print, e->fresh_incidents, in);
		HASH_ADD(by_print, e->incidents_by_print, c.print,
			 INCIDENT_PRINT, in);
		HASH_ADD(by_id, e->incidents, id, sizeof(in->id), in);
		id_index_add(&e->in_order, in->id, in);
	} else {
		engine_uncount(e, in);
	}
	if (new_text && in->inhibits)
		inhibit_off(e, in);
	in->c = ed->c;
	in->rises += ed->worse;
	free(in->acked_by);
	free(in->note);
	in->acked_by = ed->acked_by;
	in->note = ed->note;
	ed->acked_by = ed->note = NULL;
	if (ed->text != NULL) {
		free(in->text);
		in->text = ed->text;
		in->text_len = ed->text_len;
		ed->text = NULL;
	}
	engine_count(e, in);
	if (new_text)
		inhibit_set_sides(e, in);
	inhibit_update(e, in);
	if (other)
		incident_look(e, in);
}

static void
apply_puts(struct job *j)
{
	for (size_t i = 0; i < j->n; i++) {
		struct put *p = &j->v[i];

		if (p->intent != NULL && p->intent->skipped)
			continue;
		if (p->ret_version != NULL)
			*p->ret_version = p->version;
		if (p->ret_pages != NULL)
			*p->ret_pages = p->pages;
	}
}

static void
job_apply(struct engine *e)
{
	struct job *j = &e->job;
	struct incident_edit *in;
	struct group_edit *g;
	struct notice_edit *n;

	apply_puts(j);
	STAILQ_FOREACH (in, &j->incidents, link)
		apply_incident(e, in);
	STAILQ_FOREACH (g, &j->groups, link)
		group_apply(e, g);
	STAILQ_FOREACH (in, &j->incidents, link)
		if (in->routes != NULL)
			incident_apply_routes(in->incident, in->routes,
					      in->nroutes);
	STAILQ_FOREACH (n, &j->notices, link)
		notice_apply(e, n);
}

/* What was to be made is not. */
static void
job_undo(struct engine *e)
{
	struct incident_edit *in;
	struct group_edit *g;
	struct notice_edit *n;

	STAILQ_FOREACH (in, &e->job.incidents, link)
		if (in->is_new) {
			HASH_DELETE(by_print, e->fresh_incidents, in->incident);
			incident_free(in->incident);
			in->incident = NULL;
		}
	STAILQ_FOREACH (g, &e->job.groups, link)
		if (g->is_new) {
			HASH_DELETE(by_print, e->fresh_groups, g->group);
			group_free(g->group);
			g->group = NULL;
		} else if (g->receiver != NULL) {
			undo_move(e, g);
		}
	STAILQ_FOREACH (n, &e->job.notices, link)
		if (n->is_new) {
			notice_free(n->notice);
			n->notice = NULL;
		}
}

/* The edits go; what they were of is planned anew. */
static void
job_clear(struct engine *e)
{
	struct job *j = &e->job;
	struct incident_edit *in;
	struct group_edit *g;
	struct notice_edit *n;

	STAILQ_FOREACH (in, &j->incidents, link) {
		free(in->acked_by);
		free(in->note);
		free(in->text);
		if (in->incident == NULL)
			continue;
		in->incident->edit = NULL;
		if (in->past && e->job.store.result == 0)
			engine_forget(e, in->incident);
		else
			engine_plan(e, in->incident);
	}
	STAILQ_FOREACH (n, &j->notices, link) {
		free(n->both);
		if (n->notice != NULL)
			n->notice->edit = NULL;
		if (n->notice != NULL && n->ended && j->store.result == 0)
			notice_free(n->notice);
	}
	STAILQ_FOREACH (g, &j->groups, link) {
		if (g->group == NULL)
			continue;
		g->group->edit = NULL;
		if (g->ended && j->store.result == 0)
			group_forget(e, g->group);
		else
			group_plan(e, g->group);
	}
	STAILQ_INIT(&j->incidents);
	STAILQ_INIT(&j->groups);
	STAILQ_INIT(&j->notices);
	j->n = j->nintents = 0;
	buf_clear(&j->bytes);
	arena_done(&j->arena);
	e->fresh_bytes = 0;
}

static void
works_answer(struct engine *e, struct work_list *list, int result)
{
	struct work *w;

	while ((w = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		w->done(e, w, w->result != 0 ? w->result : result);
	}
}

static void
job_after(void *arg, int result)
{
	struct engine *e = arg;
	struct job *j = &e->job;

	for (size_t i = 0; i < j->nintents; i++)
		intent_after(j->intents[i], result);
}

/* Before any of the groups may be gone. */
static void
job_unjoin(struct job *j)
{
	struct incident_edit *in;

	STAILQ_FOREACH (in, &j->incidents, link)
		for (uint32_t i = 0; i < in->nroutes; i++)
			in->routes[i].group->joining--;
}

static void
job_over(struct engine *e, int result)
{
	struct job *j = &e->job;
	struct work_list works;

	job_unjoin(j);
	j->store.result = result;
	if (result == 0)
		job_apply(e);
	else
		job_undo(e);
	job_clear(e);
	j->out = false;
	STAILQ_INIT(&works);
	STAILQ_CONCAT(&works, &j->works);
	works_answer(e, &works, result);
}

static void
job_committed(void *arg, int result)
{
	struct engine *e = arg;

	job_over(e, result);
	job_step(e);
	/* What it made may be due at once, or before anything else is. */
	engine_turn_soon(e);
}

/* --- prepared -------------------------------------------------------------- */

/* What it will write, roughly: values, texts in pages, messages. */
static size_t
job_bytes(const struct job *j)
{
	size_t bytes = j->bytes.len + JOB_ROW * j->n;

	for (size_t i = 0; i < j->n; i++)
		bytes += j->v[i].text_len;
	for (size_t i = 0; i < j->nintents; i++)
		if (j->intents[i]->publish != NULL)
			bytes += publish_bytes(j->intents[i]->publish);
	return bytes;
}

static void
job_prepare(struct engine *e)
{
	struct job *j = &e->job;
	struct work *w = STAILQ_FIRST(&e->waiting);
	enum store_need need = w->need;
	size_t bytes = 0, n = 0;

	while ((w = STAILQ_FIRST(&e->waiting)) != NULL && w->need == need &&
	       n++ < JOB_WORKS &&
	       (bytes == 0 || bytes + w->bytes < JOB_BYTES)) {
		w->result = w->prepare(e, w);
		if (w->result == WORK_LATER)
			break;
		STAILQ_REMOVE_HEAD(&e->waiting, link);
		bytes += w->result == 0 ? w->bytes : 0;
		if (w->result > 0)
			w->result = 0;
		STAILQ_INSERT_TAIL(&j->works, w, link);
	}
	j->store = (struct store_job){
		.fn = job_fn,
		.after = job_after,
		.done = job_committed,
		.arg = e,
		.loop = e->deps.loop,
		.need = need,
	};
}

/* Between the parts of what is long others are seen to. */
static bool
job_yields(const struct engine *e)
{
	const struct work *w = STAILQ_FIRST(&e->waiting);

	return w != NULL && w->goes_on;
}

void
job_step(struct engine *e)
{
	struct job *j = &e->job;

	if (!j->out)
		engine_adopt_rules(e);
	while (!j->out && !STAILQ_EMPTY(&e->waiting)) {
		job_prepare(e);
		job_seal(e);
		arena_done(&e->scratch);
		if (j->n > 0 || j->nintents > 0) {
			j->out = true;
			j->store.bytes = job_bytes(j);
			store_run(e->store, &j->store);
			return;
		}
		/* Memory knew it all, or only where something belongs changes:
		 * that needs no room. */
		job_over(e, 0);
		if (job_yields(e)) {
			engine_step_soon(e);
			return;
		}
	}
}

void
job_done(struct engine *e)
{
	struct job *j = &e->job;

	must(!j->out);
	free(j->v);
	free(j->intents);
	buf_done(&j->bytes);
	arena_done(&j->arena);
}
