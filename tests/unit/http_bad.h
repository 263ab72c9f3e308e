/*
 * http_bad - a HTTP server on loopback that answers as it is told, also badly.
 *
 * A thread a connection. The Nth request of all gets the Nth step, those that
 * come later the last.
 */
#ifndef TESTS_UNIT_HTTP_BAD_H
#define TESTS_UNIT_HTTP_BAD_H

#include <stddef.h>

enum http_bad_then {
	HTTP_BAD_KEEP,    /* the connection stays for the next request */
	HTTP_BAD_CLOSE,   /* it ends */
	HTTP_BAD_SILENT,  /* nothing more is said on it */
	HTTP_BAD_ENDLESS, /* ANSWER is said again and again */
};

struct http_bad_step {
	const char *answer; /* NULL: nothing */
	enum http_bad_then then;
	const char *more; /* with ENDLESS: this instead; NULL: ANSWER */
};

#define HTTP_BAD_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct http_bad;

/* STEPS is borrowed. */
struct http_bad *http_bad_start(const struct http_bad_step *steps, size_t n);
struct http_bad *http_bad_start_tls(const struct http_bad_step *steps, size_t n,
				    const char *certificate, const char *key);
/* A socket of the caller's at a port where nobody listens, and nobody else can
 * meanwhile. */
int http_bad_nobody(int *ret_port);
/* NULL is fine. */
void http_bad_stop(struct http_bad **s);
int http_bad_port(const struct http_bad *s);
unsigned http_bad_connections(struct http_bad *s);
/* Whole requests, so far. */
unsigned http_bad_requests(struct http_bad *s);
/* The request AT (from 0), head and body; the caller's. NULL: there was none,
 * or it is one of too many. */
char *http_bad_request(struct http_bad *s, unsigned at);

#endif
