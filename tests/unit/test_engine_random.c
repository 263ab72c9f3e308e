/*
 * What people were told after many random things happened at once: it is what
 * is true.
 *
 * A run is drawn from a seed. Its operations come one after the other, with
 * none, some or all of the engine's work done in between. Then all that disturbs
 * is taken away, time passes, and what everybody was told last is compared with
 * what is true. ENGINE_RANDOM_SEED=N runs that seed alone, and says what
 * happened; ENGINE_RANDOM=N runs the first N, or so many from
 * ENGINE_RANDOM_FROM on. A run that fails says what happened, and its seed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/must.h"
#include "base/xalloc.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/engine_random_rules.h"
#include "tests/unit/engine_turns.h"
#include "tests/unit/rules_kit.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define NANSWERS 1024
#define NSEEDS   12
#define NSTEPS   40

/* --- what there is ---------------------------------------------------------------- */

struct answer {
	struct model *m;
	size_t alert;
	bool firing, ends;
};

struct model {
	struct engine_rig er;
	uint64_t seed, random;
	int64_t began_ms;
	size_t rules;
	size_t settled; /* those that were in force for certain */
	bool open[NALERTS], may_expire[NALERTS], critical[NALERTS];
	enum heard heard[NWHO][NALERTS];
	bool excused[NWHO][NALERTS]; /* they need not hear of its end */
	/* They may miss what others of an alias heard, or hear late what is for
	 * a receiver that is gone. */
	bool lags[NWHO], was_down[NWHO];
	char silence[ENGINE_SILENCE_ID];
	struct answer answers[NANSWERS];
	size_t nanswers;
	size_t nmails;
	struct buf log;
	bool failed;
	bool mutes;
};

static struct model *model; /* whose mails arrive */

static size_t
draw(struct model *m, size_t n)
{
	return (size_t)(store_kit_random(&m->random) >> 11) % n;
}

__attribute__((format(printf, 2, 3))) static void
note(struct model *m, const char *format, ...)
{
	int64_t ms = clock_wall_ms(m->er.rig.clock) - m->began_ms;
	char text[600];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	(void)buf_printf(&m->log, "%3d:%02d:%02d %s\n", (int)(ms / HOUR),
			 (int)(ms / MINUTE % 60), (int)(ms / SECOND % 60),
			 text);
}

/* --- what arrives ------------------------------------------------------------------ */

static void
hear_word(struct model *m, enum who who, const char *word)
{
	enum heard heard = *word == '-'   ? HEARD_OVER
			   : *word == '~' ? HEARD_STALE
					  : HEARD_FIRING;

	word += strchr("+-~", *word) != NULL;
	for (size_t i = 0; i < NALERTS; i++)
		if (strcmp(word, alerts[i].host) == 0) {
			m->heard[who][i] = heard;
			m->excused[who][i] &=
				heard != HEARD_FIRING ||
				!(told_by(m->rules, i) & BIT(who));
		}
}

static void
on_mail(const struct engine_mail *mail)
{
	struct model *m = model;
	char text[sizeof(mail->text)], *save;
	enum who who = 0;

	note(m, "      %s %s", mail->to, mail->text);
	m->nmails++;
	while (who < NWHO &&
	       strncmp(mail->to, names[who], strcspn(mail->to, "@")) != 0)
		who++;
	must(who < NWHO);
	snprintf(text, sizeof(text), "%s", strchr(mail->text, ':') + 1);
	for (char *p = strtok_r(text, " ", &save); p != NULL;
	     p = strtok_r(NULL, " ", &save))
		hear_word(m, who, p);
}

/* --- turns -------------------------------------------------------------------- */

static void
settle(struct model *m)
{
	engine_turns_settle(&m->er);
	m->settled = m->rules;
}

static void
advance(struct model *m, int64_t ms, int64_t step)
{
	engine_turns_advance(&m->er, ms, step);
	m->settled = m->rules;
}

