/*
 * engine_group - groups, their members and their notices in memory.
 *
 * An incident knows its slot in each of its groups; a notice has what it told
 * by slot. When a member leaves, the last one takes its slot everywhere.
 */
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/must.h"
#include "base/xalloc.h"

struct alert_group *
group_find_id(struct engine *e, uint64_t id)
{
	struct alert_group *g;

	HASH_FIND(by_id, e->groups, &id, sizeof(id), g);
	return g;
}

struct alert_group *
group_find_fresh(struct engine *e, const uint8_t *print)
{
	struct alert_group *g;

	HASH_FIND(by_print, e->fresh_groups, print, GROUP_PRINT, g);
	return g;
}

struct alert_group *
group_find_print(struct engine *e, const uint8_t *print)
{
	struct alert_group *g;

	HASH_FIND(by_print, e->groups_by_print, print, GROUP_PRINT, g);
	return g != NULL ? g : group_find_fresh(e, print);
}

void
group_get_labels(const struct alert_group *g, struct arena *arena,
		 struct labels *ret)
{
	struct unpack u;

	unpack_init(&u, g->labels, g->labels_len);
	must(labels_unpack(&u, arena, ret) == 0);
}

/* --- members ------------------------------------------------------------- */

struct link *
incident_link(const struct incident *in, const struct alert_group *g)
{
	for (size_t i = 0; i < in->nlinks; i++)
		if (in->links[i].group == g)
			return &in->links[i];
	return NULL;
}

struct link *
group_add_member(struct alert_group *g, struct incident *in)
{
	struct link *link = incident_link(in, g);

	if (link != NULL) {
		g->v[link->slot].flags &= (uint8_t)~MEMBER_LEFT;
		return link;
	}
	if (g->n == g->cap) {
		g->cap = g->cap > 0 ? 2 * g->cap : 1;
		g->v = xreallocarray(g->v, g->cap, sizeof(g->v[0]));
	}
	in->links =
		xreallocarray(in->links, in->nlinks + 1u, sizeof(in->links[0]));
	link = &in->links[in->nlinks++];
	*link = (struct link){.group = g, .slot = g->n};
	g->v[g->n++] = (struct member){.incident = in};
	return link;
}

static void
notice_move_slot(struct notice *n, uint32_t from, uint32_t to)
{
	uint8_t both = notice_both(n, from);

	if (to < n->n)
		n->both[to] = both;
	if (from < n->n)
		n->both[from] = 0;
}

void
group_remove_member(struct alert_group *g, uint32_t slot)
{
	struct incident *in = g->v[slot].incident;
	struct link *link = incident_link(in, g);
	uint32_t last = g->n - 1;

	*link = in->links[--in->nlinks];
	for (uint32_t i = 0; i < g->nnotices; i++) {
		struct notice *n = g->notices[i];

		notice_move_slot(n, last, slot);
		if (n->n > last)
			n->n = last;
	}
	g->n = last;
	if (slot == last)
		return;
	g->v[slot] = g->v[last];
	incident_link(g->v[slot].incident, g)->slot = slot;
}

void
group_forget_nodes(struct alert_group *g)
{
	g->node = NULL;
	for (uint32_t i = 0; i < g->n; i++)
		g->v[i].node = NULL;
}

void
incident_apply_routes(struct incident *in, const struct route *v, size_t n)
{
	for (size_t i = 0; i < in->nlinks; i++) {
		struct link *link = &in->links[i];

		link->group->v[link->slot].flags |= MEMBER_LEFT;
	}
	for (size_t i = 0; i < n; i++) {
		const struct link *link = group_add_member(v[i].group, in);

		v[i].group->v[link->slot].node = v[i].node;
	}
}

/* --- notices ------------------------------------------------------------- */

uint8_t
notice_both(const struct notice *n, uint32_t slot)
{
	return slot < n->n ? n->both[slot] : 0;
}

void
notice_unshare(struct notice *n)
{
	struct notice *before = n->same;

	if (before == NULL)
		return;
	while (before->same != n)
		before = before->same;
	before->same = n->same;
	if (before->same == before)
		before->same = NULL;
	n->same = NULL;
}

