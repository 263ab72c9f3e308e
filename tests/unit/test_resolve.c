#include "verdict/resolve.h"

#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dns_server.h"
#include "tests/unit/test.h"

static const struct dns_row rows[] = {
	{"a.test", ns_t_a, DNS_DATA("\x0a\0\0\1"), 0},
	{"a.test", ns_t_txt, DNS_DATA("\5hello"), 0},
	{"a.test", ns_t_mx, DNS_DATA("\0\x0a\1b\4test\0"), 0},
	{"fail.test", 0, NULL, 0, ns_r_servfail},
	{"mute.test", 0, NULL, 0, DNS_ROW_MUTE},
};

struct fixture {
	struct loop *loop;
	struct dns *dns;
	struct dns_server server;
	struct arena arena;
	struct answers answers;
	struct resolve resolve;
	struct loop_timer timer;
	bool asking;
	bool chain; /* ask once more from the callback */
	int calls;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new(clock_system());
	dns_server_init(&f->server, f->loop, rows,
			sizeof(rows) / sizeof(rows[0]));
	f->dns = dns_server_resolver(&f->server, f->loop, 10000);
	arena_init(&f->arena);
	answers_init(&f->answers, &f->arena, 8);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	resolve_done(&f->resolve);
	loop_timer_done(&f->timer);
	dns_free(&f->dns);
	dns_server_done(&f->server);
	arena_done(&f->arena);
	loop_free(&f->loop);
	free(f);
	return 0;
}

static void
settled(void *arg)
{
	struct fixture *f = arg;

	assert_false(f->asking);
	f->calls++;
	if (f->chain) {
		f->chain = false;
		answers_find(&f->answers, "b.test", ANSWER_A);
		assert_true(resolve_open(&f->resolve));
		return;
	}
	loop_stop(f->loop);
}

static void
begin(struct fixture *f, int64_t deadline_ms)
{
	resolve_init(&f->resolve, f->loop, f->dns, &f->answers, deadline_ms,
		     settled, f);
}

static void
run(struct fixture *f)
{
	f->asking = true;
	assert_true(resolve_open(&f->resolve));
	f->asking = false;
	loop_run(f->loop);
}

static void
stop(void *arg)
{
	struct fixture *f = arg;

	loop_stop(f->loop);
}

static void
test_side_by_side(void **state)
{
	static const struct {
		const char *name;
		enum answer_type type;
		enum answer_status status;
		const char *data, *why;
	} row[] = {
		{"A.test", ANSWER_TXT, ANSWER_OK, "hello", ""},
		{"a.test.", ANSWER_MX, ANSWER_OK, "b.test", ""},
		{"a.test", ANSWER_A, ANSWER_OK, "\x0a", ""},
		{"a.test", ANSWER_AAAA, ANSWER_NO_DATA, NULL, ""},
		{"1.2.0.203.in-addr.arpa", ANSWER_PTR, ANSWER_NO_NAME, NULL,
		 ""},
		{"nx.test", ANSWER_TXT, ANSWER_NO_NAME, NULL, ""},
		{"fail.test", ANSWER_TXT, ANSWER_TEMPFAIL, NULL,
		 "the DNS server failed"},
	};
	struct fixture *f = *state;

	begin(f, 10000);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		answers_find(&f->answers, row[i].name, row[i].type);
	run(f);
	assert_int_equal(f->calls, 1);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct answer *a =
			answers_find(&f->answers, row[i].name, row[i].type);

		print_message("%s\n", row[i].name);
		assert_int_equal(a->status, row[i].status);
		assert_int_equal(a->n, row[i].data != NULL);
		if (a->n > 0)
			assert_string_equal(a->records[0].data, row[i].data);
		assert_string_equal(a->why, row[i].why);
		assert_false(a->authentic);
	}
	assert_int_equal(answers_find(&f->answers, "a.test", ANSWER_MX)
				 ->records[0]
				 .preference,
			 10);
}

