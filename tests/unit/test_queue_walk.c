/*
 * The walk: other routes, and what waits follows; once a day every wait row is
 * where it should be.
 */
#include <errno.h>
#include <string.h>

#include "queue/key.h"
#include "queue/queue_impl.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_check.h"
#include "tests/unit/test.h"

/* What the routes are: all but r1 go to TO. */
static const char *to;
static int asked;                       /* batches */
static void (*on_ask)(struct rig *rig); /* in the middle of a walk */

static void
route_all(void *ctx, struct loop *loop, struct arena *arena,
	  struct queue_lookup *v, size_t n)
{
	(void)loop;
	asked++;
	if (on_ask != NULL)
		on_ask(ctx);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(v[i].sender, "a@example.org");
		if (strcmp(v[i].address, "r1@x.org") == 0)
			continue; /* no route: where it is */
		v[i].dest = arena_strdup(arena, to);
		v[i].route = "other";
	}
}

static void
reroute(struct rig *rig, const char *dest)
{
	to = dest;
	rig->routes[0]++;
	queue_set_routes(rig->q, rig->routes);
	rig_settle(rig);
}

static int
setup(void **state)
{
	static struct rig rig;

	asked = 0;
	on_ask = NULL;
	to = "hop";
	rig_init(&rig, NULL);
	rig.router = route_all;
	rig.routes[0] = 1;
	rig_open(&rig);
	rig_start(&rig);
	*state = &rig;
	return 0;
}

static void
again(struct rig *rig)
{
	rig_close(rig);
	rig_open(rig);
	rig_start(rig);
}

static uint64_t
waiting(struct rig *rig, const char *dest)
{
	const struct queue_stats *s = rig_stats(rig);

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, dest) == 0)
			return s->v[i].waiting;
	return 0;
}

/* The first is tried, and its destination is down for an hour and more. */
static void
make_down(struct rig *rig, const char *dest)
{
	rig->conf.retry.first_ms = DAY;
	rig->conf.retry.max_ms = DAY;
	queue_set_conf(rig->q, &rig->conf);
	rig_send(rig, RIG_MAIL(.to = {"b@x.org"}, .dest = dest));
	rig_settle(rig);
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);
}

static void
test_round_a_dead_host(void **state)
{
	struct rig *rig = *state;
	uint64_t deferred, held, none;

	rig_send(rig, RIG_MAIL(.to = {"c@x.org"}));
	deferred = rig->id;
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	make_down(rig, "hop");
	rig_send(rig, RIG_MAIL(.to = {"d@x.org"}));
	held = rig->id;
	assert_int_equal(rig_act(rig, QUEUE_HOLD, held), 0);
	rig_send(rig, RIG_MAIL(.to = {"r1@x.org", "e@x.org"}));
	none = rig->id;
	rig_settle(rig);
	assert_int_equal(rig->nout, 0);

	reroute(rig, "alive");
	assert_string_equal(rig_show(rig, deferred)->rcpt[0].dest, "alive");
	assert_int_equal(rig_show(rig, deferred)->rcpt[0].state,
			 QUEUE_RCPT_READY);
	assert_string_equal(rig_show(rig, held)->rcpt[0].dest, "alive");
	assert_int_equal(rig_show(rig, held)->rcpt[0].state, QUEUE_RCPT_HELD);
	assert_string_equal(rig_show(rig, none)->rcpt[0].dest, "hop");
	assert_string_equal(rig_show(rig, none)->rcpt[1].dest, "alive");
	assert_int_equal(waiting(rig, "alive"), 3);
	assert_int_equal(waiting(rig, "hop"), 1);
	assert_int_equal(rig->stats->walk.moved, 4);
	assert_int_equal(rig->stats->walk.seen, 5);
	assert_false(rig->stats->walk.running);
	/* Three go now, and the old host is probed for the fourth. */
	assert_int_equal(rig->nout, 4);
	assert_int_equal(rig_logged(rig, "event=walk state=end work=routes"),
			 2);
	/* The same routes once more are no news. */
	queue_set_routes(rig->q, rig->routes);
	rig_settle(rig);
	assert_int_equal(rig_stats(rig)->walk.moved, 4);
	rig_act(rig, QUEUE_RELEASE, held);
	rig_settle(rig);
	rig_deliver_rest(rig);
}

