/*
 * The section `milter`, and what belfry-milter reads of the rest.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "tests/unit/config_kit.h"

#define HOST "hostname: relay1.example.org\n"
#define OUT  "delivery: {smarthost: [{host: smtp.example.net}]}\n"

static const struct config_row rows[] = {
	{"a milter", HOST OUT "milter: {}\n", ""},
	{"a milter's socket, as OpenDKIM has it",
	 HOST OUT "milter: {socket: \"inet:8891@localhost\"}\n",
	 "t:3:18: `socket` is unix:/PATH, ADDRESS:PORT or [ADDRESS]:PORT (like "
	 "127.0.0.1:8891), not `inet:8891@localhost`\n"},
	{"a milter's socket of both families",
	 HOST OUT "milter: {socket: \":8891\"}\n",
	 "t:3:18: `socket` is unix:/PATH, ADDRESS:PORT or [ADDRESS]:PORT (like "
	 "127.0.0.1:8891), not `:8891`\n"},
	{"a milter for everybody",
	 HOST OUT "milter: {socket: \"0.0.0.0:8891\", http: \":8026\"}\n",
	 "t:3:9: warning: `socket` is at 0.0.0.0:8891: whoever reaches it from "
	 "other machines may use it\n"
	 "t:3:9: warning: `http` is at :8026: whoever reaches it from other "
	 "machines may use it\n"},
	{"a milter's mode", HOST OUT "milter: {socket_mode: \"0678\"}\n",
	 "t:3:23: `socket_mode` is an octal mode like \"0660\", not `0678`\n"},
	{"whose mail a milter signs",
	 HOST OUT "milter: {ours: {networks: [loopback, servers]}}\n",
	 "t:3:38: no network is called `servers`; the names are those in "
	 "`networks`, and `loopback`\n"},
	{"a milter that answers later than Postfix waits",
	 HOST OUT "milter: {}\nverdict: {dns: {deadline: 30s}}\n",
	 "t:4:10: warning: dns.deadline is 30 seconds: Postfix waits for a "
	 "milter 30, unless its milter_command_timeout says otherwise\n"},
	{"no milter that does", HOST OUT "verdict: {dns: {deadline: 30s}}\n",
	 ""},
	{"a milter that signs what anybody sends",
	 HOST OUT "milter: {ours: {networks: [0.0.0.0/0]}}\n",
	 "t:3:28: warning: milter.ours has more than private networks: what "
	 "comes from there is signed as yours and never verified\n"},
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *says = config_complaints(rows[i].text);

		if (strcmp(says, rows[i].says) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, says);
		free(says);
	}
}

/* --- what is belfryd's alone -------------------------------------------------------- */

static int
load(const char *text, struct config **ret, struct conf_errors *e)
{
	char path[] = "/tmp/milter-conf.XXXXXX";
	int fd = mkstemp(path), r;

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	r = config_load_milter(path, ret, e);
	unlink(path);
	return r;
}

/* Files that are not there, and domains without anybody who answers for them. */
static void
test_others_are_left_alone(void **state)
{
	static const char text[] = HOST "users_file: /no/such/file\n"
					"domains: [a.example]\n"
					"tls: {certificate_file: /no/such, "
					"key_file: /no/such}\n"
					"milter: {socket_mode: \"660\"}\n";
	struct conf_errors e;
	struct config *c;

	(void)state;
	conf_errors_init(&e);
	assert_int_equal(load(text, &c, &e), 0);
	assert_int_equal(e.n, 0);
	assert_true(config_has_milter(c));
	assert_int_equal(c->milter.socket_mode, 0660);
	assert_int_equal(c->milter.ours.clients.n, 2);
	config_unref(&c);
	conf_errors_done(&e);
}

static void
test_no_section(void **state)
{
	struct conf_errors e;
	struct config *c;

	(void)state;
	conf_errors_init(&e);
	assert_int_equal(load(HOST, &c, &e), 0);
	assert_false(config_has_milter(c));
	config_unref(&c);
	conf_errors_done(&e);
}

/* What can't be read is wrong, wherever it stands. */
static void
test_broken(void **state)
{
	static const char *const texts[] = {
		HOST "limits: {recipients: many}\n",
		HOST "milter: {ours: {networks: [nowhere]}}\n",
		HOST "networks: {a: [nowhere]}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct conf_errors e;
		struct config *c;

		conf_errors_init(&e);
		assert_true(load(texts[i], &c, &e) < 0);
		assert_int_equal(e.total, 1);
		conf_errors_done(&e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_others_are_left_alone),
		cmocka_unit_test(test_no_section),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
