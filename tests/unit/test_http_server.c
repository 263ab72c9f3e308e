#include "net/http_server.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/http_kit.h"
#include "tests/unit/test.h"

static const struct http_kit_row rows[] = {
	{"GET", "GET /x" H "\r\n", 200,
	 "GET /x a=- b=- x=- uid=-1 from=tcp body=0:"},
	{"query", "GET /x?a=1%202&b" H "\r\n", 200, "a=1 2 b= x=-"},
	{"each of the query", "GET /x?b=1&a&b=%32" H "\r\n", 200,
	 "query=(b=1)(a=)(b=2) headers=("},
	{"fields of one name",
	 "GET /x" H "X-List: a, b\r\nx-list:\r\nX-LIST: c\r\n\r\n", 200,
	 "(X-List=a, b)(x-list=)(X-LIST=c)"},
	{"header", "GET /x" H "X-Test: yes\r\n\r\n", 200, "x=yes"},
	{"POST", "POST /x" H "Content-Length: 3\r\n\r\nabc", 200, "body=3:abc"},
	{"chunked",
	 "POST /x" H "Transfer-Encoding: chunked\r\n\r\n"
	 "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
	 200, "body=3:abc"},
	{"answered later", "POST /late" H "Content-Length: 1\r\n\r\nx", 200,
	 "POST /late"},
	{"answered by a post", "GET /soon" H "\r\n", 200, "GET /soon"},
	{"HEAD", "HEAD /x" H "\r\n", 200, "Content-Length: "},
	{"the gate refuses", "GET /x" H "X-Refuse: 1\r\n\r\n", 401,
	 "Unauthorized\n"},
	{"refused before the body",
	 "POST /missing" H "Content-Length: 500\r\n\r\n", 404, "Not Found\n"},
	{"length over the gate's ceiling",
	 "POST /more" H "Content-Length: 3001\r\n\r\n", 413, NULL},
	{"fields of the answer", "GET /fields" H "\r\n", 503,
	 "\r\nRetry-After: 7\r\nX-Other: a, b\r\n"},
	{"a NUL in the path", "GET /x%00/y" H "\r\n", 400, NULL},
	{"a NUL at its end", "GET /x%00" H "\r\n", 400, NULL},
	{"a NUL in the query", "GET /x?a=1%002" H "\r\n", 400, NULL},
	{"a percent sign before two zeros", "GET /%2500" H "\r\n", 200,
	 "GET /%00 "},
	{"no host", "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", 400, NULL},
};

static void
test_requests(void **state)
{
	(void)state;
	http_kit_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_chunked_over_the_ceiling(void **state)
{
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 20000, 10, 0});
	char text[4096], chunk[512];
	int fd = http_kit_client(&f->tcp);

	(void)state;
	snprintf(chunk, sizeof(chunk), "1ad\r\n%0429d\r\n", 0);
	http_kit_say(fd, "POST /x" H "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 3; i++)
		http_kit_say(fd, chunk);
	http_kit_say(fd, "0\r\n\r\n");
	http_kit_hear(fd, text, sizeof(text), NULL);
	assert_int_equal(http_kit_status(text), 413);
	close(fd);
	http_kit_free(f);
}

/* A path of its own ceiling, and one for all bodies together, of which an
 * address has a half. */
