/*
 * engine_letter - intents become letters: which of them share a mail, and what
 * stands in it.
 *
 * An address that several groups reach in the same turn gets one mail, which
 * counts for all of them: as long as every alert can be shown, and not where
 * each alert is to be by itself. A digest is always one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "base/crc32c.h"
#include "base/must.h"
#include "base/xalloc.h"

/* What the flush and the writer share. */
struct letter {
	struct engine_letter l; /* first */
	struct flush *flush;
	struct intent *lead;
	struct render_notice notice;
	struct target to;
};

static void flush_written(struct flush *f);

void
letter_free(struct engine_letter **lp)
{
	struct letter *l = (struct letter *)*lp;

	if (l == NULL)
		return;
	*lp = NULL;
	buf_done(&l->l.content);
	arena_done(&l->l.arena);
	free(l);
}

/* --- one mail for several ------------------------------------------------------- */

static size_t
intent_size(const struct intent *it)
{
	size_t n = 0;

	for (uint32_t i = 0; i < it->n; i++)
		n += it->both[i] != 0;
	return n;
}

static bool
intent_joins(const struct intent *lead, size_t size, const struct intent *it)
{
	const struct flush_group *a = lead->group, *b = it->group;

	if (a == b || lead->notice->channel != CHANNEL_MAIL ||
	    it->notice->channel != CHANNEL_MAIL ||
	    strcmp(lead->notice->address, it->notice->address) != 0)
		return false;
	if ((a->g->c.flags | b->g->c.flags) & GROUP_OWN)
		return false;
	if (a->digest || b->digest)
		return a->digest && b->digest;
	if (a->g->node == NULL || b->g->node == NULL || a->g->node->group_all ||
	    b->g->node->group_all)
		return false;
	return size + intent_size(it) <= ENGINE_LISTED_MAX;
}

/* The leads by address, so that a thousand groups don't compare with each
 * other. */
struct lead {
	UT_hash_handle hh;
	struct intent *intent, *last;
	size_t size;
	const char *address;
};

static void
letters_join(struct flush *f)
{
	struct lead *leads = NULL, *l, *next;

	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++) {
			struct intent *it = f->groups[i]->intents[k];
			const char *address = it->notice->address;

			if (!it->tells)
				continue;
			HASH_FIND_PTR(leads, &address, l);
			if (l != NULL && intent_joins(l->intent, l->size, it)) {
				it->lead = l->intent;
				l->last->next = it;
				l->last = it;
				l->size += intent_size(it);
				continue;
			}
			if (l == NULL) {
				l = xcalloc(1, sizeof(*l));
				l->address = address;
				HASH_ADD_PTR(leads, address, l);
			}
			l->intent = l->last = it;
			l->size = intent_size(it);
		}
	HASH_ITER(hh, leads, l, next)
	{
		HASH_DEL(leads, l);
		free(l);
	}
}

/* --- what stands in it -------------------------------------------------------------- */

static uint32_t
address_hash(const struct notice *n)
{
	uint32_t crc = crc32c(0, &n->channel, 1);

	return crc32c(crc, n->address, strlen(n->address));
}

static const char *
message_id(const struct engine *e, const struct notice *n, uint64_t group,
	   uint32_t seq, struct arena *arena)
{
	char id[QUEUE_ID_LEN];

	queue_id_text(group, id);
	return arena_printf(arena, "g.%s.%u.%08x@%s", id, seq, address_hash(n),
			    e->hostname);
}

/* Is member SLOT a part of what IT tells, and is it news? */
static bool
alert_is_told(const struct intent *it, uint32_t slot, bool *ret_new)
{
	const struct member *m = &it->group->g->v[slot];
	enum told pending = told_pending(it->both[slot]);

	*ret_new = pending != TOLD_NOTHING;
	if (pending != TOLD_NOTHING)
		return true;
	if (it->kind == NOTICE_ACKED) /* of those that somebody sees to */
		return false;
	return m->incident->c.state == INCIDENT_OPEN &&
	       !(m->flags & MEMBER_LEFT) &&
	       it->group->v[slot].quiet == QUIET_NOT &&
	       told_of(it->both[slot]) != TOLD_NOTHING;
}

/* What G tells by the mail of LEAD; NULL: nothing. */
static const struct intent *
flush_intent_of(const struct alert_group *g, const struct intent *lead)
{
	const struct flush_group *fg = g->flushed;

	if (fg == NULL || fg->flush != lead->group->flush)
		return NULL;
	for (size_t i = 0; i < fg->nintents; i++)
		if (fg->intents[i]->tells && fg->intents[i]->lead == lead)
			return fg->intents[i];
	return NULL;
}

/* The same, where it is not told by another group of the mail already. */
static bool
alert_is_shown(const struct intent *it, uint32_t slot, bool *ret_new)
{
	const struct alert_group *g = it->group->g;
	const struct incident *in = g->v[slot].incident;
	bool other_new;

	if (!alert_is_told(it, slot, ret_new))
		return false;
	for (size_t i = 0; it->lead->next != NULL && i < in->nlinks; i++) {
		const struct link *link = &in->links[i];
		const struct intent *other =
			flush_intent_of(link->group, it->lead);

		if (other != NULL && link->group->id < g->id &&
		    link->slot < other->n &&
		    alert_is_told(other, link->slot, &other_new))
			return false;
	}
	return true;
}

