/*
 * Whom a listener believes, and what `belfry check` says of that.
 */

#include "tests/unit/config_kit.h"
#include "tests/unit/test.h"

#define HOST "hostname: relay1.example.org\n"
#define OUT  "delivery: {smarthost: [{host: smtp.example.net}]}\n"

static const struct config_row rows[] = {
	{"trust nobody",
	 HOST OUT "listeners:\n"
		  "- {address: ':25', role: submission, trust: []}\n",
	 "t:4:3: warning: listener `:25` trusts nobody, so nobody may submit "
	 "there\n"},
	{"trust everybody",
	 HOST OUT "listeners:\n"
		  "- {address: ':25', role: submission, trust: [0.0.0.0/0]}\n",
	 "t:4:46: warning: listener `:25` trusts more than private networks: "
	 "whoever is there may send mail to anybody\n"},
	{"proxies everywhere",
	 HOST OUT "listeners:\n"
		  "- {address: ':25', role: submission, proxy: ['::/0']}\n",
	 "t:4:46: warning: `proxy` of listener `:25` has more than private "
	 "networks: whoever is there may say to be anybody, also whom you "
	 "trust\n"},
	{"proxy that is no network",
	 HOST OUT "listeners:\n"
		  "- {address: ':25', role: submission, proxy: [hap]}\n",
	 "t:4:46: no network is called `hap`; the names are those in "
	 "`networks`, and `loopback`\n"},
	{"trust private and a public address",
	 HOST OUT "listeners:\n"
		  "- {address: ':25', role: submission, trust: [10.0.0.0/8, "
		  "192.168.1.0/24, loopback, 'fd00::/8', 203.0.113.7]}\n",
	 ""},
};

static void
test_rows(void **state)
{
	(void)state;
	config_check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
