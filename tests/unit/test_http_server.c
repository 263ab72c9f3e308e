#include "net/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/test.h"

#define BODY_MAX 1000

/* The server runs in the loop's thread, the client is the test's. */
struct fixture {
	struct log *log;
	struct log_context ctx;
	struct loop *loop;
	struct acceptor *acceptor;
	struct http_server *server;
	struct http_limits limits;
	struct sockaddr_any tcp, local;
	char path[64];
	/* The loop's. */
	struct http_request *kept;
	struct post post;
	struct loop_timer timer;
	_Atomic int handled; /* read by the test */
};

static void
log_nothing(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static int
gate(void *arg, struct http_request *r)
{
	(void)arg;
	if (http_request_header(r, "X-Refuse") != NULL)
		return 401;
	return strcmp(http_request_path(r), "/missing") == 0 ? 404 : 0;
}

static const char *
or_dash(const char *s)
{
	return s != NULL ? s : "-";
}

static void
add_value(void *arg, const char *name, const char *value)
{
	size_t len = strlen(arg);

	snprintf((char *)arg + len, 256 - len, "(%s=%s)", name, value);
}

static void
answer_echo(struct fixture *f, struct http_request *r)
{
	size_t len;
	const char *body = http_request_body(r, &len);
	char query[256] = "", headers[256] = "", *text;

	http_request_each(r, HTTP_QUERY, add_value, query);
	http_request_each(r, HTTP_HEADER, add_value, headers);
	text = xasprintf("%s %s a=%s b=%s x=%s uid=%ld from=%s body=%zu:%s\n"
			 "query=%s headers=%s",
			 http_request_method(r), http_request_path(r),
			 or_dash(http_request_query(r, "a")),
			 or_dash(http_request_query(r, "b")),
			 or_dash(http_request_header(r, "x-test")),
			 (long)(int)http_request_uid(r),
			 (const char *)http_request_listener(r), len, body,
			 query, headers);
	(void)f;
	http_answer(r, 200, "text/plain", text, strlen(text));
	free(text);
}

static void
late_fn(void *arg)
{
	struct fixture *f = arg;
	struct http_request *r = f->kept;

	f->kept = NULL;
	answer_echo(f, r);
}

static void
handle(void *arg, struct http_request *r)
{
	struct fixture *f = arg;
	const char *path = http_request_path(r);

	f->handled++;
	if (strcmp(path, "/late") == 0) {
		f->kept = r;
		loop_timer_set(&f->timer, 10);
	} else if (strcmp(path, "/slow") == 0) {
		f->kept = r;
		loop_timer_set(&f->timer, 600);
	} else if (strcmp(path, "/soon") == 0) {
		f->kept = r;
		loop_post(f->loop, &f->post, late_fn, f);
	} else if (strcmp(path, "/never") == 0) {
		f->kept = r;
	} else if (strcmp(path, "/large") == 0) {
		char *big = xcalloc(1, 8000000);

		http_answer(r, 200, NULL, big, 8000000);
		free(big);
	} else {
		answer_echo(f, r);
	}
}

static char tcp_name[] = "tcp", local_name[] = "local";

static void
take_tcp(void *arg, struct loop *loop, const struct accepted *a)
{
	struct fixture *f = arg;

	(void)loop;
	http_server_take(f->server, a, tcp_name);
}

static void
take_local(void *arg, struct loop *loop, const struct accepted *a)
{
	struct fixture *f = arg;

	(void)loop;
	http_server_take(f->server, a, local_name);
}

static void
listen_on(struct fixture *f, const char *address, struct sockaddr_any *ret,
	  accepted_fn *fn)
{
	const struct acceptor_calls calls = {.accepted = fn};
	int fds[2];
	size_t n;

	assert_int_equal(acceptor_bind(address, 0600, -1, fds, &n), 0);
	ret->len = sizeof(ret->ss);
	getsockname(fds[0], (struct sockaddr *)&ret->ss, &ret->len);
	acceptor_add(f->acceptor, fds[0], &calls, f);
}

static struct fixture *
fixture_new(struct http_limits limits)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->path, sizeof(f->path), "unix:/tmp/http.%d", (int)getpid());
	f->log = log_new_capture(log_nothing, f);
	f->ctx.log = f->log;
	f->loop = loop_new(clock_system());
	loop_timer_init(&f->timer, f->loop, late_fn, f);
	assert_int_equal(
		http_server_new(f->loop, &limits, gate, handle, f, &f->server),
		0);
	f->acceptor = acceptor_new(f->loop, &f->loop, 1, &f->ctx);
	listen_on(f, "127.0.0.1:0", &f->tcp, take_tcp);
	listen_on(f, f->path, &f->local, take_local);
	assert_int_equal(loop_start(f->loop, "http-test"), 0);
	return f;
}

