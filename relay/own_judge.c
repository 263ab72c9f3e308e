#include "relay/own_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alerts_conf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "base/xalloc.h"

#define OJ_HOUR_MS       (INT64_C(60) * 60 * 1000)
#define OJ_DAY_MS        (24 * OJ_HOUR_MS)
#define OJ_PAUSED_MS     (15 * INT64_C(60) * 1000)
#define OJ_SOON_MS       (14 * OJ_DAY_MS)
#define OJ_VERY_SOON_MS  (3 * OJ_DAY_MS)
#define OJ_FULL          85 /* per cent of what mail may take */
#define OJ_FULL_AGAIN    80 /* it is over below that */
#define OJ_FULL_CRITICAL 95
#define OJ_MUCH          20 /* deliveries at one domain */
#define OJ_SUMMARY_MAX   400

struct own_entry {
	LIST_ENTRY(own_entry) link;
	enum alert_own kind;
	char *key, *summary; /* owned */
	const char *severity;
	bool seen;
};

#define OJ_WHY_MAX 200
struct own_refused {
	LIST_ENTRY(own_refused) link;
	char *source; /* owned */
	char why[OJ_WHY_MAX];
	const char *help;
	int64_t at_ms; /* the last */
};

/* One look. */
struct oj {
	struct own_judge *j;
	const struct own_facts *f;
	own_say_fn *say;
	void *ctx;
};

static struct own_entry *
oj_find(struct own_judge *j, enum alert_own kind, const char *key)
{
	struct own_entry *e;

	LIST_FOREACH (e, &j->open, link)
		if (e->kind == kind && strcmp(e->key, key) == 0)
			return e;
	return NULL;
}

static struct own_entry *
oj_add(struct own_judge *j, enum alert_own kind, const char *key)
{
	struct own_entry *e = xcalloc(1, sizeof(*e));

	e->kind = kind;
	e->key = xstrdup(key);
	LIST_INSERT_HEAD(&j->open, e, link);
	return e;
}

static void
oj_drop(struct own_entry *e)
{
	LIST_REMOVE(e, link);
	free(e->key);
	free(e->summary);
	free(e);
}

static void
oj_fires(struct oj *o, enum alert_own kind, const char *key,
	 const char *severity, const char *summary)
{
	struct own_entry *e = oj_find(o->j, kind, key);

	if (e == NULL)
		e = oj_add(o->j, kind, key);
	if (e->severity == NULL || strcmp(e->severity, severity) != 0) {
		free(e->summary);
		e->summary = xstrdup(summary);
		e->severity = severity;
	}
	e->seen = true;
	o->say(o->ctx, alert_own_names[kind], key, true, e->summary, severity);
}

static void
oj_over(struct oj *o, enum alert_own kind, const char *key)
{
	struct own_entry *e = oj_find(o->j, kind, key);

	if (e == NULL)
		return;
	o->say(o->ctx, alert_own_names[kind], key, false, e->summary,
	       e->severity);
	oj_drop(e);
}

/* --- the queue ------------------------------------------------------------------- */

/* Since when what could go does not. What was deferred often is old, and ready
 * while it is tried; but a destination that is down is only probed. */
static int64_t
oj_idle(const struct queue_dest_info *d)
{
	return d->down ? d->oldest_ms : d->idle_ms;
}

static bool
oj_is_stuck(const struct own_facts *f, const struct queue_dest_info *d)
{
	int64_t since = oj_idle(d);

	if (strcmp(d->agent, "web") == 0 || strcmp(d->agent, "exec") == 0)
		return false;
	if (since == 0 || f->now_ms - since < f->warn_after_ms)
		return false;
	return f->smarthost || strcmp(d->agent, "smtp") != 0 ||
	       d->waiting >= OJ_MUCH;
}

/* The one that waits for the longest; NULL: none does. */
static const struct queue_dest_info *
oj_stuck(const struct own_facts *f)
{
	const struct queue_dest_info *worst = NULL;

	for (size_t i = 0; i < f->stats->n; i++) {
		const struct queue_dest_info *d = &f->stats->v[i];

		if (oj_is_stuck(f, d) &&
		    (worst == NULL || oj_idle(d) < oj_idle(worst)))
			worst = d;
	}
	return worst;
}

