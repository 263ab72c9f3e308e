/*
 * engine_commit - what groups tell becomes edits and messages, in one job.
 */
#include <errno.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "alert/engine_mail.h"
#include "base/utf8.h"

#define FLUSH_HISTORY ENGINE_LISTED_MAX

static const char *
told_text(const struct intent *it)
{
	return notice_kind_names[it->kind];
}

/* A line for each incident that this is news of, up to a number. */
static void
flush_history(struct engine *e, const struct intent *it)
{
	struct alert_group *g = it->group->g;
	size_t n = 0;

	for (uint32_t i = 0; i < it->n && n < FLUSH_HISTORY; i++) {
		if (told_pending(it->both[i]) == TOLD_NOTHING)
			continue;
		job_history_if(e, it->lead, g->v[i].incident, HISTORY_PUBLISHED,
			       "", "%s %s: %s",
			       channel_names[it->notice->channel],
			       it->notice->address, told_text(it));
		n++;
	}
}

/* Is one of them worse by now? */
static bool
fg_is_outdated(const struct flush_group *fg)
{
	for (uint32_t i = 0; i < fg->n && fg->announce == NULL; i++)
		if (fg->g->v[i].incident->rises != fg->v[i].rises)
			return true;
	return false;
}

/* An outcome or a bounce came meanwhile, or what it tells of became worse: what
 * was made of the state before is not told. What Belfry says itself was made of
 * no such state. */
static bool
intent_is_outdated(const struct intent *it)
{
	const struct notice *n = it->notice;

	if (it->cancelled || fg_is_outdated(it->group))
		return true;
	return it->group->announce == NULL && !it->is_new &&
	       (n->edit != NULL || n->version != it->seen_version);
}

/* What its notice becomes, in the job. */
static struct notice_edit *
intent_begin(struct engine *e, struct intent *it)
{
	struct notice_edit *ed = job_notice(e, it->notice, it->n);

	if (it->is_new)
		notice_follow(e, it->notice);
	ed->is_new = it->is_new;
	ed->c.flags &= (uint8_t)~NOTICE_AGAIN;
	/* What was heard of one before it stays in doubt. */
	if (it->notice->older && it->old_message != 0)
		ed->c.flags |= NOTICE_DOUBTED;
	ed->intent = it->lead;
	it->edited = true;
	return ed;
}

/* No letter, as if it had been refused: somebody else may be told instead, and
 * it is tried again. */
static void
intent_edit_unwritten(struct engine *e, struct intent *it)
{
	struct notice_edit *ed = intent_begin(e, it);

	ed->c.message = 0;
	ed->c.flags &= (uint8_t)~NOTICE_REACHED;
	for (uint32_t i = 0; i < it->n; i++)
		ed->both[i] = it->both[i] & (TOLD_MASK | TOLD_HELD);
	memset(it->both, 0, it->n);
	ed->c.flags |= NOTICE_FAILED;
	suspend_failed(e, it->notice, "", "it could not be written");
}

static void
intent_edit_written(struct engine *e, struct intent *it, uint32_t seq)
{
	struct notice_edit *ed = intent_begin(e, it);
	struct notice_core *c = &ed->c;

	memset(ed->both, 0, ed->n);
	memcpy(ed->both, it->both, it->n);
	if (it->falls_back)
		c->flags |= NOTICE_FELL_BACK;
	if (it->old_message != 0) {
		c->message = 0;
		c->flags &= (uint8_t)~NOTICE_REACHED;
	}
	if (!it->tells)
		return;
	c->flags &= (uint8_t) ~(NOTICE_FAILED | NOTICE_CRITICAL);
	c->flags |= it->critical ? NOTICE_CRITICAL : 0;
	c->message = it->lead->message;
	c->published_ms = engine_now(e);
	c->event_ms = it->event_ms;
	c->seq = seq;
	c->kind = it->kind;
	c->lead = it->lead->group->g->id;
	c->lead_seq = it->lead->letter->seq;
	if (it->lead != it)
		notice_note_joined(c, c->lead, c->lead_seq);
	if (c->root_seq == 0)
		utf8_copy(it->lead->letter->notice->group_subject, c->subject,
			  sizeof(c->subject));
	flush_history(e, it);
}

static void
intent_edit(struct engine *e, struct intent *it, uint32_t seq)
{
	it->dropped = intent_is_outdated(it);
	if (it->dropped)
		return;
	if (it->lead->unwritten)
		intent_edit_unwritten(e, it);
	else
		intent_edit_written(e, it, seq);
}

static int
lead_publish(struct engine *e, struct intent *lead)
{
	const struct engine_letter *l = lead->letter;
	struct envelope env = {
		.sender = l->sender,
		.class = QUEUE_ALERT,
		.flow = queue_flow(lead->notice->receiver, ""),
		.eight_bit = l->eight_bit,
		.smtputf8 = l->utf8,
		.utf8_header = l->utf8,
		.message_id = l->message_id != NULL ? l->message_id : "",
		.teller = 's',
		.teller_key = engine_key_2('s', lead->group->g->id,
					   lead->notice->c.id),
		.nrcpt = l->nrcpt,
		.rcpt = l->rcpt,
	};
	struct draft *d;
	int r = draft_open(e->deps.queue, l->content.len + 1, STORE_NEED_NOTICE,
			   e->deps.loop, 0, NULL, &d);

	if (r < 0)
		return r;
	r = draft_write(d, l->content.data, l->content.len);
	if (r < 0) {
		draft_abandon(&d);
		return r;
	}
	lead->message = draft_id(d);
	lead->publish = publish_prepare(&d, &env);
	return 0;
}

