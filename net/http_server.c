/*
 * The life of a request:
 *
 *	header    gate -> refused: answered at once, the connection ends
 *	  |
 *	body      collected up to the ceiling; what is above it is thrown away
 *	  |
 *	handed    to the handler; the library's connection is suspended until
 *	  |       http_answer()
 *	(gone)    the answer is the library's
 *
 * A connection has at most one request. Its deadline runs while we wait for the
 * peer: from its start, or the end of the request before, until the request is
 * whole, and again while the answer is taken. Its end is a shutdown() of the
 * socket, which the library sees as a peer that left.
 */
#include "net/http_server.h"

#include <errno.h>
#include <event2/event.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/xalloc.h"
#include "net/http_bodies.h"
#include "net/http_framing.h"

struct http_request {
	struct http_conn *conn; /* borrowed; NULL: the server is gone */
	struct http_origin origin;
	char *method, *path; /* owned */
	struct buf body;
	int refused; /* the status that its body got; 0: none */
	bool handed; /* to the handler, whose it is now */
};

struct http_conn {
	struct http_server *server;   /* borrowed */
	struct MHD_Connection *mhd;   /* the library's; NULL until it tells */
	struct http_request *request; /* or NULL; owned until handed */
	int fd;                       /* the library's */
	struct http_origin origin;
	struct acceptor_ticket *ticket;
	struct loop_timer deadline;
	bool suspended;
	bool has_nul;      /* in what the request asks for */
	UT_hash_handle hh; /* by fd */
};

struct http_server {
	struct loop *loop; /* borrowed */
	struct http_limits limits;
	http_gate_fn *gate;
	http_handle_fn *handle;
	http_refused_fn *refused; /* NULL: nobody wants to know */
	void *arg;
	struct MHD_Daemon *daemon; /* owned */
	struct event *ready;       /* owned; of the daemon's epoll descriptor */
	struct loop_timer again;   /* the daemon has work without an event */
	struct http_conn *conns;   /* owned; by fd */
	struct http_bodies *bodies; /* owned */
};

static void
request_drop_body(struct http_request *r)
{
	if (r->conn != NULL)
		http_bodies_give(r->conn->server->bodies, &r->origin,
				 r->body.len);
	buf_done(&r->body);
}

static void
request_free(struct http_request *r)
{
	request_drop_body(r);
	free(r->method);
	free(r->path);
	free(r);
}

/* The library has no further use for this connection. */
static void
conn_free(struct http_conn *c)
{
	HASH_DEL(c->server->conns, c);
	if (c->request != NULL)
		request_free(c->request);
	loop_timer_done(&c->deadline);
	acceptor_release(&c->ticket);
	free(c);
}

static void
conn_deadline(void *arg)
{
	struct http_conn *c = arg;

	shutdown(c->fd, SHUT_RDWR);
}

static struct http_conn *
conn_find(struct http_server *server, int fd)
{
	struct http_conn *c;

	HASH_FIND_INT(server->conns, &fd, c);
	return c;
}

static void
conn_send(struct http_conn *c, int status, const char *type,
	  const struct http_field *fields, const void *body, size_t len)
{
	/* The library copies, as the parameter's type does not say. */
	struct MHD_Response *response = MHD_create_response_from_buffer(
		len, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);

	must(response != NULL);
	if (type != NULL)
		must(MHD_add_response_header(response, "Content-Type", type) ==
		     MHD_YES);
	for (; fields != NULL && fields->name != NULL; fields++)
		must(MHD_add_response_header(response, fields->name,
					     fields->value) == MHD_YES);
	if (status == 401) /* RFC 9110, 15.5.2 */
		must(MHD_add_response_header(response, "WWW-Authenticate",
					     "Basic realm=\"Belfry\", "
					     "charset=\"UTF-8\"") == MHD_YES);
	if (status == 401 || status == 429) /* a guesser holds no place */
		must(MHD_add_response_header(response, "Connection", "close") ==
		     MHD_YES);
	if (MHD_queue_response(c->mhd, (unsigned)status, response) != MHD_YES)
		shutdown(c->fd, SHUT_RDWR);
	MHD_destroy_response(response);
	loop_timer_set(&c->deadline, c->server->limits.deadline_ms);
}

