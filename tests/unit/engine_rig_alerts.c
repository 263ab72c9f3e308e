/* Alerts go in, and what became of them is looked at. */
#include "tests/unit/engine_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"

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

void
engine_rig_post(struct engine_rig *er, const struct engine_alert *v, size_t n)
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
}

int
engine_rig_take(struct engine_rig *er, const struct engine_alert *v, size_t n)
{
	int before = er->answers;

	engine_rig_post(er, v, n);
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
