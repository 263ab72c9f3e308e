#include "relay/rates.h"

#include "tests/unit/test.h"

static const struct rates_conf conf = {
	.messages_per_ip = {.n = 2, .period_ms = 60000},
	.messages_per_network = {.n = 4, .period_ms = 60000},
	.recipients_per_user = {.n = 3, .period_ms = 60000},
};

/* "": it is counted. */
static const char *
take(struct rates *r, enum rates_what what, const char *ip, const char *user)
{
	struct sockaddr_any client;
	const char *name;

	if (ip != NULL)
		assert_int_equal(sockaddr_parse_ip(ip, 25, &client), 0);
	name = rates_take(r, &conf, what, ip != NULL ? &client : NULL, user,
			  1000);
	return name != NULL ? name : "";
}

static void
test_rates(void **state)
{
	static const struct {
		const char *name;
		enum rates_what what;
		const char *ip, *user, *limit;
	} row[] = {
		{"first", RATES_MESSAGES, "192.0.2.1", NULL, ""},
		{"second", RATES_MESSAGES, "192.0.2.1", NULL, ""},
		{"one too many", RATES_MESSAGES, "192.0.2.1", NULL,
		 "messages_per_ip"},
		{"a neighbour", RATES_MESSAGES, "192.0.2.2", NULL, ""},
		/* What was refused does not count. */
		{"the last of the network", RATES_MESSAGES, "192.0.2.3", NULL,
		 ""},
		{"the network is full", RATES_MESSAGES, "192.0.2.4", NULL,
		 "messages_per_network"},
		{"another network", RATES_MESSAGES, "192.0.3.4", NULL, ""},
		{"without an address", RATES_MESSAGES, NULL, NULL, ""},
		{"no rate", RATES_RECIPIENTS, "192.0.2.1", NULL, ""},
		{"a user", RATES_RECIPIENTS, NULL, "uid:1", ""},
		{"a user's second", RATES_RECIPIENTS, "192.0.2.1", "uid:1", ""},
		{"a user's third", RATES_RECIPIENTS, NULL, "uid:1", ""},
		{"a user's fourth", RATES_RECIPIENTS, "192.0.2.9", "uid:1",
		 "recipients_per_user"},
		{"another user", RATES_RECIPIENTS, NULL, "uid:10", ""},
	};
	struct rates *r = rates_new();

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s\n", row[i].name);
		assert_string_equal(
			take(r, row[i].what, row[i].ip, row[i].user),
			row[i].limit);
	}
	rates_free(&r);
	rates_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rates)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
