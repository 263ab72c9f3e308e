/* Who sends alerts. */
#include <stdlib.h>
#include <string.h>

#include "alert/rules_impl.h"

#define DAY_MS       (INT64_C(24) * 3600 * 1000)
#define RESEND_MS    (INT64_C(5) * 60 * 1000)
#define BUILTIN_BODY (1 << 20)
#define DEFAULT_RATE 100 /* a second */

/* For who says the same again and again five minutes, for who tells of events
 * only a day, and for who says when it is over until then. */
static int64_t
default_timeout(enum source_kind kind)
{
	switch (kind) {
	case SOURCE_ALERTMANAGER:
		return RESEND_MS;
	case SOURCE_SENTRY:
	case SOURCE_PAPERTRAIL:
		return DAY_MS;
	case SOURCE_GRAFANA:
	case SOURCE_UPTIMEROBOT:
	case SOURCE_UPTIMEKUMA:
	case SOURCE_STATUSPAGE:
	case SOURCE_GITHUB:
	case SOURCE_GENERIC:
	case SOURCE_MAIL:
	case SOURCE_CLI:
	case SOURCE_OWN:
		break;
	}
	return 0;
}

/* Prometheus drops what is answered with anything but 2xx, and what it posts at
 * once, after an outage, is no fault of its. */
static struct conf_rate
default_rate(enum source_kind kind)
{
	const struct conf_rate any = {.n = 0},
			       some = {.n = DEFAULT_RATE, .period_ms = 1000};

	return kind == SOURCE_ALERTMANAGER ? any : some;
}

/* --- mail ---------------------------------------------------------------------- */

static const struct pattern *
rs_pattern(struct rules_maker *m, const struct conf_text *text)
{
	struct pattern *p;
	char *why;

	if (text->text[0] == '\0')
		return NULL;
	/* A sender has no extension of ours. */
	if (pattern_new(text->text, '\0', &p, &why) == 0)
		return p;
	conf_error(m->errors, &text->mark, "`sender` is no pattern: %s", why);
	free(why);
	return NULL;
}

static const struct expression *
rs_expression(struct rules_maker *m, const char *key,
	      const struct conf_text *text)
{
	size_t len = strlen(text->text);
	struct expression *e;
	char *why;

	if (len == 0)
		return NULL;
	if (len < 3 || text->text[0] != '/' || text->text[len - 1] != '/') {
		conf_error(m->errors, &text->mark,
			   "`%s` is a regular expression between two slashes, "
			   "not `%s`",
			   key, text->text);
		return NULL;
	}
	if (expression_new(arena_strndup(m->arena, text->text + 1, len - 2), 0,
			   &e, &why) == 0)
		return e;
	conf_error(m->errors, &text->mark, "`%s`: %s", key, why);
	free(why);
	return NULL;
}

static void
rs_mail_rules(struct rules_maker *m, const struct alert_source_conf *c,
	      struct rules_source *s)
{
	const struct alert_mail_rule_conf *from = c->rules.v;
	struct source_mail_rule *v =
		RULES_ROOM(m, struct source_mail_rule, c->rules.n);

	s->rules = v;
	for (; s->nrules < c->rules.n; s->nrules++, from++)
		v[s->nrules] = (struct source_mail_rule){
			.sender = rs_pattern(m, &from->sender),
			.subject = rs_expression(m, "subject", &from->subject),
			.body = rs_expression(m, "body", &from->body),
			.dedup_key = arena_strdup(m->arena, from->dedup_key),
			.title = arena_strdup(m->arena, from->title),
			.severity = arena_strdup(m->arena, from->severity),
			.resolved = from->resolved,
		};
}

/* They are const to everybody else. */
static void
rs_free_rule(const struct source_mail_rule *rule)
{
	union {
		const struct expression *from;
		struct expression *to;
	} subject = {rule->subject}, body = {rule->body};
	union {
		const struct pattern *from;
		struct pattern *to;
	} sender = {rule->sender};

	expression_free(&subject.to);
	expression_free(&body.to);
	pattern_free(&sender.to);
}

