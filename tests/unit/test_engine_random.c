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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "tests/unit/engine_random.h"
#include "tests/unit/engine_turns.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define NSEEDS 12
#define NSTEPS 40

static struct model *model; /* whose mails arrive */

size_t
random_draw(struct model *m, size_t n)
{
	return (size_t)(store_kit_random(&m->random) >> 11) % n;
}

/* --- what happened ----------------------------------------------------------------- */

static void add_note(struct model *m, const char *before, const char *format,
		     va_list ap) __attribute__((format(printf, 3, 0)));
static void
add_note(struct model *m, const char *before, const char *format, va_list ap)
{
	int64_t ms = clock_wall_ms(m->er.rig.clock) - m->began_ms;
	char text[600];

	vsnprintf(text, sizeof(text), format, ap);
	(void)buf_printf(&m->log, "%3d:%02d:%02d %s%s\n", (int)(ms / HOUR),
			 (int)(ms / MINUTE % 60), (int)(ms / SECOND % 60),
			 before, text);
}

void
random_note(struct model *m, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add_note(m, "", format, ap);
	va_end(ap);
}

void
random_wrong(struct model *m, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add_note(m, "WRONG: ", format, ap);
	va_end(ap);
	m->failed = true;
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
			m->heard_in[who][i] = m->nmails;
			m->heard_by[who][i] = m->settled.form == m->rules.form
						      ? m->rules.form
						      : NFORM;
			m->excused[who][i] &=
				heard != HEARD_FIRING ||
				!(told_by(&m->rules, i) & BIT(who));
		}
}

static struct sent *
keep_sent(struct model *m, const struct engine_mail *mail, enum who who)
{
	struct sent *s = &m->sent[m->nmails % NSENT];

	if (s->early)
		random_wrong(m, "a bounce is early for ever");
	*s = (struct sent){.m = m,
			   .group = mail->group,
			   .seq = mail->seq,
			   .who = who,
			   .number = m->nmails};
	snprintf(s->to, sizeof(s->to), "%s", mail->to);
	return s;
}

static void
on_mail(const struct engine_mail *mail)
{
	struct model *m = model;
	char text[sizeof(mail->text)], *save;
	struct sent *sent;
	enum who who = 0;

	random_note(m, "      %s %s", mail->to, mail->text);
	m->nmails++;
	while (who < NWHO &&
	       strncmp(mail->to, names[who], strcspn(mail->to, "@")) != 0)
		who++;
	must(who < NWHO);
	sent = keep_sent(m, mail, who);
	/* What came and went during a mute; the list may come late. */
	if (strncmp(mail->text, "mute_end", 8) == 0)
		return;
	snprintf(text, sizeof(text), "%s", strchr(mail->text, ':') + 1);
	for (char *p = strtok_r(text, " ", &save); p != NULL;
	     p = strtok_r(NULL, " ", &save))
		hear_word(m, who, p);
	random_deliver(m, sent);
}

/* --- turns ------------------------------------------------------------------------- */

/* A run that went wrong is over soon. */
static void
rest(struct model *m, bool rests)
{
	if (!rests)
		random_wrong(m, "it never comes to rest");
	m->settled = m->rules;
	random_check_records(m);
}

void
random_settle(struct model *m)
{
	rest(m, m->failed || engine_turns_settle(&m->er));
}

void
random_advance(struct model *m, int64_t ms, int64_t step)
{
	rest(m, m->failed || engine_turns_advance(&m->er, ms, step));
}

/* --- a run ------------------------------------------------------------------------- */

static void
begin(struct model *m, const char *dir)
{
	/* Some runs are plain. */
	m->extras = random_draw(m, 3) > 0
			    ? (unsigned)random_draw(m, 1u << NEXTRA)
			    : 0;
	buf_init(&m->log, 16 << 20);
	/* Nothing is lost here by power cuts; memory is quicker. */
	engine_rig_begin(&m->er, dir);
	m->began_ms = clock_wall_ms(m->er.rig.clock);
	m->er.on_mail = on_mail;
	m->er.alias = "list@example.org";
	ruleset_make(&m->rules);
	m->settled = m->rules;
	m->er.yaml = m->rules.yaml;
	engine_rig_open(&m->er);
}

/* Nobody has anything to say for MS. */
static void
stay_quiet(struct model *m, int64_t ms, int64_t step, const char *when)
{
	size_t told = m->nmails;

	random_advance(m, ms, step);
	if (m->nmails != told)
		random_wrong(m, "told %s", when);
}

static void
finish(struct model *m)
{
	random_calm(m);
	random_advance(m, 2 * MINUTE, 10 * SECOND);
	random_advance(m, 38 * MINUTE, MINUTE);
	if (random_was_refused(m) && !m->late) {
		random_advance(m, 12 * HOUR, 10 * MINUTE);
		random_check_returned(m);
	}
	if (random_was_refused(m))
		random_advance(m, 4 * DAY, HOUR);
	else
		stay_quiet(m, 8 * HOUR, 10 * MINUTE, "long after the last");
	random_check(m);
	random_note(m, "restart");
	m->er.yaml = m->rules.yaml;
	engine_rig_close(&m->er);
	engine_rig_open(&m->er);
	stay_quiet(m, 30 * MINUTE, MINUTE, "after a start");
	random_check(m);
	random_resolve_all(m);
	random_settle(m);
	random_advance(m, 30 * MINUTE, MINUTE);
	random_check(m);
	/* What is stale goes in a day. */
	random_advance(m, 26 * HOUR, HOUR);
	random_check_rest(m);
}

static bool
run(uint64_t seed, bool tells)
{
	struct model *m = xcalloc(1, sizeof(*m));
	char dir[] = "/dev/shm/belfry-engine-XXXXXX";
	bool failed;

	model = m;
	m->random = seed;
	(void)random_draw(m, 2);
	begin(m, mkdtemp(dir) != NULL ? dir : NULL);
	for (int i = 0; i < NSTEPS && !m->failed; i++)
		random_operate(m);
	if (!m->failed)
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