static void
fixture_free(struct fixture *f)
{
	loop_stop(f->loop);
	loop_join(f->loop);
	acceptor_free(&f->acceptor);
	http_server_free(&f->server);
	/* What was never answered still may be. */
	if (f->kept != NULL) {
		assert_null(http_request_header(f->kept, "Host"));
		http_answer(f->kept, 200, NULL, "", 0);
	}
	loop_timer_done(&f->timer);
	loop_free(&f->loop);
	log_close(&f->log);
	unlink(f->path + 5);
	free(f);
}

static int
client(const struct sockaddr_any *to)
{
	struct timeval tv = {.tv_sec = 20};
	int fd = socket(to->ss.ss_family, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&to->ss, to->len),
			 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

static void
say(int fd, const char *text)
{
	send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Read to the end of the connection, or until STOP is there. */
static void
hear(int fd, char *text, size_t size, const char *stop)
{
	size_t len = 0;
	ssize_t n;

	text[0] = '\0';
	while (len < size - 1 && (stop == NULL || strstr(text, stop) == NULL)) {
		n = recv(fd, text + len, size - 1 - len, 0);
		if (n <= 0) {
			assert_int_not_equal(n < 0 ? errno : 0, EAGAIN);
			break;
		}
		len += (size_t)n;
		text[len] = '\0';
	}
}

static int
status_of(const char *text)
{
	return strncmp(text, "HTTP/1.1 ", 9) == 0 ? atoi(text + 9) : -1;
}

#define H " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"

static const struct row {
	const char *name, *request;
	int status;
	const char *holds;
} rows[] = {
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
	{"two lengths",
	 "POST /x" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400,
	 NULL},
	{"two different lengths",
	 "POST /x" H "Content-Length: 3\r\ncontent-length: 30\r\n\r\nabc", 400,
	 NULL},
	{"length and encoding",
	 "POST /x" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "0\r\n\r\n",
	 400, NULL},
	{"two encodings",
	 "POST /x" H "Transfer-Encoding: chunked\r\n"
	 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	 400, NULL},
	{"unknown encoding",
	 "POST /x" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501,
	 NULL},
	{"length over the ceiling", "POST /x" H "Content-Length: 1001\r\n\r\n",
	 413, NULL},
	{"length that does not fit",
	 "POST /x" H "Content-Length: 99999999999999999999999\r\n\r\n", 413,
	 NULL},
	{"length that is no number",
	 "POST /x" H "Content-Length: -3\r\n\r\nabc", 400, NULL},
	{"length with a sign", "POST /x" H "Content-Length: +3\r\n\r\nabc", 400,
	 NULL},
	{"length twice in one field",
	 "POST /x" H "Content-Length: 3, 3\r\n\r\nabc", 400, NULL},
	{"a space before the colon",
	 "POST /x" H "Content-Length : 3\r\n\r\nabc", 400, NULL},
	{"a folded encoding",
	 "POST /x" H "Transfer-Encoding:\r\n chunked\r\n\r\n"
	 "1\r\na\r\n0\r\n\r\n",
	 400, NULL},
	{"an encoding with a rest",
	 "POST /x" H "Transfer-Encoding: chunked\v\r\n\r\n0\r\n\r\n", 400,
	 NULL},
	{"an encoding for HTTP/1.0",
	 "POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "1\r\na\r\n0\r\n\r\n",
	 400, NULL},
	{"a chunk of a hexadecimal prefix",
	 "POST /x" H "Transfer-Encoding: chunked\r\n\r\n"
	 "0x1\r\na\r\n0\r\n\r\n",
	 400, NULL},
	{"a chunk with a sign",
	 "POST /x" H "Transfer-Encoding: chunked\r\n\r\n"
	 "+1\r\na\r\n0\r\n\r\n",
	 400, NULL},
	{"a chunk without its end",
	 "POST /x" H "Transfer-Encoding: chunked\r\n\r\n"
	 "1\r\nab0\r\n\r\n",
	 400, NULL},
	{"a length in the trailer",
	 "POST /x" H "Transfer-Encoding: chunked\r\n\r\n"
	 "1\r\na\r\n0\r\nContent-Length: 50\r\n\r\n",
	 200, "body=1:a"},
	{"a field that is only like one of them",
	 "POST /x" H "X-Content-Length: 5\r\n\r\n", 200, "body=0:"},
	{"a bare CR ends no line",
	 "POST /x" H "X: y\rContent-Length: 3\r\n\r\nabc", 400, NULL},
	{"no host", "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n", 400, NULL},
};

static void
test_requests(void **state)
{
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 20000, 10});
	char text[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = client(&f->tcp);

		print_message("%s\n", rows[i].name);
		say(fd, rows[i].request);
		hear(fd, text, sizeof(text), NULL);
		if (rows[i].holds != NULL)
			assert_non_null(strstr(text, rows[i].holds));
		close(fd);
	}
	fixture_free(f);
}

static void
test_chunked_over_the_ceiling(void **state)
{
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 20000, 10});
	char text[4096], chunk[512];
	int fd = client(&f->tcp);

	(void)state;
	snprintf(chunk, sizeof(chunk), "1ad\r\n%0429d\r\n", 0);
	say(fd, "POST /x" H "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 3; i++)
		say(fd, chunk);
	say(fd, "0\r\n\r\n");
	hear(fd, text, sizeof(text), NULL);
	assert_int_equal(status_of(text), 413);
	close(fd);
	fixture_free(f);
}

