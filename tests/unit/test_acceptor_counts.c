/*
 * Who comes in, who is kept out and who gives way, without a socket.
 */
#include "net/acceptor_counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

#define ROWS(row) (sizeof(row) / sizeof((row)[0]))
#define NOW       1000000
#define LONG_AGO  (NOW - 2 * ACCEPTOR_IDLE_MS)

#define GUESTS 64

/* One connection, and its session on the loop. */
struct guest {
	struct fixture *f;
	struct acceptor_ticket *ticket;
	uint64_t handle;
	bool asked; /* to give way */
};

struct fixture {
	struct loop *loop;
	struct acceptor_counts *counts;
	struct acceptor_limits limits;
	size_t n;
	struct guest guests[GUESTS];
	const char *limit; /* that kept the last one out */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new(clock_system());
	f->counts = counts_new();
	f->limits = (struct acceptor_limits){
		.connections = 16, .connections_per_ip = 100, .shared = true};
	counts_set_limits(f->counts, &f->limits);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->n; i++) {
		acceptor_release(&f->guests[i].ticket);
		acceptor_release(&f->guests[i].ticket);
		loop_handle_free(f->loop, f->guests[i].handle);
	}
	counts_close(f->counts);
	loop_free(&f->loop);
	free(f);
	return 0;
}

static void
give_way(void *object)
{
	struct guest *g = object;

	g->asked = true;
}

static struct sockaddr_any
ip_of(const char *ip)
{
	struct sockaddr_any a;

	assert_int_equal(sockaddr_parse_ip(ip, 1025, &a), 0);
	return a;
}

/* NULL: it was kept out, by F->limit. */
static struct guest *
come(struct fixture *f, const char *ip, enum acceptor_peer who)
{
	struct sockaddr_any peer = ip_of(ip);
	struct guest *g = &f->guests[f->n];

	assert_true(f->n < GUESTS);
	f->limit = NULL;
	g->ticket = counts_admit(f->counts, -1, &peer, who, NOW, &f->limit);
	if (g->ticket == NULL)
		return NULL;
	f->n++;
	g->f = f;
	g->handle = loop_handle_new(f->loop, g);
	acceptor_owned(g->ticket, f->loop, g->handle, give_way);
	return g;
}

static struct guest *
come_idle(struct fixture *f, const char *ip, int64_t since)
{
	struct guest *g = come(f, ip, ACCEPTOR_ANYBODY);

	assert_non_null(g);
	acceptor_idle(g->ticket, since);
	return g;
}

static void
kept_out(struct fixture *f, const char *ip, const char *limit)
{
	assert_null(come(f, ip, ACCEPTOR_ANYBODY));
	assert_string_equal(f->limit, limit);
}

static size_t
asked(struct fixture *f)
{
	size_t n = 0;

	loop_run_rest(f->loop);
	for (size_t i = 0; i < f->n; i++)
		n += f->guests[i].asked;
	return n;
}

static void
test_networks(void **state)
{
	static const struct {
		const char *name, *a, *b;
		bool same_site, same_network;
	} row[] = {
		{"one address", "192.0.2.1", "192.0.2.1", true, true},
		{"one /24", "192.0.2.1", "192.0.2.255", false, true},
		{"another /24", "192.0.2.1", "192.0.3.1", false, false},
		{"one /64", "2001:db8::1", "2001:db8::ffff:2", true, true},
		{"one /56", "2001:db8:0:1::1", "2001:db8:0:ff::1", false, true},
		{"another /56", "2001:db8:0:1::1", "2001:db8:0:100::1", false,
		 false},
		{"mapped", "192.0.2.1", "::ffff:192.0.2.1", true, true},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(row); i++) {
		struct sockaddr_any a = ip_of(row[i].a), b = ip_of(row[i].b);
		uint8_t x[16], y[16];

		print_message("%s\n", row[i].name);
		assert_true(sockaddr_site(&a, x) && sockaddr_site(&b, y));
		assert_int_equal(memcmp(x, y, 16) == 0, row[i].same_site);
		assert_true(sockaddr_network(&a, x) && sockaddr_network(&b, y));
		assert_int_equal(memcmp(x, y, 16) == 0, row[i].same_network);
	}
}