static void
flush_unpublish(struct flush *f)
{
	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++)
			if (f->groups[i]->intents[k]->publish != NULL)
				publish_after(
					&f->groups[i]->intents[k]->publish,
					-ECANCELED);
}

static int
flush_publish(struct engine *e, struct flush *f)
{
	int r = 0;

	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++) {
			struct intent *it = f->groups[i]->intents[k];

			if (r == 0 && it->tells && it->lead == it &&
			    !it->unwritten)
				r = lead_publish(e, it);
		}
	return r;
}

/* Letters that could not be written are due again, and if there are no others
 * nobody was told. */
static void
fg_see_unwritten(struct flush_group *fg)
{
	const struct group_core *c = &fg->g->c;
	bool tells = false, unwritten = false;

	for (size_t i = 0; i < fg->nintents; i++) {
		const struct intent *it = fg->intents[i];

		tells |= it->tells && !it->lead->unwritten;
		unwritten |= it->lead->unwritten;
	}
	if (!unwritten)
		return;
	fg->tells = tells;
	flush_plan_first(&fg->due_ms,
			 engine_now(fg->flush->e) + FLUSH_LATER_MS);
	if (!tells && c->repeat_ms > fg->flush->now)
		fg->repeat_ms = c->repeat_ms;
}

/* Does it depend on what is under way by then whether all is told? */
static bool
fg_may_be_skipped(const struct flush_group *fg)
{
	for (size_t k = 0; k < fg->nintents; k++)
		for (const struct intent *it = fg->intents[k]->lead; it != NULL;
		     it = it->next)
			if (it->old_message != 0)
				return true;
	return false;
}

static void
group_edit_of(struct engine *e, struct flush_group *fg)
{
	const struct group_core *c = job_group_core(fg->g);
	struct group_edit *ed;

	fg_see_unwritten(fg);
	if (!fg->tells && !fg->ended && c->steps == fg->steps &&
	    c->clock_ms == fg->clock_ms &&
	    c->clock_from_ms == fg->clock_from_ms &&
	    c->repeat_ms == fg->repeat_ms && fg->due_ms == fg->had_due_ms)
		return;
	ed = job_group(e, fg->g);
	ed->c.steps = fg->steps;
	ed->c.clock_ms = fg->clock_ms;
	ed->c.clock_from_ms = fg->clock_from_ms;
	ed->c.repeat_ms = fg->repeat_ms;
	flush_plan_first(&ed->c.due_ms, fg->due_ms);
	if (fg->tells && fg_may_be_skipped(fg))
		ed->again_ms = fg->flush->now + FLUSH_RETRY_MS;
	if (fg->tells) {
		ed->c.seq++;
		/* Who joined meanwhile waits for the turn as before. */
		if (fg->why != WHY_ACT)
			ed->c.flushed_ms = fg->flush->now;
	}
	/* Unless somebody came meanwhile, or fires again. */
	if (fg->ended && fg->g->n == fg->n && fg->g->joining == 0 &&
	    fg_is_ended(fg))
		ed->ended = true;
}

static void
group_end_notices(struct engine *e, struct alert_group *g)
{
	for (uint32_t i = 0; i < g->nnotices; i++) {
		struct notice_edit *ed = job_notice(e, g->notices[i], 0);

		ed->ended = true;
		ed->intent = NULL;
	}
}

/* Its receiver is no more: what was told there is remembered. */
static void
group_end_history(struct engine *e, struct alert_group *g)
{
	if (!group_is_gone(e, g))
		return;
	for (uint32_t i = 0; i < g->n && i < FLUSH_HISTORY; i++)
		job_history(e, g->v[i].incident, HISTORY_ENDED, "",
			    "receiver %s is no more", g->receiver);
}

/* Belfry's own words are said to all or to nobody yet: only what is too long
 * will never be written. */
static int
flush_may_announce(const struct engine *e, const struct flush *f)
{
	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++) {
			int r = f->groups[i]->intents[k]->unwritten;

			if (r < 0 && r != -EMSGSIZE)
				return r;
		}
	return mute_may_say(e, f);
}

int
flush_prepare(struct engine *e, struct work *w)
{
	struct flush *f = (struct flush *)w;
	int r = f->says_mute ? flush_may_announce(e, f) : 0;

	if (r != 0)
		return r;
	r = flush_publish(e, f);
	if (r < 0) {
		flush_unpublish(f);
		return r;
	}
	if (f->says_mute)
		mute_put_said(e);
	for (size_t i = 0; i < f->ngroups; i++) {
		struct flush_group *fg = f->groups[i];
		uint32_t seq = fg->g->c.seq + 1;

		group_edit_of(e, fg);
		if (fg->g->edit != NULL && fg->g->edit->ended) {
			fg->is_gone = true;
			group_end_history(e, fg->g);
			group_end_notices(e, fg->g);
			continue;
		}
		for (size_t k = 0; k < fg->nintents; k++)
			intent_edit(e, fg->intents[k], seq);
	}
	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++)
			if (f->groups[i]->intents[k]->lead ==
			    f->groups[i]->intents[k])
				job_intent(e, f->groups[i]->intents[k]);
	return 0;
}
