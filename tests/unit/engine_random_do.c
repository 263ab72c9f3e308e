/*
 * engine_random_do - what happens to an engine in test_engine_random.
 */
#include <errno.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/must.h"
#include "tests/unit/engine_random.h"
#include "tests/unit/engine_turns.h"
#include "tests/unit/rules_kit.h"

/* --- sources ------------------------------------------------------------------------- */

static void
answered(void *arg, int result)
{
	struct answer *a = arg;

	if (result == 0) {
		a->m->open[a->alert] = a->firing;
		a->m->may_expire[a->alert] = a->ends;
	} else {
		random_note(a->m, "      %s of %s: %s",
			    a->firing ? "firing" : "recovery",
			    alerts[a->alert].host, strerror(-result));
	}
}

static void
done(void *arg, int result)
{
	struct model *m = arg;

	if (result < 0)
		random_note(m, "      it says %s", strerror(-result));
}

static void
post(struct model *m, size_t i, bool firing, int64_t ends_ms)
{
	struct label l[] = {
		{"alertname", alerts[i].name},
		{"host", alerts[i].host},
		{"severity", m->critical[i] ? "critical" : "warning"},
		{"team", alerts[i].team},
	};
	struct alert a = {
		.source = "test",
		.key = alerts[i].host,
		.status = firing ? ALERT_FIRING : ALERT_RESOLVED,
		.ends_ms = ends_ms,
		.labels = {.n = 4, .v = l},
		.url = "",
	};
	struct answer *answer = &m->answers[m->nanswers++];

	must(m->nanswers <= NANSWERS);
	*answer = (struct answer){m, i, firing, ends_ms != 0};
	engine_take(m->er.e, &a, 1, answered, answer);
}

static void
do_fire(struct model *m)
{
	size_t i = random_draw(m, NALERTS);

	random_note(m, "fire %s", alerts[i].host);
	post(m, i, true, 0);
}

static void
do_resolve(struct model *m)
{
	size_t i = random_draw(m, NALERTS);

	random_note(m, "resolve %s", alerts[i].host);
	post(m, i, false, 0);
}

static void
do_expire(struct model *m)
{
	size_t i = random_draw(m, NALERTS);

	random_note(m, "fire for two minutes %s", alerts[i].host);
	post(m, i, true, clock_wall_ms(m->er.rig.clock) + 2 * MINUTE);
}

static void
do_rise(struct model *m)
{
	size_t i = random_draw(m, NALERTS);

	m->critical[i] = !m->critical[i];
	random_note(m, "%s %s", m->critical[i] ? "critical" : "warning",
		    alerts[i].host);
	post(m, i, true, 0);
}

/* --- rules ----------------------------------------------------------------------------- */

/* Those of receivers that are gone need not hear of an end, unless these are
 * called otherwise, and nothing else is new since they heard. */
static void
excuse(struct model *m, const struct ruleset *last, const struct ruleset *next)
{
	unsigned gone = 0;

	if (is_gone(last, next, "name: ops") ||
	    is_gone(last, next, "name: team"))
		gone |= OPS_ARE | OTHERS_ARE;
	if (is_gone(last, next, "name: db"))
		gone |= DB_ARE | OTHERS_ARE;
	/* What is out can't be taken back. */
	for (enum who w = 0; w < NWHO; w++)
		m->lags[w] |= gone & BIT(w) &&
			      (m->er.e->nout > 0 || m->er.e->nflushes > 0);
	for (size_t i = 0; i < NALERTS; i++)
		for (enum who w = 0; w < NWHO; w++)
			if (gone & BIT(w) &&
			    (!is_same_form(last->form, next->form) ||
			     !is_same_form(m->heard_by[w][i], next->form) ||
			     !((told_by(next, i) | OTHERS_ARE) & BIT(w))))
				m->excused[w][i] = true;
}

bool
random_was_refused(const struct model *m)
{
	for (enum who w = 0; w < NWHO; w++)
		if (m->refused[w])
			return true;
	return false;
}

