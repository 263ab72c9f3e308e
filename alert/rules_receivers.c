/* Whom to tell: people, schedules, receivers. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alert/alerts_conf_impl.h"
#include "alert/endpoint_name.h"
#include "alert/rules_impl.h"

/* --- people -------------------------------------------------------------------- */

static void
rr_people(struct rules_maker *m)
{
	const struct alert_person_conf *c = m->conf->people.v;
	struct rules *r = m->rules;
	struct zone *zone;

	r->people = RULES_ROOM(m, struct rules_person, m->conf->people.n);
	for (; r->npeople < m->conf->people.n; r->npeople++, c++) {
		if (zone_open(c->time_zone.text, &zone) < 0)
			conf_error(m->errors, &c->time_zone.mark,
				   "`time_zone` is one like Europe/Berlin, not "
				   "`%s`",
				   c->time_zone.text);
		r->people[r->npeople] = (struct rules_person){
			.name = arena_strdup(m->arena, c->name),
			.mail = arena_strdup(m->arena, c->mail),
			.time_zone = arena_strdup(m->arena, c->time_zone.text),
		};
	}
}

static const struct rules_person *
rr_person(struct rules_maker *m, const char *name, const struct conf_mark *mark)
{
	const struct rules_person *p = rules_person(m->rules, name);

	if (p == NULL)
		RULES_UNKNOWN(m, "person in `people` called", people,
			      struct alert_person_conf, name, mark);
	return p;
}

/* --- schedules ----------------------------------------------------------------- */

static struct rota *
rr_find_schedule(const struct rules *r, const char *name)
{
	for (size_t i = 0; i < r->nschedules; i++)
		if (strcmp(rota_name(r->schedules[i]), name) == 0)
			return r->schedules[i];
	return NULL;
}

static void
rr_schedules(struct rules_maker *m)
{
	const struct rota_conf *c = m->conf->schedules.v;
	size_t n = m->conf->schedules.n;
	struct rules *r = m->rules;

	r->schedules = RULES_ROOM(m, struct rota *, n);
	for (size_t i = 0; i < n; i++, c++) {
		const struct rota_override_conf *over = c->overrides.v;

		for (size_t k = 0; k < c->people.n; k++)
			rr_person(m, c->people.v[k], &c->people.marks[k]);
		for (size_t k = 0; k < c->overrides.n; k++)
			rr_person(m, over[k].person.text, &over[k].person.mark);
		if (rr_find_schedule(r, c->name) != NULL)
			rules_twice(m, "schedules", c->name, &c->mark);
		else if (rota_read(c, m->arena, m->errors,
				   &r->schedules[r->nschedules]))
			r->nschedules++;
	}
}

/* Was there one of that name, good or not? */
static bool
rr_has_schedule(const struct alerts_conf *conf, const char *name)
{
	const struct rota_conf *c = conf->schedules.v;

	for (size_t i = 0; i < conf->schedules.n; i++)
		if (strcmp(c[i].name, name) == 0)
			return true;
	return false;
}

static const struct rota_conf *
rr_schedule_conf(const struct alerts_conf *conf, const char *name)
{
	const struct rota_conf *c = conf->schedules.v;

	while (strcmp(c->name, name) != 0)
		c++;
	return c;
}

/* PERSON to V, unless it is there. */
static void
rr_add_standby(const struct rules_person **v, size_t *n,
	       const struct rules_person *person)
{
	for (size_t i = 0; i < *n; i++)
		if (v[i] == person)
			return;
	v[(*n)++] = person;
}

static void
rr_receiver_schedules(struct rules_maker *m,
		      const struct alert_receiver_conf *c,
		      struct rules_receiver *to)
{
	const struct rota **v =
		RULES_ROOM(m, const struct rota *, c->schedules.n);
	const struct rules_person **standby =
		RULES_ROOM(m, const struct rules_person *, m->rules->npeople);

	for (size_t i = 0; i < c->schedules.n; i++) {
		const char *name = c->schedules.v[i];
		const struct rota *rota = rr_find_schedule(m->rules, name);
		const struct rota_conf *conf;

		if (!rr_has_schedule(m->conf, name))
			RULES_UNKNOWN(m, "schedule", schedules,
				      struct rota_conf, name,
				      &c->schedules.marks[i]);
		if (rota == NULL)
			continue;
		v[to->nschedules++] = rota;
		conf = rr_schedule_conf(m->conf, name);
		for (size_t k = 0; k < conf->people.n; k++) {
			const struct rules_person *p =
				rules_person(m->rules, conf->people.v[k]);

			if (p != NULL)
				rr_add_standby(standby, &to->nstandby, p);
		}
	}
	to->schedules = v;
	to->standby = standby;
}

/* --- mail ---------------------------------------------------------------------- */

static const struct rules_person *
rr_whose(const struct rules *r, const char *address)
{
	for (size_t i = 0; i < r->npeople; i++)
		if (strcasecmp(r->people[i].mail, address) == 0)
			return &r->people[i];
	return NULL;
}

