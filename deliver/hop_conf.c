/* The keys of one next hop, as everywhere in the configuration. */
#include "deliver/hop_conf.h"

#include <stddef.h>
#include <string.h>

#include "deliver/route.h"
#include "net/sockaddr.h"

/* HOST is "[host]", "[host]:port" or "host:port": what habit writes. Its parts,
 * or false. */
static bool
hop_split(const char *host, int *ret_len, const char **ret_host,
	  const char **ret_port)
{
	bool brackets = host[0] == '[';
	const char *name = host + brackets;
	size_t len = strcspn(name, brackets ? "]" : ":");
	const char *rest = name + len + (brackets && name[len] == ']');
	size_t digits;

	if (rest[0] == '\0' && brackets) {
		*ret_port = "25";
	} else {
		digits = rest[0] == ':' ? strspn(rest + 1, "0123456789") : 0;
		if (digits == 0 || rest[1 + digits] != '\0')
			return false;
		*ret_port = rest + 1;
	}
	*ret_host = name;
	*ret_len = (int)len;
	return len > 0;
}

static bool
hop_check_host(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const char *host = *(char **)field, *name, *port;
	struct sockaddr_any sa;
	int len;

	if (sockaddr_parse_ip(host, 25, &sa) == 0)
		return true;
	if (hop_split(host, &len, &name, &port)) {
		conf_error(errors, mark,
			   "`host` takes neither port nor brackets; write "
			   "`host: \"%.*s\", port: %s` instead of `%s`",
			   len, name, port, host);
		return false;
	}
	if (host[0] != '[' && address_is_domain(host, strlen(host)))
		return true;
	conf_error(errors, mark, "`%s` is neither a host name nor an address",
		   host);
	return false;
}

bool
hop_check_helo(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const char *helo = *(char **)field;

	if (helo[0] == '\0' || address_is_domain(helo, strlen(helo)))
		return true;
	conf_error(errors, mark,
		   "`helo` is a host name or an address literal like "
		   "\"[192.0.2.1]\", not `%s`",
		   helo);
	return false;
}

static bool
hop_check_bind(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	const char *bind = *(char **)field;
	struct sockaddr_any sa;

	if (bind[0] == '\0' || sockaddr_parse_ip(bind, 0, &sa) == 0)
		return true;
	conf_error(errors, mark, "`bind` is an address of this host, not `%s`",
		   bind);
	return false;
}

/* TLS to next hops is not there yet; the key is, so that `none` can be said. */
static const char *const hop_tls_names[] = {"none", NULL};

static const struct conf_option hop_options[] = {
	{.name = "name",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, name),
	 .dflt = "\"\"",
	 .help = "What logs, metrics and `queue list` call this destination; "
		 "empty: host and port.",
	 .example = "provider"},
	{.name = "host",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, host),
	 .help = "The name or address to connect to, without port or "
		 "brackets.",
	 .check = hop_check_host,
	 .example = "smtp.example.net"},
	{.name = "port",
	 .type = CONF_INT,
	 .offset = offsetof(struct hop, port),
	 .dflt = "0",
	 .help = "The port to connect to; 0: 25, or 24 with `deliver: lmtp`.",
	 .min = 0,
	 .max = 65535},
	{.name = "mx",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct hop, mx),
	 .dflt = "false",
	 .help = "true: connect to the mail exchangers (MX) of `host`, not to "
		 "`host` itself."},
	{.name = "tls",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct hop, tls),
	 .dflt = "none",
	 .help = "Whether the connection is encrypted.",
	 .names = hop_tls_names},
	{.name = "helo",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, helo),
	 .dflt = "\"\"",
	 .help = "The name said in EHLO; empty: delivery.helo.",
	 .check = hop_check_helo,
	 .example = "relay1.example.org"},
	{.name = "bind",
	 .type = CONF_STRING,
	 .offset = offsetof(struct hop, bind),
	 .dflt = "\"\"",
	 .help = "The address of this host to connect from; empty: "
		 "delivery.bind.",
	 .check = hop_check_bind,
	 .example = "192.0.2.7"},
	{.name = "connections",
	 .type = CONF_INT,
	 .offset = offsetof(struct hop, connections),
	 .dflt = "0",
	 .help = "Connections to this next hop at the same time; 0: only "
		 "per_destination limits them.",
	 .min = 0,
	 .max = 10000},
	{.name = NULL},
};

const struct conf_table hop_conf_table = {
	.size = sizeof(struct hop),
	.options = hop_options,
	.mark_offset = offsetof(struct hop, mark),
};
