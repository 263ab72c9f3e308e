#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/engine_rig.h"
#include "tests/unit/test.h"

#define WARN "alertname=Disk host=a severity=warning"
#define CRIT "alertname=Down host=a severity=critical"

static int64_t
wall(const struct engine_rig *er)
{
	return clock_wall_ms(er->rig.clock);
}

/* --- why nobody is told ----------------------------------------------------------- */

struct marks {
	char text[256];
};

static bool
see_marks(void *arg, const struct incident_view *v)
{
	struct marks *m = arg;

	snprintf(m->text, sizeof(m->text), "silences=%zu inhibited=%s%s%s%s",
		 v->nsilences, v->inhibited_by[0] != '\0' ? "yes" : "no",
		 v->maintenance[0] != '\0' ? " in " : "", v->maintenance,
		 v->muted ? " muted" : "");
	return true;
}

static void
assert_marks(struct engine_rig *er, const char *labels, const char *expected)
{
	struct marks m;

	assert_true(
		engine_find(er->e, engine_rig_id(er, labels), see_marks, &m));
	assert_string_equal(m.text, expected);
}

static char silence_id[ENGINE_SILENCE_ID];

static void
silenced(void *arg, int result, const char *id)
{
	snprintf(silence_id, sizeof(silence_id), "%s", result == 0 ? id : "");
	engine_rig_answered(arg, result);
}

static int
try_silence(struct engine_rig *er, const char *matchers)
{
	struct engine_silence s = {
		.starts_ms = wall(er),
		.ends_ms = wall(er) + HOUR,
		.created_by = "anna",
		.comment = "",
	};
	struct arena arena;
	char *why;

	arena_init(&arena);
	assert_int_equal(matchers_parse(matchers, &arena, &s.matchers, &why),
			 0);
	engine_silence_set(er->e, &s, silenced, er);
	engine_rig_settle(er);
	matchers_done(&s.matchers);
	arena_done(&arena);
	return er->result;
}

static void
silence(struct engine_rig *er, const char *matchers)
{
	assert_int_equal(try_silence(er, matchers), 0);
}

/* A few bytes of text may be many of an expression, and each silence is kept. */
static void
test_silence_large(void **state)
{
	struct engine_rig *er = *state;
	char hosts[3200] = "host=~\"";

	while (strlen(hosts) < sizeof(hosts) - 40)
		strcat(hosts, "db[0-9]+\\\\.example\\\\.org|");
	strcat(hosts, "x\"");
	assert_int_equal(try_silence(er, hosts), 0);
	assert_int_equal(try_silence(er, "host=~\"(?:ab){1000}\""), 0);
	assert_int_equal(try_silence(er, "host=~\"(?:ab){4000}\""), -EMSGSIZE);
	assert_int_equal(try_silence(er, "a=~\"(?:ab){1900}\","
					 "b=~\"(?:ab){1900}\""),
			 -EMSGSIZE);
}

static void
test_silenced(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, WARN);
	assert_marks(er, WARN, "silences=0 inhibited=no");
	silence(er, "host=a");
	silence(er, "host=b");
	assert_marks(er, WARN, "silences=1 inhibited=no");
	engine_rig_resolve(er, WARN);
	assert_marks(er, WARN, "silences=0 inhibited=no");
}

static bool
see_inhibitor(void *arg, const struct incident_view *v)
{
	snprintf(arg, 17, "%s", v->inhibited_by);
	return true;
}

static bool
see_fingerprint(void *arg, const struct incident_view *v)
{
	snprintf(arg, 17, "%016llx",
		 (unsigned long long)labels_fingerprint(v->labels));
	return true;
}

static void
test_inhibited(void **state)
{
	struct engine_rig *er = *state;
	char by[17], expected[17];

	engine_rig_rules(er, "mail: [anna@example.org]\n"
			     "inhibit_rules: [{source_matchers: "
			     "['severity=\"critical\"'], target_matchers: "
			     "['severity=\"warning\"'], equal: [host]}]\n");
	engine_rig_fire(er, WARN);
	engine_rig_fire(er, CRIT);
	engine_find(er->e, engine_rig_id(er, WARN), see_inhibitor, by);
	engine_find(er->e, engine_rig_id(er, CRIT), see_fingerprint, expected);
	assert_string_equal(by, expected);
	assert_marks(er, CRIT, "silences=0 inhibited=no");
	engine_rig_resolve(er, CRIT);
	assert_marks(er, WARN, "silences=0 inhibited=no");
}

