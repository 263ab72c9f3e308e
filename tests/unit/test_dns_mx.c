#include <arpa/nameser.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/dns_answer.h"
#include "tests/unit/dns_wire.h"
#include "tests/unit/test.h"

/* An answer with these mail exchangers. */
static void
wire_mx(struct wire *w, const struct dns_mx *v, size_t n)
{
	struct wire target;

	w->len = 0;
	wire_number(w, 1, 2);
	wire_number(w, 0x8180, 2);
	wire_number(w, 0, 2);
	wire_number(w, (unsigned)n, 2);
	wire_number(w, 0, 4);
	for (size_t i = 0; i < n; i++) {
		target.len = 0;
		wire_number(&target, v[i].preference, 2);
		wire_name(&target, v[i].host);
		wire_record(w, "x.test.", ns_t_mx, target.len);
		memcpy(w->data + w->len, target.data, target.len);
		w->len += target.len;
	}
}

static void
test_mx_packets(void **state)
{
	static const struct dns_mx v[] = {{20, "b.test"},
					  {10, "a.test"},
					  {20, "c.test"},
					  {0, "."},
					  {5, "not\\032one.test"}};
	struct dns_mx_answer a = {.n = 0};
	struct wire w;

	(void)state;
	wire_mx(&w, v, 5);
	for (size_t len = 0; len < w.len; len++) {
		assert_int_equal(dns_answer_add_mx(&a, w.data, len), -EBADMSG);
		assert_int_equal(a.n, 0);
	}
	a.unusable = false;
	assert_int_equal(dns_answer_add_mx(&a, w.data, w.len), 0);
	assert_int_equal(a.n, 4);
	assert_true(a.unusable);
	assert_string_equal(a.v[0].host, "");
	assert_string_equal(a.v[1].host, "a.test");
	assert_int_equal(a.v[1].preference, 10);
	assert_string_equal(a.v[2].host, "b.test");
	assert_string_equal(a.v[3].host, "c.test");
}

/* Of more than fit, the best. */
static void
test_mx_many(void **state)
{
	struct dns_mx v[2 * DNS_MX_MAX];
	struct dns_mx_answer a = {.n = 0};
	size_t n = sizeof(v) / sizeof(v[0]);
	struct wire w;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		v[i].preference = (uint16_t)(n - i);
		snprintf(v[i].host, sizeof(v[i].host), "h%zu.test", n - i);
	}
	wire_mx(&w, v, n);
	assert_int_equal(dns_answer_add_mx(&a, w.data, w.len), 0);
	assert_int_equal(a.n, DNS_MX_MAX);
	assert_false(a.unusable);
	for (size_t i = 0; i < a.n; i++)
		assert_int_equal(a.v[i].preference, i + 1);
	assert_string_equal(a.v[0].host, "h1.test");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mx_packets),
		cmocka_unit_test(test_mx_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
