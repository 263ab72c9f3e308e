/*
 * engine_outcome - what became of a message comes back to its notice.
 *
 * Two transactions: first the notice knows, then the queue may forget. Killed in
 * between, the queue tells again, and the notice knows it already.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "base/log.h"
#include "base/must.h"
#include "base/xalloc.h"

struct outcome {
	struct work work;
	struct engine *e;
	struct post post;
	struct tell *tell; /* owned; NULL: nobody told it */
	uint64_t message, group, notice;
	bool delivered; /* to all that the address stands for */
	bool reached;   /* to some of them */
	bool doubted;   /* to some of them, maybe */
	bool over;      /* no other of them is tried any more */
	bool refused;   /* by REPLY */
	struct reply reply;
	char *member; /* owned: which of them refused it; NULL: itself, or none */
	char dsn[REPLY_DSN_MAX];
	uint64_t *looks; /* owned: groups to be looked at */
	size_t nlooks;
	STAILQ_ENTRY(outcome) early;
};

/* Whose mail it was is no more; others whom it told are. */
static struct notice *
outcome_other(struct engine *e, const struct outcome *o)
{
	struct alert_group *g, *next;

	HASH_ITER(by_id, e->groups, g, next)
	for (uint32_t i = 0; i < g->nnotices; i++)
		if (g->notices[i]->c.message == o->message)
			return g->notices[i];
	return NULL;
}

static struct notice *
outcome_notice(struct engine *e, const struct outcome *o)
{
	struct alert_group *g = group_find_id(e, o->group);

	if (g == NULL)
		return outcome_other(e, o);
	for (uint32_t i = 0; g != NULL && i < g->nnotices; i++)
		if (g->notices[i]->c.id == o->notice &&
		    g->notices[i]->c.message == o->message)
			return g->notices[i];
	return NULL;
}

static void
outcome_history(struct engine *e, const struct notice *n, bool accepted,
		const char *words)
{
	const struct alert_group *g = n->group;
	size_t lines = 0;

	for (uint32_t i = 0; i < n->n && lines < ENGINE_TOLD_MAX; i++) {
		/* Once somebody was reached, what it says is told. */
		if (told_pending(n->both[i]) == TOLD_NOTHING &&
		    !(n->c.flags & NOTICE_REACHED && n->both[i] != 0))
			continue;
		lines++;
		job_history(e, g->v[i].incident,
			    accepted ? HISTORY_ACCEPTED : HISTORY_FAILED, "",
			    "%s %s%s%s", channel_names[n->channel], n->address,
			    words[0] != '\0' ? ": " : "", words);
	}
}

/* What the message said is what they know now. */
static void
outcome_told(struct notice_edit *ed)
{
	for (uint32_t i = 0; i < ed->n; i++) {
		enum told to = told_pending(ed->both[i]);

		if (to == TOLD_DOWN || to == TOLD_OVER)
			ed->both[i] = 0;
		else if (to != TOLD_NOTHING)
			ed->both[i] = (uint8_t)to;
	}
}

static void
outcome_reached(struct engine *e, struct notice *n)
{
	struct notice_edit *ed = job_notice(e, n, 0);
	struct notice_core *c = &ed->c;

	if (!notice_waits(n))
		return;
	outcome_told(ed);
	c->flags |= NOTICE_REACHED | NOTICE_AGAIN;
	c->told_ms = c->published_ms;
	c->told_seq = c->seq;
	c->flags &= (uint8_t) ~(NOTICE_FAILED | NOTICE_FELL_BACK);
	if (c->root_seq == 0) {
		c->root_group = c->lead;
		c->root_seq = c->lead_seq;
	}
	outcome_history(e, n, true, "");
	n->deferred = true; /* what it said may be over already */
}

static void
outcome_accepted(struct engine *e, struct notice *n)
{
	struct notice_core *c;

	outcome_reached(e, n);
	c = &job_notice(e, n, 0)->c;
	c->message = 0;
	c->flags &= (uint8_t) ~(NOTICE_REACHED | NOTICE_DOUBTED);
}

/* Nobody was reached. */
static void
outcome_failed(struct engine *e, struct notice *n)
{
	struct notice_edit *ed = job_notice(e, n, 0);

	for (uint32_t i = 0; i < ed->n; i++) {
		enum told pending = told_pending(ed->both[i]);

		/* If it fires again, that is news after all; what they refuse
		 * is none any more. */
		if (pending == TOLD_OVER)
			ed->both[i] |= TOLD_HELD;
		else if (pending != TOLD_NOTHING)
			ed->both[i] &= (uint8_t)~TOLD_HELD;
		ed->both[i] &= TOLD_MASK | TOLD_HELD;
	}
	ed->c.message = 0;
	ed->c.flags &= (uint8_t) ~(NOTICE_AGAIN | NOTICE_DOUBTED);
	ed->c.flags |= NOTICE_FAILED;
}

/* Someone refused it: one of those that an address stands for is missed by
 * whoever looks after it, and not by the alert's readers, as long as another is
 * reached, or may still be. */