void
rules_free_sources(struct rules *r)
{
	for (size_t i = 0; i < r->nsources; i++)
		for (size_t k = 0; k < r->sources[i].nrules; k++)
			rs_free_rule(&r->sources[i].rules[k]);
}

/* --- all ------------------------------------------------------------------------ */

static void
rs_map(struct rules_maker *m, const struct alert_source_conf *c,
       struct source_map *map)
{
	struct source_label *labels =
		RULES_ROOM(m, struct source_label, c->labels.n);

	for (size_t i = 0; i < c->labels.n; i++)
		labels[i] = (struct source_label){
			.name = arena_strdup(m->arena, c->labels.names[i]),
			.at = arena_strdup(m->arena, c->labels.v[i].text),
		};
	*map = (struct source_map){
		.dedup_key = arena_strdup(m->arena, c->dedup_key),
		.title = arena_strdup(m->arena, c->title),
		.text = arena_strdup(m->arena, c->text),
		.status = arena_strdup(m->arena, c->status),
		.severity = arena_strdup(m->arena, c->severity),
		.url = arena_strdup(m->arena, c->url),
		.nlabels = c->labels.n,
		.labels = labels,
		.nresolved = c->resolved.n,
		.resolved = rules_copy_strings(m, &c->resolved),
	};
}

static void
rs_configured(struct rules_maker *m, const struct alert_source_conf *c)
{
	struct rules *r = m->rules;
	struct rules_source *s = &r->sources[r->nsources];
	struct network *networks = RULES_ROOM(m, struct network, c->allowed.n);

	if (rules_source(r, c->name) != NULL)
		rules_twice(m, "sources", c->name, &c->mark);
	if (c->allowed.n > 0)
		memcpy(networks, c->allowed.v,
		       c->allowed.n * sizeof(*networks));
	*s = (struct rules_source){
		.name = arena_strdup(m->arena, c->name),
		.kind = (enum source_kind)c->kind,
		.resend_ms = c->resend_ms,
		.resolve_timeout_ms =
			c->resolve_timeout_ms >= 0
				? c->resolve_timeout_ms
				: default_timeout((enum source_kind)c->kind),
		.networks = {.n = c->allowed.n, .v = networks},
		.rate = c->rate.n > 0 || c->rate.none
				? c->rate
				: default_rate((enum source_kind)c->kind),
		.body_max = c->body_max,
		.ndomains = c->domains.n,
		.domains = rules_copy_strings(m, &c->domains),
	};
	rs_map(m, c, &s->map);
	rs_mail_rules(m, c, s);
	r->nsources++;
}

static void
rs_builtin(struct rules_maker *m, enum source_kind kind)
{
	struct rules *r = m->rules;

	if (rules_source(r, source_kind_names[kind]) != NULL)
		return;
	r->sources[r->nsources++] = (struct rules_source){
		.name = source_kind_names[kind],
		.kind = kind,
		.resend_ms = RESEND_MS,
		.resolve_timeout_ms = default_timeout(kind),
		.rate = default_rate(kind),
		.body_max = BUILTIN_BODY,
		.map = {.dedup_key = "",
			.title = "",
			.text = "",
			.status = "",
			.severity = "",
			.url = ""},
		.builtin = true,
	};
}

void
rules_make_sources(struct rules_maker *m)
{
	const struct alert_source_conf *c = m->conf->sources.v;
	size_t n = m->conf->sources.n;

	m->rules->sources =
		RULES_ROOM(m, struct rules_source, n + SOURCE_NKIND);
	for (size_t i = 0; i < n; i++)
		rs_configured(m, &c[i]);
	/* Mail has to be told whose it is. */
	for (int kind = 0; kind < SOURCE_MAIL; kind++)
		if (m->conf->builtin_sources)
			rs_builtin(m, (enum source_kind)kind);
	rs_builtin(m, SOURCE_CLI);
	rs_builtin(m, SOURCE_OWN);
}