/* What is out is left alone; the next try moves it. */
static void
test_what_is_out(void **state)
{
	struct rig *rig = *state;
	struct attempt *a;
	uint64_t id;

	rig_send(rig, RIG_MAIL(.to = {"c@x.org"}));
	id = rig->id;
	rig_settle(rig);
	reroute(rig, "alive");
	assert_string_equal(rig_show(rig, id)->rcpt[0].dest, "hop");
	assert_int_equal(rig_stats(rig)->walk.moved, 0);
	/* It fails with its host, and waits there: what moves is no probe, so
	 * the next follows at once. */
	rig_answer_dest(rig, 0, ATTEMPT_UNTRIED, ATTEMPT_DEST_FAILED, 421);
	rig_settle(rig);
	for (int i = 0; i < 2; i++)
		rig_send(rig, RIG_MAIL(.to = {"d@x.org"}));
	rig_settle(rig);
	rig_advance(rig, DAY);
	for (int i = 0; i < 3; i++) {
		a = NULL;
		for (size_t at = 0; at < rig->nout; at++)
			if (rig->out[at]->probe)
				a = rig->out[at];
		assert_non_null(a);
		for (size_t at = 0; at < rig->nout; at++) {
			if (rig->out[at] != a)
				continue;
			a->rcpt[0].moved_agent = "test";
			a->rcpt[0].moved_dest = "alive";
			rig_answer_dest(rig, at, ATTEMPT_MOVED,
					ATTEMPT_DEST_UNKNOWN, 0);
			break;
		}
		rig_settle(rig);
	}
	assert_int_equal(waiting(rig, "alive"), 3);
	rig_deliver_rest(rig);
}

/* --- in the middle of it ------------------------------------------------- */

static void
reroute_again(struct rig *rig)
{
	if (asked != 3)
		return;
	to = "third";
	rig->routes[0]++;
	queue_set_routes(rig->q, rig->routes);
	on_ask = NULL;
}

static void
test_again_in_the_middle(void **state)
{
	struct rig *rig = *state;

	make_down(rig, "hop");
	for (int i = 0; i < 25; i++)
		rig_post(rig, RIG_MAIL(.nrcpt = 100));
	rig_settle(rig);
	on_ask = reroute_again;
	asked = 0;
	rig->conf.destination.connections = 1;
	queue_set_conf(rig->q, &rig->conf);
	reroute(rig, "second");
	assert_null(on_ask);
	/* r1 has no route. Before the other routes are seen there may be a
	 * page by the first ones, and one message of it is out. */
	assert_int_equal(waiting(rig, "hop"), 25);
	assert_int_equal(waiting(rig, "third") + waiting(rig, "second"),
			 25 * 99 + 1);
	assert_in_range(waiting(rig, "second"), 0, 100);
	rig->agent = rig_deliver;
	rig_deliver_rest(rig);
}

/* The end comes in the middle: the next start goes on. */
static void
test_stopped_in_the_middle(void **state)
{
	struct rig *rig = *state;

	make_down(rig, "hop");
	for (int i = 0; i < 25; i++)
		rig_post(rig, RIG_MAIL(.nrcpt = 100));
	rig_settle(rig);
	rig->conf.destination.connections = 1;
	to = "second";
	rig->routes[0]++;
	queue_set_routes(rig->q, rig->routes);
	again(rig);
	assert_int_equal(waiting(rig, "second"), 25 * 99 + 1);
	rig->agent = rig_deliver;
	rig_deliver_rest(rig);
}

static void
moved_or_delivered(struct rig *rig, struct attempt *a)
{
	if (strcmp(a->dest, "second") == 0) {
		rig_deliver(rig, a);
		return;
	}
	for (size_t i = 0; i < a->nrcpt; i++) {
		a->rcpt[i].outcome = ATTEMPT_MOVED;
		a->rcpt[i].moved_agent = "test";
		a->rcpt[i].moved_dest = "second";
	}
	attempt_result(&a);
}

/* A store that is full: the walk waits, and takes no room from results; what
 * waits moves by its own tries, until there is room. */
static void
test_full(void **state)
{
	struct rig *rig = *state;
	int sent = 0;

	rig_close(rig);
	rig->conf.max_size = 4 << 20;
	rig->conf.reserve = 1 << 20;
	rig_open(rig);
	rig_start(rig);
	make_down(rig, "hop");
	while (rig_send(rig, RIG_MAIL(.nrcpt = 20, .size = 30000)) == 0)
		sent++;
	assert_in_range(sent, 20, 2000);
	rig->agent = moved_or_delivered;
	reroute(rig, "second");
	for (int i = 0; i < 600 && rig_stats(rig)->messages > 0; i++)
		rig_advance(rig, 1000);
	assert_int_equal(rig_stats(rig)->messages, 0);
	rig_advance(rig, MINUTE);
	assert_false(rig_stats(rig)->walk.running);
}

static uint64_t acted_on;
static int acted_result;

static void
acted(void *arg, int result)
{
	(void)arg;
	acted_result = result;
}

static void
remove_one(struct rig *rig)
{
	queue_act(rig->q, QUEUE_REMOVE, acted_on, rig->loop, acted, rig);
	queue_act(rig->q, QUEUE_HOLD, acted_on + 1, rig->loop, acted, rig);
	on_ask = NULL;
}

