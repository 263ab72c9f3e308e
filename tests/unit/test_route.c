#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "deliver/route.h"
#include "deliver/routes_conf.h"
#include "tests/unit/test.h"

#define HOP(n, h, p)                                                           \
	{                                                                      \
		.name = (char *)(uintptr_t)(n),                                \
		.host = (char *)(uintptr_t)(h), .port = (p),                   \
		.helo = (char *)(uintptr_t) "",                                \
		.bind = (char *)(uintptr_t) "", .mark = {                      \
			"test",                                                \
			1,                                                     \
			1                                                      \
		}                                                              \
	}
#define TEXT(s) ((char *)(uintptr_t)(s))

static struct hop smart[] = {HOP("ses", "smtp.example.net", 25),
			     HOP("", "10.0.0.1", 2525)};
static struct hop inner[] = {HOP("", "10.1.0.5", 25),
			     HOP("", "2001:db8::5", 24)};
static struct hop other[] = {HOP("", "10.1.0.6", 25)};
static struct hop far[] = {HOP("far", "10.1.0.7", 25)};
static struct delivery_rule rules[] = {
	{.match = TEXT("inner.example.org"), .via = {2, inner}},
	{.match = TEXT(".example.org"), .via = {1, other}},
	{.match = TEXT("anna@inner.example.org"), .via = {2, smart}},
};

static struct hop shop[] = {HOP("shop", "10.2.0.1", 587)};
static struct delivery_rule senders[] = {
	{.match = TEXT("vip@shop.example"), .via = {1, other}},
	{.match = TEXT("shop.example"), .via = {1, shop}},
};

static struct delivery_conf
conf_new(void)
{
	struct delivery_conf c = {.smarthost = {2, smart},
				  .by_domain = {3, rules},
				  .mx = {10, 20, 25},
				  .helo = TEXT("")};

	return c;
}

static struct route_rule own[] = {
	{.match = TEXT("sales@inner.example.org"), .via = {1, other}},
	{.match = TEXT("example.com"), .via = {1, far}},
	{.match = TEXT(".com"), .via = {1, other}},
};
static const struct conf_list no_routes, routes = {3, own};

static int
routing_try(const struct delivery_conf *conf, const struct conf_list *list,
	    struct conf_errors *errors, struct routing **ret)
{
	const struct routing_sources from = {
		.delivery = conf,
		.routes = list,
		.hostname = "relay.example.org",
		.delimiter = '+',
	};

	return routing_new(&from, errors, ret);
}

static struct routing *
routing_make_with(const struct delivery_conf *conf,
		  const struct conf_list *list)
{
	struct conf_errors errors;
	struct routing *r = NULL;
	int e;

	conf_errors_init(&errors);
	e = routing_try(conf, list, &errors, &r);
	if (e < 0)
		fail_msg("%s", errors.v[0].text);
	conf_errors_done(&errors);
	return r;
}

static struct routing *
routing_make(const struct delivery_conf *conf)
{
	return routing_make_with(conf, &no_routes);
}

