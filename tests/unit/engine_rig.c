#include "tests/unit/engine_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"

void
engine_rig_open(struct engine_rig *er)
{
	struct engine_deps deps;

	rig_open(&er->rig);
	deps = (struct engine_deps){
		.queue = er->rig.q,
		.loop = er->rig.loop,
		.clock = er->rig.clock,
		.log = &er->rig.log_ctx,
		.metrics = er->rig.metrics,
		.hostname = "mx.example.org",
	};
	must(engine_new(&deps, &er->e) == 0);
	rig_start(&er->rig);
	engine_start(er->e, NULL);
	engine_rig_settle(er);
}

void
engine_rig_init(struct engine_rig *er, const char *dir)
{
	memset(er, 0, sizeof(*er));
	rig_init(&er->rig, dir);
	engine_rig_open(er);
}

void
engine_rig_close(struct engine_rig *er)
{
	if (er->e != NULL)
		engine_stop(er->e);
	if (er->rig.q != NULL)
		rig_settle(&er->rig);
	engine_free(&er->e);
	rig_close(&er->rig);
}

void
engine_rig_done(struct engine_rig *er)
{
	engine_rig_close(er);
	rig_done(&er->rig);
}

void
engine_rig_settle(struct engine_rig *er)
{
	do {
		engine_turn(er->e);
		rig_settle(&er->rig);
	} while (engine_is_busy(er->e));
}

void
engine_rig_advance(struct engine_rig *er, int64_t ms, int64_t step)
{
	while (ms > 0) {
		int64_t part = ms < step ? ms : step;

		clock_advance(er->rig.clock, part);
		engine_rig_settle(er);
		ms -= part;
	}
}

/* --- alerts ----------------------------------------------------------------- */

static void
rig_labels(const char *text, struct arena *arena, struct labels *ret)
{
	struct labels_builder b;
	char *copy = arena_strdup(arena, text != NULL ? text : ""), *save;

	labels_builder_init(&b, arena);
	for (char *p = strtok_r(copy, " ", &save); p != NULL;
	     p = strtok_r(NULL, " ", &save)) {
		char *value = strchr(p, '=');

		must(value != NULL);
		*value++ = '\0';
		must(labels_set(&b, p, value) == 0);
	}
	labels_finish_annotations(&b, ret);
}

void
engine_rig_answered(void *arg, int result)
{
	struct engine_rig *er = arg;

	er->result = result;
	er->answers++;
}

int
engine_rig_take(struct engine_rig *er, const struct engine_alert *v, size_t n)
{
	struct alert *alerts = xcalloc(n, sizeof(*alerts));
	struct arena arena;
	int before = er->answers;

	arena_init(&arena);
	for (size_t i = 0; i < n; i++) {
		alerts[i] = (struct alert){
			.source = v[i].source != NULL ? v[i].source : "test",
			.key = v[i].key,
			.status = v[i].resolved ? ALERT_RESOLVED : ALERT_FIRING,
			.starts_ms = v[i].starts_ms,
			.ends_ms = v[i].ends_ms,
			.url = "",
		};
		rig_labels(v[i].labels, &arena, &alerts[i].labels);
		rig_labels(v[i].annotations, &arena, &alerts[i].annotations);
	}
	er->result = 1;
	engine_take(er->e, alerts, n, engine_rig_answered, er);
	arena_done(&arena);
	free(alerts);
	must(er->answers == before); /* never within the call */
	engine_rig_settle(er);
	must(er->answers == before + 1);
	return er->result;
}

int
engine_rig_fire(struct engine_rig *er, const char *labels)
{
	return engine_rig_take(er, &(struct engine_alert){.labels = labels}, 1);
}

int
engine_rig_resolve(struct engine_rig *er, const char *labels)
{
	return engine_rig_take(
		er, &(struct engine_alert){.labels = labels, .resolved = true},
		1);
}

struct rig_found {
	const struct labels *labels;
	int state;
	uint64_t id;
};

static bool
rig_see(void *arg, const struct incident_view *v)
{
	struct rig_found *found = arg;

	if (!labels_equal(v->labels, found->labels))
		return true;
	found->state = (int)v->state;
	found->id = v->id;
	return true;
}

static struct rig_found
rig_find(struct engine_rig *er, const char *text)
{
	struct rig_found found = {.state = -1};
	struct labels labels;
	struct arena arena;

	arena_init(&arena);
	rig_labels(text, &arena, &labels);
	found.labels = &labels;
	(void)engine_each(er->e, NULL, 0, SIZE_MAX, rig_see, &found);
	arena_done(&arena);
	found.labels = NULL;
	return found;
}

int
engine_rig_state(struct engine_rig *er, const char *labels)
{
	return rig_find(er, labels).state;
}

uint64_t
engine_rig_id(struct engine_rig *er, const char *labels)
{
	return rig_find(er, labels).id;
}

struct rig_history {
	char text[4096];
	bool over;
};

static void
rig_history(void *arg, int result, const struct incident_view *v, size_t n,
	    const struct history_entry *h)
{
	struct rig_history *rh = arg;

	(void)v;
	rh->over = true;
	snprintf(rh->text, sizeof(rh->text), "%s", result < 0 ? "?" : "");
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(rh->text);

		snprintf(rh->text + len, sizeof(rh->text) - len, "%s%s",
			 i > 0 ? ", " : "", h[i].what);
	}
}

const char *
engine_rig_history(struct engine_rig *er, uint64_t id)
{
	static struct rig_history rh;

	rh.over = false;
	engine_show(er->e, id, rig_history, &rh);
	while (!rh.over)
		engine_rig_settle(er);
	return rh.text;
}

int
engine_rig_setup(void **state)
{
	struct engine_rig *er = xcalloc(1, sizeof(*er));

	engine_rig_init(er, NULL);
	*state = er;
	return 0;
}

int
engine_rig_teardown(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_done(er);
	free(er);
	return 0;
}
