/*
 * What Belfry says of itself, look by look.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "relay/own_judge.h"
#include "tests/unit/test.h"

#define NOW    INT64_C(1795341600000) /* 2026-11-22 10:00 UTC */
#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

struct fixture {
	struct own_judge judge;
	struct queue_stats stats;
	struct queue_dest_info dest[2];
	struct own_certificate cert;
	struct own_facts facts;
	struct buf said;
};

static int
setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	own_judge_init(&f.judge, NOW);
	buf_init(&f.said, 10000);
	f.stats.limit_bytes = 1000;
	f.stats.v = f.dest;
	f.facts = (struct own_facts){.now_ms = NOW,
				     .stats = &f.stats,
				     .warn_after_ms = 4 * HOUR,
				     .smarthost = true,
				     .certificates = &f.cert};
	for (int i = 0; i < 2; i++)
		f.dest[i] = (struct queue_dest_info){.agent = "smtp",
						     .name = "relay",
						     .waiting = 3,
						     .last_reply = ""};
	f.cert.file = "/etc/x.pem";
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	own_judge_done(&f->judge);
	buf_done(&f->said);
	return 0;
}

static void
on_say(void *ctx, const char *kind, const char *key, bool firing,
       const char *summary, const char *severity)
{
	struct fixture *f = ctx;

	assert_int_equal(buf_printf(&f->said, "%s%s%s %s%s%s\n", kind,
				    key[0] ? " " : "", key,
				    firing ? severity : "over",
				    firing ? ": " : "", firing ? summary : ""),
			 0);
}

/* After MS a look says this. */
static void
expect(struct fixture *f, int64_t ms, const char *want)
{
	f->facts.now_ms += ms;
	buf_clear(&f->said);
	own_judge_look(&f->judge, &f->facts, on_say, f);
	assert_string_equal(buf_str(&f->said), want);
}

static void
test_first(void **state)
{
	expect(*state, 0, "");
	expect(*state, HOUR, "");
}

/* What an earlier life said, and is not so; of what goes on for an hour, an hour
 * later. */
static void
test_before(void **state)
{
	static const struct rules_source sources[] = {{.name = "a b"}};
	static const char *const keys[] = {
		"queue_stuck ",    "double_bounce ",
		"paused ",         "certificate /etc/old.pem",
		"store ",          "refused a b",
		"refused gone",    "source_silent a b",
		"heartbeat watch", "delivery mail anna@example.org"};
	struct fixture *f = *state;

	f->facts.sources = sources;
	f->facts.nsources = 1;
	f->stats.used_bytes = 990;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		own_judge_said(&f->judge, keys[i], "as it was", NOW);
	expect(f, 0,
	       "queue_stuck over\n"
	       "double_bounce warning: as it was\n"
	       "certificate /etc/old.pem over\n"
	       "store critical: The store is full to 99 per cent: at 100 mail "
	       "is refused\n"
	       "paused over\n"
	       "refused a b warning: as it was\n"
	       "refused gone over\n");
	f->stats.used_bytes = 0;
	expect(f, HOUR - 1,
	       "double_bounce warning: as it was\n"
	       "store over\n"
	       "refused a b warning: as it was\n");
	expect(f, 1, "double_bounce over\nrefused a b over\n");
	expect(f, HOUR, "");
}

