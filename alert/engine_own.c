/*
 * engine_own - what Belfry says itself: alerts of its own, sources that fell
 * silent, a clock that is not to be believed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "alert/engine_flush.h"
#include "alert/engine_own.h"
#include "base/log.h"
#include "base/must.h"
#include "base/xalloc.h"

#define OWN_DELIVERY "AlertNotDelivered"
#define OWN_SILENT   "SourceSilent"
#define OWN_CLOCK    "ClockDoubted"

/* The wall clock against the monotonic one. */
#define CLOCK_JUMP_MS  (10 * ENGINE_MINUTE) /* awake anew */
#define CLOCK_DOUBT_MS ENGINE_HOUR
#define CLOCK_BACK_MS  ENGINE_SECOND
#define CLOCK_REST_MS  ENGINE_DAY

/* --- alerts ------------------------------------------------------------------- */

static void
own_alert(struct engine *e, const char *name, const char *key, bool firing,
	  const char *summary, const char *severity, const char *label,
	  const char *value)
{
	struct labels_builder b;
	struct alert a = {
		.source = source_kind_names[SOURCE_OWN],
		.status = firing ? ALERT_FIRING : ALERT_RESOLVED,
		.url = "",
	};
	struct arena arena;

	arena_init(&arena);
	a.key = arena_strdup(&arena, key);
	labels_builder_init(&b, &arena);
	(void)labels_set(&b, "alertname", name);
	(void)labels_set(&b, "severity", severity);
	(void)labels_set(&b, "source", a.source);
	if (label != NULL)
		(void)labels_set(&b, label, value);
	labels_finish_annotations(&b, &a.labels);
	labels_builder_init(&b, &arena);
	(void)labels_set(&b, "summary", summary);
	labels_finish_annotations(&b, &a.annotations);
	own_say(e, &a, &arena);
}

/* "queue_stuck" as "BelfryQueueStuck". */
static void
own_name(const char *kind, char *ret, size_t size)
{
	size_t n = (size_t)snprintf(ret, size, "Belfry");
	bool upper = true;

	for (; *kind != '\0' && n + 1 < size; kind++) {
		if (*kind == '_') {
			upper = true;
			continue;
		}
		ret[n++] = upper && *kind >= 'a' && *kind <= 'z'
				   ? (char)(*kind - 'a' + 'A')
				   : *kind;
		upper = false;
	}
	ret[n] = '\0';
}

/* What fires from before its kind was left out ends all the same. */
static bool
own_is_wanted(const struct engine *e, const char *kind)
{
	unsigned own = rules_settings(e->rules)->own;

	for (unsigned i = 0; i < ALERT_NOWN; i++)
		if (strcmp(alert_own_names[i], kind) == 0)
			return own >> i & 1;
	return true; /* it can't be left out */
}

void
engine_own(struct engine *e, const char *kind, const char *key, bool firing,
	   const char *summary, const char *severity)
{
	char name[64], *full;

	if (!e->started || (firing && !own_is_wanted(e, kind)))
		return;
	own_name(kind, name, sizeof(name));
	full = xasprintf("%s %s", kind, key);
	own_alert(e, name, full, firing, summary, severity,
		  key[0] != '\0' ? "of" : NULL, key);
	free(full);
}

/* --- of deliveries ---------------------------------------------------------------- */

bool
labels_are_of_delivery(const char *source, const struct labels *labels)
{
	const char *name = labels_get(labels, "alertname");

	return strcmp(source, source_kind_names[SOURCE_OWN]) == 0 &&
	       name != NULL && strcmp(name, "Belfry" OWN_DELIVERY) == 0;
}

bool
incident_is_of_delivery(struct engine *e, const struct incident *in)
{
	struct incident_text text;

	incident_get_text(in, &e->scratch, &text);
	return labels_are_of_delivery(in->source->name, &text.labels);
}

static char *
delivery_key(const struct notice *n)
{
	return xasprintf("delivery %s %s", channel_names[n->channel],
			 n->address);
}

bool
own_says_delivery(struct engine *e, const struct notice *n)
{
	char *key = delivery_key(n);
	uint8_t print[INCIDENT_PRINT];
	const struct incident *in;

	incident_print(source_kind_names[SOURCE_OWN], key, print);
	in = engine_find_print(e, print);
	free(key);
	return in != NULL && job_core(in)->state != INCIDENT_RESOLVED;
}

/* One incident per address; RECEIVER as a label keeps it away from there. */
void
own_delivery(struct engine *e, const struct notice *n, bool firing,
	     const char *words)
{
	char *key = delivery_key(n);
	char *summary = xasprintf("%s %s of receiver %s could not be told: %s",
				  channel_names[n->channel], n->address,
				  n->receiver, words);

	if (!firing ||
	    own_is_wanted(e, alert_own_names[ALERT_OWN_DOUBLE_BOUNCE]))
		own_alert(e, "Belfry" OWN_DELIVERY, key, firing, summary,
			  "warning", "receiver", n->receiver);
	free(key);
	free(summary);
}

