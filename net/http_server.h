/*
 * http_server - requests in, answers out, through libmicrohttpd on one loop.
 *
 * The library has no thread and no listening socket of its own: its epoll
 * descriptor is an event of the loop, sockets come from the acceptor. A handler
 * may answer at once or later (the request is suspended until then). Refused
 * before a handler sees it: two Content-Lengths, Content-Length together with
 * Transfer-Encoding, fields that another reader may take for these, a path or a
 * query with %00, a body over the ceiling, one that would have all bodies together over theirs, a request
 * over its total deadline.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/acceptor.h"
#include "net/loop.h"

struct http_server;
struct http_request;

/* Called on the loop when the header is there: return 0 to go on, or a status
 * (401, 404, ...) that ends it before a byte of the body is read. */
typedef int http_gate_fn(void *arg, struct http_request *r);
/* Called when the request is whole. Must lead to one http_answer(). */
typedef void http_handle_fn(void *arg, struct http_request *r);

struct http_limits {
	size_t body_bytes;    /* 413 above it */
	int64_t deadline_ms;  /* header, body and all; again for the answer */
	unsigned connections; /* what comes above it is closed */
	size_t bodies_bytes;  /* of all requests at once; 503 above it. 0: as
			       * many as CONNECTIONS have with BODY_BYTES */
};

/* The gate let R pass, and the server ends it: STATUS is 413 (the body is over its
 * ceiling) or 503 (all bodies together are). */
typedef void http_refused_fn(void *arg, struct http_request *r, int status);

int http_server_new(struct loop *loop, const struct http_limits *limits,
		    http_gate_fn *gate, http_handle_fn *handle, void *arg,
		    struct http_server **ret_server);
/* FN is called on the loop, with the server's ARG. */
void http_server_on_refused(struct http_server *server, http_refused_fn *fn);
/* Not from within GATE or HANDLE. Connections end; requests that are with their
 * handler still want their http_answer(), which then goes nowhere. */
void http_server_free(struct http_server **server);
/* Take over a connection; FROM_LISTENER (borrowed) comes back by
 * http_request_listener(). On the server's loop. */
void http_server_take(struct http_server *server, const struct accepted *a,
		      const void *from_listener);

/* From within GATE: the body may have up to BYTES, instead of the limit that is
 * for all. */
void http_request_set_body_max(struct http_request *r, size_t bytes);

const char *http_request_method(const struct http_request *r);
const char *http_request_path(const struct http_request *r); /* no query */
const char *http_request_query(const struct http_request *r,
			       const char *name); /* NULL: not given */
/* The first field of this name; for those that come once. NULL: none. */
const char *http_request_header(const struct http_request *r, const char *name);
enum http_part { HTTP_QUERY, HTTP_HEADER };
/* FN for each in its order, as often as it is there; VALUE "" where it has
 * none. */
typedef void http_value_fn(void *arg, const char *name, const char *value);
void http_request_each(const struct http_request *r, enum http_part part,
		       http_value_fn *fn, void *arg);
const void *http_request_body(const struct http_request *r, size_t *ret_len);
const struct sockaddr_any *http_request_peer(const struct http_request *r);
/* Of a unix socket's peer; -1 otherwise. */
uid_t http_request_uid(const struct http_request *r);
const void *http_request_listener(const struct http_request *r);

/* Answer, now or later, on the server's loop; the request is gone afterwards.
 * The strings of a request live until then. CONTENT_TYPE may be NULL.
 * BODY is copied. 401 challenges to Basic, and like 429 ends the connection. A
 * client that went away meanwhile is fine. */
void http_answer(struct http_request *r, int status, const char *content_type,
		 const void *body, size_t len);
/* The same with further FIELDS, up to one whose NAME is NULL. */
struct http_field {
	const char *name, *value;
};
void http_answer_fields(struct http_request *r, int status,
			const char *content_type,
			const struct http_field *fields, const void *body,
			size_t len);

#endif
