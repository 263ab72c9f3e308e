#include "net/http_bodies.h"

#include "tests/unit/test.h"

#define MAX 1000

/* Of ten at the most. */
struct step {
	const char *from; /* an address, or NULL: the uid LEN is of */
	uid_t uid;
	int len; /* below 0: given back */
	bool taken;
};

struct row {
	const char *name;
	struct step steps[10];
};

static const struct row rows[] = {
	{"all of it",
	 {{"192.0.2.1", 0, 500, true},
	  {"198.51.100.1", 0, 250, true},
	  {"203.0.113.1", 0, 125, true},
	  {"203.0.114.1", 0, 126, false},
	  {"203.0.114.1", 0, 62, true},
	  {"203.0.115.1", 0, 31, true},
	  {"203.0.116.1", 0, 32, false},
	  {"203.0.116.1", 0, 16, true}}},
	{"one address has half of it, whoever else is there",
	 {{"192.0.2.1", 0, 500, true},
	  {"192.0.2.1", 0, 1, false},
	  {"192.0.2.2", 0, 200, true},
	  {"192.0.2.1", 0, 1, false}}},
	{"and more while there is more that is free",
	 {{"192.0.2.1", 0, 300, true},
	  {"192.0.2.2", 0, 200, true},
	  {"192.0.2.1", 0, 101, false},
	  {"192.0.2.1", 0, 100, true}}},
	{"a network has three quarters",
	 {{"192.0.2.1", 0, 500, true},
	  {"192.0.2.2", 0, 250, true},
	  {"192.0.2.3", 0, 1, false},
	  {"192.0.3.1", 0, 100, true}}},
	{"what is given back is free",
	 {{"192.0.2.1", 0, 500, true},
	  {"192.0.2.1", 0, -400, true},
	  {"192.0.2.1", 0, 400, true},
	  {"192.0.2.1", 0, 1, false},
	  {"192.0.2.1", 0, -500, true},
	  {"192.0.2.2", 0, 500, true}}},
	{"of IPv6 a /64, and a /56",
	 {{"2001:db8::1", 0, 500, true},
	  {"2001:db8::ffff:2", 0, 1, false},
	  {"2001:db8:0:1::1", 0, 250, true},
	  {"2001:db8:0:ff::1", 0, 1, false},
	  {"2001:db8:0:100::1", 0, 1, true}}},
	{"a mapped address is the same",
	 {{"::ffff:192.0.2.1", 0, 500, true}, {"192.0.2.1", 0, 1, false}}},
	{"of a unix socket a uid, and no network",
	 {{NULL, 1, 500, true},
	  {NULL, 1, 1, false},
	  {NULL, 2, 250, true},
	  {NULL, 3, 100, true},
	  {NULL, 3, -100, true},
	  {NULL, 1, -500, true},
	  {NULL, 2, -250, true}}},
	{"more than there is", {{"192.0.2.1", 0, 1001, false}}},
};

static void
run_step(struct http_bodies *b, const struct step *s)
{
	struct http_origin from = {.uid = s->uid};

	from.peer.ss.ss_family = AF_UNIX;
	if (s->from != NULL)
		assert_int_equal(sockaddr_parse_ip(s->from, 0, &from.peer), 0);
	if (s->len < 0)
		http_bodies_give(b, &from, (size_t)-s->len);
	else
		assert_int_equal(http_bodies_take(b, &from, (size_t)s->len),
				 s->taken);
}

static void
test_shares(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_bodies *b = http_bodies_new(MAX);

		print_message("%s\n", rows[i].name);
		for (const struct step *s = rows[i].steps; s->len != 0; s++)
			run_step(b, s);
		http_bodies_free(&b);
		assert_null(b);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
