/*
 * HTTP for people and monitors: health, metrics, and the API behind its rights.
 * All of it lives on the home loop.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"
#include "relay/api.h"
#include "relay/http_login.h"

#define HTTP_BODY_MAX    (64 * 1024)
#define HTTP_DEADLINE_MS 30000
#define METRICS_MAX      (4 * 1024 * 1024)

#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

static const struct http_conf *
http_conf_of(const struct relay *r, const struct port *port)
{
	const struct config *config = relay_config(r);

	for (size_t i = 0; i < config->http.n; i++)
		if (strcmp(config_http(config, i)->address, port->name) == 0)
			return config_http(config, i);
	return NULL;
}

/* --- who asks ----------------------------------------------------------------- */

/* A unix socket is as good as loopback: both are this machine. */
static bool
http_peer_in(const struct network_list *list, const struct sockaddr_any *peer)
{
	struct sockaddr_any loopback;

	if (peer->ss.ss_family != AF_UNIX)
		return network_list_has(list, peer);
	sockaddr_parse_ip("127.0.0.1", 0, &loopback);
	return network_list_has(list, &loopback);
}

/* The last address of "a, b, c" that no proxy of ours has. 0, or -1 when
 * something there is no address, or nothing is there. */
static int
http_forwarded_client(const struct http_conf *conf, const char *list,
		      struct sockaddr_any *ret)
{
	const char *end = list + strlen(list);

	if (end == list)
		return -1;
	while (end > list) {
		const char *start = end;
		char ip[INET6_ADDRSTRLEN];
		size_t len;

		while (start > list && start[-1] != ',')
			start--;
		len = (size_t)(end - start);
		end = start > list ? start - 1 : list;
		while (len > 0 && (*start == ' ' || *start == '\t')) {
			start++;
			len--;
		}
		while (len > 0 &&
		       (start[len - 1] == ' ' || start[len - 1] == '\t'))
			len--;
		if (len == 0 || len >= sizeof(ip))
			return -1;
		memcpy(ip, start, len);
		ip[len] = '\0';
		if (sockaddr_parse_ip(ip, 0, ret) < 0)
			return -1;
		if (!network_list_has(&conf->proxies, ret))
			return 0;
	}
	return 0;
}

static void
http_log_forwarded(struct relay *r, const struct port *port,
		   const struct sockaddr_any *peer)
{
	char ip[SOCKADDR_TEXT_MAX];

	if (r->forwarded_logged)
		return;
	r->forwarded_logged = true;
	sockaddr_ip(peer, ip);
	log_event(&r->log_root, LOG_WARNING, "forwarded_refused",
		  LOG_STR("client", ip), LOG_STR("listener", port->name),
		  LOG_STR("help", "add the client to `proxy` of this listener "
				  "if it is your proxy"));
}

static void
http_forwarded_add(void *arg, const char *name, const char *value)
{
	char **list = arg, *longer;

	if (strcasecmp(name, "X-Forwarded-For") != 0)
		return;
	longer = *list != NULL ? xasprintf("%s, %s", *list, value)
			       : xstrdup(value);
	free(*list);
	*list = longer;
}

/* Who sent the request, as far as we believe it; false: nobody that has any
 * rights. A proxy may add a field of its own behind the one that it got: all of
 * them are one list (RFC 9110, 5.3). */
static bool
http_client(struct relay *r, const struct http_conf *conf,
	    const struct port *port, struct http_request *req,
	    struct sockaddr_any *ret)
{
	const struct sockaddr_any *peer = http_request_peer(req);
	bool known = true;
	char *list = NULL;

	*ret = *peer;
	http_request_each(req, HTTP_HEADER, http_forwarded_add, &list);
	if (list == NULL && http_request_header(req, "Forwarded") == NULL) {
		free(list);
		return true;
	}
	if (list == NULL || !http_peer_in(&conf->proxies, peer)) {
		http_log_forwarded(r, port, peer);
		known = false;
	} else {
		known = http_forwarded_client(conf, list, ret) == 0;
	}
	free(list);
	return known;
}

/* --- the paths ------------------------------------------------------------------ */

static void
http_healthy(struct relay *r, struct http_request *req)
{
	(void)r;
	http_answer(req, 200, TYPE_TEXT, "ok\n", 3);
}