static void
test_bodies_together(void **state)
{
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 20000, 10, 5002});
	static const char *const from[] = {NULL, "127.1.0.1", "127.2.0.1"};
	static const int status[] = {503, 200, 200};
	char text[8192], body[2501];
	int first = http_kit_client(&f->tcp), fd;

	(void)state;
	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	http_kit_say(first, "POST /more" H "Content-Length: 2501\r\n\r\n");
	http_kit_say(first, body);
	for (int i = 0; i < 2; i++) { /* until it is surely read */
		fd = http_kit_client(&f->tcp);
		http_kit_say(fd, "GET /x" H "\r\n");
		http_kit_hear(fd, text, sizeof(text), NULL);
		close(fd);
	}
	/* The second has no room as long as the first is there, but others. */
	for (int i = 0; i < 3; i++) {
		fd = http_kit_client_at(&f->tcp, from[i]);
		http_kit_say(fd, "POST /more" H "Content-Length: 1000\r\n\r\n");
		http_kit_say(fd, body + 1500);
		http_kit_hear(fd, text, sizeof(text), NULL);
		assert_int_equal(http_kit_status(text), status[i]);
		close(fd);
	}
	http_kit_say(first, "y");
	http_kit_hear(first, text, sizeof(text), NULL);
	assert_int_equal(http_kit_status(text), 200);
	assert_non_null(strstr(text, "body=2501:xxx"));
	close(first);
	fd = http_kit_client(&f->tcp);
	http_kit_say(fd, "POST /more" H "Content-Length: 2500\r\n\r\n");
	http_kit_say(fd, body);
	http_kit_hear(fd, text, sizeof(text), NULL);
	assert_int_equal(http_kit_status(text), 200);
	close(fd);
	http_kit_free(f);
}

static void
test_kept_connection_and_pipelining(void **state)
{
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 20000, 10, 0});
	char text[4096];
	int fd = http_kit_client(&f->tcp);

	(void)state;
	for (int i = 0; i < 3; i++) {
		http_kit_say(fd, "POST /late HTTP/1.1\r\nHost: h\r\n"
				 "Content-Length: 2\r\n\r\nhi");
		http_kit_hear(fd, text, sizeof(text), "body=2:hi");
		assert_int_equal(http_kit_status(text), 200);
	}
	http_kit_say(fd, "GET /soon HTTP/1.1\r\nHost: h\r\n\r\n"
			 "GET /late?a=two" H "\r\n");
	http_kit_hear(fd, text, sizeof(text), NULL);
	assert_non_null(strstr(text, "GET /soon"));
	assert_non_null(strstr(text, "a=two"));
	close(fd);
	http_kit_free(f);
}

static void
test_unix_peer_has_a_uid(void **state)
{
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 20000, 10, 0});
	char text[4096], expected[64];
	int fd = http_kit_client(&f->local);

	(void)state;
	http_kit_say(fd, "GET /x" H "\r\n");
	http_kit_hear(fd, text, sizeof(text), NULL);
	snprintf(expected, sizeof(expected), "uid=%ld from=local",
		 (long)geteuid());
	assert_non_null(strstr(text, expected));
	close(fd);
	http_kit_free(f);
}

/* A byte now and then does not keep a request alive, nor an answer that is not
 * read. */
static void
test_deadline_is_total(void **state)
{
	static const char *const begun[] = {
		"",
		"GET /x HTTP/1.1\r\nHo",
		"GET /x HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST /x" H "Content-Length: 900\r\n\r\nabc",
		"GET /large" H "\r\n",
	};
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 200, 10, 0});
	int64_t start;

	(void)state;
	for (size_t i = 0; i < sizeof(begun) / sizeof(begun[0]); i++) {
		struct pollfd p = {.events = POLLRDHUP};

		p.fd = http_kit_client(&f->tcp);
		start = clock_mono_ms(clock_system());
		http_kit_say(p.fd, begun[i]);
		while (poll(&p, 1, 20) == 0 &&
		       clock_mono_ms(clock_system()) - start < 20000)
			http_kit_say(p.fd, "x");
		assert_true(clock_mono_ms(clock_system()) - start >= 150);
		assert_true(clock_mono_ms(clock_system()) - start < 20000);
		close(p.fd);
	}
	http_kit_free(f);
}

/* The handler's time is not the client's. */
static void
test_handler_is_not_hurried(void **state)
{
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 300, 10, 0});
	char text[4096];
	int fd = http_kit_client(&f->tcp);

	(void)state;
	http_kit_say(fd, "GET /slow" H "\r\n");
	http_kit_hear(fd, text, sizeof(text), NULL);
	assert_int_equal(http_kit_status(text), 200);
	close(fd);
	http_kit_free(f);
}