static void
rr_add_mail(struct rules_mail *v, size_t *n, const char *address,
	    const struct rules_person *person)
{
	for (size_t i = 0; i < *n; i++)
		if (strcasecmp(v[i].address, address) == 0)
			return;
	v[(*n)++] = (struct rules_mail){address, person};
}

static void
rr_receiver_mail(struct rules_maker *m, const struct conf_strings *people,
		 const struct conf_strings *mail, struct rules_receiver *to)
{
	size_t n = (people != NULL ? people->n : 0) + mail->n;
	struct rules_mail *v = RULES_ROOM(m, struct rules_mail, n);

	for (size_t i = 0; people != NULL && i < people->n; i++) {
		const struct rules_person *p =
			rr_person(m, people->v[i], &people->marks[i]);

		if (p != NULL)
			rr_add_mail(v, &to->nmail, p->mail, p);
	}
	for (size_t i = 0; i < mail->n; i++)
		rr_add_mail(v, &to->nmail, arena_strdup(m->arena, mail->v[i]),
			    rr_whose(m->rules, mail->v[i]));
	to->mail = v;
}

/* --- endpoints ------------------------------------------------------------------ */

/* The next of TO's, with nothing but its name, and whom it believes. */
static struct rules_endpoint *
rr_endpoint(struct rules_maker *m, struct rules_receiver *to,
	    struct rules_endpoint *v, enum channel channel, const void *entry,
	    const struct conf_mark *mark, const struct conf_text *ca_file)
{
	struct rules_endpoint *e = &v[to->nendpoints++];

	*e = (struct rules_endpoint){
		.name = endpoint_name(m->arena, to->name, channel, entry),
		.channel = channel,
		.mark = rules_copy_mark(m, mark),
		.url = "",
		.method = alert_method_names[ALERT_POST],
		.body = "",
		.authorization = "Bearer",
		.ca_file = ca_file != NULL && ca_file->text[0] != '\0'
				   ? arena_strdup(m->arena, ca_file->text)
				   : NULL,
	};
	for (struct rules_endpoint *o = v; o < e; o++)
		if (strcmp(o->name, e->name) == 0)
			conf_error(m->errors, mark,
				   "the receiver `%s` has the same of `%s` "
				   "twice: give each a `name` of its own",
				   to->name, channel_names[channel]);
	return e;
}

/* "2xx" or "202", as the table checked. */
static struct rules_codes
rr_codes(const char *text)
{
	int first = (text[0] - '0') * 100;

	if (text[1] == 'x')
		return (struct rules_codes){first, first + 99};
	return (struct rules_codes){atoi(text), atoi(text)};
}

static void
rr_webhook(struct rules_maker *m, const struct alert_webhook_conf *c,
	   struct rules_endpoint *e)
{
	struct rules_header *headers =
		RULES_ROOM(m, struct rules_header, c->headers.n);
	struct rules_codes *codes =
		RULES_ROOM(m, struct rules_codes, c->success.n);

	for (size_t i = 0; i < c->headers.n; i++)
		headers[i] = (struct rules_header){
			arena_strdup(m->arena, c->headers.names[i]),
			arena_strdup(m->arena, c->headers.v[i].text)};
	for (size_t i = 0; i < c->success.n; i++)
		codes[i] = rr_codes(c->success.v[i]);
	e->url = arena_strdup(m->arena, c->url);
	e->method = alert_method_names[c->method];
	e->nheaders = c->headers.n;
	e->headers = headers;
	e->body = arena_strdup(m->arena, c->body.text);
	e->authorization = arena_strdup(m->arena, c->authorization);
	e->ncodes = c->success.n;
	e->codes = codes;
}

static void
rr_receiver_endpoints(struct rules_maker *m,
		      const struct alert_receiver_conf *c,
		      struct rules_receiver *to)
{
	size_t n = c->slack.n + c->webhook.n + c->pagerduty.n + c->ntfy.n +
		   c->teams.n + c->exec.n;
	struct rules_endpoint *v = RULES_ROOM(m, struct rules_endpoint, n), *e;
	const struct alert_slack_conf *slack = c->slack.v;
	const struct alert_webhook_conf *webhook = c->webhook.v;
	const struct alert_pagerduty_conf *pagerduty = c->pagerduty.v;
	const struct alert_ntfy_conf *ntfy = c->ntfy.v;
	const struct alert_teams_conf *teams = c->teams.v;
	const struct alert_exec_conf *exec = c->exec.v;

