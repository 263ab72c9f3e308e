#include "tests/unit/test.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/password.h"
#include "relay/logins.h"

static const uint8_t secret[LOGINS_SECRET_LEN] = "any secret will do";

static struct sockaddr_any
from(const char *ip)
{
	struct sockaddr_any a;

	assert_int_equal(sockaddr_parse_ip(ip, 1, &a), 0);
	return a;
}

static void
test_late_and_later(void **state)
{
	static const int64_t delays[] = {1000, 2000, 4000, 8000, 8000};
	struct logins *l = logins_new(NULL, secret);
	struct sockaddr_any a = from("192.0.2.1"), b = from("192.0.2.2");

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(logins_failed(l, &a, i % 2 ? "x" : NULL, 5),
				 delays[i]);
	assert_int_equal(logins_failed(l, &b, "x", 5), 1000);
	/* Forgotten after the window. */
	assert_int_equal(logins_failed(l, &a, "x", 5 + LOGINS_WINDOW_MS), 1000);
	logins_free(&l);
}

static void
fail_often(struct logins *l, const struct sockaddr_any *a, const char *user,
	   int n)
{
	while (n-- > 0)
		logins_failed(l, a, user, 0);
}

static void
test_too_many(void **state)
{
	struct sockaddr_any a = from("2001:db8::1"), near = from("2001:db8::2"),
			    far = from("2001:db8:0:1::1");
	struct logins *l = logins_new(NULL, secret);

	(void)state;
	/* Of one user from one address. */
	fail_often(l, &a, "anna", LOGINS_PER_PAIR - 1);
	assert_true(logins_may_try(l, &a, "anna", 0));
	fail_often(l, &a, "anna", 1);
	assert_false(logins_may_try(l, &a, "anna", 0));
	assert_true(logins_may_try(l, &a, "ben", 0));
	assert_true(logins_may_try(l, &far, "anna", 0));
	/* Of an address, which is a network of 64 bits. */
	fail_often(l, &near, "someone", LOGINS_PER_ADDRESS - LOGINS_PER_PAIR);
	assert_false(logins_may_try(l, &a, "ben", 0));
	assert_true(logins_may_try(l, &far, "ben", 0));
	assert_false(logins_may_try(l, &a, "ben", LOGINS_WINDOW_MS - 1));
	assert_true(logins_may_try(l, &a, "ben", LOGINS_WINDOW_MS));
	logins_free(&l);
}

static void
test_a_user_everywhere(void **state)
{
	struct sockaddr_any home = from("192.0.2.1"), new = from("192.0.2.2");
	struct logins *l = logins_new(NULL, secret);

	(void)state;
	logins_succeeded(l, &home, "anna", 0);
	for (int i = 0; i < LOGINS_PER_USER; i++) {
		char ip[32];
		struct sockaddr_any a;

		snprintf(ip, sizeof(ip), "198.51.100.%d", i);
		a = from(ip);
		assert_true(logins_may_try(l, &new, "anna", 0));
		fail_often(l, &a, "anna", 1);
	}
	/* Who was there before isn't locked out by others, */
	assert_false(logins_may_try(l, &new, "anna", 0));
	assert_true(logins_may_try(l, &new, "ben", 0));
	assert_true(logins_may_try(l, &home, "anna", 0));
	fail_often(l, &home, "ben", LOGINS_PER_ADDRESS);
	assert_true(logins_may_try(l, &home, "anna", 0));
	/* but by its own failures, */
	fail_often(l, &home, "anna", LOGINS_PER_PAIR);
	assert_false(logins_may_try(l, &home, "anna", 0));
	/* until one was none. */
	logins_succeeded(l, &home, "anna", 0);
	assert_true(logins_may_try(l, &home, "anna", 0));
	logins_free(&l);
}

static void
test_a_ceiling(void **state)
{
	struct sockaddr_any a = from("192.0.2.1");
	struct logins *l = logins_new(NULL, secret);
	char name[32];

	(void)state;
	for (int i = 0; i < LOGINS_KEPT; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		logins_failed(l, &a, name, 0);
	}
	assert_int_equal(logins_count(l), LOGINS_KEPT);
	/* What was touched last is still there. */
	assert_false(logins_may_try(l, &a, "new", 0));
	logins_free(&l);
}