/* The last quarter is for those who have less than is left of it. */
static void
test_share(void **state)
{
	struct fixture *f = *state;
	char ip[32];

	for (int i = 0; i < 13; i++) {
		snprintf(ip, sizeof(ip), "192.0.2.%d", i);
		assert_non_null(come(f, ip, ACCEPTOR_ANYBODY));
	}
	kept_out(f, "192.0.2.99", "connections_share");
	assert_non_null(come(f, "198.51.100.1", ACCEPTOR_ANYBODY));
	assert_non_null(come(f, "198.51.100.2", ACCEPTOR_ANYBODY));
	kept_out(f, "198.51.100.3", "connections_share");
	assert_non_null(come(f, "203.0.113.1", ACCEPTOR_ANYBODY));
	kept_out(f, "203.0.114.1", "connections");
	assert_int_equal(asked(f), 0); /* all of them do something */
}

static void
test_unshared(void **state)
{
	struct fixture *f = *state;

	f->limits.shared = false;
	counts_set_limits(f->counts, &f->limits);
	for (int i = 0; i < 16; i++)
		come_idle(f, "192.0.2.1", LONG_AGO);
	kept_out(f, "198.51.100.1", "connections");
	assert_int_equal(asked(f), 0);
}

/* The trusted get what is left, whoever they are. */
static void
test_trusted(void **state)
{
	struct fixture *f = *state;
	struct guest *idle;

	f->limits.rate_per_ip = (struct conf_rate){.n = 1, .period_ms = 60000};
	counts_set_limits(f->counts, &f->limits);
	for (int i = 0; i < 15; i++)
		assert_non_null(come(f, "10.0.0.1", ACCEPTOR_TRUSTED));
	idle = come_idle(f, "198.51.100.1", LONG_AGO);
	assert_non_null(come(f, "10.0.0.1", ACCEPTOR_TRUSTED));
	assert_int_equal(asked(f), 1);
	assert_true(idle->asked);
	assert_null(come(f, "10.0.0.1", ACCEPTOR_TRUSTED));
	assert_string_equal(f->limit, "connections");
}

static void
test_oldest_idle_gives_way(void **state)
{
	struct fixture *f = *state;
	struct guest *busy, *older, *fresh;
	char ip[32];

	busy = come_idle(f, "192.0.2.1", INT64_MAX);
	fresh = come_idle(f, "192.0.3.1", NOW - ACCEPTOR_IDLE_MS + 1);
	older = come_idle(f, "192.0.4.1", LONG_AGO - 1);
	for (int i = 0; i < 13; i++) {
		snprintf(ip, sizeof(ip), "192.0.%d.1", 100 + i);
		come_idle(f, ip, LONG_AGO);
	}
	assert_non_null(come(f, "198.51.100.1", ACCEPTOR_ANYBODY));
	assert_int_equal(asked(f), 1);
	assert_true(older->asked);
	/* Who has a connection takes none from who has no more. */
	kept_out(f, "192.0.2.2", "connections");
	/* It may end when it likes. */
	assert_non_null(come(f, "198.51.101.1", ACCEPTOR_ANYBODY));
	assert_int_equal(asked(f), 2);
	assert_false(busy->asked || fresh->asked);
	acceptor_release(&older->ticket);
	/* Its place was given away already. */
	for (int i = 0; i < 12; i++) {
		snprintf(ip, sizeof(ip), "203.0.%d.1", i);
		assert_non_null(come(f, ip, ACCEPTOR_ANYBODY));
	}
	assert_int_equal(asked(f), 14);
	kept_out(f, "203.0.200.1", "connections");
}

/* A flood from one network is not let in at the cost of others, and the network
 * that has most gives first. */