/* --- sources ---------------------------------------------------------------------- */

static const struct rules_source *
own_source(const struct engine *e, const char *name)
{
	return rules_source(e->rules, name);
}

int64_t
engine_resend(const struct engine *e, const char *source)
{
	const struct rules_source *s = own_source(e, source);

	return s != NULL ? s->resend_ms : 5 * ENGINE_MINUTE;
}

int64_t
engine_resolve_timeout(const struct engine *e, const char *source)
{
	const struct rules_source *s = own_source(e, source);

	return s != NULL ? s->resolve_timeout_ms : 0;
}

static void
own_silent(struct engine *e, const struct source *s, bool firing, size_t n)
{
	char *key = xasprintf("source_silent %s", s->name);
	char *summary = xasprintf(
		"Nothing has come from %s any more, with %zu alerts open there",
		s->name, n);

	own_alert(e, "Belfry" OWN_SILENT, key, firing, summary, "warning", "of",
		  s->name);
	free(key);
	free(summary);
}

/* It fell silent with all of its N incidents: one alert. False: nobody wants
 * to hear that, so each is told by itself. */
bool
engine_source_silent(struct engine *e, struct source *s, size_t n)
{
	if (!own_is_wanted(e, alert_own_names[ALERT_OWN_SOURCE_SILENT]))
		return false;
	s->silent = true;
	own_silent(e, s, true, n);
	return true;
}

void
engine_source_heard(struct engine *e, struct source *s, int64_t now)
{
	s->heard_ms = now;
	if (!s->silent)
		return;
	s->silent = false;
	s->back_ms = now;
	own_silent(e, s, false, 0);
	engine_replan_all(e);
}

/* --- the clock -------------------------------------------------------------------- */

static bool
clock_is_synced(const struct engine *e)
{
	struct timex t = {.modes = 0};
	int r;

	if (e->deps.clock_is_synced != NULL)
		return e->deps.clock_is_synced();
	r = adjtimex(&t);
	return r >= 0 && r != TIME_ERROR && !(t.status & STA_UNSYNC);
}

static void
clock_doubted(struct engine *e, bool doubt)
{
	e->clock_doubt = doubt;
	log_event(e->deps.log, LOG_WARNING, "alert_clock",
		  LOG_STR("state", doubt ? "doubted" : "accepted"));
	own_alert(e, "Belfry" OWN_CLOCK, "clock", doubt,
		  "The clock was set: no alert expires until it is "
		  "synchronised, or `belfry clock accept`",
		  "warning", NULL, NULL);
}

int64_t
engine_since(const struct engine *e, int64_t past_ms)
{
	return past_ms > engine_now(e) + CLOCK_BACK_MS ? e->awake_since_ms
						       : past_ms;
}

static void
times_move(int64_t *const *v, size_t n, int64_t moved)
{
	for (size_t i = 0; i < n; i++)
		if (*v[i] > 0 && *v[i] + moved > 0)
			*v[i] += moved;
}

static void
core_move(struct group_core *c, int64_t moved)
{
	int64_t *const times[] = {&c->due_ms, &c->flushed_ms, &c->repeat_ms,
				  &c->clock_from_ms};

	times_move(times, sizeof(times) / sizeof(times[0]), moved);
}

static void
edit_move(struct group_edit *ed, int64_t moved)
{
	int64_t *const times[] = {&ed->had_due_ms, &ed->want_ms};

	core_move(&ed->c, moved);
	times_move(times, sizeof(times) / sizeof(times[0]), moved);
}

static void
flushed_move(struct flush_group *fg, int64_t moved)
{
	int64_t *const times[] = {&fg->due_ms, &fg->had_due_ms, &fg->repeat_ms,
				  &fg->clock_from_ms};

	times_move(times, sizeof(times) / sizeof(times[0]), moved);
}

/* With what a flush or a job is about to make of it. */
static void
group_move(struct alert_group *g, int64_t moved)
{
	int64_t *const times[] = {&g->look_ms, &g->later_ms, &g->held_ms};

	core_move(&g->c, moved);
	if (g->edit != NULL)
		edit_move(g->edit, moved);
	if (g->flushed != NULL)
		flushed_move(g->flushed, moved);
	times_move(times, sizeof(times) / sizeof(times[0]), moved);
}

/* The clock was set by MOVED, or went on while we slept: what was due in a while
 * still is. */
static void
clock_moved(struct engine *e, int64_t moved)
{
	struct alert_group *g, *next;

	/* Its end is a time that a person chose: no sleep puts it off. */
	if (e->mute.until_ms != 0 && moved < 0) {
		e->mute.since_ms += moved;
		e->mute.until_ms += moved;
	}
	HASH_ITER(by_id, e->groups, g, next)
	{
		group_move(g, moved);
		group_plan(e, g);
	}
	/* One that goes to another receiver is in both. */
	HASH_ITER(by_print, e->fresh_groups, g, next)
	if (g->edit->is_new)
		group_move(g, moved);
}