static void
set_rules(struct model *m, const struct ruleset *next)
{
	/* Of those that follow quickly the last is seen. */
	excuse(m, &m->settled, next);
	excuse(m, &m->rules, next);
	m->rules = *next;
	m->late |= random_was_refused(m);
	rules_unref(&m->er.rules);
	m->er.rules = rules_kit_new(m->rules.yaml);
	engine_set_rules(m->er.e, m->er.rules);
}

static bool
draw_extra(struct model *m, enum extra extra)
{
	return m->extras & extra && random_draw(m, 2) == 0;
}

static void
do_reload(struct model *m)
{
	struct ruleset next = {
		.form = (enum form)random_draw(m, NFORM),
		.inhibits = random_draw(m, 6) == 0,
		.escalates = draw_extra(m, EXTRA_STEP),
		.falls_back = draw_extra(m, EXTRA_INSTEAD),
		.rates = draw_extra(m, EXTRA_RATE),
		.holds = draw_extra(m, EXTRA_HOLD),
	};

	ruleset_make(&next);
	random_note(m, "rules: %s", next.name);
	set_rules(m, &next);
}

/* --- the far end ------------------------------------------------------------------------ */

static void
note_far(struct model *m, const char *what, const char *to)
{
	random_note(m, "%s: %s", what, to != NULL ? to : "none");
}

static void
do_down(struct model *m)
{
	static const char *const down[] = {"dora@example.org",
					   "anna@example.org",
					   "x@example.org",
					   NULL,
					   NULL,
					   NULL};

	m->er.down = down[random_draw(m, 6)];
	m->lags[X] |= m->er.down == down[2];
	note_far(m, "down", m->er.down);
}

static const struct {
	const char *address;
	enum who who;
} far_ends[] = {
	{"anna@example.org", ANNA}, {"dora@example.org", DORA},
	{"x@example.org", X},       {"boss@example.org", BOSS},
	{"rest@example.org", REST},
};

#define NFAR (sizeof(far_ends) / sizeof(far_ends[0]))

/* Those at AT are not as the others. */
static void
far_is(struct model *m, enum engine_far far, size_t at)
{
	engine_rig_hand(&m->er);
	m->er.far = at < NFAR ? far : FAR_TAKES;
	m->er.only = at < NFAR ? far_ends[at].address : NULL;
	m->lags[X] |= at < NFAR && far_ends[at].who == X;
}

static void
do_refuse(struct model *m)
{
	static const char *const dsn[] = {"5.7.1", "5.1.1"};
	size_t at = random_draw(m, NFAR + 3);

	far_is(m, FAR_REFUSES, at);
	m->er.dsn = dsn[random_draw(m, 2)];
	if (at < NFAR)
		m->late = m->refused[far_ends[at].who] = true;
	note_far(m, m->er.dsn, m->er.only);
}

static void
do_slow(struct model *m)
{
	far_is(m, FAR_SLOW, random_draw(m, NFAR + 3));
	note_far(m, "slow", m->er.only);
}

static void
do_say_nothing(struct model *m)
{
	far_is(m, FAR_MUTE, random_draw(m, NFAR + 3));
	note_far(m, "says nothing", m->er.only);
}

static void
do_hand(struct model *m)
{
	random_note(m, "taken: %d", (int)m->er.nout);
	engine_rig_hand(&m->er);
}

/* Who got it heard nothing of it. Members of an alias are not known by name. */
static void
forget(struct model *m, const struct sent *s)
{
	for (size_t i = 0; i < NALERTS; i++)
		if (m->heard_in[s->who][i] == s->number &&
		    m->heard[s->who][i] != HEARD_OVER)
			m->heard[s->who][i] = HEARD_RETURNED;
	m->refused[s->who] = true;
}

static void
bounced(void *arg, int result)
{
	struct sent *s = arg;

	done(s->m, result);
	s->early = result < 0;
}

/* Its mail reaches the engine. */
static void
bounce(struct model *m, struct sent *s)
{
	random_note(m, "comes back: to %s, number %d", s->to, (int)s->seq);
	engine_bounced(m->er.e, s->group, s->seq, s->to, "5.7.1", "no", bounced,
		       s);
}