/* Answer without the handler. */
static void
conn_refuse(struct http_conn *c, int status)
{
	const char *more = status == MHD_HTTP_UNSUPPORTED_MEDIA_TYPE
				   ? ": send it without a Content-Encoding"
				   : "";
	char text[128];
	int n = snprintf(text, sizeof(text), "%.60s%s\n",
			 MHD_get_reason_phrase_for((unsigned)status), more);

	conn_send(c, status, "text/plain", NULL, text, (size_t)n);
	request_free(c->request);
	c->request = NULL;
}

/* The same of one that the gate let pass. */
static void
conn_refuse_passed(struct http_conn *c, int status)
{
	struct http_server *server = c->server;

	if (server->refused != NULL)
		server->refused(server->arg, c->request, status);
	conn_refuse(c, status);
}

void
http_answer_fields(struct http_request *r, int status, const char *content_type,
		   const struct http_field *fields, const void *body,
		   size_t len)
{
	struct http_conn *c = r->conn;

	must(r->handed);
	if (c != NULL) {
		conn_send(c, status, content_type, fields, body, len);
		c->request = NULL;
		if (c->suspended)
			MHD_resume_connection(c->mhd);
		c->suspended = false;
		loop_timer_set(&c->server->again, 0);
	}
	request_free(r);
}

void
http_answer(struct http_request *r, int status, const char *content_type,
	    const void *body, size_t len)
{
	http_answer_fields(r, status, content_type, NULL, body, len);
}

static void
request_header(struct http_conn *c, const char *method, const char *path,
	       const char *version)
{
	struct http_server *server = c->server;
	struct http_request *r = xcalloc(1, sizeof(*r));
	unsigned long long length = 0;
	int status;

	must(c->request == NULL);
	r->conn = c;
	r->origin = c->origin;
	r->method = xstrdup(method);
	r->path = xstrdup(path);
	buf_init(&r->body, server->limits.body_bytes);
	c->request = r;
	status = http_framing_check(c->mhd, version, &length);
	if (c->has_nul)
		status = MHD_HTTP_BAD_REQUEST;
	if (status == 0)
		status = server->gate(server->arg, r);
	if (status != 0)
		conn_refuse(c, status);
	else if (length > r->body.max)
		conn_refuse_passed(c, MHD_HTTP_CONTENT_TOO_LARGE);
}

/* A refusal has to wait for the end of the body: the library takes none in
 * between. The deadline bounds what a peer can send until then. */
static void
request_body(struct http_request *r, const char *data, size_t len)
{
	struct http_server *server = r->conn->server;

	if (r->refused != 0)
		return;
	if (len > r->body.max - r->body.len)
		r->refused = MHD_HTTP_CONTENT_TOO_LARGE;
	else if (!http_bodies_take(server->bodies, &r->origin, len))
		r->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
	else
		must(buf_append(&r->body, data, len) == 0);
	if (r->refused != 0)
		request_drop_body(r);
}

static void
request_whole(struct http_conn *c)
{
	struct http_request *r = c->request;

	if (r->refused != 0) {
		conn_refuse_passed(c, r->refused);
		return;
	}
	r->handed = true;
	loop_timer_clear(&c->deadline);
	c->server->handle(c->server->arg, r);
	if (c->request == NULL)
		return; /* answered */
	c->suspended = true;
	MHD_suspend_connection(c->mhd);
}

static struct http_conn *
mhd_conn(struct MHD_Connection *mhd)
{
	return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
		->socket_context;
}

/* A piece of the path or the query. What stands behind a NUL would be cut off,
 * and who may ask for the rest was asked of another path. */
static size_t
mhd_unescape(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	if (strstr(text, "%00") != NULL)
		mhd_conn(mhd)->has_nul = true;
	return MHD_http_unescape(text);
}