static void
test_in_maintenance(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "mail: [anna@example.org]\n"
			     "maintenance: [{name: always, matchers: "
			     "['host=\"a\"'], start: \"2000-01-01T00:00\", "
			     "end: \"2100-01-01T00:00\"}]\n");
	engine_rig_fire(er, WARN);
	engine_rig_fire(er, "alertname=Disk host=b");
	assert_marks(er, WARN, "silences=0 inhibited=no in always");
	assert_marks(er, "alertname=Disk host=b", "silences=0 inhibited=no");
}

static void
test_muted(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_fire(er, WARN);
	engine_mute(er->e, wall(er) + HOUR, "moving", "anna",
		    engine_rig_answered, er);
	engine_rig_settle(er);
	assert_marks(er, WARN, "silences=0 inhibited=no muted");
	engine_unmute(er->e, "anna", engine_rig_answered, er);
	engine_rig_settle(er);
	assert_marks(er, WARN, "silences=0 inhibited=no");
}

/* --- groups ------------------------------------------------------------------------ */

struct groups {
	size_t n, incidents;
	char text[256];
};

static bool
see_group(void *arg, const struct group_view *v)
{
	struct groups *g = arg;
	const char *name = labels_get(v->labels, "alertname");

	g->n++;
	g->incidents += v->nincidents;
	snprintf(g->text, sizeof(g->text), "%s %s", v->receiver,
		 name != NULL ? name : "");
	return true;
}

static bool
see_one_group(void *arg, const struct group_view *v)
{
	(void)v;
	++*(int *)arg;
	return false;
}

static bool
see_group_id(void *arg, const struct group_view *v)
{
	*(uint64_t *)arg = v->id;
	return false;
}

static void
test_groups(void **state)
{
	struct engine_rig *er = *state;
	struct groups g = {0};
	uint64_t id = 0, next;
	int seen = 0;

	engine_each_group(er->e, 0, SIZE_MAX, see_group, &g);
	assert_int_equal(g.n, 0);
	engine_rig_fire(er, "alertname=Disk host=a");
	engine_rig_fire(er, "alertname=Disk host=b");
	engine_each_group(er->e, 0, SIZE_MAX, see_group, &g);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.incidents, 2);
	assert_string_equal(g.text, "default Disk");
	engine_rig_fire(er, CRIT);
	g = (struct groups){0};
	engine_each_group(er->e, 0, SIZE_MAX, see_group, &g);
	assert_int_equal(g.n, 2);
	engine_each_group(er->e, 0, SIZE_MAX, see_one_group, &seen);
	assert_int_equal(seen, 1);
	engine_each_group(er->e, 0, SIZE_MAX, see_group_id, &id);
	/* One by one. */
	g = (struct groups){0};
	next = engine_each_group(er->e, 0, 1, see_group, &g);
	assert_int_equal(g.n, 1);
	assert_int_not_equal(next, 0);
	next = engine_each_group(er->e, next, 1, see_group, &g);
	assert_int_equal(g.n, 2);
	assert_int_equal(next, 0);
	g = (struct groups){0};
	assert_true(engine_find_group(er->e, id, see_group, &g));
	assert_int_equal(g.n, 1);
	assert_false(engine_find_group(er->e, id + 1000, see_group, &g));
}

/* --- at a glance --------------------------------------------------------------------- */

