/*
 * Records that nobody wrote, from a fixed seed, asked of both engines of SPF: they
 * answer the same. What libspf2 gets wrong does not come up: a redirect that is
 * not the last term, and a macro of as many labels as there are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/unit/spf_kit.h"
#include "tests/unit/test.h"
#include "verdict/spf_libspf2.h"

#define CASES     20000
#define DOMAINS   5
#define QUESTIONS 100

static unsigned
pick(uint64_t *seed, unsigned n)
{
	*seed = *seed * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (unsigned)(*seed >> 33) % n;
}

static void
add_term(struct buf *b, uint64_t *seed, unsigned self)
{
	static const char *const marks[] = {"", "", "", "-", "~", "?", "+"};
	static const char *const fixed[] = {
		"ip4:192.0.2.0/24",
		"ip4:10.0.0.1",
		"ip4:192.0.2.128/25",
		"ip6:2001:db8::/32",
		"ip6:2001:db8:1::",
		"a",
		"mx",
		"a/24",
		"mx/16",
		"exists:%{i}.e.test",
		"exists:%{l}.%{d}",
		"exists:%{ir}.%{v}.e.test",
		"a:%{o}",
		"ptr",
		"a/24//32",
		"exists:%{h}",
		"exists:%{d1r}.%{l-}.e.test",
	};
	unsigned other = self + 1 + pick(seed, DOMAINS + 1 - self);

	buf_printf(b, " %s", marks[pick(seed, 7)]);
	switch (pick(seed, 8)) {
	case 0:
	case 1:
		buf_printf(b, "include:d%u.test", other);
		break;
	case 2:
		buf_printf(b, "a:d%u.test", other);
		break;
	case 3:
		buf_printf(b, "mx:d%u.test/24", other);
		break;
	default:
		buf_append_str(
			b, fixed[pick(seed, sizeof(fixed) / sizeof(fixed[0]))]);
	}
}

static void
add_record(struct zone *z, uint64_t *seed, unsigned self)
{
	static const char *const ends[] = {" -all", " ~all", " ?all", " +all",
					   ""};
	unsigned terms = pick(seed, 5);
	struct buf b;
	char name[32];

	snprintf(name, sizeof(name), "d%u.test", self);
	buf_init(&b, 1000);
	buf_append_str(&b, "v=spf1");
	for (unsigned i = 0; i < terms; i++)
		add_term(&b, seed, self);
	if (pick(seed, 4) == 0 && self < DOMAINS)
		buf_printf(&b, " redirect=d%u.test", self + 1);
	else
		buf_append_str(&b, ends[pick(seed, 5)]);
	zone_add(z, name, "TXT", b.data, b.len);
	buf_done(&b);
}

static void
add_hosts(struct zone *z, uint64_t *seed, unsigned self)
{
	static const char *const ips[] = {"192.0.2.1", "192.0.2.77", "10.0.0.1",
					  "10.9.9.9"};
	char name[32], mx[40];

	snprintf(name, sizeof(name), "d%u.test", self);
	if (pick(seed, 4) != 0)
		zone_add(z, name, "A", ips[pick(seed, 4)], 9);
	if (pick(seed, 3) == 0)
		zone_add(z, name, "AAAA", "2001:db8::1", 11);
	for (unsigned i = pick(seed, 3); i-- > 0;) {
		snprintf(mx, sizeof(mx), "%u d%u.test", i,
			 pick(seed, DOMAINS + 1));
		zone_add(z, name, "MX", mx, strlen(mx));
	}
	if (pick(seed, 20) == 0)
		zone_add(z, name, "A", "TIMEOUT", 7);
}

static void
make_world(struct zone *z, uint64_t *seed)
{
	for (unsigned i = 0; i <= DOMAINS; i++) {
		if (pick(seed, 12) != 0)
			add_record(z, seed, i);
		add_hosts(z, seed, i);
	}
	zone_load(z, "192.0.2.1.e.test A 127.0.0.2\n"
		     "1.2.0.192.in-addr.e.test A 127.0.0.2\n"
		     "anna.d1.test A 127.0.0.2\n"
		     "h.test A 10.0.0.1\n"
		     "1.2.0.192.in-addr.arpa PTR d2.test\n"
		     "1.2.0.192.in-addr.arpa PTR x.d0.test\n"
		     "x.d0.test A 192.0.2.1\n");
}

static void
show_records(const struct answers *answers)
{
	const struct answer *a;

	STAILQ_FOREACH (a, &answers->list, link)
		print_error("  %s %s: %s\n", a->name,
			    answer_type_names[a->type],
			    a->n > 0 && a->type == ANSWER_TXT
				    ? a->records[0].data
				    : answer_status_names[a->status]);
}

static void
compare(struct zone *z, const struct spf_question *q, unsigned nth,
	unsigned results[])
{
	struct spf_verdict own, other;
	struct answers answers;
	struct arena arena;
	const char *refused;
	int r;

	arena_init(&arena);
	answers_init(&answers, &arena, QUESTIONS);
	while ((r = spf_check(q, &answers, &arena, NULL, &own)) == -EAGAIN)
		assert_true(zone_settle(z, &answers));
	assert_int_equal(r, 0);
	while ((r = spf_libspf2_try(q, &answers, &arena, NULL, &other,
				    &refused)) == -EAGAIN)
		assert_true(zone_settle(z, &answers));
	assert_int_equal(r, 0);
	results[own.result]++;
	if (own.result != other.result) {
		show_records(&answers);
		fail_msg("%u: %s (%s) and %s (%s)", nth,
			 spf_result_names[own.result], own.why,
			 spf_result_names[other.result], other.why);
	}
	arena_done(&arena);
}

/* Any result comes often enough to mean something. */
static void
test_both(void **state)
{
	struct spf_question q = {.scope = SPF_MAIL_FROM,
				 .helo = "h.test",
				 .sender = "anna@d0.test",
				 .receiver = "mx.test"};
	uint64_t seed = 1;
	unsigned results[SPF_PERMERROR + 1] = {0};
	struct zone z;

	(void)state;
	for (unsigned i = 0; i < CASES; i++) {
		spf_kit_ip(i % 4 == 0 ? "2001:db8::1" : CLIENT, q.ip);
		zone_init(&z);
		make_world(&z, &seed);
		compare(&z, &q, i, results);
		zone_done(&z);
	}
	for (int i = 0; i <= SPF_PERMERROR; i++) {
		print_message("%s: %u\n", spf_result_names[i], results[i]);
		assert_in_range(results[i], 50, CASES);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