static void
test_nothing_open(void **state)
{
	struct fixture *f = *state;

	begin(f, 10000);
	assert_false(resolve_open(&f->resolve));
	answers_find(&f->answers, "a.test", ANSWER_A);
	run(f);
	answers_find(&f->answers, "a.test", ANSWER_A);
	assert_false(resolve_open(&f->resolve));
	assert_int_equal(f->calls, 1);
}

static void
test_again_from_the_callback(void **state)
{
	struct fixture *f = *state;

	begin(f, 10000);
	f->chain = true;
	answers_find(&f->answers, "a.test", ANSWER_A);
	run(f);
	assert_int_equal(f->calls, 2);
	assert_int_equal(answers_find(&f->answers, "b.test", ANSWER_A)->status,
			 ANSWER_NO_NAME);
}

/* One deadline for the message: what was told before it stays, the rest and
 * what comes later is a failure, and nobody is asked any more. */
static void
test_deadline(void **state)
{
	struct fixture *f = *state;
	int asked;

	begin(f, 100);
	answers_find(&f->answers, "a.test", ANSWER_A);
	answers_find(&f->answers, "mute.test", ANSWER_A);
	answers_find(&f->answers, "mute.test", ANSWER_TXT);
	run(f);
	assert_int_equal(f->calls, 1);
	assert_int_equal(answers_find(&f->answers, "a.test", ANSWER_A)->status,
			 ANSWER_OK);
	assert_int_equal(
		answers_find(&f->answers, "mute.test", ANSWER_A)->status,
		ANSWER_TEMPFAIL);
	asked = f->server.port.asked;
	answers_find(&f->answers, "b.test", ANSWER_A);
	run(f);
	assert_int_equal(f->calls, 2);
	assert_int_equal(f->server.port.asked, asked);
	assert_int_equal(answers_find(&f->answers, "b.test", ANSWER_A)->status,
			 ANSWER_TEMPFAIL);
}

/* While nothing is asked, the deadline says nothing by itself. */
static void
test_deadline_while_idle(void **state)
{
	struct fixture *f = *state;

	begin(f, 20);
	loop_timer_init(&f->timer, f->loop, stop, f);
	loop_timer_set(&f->timer, 100);
	loop_run(f->loop);
	assert_int_equal(f->calls, 0);
	answers_find(&f->answers, "a.test", ANSWER_A);
	run(f);
	assert_int_equal(f->calls, 1);
	assert_int_equal(answers_find(&f->answers, "a.test", ANSWER_A)->status,
			 ANSWER_TEMPFAIL);
}

static void
test_done_is_silent(void **state)
{
	struct fixture *f = *state;

	begin(f, 50);
	answers_find(&f->answers, "a.test", ANSWER_A);
	answers_find(&f->answers, "mute.test", ANSWER_A);
	assert_true(resolve_open(&f->resolve));
	resolve_done(&f->resolve);
	loop_timer_init(&f->timer, f->loop, stop, f);
	loop_timer_set(&f->timer, 100);
	loop_run(f->loop);
	assert_int_equal(f->calls, 0);
}

/* The budget of questions: what is beyond it is a failure at once. */
static void
test_budget(void **state)
{
	struct fixture *f = *state;
	char name[] = "a0.test";

	begin(f, 10000);
	for (int i = 0; i < 12; i++, name[1]++)
		answers_find(&f->answers, name, ANSWER_A);
	run(f);
	name[1] = '7';
	assert_int_equal(answers_find(&f->answers, name, ANSWER_A)->status,
			 ANSWER_NO_NAME);
	name[1] = '8';
	assert_int_equal(answers_find(&f->answers, name, ANSWER_A)->status,
			 ANSWER_TEMPFAIL);
	assert_int_equal(f->server.port.asked, 8);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_side_by_side),
		T(test_nothing_open),
		T(test_again_from_the_callback),
		T(test_deadline),
		T(test_deadline_while_idle),
		T(test_done_is_silent),
		T(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