static void
test_status(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status s;

	engine_rig_fire(er, WARN);
	engine_rig_fire(er, "alertname=Disk host=b");
	engine_rig_fire(er, "alertname=Disk host=c");
	engine_rig_resolve(er, "alertname=Disk host=c");
	silence(er, "host=a");
	engine_act(er->e, ENGINE_ACK,
		   engine_rig_id(er, "alertname=Disk host=b"), "anna", "",
		   engine_rig_answered, er);
	engine_rig_settle(er);
	engine_status(er->e, &s);
	assert_true(s.loaded);
	assert_int_equal(s.incidents[INCIDENT_OPEN], 2);
	assert_int_equal(s.incidents[INCIDENT_RESOLVED], 1);
	assert_int_equal(s.acked, 1);
	assert_int_equal(s.suppressed, 1);
	assert_int_equal(s.silences, 1);
	assert_int_equal(s.suspended, 0);
	assert_int_equal(s.muted_until_ms, 0);
	engine_mute(er->e, wall(er) + HOUR, "moving", "ben",
		    engine_rig_answered, er);
	engine_rig_settle(er);
	engine_status(er->e, &s);
	assert_int_equal(s.suppressed, 2);
	assert_int_equal(s.muted_until_ms, wall(er) + HOUR);
	assert_string_equal(s.muted_reason, "moving");
	assert_string_equal(s.muted_by, "ben");
}

struct counted {
	uint64_t acked, suppressed, flapping;
};

static bool
see_counts(void *arg, const struct incident_view *v)
{
	struct counted *c = arg;

	c->acked += v->acked_ms != 0;
	c->flapping += v->flapping;
	c->suppressed += v->nsilences > 0 || v->inhibited_by[0] != '\0' ||
			 v->maintenance[0] != '\0' || v->muted;
	return true;
}

/* Its figures are those of the incidents, N of which are suppressed. */
static void
assert_counts(struct engine_rig *er, uint64_t n)
{
	struct counted c = {0};
	struct engine_status s;

	engine_rig_advance(er, SECOND, SECOND);
	engine_each(er->e, NULL, 0, SIZE_MAX, see_counts, &c);
	engine_status(er->e, &s);
	assert_int_equal(s.acked, c.acked);
	assert_int_equal(s.flapping, c.flapping);
	assert_int_equal(s.suppressed, c.suppressed);
	assert_int_equal(s.suppressed, n);
}

static void
test_status_goes_along(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_rules(er, "mail: [anna@example.org]\n"
			     "inhibit_rules: [{source_matchers: "
			     "['severity=\"critical\"'], target_matchers: "
			     "['severity=\"warning\"'], equal: [host]}]\n");
	engine_rig_fire(er, WARN);
	engine_rig_fire(er, "alertname=Disk host=b");
	assert_counts(er, 0);
	engine_rig_fire(er, CRIT);
	assert_counts(er, 1);
	silence(er, "host=a");
	assert_counts(er, 2);
	silence(er, "host=b");
	assert_counts(er, 3);
	engine_rig_fire(er, "alertname=New host=b");
	assert_counts(er, 4);
	engine_rig_resolve(er, "alertname=New host=b");
	assert_counts(er, 3);
	engine_silence_expire(er->e, silence_id, engine_rig_answered, er);
	engine_rig_settle(er);
	assert_counts(er, 2);
	engine_act(er->e, ENGINE_ACK, engine_rig_id(er, WARN), "anna", "",
		   engine_rig_answered, er);
	assert_counts(er, 2);
	engine_rig_close(er);
	engine_rig_open(er);
	assert_counts(er, 2);
	engine_rig_resolve(er, WARN);
	assert_counts(er, 1);
	/* The silence ends by itself. */
	engine_rig_advance(er, HOUR, MINUTE);
	assert_counts(er, 0);
	for (int i = 0; i < 3; i++) {
		engine_rig_fire(er, WARN);
		engine_rig_resolve(er, WARN);
	}
	assert_counts(er, 0);
	engine_rig_resolve(er, CRIT);
	engine_rig_advance(er, 2 * HOUR, 10 * MINUTE);
	assert_counts(er, 0);
}

