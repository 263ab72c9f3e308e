/* The section `alerts` among the others. */
#include "config/config_impl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alert/rules.h"
#include "mail/pattern.h"

struct ca {
	struct config *config;
	struct arena *arena;
	struct conf_errors *errors;
};

static bool
ca_networks(struct ca *ca)
{
	const struct conf_list *sources = &ca->config->alerts.sources;
	struct alert_source_conf *s = sources->v;
	bool ok = true;

	for (size_t i = 0; i < sources->n; i++)
		ok = networks_resolve(&s[i].networks, &ca->config->networks,
				      ca->arena, ca->errors, &s[i].allowed) &&
		     ok;
	return ok;
}

/* Does RULE mean mail to ADDRESS? A pattern that is wrong was told of. */
static bool
ca_route_matches(const struct ca *ca, const struct route_rule *rule,
		 const struct address *address)
{
	struct pattern *pattern;
	char *why;
	bool match;

	if (pattern_new(rule->match, ca->config->recipient_delimiter[0],
			&pattern, &why) < 0) {
		free(why);
		return false;
	}
	match = pattern_match(pattern, address);
	pattern_free(&pattern);
	return match;
}

/* The first route that takes mail to alert+TOKEN@DOMAIN. */
static const struct route_rule *
ca_find_route(const struct ca *ca, const char *domain)
{
	const struct route_rule *rules = ca->config->routes.v;
	const struct address address = {"alert+token", domain};

	for (size_t i = 0; i < ca->config->routes.n; i++)
		if (ca_route_matches(ca, &rules[i], &address))
			return &rules[i];
	return NULL;
}

static bool
ca_has_domain(const struct ca *ca, const char *domain)
{
	const struct conf_strings *domains = &ca->config->domains;

	for (size_t i = 0; i < domains->n; i++)
		if (strcasecmp(domains->v[i], domain) == 0)
			return true;
	return false;
}

/* Answers and bounces come from anywhere, to alert+TOKEN@. */
static bool
ca_reply(const struct ca *ca)
{
	const struct alerts_conf *a = &ca->config->alerts;
	const struct route_rule *route;

	if (a->reply[0] == '\0')
		return true;
	route = ca_find_route(ca, a->reply);
	if (!ca_has_domain(ca, a->reply)) {
		conf_error(ca->errors, &a->mark,
			   "`alerts.reply` is %s, and `domains` does not list "
			   "it: its mail would not be taken",
			   a->reply);
		return false;
	}
	if (route != NULL && route->deliver == ROUTE_ALERT)
		return true;
	conf_error(ca->errors, &a->mark,
		   "`alerts.reply` needs a route for its answers; write in "
		   "`routes`: `{match: alert@%s, deliver: alert}`%s",
		   a->reply, route != NULL ? ", before the others" : "");
	return false;
}

/* Tokens stand behind a "+". */
static bool
ca_delimiter(const struct ca *ca)
{
	const struct config *c = ca->config;
	const struct route_rule *rules = c->routes.v;

	if (strcmp(c->recipient_delimiter, "+") == 0)
		return true;
	for (size_t i = 0; i < c->routes.n; i++)
		if (rules[i].deliver == ROUTE_ALERT) {
			conf_error(
				ca->errors, &rules[i].mark,
				"`deliver: alert` needs "
				"`recipient_delimiter: \"+\"`: its addresses "
				"are alert+TOKEN@");
			return false;
		}
	return true;
}

/* Mail for alerts, and nobody to tell of them. */
static bool
ca_route_is_used(const struct ca *ca, const struct rules *rules)
{
	const struct config *c = ca->config;
	const struct route_rule *routes = c->routes.v;

	for (size_t i = 0; !rules_is_on(rules) && i < c->routes.n; i++)
		if (routes[i].deliver == ROUTE_ALERT) {
			conf_error(ca->errors, &routes[i].mark,
				   "`deliver: alert` needs somebody to tell: "
				   "write for example `alerts: {mail: "
				   "[anna@example.org]}`");
			return false;
		}
	return true;
}

static bool
ca_only_by_mail(const struct conf_list *sources)
{
	const struct alert_source_conf *s = sources->v;
	bool mail = sources->n > 0;

	for (size_t i = 0; mail && i < sources->n; i++)
		mail = s[i].kind == SOURCE_MAIL;
	return mail;
}

/* Listeners, and none takes what is posted. */
static void
ca_warn_unserved(struct ca *ca)
{
	const struct config *c = ca->config;

	if (c->http.n == 0 || ca_only_by_mail(&c->alerts.sources))
		return;
	for (size_t i = 0; i < c->http.n; i++)
		if (config_http(c, i)->serves & CONFIG_SERVE_ALERTS)
			return;
	conf_warning(ca->errors, &config_http(c, 0)->mark,
		     "nobody can post alerts: no entry of `http` has `alerts` "
		     "in its `serve`");
}

bool
config_resolve_alerts(struct config *c, struct arena *arena,
		      struct conf_errors *errors)
{
	struct ca ca = {c, arena, errors};
	struct rules *rules;
	bool ok;

	if (!ca_networks(&ca) ||
	    rules_new(&c->alerts, c->hostname, errors, &rules) < 0)
		return false;
	ok = ca_reply(&ca);
	ok = ca_delimiter(&ca) && ok;
	ok = ca_route_is_used(&ca, rules) && ok;
	if (rules_is_on(rules))
		ca_warn_unserved(&ca);
	rules_unref(&rules);
	return ok;
}
