/*
 * engine_act - what people do to incidents.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "alert/engine_mail.h"
#include "alert/severity.h"
#include "base/utf8.h"
#include "base/xalloc.h"

const char *const engine_act_names[] = {"ack", "unack", "close", "noise"};

struct act {
	struct work work;
	enum engine_act act;
	uint64_t incident, group; /* GROUP 0: only INCIDENT */
	uint32_t seq;
	char *who, *note; /* owned */
	engine_done_fn *done;
	void *arg;
	size_t nlooks;
	uint64_t *looks; /* owned: groups */
};

/* --- one incident ----------------------------------------------------------------- */

static void
act_sign(struct incident_edit *ed, const char *who, const char *note)
{
	free(ed->acked_by);
	free(ed->note);
	ed->acked_by = who != NULL ? xstrndup(who, INCIDENT_WHO_MAX - 1) : NULL;
	ed->note = note[0] != '\0' ? xcalloc(1, INCIDENT_WHO_MAX) : NULL;
	if (ed->note != NULL)
		utf8_copy(note, ed->note, INCIDENT_WHO_MAX);
}

static int
act_ack(struct engine *e, struct incident *in, const struct act *a)
{
	struct incident_edit *ed;

	if (job_core(in)->state == INCIDENT_RESOLVED)
		return -ENOENT;
	if (job_core(in)->acked_ms != 0)
		return -EALREADY;
	ed = job_incident(e, in);
	ed->c.acked_ms = engine_now(e);
	ed->c.worst = SEVERITY_UNKNOWN;
	act_sign(ed, a->who, a->note);
	job_history(e, in, HISTORY_ACKED, a->who, "%s", a->note);
	return 0;
}

static int
act_unack(struct engine *e, struct incident *in, const struct act *a)
{
	struct incident_edit *ed;

	if (job_core(in)->acked_ms == 0)
		return -EALREADY;
	ed = job_incident(e, in);
	ed->c.acked_ms = 0;
	act_sign(ed, NULL, "");
	/* Who heard nothing of it, since it was acknowledged, does now. */
	engine_incident_anew(e, in);
	job_history(e, in, HISTORY_UNACKED, a->who, "%s", a->note);
	return 0;
}

static int
act_close(struct engine *e, struct incident *in, const struct act *a)
{
	struct incident_edit *ed;

	if (job_core(in)->state == INCIDENT_RESOLVED)
		return -EALREADY;
	ed = job_incident(e, in);
	ed->c.state = INCIDENT_RESOLVED;
	ed->c.flags |= INCIDENT_CLOSED;
	ed->c.flags &= (uint8_t) ~(INCIDENT_QUIET | INCIDENT_FLAPPING |
				   INCIDENT_ENDED);
	ed->c.changed_ms = ed->c.ends_ms = engine_now(e);
	act_sign(ed, a->who, a->note);
	job_history(e, in, HISTORY_CLOSED, a->who, "%s", a->note);
	engine_incident_over(e, in, false);
	return 0;
}

static int
act_noise(struct engine *e, struct incident *in, const struct act *a)
{
	if (job_core(in)->flags & INCIDENT_NOISE)
		return -EALREADY;
	job_incident(e, in)->c.flags |= INCIDENT_NOISE;
	job_history(e, in, HISTORY_NOISE, a->who, "%s", a->note);
	return 0;
}

static int
act_one(struct engine *e, struct incident *in, const struct act *a)
{
	switch (a->act) {
	case ENGINE_ACK:
		return act_ack(e, in, a);
	case ENGINE_UNACK:
		return act_unack(e, in, a);
	case ENGINE_CLOSE:
		return act_close(e, in, a);
	case ENGINE_NOISE:
		return act_noise(e, in, a);
	}
	abort();
}

static void
act_note_looks(struct act *a, const struct incident *in)
{
	for (size_t i = 0; i < in->nlinks; i++) {
		a->looks = xreallocarray(a->looks, a->nlooks + 1,
					 sizeof(a->looks[0]));
		a->looks[a->nlooks++] = in->links[i].group->id;
	}
}

/* --- those of a notice --------------------------------------------------------------- */

/* Acts on those that had been told by then; one that joined later is not meant.
 * BEST is the answer so far: the best of theirs. */
static int
act_told(struct engine *e, struct act *a, const struct told_group *told,
	 int best)
{
	const struct alert_group *g = told->group;

	for (uint32_t i = 0; i < g->n; i++) {
		struct incident *in = g->v[i].incident;
		int r;

		if (g->v[i].seq == 0 || g->v[i].seq > told->seq ||
		    job_core(in)->state == INCIDENT_RESOLVED)
			continue;
		r = act_one(e, in, a);
		if (r == 0)
			act_note_looks(a, in);
		if (r == 0 || best == -ENOENT)
			best = r;
	}
	return best;
}

static int
act_group(struct engine *e, struct act *a)
{
	struct told_group *v;
	size_t n = mail_groups(e, a->group, a->seq, a->who, &e->job.arena, &v);
	int best = -ENOENT;

	for (size_t i = 0; i < n; i++)
		best = act_told(e, a, &v[i], best);
	return best;
}

static int
act_prepare(struct engine *e, struct work *w)
{
	struct act *a = (struct act *)w;
	struct incident *in;
	int r;

	a->nlooks = 0;
	if (!e->loaded)
		return -EAGAIN;
	if (a->group != 0)
		return act_group(e, a);
	in = engine_find_id(e, a->incident);
	r = in != NULL ? act_one(e, in, a) : -ENOENT;
	if (r == 0)
		act_note_looks(a, in);
	return r;
}

/* It is over, and has left memory: is that where it is to be marked? */
static bool
act_is_past(const struct engine *e, const struct act *a, int result)
{
	return result == -ENOENT && a->act == ENGINE_NOISE && a->group == 0 &&
	       !e->stopping;
}

static void
act_done(struct engine *e, struct work *w, int result)
{
	struct act *a = (struct act *)w;

	for (size_t i = 0; result == 0 && i < a->nlooks; i++) {
		struct alert_group *g = group_find_id(e, a->looks[i]);

		if (g != NULL)
			group_look_soon(e, g);
	}
	if (act_is_past(e, a, result))
		past_mark_noise(e, a->incident, a->who, a->note, a->done,
				a->arg);
	else if (a->done != NULL)
		a->done(a->arg, result);
	free(a->looks);
	free(a->who);
	free(a->note);
	free(a);
}

static void
act_submit(struct engine *e, enum engine_act act, uint64_t incident,
	   uint64_t group, uint32_t seq, const char *who, const char *note,
	   engine_done_fn *done, void *arg)
{
	struct act *a = xcalloc(1, sizeof(*a));

	a->act = act;
	a->incident = incident;
	a->group = group;
	a->seq = seq;
	a->who = xstrdup(who);
	a->note = xstrdup(note);
	a->done = done;
	a->arg = arg;
	a->work.prepare = act_prepare;
	a->work.done = act_done;
	a->work.need = STORE_NEED_RESULT;
	a->work.bytes = 4096;
	engine_submit(e, &a->work);
}

void
engine_act(struct engine *e, enum engine_act act, uint64_t incident,
	   const char *who, const char *note, engine_done_fn *done, void *arg)
{
	act_submit(e, act, incident, 0, 0, who, note, done, arg);
}

void
engine_act_group(struct engine *e, enum engine_act act, uint64_t group,
		 uint32_t seq, const char *who, const char *note,
		 engine_done_fn *done, void *arg)
{
	act_submit(e, act, 0, group, seq, who, note, done, arg);
}
