/*
 * engine_marks - why nobody is told of an incident now: independent of its
 * state, and looked at anew whenever its group is.
 */
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"

bool
engine_is_muted(const struct engine *e, int64_t now)
{
	return !e->mute.ended && e->mute.until_ms > now;
}

size_t
silences_of(const struct engine *e, const struct labels *labels, int64_t now,
	    const char **ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < e->nsilences && n < max; i++) {
		const struct silence *s = e->silences[i];

		if (silence_state_at(&s->s, now) == SILENCE_ACTIVE &&
		    rules_match_surely(e->rules, &s->s.matchers, labels))
			ret[n++] = s->s.id;
	}
	return n;
}

enum quiet
engine_quiet(const struct engine *e, const struct incident *in,
	     const struct labels *labels, const struct rules_node *node,
	     int64_t now)
{
	const char *id;

	if (engine_is_muted(e, now))
		return QUIET_MUTE;
	if (node != NULL && rules_node_muted(node, now))
		return QUIET_INTERVAL;
	if (rules_maintenance(e->rules, labels, now) != NULL)
		return QUIET_MAINTENANCE;
	if (silences_of(e, labels, now, &id, 1) > 0)
		return QUIET_SILENCE;
	if (in->sides.target != 0 &&
	    inhibit_find(e->inhibit, e->rules, labels, in->sides, in->id) != 0)
		return QUIET_INHIBITED;
	return QUIET_NOT;
}

void
incident_note_quiet(struct engine *e, struct incident *in, bool quiet)
{
	e->nsuppressed += quiet;
	e->nsuppressed -= in->suppressed;
	in->suppressed = quiet;
}

void
incident_look(struct engine *e, struct incident *in)
{
	struct incident_text text;

	if (e->rules == NULL || in->c.state == INCIDENT_RESOLVED) {
		incident_note_quiet(e, in, false);
		return;
	}
	incident_get_text(in, &e->scratch, &text);
	incident_note_quiet(e, in,
			    engine_quiet(e, in, &text.labels, NULL,
					 engine_now(e)) != QUIET_NOT);
}

/* --- inhibition ----------------------------------------------------------------- */

void
inhibit_set_sides(struct engine *e, struct incident *in)
{
	struct incident_text text;

	if (e->rules == NULL || rules_ninhibit(e->rules) == 0) {
		in->sides = (struct rules_sides){0, 0};
		return;
	}
	incident_get_text(in, &e->scratch, &text);
	in->sides = rules_inhibit_sides(e->rules, &text.labels);
}

void
inhibit_off(struct engine *e, struct incident *in)
{
	struct incident_text text;

	incident_get_text(in, &e->scratch, &text);
	inhibit_remove(e->inhibit, e->rules, &text.labels, in->sides, in->id);
	in->inhibits = false;
	e->look_all = true;
}

/* IN fires, or does no longer. Those that it keeps quiet are looked at. */
void
inhibit_update(struct engine *e, struct incident *in)
{
	bool fires = in->c.state == INCIDENT_OPEN && in->sides.source != 0;
	struct incident_text text;

	if (fires == in->inhibits)
		return;
	if (!fires) {
		inhibit_off(e, in);
		return;
	}
	incident_get_text(in, &e->scratch, &text);
	inhibit_add(e->inhibit, e->rules, &text.labels, in->sides, in->id);
	in->inhibits = true;
	e->look_all = true;
}

/* After a reload. */
void
inhibit_begin(struct engine *e)
{
	struct incident *in, *next;

	inhibit_free(&e->inhibit);
	e->inhibit = inhibit_new();
	HASH_ITER(by_id, e->incidents, in, next)
	{
		in->inhibits = false;
		in->sides = (struct rules_sides){0, 0};
	}
}

void
inhibit_renew(struct engine *e, struct incident *in)
{
	inhibit_set_sides(e, in);
	inhibit_update(e, in);
}