static void
oj_queue(struct oj *o)
{
	const struct own_facts *f = o->f;
	const struct queue_dest_info *d = NULL;
	char summary[OJ_SUMMARY_MAX], since[CLOCK_RFC3339_LEN];
	bool before = o->j->stuck;

	if (f->warn_after_ms > 0 && !f->stats->paused.paused)
		d = oj_stuck(f);
	o->j->stuck = d != NULL;
	if (d == NULL) {
		oj_over(o, ALERT_OWN_QUEUE_STUCK, "");
		return;
	}
	if (!before)
		return; /* after a start or a pause all is ready at once */
	clock_rfc3339(oj_idle(d), since);
	snprintf(summary, sizeof(summary),
		 "%llu deliveries to %s wait, the oldest since %s%s%.200s",
		 (unsigned long long)d->waiting, d->name, since,
		 d->last_reply[0] != '\0' ? ": " : "", d->last_reply);
	oj_fires(o, ALERT_OWN_QUEUE_STUCK, "", "warning", summary);
}

static void
oj_bounces(struct oj *o)
{
	const struct own_facts *f = o->f;
	struct own_judge *j = o->j;
	bool more = f->double_bounces > j->bounces;
	bool open = oj_find(j, ALERT_OWN_DOUBLE_BOUNCE, "") != NULL;

	if (more)
		j->bounce_ms = f->now_ms;
	j->bounces = f->double_bounces;
	if (more || (open && f->now_ms - j->bounce_ms < OJ_HOUR_MS))
		oj_fires(o, ALERT_OWN_DOUBLE_BOUNCE, "", "warning",
			 "Mail failed, and its sender could not be told "
			 "either: see event=double_bounce in the log");
	else if (f->now_ms - j->bounce_ms >= OJ_HOUR_MS)
		oj_over(o, ALERT_OWN_DOUBLE_BOUNCE, "");
}

/* --- the rest ---------------------------------------------------------------------- */

static void
oj_certificate(struct oj *o, const struct own_certificate *c)
{
	int64_t left = c->not_after_ms - o->f->now_ms;
	char summary[OJ_SUMMARY_MAX], until[CLOCK_RFC3339_LEN];

	if (left >= OJ_SOON_MS) {
		oj_over(o, ALERT_OWN_CERTIFICATE, c->file);
		return;
	}
	clock_rfc3339(c->not_after_ms, until);
	snprintf(summary, sizeof(summary),
		 "The certificate in %.250s %s %s: renew it, then reload",
		 c->file, left < 0 ? "has ended at" : "ends at", until);
	oj_fires(o, ALERT_OWN_CERTIFICATE, c->file,
		 left < OJ_VERY_SOON_MS ? "critical" : "warning", summary);
}

/* What this look has not seen is configured no more. */
static void
oj_gone(struct oj *o, enum alert_own kind)
{
	struct own_entry *e, *next;

	for (e = LIST_FIRST(&o->j->open); e != NULL; e = next) {
		next = LIST_NEXT(e, link);
		if (e->kind == kind && !e->seen)
			oj_over(o, e->kind, e->key);
	}
}

static void
oj_certificates(struct oj *o)
{
	for (size_t i = 0; i < o->f->ncertificates; i++)
		oj_certificate(o, &o->f->certificates[i]);
	oj_gone(o, ALERT_OWN_CERTIFICATE);
}

/* --- sources ----------------------------------------------------------------------- */

static struct own_refused *
oj_refused_of(struct own_judge *j, const char *source)
{
	struct own_refused *r;

	LIST_FOREACH (r, &j->refused, link)
		if (strcmp(r->source, source) == 0)
			return r;
	return NULL;
}

static void
oj_forget(struct own_refused *r)
{
	LIST_REMOVE(r, link);
	free(r->source);
	free(r);
}

void
own_judge_refused(struct own_judge *j, const char *source, const char *why,
		  const char *help, int64_t now_ms)
{
	struct own_refused *r = oj_refused_of(j, source);

	if (r == NULL) {
		r = xcalloc(1, sizeof(*r));
		r->source = xstrdup(source);
		LIST_INSERT_HEAD(&j->refused, r, link);
	}
	utf8_copy(why, r->why, sizeof(r->why));
	r->help = help;
	r->at_ms = now_ms;
}

static void
oj_source(struct oj *o, const char *name)
{
	const struct own_refused *r = oj_refused_of(o->j, name);
	char *summary;

	if (r == NULL) {
		oj_over(o, ALERT_OWN_REFUSED, name);
		return;
	}
	summary =
		xasprintf("Alerts of the source %s were refused and are lost: "
			  "%s; %s",
			  name, r->why, r->help);
	oj_fires(o, ALERT_OWN_REFUSED, name, "warning", summary);
	free(summary);
}

