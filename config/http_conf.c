#include "config/config_impl.h"

#include <string.h>

#include "mail/address.h"

static bool
http_check_address(void *field, const struct conf_mark *mark,
		   struct conf_errors *errors)
{
	const char *text = *(char **)field;
	struct sockaddr_any sa[2];
	size_t n;

	if (sockaddr_parse_listen(text, sa, &n) == 0)
		return true;
	conf_error(errors, mark,
		   "`address` is ADDRESS:PORT, [ADDRESS]:PORT, :PORT (both "
		   "families) or unix:/PATH, not `%s`",
		   text);
	return false;
}

static bool
http_check_names(void *field, const struct conf_mark *mark,
		 struct conf_errors *errors)
{
	const struct conf_strings *names = field;
	bool ok = true;

	(void)mark;
	for (size_t i = 0; i < names->n; i++) {
		if (address_is_domain(names->v[i], strlen(names->v[i])))
			continue;
		conf_error(errors, &names->marks[i],
			   "`names` lists names of hosts, without a port, not "
			   "`%s`",
			   names->v[i]);
		ok = false;
	}
	return ok;
}

/* Into `serves`, which stands in the same struct. */
static bool
http_check(void *field, const struct conf_mark *mark,
	   struct conf_errors *errors)
{
	struct http_conf *h = field;
	bool ok = true;

	(void)mark;
	for (size_t i = 0; i < h->serve.n; i++) {
		if (strcmp(h->serve.v[i], "api") == 0) {
			h->serves |= CONFIG_SERVE_API;
		} else if (strcmp(h->serve.v[i], "metrics") == 0) {
			h->serves |= CONFIG_SERVE_METRICS;
		} else if (strcmp(h->serve.v[i], "alerts") == 0) {
			h->serves |= CONFIG_SERVE_ALERTS;
		} else {
			conf_error(errors, &h->serve.marks[i],
				   "`serve` lists api, metrics and alerts, not "
				   "`%s`",
				   h->serve.v[i]);
			ok = false;
		}
	}
	return ok;
}

static const struct conf_option http_options[] = {
	{.name = "address",
	 .type = CONF_STRING,
	 .offset = offsetof(struct http_conf, address),
	 .help = "Where it listens: ADDRESS:PORT, [ADDRESS]:PORT, :PORT for "
		 "both families, or unix:/PATH.",
	 .check = http_check_address,
	 .example = "\"127.0.0.1:8025\""},
	{.name = "serve",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct http_conf, serve),
	 .dflt = "[api, metrics, alerts]",
	 .help = "What is there: api, metrics, alerts (what sources post, "
		 "/api/v2 as Alertmanager has it, and the links in mails). "
		 "/healthz and /readyz always are.",
	 .example = "[metrics]"},
	{.name = "trust",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct http_conf, trust),
	 .dflt = "[loopback]",
	 .help = "Networks whose clients may read, post alerts and act on "
		 "them without a login.",
	 .example = "[loopback, 10.1.0.0/16]"},
	{.name = "names",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct http_conf, names),
	 .dflt = "[]",
	 .help = "Further names that clients without a login may know it by, "
		 "beside localhost, `hostname`, that of `alerts.url`, names "
		 "without a dot and addresses. A page can give any other name "
		 "our address, and then read us through its visitor's browser.",
	 .check = http_check_names,
	 .example = "[belfry.mon.example.org]"},
	{.name = "proxy",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct http_conf, proxy),
	 .dflt = "[]",
	 .help = "Networks of reverse proxies, whose X-Forwarded-For names the "
		 "client.",
	 .example = "[loopback]"},
	{.name = NULL},
};

const struct conf_table http_conf_table = {
	.size = sizeof(struct http_conf),
	.options = http_options,
	.mark_offset = offsetof(struct http_conf, mark),
	.check = http_check,
};