static void
test_large_network_gives_first(void **state)
{
	struct fixture *f = *state;
	struct guest *small = come_idle(f, "198.51.100.1", LONG_AGO - 1000);
	char ip[32];

	for (int i = 0; i < 12; i++) {
		snprintf(ip, sizeof(ip), "192.0.2.%d", i);
		come_idle(f, ip, LONG_AGO - i);
	}
	/* Its own place, one for another. */
	assert_non_null(come(f, "192.0.2.50", ACCEPTOR_ANYBODY));
	assert_int_equal(asked(f), 1);
	assert_true(f->guests[12].asked);
	for (int i = 0; i < 3; i++) {
		snprintf(ip, sizeof(ip), "203.0.%d.1", i);
		assert_non_null(come(f, ip, ACCEPTOR_ANYBODY));
	}
	assert_int_equal(asked(f), 1);
	assert_non_null(come(f, "203.0.113.1", ACCEPTOR_ANYBODY));
	assert_int_equal(asked(f), 2);
	assert_true(f->guests[11].asked);
	assert_false(small->asked);
}

static void
test_so_many_leave(void **state)
{
	struct fixture *f = *state;
	struct acceptor_limits limits = {
		.connections = 3, .connections_per_ip = 3, .shared = true};
	struct acceptor_ticket *kept[ACCEPTOR_LEAVING_MAX + 2] = {0};
	char ip[32];
	size_t n = 0;

	counts_set_limits(f->counts, &limits);
	for (int i = 0; i < 2; i++) {
		snprintf(ip, sizeof(ip), "203.0.%d.1", i);
		assert_non_null(come(f, ip, ACCEPTOR_ANYBODY));
	}
	for (;;) {
		struct sockaddr_any peer;
		const char *limit = NULL;

		snprintf(ip, sizeof(ip), "192.0.%zu.1", n);
		peer = ip_of(ip);
		kept[n] = counts_admit(f->counts, -1, &peer, ACCEPTOR_ANYBODY,
				       NOW, &limit);
		if (kept[n] == NULL)
			break;
		acceptor_owned(kept[n], f->loop, f->guests[0].handle, give_way);
		acceptor_idle(kept[n], LONG_AGO);
		n++;
		assert_true(n < ROWS(kept));
	}
	assert_int_equal(n, ACCEPTOR_LEAVING_MAX + 1);
	for (size_t i = 0; i < n; i++)
		acceptor_release(&kept[i]);
}

static void
test_rates(void **state)
{
	struct fixture *f = *state;

	f->limits.rate_per_ip = (struct conf_rate){.n = 2, .period_ms = 60000};
	f->limits.rate_per_network =
		(struct conf_rate){.n = 3, .period_ms = 60000};
	counts_set_limits(f->counts, &f->limits);
	for (int i = 0; i < 2; i++) {
		struct guest *g = come(f, "192.0.2.1", ACCEPTOR_ANYBODY);

		acceptor_release(&g->ticket); /* which gives nothing back */
	}
	kept_out(f, "192.0.2.1", "rates.connections_per_ip");
	assert_non_null(come(f, "192.0.2.2", ACCEPTOR_ANYBODY));
	kept_out(f, "192.0.2.3", "rates.connections_per_network");
	assert_non_null(come(f, "192.0.3.3", ACCEPTOR_ANYBODY));
	assert_non_null(come(f, "192.0.2.1", ACCEPTOR_TRUSTED));
}

static void
test_move(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_any client = ip_of("192.0.2.1");
	struct guest *g[3];

	f->limits.connections_per_ip = 2;
	counts_set_limits(f->counts, &f->limits);
	for (int i = 0; i < 3; i++) /* a proxy is no client */
		g[i] = come(f, "10.0.0.1", ACCEPTOR_PROXY);
	for (int i = 0; i < 2; i++)
		assert_null(acceptor_move(g[i]->ticket, &client,
					  ACCEPTOR_ANYBODY, NOW));
	assert_string_equal(
		acceptor_move(g[2]->ticket, &client, ACCEPTOR_ANYBODY, NOW),
		"connections_per_ip");
	kept_out(f, "192.0.2.1", "connections_per_ip");
	client = ip_of("192.0.2.2");
	assert_null(
		acceptor_move(g[1]->ticket, &client, ACCEPTOR_ANYBODY, NOW));
	assert_non_null(come(f, "192.0.2.1", ACCEPTOR_ANYBODY));
	kept_out(f, "192.0.2.1", "connections_per_ip");
	assert_null(acceptor_move(NULL, &client, ACCEPTOR_ANYBODY, NOW));
}