static void
test_queue(void **state)
{
#define STUCK                                                                  \
	"queue_stuck warning: 3 deliveries to relay wait, the oldest since "   \
	"2026-11-22T06:00:00.000Z: 451 no\n"
	static const struct {
		const char *name, *agent;
		uint64_t waiting;
		bool smarthost, paused, stuck;
	} row[] = {
		{"a smarthost", "smtp", 1, true, false, true},
		{"a domain's own hosts", "smtp", 19, false, false, false},
		{"... of which much waits", "smtp", 20, false, false, true},
		{"another agent", "lmtp", 1, false, false, true},
		{"an alert's endpoint", "web", 100, true, false, false},
		{"an alert's program", "exec", 100, true, false, false},
		{"while paused", "smtp", 100, true, true, false},
	};
	struct fixture *f = *state;

	expect(f, 0, "");
	f->stats.n = 2;
	f->dest[0].idle_ms = NOW - 4 * HOUR + 1;
	f->dest[1].idle_ms = NOW - HOUR;
	f->dest[0].last_reply = "451 no";
	expect(f, 0, "");
	f->dest[0].idle_ms--;
	expect(f, 0, "");
	expect(f, 0, STUCK);
	/* The same words while it lasts. */
	f->dest[0].last_reply = "452 still not";
	f->dest[0].waiting = 9;
	expect(f, HOUR, STUCK);
	f->facts.warn_after_ms = 0;
	expect(f, 0, "queue_stuck over\n");
	f->facts.warn_after_ms = 4 * HOUR;
	f->stats.n = 1;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s\n", row[i].name);
		f->dest[0].agent = row[i].agent;
		f->dest[0].waiting = row[i].waiting;
		f->facts.smarthost = row[i].smarthost;
		f->stats.paused.paused = row[i].paused;
		f->stats.paused.since_ms = f->facts.now_ms;
		for (int k = 0; k < 2; k++) {
			buf_clear(&f->said);
			own_judge_look(&f->judge, &f->facts, on_say, f);
		}
		if (row[i].stuck)
			assert_non_null(strstr(buf_str(&f->said),
					       "queue_stuck warning"));
		else
			assert_null(strstr(buf_str(&f->said),
					   "queue_stuck warning"));
	}
}

/* What is old and ready only since it is being tried does not wait. */
static void
test_tried(void **state)
{
	struct fixture *f = *state;

	expect(f, 0, "");
	f->stats.n = 1;
	f->dest[0].last_reply = "451 no";
	f->dest[0].oldest_ms = NOW - 4 * HOUR;
	expect(f, 0, "");
	expect(f, 0, "");
	/* Now it waits for longer than a moment. */
	f->dest[0].idle_ms = NOW - 4 * HOUR;
	expect(f, 0, "");
	f->dest[0].idle_ms = 0;
	expect(f, 0, "");
	f->dest[0].idle_ms = NOW - 4 * HOUR;
	expect(f, 0, "");
	expect(f, 0, STUCK);
	/* A probe is out. */
	f->dest[0].idle_ms = 0;
	f->dest[0].down = true;
	expect(f, 0, STUCK);
	f->dest[0].down = false;
	expect(f, 0, "queue_stuck over\n");
}

/* An earlier life said that it is stuck: it is told neither twice nor over. */
static void
test_still_stuck(void **state)
{
	struct fixture *f = *state;

	f->stats.n = 1;
	f->dest[0].last_reply = "451 no";
	f->dest[0].idle_ms = NOW - 4 * HOUR;
	own_judge_said(&f->judge, "queue_stuck ", "as it was", NOW);
	expect(f, 0, "");
	f->dest[0].idle_ms = 0;
	expect(f, 0, "queue_stuck over\n");
}

static void
test_bounces(void **state)
{
#define BOUNCES                                                                \
	"double_bounce warning: Mail failed, and its sender could not be "     \
	"told either: see event=double_bounce in the log\n"
	struct fixture *f = *state;

	expect(f, 0, "");
	f->facts.double_bounces = 2;
	expect(f, MINUTE, BOUNCES);
	expect(f, 59 * MINUTE, BOUNCES);
	f->facts.double_bounces++;
	expect(f, 0, BOUNCES);
	expect(f, HOUR - 1, BOUNCES);
	expect(f, 1, "double_bounce over\n");
	expect(f, HOUR, "");
}

static void
test_certificates(void **state)
{
#define ENDS                                                                   \
	"The certificate in /etc/x.pem ends at 2026-12-06T10:00:00.000Z: "     \
	"renew it, then reload\n"
	struct fixture *f = *state;

	f->facts.ncertificates = 1;
	f->cert.not_after_ms = NOW + 14 * DAY;
	expect(f, 0, "");
	expect(f, 1, "certificate /etc/x.pem warning: " ENDS);
	expect(f, 11 * DAY - 1, "certificate /etc/x.pem warning: " ENDS);
	expect(f, 1, "certificate /etc/x.pem critical: " ENDS);
	expect(f, 3 * DAY, "certificate /etc/x.pem critical: " ENDS);
	f->cert.not_after_ms += 90 * DAY;
	expect(f, 0, "certificate /etc/x.pem over\n");
	/* It goes from the configuration. */
	f->cert.not_after_ms = NOW;
	expect(f, 0,
	       "certificate /etc/x.pem critical: The certificate in "
	       "/etc/x.pem has ended at 2026-11-22T10:00:00.000Z: renew it, "
	       "then reload\n");
	f->facts.ncertificates = 0;
	expect(f, 0, "certificate /etc/x.pem over\n");
	expect(f, 0, "");
}

