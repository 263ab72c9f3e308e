#include "tests/unit/engine_random_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"

const struct random_alert alerts[NALERTS] = {
	{"Disk", "h0", "web"}, {"Disk", "h1", "web"}, {"Disk", "h2", "db"},
	{"Load", "h3", "web"}, {"Load", "h4", "db"},  {"Load", "h5", "db"},
	{"Net", "h6", "web"},  {"Net", "h7", "db"},
};

const char *const names[NWHO] = {"anna", "dora", "x", "y", "boss", "rest"};

static const struct {
	const char *name, *ops, *web, *db, *more;
	unsigned web_are, db_are;
} forms[NFORM] = {
	[FORM_PLAIN] = {"plain", "ops", "ops", "db", "", OPS_ARE, DB_ARE},
	[FORM_RENAMED] = {"renamed", "team", "team", "db", "", OPS_ARE, DB_ARE},
	[FORM_BY_HOST] = {"by host", "ops", "ops", "db", "  group_by: [host]\n",
			  OPS_ARE, DB_ARE},
	[FORM_SWAPPED] = {"swapped", "ops", "db", "ops", "", DB_ARE, OPS_ARE},
	[FORM_NO_DB] = {"db is gone", "ops", "ops", "ops", "", OPS_ARE,
			OPS_ARE},
};

#define RATE     "  rate: {limit: 2/10m, burst: 1, digest: 5m}\n"
#define FALLBACK "  fallback: {receiver: rest, after: 10m}\n"
#define ESCALATE "  escalate: [{after: 5m, receiver: boss}]\n"
#define INHIBIT                                                                \
	"inhibit_rules:\n- {source_matchers: ['host=\"h0\"'], "                \
	"target_matchers: ['alertname=~\"Disk|Load\"']}\n"

void
ruleset_make(struct ruleset *r)
{
	const char *rate = r->rates ? RATE : "";
	const char *fallback = r->falls_back ? FALLBACK : "";
	const char *ops = forms[r->form].ops;
	int n;

	r->web = forms[r->form].web_are;
	r->db = forms[r->form].db_are;
	snprintf(r->name, sizeof(r->name), "%s%s%s%s%s%s", forms[r->form].name,
		 r->inhibits ? ", inhibits" : "",
		 r->escalates ? ", escalates" : "",
		 r->falls_back ? ", falls back" : "", r->rates ? ", rates" : "",
		 r->holds ? ", holds" : "");
	n = snprintf(r->yaml, sizeof(r->yaml),
		     "own: []\nreceivers:\n"
		     "- name: boss\n  mail: [boss@example.org]\n"
		     "- name: rest\n  mail: [rest@example.org]\n"
		     "- name: %s\n  mail: [anna@example.org, "
		     "list@example.org]\n%s%s",
		     ops, rate, fallback);
	if (r->form != FORM_NO_DB)
		n += snprintf(r->yaml + n, sizeof(r->yaml) - (size_t)n,
			      "- name: db\n  mail: [dora@example.org]\n%s%s",
			      rate, fallback);
	n += snprintf(r->yaml + n, sizeof(r->yaml) - (size_t)n,
		      "route:\n  receiver: %s\n  repeat_interval: 3d\n%s%s%s"
		      "  routes:\n  - {matchers: ['team=\"db\"'], receiver: "
		      "%s}\n%s",
		      forms[r->form].web, forms[r->form].more,
		      r->escalates ? ESCALATE : "",
		      r->holds ? "  resolve_hold: 10m\n" : "",
		      forms[r->form].db, r->inhibits ? INHIBIT : "");
	must((size_t)n < sizeof(r->yaml));
}

unsigned
told_by(const struct ruleset *r, size_t i)
{
	return alerts[i].team[0] == 'd' ? r->db : r->web;
}

bool
is_gone(const struct ruleset *last, const struct ruleset *next,
	const char *receiver)
{
	return strstr(last->yaml, receiver) != NULL &&
	       strstr(next->yaml, receiver) == NULL;
}

bool
is_same_form(enum form a, enum form b)
{
	return a == b || (a <= FORM_RENAMED && b <= FORM_RENAMED);
}