/* The library calls with the header, with each piece of the body, and at the
 * end with no piece. */
static enum MHD_Result
mhd_access(void *arg, struct MHD_Connection *mhd, const char *url,
	   const char *method, const char *version, const char *data,
	   size_t *data_len, void **ret_begun)
{
	struct http_conn *c = mhd_conn(mhd);

	(void)arg;
	if (*ret_begun == NULL) {
		*ret_begun = c;
		request_header(c, method, url, version);
	} else if (*data_len > 0) {
		if (c->request != NULL)
			request_body(c->request, data, *data_len);
		*data_len = 0;
	} else if (c->request != NULL && !c->request->handed) {
		request_whole(c);
	}
	return MHD_YES;
}

/* The end of a request, good or bad. */
static void
mhd_completed(void *arg, struct MHD_Connection *mhd, void **begun,
	      enum MHD_RequestTerminationCode why)
{
	struct http_conn *c = mhd_conn(mhd);

	(void)arg;
	(void)begun;
	(void)why;
	if (c->request != NULL) {
		request_free(c->request);
		c->request = NULL;
	}
	c->has_nul = false;
	loop_timer_set(&c->deadline, c->server->limits.deadline_ms);
}

static void
mhd_connection(void *arg, struct MHD_Connection *mhd, void **context,
	       enum MHD_ConnectionNotificationCode what)
{
	int fd;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		fd = MHD_get_connection_info(mhd,
					     MHD_CONNECTION_INFO_CONNECTION_FD)
			     ->connect_fd;
		*context = conn_find(arg, fd);
		must(*context != NULL);
		((struct http_conn *)*context)->mhd = mhd;
	} else {
		conn_free(*context);
		*context = NULL;
	}
}

/* Have the library say whether it waits for anything but its descriptor. */
static void
server_schedule(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(server->daemon, &ms) == MHD_YES)
		loop_timer_set(&server->again, (int64_t)ms);
}

static void
server_run(void *arg)
{
	struct http_server *server = arg;

	MHD_run(server->daemon);
	server_schedule(server);
}

static void
server_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	server_run(arg);
}

int
http_server_new(struct loop *loop, const struct http_limits *limits,
		http_gate_fn *gate, http_handle_fn *handle, void *arg,
		struct http_server **ret_server)
{
	struct http_server *server = xcalloc(1, sizeof(*server));
	int fd;

	server->loop = loop;
	server->limits = *limits;
	server->bodies = http_bodies_new(limits->bodies_bytes > 0
						 ? limits->bodies_bytes
						 : limits->connections *
							   limits->body_bytes);
	server->gate = gate;
	server->handle = handle;
	server->arg = arg;
	loop_timer_init(&server->again, loop, server_run, server);
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET |
			MHD_ALLOW_SUSPEND_RESUME,
		0, NULL, NULL, mhd_access, server, MHD_OPTION_CONNECTION_LIMIT,
		limits->connections, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, mhd_unescape, server,
		MHD_OPTION_NOTIFY_COMPLETED, mhd_completed, server,
		MHD_OPTION_NOTIFY_CONNECTION, mhd_connection, server,
		MHD_OPTION_END);
	if (server->daemon == NULL) {
		http_server_free(&server);
		return -EMFILE; /* its descriptors are all that can fail */
	}
	fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)
		     ->epoll_fd;
	server->ready = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST,
				  server_ready, server);
	must(server->ready != NULL && event_add(server->ready, NULL) == 0);
	*ret_server = server;
	return 0;
}

/* The library can't be stopped while a connection is suspended. The handler's
 * request lives on until it is answered, for nobody. */
static void
server_abandon_suspended(struct http_server *server)
{
	struct http_conn *c, *next;

	HASH_ITER(hh, server->conns, c, next)
	{
		if (!c->suspended)
			continue;
		c->request->conn = NULL;
		c->request = NULL;
		c->suspended = false;
		MHD_resume_connection(c->mhd);
	}
}