/* --- what is done -------------------------------------------------------------------- */

static void
answered(void *arg, int result)
{
	struct answer *a = arg;

	if (result == 0) {
		a->m->open[a->alert] = a->firing;
		a->m->may_expire[a->alert] = a->ends;
	} else {
		note(a->m, "      %s of %s: %s",
		     a->firing ? "firing" : "recovery", alerts[a->alert].host,
		     strerror(-result));
	}
}

static void
done(void *arg, int result)
{
	struct model *m = arg;

	if (result < 0)
		note(m, "      it says %s", strerror(-result));
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
	size_t i = draw(m, NALERTS);

	note(m, "fire %s", alerts[i].host);
	post(m, i, true, 0);
}

static void
do_resolve(struct model *m)
{
	size_t i = draw(m, NALERTS);

	note(m, "resolve %s", alerts[i].host);
	post(m, i, false, 0);
}

static void
do_expire(struct model *m)
{
	size_t i = draw(m, NALERTS);

	note(m, "fire for two minutes %s", alerts[i].host);
	post(m, i, true, clock_wall_ms(m->er.rig.clock) + 2 * MINUTE);
}

static void
do_rise(struct model *m)
{
	size_t i = draw(m, NALERTS);

	m->critical[i] = !m->critical[i];
	note(m, "%s %s", m->critical[i] ? "critical" : "warning",
	     alerts[i].host);
	post(m, i, true, 0);
}

/* Those of receivers that are gone need not hear of an end, unless these are
 * called otherwise, and nothing else is new. */
static void
excuse(struct model *m, size_t last, size_t next)
{
	unsigned gone = 0;

	if (is_gone(last, next, "name: ops") ||
	    is_gone(last, next, "name: team"))
		gone |= OPS_ARE;
	if (is_gone(last, next, "name: db"))
		gone |= DB_ARE;
	for (enum who w = 0; w < NWHO; w++)
		m->lags[w] |= gone & BIT(w) && m->was_down[w];
	for (size_t i = 0; i < NALERTS; i++)
		for (enum who w = 0; w < NWHO; w++)
			if (gone & BIT(w) &&
			    (rulesets[last].form != rulesets[next].form ||
			     !(told_by(next, i) & BIT(w))))
				m->excused[w][i] = true;
}

static void
set_rules(struct model *m, size_t next)
{
	/* Of those that follow quickly the last is seen. */
	excuse(m, m->settled, next);
	excuse(m, m->rules, next);
	m->rules = next;
	rules_unref(&m->er.rules);
	m->er.yaml = rulesets[next].yaml;
	m->er.rules = rules_kit_new(m->er.yaml);
	engine_set_rules(m->er.e, m->er.rules);
}

static void
do_reload(struct model *m)
{
	size_t next = draw(m, NRULESETS);

	note(m, "rules: %s", rulesets[next].name);
	set_rules(m, next);
}

static void
do_far(struct model *m)
{
	static const char *const down[] = {"dora@example.org",
					   "anna@example.org",
					   "x@example.org",
					   NULL,
					   NULL,
					   NULL};

	m->er.down = down[draw(m, 6)];
	m->was_down[DORA] |= m->er.down == down[0];
	m->was_down[ANNA] |= m->er.down == down[1];
	m->lags[X] |= m->er.down == down[2];
	note(m, "down: %s", m->er.down != NULL ? m->er.down : "none");
}

static void
do_advance(struct model *m)
{
	static const int64_t by[] = {1, 5, 30, 30, 60, 120, 300};
	int64_t s = by[draw(m, 7)];

	note(m, "%d s", (int)s);
	if (draw(m, 2) == 0)
		clock_advance(m->er.rig.clock, s * SECOND);
	else
		advance(m, s * SECOND, 5 * SECOND);
}

static void
do_restart(struct model *m)
{
	note(m, "restart");
	engine_rig_close(&m->er);
	engine_rig_start(&m->er);
	engine_turns_still(&m->er);
	if (draw(m, 2) == 0)
		settle(m);
}