	to->endpoints = v;
	for (size_t i = 0; i < c->slack.n; i++)
		rr_endpoint(m, to, v, CHANNEL_SLACK, &slack[i], &slack[i].mark,
			    &slack[i].ca_file);
	for (size_t i = 0; i < c->webhook.n; i++) {
		e = rr_endpoint(m, to, v, CHANNEL_WEBHOOK, &webhook[i],
				&webhook[i].mark, &webhook[i].ca_file);
		rr_webhook(m, &webhook[i], e);
	}
	for (size_t i = 0; i < c->pagerduty.n; i++) {
		e = rr_endpoint(m, to, v, CHANNEL_PAGERDUTY, &pagerduty[i],
				&pagerduty[i].mark, NULL);
		e->url = arena_strdup(m->arena, pagerduty[i].url);
	}
	for (size_t i = 0; i < c->ntfy.n; i++) {
		e = rr_endpoint(m, to, v, CHANNEL_NTFY, &ntfy[i], &ntfy[i].mark,
				&ntfy[i].ca_file);
		e->url = arena_strdup(m->arena, ntfy[i].url);
	}
	for (size_t i = 0; i < c->teams.n; i++)
		rr_endpoint(m, to, v, CHANNEL_TEAMS, &teams[i], &teams[i].mark,
			    NULL);
	for (size_t i = 0; i < c->exec.n; i++) {
		e = rr_endpoint(m, to, v, CHANNEL_EXEC, &exec[i], &exec[i].mark,
				NULL);
		e->ncommand = exec[i].command.n;
		e->command = rules_copy_strings(m, &exec[i].command);
		e->time_ms = exec[i].time_ms;
	}
}

/* --- receivers ------------------------------------------------------------------ */

static void
rr_receiver(struct rules_maker *m, const struct alert_receiver_conf *c)
{
	struct rules *r = m->rules;
	struct rules_receiver *to = &r->receivers[r->nreceivers];

	if (rules_find_receiver(r, c->name) != NULL) {
		if (strcmp(c->name, ALERTS_DEFAULT_RECEIVER) == 0 &&
		    m->conf->mail.n > 0)
			conf_error(m->errors, &c->mark,
				   "the receiver `%s` is made by `mail` of "
				   "`alerts`; call this one otherwise",
				   c->name);
		else
			rules_twice(m, "receivers", c->name, &c->mark);
	}
	*to = (struct rules_receiver){
		.name = arena_strdup(m->arena, c->name),
		.limit = c->rate.limit,
		.burst = c->rate.burst,
		.digest_ms = c->rate.digest_ms,
		.fallback_after_ms = c->fallback.after_ms,
		.fallback_after_critical_ms = c->fallback.after_critical_ms,
		.send_resolved = c->send_resolved,
	};
	rr_receiver_schedules(m, c, to);
	rr_receiver_mail(m, &c->people, &c->mail, to);
	rr_receiver_endpoints(m, c, to);
	to->nobody =
		c->schedules.n + c->people.n + to->nmail + to->nendpoints == 0;
	r->nreceivers++;
}

/* What `mail` of the section makes: as a receiver with nothing but that. */
static void
rr_default_receiver(struct rules_maker *m)
{
	static const char text[] = "name: " ALERTS_DEFAULT_RECEIVER "\n";
	struct rules *r = m->rules;
	struct rules_receiver *to;
	struct alert_receiver_conf c;
	struct arena arena;

	if (m->conf->mail.n == 0)
		return;
	arena_init(&arena);
	conf_load_text(ALERTS_DEFAULT_RECEIVER, text, sizeof(text) - 1,
		       &alert_receiver_table, &arena, m->errors, &c);
	rr_receiver(m, &c);
	arena_done(&arena);
	to = &r->receivers[r->nreceivers - 1];
	rr_receiver_mail(m, NULL, &m->conf->mail, to);
	to->nobody = false;
}

/* Does the way on from R come to R again? At most as far as there are some. */
static bool
rr_is_circle(const struct rules *rules, const struct rules_receiver *r)
{
	const struct rules_receiver *at = r->fallback;

	for (size_t i = 0; at != NULL && at != r && i < rules->nreceivers; i++)
		at = at->fallback;
	return at == r;
}

static void
rr_fallback(struct rules_maker *m, const struct alert_receiver_conf *c)
{
	const struct conf_text *name = &c->fallback.receiver;
	struct rules_receiver *r = rules_find_receiver(m->rules, c->name);
	struct rules_receiver *to;

	if (name->text[0] == '\0')
		return;
	to = rules_find_receiver(m->rules, name->text);
	if (to == NULL) {
		RULES_UNKNOWN(m, "receiver", receivers,
			      struct alert_receiver_conf, name->text,
			      &name->mark);
		return;
	}
	if (to->nobody) {
		conf_error(m->errors, &name->mark,
			   "the fallback `%s` tells nobody", name->text);
		return;
	}
	r->fallback = to;
	if (!rr_is_circle(m->rules, r))
		return;
	r->fallback = NULL;
	conf_error(m->errors, &name->mark,
		   "the fallbacks of `%s` lead back to itself", c->name);
}

void
rules_make_receivers(struct rules_maker *m)
{
	const struct alert_receiver_conf *c = m->conf->receivers.v;
	size_t n = m->conf->receivers.n;

	rr_people(m);
	rr_schedules(m);
	m->rules->receivers = RULES_ROOM(m, struct rules_receiver, n + 1);
	rr_default_receiver(m);
	for (size_t i = 0; i < n; i++)
		rr_receiver(m, &c[i]);
	for (size_t i = 0; i < n; i++)
		rr_fallback(m, &c[i]);
}
