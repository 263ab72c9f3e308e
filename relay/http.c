/*
 * HTTP for people and monitors: health, metrics, and the API behind its rights.
 * All of it lives on the home loop.
 */
#include <string.h>

#include "relay/alert_link.h"
#include "relay/alert_page.h"
#include "relay/alert_v2.h"
#include "relay/alerts.h"
#include "relay/api.h"
#include "relay/hooks.h"
#include "relay/http_host.h"
#include "relay/http_login.h"

#define HTTP_BODY_MAX    (64 * 1024)
#define HTTP_BODIES_MAX  (96 * 1024 * 1024)
#define HTTP_DEADLINE_MS 30000
#define METRICS_MAX      (4 * 1024 * 1024)

#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

/* --- the paths ------------------------------------------------------------------ */

static void
http_healthy(struct relay *r, struct http_request *req)
{
	(void)r;
	http_answer(req, 200, TYPE_TEXT, "ok\n", 3);
}

/* Can a message be accepted, and an alert where there are any? */
static void
http_ready(struct relay *r, struct http_request *req)
{
	static const char full[] = "the store is full\n",
			  stopping[] = "stopping\n",
			  reading[] = "the alerts are being read\n";
	const struct engine *e = relay_engine(r);

	if (r->stopping)
		http_answer(req, 503, TYPE_TEXT, stopping,
			    sizeof(stopping) - 1);
	else if (!store_has_room(queue_store(r->queue), STORE_NEED_MAIL))
		http_answer(req, 503, TYPE_TEXT, full, sizeof(full) - 1);
	else if (e != NULL && !engine_is_loaded(e))
		http_answer(req, 503, TYPE_TEXT, reading, sizeof(reading) - 1);
	else
		http_answer(req, 200, TYPE_TEXT, "ok\n", 3);
}

static void
http_metrics(struct relay *r, struct http_request *req)
{
	struct buf out;

	buf_init(&out, METRICS_MAX);
	if (metrics_render(r->metrics, &out) < 0)
		http_answer(req, 500, TYPE_TEXT, "too many metrics\n", 17);
	else
		http_answer(req, 200, TYPE_METRICS, buf_str(&out), out.len);
	buf_done(&out);
}

/* A path, or with a '/' at its end all paths below it; the first that fits. */
struct http_page {
	const char *path;
	unsigned serves; /* 0: everywhere */
	unsigned needs;  /* one of these rights; 0: none, to everybody */
	size_t body_max; /* 0: HTTP_BODY_MAX */
	bool by_name;    /* without a login only by a name of ours */
	bool from_pages; /* what others' pages can make a browser send it
			   * refuses by itself */
	/* It says itself who may, before the body and when all is there; NULL:
	 * who has one of the rights. LOGIN: who that is is still asked. */
	int (*gate)(struct relay *r, struct http_request *req,
		    const struct http_who *who, bool login);
	/* It is told of what is refused before HANDLE, its own gate apart;
	 * may be NULL. */
	void (*refused)(struct relay *r, struct http_request *req, int status);
	void (*fn)(struct relay *r, struct http_request *req);
	void (*handle)(struct relay *r, struct http_request *req,
		       const struct http_who *who); /* where FN is NULL */
};

#define API_RIGHTS (USER_READ | USER_ACT | USER_ADMIN)
#define V2_RIGHTS  (USER_READ | USER_ACT | USER_POST)
#define ALL_RIGHTS (USER_READ | USER_ACT | USER_POST | USER_ADMIN)

static const struct http_page http_pages[] = {
	{.path = "/healthz", .fn = http_healthy},
	{.path = "/readyz", .fn = http_ready},
	{.path = "/-/healthy", .fn = http_healthy},
	{.path = "/-/ready", .fn = http_ready},
	{
		.path = "/metrics",
		.serves = CONFIG_SERVE_METRICS,
		.needs = USER_READ,
		.fn = http_metrics,
	},
	{
		.path = "/api/v1/",
		.serves = CONFIG_SERVE_API,
		.needs = API_RIGHTS,
		.by_name = true,
		.handle = api_handle,
	},
	{
		.path = HOOKS_API_PATH,
		.serves = CONFIG_SERVE_ALERTS,
		.needs = V2_RIGHTS,
		.by_name = true,
		.from_pages = true,
		.gate = alert_v2_gate,
		.refused = hooks_refused,
		.handle = alert_v2_handle,
	},
	{
		.path = "/api/v2/",
		.serves = CONFIG_SERVE_ALERTS,
		.needs = V2_RIGHTS,
		.by_name = true,
		.from_pages = true,
		.handle = alert_v2_handle,
	},
	{
		.path = ALERT_PAGE_PATH,
		.serves = CONFIG_SERVE_ALERTS,
		.body_max = ALERT_LINK_BODY_MAX,
		.handle = alert_link_handle,
	},
	{
		.path = HOOKS_PATH,
		.serves = CONFIG_SERVE_ALERTS,
		.needs = USER_POST,
		.gate = hooks_gate,
		.refused = hooks_refused,
		.handle = hooks_handle,
	},
	{.path = NULL},
};

static const struct http_page *
http_page_find(const char *path)
{
	for (const struct http_page *p = http_pages; p->path != NULL; p++) {
		size_t len = strlen(p->path);

		if (p->path[len - 1] == '/' ? strncmp(p->path, path, len) == 0
					    : strcmp(p->path, path) == 0)
			return p;
	}
	return NULL;
}