/* Nobody is forgotten there by what strangers do. */
static void
test_known_stay(void **state)
{
	struct sockaddr_any home = from("192.0.2.1"), a = from("192.0.2.2");
	struct logins *l = logins_new(NULL, secret);
	char name[32];

	(void)state;
	logins_succeeded(l, &home, "anna", 0);
	for (int i = 0; i < LOGINS_KEPT; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		logins_failed(l, &a, name, 0);
	}
	fail_often(l, &a, "anna", LOGINS_PER_USER);
	assert_false(logins_may_try(l, &a, "anna", 0));
	assert_true(logins_may_try(l, &home, "anna", 0));
	/* Nor are all others, when users come from everywhere. */
	for (int i = 0; i < LOGINS_KEPT; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		logins_succeeded(l, &home, name, 0);
	}
	assert_int_equal(logins_count(l), LOGINS_KEPT);
	assert_false(logins_may_try(l, &a, "anna", 0));
	logins_free(&l);
}

/* Others are at the address of a source, too, and no user is it by its name. */
static void
test_sources(void **state)
{
	struct sockaddr_any a = from("192.0.2.1"), b = from("192.0.2.2");
	struct logins *l = logins_new(NULL, secret);

	(void)state;
	assert_false(logins_knows_source(l, &a, "up", 0));
	logins_source_showed(l, &a, "up", 0);
	fail_often(l, &a, NULL, LOGINS_PER_ADDRESS);
	fail_often(l, &a, "up", LOGINS_PER_USER);
	assert_false(logins_may_try(l, &a, "", 0));
	assert_false(logins_may_try(l, &a, "up", 0));
	assert_true(logins_knows_source(l, &a, "up", 0));
	assert_false(logins_knows_source(l, &a, "other", 0));
	assert_false(logins_knows_source(l, &b, "up", 0));
	assert_true(logins_knows_source(l, &a, "up", LOGINS_KNOWN_MS - 1));
	assert_false(logins_knows_source(l, &a, "up", LOGINS_KNOWN_MS));
	logins_free(&l);
}

static void
test_quota(void **state)
{
	const struct user few = {.name = "few",
				 .rate = {.n = 2, .period_ms = 1000}},
			  both = {.name = "both",
				  .rate = {.n = 2, .period_ms = 1000},
				  .daily = 3},
			  daily = {.name = "daily", .daily = 1};
	struct logins *l = logins_new(NULL, secret);

	(void)state;
	assert_int_equal(logins_take(l, &few, 0), LOGINS_QUOTA_OK);
	assert_int_equal(logins_take(l, &few, 0), LOGINS_QUOTA_OK);
	assert_int_equal(logins_take(l, &few, 900), LOGINS_QUOTA_RATE);
	assert_int_equal(logins_take(l, &both, 0), LOGINS_QUOTA_OK);
	assert_int_equal(logins_take(l, &few, 1100), LOGINS_QUOTA_OK);
	assert_int_equal(logins_take(l, &both, 1), LOGINS_QUOTA_OK);
	assert_int_equal(logins_take(l, &both, 2), LOGINS_QUOTA_RATE);
	assert_int_equal(logins_take(l, &both, 5000), LOGINS_QUOTA_OK);
	assert_int_equal(logins_take(l, &both, 9000), LOGINS_QUOTA_DAILY);
	assert_int_equal(logins_take(l, &daily, 0), LOGINS_QUOTA_OK);
	assert_int_equal(logins_take(l, &daily, 86399999), LOGINS_QUOTA_DAILY);
	assert_int_equal(logins_take(l, &daily, 86400000), LOGINS_QUOTA_OK);
	logins_free(&l);
}

/* --- checks ------------------------------------------------------------------ */

struct asker {
	struct loop *loop;
	struct pool *pool;
	struct logins *logins;
	uint64_t handle;
	int wanted, answers, said[LOGINS_LIMITED + 1];
	int64_t delay_ms; /* of the last answer */
};

