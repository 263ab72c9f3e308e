/*
 * Places below a ceiling: who gets the one that comes back.
 */
#include "deliver/slots.h"

#include <stddef.h>

#include "tests/unit/test.h"

#define WAITERS 3

struct fixture {
	struct loop *loop;
	struct slots *slots;
	unsigned wanted;
};

struct waiter {
	struct slot *slot;
	struct slot_wait *wait;
};

static void
on_wanted(void *ctx, const char *key)
{
	struct fixture *f = ctx;

	assert_string_equal(key, "key");
	f->wanted++;
}

static void
on_slot(void *arg, struct slot *slot)
{
	struct waiter *w = arg;

	assert_null(w->slot);
	w->wait = NULL;
	w->slot = slot;
}

static void
take(struct fixture *f, struct waiter *w, int64_t max)
{
	*w = (struct waiter){NULL, NULL};
	w->slot =
		slots_take(f->slots, "key", max, f->loop, on_slot, w, &w->wait);
}

static void
begin(struct fixture *f)
{
	*f = (struct fixture){.loop = loop_new(clock_system())};
	f->slots = slots_new(on_wanted, f);
}

static void
end(struct fixture *f)
{
	loop_run_rest(f->loop);
	slots_free(&f->slots);
	loop_free(&f->loop);
}

/* A ceiling of 2, an alert's is 3; OUT places are taken. */
static void
test_whose_place(void **state)
{
	static const struct {
		const char *name;
		int64_t out[4], waits[WAITERS]; /* their ceilings; 0 ends */
		int gets;                       /* -1: nobody */
	} row[] = {
		{"the first in line", {2, 2}, {2, 2}, 0},
		{"an alert in its turn", {2, 2, 3}, {3, 2}, 0},
		{"nobody above the ceiling", {2, 2, 3}, {2, 2}, -1},
		{"an alert behind one without room", {2, 2, 3}, {2, 3}, 1},
		{"the first of two alerts", {2, 2, 3}, {2, 3, 3}, 1},
		{"an alert does not overtake", {2, 2, 3}, {3, 3}, 0},
		{"nobody waits", {2, 2}, {0}, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct waiter out[4], w[WAITERS];
		struct fixture f;
		size_t nout = 0, n = 0;

		print_message("  %s\n", row[i].name);
		begin(&f);
		for (; row[i].out[nout] > 0; nout++) {
			take(&f, &out[nout], row[i].out[nout]);
			assert_non_null(out[nout].slot);
		}
		for (; n < WAITERS && row[i].waits[n] > 0; n++) {
			take(&f, &w[n], row[i].waits[n]);
			assert_null(w[n].slot);
		}
		assert_int_equal(f.wanted, n);
		slots_give(&out[0].slot);
		loop_run_rest(f.loop);
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(w[k].slot != NULL,
					 row[i].gets == (int)k);
			slots_cancel(&w[k].wait);
			slots_give(&w[k].slot);
		}
		for (size_t k = 1; k < nout; k++)
			slots_give(&out[k].slot);
		end(&f);
	}
}

/* A place that comes too late goes to the next one. */
static void
test_cancelled_on_its_way(void **state)
{
	struct waiter out, w[2];
	struct fixture f;

	(void)state;
	begin(&f);
	take(&f, &out, 1);
	take(&f, &w[0], 1);
	take(&f, &w[1], 1);
	assert_true(slots_wanted(out.slot));
	slots_give(&out.slot);
	slots_cancel(&w[0].wait);
	loop_run_rest(f.loop);
	assert_null(w[0].slot);
	assert_non_null(w[1].slot);
	assert_false(slots_wanted(w[1].slot));
	slots_give(&w[1].slot);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_place),
		cmocka_unit_test(test_cancelled_on_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