static void
test_client_that_left(void **state)
{
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 20000, 10, 0});
	struct linger reset = {.l_onoff = 1};
	char text[4096];
	int fd = http_kit_client(&f->tcp);

	(void)state;
	http_kit_say(fd, "GET /late" H "\r\n");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	fd = http_kit_client(&f->tcp);
	http_kit_say(fd, "POST /x" H "Content-Length: 900\r\n\r\nabc");
	close(fd);
	/* The next one is served, after the late answer of the first. */
	fd = http_kit_client(&f->tcp);
	http_kit_say(fd, "GET /x" H "\r\n");
	http_kit_hear(fd, text, sizeof(text), NULL);
	assert_int_equal(http_kit_status(text), 200);
	close(fd);
	http_kit_free(f);
}

static int64_t
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whatever a connection waits for, it does not spin. */
static void
test_waiting_costs_nothing(void **state)
{
	static const char *const begun[] = {
		"",
		"GET /x HTTP/1.1\r\nHo",
		"POST /x" H "Content-Length: 900\r\n\r\nabc",
		"GET /never HTTP/1.1\r\nHost: h\r\n\r\nGET /x" H "\r\n",
		"GET /large" H "\r\n",
	};
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 20000, 10, 0});
	int fd[5];
	int64_t start;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		fd[i] = http_kit_client(&f->tcp);
		http_kit_say(fd[i], begun[i]);
	}
	poll(NULL, 0, 100); /* let it get there */
	start = cpu_ms();
	poll(NULL, 0, 400);
	assert_true(cpu_ms() - start < 200);
	http_kit_free(f);
	for (size_t i = 0; i < 5; i++)
		close(fd[i]);
}

static void
test_free_while_a_handler_works(void **state)
{
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 20000, 10, 0});
	char text[4096];
	int fd = http_kit_client(&f->tcp), other = http_kit_client(&f->tcp);

	(void)state;
	http_kit_say(other, "GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
	http_kit_say(fd, "GET /x" H "\r\n");
	http_kit_hear(fd, text, sizeof(text), NULL);
	while (f->handled < 2) {
		close(fd);
		fd = http_kit_client(&f->tcp);
		http_kit_say(fd, "GET /x" H "\r\n");
		http_kit_hear(fd, text, sizeof(text), NULL);
	}
	http_kit_free(f);
	close(fd);
	close(other);
}

static void
test_connections_over_the_limit_are_closed(void **state)
{
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 20000, 2, 0});
	char text[4096];
	int fd[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		fd[i] = http_kit_client(&f->tcp);
	http_kit_hear(fd[2], text, sizeof(text), NULL);
	assert_string_equal(text, "");
	for (int i = 0; i < 2; i++) {
		http_kit_say(fd[i], "GET /x" H "\r\n");
		http_kit_hear(fd[i], text, sizeof(text), NULL);
		assert_int_equal(http_kit_status(text), 200);
	}
	/* Their places are free again. */
	close(fd[0]);
	fd[0] = http_kit_client(&f->tcp);
	http_kit_say(fd[0], "GET /x" H "\r\n");
	http_kit_hear(fd[0], text, sizeof(text), NULL);
	assert_int_equal(http_kit_status(text), 200);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	http_kit_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_chunked_over_the_ceiling),
		cmocka_unit_test(test_bodies_together),
		cmocka_unit_test(test_kept_connection_and_pipelining),
		cmocka_unit_test(test_unix_peer_has_a_uid),
		cmocka_unit_test(test_deadline_is_total),
		cmocka_unit_test(test_handler_is_not_hurried),
		cmocka_unit_test(test_client_that_left),
		cmocka_unit_test(test_waiting_costs_nothing),
		cmocka_unit_test(test_free_while_a_handler_works),
		cmocka_unit_test(test_connections_over_the_limit_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
