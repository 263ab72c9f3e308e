/*
 * http_kit - an HTTP server in a thread of its own, and a client that sends
 * bytes as it is told. It echoes what it got; /late, /slow and /soon answer
 * later, /never does not, and what is too long for others is taken by /more.
 */
#ifndef TESTS_UNIT_HTTP_KIT_H
#define TESTS_UNIT_HTTP_KIT_H

#include "net/http_server.h"

#define HTTP_KIT_BODY_MAX 1000

#define H " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"

/* The server runs in the loop's thread, the client is the test's. */
struct http_kit {
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

struct http_kit *http_kit_new(struct http_limits limits);
void http_kit_free(struct http_kit *f);

int http_kit_client(const struct sockaddr_any *to);
/* One that has the address IP. */
int http_kit_client_at(const struct sockaddr_any *to, const char *ip);
void http_kit_say(int fd, const char *text);
/* Read to the end of the connection, or until STOP is there. */
void http_kit_hear(int fd, char *text, size_t size, const char *stop);
int http_kit_status(const char *text);

/* A request, and what answers it. */
struct http_kit_row {
	const char *name, *request;
	int status;
	const char *holds; /* NULL: whatever */
};
void http_kit_rows(const struct http_kit_row *rows, size_t n);

#endif