static void
oj_refused(struct oj *o)
{
	struct own_refused *r, *next;

	for (r = LIST_FIRST(&o->j->refused); r != NULL; r = next) {
		next = LIST_NEXT(r, link);
		if (o->f->now_ms - r->at_ms >= OJ_HOUR_MS)
			oj_forget(r);
	}
	for (size_t i = 0; i < o->f->nsources; i++)
		oj_source(o, o->f->sources[i].name);
	oj_gone(o, ALERT_OWN_REFUSED);
}

/* --- the store --------------------------------------------------------------------- */

/* Per cent of what mail may take, as `belfry status` has it; 100: it is
 * refused. A store without a size is never full. */
static unsigned
oj_fullness(const struct queue_stats *s)
{
	uint64_t mail = s->limit_bytes > s->reserve_bytes
				? s->limit_bytes - s->reserve_bytes
				: 0;

	if (s->limit_bytes == 0)
		return 0;
	if (s->used_bytes >= mail)
		return 100;
	return (unsigned)((double)s->used_bytes * 100 / (double)mail);
}

static void
oj_store(struct oj *o)
{
	bool open = oj_find(o->j, ALERT_OWN_STORE, "") != NULL;
	unsigned full = oj_fullness(o->f->stats);
	char summary[OJ_SUMMARY_MAX];

	if (full < (open ? OJ_FULL_AGAIN : OJ_FULL)) {
		oj_over(o, ALERT_OWN_STORE, "");
		return;
	}
	if (full < 100)
		snprintf(summary, sizeof(summary),
			 "The store is full to %u per cent: at 100 mail is "
			 "refused",
			 full);
	else
		snprintf(summary, sizeof(summary),
			 "The store is full: mail is refused");
	oj_fires(o, ALERT_OWN_STORE, "",
		 full >= OJ_FULL_CRITICAL ? "critical" : "warning", summary);
}

static void
oj_paused(struct oj *o)
{
	const struct queue_paused *p = &o->f->stats->paused;
	char summary[OJ_SUMMARY_MAX], since[CLOCK_RFC3339_LEN];

	if (!p->paused || o->f->now_ms - p->since_ms < OJ_PAUSED_MS) {
		oj_over(o, ALERT_OWN_PAUSED, "");
		return;
	}
	clock_rfc3339(p->since_ms, since);
	snprintf(summary, sizeof(summary),
		 "Nothing is delivered%s: paused since %s, %.250s",
		 p->alerts ? ", no alerts either" : "", since, p->reason);
	oj_fires(o, ALERT_OWN_PAUSED, "", "warning", summary);
}

void
own_judge_look(struct own_judge *j, const struct own_facts *f, own_say_fn *say,
	       void *ctx)
{
	struct oj o = {j, f, say, ctx};
	struct own_entry *e;

	LIST_FOREACH (e, &j->open, link)
		e->seen = false;
	oj_queue(&o);
	oj_bounces(&o);
	oj_certificates(&o);
	oj_store(&o);
	oj_paused(&o);
	oj_refused(&o);
}

void
own_judge_init(struct own_judge *j, int64_t now_ms)
{
	*j = (struct own_judge){.bounce_ms = now_ms};
	LIST_INIT(&j->open);
	LIST_INIT(&j->refused);
}

/* What was refused last is not known: an hour is enough in any case. */
static void
oj_said(struct own_judge *j, enum alert_own kind, const char *key,
	const char *summary, int64_t now_ms)
{
	struct own_entry *e = oj_find(j, kind, key);

	if (e != NULL)
		return;
	e = oj_add(j, kind, key);
	e->severity = "warning";
	e->summary = xstrdup(summary);
	if (kind == ALERT_OWN_REFUSED && oj_refused_of(j, key) == NULL)
		own_judge_refused(j, key, "", "", now_ms);
}

void
own_judge_said(struct own_judge *j, const char *key, const char *summary,
	       int64_t now_ms)
{
	for (int kind = 0; kind < ALERT_NOWN; kind++) {
		size_t len = strlen(alert_own_names[kind]);

		if (kind != ALERT_OWN_SOURCE_SILENT && /* the engine's */
		    strncmp(key, alert_own_names[kind], len) == 0 &&
		    key[len] == ' ')
			oj_said(j, (enum alert_own)kind, key + len + 1, summary,
				now_ms);
	}
}

void
own_judge_done(struct own_judge *j)
{
	while (!LIST_EMPTY(&j->open))
		oj_drop(LIST_FIRST(&j->open));
	while (!LIST_EMPTY(&j->refused))
		oj_forget(LIST_FIRST(&j->refused));
}