/* A message on its way, and one that nobody took. */
static void
test_status_of_notices(void **state)
{
	struct engine_rig *er = *state;
	struct engine_status s;

	er->far = FAR_SLOW;
	engine_rig_fire(er, WARN);
	engine_rig_advance(er, 31 * SECOND, SECOND);
	engine_status(er->e, &s);
	assert_int_equal(s.notices_out, 1);
	assert_int_equal(s.failed, 0);
	engine_rig_answer(er, false);
	engine_rig_settle(er);
	engine_status(er->e, &s);
	assert_int_equal(s.notices_out, 0);
	assert_int_equal(s.failed, 1);
	engine_rig_close(er);
	engine_rig_open(er);
	engine_status(er->e, &s);
	assert_int_equal(s.notices_out, 0);
	assert_int_equal(s.failed, 1);
	er->far = FAR_TAKES;
	engine_rig_advance(er, 12 * HOUR, 10 * MINUTE);
	engine_rig_resolve(er, WARN);
	engine_rig_advance(er, 10 * MINUTE, MINUTE);
	engine_status(er->e, &s);
	assert_int_equal(s.groups, 0);
	assert_int_equal(s.notices_out, 0);
	assert_int_equal(s.failed, 0);
}

/* --- what was not understood ------------------------------------------------------------ */

static void
see_malformed(void *arg, int result, size_t n, const struct malformed_view *v)
{
	struct engine_rig *er = arg;

	assert_int_equal(result, 0);
	assert_int_equal(n, 2);
	assert_string_equal(v[0].source, "new");
	assert_int_equal(v[0].number, 2);
	assert_int_equal(v[1].number, 1);
	assert_int_equal(v[1].len, 3);
	assert_memory_equal(v[1].body, "one", 3);
	er->answers++;
}

static void
test_malformed(void **state)
{
	struct engine_rig *er = *state;
	int answers;

	engine_keep_malformed(er->e, "old", "why", "one", 3);
	engine_rig_settle(er);
	engine_rig_advance(er, SECOND, SECOND);
	engine_keep_malformed(er->e, "new", "why", "two", 3);
	engine_rig_settle(er);
	answers = er->answers;
	engine_each_malformed(er->e, see_malformed, er);
	while (er->answers == answers)
		engine_rig_settle(er); /* it is read by another thread */
}

#define RING ENGINE_MALFORMED_MAX

struct ring {
	struct engine_rig *er;
	size_t n;
	char bodies[RING][16];
};

static void
see_ring(void *arg, int result, size_t n, const struct malformed_view *v)
{
	struct ring *ring = arg;

	ring->n = result == 0 ? n : 0;
	for (size_t i = 0; i < ring->n; i++)
		snprintf(ring->bodies[i], sizeof(ring->bodies[i]), "%.*s",
			 (int)v[i].len, (const char *)v[i].body);
	ring->er->answers++;
}

/* The newest is first, and none is missing behind it. */
static void
assert_ring(struct engine_rig *er, int newest)
{
	struct ring ring = {.er = er};
	int answers = er->answers;

	engine_each_malformed(er->e, see_ring, &ring);
	while (er->answers == answers)
		engine_rig_settle(er);
	assert_int_equal(ring.n, RING);
	for (size_t i = 0; i < RING; i++)
		assert_int_equal(atoi(ring.bodies[i]), newest - (int)i);
	assert_int_equal(engine_rig_rows(er, "a"), RING);
}

static void
keep_malformed(struct engine_rig *er, int from, int to)
{
	for (int n = from; n <= to; n++) {
		char body[16];

		snprintf(body, sizeof(body), "%d", n);
		engine_keep_malformed(er->e, "nas", "why", body, strlen(body));
		engine_rig_advance(er, SECOND, SECOND);
	}
}

/* The oldest make room, in the next life too. */
static void
test_malformed_ring(void **state)
{
	struct engine_rig *er = *state;

	keep_malformed(er, 1, RING + 3);
	assert_ring(er, RING + 3);
	engine_rig_close(er);
	engine_rig_open(er);
	assert_ring(er, RING + 3);
	keep_malformed(er, RING + 4, RING + 8);
	assert_ring(er, RING + 8);
	engine_rig_close(er);
	engine_rig_open(er);
	assert_ring(er, RING + 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_silenced),
		ENGINE_TEST(test_silence_large),
		ENGINE_TEST(test_inhibited),
		ENGINE_TEST(test_in_maintenance),
		ENGINE_TEST(test_muted),
		ENGINE_TEST(test_groups),
		ENGINE_TEST(test_status),
		ENGINE_TEST(test_status_goes_along),
		ENGINE_TEST(test_status_of_notices),
		ENGINE_TEST(test_malformed),
		ENGINE_TEST(test_malformed_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