static void
test_the_operator_meanwhile(void **state)
{
	struct rig *rig = *state;
	uint64_t id[2];

	make_down(rig, "hop");
	for (int i = 0; i < 2; i++) {
		rig_send(rig, RIG_MAIL(.to = {"c@x.org"}));
		id[i] = rig->id;
	}
	assert_int_equal(id[1], id[0] + 1);
	acted_on = id[0];
	acted_result = 1;
	on_ask = remove_one;
	reroute(rig, "alive");
	assert_int_equal(acted_result, 0);
	assert_null(rig_show(rig, id[0]));
	assert_string_equal(rig_show(rig, id[1])->rcpt[0].dest, "alive");
	assert_int_equal(rig_show(rig, id[1])->rcpt[0].state, QUEUE_RCPT_HELD);
	rig_act(rig, QUEUE_RELEASE, id[1]);
	rig_settle(rig);
	rig_deliver_rest(rig);
}

/* --- requeue ------------------------------------------------------------- */

static void
test_requeue_looks_up(void **state)
{
	struct rig *rig = *state;
	uint64_t id;

	rig_send(rig, RIG_MAIL(.to = {"r1@x.org", "c@x.org"}));
	id = rig->id;
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	to = "alive"; /* and nobody told the queue */
	assert_int_equal(rig_act(rig, QUEUE_REQUEUE, id), 0);
	rig_settle(rig);
	assert_int_equal(rig->nout, 2);
	assert_string_equal(rig_show(rig, id)->rcpt[0].dest, "hop");
	assert_string_equal(rig_show(rig, id)->rcpt[1].dest, "alive");
	assert_int_equal(rig_show(rig, id)->rcpt[0].tries, 0);
	assert_int_equal(rig_show(rig, id)->rcpt[1].tries, 0);
	assert_int_equal(waiting(rig, "alive"), 1);
	assert_int_equal(rig_act(rig, QUEUE_REQUEUE, id + 99), -ENOENT);
	rig_deliver_rest(rig);
}

/* --- a restart ----------------------------------------------------------- */

static void
test_a_file_changed_meanwhile(void **state)
{
	struct rig *rig = *state;

	make_down(rig, "hop");
	again(rig);
	assert_int_equal(rig_stats(rig)->walk.moved, 0);
	assert_int_equal(rig->nout, 0);
	to = "alive";
	rig->routes[0]++;
	again(rig);
	assert_int_equal(rig_stats(rig)->walk.moved, 1);
	assert_int_equal(rig->nout, 1);
	assert_string_equal(rig->out[0]->dest, "alive");
	rig_deliver_rest(rig);
}

/* --- once a day ---------------------------------------------------------- */

static void
test_a_lost_row(void **state)
{
	struct rig *rig = *state;
	struct store_key key;
	struct store_check sc;

	make_down(rig, "hop");
	rig_advance(rig, HOUR); /* the day does not begin with the start */
	rig_send(rig, RIG_MAIL(.to = {"c@x.org"}, .dest = "lost"));
	rig_settle(rig);
	rig_answer(rig, 0, ATTEMPT_LATER, 450);
	rig_settle(rig);
	key = key_message(rig->id, 1);
	rig_close(rig);
	assert_int_equal(store_check_drop_wait(rig->dir, &key), 0);
	assert_int_equal(store_check(rig->dir, &sc), 0);
	assert_int_equal(sc.faults, 1);
	rig_open(rig);
	rig_start(rig);
	assert_int_equal(rig_stats(rig)->walk.mended, 0);
	rig_advance(rig, 23 * HOUR - 1);
	assert_int_equal(rig_stats(rig)->walk.mended, 0);
	rig_advance(rig, 1);
	assert_int_equal(rig_stats(rig)->walk.mended, 1);
	assert_int_equal(rig_logged(rig, "mended=1"), 1);
	rig_advance(rig, HOUR);
	assert_int_equal(rig->nout, 2);
	rig_close(rig);
	assert_int_equal(store_check(rig->dir, &sc), 0);
	assert_int_equal(sc.faults, 0);
	rig_open(rig);
	rig_start(rig);
	rig_deliver_rest(rig);
}

/* A record of its own that makes no sense: it begins anew. */
static void
test_a_damaged_cursor(void **state)
{
	struct rig *rig = *state;
	struct store_key key = key_walk();

	make_down(rig, "hop");
	rig_close(rig);
	assert_int_equal(store_check_put_rec(rig->dir, &key, "what", 4), 0);
	to = "alive";
	rig_open(rig);
	rig_start(rig);
	assert_int_equal(rig_stats(rig)->walk.moved, 1);
	rig_deliver_rest(rig);
}

#define WALK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WALK_TEST(test_round_a_dead_host),
		WALK_TEST(test_what_is_out),
		WALK_TEST(test_again_in_the_middle),
		WALK_TEST(test_stopped_in_the_middle),
		WALK_TEST(test_full),
		WALK_TEST(test_the_operator_meanwhile),
		WALK_TEST(test_requeue_looks_up),
		WALK_TEST(test_a_file_changed_meanwhile),
		WALK_TEST(test_a_lost_row),
		WALK_TEST(test_a_damaged_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
