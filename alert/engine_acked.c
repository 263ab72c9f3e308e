/*
 * engine_acked - what people do is news for the others.
 */
#include <string.h>
#include <strings.h>

#include "alert/engine_flush.h"

/* Is WHO, a login or an address, whom N tells? */
static bool
notice_is_of(const struct notice *n, const char *who)
{
	size_t len = strlen(who);

	if (strcasecmp(n->address, who) == 0 ||
	    (n->person[0] != '\0' && strcasecmp(n->person, who) == 0))
		return true;
	return len > 0 && strncasecmp(n->address, who, len) == 0 &&
	       n->address[len] == '@';
}

bool
slot_says_acked(const struct flush_group *fg, const struct notice *n,
		uint32_t slot)
{
	const struct member *m = &fg->g->v[slot];
	const struct incident *in = m->incident;
	uint8_t both = notice_both(n, slot);

	if (in->c.state != INCIDENT_OPEN || in->c.acked_ms == 0 ||
	    told_of(both) != TOLD_FIRING || both & TOLD_HELD ||
	    fg->v[slot].quiet != QUIET_NOT || m->flags & MEMBER_LEFT ||
	    in->c.flags & INCIDENT_FLAPPING)
		return false;
	if (suspend_skips(fg->flush->e, (enum channel)n->channel, n->address,
			  fg->flush->now))
		return false;
	if (n->channel == CHANNEL_PAGERDUTY)
		return !fg->unseen;
	return in->acked_by == NULL || !notice_is_of(n, in->acked_by);
}

/* It is acknowledged, or no longer; or closed. */
static bool
slot_hears_of_act(const struct flush_group *fg, const struct notice *n,
		  uint32_t slot)
{
	const struct incident_core *c = &fg->g->v[slot].incident->c;
	enum told told = told_of(n->both[slot]);
	enum told pending = told_pending(n->both[slot]);

	if (c->state == INCIDENT_RESOLVED)
		return c->flags & INCIDENT_CLOSED && told != TOLD_NOTHING &&
		       pending != TOLD_OVER && fg->v[slot].quiet != QUIET_MUTE;
	if (c->state != INCIDENT_OPEN || fg->v[slot].quiet != QUIET_NOT)
		return false;
	if (c->acked_ms != 0)
		return pending != TOLD_ACKED && slot_says_acked(fg, n, slot);
	return pending == TOLD_ACKED ||
	       (told == TOLD_ACKED && pending != TOLD_FIRING);
}

bool
notice_hears_of_act(const struct flush_group *fg, const struct notice *n)
{
	if (n->c.flags & NOTICE_FAILED)
		return false;
	for (uint32_t i = 0; i < fg->n && i < n->n; i++)
		if (slot_hears_of_act(fg, n, i))
			return true;
	return false;
}