static void
bounce_early(struct model *m)
{
	for (size_t i = 0; i < NSENT; i++)
		if (m->sent[i].early)
			bounce(m, &m->sent[i]);
}

static void
come_back(struct model *m, struct sent *s)
{
	if (s->who == X || s->who == Y || s->came_back)
		return;
	s->came_back = true;
	forget(m, s);
	bounce(m, s);
}

void
random_deliver(struct model *m, struct sent *s)
{
	if (m->extras & EXTRA_BOUNCE && !m->calm && random_draw(m, 3) == 0)
		come_back(m, s);
}

/* One of the last. */
static void
do_bounce(struct model *m)
{
	size_t ago = random_draw(m, 4);

	bounce_early(m);
	if (m->nmails > ago)
		come_back(m, &m->sent[(m->nmails - ago) % NSENT]);
}

/* --- time -------------------------------------------------------------------------------- */

static void
do_advance(struct model *m)
{
	static const int64_t by[] = {1, 5, 30, 30, 60, 120, 300};
	int64_t s = by[random_draw(m, 7)];

	random_note(m, "%d s", (int)s);
	if (random_draw(m, 2) == 0)
		clock_advance(m->er.rig.clock, s * SECOND);
	else
		random_advance(m, s * SECOND, 5 * SECOND);
}

static void
do_restart(struct model *m)
{
	random_note(m, "restart");
	m->er.yaml = m->rules.yaml;
	engine_rig_close(&m->er);
	engine_rig_start(&m->er);
	engine_turns_still(&m->er);
	if (random_draw(m, 2) == 0)
		random_settle(m);
}

/* --- people ------------------------------------------------------------------------------- */

static void
do_mute(struct model *m)
{
	if (random_draw(m, 2) == 0) {
		random_note(m, "mute");
		m->mutes = m->late = true;
		engine_mute(m->er.e,
			    clock_wall_ms(m->er.rig.clock) + 10 * MINUTE, "m",
			    "anna", done, m);
	} else {
		random_note(m, "unmute");
		engine_unmute(m->er.e, "anna", done, m);
	}
}

static void
silenced(void *arg, int result, const char *id)
{
	struct model *m = arg;

	done(m, result);
	if (result == 0)
		snprintf(m->silence, sizeof(m->silence), "%s", id);
}

static void
do_silence(struct model *m)
{
	static const char *const what[] = {"alertname=Disk", "team=db",
					   "host=h3"};
	const char *matchers = what[random_draw(m, 3)];
	struct engine_silence s = {
		.starts_ms = clock_wall_ms(m->er.rig.clock),
		.ends_ms = clock_wall_ms(m->er.rig.clock) + 10 * MINUTE,
		.created_by = "anna",
		.comment = "",
	};
	struct arena arena;
	char *why = NULL;

	if (m->silence[0] != '\0' && random_draw(m, 2) == 0) {
		random_note(m, "end the silence");
		engine_silence_expire(m->er.e, m->silence, done, m);
		return;
	}
	random_note(m, "silence %s", matchers);
	m->late = true;
	arena_init(&arena);
	must(matchers_parse(matchers, &arena, &s.matchers, &why) == 0);
	engine_silence_set(m->er.e, &s, silenced, m);
	matchers_done(&s.matchers);
	arena_done(&arena);
}

struct found {
	size_t alert;
	uint64_t id;
	bool acked;
};

static bool
find_one(void *arg, const struct incident_view *v)
{
	struct found *f = arg;

	if (strcmp(v->key, alerts[f->alert].host) == 0) {
		f->id = v->id;
		f->acked = v->acked_ms != 0;
	}
	return true;
}

static void
closed(void *arg, int result)
{
	struct answer *a = arg;

	done(a->m, result);
	if (result == 0)
		a->m->open[a->alert] = false;
}