static void
test_store(void **state)
{
#define FULL(n) "The store is full to " n " per cent: at 100 mail is refused\n"
	struct fixture *f = *state;

	f->stats.used_bytes = 849;
	expect(f, 0, "");
	f->stats.used_bytes = 850;
	expect(f, 0, "store warning: " FULL("85"));
	f->stats.used_bytes = 800;
	expect(f, 0, "store warning: " FULL("85"));
	f->stats.used_bytes = 950;
	expect(f, 0, "store critical: " FULL("95"));
	f->stats.used_bytes = 799;
	expect(f, 0, "store over\n");
	/* What is not for mail counts as well as what is used. */
	f->stats.reserve_bytes = f->stats.limit_bytes / 2;
	f->stats.used_bytes = f->stats.limit_bytes / 2 / 10 * 9;
	expect(f, 0, "store warning: " FULL("90"));
	f->stats.reserve_bytes = f->stats.limit_bytes + 1;
	expect(f, 0, "store critical: The store is full: mail is refused\n");
	f->stats.reserve_bytes = f->stats.used_bytes = 0;
	expect(f, 0, "store over\n");
	/* A store without a size is never full. */
	f->stats.limit_bytes = 0;
	expect(f, 0, "");
}

static void
test_paused(void **state)
{
	struct fixture *f = *state;

	f->stats.paused = (struct queue_paused){
		.paused = true, .since_ms = NOW, .reason = "a leak"};
	expect(f, 15 * MINUTE - 1, "");
	expect(f, 1,
	       "paused warning: Nothing is delivered: paused since "
	       "2026-11-22T10:00:00.000Z, a leak\n");
	f->stats.paused.paused = false;
	expect(f, 0, "paused over\n");
	f->stats.paused.paused = f->stats.paused.alerts = true;
	expect(f, 0,
	       "paused warning: Nothing is delivered, no alerts either: "
	       "paused since 2026-11-22T10:00:00.000Z, a leak\n");
}

/* One for each source, until an hour after the last. */
static void
test_refused(void **state)
{
#define LOST(why)                                                              \
	"refused prom warning: Alerts of the source prom were refused and "    \
	"are lost: " why "\n"
#define REFUSED(why) LOST(why "; look there")
	static const struct rules_source sources[] = {{.name = "prom"},
						      {.name = "gen"}};
	struct fixture *f = *state;

	f->facts.sources = sources;
	f->facts.nsources = 2;
	expect(f, 0, "");
	own_judge_refused(&f->judge, "prom", "bad label", "look there",
			  f->facts.now_ms);
	expect(f, MINUTE, REFUSED("bad label"));
	own_judge_refused(&f->judge, "prom", "no JSON", "look there",
			  f->facts.now_ms);
	expect(f, HOUR - 1, REFUSED("bad label"));
	expect(f, 1, "refused prom over\n");
	expect(f, HOUR, "");
	own_judge_refused(&f->judge, "prom", "no JSON", "look there",
			  f->facts.now_ms);
	expect(f, 0, REFUSED("no JSON"));
	/* The same alert, whatever else is refused meanwhile. */
	own_judge_refused(&f->judge, "prom", "too large", "post less",
			  f->facts.now_ms);
	expect(f, 0, REFUSED("no JSON"));
	expect(f, HOUR, "refused prom over\n");
	own_judge_refused(&f->judge, "prom", "too large", "post less",
			  f->facts.now_ms);
	expect(f, 0, LOST("too large; post less"));
	f->facts.nsources = 0;
	expect(f, 0, "refused prom over\n");
}

#define JUDGE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		JUDGE_TEST(test_first),        JUDGE_TEST(test_before),
		JUDGE_TEST(test_queue),        JUDGE_TEST(test_tried),
		JUDGE_TEST(test_still_stuck),  JUDGE_TEST(test_bounces),
		JUDGE_TEST(test_certificates), JUDGE_TEST(test_store),
		JUDGE_TEST(test_paused),       JUDGE_TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
