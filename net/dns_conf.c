#include "net/dns.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ADDRESS or ADDRESS@PORT. */
static bool
dns_server_ok(const char *text)
{
	const char *at = strchr(text, '@');
	char ip[SOCKADDR_TEXT_MAX];
	size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
	struct sockaddr_any sa;
	long port = 53;

	if (len >= sizeof(ip))
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (at != NULL) {
		size_t digits = strspn(at + 1, "0123456789");

		if (digits == 0 || digits > 5 || at[1 + digits] != '\0')
			return false;
		port = strtol(at + 1, NULL, 10);
	}
	return port >= 1 && port <= 65535 &&
	       sockaddr_parse_ip(ip, (int)port, &sa) == 0;
}

static bool
dns_check_servers(void *field, const struct conf_mark *mark,
		  struct conf_errors *errors)
{
	const struct conf_strings *s = field;
	bool ok = true;

	(void)mark;
	for (size_t i = 0; i < s->n; i++) {
		if (dns_server_ok(s->v[i]))
			continue;
		conf_error(errors, &s->marks[i],
			   "`%s` is no server: write an address, or "
			   "ADDRESS@PORT, like 127.0.0.1@5353",
			   s->v[i]);
		ok = false;
	}
	return ok;
}

static const struct conf_option dns_options[] = {
	{.name = "servers",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct dns_conf, servers),
	 .dflt = "[]",
	 .help = "The recursive name servers to ask, ADDRESS or ADDRESS@PORT; "
		 "empty: those of /etc/resolv.conf.",
	 .check = dns_check_servers,
	 .example = "[\"127.0.0.1@5353\"]"},
	{.name = "timeout",
	 .type = CONF_TIME,
	 .offset = offsetof(struct dns_conf, timeout_ms),
	 .dflt = "5s",
	 .help = "How long one question may take; then the mail waits for its "
		 "next try.",
	 .min = 100,
	 .max = 60000},
	{.name = "trust_anchor",
	 .type = CONF_STRING,
	 .offset = offsetof(struct dns_conf, trust_anchor),
	 .dflt = "\"\"",
	 .help = "A file with the root's DNSSEC key: answers are validated "
		 "then; empty: they are not.",
	 .example = "/usr/share/dns/root.key"},
	{.name = NULL},
};

const struct conf_table dns_conf_table = {
	.size = sizeof(struct dns_conf),
	.options = dns_options,
};
