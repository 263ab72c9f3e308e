/*
 * engine_throttle - a receiver's rate: so many groups are told at once, as many
 * more as its period allows; what is above that waits for the receiver's
 * digest, and is told in one message then. Critical is never held back.
 *
 * A bucket of `burst` (or the rate's count) that fills evenly. In memory only:
 * a start gives a full one.
 */
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "base/xalloc.h"

struct throttle {
	UT_hash_handle hh;
	double left;
	int64_t at_ms, digest_ms;
	char name[];
};

static struct throttle *
throttle_of(struct engine *e, const char *name)
{
	size_t len = strlen(name);
	struct throttle *t;

	HASH_FIND(hh, e->throttles, name, len, t);
	if (t == NULL) {
		t = xcalloc(1, sizeof(*t) + len + 1);
		memcpy(t->name, name, len);
		t->left = -1;
		HASH_ADD(hh, e->throttles, name, len, t);
	}
	return t;
}

void
throttle_free(struct engine *e)
{
	struct throttle *t, *next;

	HASH_ITER(hh, e->throttles, t, next)
	{
		HASH_DEL(e->throttles, t);
		free(t);
	}
}

static void
throttle_fill(struct throttle *t, const struct rules_receiver *r, int64_t now)
{
	double most = (double)(r->burst > 0 ? r->burst : r->limit.n);
	double rate = (double)r->limit.n / (double)r->limit.period_ms;

	if (t->left < 0)
		t->left = most;
	else if (now > t->at_ms)
		t->left += rate * (double)(now - t->at_ms);
	if (t->left > most)
		t->left = most;
	t->at_ms = now;
}

/* Is the reminder one of something critical? */
static bool
throttle_reminds(const struct flush_group *fg)
{
	for (uint32_t i = 0; fg->why & WHY_REPEAT && i < fg->n; i++)
		if (fg->v[i].critical && fg->v[i].quiet == QUIET_NOT &&
		    fg->g->v[i].incident->c.state == INCIDENT_OPEN &&
		    fg->g->v[i].incident->c.acked_ms == 0)
			return true;
	return false;
}

static bool
throttle_is_critical(const struct flush_group *fg)
{
	for (size_t i = 0; i < fg->nintents; i++)
		if (fg->intents[i]->tells && fg->intents[i]->critical)
			return true;
	return throttle_reminds(fg);
}

/* When FG's receiver hears of it; 0: now. */
static int64_t
throttle_digest_at(struct flush_group *fg, const struct rules_receiver *r)
{
	struct throttle *t = throttle_of(fg->flush->e, r->name);
	int64_t now = fg->flush->now;

	throttle_fill(t, r, now);
	if (t->left >= 1) {
		t->left -= 1;
		fg->rate = t;
		return 0;
	}
	/* The clock may have been set back. */
	if (t->digest_ms <= now || t->digest_ms > now + r->digest_ms)
		t->digest_ms = now + r->digest_ms;
	return t->digest_ms;
}

static bool
throttle_has_news(const struct flush_group *fg)
{
	for (size_t i = 0; i < fg->nintents; i++)
		if (fg->intents[i]->tells &&
		    fg->intents[i]->kind != NOTICE_REMINDER)
			return true;
	return false;
}

/* Is what FG tells subject to the rate? A reminder is not counted, but brings
 * nothing that waits for the digest. */
static bool
throttle_counts(const struct flush_group *fg)
{
	if (fg->why & ~(unsigned)(WHY_DUE | WHY_REPEAT) ||
	    !throttle_has_news(fg))
		return false;
	return fg->why & WHY_DUE || fg->g->held_ms != 0;
}

void
throttle_look(struct flush_group *fg)
{
	struct alert_group *g = fg->g;
	const struct rules_receiver *r =
		g->node != NULL ? g->node->receiver : NULL;

	/* Of what was to be in a digest, nothing is to be said any more. */
	if (!fg->tells && fg->due_ms == 0 && g->held_ms <= fg->flush->now)
		g->held_ms = 0;
	if (r == NULL || r->limit.n == 0 || !throttle_counts(fg))
		return;
	if (throttle_is_critical(fg)) {
		g->held_ms = 0;
	} else if (g->held_ms == 0) {
		g->held_ms = throttle_digest_at(fg, r);
	} else if (g->held_ms <= fg->flush->now) {
		g->held_ms = 0;
		fg->digest = true;
	}
	if (g->held_ms == 0)
		return;
	intents_hold(fg);
	fg->due_ms = g->held_ms;
	fg->why = 0;
}

void
throttle_again(struct flush_group *fg)
{
	if (fg->digest)
		fg->g->held_ms = engine_now(fg->flush->e);
	if (fg->rate != NULL)
		fg->rate->left += 1;
}