/* A browser that knows the password, or is trusted, sends what a page of others
 * makes it post, too, and says so. */
static void
http_who_weaken(const struct http_page *page, const struct http_request *req,
		struct http_who *who)
{
	if (!page->from_pages && http_who_is_page(req))
		who->rights &= USER_READ;
}

static void
http_refused(void *arg, struct http_request *req, int status)
{
	const struct http_page *page = http_page_find(http_request_path(req));

	if (page->refused != NULL)
		page->refused(arg, req, status);
}

/* It ends here. */
static void
http_unauthorized(struct relay *r, struct http_request *req)
{
	http_refused(r, req, 401);
	http_answer(req, 401, TYPE_TEXT, "Unauthorized\n", 13);
}

/* Whoever posts alerts says whose they are, and a browser that it is one. */
static bool
http_wants_name(const struct http_page *page, const struct http_request *req)
{
	return page->by_name && (page->gate == NULL ||
				 strcmp(http_request_method(req), "POST") != 0);
}

/* The header is there: 0, or the status that ends it before its body. */
static int
http_gate(void *arg, struct http_request *req)
{
	const struct http_page *page = http_page_find(http_request_path(req));
	const struct port *port = http_request_listener(req);
	const struct http_conf *conf;
	struct http_who who = {0};
	struct relay *r = arg;

	if (page == NULL)
		return 404;
	if (page->body_max != 0)
		http_request_set_body_max(req, page->body_max);
	if (port->kind == PORT_ADMIN || page->serves == 0)
		return 0;
	conf = http_conf_of(r, port);
	if (conf == NULL || (conf->serves & page->serves) == 0)
		return 404;
	if (page->needs == 0)
		return 0;
	if (!http_who_client(r, conf, req, &who.client)) {
		http_refused(r, req, 401);
		return 401;
	}
	who.rights = http_who_trusted(conf, &who.client);
	if (who.rights != 0 && http_wants_name(page, req) &&
	    !http_login_is_tried(req) && !http_host_is_ours(r, conf, req))
		return 421;
	if (page->gate != NULL) {
		http_who_weaken(page, req, &who);
		return page->gate(r, req, &who, http_login_is_tried(req));
	}
	if (http_login_is_tried(req))
		return 0; /* it is asked who that is when all is there */
	return who.rights != 0 ? 0 : 401;
}

static void
http_serve(struct relay *r, struct http_request *req,
	   const struct http_who *who)
{
	const struct http_page *page = http_page_find(http_request_path(req));
	const char *method = http_request_method(req);

	if (page->fn == NULL)
		page->handle(r, req, who);
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		http_answer(req, 405, TYPE_TEXT, "GET only\n", 9);
	else
		page->fn(r, req);
}

static void
http_serve_to(struct relay *r, struct http_request *req, struct http_who *who)
{
	http_who_weaken(http_page_find(http_request_path(req)), req, who);
	http_serve(r, req, who);
}

static void
http_logged_in(struct relay *r, struct http_request *req,
	       const struct user *user)
{
	const struct http_conf *conf =
		http_conf_of(r, http_request_listener(req));
	struct http_who who = {.rights = user->rights, .user = user->name};

	if (conf != NULL && http_who_client(r, conf, req, &who.client))
		http_serve_to(r, req, &who);
	else
		http_unauthorized(r, req);
}

static void
http_handle(void *arg, struct http_request *req)
{
	const struct http_page *page = http_page_find(http_request_path(req));
	const struct port *port = http_request_listener(req);
	const struct http_conf *conf;
	struct http_who who = {0};
	struct relay *r = arg;

	if (port->kind == PORT_ADMIN || page->needs == 0) {
		who.rights = port->kind == PORT_ADMIN ? ALL_RIGHTS : 0;
		http_serve(r, req, &who);
		return;
	}
	/* A reload may have come since the header did. */
	conf = http_conf_of(r, port);
	if (conf == NULL || !http_who_client(r, conf, req, &who.client)) {
		http_unauthorized(r, req);
		return;
	}
	who.rights = http_who_trusted(conf, &who.client);
	if (http_login_is_tried(req))
		http_login(r, req, &who.client, page->needs, http_logged_in,
			   page->refused);
	else if (page->gate != NULL || (who.rights & page->needs) != 0)
		http_serve_to(r, req, &who);
	else
		http_unauthorized(r, req);
}

/* --- connections ------------------------------------------------------------------ */

int
relay_http_start(struct relay *r)
{
	static const struct http_limits limits = {
		.body_bytes = HTTP_BODY_MAX,
		.deadline_ms = HTTP_DEADLINE_MS,
		.connections = RELAY_HTTP_CONNECTIONS + RELAY_ADMIN_CONNECTIONS,
		.bodies_bytes = HTTP_BODIES_MAX,
	};
	int result;

	result = http_server_new(relay_home(r), &limits, http_gate, http_handle,
				 r, &r->http);
	if (result == 0)
		http_server_on_refused(r->http, http_refused);
	if (result < 0) {
		log_event(&r->log_root, LOG_ERROR, "start_failed",
			  LOG_STR("what", "http"),
			  LOG_STR("error", strerror(-result)));
		return RELAY_EXIT_FAILED;
	}
	return 0;
}

/* The acceptor of HTTP knows the home loop only. */
void
relay_http_accepted(struct port *port, const struct accepted *a)
{
	http_server_take(port->relay->http, a, port);
}
