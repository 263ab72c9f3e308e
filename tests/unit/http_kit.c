#include "tests/unit/http_kit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/test.h"

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
	if (strcmp(http_request_path(r), "/more") == 0)
		http_request_set_body_max(r, 3 * HTTP_KIT_BODY_MAX);
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
answer_echo(struct http_kit *f, struct http_request *r)
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
	struct http_kit *f = arg;
	struct http_request *r = f->kept;

	f->kept = NULL;
	answer_echo(f, r);
}

static void
handle(void *arg, struct http_request *r)
{
	struct http_kit *f = arg;
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
	} else if (strcmp(path, "/fields") == 0) {
		static const struct http_field fields[] = {
			{"Retry-After", "7"},
			{"X-Other", "a, b"},
			{NULL, NULL},
		};

		http_answer_fields(r, 503, "text/plain", fields, "no\n", 3);
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
	struct http_kit *f = arg;

	(void)loop;
	http_server_take(f->server, a, tcp_name);
}

static void
take_local(void *arg, struct loop *loop, const struct accepted *a)
{
	struct http_kit *f = arg;

	(void)loop;
	http_server_take(f->server, a, local_name);
}

static void
listen_on(struct http_kit *f, const char *address, struct sockaddr_any *ret,
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

struct http_kit *
http_kit_new(struct http_limits limits)
{
	struct http_kit *f = calloc(1, sizeof(*f));

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

void
http_kit_free(struct http_kit *f)
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

int
http_kit_client_at(const struct sockaddr_any *to, const char *ip)
{
	struct timeval tv = {.tv_sec = 20};
	int fd = socket(to->ss.ss_family, SOCK_STREAM, 0);
	struct sockaddr_any at;

	if (ip != NULL) {
		assert_int_equal(sockaddr_parse_ip(ip, 0, &at), 0);
		assert_int_equal(
			bind(fd, (const struct sockaddr *)&at.ss, at.len), 0);
	}
	assert_int_equal(connect(fd, (const struct sockaddr *)&to->ss, to->len),
			 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

int
http_kit_client(const struct sockaddr_any *to)
{
	return http_kit_client_at(to, NULL);
}

void
http_kit_say(int fd, const char *text)
{
	send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Read to the end of the connection, or until STOP is there. */
void
http_kit_hear(int fd, char *text, size_t size, const char *stop)
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

int
http_kit_status(const char *text)
{
	return strncmp(text, "HTTP/1.1 ", 9) == 0 ? atoi(text + 9) : -1;
}

void
http_kit_rows(const struct http_kit_row *rows, size_t n)
{
	struct http_kit *f = http_kit_new(
		(struct http_limits){HTTP_KIT_BODY_MAX, 20000, 10, 0});
	char text[4096];

	for (size_t i = 0; i < n; i++) {
		int fd = http_kit_client(&f->tcp);

		print_message("%s\n", rows[i].name);
		http_kit_say(fd, rows[i].request);
		http_kit_hear(fd, text, sizeof(text), NULL);
		assert_int_equal(http_kit_status(text), rows[i].status);
		if (rows[i].holds != NULL)
			assert_non_null(strstr(text, rows[i].holds));
		close(fd);
	}
	http_kit_free(f);
}
