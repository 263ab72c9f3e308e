/*
 * render_alert - an alert as the templates see it.
 */
#include <string.h>

#include "alert/render_fields.h"
#include "queue/queue.h"

#define TITLE_MAX 250 /* characters */

static const char *
alert_summary(const struct render_scope *s, const struct render_alert *a)
{
	const char *text = render_label(a->annotations, "summary");

	if (text[0] == '\0')
		text = render_label(a->annotations, "description");
	text += strspn(text, " \t\r\n");
	return render_cut(s,
			  arena_strndup(s->arena, text, strcspn(text, "\r\n")),
			  s->limits->summary);
}

/* What is only named after its source is called what that says. */
static const char *
alert_title(const struct render_scope *s, const struct render_alert *a)
{
	const char *name = render_label(a->labels, "alertname"), *label_name;
	const char *place = render_where(a->labels, &label_name);
	const char *summary = alert_summary(s, a);

	if (summary[0] != '\0' &&
	    strcmp(name, render_label(a->labels, "source")) == 0)
		name = summary;
	if (name[0] == '\0')
		name = "alert";
	if (place[0] != '\0' && strstr(name, place) == NULL)
		name = arena_printf(s->arena, "%s on %s", name, place);
	return render_cut(s, name, TITLE_MAX);
}

/* The labels that neither the title has nor all others share. */
static const char *
alert_details(const struct render_scope *s, const struct render_alert *a,
	      const struct labels *shared)
{
	const struct labels *l = render_labels(a->labels);
	const char *in_title, *text = "";

	if (s->shown < 2)
		return "";
	(void)render_where(l, &in_title);
	for (size_t i = 0; i < l->n; i++) {
		const char *name = l->v[i].name;

		if (strcmp(name, in_title) != 0 &&
		    strcmp(name, "alertname") != 0 &&
		    labels_get(shared, name) == NULL)
			text = arena_printf(s->arena, "%s%s%s=%s", text,
					    text[0] != '\0' ? ", " : "", name,
					    l->v[i].value);
	}
	return render_cut(s, text, s->limits->summary);
}

static struct mustache_value
lines(const struct render_scope *s, const char *text)
{
	struct mustache_value *items;
	size_t n = 1;

	for (const char *p = text; *p != '\0'; p++)
		n += *p == '\n';
	items = arena_alloc(s->arena, n * sizeof(*items));
	n = 0;
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		items[n++] =
			fields_text_value(arena_strndup(s->arena, text, len));
		text += len + (text[len] == '\n');
	}
	return fields_list(items, n);
}

/* What is more than its summary. */
static const char *
alert_description(const struct render_scope *s, const struct render_alert *a)
{
	const char *text = render_label(a->annotations, "description");

	if (render_label(a->annotations, "summary")[0] == '\0' &&
	    strpbrk(text, "\r\n") == NULL)
		return "";
	/* The more alerts, the less of each. */
	return render_cut(s, text, s->limits->description / (1 + s->shown / 5));
}

const char *
render_runbook(const struct render_scope *s, const struct render_alert *a)
{
	const char *url = a->runbook;

	if (url == NULL || url[0] == '\0')
		url = render_label(a->annotations, "runbook_url");
	if (url[0] == '\0')
		url = render_label(a->labels, "runbook_url");
	return render_url(s, url);
}

static const char *
alert_state(const struct render_alert *a)
{
	switch (a->state) {
	case INCIDENT_OPEN:
		return "firing";
	case INCIDENT_STALE:
		return "no longer reported";
	case INCIDENT_RESOLVED:
		return "resolved";
	}
	return "";
}

/* Does "new" tell this one from others? */
static const char *
alert_change(const struct render_notice *n, const struct render_alert *a)
{
	bool others = false;

	for (size_t i = 0; i < n->n; i++)
		others = others || n->v[i].is_new != a->is_new ||
			 n->v[i].state != a->state;
	return others && a->is_new && a->state == INCIDENT_OPEN ? "new" : "";
}

static void
alert_times(struct fields *f, const struct render_scope *s,
	    const struct render_alert *a)
{
	bool over = a->state == INCIDENT_RESOLVED;
	int64_t until =
		over && a->ends_ms != 0 ? a->ends_ms : s->notice->now_ms;
	int64_t since = over && until < a->starts_ms ? until : a->starts_ms;

	fields_text(f, "since", render_when(s, since));
	fields_text(f, "since_at", render_rfc3339(s, since));
	fields_text(f, "duration", render_duration(s->arena, until - since));
	fields_text(f, "ended", over ? render_when(s, until) : "");
	fields_text(f, "ended_at",
		    over ? render_rfc3339(s, until) : "0001-01-01T00:00:00Z");
}

static void
alert_links(struct fields *f, const struct render_scope *s,
	    const struct render_alert *a)
{
	char id[QUEUE_ID_LEN];

	fields_text(f, "url", render_url(s, a->url));
	fields_text(f, "runbook", render_runbook(s, a));
	fields_text(f, "acked_by", a->acked_by);
	queue_id_text(a->incident, id);
	fields_text(f, "incident", arena_strdup(s->arena, id));
	fields_text(f, "fingerprint",
		    arena_printf(s->arena, "%016llx",
				 (unsigned long long)labels_fingerprint(
					 render_labels(a->labels))));
}

struct mustache_value
render_alert_tree(const struct render_scope *s, const struct render_alert *a,
		  const struct labels *shared)
{
	const char *description = alert_description(s, a);
	const char *title = alert_title(s, a), *summary = alert_summary(s, a);
	struct fields f = {.n = 0};

	if (strncmp(title, summary, strlen(summary)) == 0)
		summary = ""; /* it is said */
	fields_text(&f, "title", title);
	fields_text(&f, "name", render_label(a->labels, "alertname"));
	fields_text(&f, "summary", summary);
	fields_lines(&f, "description", description);
	fields_add(&f, "description_lines", lines(s, description));
	fields_text(&f, "details", alert_details(s, a, shared));
	fields_text(&f, "severity", render_label(a->labels, "severity"));
	fields_text(&f, "state", alert_state(a));
	fields_text(&f, "status",
		    a->state == INCIDENT_RESOLVED ? "resolved" : "firing");
	fields_flag(&f, "firing", a->state != INCIDENT_RESOLVED);
	fields_flag(&f, "stale", a->state == INCIDENT_STALE);
	fields_text(&f, "change", alert_change(s->notice, a));
	fields_flag(&f, "critical", a->critical);
	fields_flag(&f, "flapping", a->flapping);
	alert_times(&f, s, a);
	alert_links(&f, s, a);
	fields_labels(&f, s, "labels", "label_list", a->labels);
	fields_labels(&f, s, "annotations", "annotation_list", a->annotations);
	return fields_object(s->arena, &f);
}
