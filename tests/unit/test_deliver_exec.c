/*
 * The agent `exec`: what a program gets of a message, and what becomes of the
 * recipient by how it ends.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver/endpoint.h"
#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

#define NAME "oncall/exec/0"

/* ONLY: what delivery.only_recipients lists; NULL: nothing. */
static struct fake_result *
send_only(const struct endpoint *ep, const char *content, char *only)
{
	struct conf_mark mark = {.file = "t"};
	struct fake_rig fake;
	struct fake_result *r;
	struct spawner *spawner;
	struct endpoints *e = endpoints_new(ep, 1);

	assert_int_equal(spawner_new(&spawner), 0); /* while one thread is */
	fake_rig_init(&fake);
	fake.agent.spawner = spawner;
	fake.mail.agent = "exec";
	fake.mail.dest = fake.mail.rcpt[0] = NAME;
	fake.mail.content = content;
	fake.mail.len = strlen(content);
	if (only != NULL)
		fake.agent.conf.only_recipients =
			(struct conf_strings){1, &only, &mark};
	agent_rig_open(&fake.agent, fake.queue, NULL);
	assert_int_equal(deliver_web(fake.agent.deliver), 0);
	deliver_set_endpoints(fake.agent.deliver, e);
	endpoints_unref(&e);
	agent_rig_run(&fake.agent);
	r = fake_rig_send(&fake);
	fake_rig_done(&fake);
	spawner_free(&spawner);
	return r;
}

static struct fake_result *
send_to(const struct endpoint *ep, const char *content)
{
	return send_only(ep, content, NULL);
}

static void
test_programs(void **state)
{
	static const struct {
		const char *name;
		const char *argv[6];
		const char *content;
		enum attempt_outcome outcome;
		enum attempt_dest dest;
		const char *text;
	} row[] = {
		{"its input",
		 {"/bin/cat"},
		 "X: y\n\nhello\nworld",
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "cat: status 0, delivered: hello\nworld"},
		{"no input",
		 {"/bin/cat"},
		 "\n",
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "cat: status 0, delivered"},
		{"its own arguments",
		 {"/bin/echo", "a", "b"},
		 "\n",
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "echo: status 0, delivered: a b"},
		{"the message's arguments",
		 {"/usr/bin/printf", "<%s>", "{title}", "x"},
		 "Belfry-Argument: <%s>\nBelfry-Argument: a b\n"
		 "belfry-argument: $HOME\n\n",
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "printf: status 0, delivered: <a b><$HOME>"},
		{"none becomes an option",
		 {"/usr/bin/printf", "<%s>", "{title}", "-{title}"},
		 "Belfry-Argument: <%s>\nBelfry-Argument: -rf\n"
		 "Belfry-Argument: -n\nBelfry-Argument: -more\n\n",
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "printf: status 0, delivered: < -rf><-n>< -more>"},
		{"later",
		 {"/bin/sh", "-c", "echo no >&2; exit 75"},
		 "\n",
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_OK,
		 "sh: status 75, not now: no"},
		{"never",
		 {"/bin/sh", "-c", "exit 67"},
		 "\n",
		 ATTEMPT_NEVER,
		 ATTEMPT_DEST_OK,
		 "sh: status 67, no such user"},
		{"any other status",
		 {"/bin/sh", "-c", "exit 3"},
		 "\n",
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_OK,
		 "sh: status 3"},
		{"too slow",
		 {"/bin/sleep", "60"},
		 "\n",
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_OK,
		 "sleep took longer than 1 seconds and was "
		 "ended"},
		{"loud",
		 {"/bin/sh", "-c",
		  "head -c 200000 /dev/zero | tr '\\0' x; echo; echo paged"},
		 "\n",
		 ATTEMPT_DONE,
		 ATTEMPT_DEST_OK,
		 "sh: status 0, delivered: paged"},
		{"loud without end",
		 {"/usr/bin/yes"},
		 "\n",
		 ATTEMPT_LATER,
		 ATTEMPT_DEST_OK,
		 "yes took longer than 1 seconds and was ended"},
		{"not there",
		 {"/nowhere/page"},
		 "\n",
		 ATTEMPT_UNTRIED,
		 ATTEMPT_DEST_FAILED,
		 "page can't be started: No such file or directory"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		/* It may have done its work before. */
		bool doubted = strstr(row[i].text, "status 3") != NULL ||
			       strstr(row[i].text, "was ended") != NULL;
		const struct endpoint ep = {.name = NAME,
					    .kind = ENDPOINT_EXEC,
					    .argv = row[i].argv,
					    .time_ms = 1000,
					    .output_max = 4096};
		struct fake_result *r;

		print_message("%s\n", row[i].name);
		r = send_to(&ep, row[i].content);
		assert_int_equal(r->rcpt[0].outcome, row[i].outcome);
		assert_int_equal(r->dest_state, row[i].dest);
		assert_int_equal(r->rcpt[0].doubted, doubted);
		assert_string_equal(row[i].dest == ATTEMPT_DEST_FAILED
					    ? r->dest_reply.text
					    : r->rcpt[0].reply.text,
				    row[i].text);
		free(r);
	}
}

/* A staging server tells nobody who is not listed. */
static void
test_staging(void **state)
{
	static const struct {
		const char *pattern;
		enum attempt_outcome outcome;
	} row[] = {
		{"example.org", ATTEMPT_LATER},
		{"/^oncall\\/slack\\//", ATTEMPT_LATER},
		{"/^oncall\\/exec\\//", ATTEMPT_DONE},
		{"/^./", ATTEMPT_DONE},
	};
	const char *argv[] = {"/bin/true", NULL};
	const struct endpoint ep = {.name = NAME,
				    .kind = ENDPOINT_EXEC,
				    .argv = argv,
				    .time_ms = 1000,
				    .output_max = 4096};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fake_result *r =
			send_only(&ep, "\n", TEXT(row[i].pattern));

		print_message("%s\n", row[i].pattern);
		assert_int_equal(r->rcpt[0].outcome, row[i].outcome);
		if (row[i].outcome == ATTEMPT_LATER)
			assert_string_equal(r->rcpt[0].reply.dsn, "4.7.1");
		free(r);
	}
}

static void
test_too_long(void **state)
{
	static char more[70000];
	const char *argv[] = {"/bin/echo", more, NULL};
	const struct endpoint ep = {.name = NAME,
				    .kind = ENDPOINT_EXEC,
				    .argv = argv,
				    .time_ms = 1000,
				    .output_max = 4096};
	struct fake_result *r;

	(void)state;
	memset(more, 'a', sizeof(more) - 1);
	r = send_to(&ep, "\n");
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_NEVER);
	assert_string_equal(r->rcpt[0].reply.text,
			    "the arguments of echo are too long");
	free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_staging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