static void
test_kept_connection_and_pipelining(void **state)
{
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 20000, 10});
	char text[4096];
	int fd = client(&f->tcp);

	(void)state;
	for (int i = 0; i < 3; i++) {
		say(fd, "POST /late HTTP/1.1\r\nHost: h\r\n"
			"Content-Length: 2\r\n\r\nhi");
		hear(fd, text, sizeof(text), "body=2:hi");
		assert_int_equal(status_of(text), 200);
	}
	say(fd, "GET /soon HTTP/1.1\r\nHost: h\r\n\r\n"
		"GET /late?a=two" H "\r\n");
	hear(fd, text, sizeof(text), NULL);
	assert_non_null(strstr(text, "GET /soon"));
	assert_non_null(strstr(text, "a=two"));
	close(fd);
	fixture_free(f);
}

static void
test_unix_peer_has_a_uid(void **state)
{
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 20000, 10});
	char text[4096], expected[64];
	int fd = client(&f->local);

	(void)state;
	say(fd, "GET /x" H "\r\n");
	hear(fd, text, sizeof(text), NULL);
	snprintf(expected, sizeof(expected), "uid=%ld from=local",
		 (long)geteuid());
	assert_non_null(strstr(text, expected));
	close(fd);
	fixture_free(f);
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
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 200, 10});
	int64_t start;

	(void)state;
	for (size_t i = 0; i < sizeof(begun) / sizeof(begun[0]); i++) {
		struct pollfd p = {.events = POLLRDHUP};

		p.fd = client(&f->tcp);
		start = clock_mono_ms(clock_system());
		say(p.fd, begun[i]);
		while (poll(&p, 1, 20) == 0 &&
		       clock_mono_ms(clock_system()) - start < 20000)
			say(p.fd, "x");
		assert_true(clock_mono_ms(clock_system()) - start >= 150);
		assert_true(clock_mono_ms(clock_system()) - start < 20000);
		close(p.fd);
	}
	fixture_free(f);
}

/* The handler's time is not the client's. */
static void
test_handler_is_not_hurried(void **state)
{
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 300, 10});
	char text[4096];
	int fd = client(&f->tcp);

	(void)state;
	say(fd, "GET /slow" H "\r\n");
	hear(fd, text, sizeof(text), NULL);
	assert_int_equal(status_of(text), 200);
	close(fd);
	fixture_free(f);
}

static void
test_client_that_left(void **state)
{
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 20000, 10});
	struct linger reset = {.l_onoff = 1};
	char text[4096];
	int fd = client(&f->tcp);

	(void)state;
	say(fd, "GET /late" H "\r\n");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	fd = client(&f->tcp);
	say(fd, "POST /x" H "Content-Length: 900\r\n\r\nabc");
	close(fd);
	/* The next one is served, after the late answer of the first. */
	fd = client(&f->tcp);
	say(fd, "GET /x" H "\r\n");
	hear(fd, text, sizeof(text), NULL);
	assert_int_equal(status_of(text), 200);
	close(fd);
	fixture_free(f);
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
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 20000, 10});
	int fd[5];
	int64_t start;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		fd[i] = client(&f->tcp);
		say(fd[i], begun[i]);
	}
	poll(NULL, 0, 100); /* let it get there */
	start = cpu_ms();
	poll(NULL, 0, 400);
	assert_true(cpu_ms() - start < 200);
	fixture_free(f);
	for (size_t i = 0; i < 5; i++)
		close(fd[i]);
}

static void
test_free_while_a_handler_works(void **state)
{
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 20000, 10});
	char text[4096];
	int fd = client(&f->tcp), other = client(&f->tcp);

	(void)state;
	say(other, "GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
	say(fd, "GET /x" H "\r\n");
	hear(fd, text, sizeof(text), NULL);
	while (f->handled < 2) {
		close(fd);
		fd = client(&f->tcp);
		say(fd, "GET /x" H "\r\n");
		hear(fd, text, sizeof(text), NULL);
	}
	fixture_free(f);
	close(fd);
	close(other);
}

static void
test_connections_over_the_limit_are_closed(void **state)
{
	struct fixture *f =
		fixture_new((struct http_limits){BODY_MAX, 20000, 2});
	char text[4096];
	int fd[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		fd[i] = client(&f->tcp);
	hear(fd[2], text, sizeof(text), NULL);
	assert_string_equal(text, "");
	for (int i = 0; i < 2; i++) {
		say(fd[i], "GET /x" H "\r\n");
		hear(fd[i], text, sizeof(text), NULL);
		assert_int_equal(status_of(text), 200);
	}
	/* Their places are free again. */
	close(fd[0]);
	fd[0] = client(&f->tcp);
	say(fd[0], "GET /x" H "\r\n");
	hear(fd[0], text, sizeof(text), NULL);
	assert_int_equal(status_of(text), 200);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	fixture_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_chunked_over_the_ceiling),
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