/* As it is told: a recovery that may not last is none yet. */
static enum incident_state
alert_state(const struct intent *it, uint32_t slot)
{
	enum incident_state state = it->group->g->v[slot].incident->c.state;

	if (state == INCIDENT_RESOLVED &&
	    told_pending(it->both[slot]) == TOLD_FIRING)
		return INCIDENT_OPEN;
	return state;
}

static void
alert_fill(const struct intent *it, uint32_t slot, bool is_new,
	   struct arena *arena, struct render_alert *ret)
{
	const struct incident *in = it->group->g->v[slot].incident;
	struct incident_text *text = arena_alloc(arena, sizeof(*text));

	incident_get_text(in, arena, text);
	*ret = (struct render_alert){
		.labels = &text->labels,
		.annotations = &text->annotations,
		.state = alert_state(it, slot),
		.url = text->url,
		.starts_ms = in->c.starts_ms,
		.ends_ms = in->c.ends_ms,
		.is_new = is_new,
		.critical = it->group->v[slot].critical,
		.flapping = in->c.flags & INCIDENT_FLAPPING,
		.acked_by = in->acked_by != NULL
				    ? arena_strdup(arena, in->acked_by)
				    : NULL,
		.incident = in->id,
	};
}

/* The news first; of many, most of which are over, what still fires. */
static bool
alert_is_first(const struct render_notice *rn, const struct intent *it,
	       uint32_t slot, bool is_new)
{
	if (rn->kind == NOTICE_PARTLY &&
	    rn->nfiring + rn->nstale + rn->nresolved > ENGINE_LISTED_MAX)
		return it->group->g->v[slot].incident->c.state !=
		       INCIDENT_RESOLVED;
	return is_new;
}

/* What is critical before the rest. */
static void
letter_alerts(struct letter *l, struct render_alert *v, int pass)
{
	struct render_notice *rn = &l->notice;

	for (const struct intent *it = l->lead; it != NULL; it = it->next)
		for (uint32_t i = 0; i < it->n; i++) {
			bool is_new;
			int rank;

			if (rn->n == ENGINE_LISTED_MAX)
				return;
			if (!alert_is_shown(it, i, &is_new))
				continue;
			rank = (alert_is_first(rn, it, i, is_new) ? 0 : 2) +
			       (it->group->v[i].critical ? 0 : 1);
			if (rank == pass)
				alert_fill(it, i, is_new, &l->l.arena,
					   &v[rn->n++]);
		}
}

static void
letter_count(struct letter *l)
{
	struct render_notice *rn = &l->notice;

	for (const struct intent *it = l->lead; it != NULL; it = it->next)
		for (uint32_t i = 0; i < it->n; i++) {
			const struct incident_core *c =
				&it->group->g->v[i].incident->c;
			enum incident_state state = alert_state(it, i);
			bool is_new;

			if (!alert_is_shown(it, i, &is_new))
				continue;
			rn->nfiring += state == INCIDENT_OPEN;
			rn->nstale += state == INCIDENT_STALE;
			rn->nresolved += state == INCIDENT_RESOLVED;
			rn->critical |= it->group->v[i].critical;
			if (rn->since_ms == 0 || c->starts_ms < rn->since_ms)
				rn->since_ms = c->starts_ms;
			if (state == INCIDENT_RESOLVED &&
			    c->ends_ms > rn->until_ms)
				rn->until_ms = c->ends_ms;
		}
	if (rn->nfiring > 0)
		rn->until_ms = 0;
}

/* What comes next: a reminder, or the next step. */
static void
letter_next(struct letter *l)
{
	const struct flush_group *fg = l->lead->group;
	const struct rules_node *node = fg->g->node;
	struct render_notice *rn = &l->notice;
	int64_t step;

	if (fg->remind_ms == 0)
		return;
	rn->next_ms = fg->flush->now + fg->remind_ms;
	rn->next_what = "reminder";
	step = group_step_at(fg->flush->e, fg->g, fg->steps, fg->clock_ms,
			     fg->clock_from_ms);
	if (step == 0 || step >= rn->next_ms)
		return;
	rn->next_ms = step;
	rn->next_what = arena_printf(&l->l.arena, "escalation to %s",
				     node->escalate[fg->steps].receiver->name);
}

static enum notice_kind
letter_kind(const struct intent *lead)
{
	if (lead->group->digest)
		return NOTICE_DIGEST;
	for (const struct intent *it = lead->next; it != NULL; it = it->next)
		if (it->kind != lead->kind)
			return NOTICE_DIGEST;
	return (enum notice_kind)lead->kind;
}

static const char *
or_null(const char *s)
{
	return s[0] != '\0' ? s : NULL;
}

/* Of a fallback: who could not be told; of what was closed or acknowledged: who
 * did that, and what they said. */