static void
test_find(void **state)
{
	static const struct {
		const char *name;
		bool smarthost;
		const char *sender, *rcpt, *dest, *rule;
	} row[] = {
		{"the first match wins", true, "", "anna@inner.example.org",
		 "10.1.0.5:25,[2001:db8::5]:24", "inner.example.org"},
		{"a subdomain", true, "", "a@x.example.org", "10.1.0.6:25",
		 ".example.org"},
		{"the rest", true, "", "a@example.org", "ses", "smarthost"},
		{"by MX", false, "", "a@example.org", "example.org", "mx"},
		{"a literal", false, "", "a@[192.0.2.1]", "[192.0.2.1]", "mx"},
		{"a rule without smarthost", false, "", "a@x.example.org",
		 "10.1.0.6:25", ".example.org"},
		{"bare postmaster", true, "", "postmaster", "ses", "smarthost"},
		{"bare postmaster, by MX", false, "", "postmaster", NULL, NULL},
		{"by the sender, before the recipient", true, "b@shop.example",
		 "a@x.example.org", "shop", "shop.example"},
		{"the first sender's", true, "vip@shop.example",
		 "a@example.net", "10.1.0.6:25", "vip@shop.example"},
		{"another sender", true, "b@example.com", "a@x.example.org",
		 "10.1.0.6:25", ".example.org"},
		{"a sender without a domain", true, "shop.example",
		 "a@example.org", "ses", "smarthost"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct delivery_conf conf = conf_new();
		struct address rcpt = {"postmaster", ""};
		const char *why;
		struct routing *r;
		struct arena arena;
		struct route route;
		int e;

		conf.by_sender = (struct conf_list){2, senders};
		if (!row[i].smarthost)
			conf.smarthost.n = 0;
		r = routing_make(&conf);
		arena_init(&arena);
		if (strchr(row[i].rcpt, '@'))
			assert_int_equal(
				address_parse(row[i].rcpt, &arena, &rcpt, &why),
				0);
		e = route_find(r, row[i].sender, &rcpt, &route);
		if (e == 0 && route.mx != (strcmp(route.rule, "mx") == 0))
			fail_msg("%s: by MX", row[i].name);
		if (e != (row[i].dest ? 0 : -ENOENT))
			fail_msg("%s: %d", row[i].name, e);
		if (e == 0 && (strcmp(route.dest, row[i].dest) != 0 ||
			       strcmp(route.rule, row[i].rule) != 0 ||
			       strcmp(route.agent, "smtp") != 0))
			fail_msg("%s: %s by %s", row[i].name, route.dest,
				 route.rule);
		arena_done(&arena);
		routing_unref(&r);
	}
}

/* A port that is not named is the protocol's. */
static void
test_usual_ports(void **state)
{
	static const struct {
		int deliver;
		const char *agent, *dest;
	} row[] = {
		{ROUTE_SMTP, "smtp", "10.1.0.8:25"},
		{ROUTE_LMTP, "lmtp", "10.1.0.8:24"},
	};
	struct hop hop = HOP("", "10.1.0.8", 0);
	struct route_rule rule = {.match = TEXT("example.com"),
				  .via = {1, &hop}};
	const struct conf_list list = {1, &rule};
	const struct address rcpt = {"a", "example.com"};
	struct delivery_conf conf = conf_new();

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct routing *r;
		struct route route;

		rule.deliver = row[i].deliver;
		r = routing_make_with(&conf, &list);
		assert_int_equal(route_find(r, "", &rcpt, &route), 0);
		assert_string_equal(route.agent, row[i].agent);
		assert_string_equal(route.dest, row[i].dest);
		routing_unref(&r);
	}
}

/* `routes` stands before all else, and only its own first match counts. */
static void
test_routes(void **state)
{
	static const struct {
		const char *rcpt, *dest, *rule;
		int entry; /* -1: none */
	} row[] = {
		{"sales@inner.example.org", "10.1.0.6:25",
		 "sales@inner.example.org", 0},
		{"Sales+x@inner.example.org", "10.1.0.6:25",
		 "sales@inner.example.org", 0},
		{"ben@inner.example.org", "10.1.0.5:25,[2001:db8::5]:24",
		 "inner.example.org", -1},
		{"a@example.com", "far", "example.com", 1},
		{"a@b.example.com", "10.1.0.6:25", ".com", 2},
		{"a@example.net", "ses", "smarthost", -1},
	};
	struct delivery_conf conf = conf_new();
	struct routing *r = routing_make_with(&conf, &routes), *without;
	struct arena arena;
	struct route route;
	const char *why;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct address rcpt;

		assert_int_equal(
			address_parse(row[i].rcpt, &arena, &rcpt, &why), 0);
		assert_int_equal(route_find(r, "", &rcpt, &route), 0);
		if (strcmp(route.dest, row[i].dest) != 0 ||
		    strcmp(route.rule, row[i].rule) != 0 ||
		    strcmp(route.agent, "smtp") != 0)
			fail_msg("%s: %s by %s", row[i].rcpt, route.dest,
				 route.rule);
		if (row[i].entry < 0)
			assert_null(route.entry);
		else
			assert_string_equal(route.entry->match,
					    own[row[i].entry].match);
	}
	without = routing_make(&conf);
	assert_memory_not_equal(routing_print(r), routing_print(without),
				ROUTING_PRINT_LEN);
	routing_unref(&without);
	without = routing_make_with(&conf, &routes);
	assert_memory_equal(routing_print(r), routing_print(without),
			    ROUTING_PRINT_LEN);
	routing_unref(&without);
	routing_unref(&r);
	arena_done(&arena);
}