static void
outcome_refused(struct engine *e, const struct outcome *o, struct notice *n)
{
	char words[REPLY_TEXT_MAX + 32];
	char *text;

	reply_line(&o->reply, words, sizeof(words));
	text = o->member != NULL ? xasprintf("%s: %s", o->member, words)
				 : xstrdup(words);
	outcome_history(e, n, false, text);
	suspend_failed(e, n, o->dsn, text);
	free(text);
}

static void
outcome_one(struct engine *e, struct outcome *o, struct notice *n)
{
	/* Also when the message was lost after that. */
	bool reached = o->reached || n->c.flags & NOTICE_REACHED;

	if (o->refused)
		outcome_refused(e, o, n);
	if (o->over && reached)
		outcome_accepted(e, n);
	else if (reached)
		outcome_reached(e, n);
	else if (o->over)
		outcome_failed(e, n);
	else if (o->doubted)
		job_notice(e, n, 0)->c.flags |= NOTICE_DOUBTED;
	if (o->over)
		metric_outcome(e, n, reached);
	if (o->delivered)
		suspend_worked(e, n);
	o->looks[o->nlooks++] = n->group->id;
}

static int
outcome_prepare(struct engine *e, struct work *w)
{
	struct outcome *o = (struct outcome *)w;
	struct notice *first = outcome_notice(e, o), *n = first;
	size_t many = 0;

	if (first == NULL)
		return 1;
	do {
		/* A flush may take it back in this job, or find it out. */
		if (n->edit != NULL)
			return WORK_LATER;
		many++;
		n = n->same;
	} while (n != NULL && n != first);
	free(o->looks);
	o->looks = xcalloc(many, sizeof(o->looks[0]));
	o->nlooks = 0;
	n = first;
	do {
		outcome_one(e, o, n);
		n = n->same;
	} while (n != NULL && n != first);
	return 0;
}

static void
outcome_free(struct outcome *o)
{
	free(o->looks);
	free(o->member);
	free(o);
}

static void
outcome_done(struct engine *e, struct work *w, int result)
{
	struct outcome *o = (struct outcome *)w;

	suspends_done(e, result);
	for (size_t i = 0; i < o->nlooks; i++) {
		struct alert_group *g = group_find_id(e, o->looks[i]);

		if (g != NULL)
			group_look_soon(e, g);
	}
	/* The queue has nothing more to tell, or tells again. */
	if (o->tell != NULL && result < 0)
		tell_drop(&o->tell);
	else if (o->tell != NULL)
		tell_commit(&o->tell, NULL, NULL, NULL, NULL);
	outcome_free(o);
}

void
outcomes_early(struct engine *e)
{
	struct outcome *o;

	while ((o = STAILQ_FIRST(&e->early)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->early, early);
		engine_submit(e, &o->work);
	}
}

/* Those that came before all was read. */
void
outcomes_drop(struct engine *e)
{
	struct outcome *o;

	while ((o = STAILQ_FIRST(&e->early)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->early, early);
		tell_drop(&o->tell);
		outcome_free(o);
	}
}

/* On the engine's loop. */
static void
outcome_came(void *arg)
{
	struct outcome *o = arg;
	struct engine *e = o->e;

	if (e->loaded || e->stopping)
		engine_submit(e, &o->work);
	else
		STAILQ_INSERT_TAIL(&e->early, o, early);
}

static void
outcome_init(struct outcome *o)
{
	o->work.prepare = outcome_prepare;
	o->work.done = outcome_done;
	o->work.need = STORE_NEED_RESULT;
	o->work.bytes = 2048;
}

void
outcome_lost(struct engine *e, uint64_t message)
{
	struct outcome *o = xcalloc(1, sizeof(*o));

	o->e = e;
	o->message = message;
	o->over = o->refused = true;
	reply_set(&o->reply, 554, "5.3.0", "the message is gone");
	outcome_init(o);
	engine_submit(e, &o->work);
}

/* On whatever loop the queue chose. */
void
outcome_tell(void *ctx, struct loop *loop, struct tell *t)
{
	struct engine *e = ctx;
	struct outcome *o = xcalloc(1, sizeof(*o));
	char dsn[REPLY_DSN_MAX];

	(void)loop;
	o->e = e;
	o->tell = t;
	o->message = t->id;
	o->group = engine_key_part(&t->teller_key, 0);
	o->notice = engine_key_part(&t->teller_key, 8);
	o->delivered = t->delivered;
	o->reached = t->reached;
	o->doubted = t->doubted;
	o->over = t->over;
	o->refused = t->nrcpt > 0 || (o->over && !o->reached);
	reply_set(&o->reply, 554, "5.3.0", "the message was damaged");
	if (t->nrcpt > 0) {
		const struct tell_rcpt *r = &t->rcpt[0];

		reply_copy(&o->reply, &r->reply);
		/* One of those that an alias stands for says nothing of it. */
		if (strcmp(r->address, r->original) != 0)
			o->member = xstrdup(r->address);
		else if (r->what != TELL_EXPIRED)
			snprintf(o->dsn, sizeof(o->dsn), "%s",
				 reply_dsn(&o->reply, dsn));
	}
	outcome_init(o);
	loop_post(e->deps.loop, &o->post, outcome_came, o);
}