/* Can a message be accepted? */
static void
http_ready(struct relay *r, struct http_request *req)
{
	static const char full[] = "the store is full\n",
			  stopping[] = "stopping\n";

	if (r->stopping)
		http_answer(req, 503, TYPE_TEXT, stopping,
			    sizeof(stopping) - 1);
	else if (!store_has_room(queue_store(r->queue), STORE_NEED_MAIL))
		http_answer(req, 503, TYPE_TEXT, full, sizeof(full) - 1);
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

struct http_page {
	const char *path;
	unsigned serves; /* 0: everywhere, to everybody */
	void (*fn)(struct relay *r, struct http_request *req);
};

static const struct http_page http_pages[] = {
	{"/healthz", 0, http_healthy},
	{"/readyz", 0, http_ready},
	{"/-/healthy", 0, http_healthy},
	{"/-/ready", 0, http_ready},
	{"/metrics", CONFIG_SERVE_METRICS, http_metrics},
	{NULL, 0, NULL},
};

static const struct http_page *
http_page_find(const char *path)
{
	for (const struct http_page *p = http_pages; p->path != NULL; p++)
		if (strcmp(p->path, path) == 0)
			return p;
	return NULL;
}

static bool
http_is_api(const char *path)
{
	return strncmp(path, "/api/v1/", 8) == 0;
}

/* The header is there: 0, or the status that ends it before its body. */
static int
http_gate(void *arg, struct http_request *req)
{
	const struct port *port = http_request_listener(req);
	const char *path = http_request_path(req);
	const struct http_page *page = http_page_find(path);
	const struct http_conf *conf;
	struct sockaddr_any client;
	struct relay *r = arg;
	unsigned needs;

	if (page == NULL && !http_is_api(path))
		return 404;
	needs = page != NULL ? page->serves : CONFIG_SERVE_API;
	if (port->kind == PORT_ADMIN || needs == 0)
		return 0;
	conf = http_conf_of(r, port);
	if (conf == NULL || (conf->serves & needs) == 0)
		return 404;
	if (!http_client(r, conf, port, req, &client))
		return 401;
	if (http_login_is_tried(req))
		return 0; /* it is asked who that is when all is there */
	return http_peer_in(&conf->trusted, &client) ? 0 : 401;
}

static void
http_serve(struct relay *r, struct http_request *req, bool admin,
	   const char *user)
{
	const struct http_page *page = http_page_find(http_request_path(req));
	const char *method = http_request_method(req);

	if (page == NULL)
		api_handle(r, req, admin, user);
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		http_answer(req, 405, TYPE_TEXT, "GET only\n", 9);
	else
		page->fn(r, req);
}

/* A browser that knows the password sends it with what a page of others makes
 * it post, too, and says so by an Origin. */
static void
http_logged_in(struct relay *r, struct http_request *req,
	       const struct user *user)
{
	bool by_page = http_request_header(req, "Origin") != NULL;

	http_serve(r, req, (user->rights & USER_ADMIN) != 0 && !by_page,
		   user->name);
}

static void
http_handle(void *arg, struct http_request *req)
{
	const struct port *port = http_request_listener(req);
	const struct http_page *page = http_page_find(http_request_path(req));
	bool admin = port->kind == PORT_ADMIN;
	const struct http_conf *conf;
	struct sockaddr_any client;
	struct relay *r = arg;

	if (admin || (page != NULL && page->serves == 0) ||
	    !http_login_is_tried(req)) {
		http_serve(r, req, admin, NULL);
		return;
	}
	/* A reload may have come since the header did. */
	conf = http_conf_of(r, port);
	if (conf != NULL && http_client(r, conf, port, req, &client))
		http_login(r, req, &client, http_logged_in);
	else
		http_answer(req, 401, TYPE_TEXT, "Unauthorized\n", 13);
}

/* --- connections ------------------------------------------------------------------ */

int
relay_http_start(struct relay *r)
{
	static const struct http_limits limits = {
		.body_bytes = HTTP_BODY_MAX,
		.deadline_ms = HTTP_DEADLINE_MS,
		.connections = RELAY_HTTP_CONNECTIONS + RELAY_ADMIN_CONNECTIONS,
	};
	int result;

	result = http_server_new(relay_home(r), &limits, http_gate, http_handle,
				 r, &r->http);
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