static void
answered(void *object, enum logins_said said, int64_t delay_ms)
{
	struct asker *a = object;

	a->said[said]++;
	a->delay_ms = delay_ms;
	if (++a->answers == a->wanted)
		loop_stop(a->loop);
}

static int
ask(struct asker *a, const struct user *user, const char *like,
    const char *password, uint64_t handle)
{
	struct sockaddr_any peer = from("192.0.2.1");
	const struct logins_ask ask = {
		.peer = &peer,
		.name = user != NULL ? user->name : "nobody",
		.user = user,
		.like = like,
		.password = password,
	};

	return logins_check(a->logins, &ask, a->loop, handle, answered);
}

static void
asker_begin(struct asker *a, int wanted, size_t questions)
{
	*a = (struct asker){
		.loop = loop_new(clock_system()),
		.pool = pool_new("cpu", 1, questions),
		.wanted = wanted,
	};
	a->logins = logins_new(a->pool, secret);
	a->handle = loop_handle_new(a->loop, a);
}

static void
asker_end(struct asker *a)
{
	pool_free(&a->pool); /* it tells the loop */
	loop_handle_free(a->loop, a->handle);
	loop_free(&a->loop);
	logins_free(&a->logins);
}

static void
test_checks(void **state)
{
	struct asker a;
	char hash[PASSWORD_HASH_MAX];
	struct user anna = {.name = "anna", .password = hash},
		    bare = {.name = "bare", .password = ""};

	(void)state;
	asker_begin(&a, 4, 8);
	assert_int_equal(password_hash("right", hash), 0);
	assert_int_equal(ask(&a, &anna, NULL, "right", a.handle), 0);
	assert_int_equal(ask(&a, &anna, NULL, "wrong", a.handle), 0);
	assert_int_equal(ask(&a, &bare, NULL, "", a.handle), 0);
	/* Of who is gone nobody hears. */
	assert_int_equal(ask(&a, &anna, NULL, "right", 12345), 0);
	assert_int_equal(ask(&a, NULL, NULL, "right", a.handle), 0);
	loop_run(a.loop);
	assert_int_equal(a.said[LOGINS_MATCHES], 1);
	assert_int_equal(a.said[LOGINS_WRONG], 3);
	assert_int_equal(a.delay_ms, 4 * LOGINS_DELAY_MS);
	pool_end(a.pool);
	assert_int_equal(ask(&a, &anna, NULL, "right", a.handle), -EAGAIN);
	asker_end(&a);
}

static void
wait_for_it(void *arg)
{
	sem_wait(arg);
}

static void
do_nothing(void *arg)
{
	(void)arg;
}

/* Passwords are not all that the pool is for. */
static void
test_room_for_others(void **state)
{
	struct user anna = {.name = "anna",
			    .password = "$6$rounds=1000$abcdefgh$"};
	struct pool_job first, other;
	struct asker a;
	sem_t sem;

	(void)state;
	sem_init(&sem, 0, 0);
	asker_begin(&a, LOGINS_CHECKS, 2 * LOGINS_CHECKS);
	assert_int_equal(
		pool_run(a.pool, &first, wait_for_it, a.loop, do_nothing, &sem),
		0);
	for (int i = 0; i < LOGINS_CHECKS; i++)
		assert_int_equal(ask(&a, &anna, NULL, "wrong", a.handle), 0);
	assert_int_equal(ask(&a, &anna, NULL, "wrong", a.handle), -EAGAIN);
	assert_int_equal(
		pool_run(a.pool, &other, do_nothing, a.loop, do_nothing, NULL),
		0);
	sem_post(&sem);
	loop_run(a.loop);
	assert_int_equal(ask(&a, &anna, NULL, "wrong", 12345), 0);
	asker_end(&a);
	sem_destroy(&sem);
}