void
http_server_free(struct http_server **serverp)
{
	struct http_server *server = serverp != NULL ? *serverp : NULL;
	struct http_conn *c, *next;

	if (server == NULL)
		return;
	*serverp = NULL;
	if (server->ready != NULL)
		event_free(server->ready);
	server_abandon_suspended(server);
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	/* What the library had not begun with it closes without a word. */
	HASH_ITER(hh, server->conns, c, next)
	conn_free(c);
	loop_timer_done(&server->again);
	http_bodies_free(&server->bodies);
	free(server);
}

void
http_server_on_refused(struct http_server *server, http_refused_fn *fn)
{
	server->refused = fn;
}

static uid_t
peer_uid(const struct accepted *a)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (a->peer.ss.ss_family != AF_UNIX ||
	    getsockopt(a->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return (uid_t)-1;
	return cred.uid;
}

void
http_server_take(struct http_server *server, const struct accepted *a,
		 const void *from_listener)
{
	struct acceptor_ticket *ticket = a->ticket;
	struct http_conn *c;

	/* Checked here, since the library would close it without a word. */
	if (HASH_COUNT(server->conns) >= server->limits.connections) {
		close(a->fd);
		acceptor_release(&ticket);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->server = server;
	c->fd = a->fd;
	c->origin = (struct http_origin){a->peer, peer_uid(a), from_listener};
	c->ticket = ticket;
	loop_timer_init(&c->deadline, server->loop, conn_deadline, c);
	HASH_ADD_INT(server->conns, fd, c);
	loop_timer_set(&c->deadline, server->limits.deadline_ms);
	if (MHD_add_connection(server->daemon, a->fd,
			       (const struct sockaddr *)&a->peer.ss,
			       a->peer.len) != MHD_YES) {
		c = conn_find(server, a->fd);
		if (c != NULL)
			conn_free(c);
	}
	server_schedule(server);
}

void
http_request_set_body_max(struct http_request *r, size_t bytes)
{
	must(!r->handed && r->body.len == 0);
	r->body.max = bytes;
}

const char *
http_request_method(const struct http_request *r)
{
	return r->method;
}

const char *
http_request_path(const struct http_request *r)
{
	return r->path;
}

static const char *
request_value(const struct http_request *r, enum MHD_ValueKind kind,
	      const char *name)
{
	const char *value = NULL;

	if (r->conn == NULL || MHD_lookup_connection_value_n(
				       r->conn->mhd, kind, name, strlen(name),
				       &value, NULL) != MHD_YES)
		return NULL;
	return value != NULL ? value : "";
}

const char *
http_request_query(const struct http_request *r, const char *name)
{
	return request_value(r, MHD_GET_ARGUMENT_KIND, name);
}

const char *
http_request_header(const struct http_request *r, const char *name)
{
	return request_value(r, MHD_HEADER_KIND, name);
}

struct value_each {
	http_value_fn *fn;
	void *arg;
};

static enum MHD_Result
value_each(void *arg, enum MHD_ValueKind kind, const char *name,
	   const char *value)
{
	const struct value_each *e = arg;

	(void)kind;
	e->fn(e->arg, name, value != NULL ? value : "");
	return MHD_YES;
}

void
http_request_each(const struct http_request *r, enum http_part part,
		  http_value_fn *fn, void *arg)
{
	struct value_each e = {fn, arg};

	if (r->conn != NULL)
		MHD_get_connection_values(r->conn->mhd,
					  part == HTTP_QUERY
						  ? MHD_GET_ARGUMENT_KIND
						  : MHD_HEADER_KIND,
					  value_each, &e);
}

const void *
http_request_body(const struct http_request *r, size_t *ret_len)
{
	*ret_len = r->body.len;
	return buf_str(&r->body);
}

const struct sockaddr_any *
http_request_peer(const struct http_request *r)
{
	return &r->origin.peer;
}

uid_t
http_request_uid(const struct http_request *r)
{
	return r->origin.uid;
}

const void *
http_request_listener(const struct http_request *r)
{
	return r->origin.listener;
}