static void
do_mute(struct model *m)
{
	if (draw(m, 2) == 0) {
		note(m, "mute");
		m->mutes = true;
		engine_mute(m->er.e,
			    clock_wall_ms(m->er.rig.clock) + 10 * MINUTE, "m",
			    "anna", done, m);
	} else {
		note(m, "unmute");
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
	const char *matchers = what[draw(m, 3)];
	struct engine_silence s = {
		.starts_ms = clock_wall_ms(m->er.rig.clock),
		.ends_ms = clock_wall_ms(m->er.rig.clock) + 10 * MINUTE,
		.created_by = "anna",
		.comment = "",
	};
	struct arena arena;
	char *why = NULL;

	if (m->silence[0] != '\0' && draw(m, 2) == 0) {
		note(m, "end the silence");
		engine_silence_expire(m->er.e, m->silence, done, m);
		return;
	}
	note(m, "silence %s", matchers);
	arena_init(&arena);
	must(matchers_parse(matchers, &arena, &s.matchers, &why) == 0);
	engine_silence_set(m->er.e, &s, silenced, m);
	matchers_done(&s.matchers);
	arena_done(&arena);
}

/* How often, and what. */
static const struct {
	size_t weight;
	void (*fn)(struct model *m);
} ops[] = {
	{8, do_fire},   {6, do_resolve}, {10, do_advance}, {3, do_rise},
	{1, do_expire}, {4, do_reload},  {2, do_far},      {1, do_restart},
	{1, do_mute},   {2, do_silence},
};

#define NOPS (sizeof(ops) / sizeof(ops[0]))

static void
operate(struct model *m)
{
	size_t sum = 0, at = 0, by;

	for (size_t i = 0; i < NOPS; i++)
		sum += ops[i].weight;
	for (by = draw(m, sum); by >= ops[at].weight; at++)
		by -= ops[at].weight;
	ops[at].fn(m);
}

static void
interleave(struct model *m)
{
	size_t how = draw(m, 4), n = draw(m, 5);

	note(m, "      %s %d",
	     how == 0   ? "nothing"
	     : how == 1 ? "settle"
	     : how == 2 ? "turns"
			: "a look, turns",
	     (int)n);
	if (how == 1)
		settle(m);
	if (how == 3)
		engine_turn(m->er.e);
	for (size_t i = 0; i < n && how >= 2; i++)
		engine_turns_one(&m->er);
}

/* --- in the end ----------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void
wrong(struct model *m, const char *format, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	note(m, "WRONG: %s", text);
	m->failed = true;
}

struct seen {
	struct model *m;
	bool is_there[NALERTS];
	enum incident_state state[NALERTS];
};

static bool
see(void *arg, const struct incident_view *v)
{
	struct seen *seen = arg;

	for (size_t i = 0; i < NALERTS; i++)
		if (strcmp(v->key, alerts[i].host) == 0) {
			seen->is_there[i] = true;
			seen->state[i] = v->state;
		}
	return true;
}

static void
check_one(struct model *m, size_t i, const struct seen *seen)
{
	bool open = seen->is_there[i] && seen->state[i] == INCIDENT_OPEN;

	if (open != m->open[i] && !m->may_expire[i])
		wrong(m, "%s is %s", alerts[i].host,
		      open ? "open" : "not open");
	for (enum who w = 0; w < NWHO; w++) {
		enum heard heard = m->heard[w][i];

		if (m->lags[w])
			continue;
		if (open && told_by(m->rules, i) & BIT(w) &&
		    heard != HEARD_FIRING)
			wrong(m, "%s fires, and %s heard %s", alerts[i].host,
			      names[w], heard_names[heard]);
		if (!open && heard == HEARD_FIRING && !m->excused[w][i])
			wrong(m, "%s is over, and %s heard it fires",
			      alerts[i].host, names[w]);
	}
}

static void
check(struct model *m)
{
	struct seen seen = {.m = m};

	(void)engine_each(m->er.e, NULL, 0, SIZE_MAX, see, &seen);
	for (size_t i = 0; i < NALERTS; i++)
		check_one(m, i, &seen);
}

static void
calm(struct model *m)
{
	note(m, "calm");
	settle(m);
	m->er.down = NULL;
	if (m->silence[0] != '\0')
		engine_silence_expire(m->er.e, m->silence, done, m);
	engine_unmute(m->er.e, "anna", done, m);
	settle(m);
	if (rulesets[m->rules].inhibits)
		set_rules(m, 0);
	advance(m, 2 * MINUTE, 10 * SECOND);
	advance(m, 30 * MINUTE, MINUTE);
	advance(m, 8 * HOUR, 10 * MINUTE);
}

/* The next life knows all that, and has nothing to say. */
static void
check_restart(struct model *m)
{
	size_t told = m->nmails;

	note(m, "restart");
	engine_rig_close(&m->er);
	engine_rig_open(&m->er);
	advance(m, 30 * MINUTE, MINUTE);
	if (m->nmails != told)
		wrong(m, "told after a start");
	check(m);
}

/* What is over and told leaves nothing; what is stale goes in a day. */
static void
check_rest(struct model *m)
{
	struct alert_group *g, *next;

	advance(m, 26 * HOUR, HOUR);
	if (!m->mutes && engine_rig_rows(&m->er, "gs") != 0)
		wrong(m, "records are left");
	/* Those of mutes stay. */
	HASH_ITER(by_id, m->er.e->groups, g, next)
	if (!(g->c.flags & GROUP_OWN))
		wrong(m, "a group of %s is left", g->receiver);
}

static void
finish(struct model *m)
{
	calm(m);
	check(m);
	check_restart(m);
	note(m, "resolve all");
	for (size_t i = 0; i < NALERTS; i++)
		post(m, i, false, 0);
	settle(m);
	advance(m, 30 * MINUTE, MINUTE);
	check(m);
	check_rest(m);
}

static bool
run(uint64_t seed, bool tells)
{
	struct model *m = xcalloc(1, sizeof(*m));
	char dir[] = "/dev/shm/belfry-engine-XXXXXX";
	bool failed;

	model = m;
	m->seed = m->random = seed;
	(void)draw(m, 2);
	buf_init(&m->log, 16 << 20);
	/* Nothing is lost here by power cuts; memory is quicker. */
	engine_rig_begin(&m->er, mkdtemp(dir) != NULL ? dir : NULL);
	m->began_ms = clock_wall_ms(m->er.rig.clock);
	m->er.on_mail = on_mail;
	m->er.alias = "list@example.org";
	m->er.yaml = rulesets[0].yaml;
	engine_rig_open(&m->er);
	for (int i = 0; i < NSTEPS; i++) {
		operate(m);
		interleave(m);
	}
	finish(m);
	failed = m->failed;
	if (failed || tells)
		printf("%sENGINE_RANDOM_SEED=%llu\n", buf_str(&m->log),
		       (unsigned long long)seed);
	engine_rig_done(&m->er);
	store_kit_remove(dir);
	buf_done(&m->log);
	free(m);
	return !failed;
}

static void
test_random(void **state)
{
	const char *one = getenv("ENGINE_RANDOM_SEED");
	const char *many = getenv("ENGINE_RANDOM");
	const char *from = getenv("ENGINE_RANDOM_FROM");
	uint64_t seed = from != NULL ? strtoull(from, NULL, 10) : 1;
	uint64_t n = many != NULL ? strtoull(many, NULL, 10) : NSEEDS;
	int nfailed = 0;

	(void)state;
	if (one != NULL) {
		assert_true(run(strtoull(one, NULL, 10), true));
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		nfailed += !run(seed + i, false);
	print_message("%d failed\n", nfailed);
	assert_int_equal(nfailed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