/* All of them may try when they come, since none has failed yet. */
static void
test_a_burst(void **state)
{
	enum { BURST = LOGINS_CHECKS - 1 };
	struct asker a;
	/* Quick, and there is no password that has it. */
	struct user anna = {.name = "anna",
			    .password = "$6$rounds=1000$abcdefgh$"};

	(void)state;
	asker_begin(&a, BURST, BURST + 1);
	/* Who hangs up before the answer has failed as well. */
	assert_int_equal(ask(&a, &anna, NULL, "wrong", 12345), 0);
	for (int i = 0; i < BURST; i++)
		assert_int_equal(ask(&a, &anna, NULL, "wrong", a.handle), 0);
	loop_run(a.loop);
	assert_int_equal(a.said[LOGINS_WRONG], LOGINS_PER_PAIR - 1);
	assert_int_equal(a.said[LOGINS_LIMITED], BURST - LOGINS_PER_PAIR + 1);
	asker_end(&a);
}

/* Of the whole process, whatever else the machine does. */
static int64_t
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Nobody's password takes as long as those that there are, whatever hashed
 * them. */
static void
test_as_long(void **state)
{
	static const char quick[] = "$6$rounds=1000$abcdefgh$", more[] = "x";
	enum { TIMES = LOGINS_PER_PAIR };
	struct asker a;
	int64_t begin[2], took[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		asker_begin(&a, TIMES, TIMES);
		begin[i] = cpu_ms();
		for (int n = 0; n < TIMES; n++)
			assert_int_equal(ask(&a, NULL, i == 0 ? quick : NULL,
					     more, a.handle),
					 0);
		loop_run(a.loop);
		took[i] = cpu_ms() - begin[i];
		assert_int_equal(a.said[LOGINS_WRONG], TIMES);
		asker_end(&a);
	}
	print_message("  %lld ms, %lld ms\n", (long long)took[0],
		      (long long)took[1]);
	assert_true(2 * took[0] < took[1]);
}

/* --- SCRAM -------------------------------------------------------------------- */

static void
test_made_up_keys(void **state)
{
	static const uint8_t other[LOGINS_SECRET_LEN] = "another";
	struct logins *l = logins_new(NULL, secret),
		      *m = logins_new(NULL, other);
	struct scram_keys a, b;
	struct user known = {.name = "x", .has_scram = true};

	(void)state;
	logins_scram(l, NULL, "anna", &a);
	logins_scram(l, NULL, "anna", &b);
	assert_string_equal(a.salt, b.salt);
	assert_string_equal(a.stored, b.stored);
	assert_int_equal(a.iterations, SCRAM_ITERATIONS);
	assert_int_equal(strlen(a.salt), 24);
	assert_int_equal(strlen(a.stored), 44);
	assert_string_not_equal(a.stored, a.server);
	logins_scram(l, NULL, "ben", &b);
	assert_string_not_equal(a.salt, b.salt);
	logins_scram(m, NULL, "anna", &b);
	assert_string_not_equal(a.salt, b.salt);
	snprintf(known.scram.salt, sizeof(known.scram.salt), "its own");
	logins_scram(l, &known, "anna", &b);
	assert_string_equal(b.salt, "its own");
	/* The same salt, and no proof that is good. */
	snprintf(b.stored, sizeof(b.stored), "its own");
	logins_scram_never(l, "anna", &b);
	assert_string_equal(b.salt, "its own");
	assert_string_equal(b.stored, a.stored);
	assert_string_equal(b.server, a.server);
	logins_free(&l);
	logins_free(&m);
}

static void
test_the_secret(void **state)
{
	char dir[] = "/tmp/belfry-logins-XXXXXX", path[64];
	uint8_t a[LOGINS_SECRET_LEN], b[LOGINS_SECRET_LEN];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/login.secret", dir);
	assert_int_equal(logins_read_secret(path, a), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(logins_read_secret(path, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(truncate(path, 5), 0);
	assert_int_equal(logins_read_secret(path, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, LOGINS_SECRET_LEN);
	unlink(path);
	rmdir(dir);
	assert_int_equal(logins_read_secret(path, b), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late_and_later),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_a_user_everywhere),
		cmocka_unit_test(test_a_ceiling),
		cmocka_unit_test(test_known_stay),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_room_for_others),
		cmocka_unit_test(test_a_burst),
		cmocka_unit_test(test_as_long),
		cmocka_unit_test(test_made_up_keys),
		cmocka_unit_test(test_the_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
