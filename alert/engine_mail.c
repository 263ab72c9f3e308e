#include "alert/engine_mail.h"

#include <string.h>
#include <strings.h>

void
notice_note_joined(struct notice_core *c, uint64_t lead, uint32_t lead_seq)
{
	memmove(&c->joined[1], &c->joined[0],
		sizeof(c->joined) - sizeof(c->joined[0]));
	c->joined[0] = (struct notice_joined){
		.lead = lead, .lead_seq = lead_seq, .seq = c->seq};
}

/* What number that had in N's group; 0: it did not join that mail. */
static uint32_t
notice_joined_as(const struct notice *n, uint64_t lead, uint32_t lead_seq)
{
	for (size_t i = 0; i < NOTICE_JOINED_MAX; i++)
		if (n->c.joined[i].lead == lead &&
		    n->c.joined[i].lead_seq == lead_seq)
			return n->c.joined[i].seq;
	return 0;
}

static uint32_t
group_joined_as(const struct alert_group *g, uint64_t lead, uint32_t lead_seq,
		const char *recipient)
{
	uint32_t seq = 0;

	for (uint32_t i = 0; i < g->nnotices && seq == 0; i++)
		if (strcasecmp(g->notices[i]->address, recipient) == 0)
			seq = notice_joined_as(g->notices[i], lead, lead_seq);
	return seq;
}

size_t
mail_groups(struct engine *e, uint64_t group, uint32_t seq,
	    const char *recipient, struct arena *arena, struct told_group **ret)
{
	struct told_group *v = NULL;
	struct alert_group *g, *next;
	size_t n = 0, room = 0;

	HASH_ITER(by_id, e->groups, g, next)
	{
		uint32_t as = g->id == group ? seq
					     : group_joined_as(g, group, seq,
							       recipient);

		if (as == 0)
			continue;
		if (n == room) {
			struct told_group *old = v;

			room = room > 0 ? 2 * room : 8;
			v = arena_alloc(arena, room * sizeof(*v));
			if (n > 0)
				memcpy(v, old, n * sizeof(*v));
		}
		v[n++] = (struct told_group){.group = g, .seq = as};
	}
	*ret = v;
	return n;
}

size_t
engine_mail_groups(struct engine *e, uint64_t group, uint32_t seq,
		   const char *recipient, struct arena *arena, uint64_t **ret)
{
	struct told_group *v;
	size_t n = mail_groups(e, group, seq, recipient, arena, &v);

	*ret = arena_alloc(arena, (n + 1) * sizeof(**ret));
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = v[i].group->id;
	return n;
}