static void
test_refused(void **state)
{
	static struct hop same_name[] = {HOP("ses", "10.0.0.9", 25)};
	static struct delivery_rule bad_pattern[] = {{.match = TEXT("/(/"),
						      .via = {1, other},
						      .mark = {"test", 2, 1}}};
	static struct delivery_rule twin[] = {
		{.match = TEXT("a.example"), .via = {1, same_name}}};
	const struct delivery_conf good = conf_new();
	struct {
		const char *name, *word;
		struct delivery_conf conf;
	} row[] = {
		{"two lists of one name", "ses", good},
		{"pattern", "match", good},
	};

	(void)state;
	row[0].conf.by_domain = (struct conf_list){1, twin};
	row[1].conf.by_domain = (struct conf_list){1, bad_pattern};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct conf_errors errors;
		struct routing *r = NULL;

		conf_errors_init(&errors);
		if (routing_try(&row[i].conf, &no_routes, &errors, &r) !=
			    -EINVAL ||
		    r || errors.total != 1 ||
		    !strstr(errors.v[0].text, row[i].word))
			fail_msg("%s: %zu errors", row[i].name, errors.total);
		conf_errors_done(&errors);
	}
}

static void
test_equal(void **state)
{
	static struct hop port[] = {HOP("", "10.1.0.6", 26)};
	static struct delivery_rule changed[] = {
		{.match = TEXT("inner.example.org"), .via = {2, inner}},
		{.match = TEXT(".example.org"), .via = {1, port}},
		{.match = TEXT("example.net"), .via = {1, other}},
	};
	static const struct {
		const char *name;
		struct conf_list smarthost, by_domain, by_sender;
		bool equal;
	} row[] = {
		{"the same", {2, smart}, {3, rules}, {0}, true},
		{"no smarthost", {0}, {3, rules}, {0}, false},
		{"another smarthost", {1, other}, {3, rules}, {0}, false},
		{"a rule less", {2, smart}, {2, rules}, {0}, false},
		{"rules that don't begin so",
		 {2, smart},
		 {2, rules + 1},
		 {0},
		 false},
		{"another port", {2, smart}, {2, changed}, {0}, false},
		{"another pattern", {2, smart}, {2, changed + 1}, {0}, false},
		{"by the sender",
		 {2, smart},
		 {2, rules + 1},
		 {1, rules},
		 false},
	};
	struct delivery_conf conf = conf_new(), now;
	struct routing *was = routing_make(&conf), *r;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		now = conf;
		now.smarthost = row[i].smarthost;
		now.by_domain = row[i].by_domain;
		now.by_sender = row[i].by_sender;
		now.lifetime_ms++; /* none of routing's */
		r = routing_make(&now);
		if ((memcmp(routing_print(was), routing_print(r),
			    ROUTING_PRINT_LEN) == 0) != row[i].equal)
			fail_msg("%s", row[i].name);
		routing_unref(&r);
	}
	routing_unref(&was);
}