/* Nothing expires while the clock is doubted. */
void
own_look_at_clock(struct engine *e)
{
	int64_t wall = clock_wall_ms(e->deps.clock);
	int64_t mono = clock_mono_ms(e->deps.clock);
	int64_t moved = wall - mono - e->wall_minus_mono_ms;

	if (!e->clock_known) {
		e->clock_known = true;
		e->wall_minus_mono_ms = wall - mono;
		return;
	}
	if (moved < -CLOCK_BACK_MS || moved > CLOCK_JUMP_MS) {
		e->wall_minus_mono_ms = wall - mono;
		e->awake_since_ms = wall;
		clock_moved(e, moved);
		if (moved < 0 || moved > CLOCK_DOUBT_MS) {
			e->doubt_mono_ms = mono;
			if (!e->clock_doubt && !clock_is_synced(e))
				clock_doubted(e, true);
		}
		engine_replan_all(e);
	}
	if (e->clock_doubt &&
	    (clock_is_synced(e) || mono - e->doubt_mono_ms >= CLOCK_REST_MS)) {
		e->awake_since_ms = wall;
		clock_doubted(e, false);
		engine_replan_all(e);
	}
}

struct accept {
	struct work work;
	engine_done_fn *done;
	void *arg;
};

static int
accept_prepare(struct engine *e, struct work *w)
{
	(void)w;
	if (!e->clock_doubt)
		return -EALREADY;
	e->awake_since_ms = engine_now(e);
	clock_doubted(e, false);
	engine_replan_all(e);
	return 1;
}

static void
accept_done(struct engine *e, struct work *w, int result)
{
	struct accept *a = (struct accept *)w;

	(void)e;
	a->done(a->arg, result);
	free(a);
}

void
engine_clock_accept(struct engine *e, engine_done_fn *done, void *arg)
{
	struct accept *a = xcalloc(1, sizeof(*a));

	a->done = done;
	a->arg = arg;
	a->work.prepare = accept_prepare;
	a->work.done = accept_done;
	a->work.need = STORE_NEED_RESULT;
	engine_submit(e, &a->work);
}

/* --- what it said before ------------------------------------------------------------ */

/* Whether an address of which nobody is told any more works is of no interest.
 * KEY is as own_delivery() has it. */
static bool
delivery_is_gone(const struct engine *e, const char *key)
{
	char channel[16];
	int at = 0, number;

	/* An address may have spaces. */
	if (sscanf(key, "delivery %15s %n", channel, &at) != 1 || at == 0)
		return false;
	number = engine_channel(channel);
	return number >= 0 &&
	       !rules_has_target(e->rules, (enum channel)number, key + at);
}

typedef void own_see_fn(struct engine *e, void *arg, const char *name,
			const struct incident_text *text);

/* Those of Belfry's own that are not over. */
static void
own_each(struct engine *e, own_see_fn *fn, void *arg)
{
	struct incident *in, *next;

	HASH_ITER(by_id, e->incidents, in, next)
	{
		struct incident_text text;
		const char *name;

		if (in->c.state == INCIDENT_RESOLVED ||
		    strcmp(in->source->name, source_kind_names[SOURCE_OWN]) !=
			    0)
			continue;
		incident_get_text(in, &e->scratch, &text);
		name = labels_get(&text.labels, "alertname");
		if (name != NULL)
			fn(e, arg, name, &text);
	}
}

static void
own_see_loaded(struct engine *e, void *arg, const char *name,
	       const struct incident_text *text)
{
	const char *of = labels_get(&text->labels, "of");

	(void)arg;
	if (strcmp(name, "Belfry" OWN_SILENT) == 0 && of != NULL)
		engine_source(e, of)->silent = true;
	/* A start is a new look at the clock. */
	if (strcmp(name, "Belfry" OWN_CLOCK) == 0)
		own_alert(e, name, "clock", false, "", "warning", NULL, NULL);
}

static void
own_see_rules(struct engine *e, void *arg, const char *name,
	      const struct incident_text *text)
{
	(void)arg;
	if (strcmp(name, "Belfry" OWN_DELIVERY) == 0 &&
	    delivery_is_gone(e, text->key))
		own_alert(e, name, text->key, false, "", "warning", NULL, NULL);
}

void
own_loaded(struct engine *e)
{
	own_each(e, own_see_loaded, NULL);
}

void
own_rules(struct engine *e)
{
	own_each(e, own_see_rules, NULL);
}

struct own_seeing {
	engine_see_own_fn *fn;
	void *arg;
};

static void
own_see(struct engine *e, void *arg, const char *name,
	const struct incident_text *text)
{
	const struct own_seeing *s = arg;
	const char *summary = labels_get(&text->annotations, "summary");

	(void)e;
	(void)name;
	s->fn(s->arg, text->key, summary != NULL ? summary : "");
}

void
engine_each_own(struct engine *e, engine_see_own_fn *fn, void *arg)
{
	struct own_seeing s = {fn, arg};

	own_each(e, own_see, &s);
	arena_done(&e->scratch);
}
