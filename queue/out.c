/*
 * out - which attempts are out, by message. Store thread only.
 */
#include "queue/queue_impl.h"

struct attempt_impl *
out_find(struct queue *q, uint64_t id)
{
	struct attempt_impl *ai;

	HASH_FIND(hh, q->outs, &id, sizeof(id), ai);
	return ai;
}

void
out_add(struct queue *q, struct attempt_impl *ai)
{
	struct attempt_impl *first = out_find(q, ai->a.id);

	ai->same = NULL;
	if (first != NULL) {
		ai->same = first->same;
		first->same = ai;
	} else {
		HASH_ADD(hh, q->outs, a.id, sizeof(ai->a.id), ai);
	}
	ai->dest->out++;
	q->nout++;
	ai->has_slot = true;
	ai->dest->busy++;
	q->nbusy++;
	if (ai->a.class == QUEUE_ALERT)
		q->nbusy_alert++;
}

static void
out_unlink(struct queue *q, struct attempt_impl *ai)
{
	struct attempt_impl *first = out_find(q, ai->a.id), *next = ai->same;

	if (first != ai) {
		while (first->same != ai)
			first = first->same;
		first->same = next;
		return;
	}
	HASH_DEL(q->outs, ai);
	if (next != NULL)
		HASH_ADD(hh, q->outs, a.id, sizeof(next->a.id), next);
}

void
out_free_slot(struct queue *q, struct attempt_impl *ai)
{
	if (!ai->has_slot)
		return;
	ai->has_slot = false;
	ai->dest->busy--;
	q->nbusy--;
	if (ai->a.class == QUEUE_ALERT)
		q->nbusy_alert--;
	if (ai->a.keep)
		ai->dest->kept[ai->loop_at]++;
}

void
out_del(struct queue *q, struct attempt_impl *ai)
{
	out_free_slot(q, ai);
	out_unlink(q, ai);
	ai->dest->out--;
	q->nout--;
}

bool
out_has(struct queue *q, uint64_t id, uint32_t n)
{
	for (struct attempt_impl *ai = out_find(q, id); ai; ai = ai->same)
		for (size_t i = 0; i < ai->a.nrcpt; i++)
			if (ai->a.rcpt[i].n == n)
				return true;
	return false;
}