static void
test_outlives_its_configuration(void **state)
{
	struct delivery_conf conf = conf_new();
	struct address rcpt = {"a", "example.com"};
	char host[] = "10.0.0.1";
	struct hop hop[] = {HOP("", host, 25)};
	struct routing *r, *second;
	struct route route;

	(void)state;
	conf.smarthost = (struct conf_list){1, hop};
	r = routing_make(&conf);
	memset(host, 'x', 3);
	memset(hop, 0, sizeof(hop));
	second = routing_ref(r);
	routing_unref(&r);
	assert_null(r);
	assert_int_equal(route_find(second, "", &rcpt, &route), 0);
	assert_string_equal(route.hops[0].host, "10.0.0.1");
	assert_string_equal(route.dest, "10.0.0.1:25");
	routing_unref(&second);
	routing_unref(&second);
}

static void
test_helo_and_bind(void **state)
{
	static char *bind[] = {TEXT("10.0.0.1"), TEXT("2001:db8::1")};
	struct hop hop[] = {HOP("a", "10.0.0.1", 25), HOP("", "10.0.0.2", 25)};
	struct delivery_conf conf = conf_new();
	char text[SOCKADDR_TEXT_MAX];
	struct sockaddr_any addr;
	struct routing *r;

	(void)state;
	hop[1].helo = TEXT("own.example.org");
	hop[1].bind = TEXT("10.9.9.9");
	conf.smarthost = (struct conf_list){2, hop};
	r = routing_make(&conf);
	assert_string_equal(routing_helo(r, &hop[0]), "relay.example.org");
	assert_string_equal(routing_helo(r, &hop[1]), "own.example.org");
	assert_false(routing_bind(r, &hop[0], AF_INET, &addr));
	routing_unref(&r);

	conf.helo = TEXT("out.example.org");
	conf.bind = (struct conf_strings){2, bind, NULL};
	r = routing_make(&conf);
	assert_string_equal(routing_helo(r, &hop[0]), "out.example.org");
	assert_true(routing_bind(r, &hop[0], AF_INET6, &addr));
	sockaddr_ip(&addr, text);
	assert_string_equal(text, "2001:db8::1");
	assert_true(routing_bind(r, &hop[1], AF_INET, &addr));
	sockaddr_ip(&addr, text);
	assert_string_equal(text, "10.9.9.9");
	/* A hop's own address is for its family only. */
	assert_false(routing_bind(r, &hop[1], AF_INET6, &addr));
	routing_unref(&r);
}

/* 'y': where we listen; 'a': if that is an address of this machine. */
static void
test_listens(void **state)
{
	static const struct {
		const char *listen, *ip;
		int port;
		char is;
	} row[] = {
		{"192.0.2.1:25", "192.0.2.1", 25, 'y'},
		{"192.0.2.1:25", "::ffff:192.0.2.1", 25, 'y'},
		{"192.0.2.1:25", "192.0.2.2", 25, 'n'},
		{"192.0.2.1:25", "192.0.2.1", 26, 'n'},
		{"0.0.0.0:25", "192.0.2.1", 25, 'a'},
		{"0.0.0.0:25", "::ffff:192.0.2.1", 25, 'a'},
		{"0.0.0.0:25", "2001:db8::1", 25, 'n'},
		{"[::ffff:0.0.0.0]:25", "192.0.2.1", 25, 'a'},
		{"[::]:25", "2001:db8::1", 25, 'a'},
		{"[::]:25", "192.0.2.1", 25, 'n'},
	};
	struct delivery_conf conf = conf_new();
	struct routing *r = routing_make(&conf);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct sockaddr_any listens[2], addr;
		bool any, is;
		size_t n;

		print_message("%s %s\n", row[i].listen, row[i].ip);
		assert_int_equal(
			sockaddr_parse_listen(row[i].listen, listens, &n), 0);
		routing_set_listens(r, listens, n);
		assert_int_equal(
			sockaddr_parse_ip(row[i].ip, row[i].port, &addr), 0);
		is = routing_listens_at(r, &addr, &any);
		assert_int_equal(is ? 'y' : any ? 'a' : 'n', row[i].is);
	}
	routing_unref(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_usual_ports),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_outlives_its_configuration),
		cmocka_unit_test(test_helo_and_bind),
		cmocka_unit_test(test_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
