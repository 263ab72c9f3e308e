#include "relay/http_host.h"

#include <string.h>
#include <strings.h>

#include "net/fetch.h"

#define HOST_MAX 256

/* Of "name:port", "1.2.3.4:port" or "[::1]:port", without the root's dot. False:
 * it is longer than any can be. */
static bool
host_name(const char *host, char ret[static HOST_MAX])
{
	bool literal = host[0] == '[';
	size_t len;

	host += literal;
	len = strcspn(host, literal ? "]" : ":");
	if (len >= HOST_MAX)
		return false;
	memcpy(ret, host, len);
	ret[len] = '\0';
	if (len > 0 && ret[len - 1] == '.')
		ret[len - 1] = '\0';
	return true;
}

/* What no page can give another address. */
static bool
host_is_nobodys(const char *name)
{
	static const char local[] = ".localhost";
	size_t len = strlen(name), tail = sizeof(local) - 1;
	struct sockaddr_any address;

	return strchr(name, '.') == NULL ||
	       sockaddr_parse_ip(name, 0, &address) == 0 ||
	       (len > tail && strcasecmp(name + len - tail, local) == 0);
}

/* Is it the one of alerts.url? */
static bool
host_is_url(const struct config *config, const char *name)
{
	char host[HOST_MAX], url[HOST_MAX];

	fetch_url_host(config->alerts.url, host, sizeof(host));
	return host_name(host, url) && strcasecmp(url, name) == 0;
}

bool
http_host_is_known(const struct config *config, const struct http_conf *conf,
		   const char *host)
{
	char name[HOST_MAX];

	/* HTTP/1.0: no browser of today. */
	if (host == NULL)
		return true;
	if (!host_name(host, name))
		return false;
	if (host_is_nobodys(name) || strcasecmp(name, config->hostname) == 0 ||
	    host_is_url(config, name))
		return true;
	for (size_t i = 0; i < conf->names.n; i++)
		if (strcasecmp(conf->names.v[i], name) == 0)
			return true;
	return false;
}

static void
host_log(struct relay *r, const struct http_request *req, const char *host)
{
	const struct port *port = http_request_listener(req);
	char ip[SOCKADDR_TEXT_MAX];

	if (r->host_logged)
		return;
	r->host_logged = true;
	sockaddr_ip(http_request_peer(req), ip);
	log_event(&r->log_root, LOG_WARNING, "host_refused",
		  LOG_STR("client", ip), LOG_STR("host", host),
		  LOG_STR("listener", port->name),
		  LOG_STR("help", "add the name to `names` of this listener "
				  "if it is yours"));
}

bool
http_host_is_ours(struct relay *r, const struct http_conf *conf,
		  const struct http_request *req)
{
	const char *host = http_request_header(req, "Host");

	/* No browser asks by a socket in the file system. */
	if (http_request_peer(req)->ss.ss_family == AF_UNIX ||
	    http_host_is_known(relay_config(r), conf, host))
		return true;
	host_log(r, req, host);
	return false;
}
