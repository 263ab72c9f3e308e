/*
 * HTTP for monitors: health and metrics, on the loop.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "milter/milter.h"

#define HTTP_DEADLINE_MS 30000
#define HTTP_PER_ADDRESS 20
#define HTTP_MODE        0666
#define METRICS_MAX      (1024 * 1024)

#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

static void
mh_healthy(struct milter *m, struct http_request *req)
{
	(void)m;
	http_answer(req, 200, TYPE_TEXT, "ok\n", 3);
}

/* Is one session more taken? */
static void
mh_ready(struct milter *m, struct http_request *req)
{
	static const char full[] = "no session is free\n";
	bool is_full;

	pthread_mutex_lock(&m->lock);
	is_full = m->nsessions >= milter_snapshot_conf(m->snapshot)->sessions;
	pthread_mutex_unlock(&m->lock);
	if (is_full)
		http_answer(req, 503, TYPE_TEXT, full, sizeof(full) - 1);
	else
		http_answer(req, 200, TYPE_TEXT, "ok\n", 3);
}

static void
mh_metrics(struct milter *m, struct http_request *req)
{
	struct buf out;

	buf_init(&out, METRICS_MAX);
	if (metrics_render(m->registry, &out) < 0)
		http_answer(req, 500, TYPE_TEXT, "too many metrics\n", 17);
	else
		http_answer(req, 200, TYPE_METRICS, buf_str(&out), out.len);
	buf_done(&out);
}

static const struct mh_page {
	const char *path;
	void (*fn)(struct milter *m, struct http_request *req);
} mh_pages[] = {
	{"/healthz", mh_healthy},   {"/readyz", mh_ready},
	{"/-/healthy", mh_healthy}, {"/-/ready", mh_ready},
	{"/metrics", mh_metrics},
};

static const struct mh_page *
mh_find(const struct http_request *req)
{
	for (size_t i = 0; i < sizeof(mh_pages) / sizeof(mh_pages[0]); i++)
		if (strcmp(mh_pages[i].path, http_request_path(req)) == 0)
			return &mh_pages[i];
	return NULL;
}

static int
mh_gate(void *arg, struct http_request *req)
{
	(void)arg;
	return mh_find(req) != NULL ? 0 : 404;
}

static void
mh_handle(void *arg, struct http_request *req)
{
	const char *method = http_request_method(req);

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		http_answer(req, 405, TYPE_TEXT, "GET only\n", 9);
	else
		mh_find(req)->fn(arg, req);
}

static void
mh_accepted(void *arg, struct loop *loop, const struct accepted *a)
{
	struct milter *m = arg;

	(void)loop;
	http_server_take(m->http, a, NULL);
}

int
milter_http_bind(struct milter *m, const struct config *config)
{
	if (config->milter.http[0] == '\0')
		return 0;
	return acceptor_bind(config->milter.http, HTTP_MODE, -1, m->http_fds,
			     &m->nhttp_fds);
}

int
milter_http_start(struct milter *m)
{
	static const struct acceptor_calls calls = {.accepted = mh_accepted};
	static const struct acceptor_limits most = {
		.connections = MILTER_HTTP_CONNECTIONS,
		.connections_per_ip = HTTP_PER_ADDRESS,
	};
	static const struct http_limits limits = {
		.deadline_ms = HTTP_DEADLINE_MS,
		.connections = MILTER_HTTP_CONNECTIONS,
	};
	int r;

	if (m->nhttp_fds == 0)
		return 0;
	r = http_server_new(m->loop, &limits, mh_gate, mh_handle, m, &m->http);
	if (r < 0)
		return r;
	m->acceptor = acceptor_new(m->loop, &m->loop, 1, &m->log_root);
	acceptor_set_limits(m->acceptor, &most);
	for (size_t i = 0; i < m->nhttp_fds; i++)
		acceptor_add(m->acceptor, m->http_fds[i], &calls, m);
	m->nhttp_fds = 0;
	return 0;
}

void
milter_http_free(struct milter *m)
{
	while (m->nhttp_fds > 0)
		close(m->http_fds[--m->nhttp_fds]);
	if (m->acceptor != NULL)
		acceptor_stop(m->acceptor);
	http_server_free(&m->http);
	acceptor_free(&m->acceptor);
}