void
notice_share(struct notice *a, struct notice *b)
{
	must(b->same == NULL && a != b);
	b->same = a->same != NULL ? a->same : a;
	a->same = b;
}

void
notice_free(struct notice *n)
{
	if (n == NULL)
		return;
	notice_unshare(n);
	free(n->both);
	free(n);
}

static void
notice_count(struct engine *e, const struct notice *n)
{
	e->nout += n->c.message != 0;
	e->nfailed += (n->c.flags & NOTICE_FAILED) != 0;
}

static void
notice_uncount(struct engine *e, const struct notice *n)
{
	e->nout -= n->c.message != 0;
	e->nfailed -= (n->c.flags & NOTICE_FAILED) != 0;
}

void
group_add_notice(struct engine *e, struct alert_group *g, struct notice *n)
{
	notice_count(e, n);
	g->notices = xreallocarray(g->notices, g->nnotices + 1u,
				   sizeof(g->notices[0]));
	g->notices[g->nnotices++] = n;
}

static void
group_drop_notice(struct engine *e, struct alert_group *g,
		  const struct notice *n)
{
	notice_uncount(e, n);
	for (uint32_t i = 0; i < g->nnotices; i++)
		if (g->notices[i] == n) {
			g->notices[i] = g->notices[--g->nnotices];
			return;
		}
}

bool
notice_is_to(const struct notice *n, const struct target *t)
{
	return n->channel == t->channel && strcmp(n->address, t->address) == 0;
}

void
notice_apply(struct engine *e, struct notice_edit *ed)
{
	struct notice *n = ed->notice;
	bool skipped = ed->intent != NULL && ed->intent->skipped;

	if (skipped) {
		n->deferred = true;
		if (ed->is_new) {
			notice_free(n);
			ed->notice = NULL;
		}
		return;
	}
	if (ed->is_new)
		group_add_notice(e, n->group, n);
	if (ed->ended) {
		group_drop_notice(e, n->group, n);
		return;
	}
	if (n->c.message != ed->c.message) {
		notice_unshare(n);
		n->older = false;
	}
	notice_uncount(e, n);
	n->c = ed->c;
	if (ed->receiver != NULL)
		n->receiver = ed->receiver;
	notice_count(e, n);
	free(n->both);
	n->both = ed->both;
	n->n = ed->n;
	ed->both = NULL;
}

/* --- groups -------------------------------------------------------------- */

void
group_free(struct alert_group *g)
{
	if (g == NULL)
		return;
	for (uint32_t i = 0; i < g->nnotices; i++)
		notice_free(g->notices[i]);
	free(g->notices);
	free(g->labels);
	free(g->v);
	free(g);
}

void
group_forget(struct engine *e, struct alert_group *g)
{
	due_heap_set(&e->group_dues, &g->due, 0);
	while (g->n > 0)
		group_remove_member(g, g->n - 1);
	for (uint32_t i = 0; i < g->nnotices; i++)
		notice_uncount(e, g->notices[i]);
	HASH_DELETE(by_id, e->groups, g);
	id_index_remove(&e->groups_in_order, g->id);
	HASH_DELETE(by_print, e->groups_by_print, g);
	group_free(g);
}

void
group_apply(struct engine *e, struct group_edit *ed)
{
	struct alert_group *g = ed->group;
	int64_t due = g->c.due_ms;

	g->c = ed->c;
	/* What was looked at meanwhile was not yet what it is now. */
	if (due != ed->had_due_ms) {
		g->c.due_ms = due;
		if (ed->want_ms != 0 && (due == 0 || ed->want_ms < due))
			g->c.due_ms = ed->want_ms;
	}
	if (ed->receiver != NULL)
		g->receiver = ed->receiver;
	if (ed->is_new || ed->receiver != NULL) {
		HASH_DELETE(by_print, e->fresh_groups, g);
		HASH_ADD(by_print, e->groups_by_print, print, GROUP_PRINT, g);
	}
	if (!ed->is_new)
		return;
	HASH_ADD(by_id, e->groups, id, sizeof(g->id), g);
	id_index_add(&e->groups_in_order, g->id, g);
}