static void
do_act(struct model *m)
{
	static const enum engine_act acts[] = {ENGINE_ACK, ENGINE_ACK,
					       ENGINE_UNACK, ENGINE_CLOSE};
	struct found f = {.alert = random_draw(m, NALERTS)};
	enum engine_act act = acts[random_draw(m, 4)];
	struct answer *answer = &m->answers[m->nanswers++];

	must(m->nanswers <= NANSWERS);
	*answer = (struct answer){.m = m, .alert = f.alert};
	(void)engine_each(m->er.e, NULL, 0, SIZE_MAX, find_one, &f);
	random_note(m, "%s %s", engine_act_names[act], alerts[f.alert].host);
	if (f.id != 0 && act == ENGINE_CLOSE)
		engine_act(m->er.e, act, f.id, "anna", "", closed, answer);
	else if (f.id != 0)
		engine_act(m->er.e, act, f.id, "anna", "", done, m);
}

/* --- all together -------------------------------------------------------------------------- */

/* How often, and what; EXTRA 0: in every run. */
static const struct {
	size_t weight;
	void (*fn)(struct model *m);
	unsigned extra;
} ops[] = {
	{8, do_fire, 0},
	{6, do_resolve, 0},
	{10, do_advance, 0},
	{3, do_rise, 0},
	{1, do_expire, 0},
	{4, do_reload, 0},
	{2, do_down, 0},
	{1, do_restart, 0},
	{1, do_mute, 0},
	{2, do_silence, 0},
	{5, do_act, EXTRA_ACT},
	{3, do_refuse, EXTRA_REFUSE},
	{3, do_slow, EXTRA_SLOW},
	{3, do_hand, EXTRA_SLOW},
	{6, do_bounce, EXTRA_BOUNCE},
	{3, do_say_nothing, EXTRA_SLOW},
};

#define NOPS (sizeof(ops) / sizeof(ops[0]))

static size_t
op_weight(const struct model *m, size_t at)
{
	return (ops[at].extra & ~m->extras) == 0 ? ops[at].weight : 0;
}

static void
operate(struct model *m)
{
	size_t sum = 0, at = 0, by;

	for (size_t i = 0; i < NOPS; i++)
		sum += op_weight(m, i);
	for (by = random_draw(m, sum); by >= op_weight(m, at); at++)
		by -= op_weight(m, at);
	ops[at].fn(m);
}

static void
interleave(struct model *m)
{
	size_t how = random_draw(m, 4), n = random_draw(m, 5);

	random_note(m, "      %s %d",
		    how == 0   ? "nothing"
		    : how == 1 ? "settle"
		    : how == 2 ? "turns"
			       : "a look, turns",
		    (int)n);
	if (how == 1)
		random_settle(m);
	if (how == 3)
		engine_turn(m->er.e);
	for (size_t i = 0; i < n && how >= 2; i++)
		engine_turns_one(&m->er);
}

void
random_operate(struct model *m)
{
	operate(m);
	interleave(m);
}

static void
unack_all(struct model *m)
{
	for (size_t i = 0; i < NALERTS; i++) {
		struct found f = {.alert = i};

		(void)engine_each(m->er.e, NULL, 0, SIZE_MAX, find_one, &f);
		if (f.acked)
			engine_act(m->er.e, ENGINE_UNACK, f.id, "anna", "",
				   done, m);
	}
}

void
random_calm(struct model *m)
{
	struct ruleset rules = m->rules;

	random_note(m, "calm");
	m->calm = true;
	m->er.far = FAR_TAKES;
	m->er.down = NULL;
	engine_rig_hand(&m->er);
	random_settle(m);
	bounce_early(m);
	if (m->silence[0] != '\0')
		engine_silence_expire(m->er.e, m->silence, done, m);
	engine_unmute(m->er.e, "anna", done, m);
	unack_all(m);
	random_settle(m);
	if (!rules.inhibits)
		return;
	rules.inhibits = false;
	ruleset_make(&rules);
	set_rules(m, &rules);
}

void
random_resolve_all(struct model *m)
{
	random_note(m, "resolve all");
	for (size_t i = 0; i < NALERTS; i++)
		post(m, i, false, 0);
}