static void
test_so_many_are_pending(void **state)
{
	struct fixture *f = *state;
	struct acceptor_ticket *t[ACCEPTOR_PENDING_MAX];
	struct sockaddr_any proxy = ip_of("10.0.0.1");
	const char *limit = NULL;

	for (size_t i = 0; i < ROWS(t); i++) {
		t[i] = counts_admit(f->counts, -1, &proxy, ACCEPTOR_PROXY, NOW,
				    &limit);
		assert_non_null(t[i]);
	}
	assert_null(counts_admit(f->counts, -1, &proxy, ACCEPTOR_PROXY, NOW,
				 &limit));
	assert_string_equal(limit, "connections");
	assert_non_null(come(f, "192.0.2.1", ACCEPTOR_ANYBODY));
	for (size_t i = 0; i < ROWS(t); i++)
		acceptor_release(&t[i]);
	assert_non_null(come(f, "10.0.0.1", ACCEPTOR_PROXY));
}

/* Nor those that were refused and stay: others come through the same proxy. */
static void
test_refused_are_not_pending(void **state)
{
	struct fixture *f = *state;
	struct acceptor_ticket *t[ACCEPTOR_LINGER_MAX + 1];
	struct acceptor_ticket *pending[ACCEPTOR_PENDING_MAX];
	struct sockaddr_any proxy = ip_of("10.0.0.1");
	struct sockaddr_any client = ip_of("192.0.2.1");
	const char *limit = NULL;

	f->limits.connections_per_ip = 1;
	counts_set_limits(f->counts, &f->limits);
	assert_non_null(come(f, "192.0.2.1", ACCEPTOR_ANYBODY));
	for (size_t i = 0; i < ROWS(t); i++) {
		t[i] = counts_admit(f->counts, -1, &proxy, ACCEPTOR_PROXY, NOW,
				    &limit);
		assert_string_equal(
			acceptor_move(t[i], &client, ACCEPTOR_ANYBODY, NOW),
			"connections_per_ip");
		/* So many may stay, and the others are closed at once. */
		assert_int_equal(acceptor_may_linger(t[i]),
				 i < ACCEPTOR_LINGER_MAX);
		assert_int_equal(acceptor_may_linger(t[i]),
				 i < ACCEPTOR_LINGER_MAX);
	}
	acceptor_release(&t[ACCEPTOR_LINGER_MAX]);
	for (size_t i = 0; i < ROWS(pending); i++) {
		pending[i] = counts_admit(f->counts, -1, &proxy, ACCEPTOR_PROXY,
					  NOW, &limit);
		assert_non_null(pending[i]);
	}
	for (size_t i = 0; i < ROWS(pending); i++)
		acceptor_release(&pending[i]);
	assert_false(counts_may_linger(f->counts));
	acceptor_release(&t[0]);
	assert_true(counts_may_linger(f->counts));
	counts_lingered(f->counts);
	for (size_t i = 1; i < ACCEPTOR_LINGER_MAX; i++)
		acceptor_release(&t[i]);
	assert_true(acceptor_may_linger(NULL));
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_networks),
		TEST(test_share),
		TEST(test_unshared),
		TEST(test_trusted),
		TEST(test_oldest_idle_gives_way),
		TEST(test_large_network_gives_first),
		TEST(test_so_many_leave),
		TEST(test_rates),
		TEST(test_move),
		TEST(test_so_many_are_pending),
		TEST(test_refused_are_not_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