static void
letter_who(const struct intent *lead, struct arena *arena,
	   struct render_notice *rn)
{
	const char *instead_of = lead->group->instead_of;
	enum told told = lead->kind == NOTICE_ACKED ? TOLD_ACKED : TOLD_OVER;

	if (lead->kind == NOTICE_FALLBACK)
		rn->who = arena_strdup(arena,
				       instead_of != NULL ? instead_of : "");
	if (lead->kind != NOTICE_CLOSED && lead->kind != NOTICE_ACKED)
		return;
	for (uint32_t i = 0; i < lead->n && rn->who == NULL; i++) {
		const struct incident *in = lead->group->g->v[i].incident;

		if (told_pending(lead->both[i]) != told || in->acked_by == NULL)
			continue;
		rn->who = arena_strdup(arena, in->acked_by);
		if (in->note != NULL)
			rn->note = arena_strdup(arena, in->note);
	}
}

/* Belfry's own words. */
static void
letter_announce(struct letter *l, const struct announce *a)
{
	struct render_notice *rn = &l->notice;

	rn->group_subject = a->subject;
	rn->route = a->why;
	rn->since_ms = a->since_ms;
	rn->until_ms = a->until_ms;
	rn->who = a->who;
	rn->note = a->note;
	rn->nfiring = a->nfiring;
	rn->nresolved = a->nresolved;
	rn->nstale = a->nstale;
	rn->n = a->n;
	rn->v = a->v;
	rn->next_ms = a->next_ms;
	rn->next_what = a->next_what;
}

static void
letter_fill(struct letter *l)
{
	const struct intent *lead = l->lead;
	const struct flush_group *fg = lead->group;
	const struct notice *n = lead->notice;
	struct engine *e = l->flush->e;
	struct arena *arena = &l->l.arena;
	struct render_notice *rn = &l->notice;
	struct labels *labels = arena_alloc(arena, sizeof(*labels));
	struct render_alert *v =
		arena_alloc(arena, ENGINE_LISTED_MAX * sizeof(*v));
	char id[QUEUE_ID_LEN];

	group_get_labels(fg->g, arena, labels);
	queue_id_text(fg->g->id, id);
	*rn = (struct render_notice){
		.kind = letter_kind(lead),
		.group_labels = labels,
		.receiver = n->receiver,
		/* A reload may take the rules away while it is written. */
		.route = arena_strdup(
			arena, fg->g->node != NULL ? fg->g->node->path : ""),
		.person = or_null(n->person),
		.seq = fg->g->c.seq + 1,
		.v = v,
		.now_ms = l->flush->now,
		.message_id =
			message_id(e, n, fg->g->id, fg->g->c.seq + 1, arena),
		.root_id = n->c.root_seq > 0 ? message_id(e, n, n->c.root_group,
							  n->c.root_seq, arena)
					     : NULL,
		.key = arena_strdup(arena, id),
		.time_zone = n->time_zone,
	};
	letter_who(lead, arena, rn);
	letter_count(l);
	for (int pass = 0; pass < 4; pass++)
		letter_alerts(l, v, pass);
	rn->group_subject = letter_subject(lead, rn, arena);
	if (lead->next != NULL) /* of several, those of one would mislead */
		*labels = (struct labels){0};
	letter_next(l);
	if (fg->announce != NULL)
		letter_announce(l, fg->announce);
}

/* --- written ---------------------------------------------------------------------- */

static void
letter_write(struct flush *f, struct intent *lead)
{
	struct letter *l = xcalloc(1, sizeof(*l));

	arena_init(&l->l.arena);
	buf_init(&l->l.content, (size_t)STORE_BLOB_IN_PLACE * STORE_PAGE_MAX);
	l->flush = f;
	l->lead = lead;
	lead->letter = &l->l;
	l->to = (struct target){
		.channel = (enum channel)lead->notice->channel,
		.address = lead->notice->address,
		.person = or_null(lead->notice->person),
		.time_zone = lead->notice->time_zone,
	};
	letter_fill(l);
	l->l.notice = &l->notice;
	l->l.to = &l->to;
	l->l.group = lead->group->g->id;
	l->l.seq = l->notice.seq;
	f->nwriting++;
	f->nletters++;
	f->e->deps.write(f->e->deps.write_ctx, &l->l);
}

void
engine_written(struct engine_letter *el, int result)
{
	struct letter *l = (struct letter *)el;
	struct flush *f = l->flush;

	/* What is too long even so is told of fewer. */
	if (result == -EMSGSIZE && l->notice.n > 1) {
		l->notice.n /= 2;
		buf_clear(&l->l.content);
		f->e->deps.write(f->e->deps.write_ctx, el);
		return;
	}
	l->lead->unwritten = result;
	f->nwriting--;
	flush_written(f);
}

static void
flush_written(struct flush *f)
{
	if (f->nwriting > 0)
		return;
	engine_submit(f->e, &f->work);
}

void
letters_write(struct flush *f)
{
	letters_join(f);
	f->nwriting++; /* all are begun before the last is over */
	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++) {
			struct intent *it = f->groups[i]->intents[k];

			if (it->tells && it->lead == it)
				letter_write(f, it);
		}
	f->nwriting--;
	flush_written(f);
}
