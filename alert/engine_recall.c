/*
 * engine_recall - a mail that tells several groups is taken back for all of
 * them.
 */
#include "alert/engine_flush.h"

/* All that IT's old mail told say it anew with this flush; false: one of them
 * is busy elsewhere. */
static bool
recall_ring(struct flush *f, struct intent *it)
{
	struct notice *n = it->notice;

	for (struct notice *m = n->same; m != NULL && m != n; m = m->same) {
		struct alert_group *g = m->group;

		if (g->flushed == NULL) {
			if (g->busy || f->ngroups == FLUSH_GROUPS)
				return false;
			look_group(flush_add(f, g));
			g->c.due_ms = g->flushed->due_ms;
		}
		if (g->flushed->flush != f || g->flushed->is_gone ||
		    !intent_join_recall(g->flushed, m))
			return false;
	}
	return true;
}

/* It stays as it is until the outcome of its mail comes. */
static void
recall_cancel(struct intent *it)
{
	it->cancelled = true;
	it->untold |= it->tells;
	it->tells = false;
	it->old_message = 0;
}

static bool
recall_pass(struct flush *f)
{
	bool cancelled = false;

	for (size_t i = 0; i < f->ngroups; i++)
		for (size_t k = 0; k < f->groups[i]->nintents; k++) {
			struct intent *it = f->groups[i]->intents[k];

			if (it->old_message == 0 || it->notice->same == NULL ||
			    recall_ring(f, it))
				continue;
			recall_cancel(it);
			cancelled = true;
		}
	return cancelled;
}

void
flush_recall(struct flush *f)
{
	/* Who can't come keeps the others. */
	while (recall_pass(f))
		;
}
