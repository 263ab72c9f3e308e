#include "relay/http_who.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"

const struct http_conf *
http_conf_of(const struct relay *r, const struct port *port)
{
	const struct config *config = relay_config(r);

	for (size_t i = 0; i < config->http.n; i++)
		if (strcmp(config_http(config, i)->address, port->name) == 0)
			return config_http(config, i);
	return NULL;
}

bool
http_who_in(const struct network_list *list, const struct sockaddr_any *peer)
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

/* A proxy may add a field of its own behind the one that it got: all of them are
 * one list (RFC 9110, 5.3). */
bool
http_who_client(struct relay *r, const struct http_conf *conf,
		const struct http_request *req, struct sockaddr_any *ret)
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
	if (list == NULL || !http_who_in(&conf->proxies, peer)) {
		http_log_forwarded(r, http_request_listener(req), peer);
		known = false;
	} else {
		known = http_forwarded_client(conf, list, ret) == 0;
	}
	free(list);
	return known;
}

bool
http_who_is_page(const struct http_request *req)
{
	const char *site = http_request_header(req, "Sec-Fetch-Site");

	return http_request_header(req, "Origin") != NULL ||
	       (site != NULL && strcmp(site, "none") != 0 &&
		strcmp(site, "same-origin") != 0);
}

unsigned
http_who_trusted(const struct http_conf *conf,
		 const struct sockaddr_any *client)
{
	return http_who_in(&conf->trusted, client)
		       ? USER_READ | USER_POST | USER_ACT
		       : 0;
}
