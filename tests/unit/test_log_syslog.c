/* What syslog(3) is told, whose tag and facility are the process's. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_sink.h"

/* In place of the C library's; <syslog.h> does not go with base/log.h. */
void openlog(const char *ident, int option, int facility);
void closelog(void);

static const char *told_ident;
static int told_facility;

void
openlog(const char *ident, int option, int facility)
{
	(void)option;
	told_ident = ident;
	told_facility = facility;
}

void
closelog(void)
{
	told_ident = NULL;
}

static void
assert_told(const char *facility)
{
	assert_non_null(told_ident);
	assert_string_equal(told_ident, "belfry");
	assert_int_equal(told_facility, log_sink_facility(facility));
}

static void
test_one_that_is_given_up(void **state)
{
	struct log_conf conf = {.to = (char[]){"syslog:mail"}};
	struct log_conf next = {.to = (char[]){"syslog:local3"}};
	struct clock *clock = clock_new_fixed(0);
	struct log *log;

	(void)state;
	assert_int_equal(log_open(&conf, clock, &log), 0);
	assert_told("mail");
	assert_int_equal(log_prepare(log, &next), 0);
	assert_told("mail");
	log_forget(log);
	assert_told("mail");
	log_close(&log);
	assert_null(told_ident);
	clock_free(&clock);
}

static void
test_one_after_the_other(void **state)
{
	char to[][16] = {"stderr",    "syslog:mail",   "syslog:local3",
			 "/dev/null", "syslog:daemon", "stderr"};
	struct log_conf conf = {.to = to[0]};
	struct clock *clock = clock_new_fixed(0);
	struct log *log;

	(void)state;
	assert_int_equal(log_open(&conf, clock, &log), 0);
	for (size_t i = 1; i < sizeof(to) / sizeof(to[0]); i++) {
		conf.to = to[i];
		assert_int_equal(log_prepare(log, &conf), 0);
		log_switch(log, &conf);
		if (strncmp(to[i], "syslog:", 7) == 0)
			assert_told(to[i] + 7);
		else
			assert_null(told_ident);
	}
	log_close(&log);
	clock_free(&clock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_is_given_up),
		cmocka_unit_test(test_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
