/*
 * render_tree - a notice as the tree of values that the templates see. All of
 * it lies in the arena of one rendering.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alert/render_fields.h"
#include "alert/severity.h"
#include "alert/zone.h"
#include "base/crc32c.h"
#include "base/must.h"

#define TITLE_MAX   250 /* characters */
#define SHORT_MAX   100
#define KEY_MAX     255
#define MESSAGE_MAX 1000 /* bytes */
#define TEXT_MAX    15000
#define HALVED_MAX  5

/* --- the notice ---------------------------------------------------------------- */

static void
add_alerts(struct fields *f, const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	/* What fires at the end of a mute is told by itself. */
	size_t all = (n->kind == NOTICE_MUTE_END ? 0 : n->nfiring) +
		     n->nresolved + n->nstale;
	struct mustache_value *items =
		arena_alloc(s->arena, (s->shown + 1) * sizeof(*items));
	struct labels shared = render_common(s, false),
		      notes = render_common(s, true);

	if (all < n->n)
		all = n->n;
	for (size_t i = 0; i < s->shown; i++)
		items[i] = render_alert_tree(s, &n->v[i], &shared);
	fields_add(f, "alerts", fields_list(items, s->shown));
	fields_text(f, "more",
		    all > s->shown
			    ? arena_printf(s->arena, "%zu", all - s->shown)
			    : "");
	fields_number(f, "not_shown", s->arena, all - s->shown);
	fields_number(f, "nalerts", s->arena, all);
	fields_number(f, "nfiring", s->arena, n->nfiring);
	fields_number(f, "nresolved", s->arena, n->nresolved);
	fields_number(f, "nstale", s->arena, n->nstale);
	fields_labels(f, s, "labels", "label_list", n->group_labels);
	fields_labels(f, s, "common_labels", "common_label_list", &shared);
	fields_labels(f, s, NULL, "common_annotation_list", &notes);
}

static const char *
emoji(const struct render_notice *n)
{
	switch (n->kind) {
	case NOTICE_RECOVERY:
	case NOTICE_WAS_DOWN:
		return "\xe2\x9c\x85"; /* a check mark */
	case NOTICE_CLOSED:
		if (render_is_over(n))
			return "\xe2\x9c\x85";
		break;
	case NOTICE_STALE:
		return "\xe2\x9d\x93"; /* a question mark */
	case NOTICE_MUTE_BEGIN:
		return "\xf0\x9f\x94\x87"; /* a loudspeaker, crossed out */
	case NOTICE_MUTE_END:
		return "\xf0\x9f\x94\x8a"; /* a loudspeaker */
	case NOTICE_ACKED:
		return "\xf0\x9f\x91\x80"; /* eyes */
	case NOTICE_FIRING:
	case NOTICE_MORE:
	case NOTICE_REMINDER:
	case NOTICE_ESCALATION:
	case NOTICE_FALLBACK:
	case NOTICE_PARTLY:
	case NOTICE_FLAPPING:
	case NOTICE_DIGEST:
	case NOTICE_NKIND:
		break;
	}
	return n->critical ? "\xf0\x9f\x94\xa5" /* a fire */
			   : "\xe2\x9a\xa0\xef\xb8\x8f" /* a warning */;
}

static void
add_state(struct fields *f, const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	bool over = render_is_over(n);
	struct fields is = {.n = 0};

	fields_text(f, "kind", notice_kind_names[n->kind]);
	fields_flag(&is, notice_kind_names[n->kind], true);
	fields_add(f, "is", fields_object(s->arena, &is));
	fields_text(f, "status", over ? "resolved" : "firing");
	fields_flag(f, "over", over);
	fields_flag(f, "critical", n->critical);
	fields_text(f, "severity", render_severity(n));
	fields_text(f, "emoji", emoji(n));
	fields_text(f, "title",
		    render_cut(s,
			       n->group_subject != NULL ? n->group_subject : "",
			       TITLE_MAX));
	fields_text(f, "short_title",
		    render_cut(s,
			       n->group_subject != NULL ? n->group_subject : "",
			       SHORT_MAX));
	fields_text(f, "headline", render_headline(s));
	fields_text(f, "explain", render_explain(n));
	fields_text(f, "who", n->who);
	fields_text(f, "note",
		    n->note != NULL ? render_cut(s, n->note, s->limits->summary)
				    : "");
}

static void
add_times(struct fields *f, const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	bool over = render_is_over(n) && n->until_ms != 0;

	fields_text(f, "now", render_when(s, n->now_ms));
	fields_text(f, "now_at", render_rfc3339(s, n->now_ms));
	fields_text(f, "since", render_when(s, n->since_ms));
	fields_text(f, "since_at", render_rfc3339(s, n->since_ms));
	fields_text(f, "until", render_when(s, n->until_ms));
	fields_text(f, "until_at", render_rfc3339(s, n->until_ms));
	fields_text(f, "duration",
		    render_duration(s->arena, (over ? n->until_ms : n->now_ms) -
						      n->since_ms));
	fields_text(f, "next", n->next_ms != 0 ? n->next_what : "");
	fields_text(f, "next_at", render_when(s, n->next_ms));
}

/* Nothing is left to do about what is over, or acknowledged. */
static const char *
ack_url(const struct render_scope *s)
{
	return render_can_ack(s->notice) ? render_url(s, s->notice->ack_url)
					 : "";
}

static const char *
silence_url(const struct render_scope *s)
{
	return render_can_act(s->notice) ? render_url(s, s->notice->silence_url)
					 : "";
}

/* What has no URL is left out. */
static void
add_link_lists(struct fields *f, const struct render_scope *s,
	       const char *runbook, const char *url)
{
	const struct render_notice *n = s->notice;
	const char *const links[][2] = {
		{"Acknowledge", ack_url(s)},
		{"Silence", silence_url(s)},
		{"All of it", render_url(s, n->show_url)},
		{"Runbook", runbook},
		{"Source", url},
	};
	struct mustache_value *items =
		arena_alloc(s->arena, 5 * sizeof(*items));
	size_t k = 0, pages = 0;

	for (size_t i = 0; i < 5; i++) {
		struct fields link = {.n = 0};

		if (links[i][1][0] == '\0')
			continue;
		fields_text(&link, "label", links[i][0]);
		fields_text(&link, "url", links[i][1]);
		items[k++] = fields_object(s->arena, &link);
		pages += i < 3;
	}
	fields_add(f, "page_links", fields_list(items, pages));
	fields_add(f, "links", fields_list(items, k));
}

static void
add_links(struct fields *f, const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	const char *runbook = "", *url = "";

	fields_text(f, "ack_url", ack_url(s));
	fields_text(f, "silence_url", silence_url(s));
	fields_text(f, "show_url", render_url(s, n->show_url));
	for (size_t i = 0; i < n->n && runbook[0] == '\0'; i++)
		runbook = render_runbook(s, &n->v[i]);
	for (size_t i = 0; i < n->n && url[0] == '\0'; i++)
		url = render_url(s, n->v[i].url);
	fields_text(f, "url", url);
	fields_text(f, "runbook", runbook);
	add_link_lists(f, s, runbook, url);
	fields_flag(f, "reply",
		    n->reply_token != NULL && s->render->reply[0] != '\0' &&
			    render_can_ack(n));
}

/* A key that is too long for some is what it begins with, and a sum of it. */
static const char *
short_key(const struct render_scope *s, const char *key)
{
	struct render_scope whole = *s;
	size_t len = strlen(key);

	if (len <= KEY_MAX)
		return key;
	whole.halved = 0; /* the same each time */
	return arena_printf(s->arena, "%.*s~%08x",
			    (int)strlen(render_cut(&whole, key, 60)) - 3, key,
			    crc32c(0, key, len));
}

static const char *
pagerduty_action(const struct render_notice *n)
{
	return render_is_over(n)         ? "resolve"
	       : n->kind == NOTICE_ACKED ? "acknowledge"
					 : "trigger";
}

static const char *
pagerduty_severity(const struct render_notice *n)
{
	enum severity severity = severity_of(render_severity(n));

	if (n->critical)
		return "critical";
	if (n->kind == NOTICE_MUTE_BEGIN || n->kind == NOTICE_MUTE_END)
		return "info";
	return severity_names[severity != SEVERITY_UNKNOWN ? severity
							   : SEVERITY_ERROR];
}

static const char *
priority(const struct render_notice *n)
{
	const char *severity = pagerduty_severity(n);

	if (render_is_over(n) || n->kind == NOTICE_ACKED ||
	    strcmp(severity, "info") == 0)
		return "3";
	return n->critical ? "5" : "4";
}

static void
add_sender(struct fields *f, const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	struct fields pd = {.n = 0};
	const char *name, *source = "";

	for (size_t i = 0; i < n->n && source[0] == '\0'; i++)
		source = render_where(n->v[i].labels, &name);
	fields_text(f, "receiver", n->receiver);
	/* A mute comes to a receiver by no route. */
	fields_text(f, "route",
		    n->kind == NOTICE_MUTE_BEGIN || n->kind == NOTICE_MUTE_END
			    ? ""
			    : n->route);
	fields_text(f, "person", n->person);
	fields_text(f, "key", short_key(s, n->key != NULL ? n->key : ""));
	fields_number(f, "seq", s->arena, n->seq);
	fields_text(f, "id", n->message_id);
	fields_text(f, "source",
		    source[0] != '\0' ? render_cut(s, source, TITLE_MAX)
				      : s->render->hostname);
	fields_text(f, "host", s->render->hostname);
	fields_text(f, "external_url", s->render->url);
	fields_text(&pd, "action", pagerduty_action(n));
	fields_text(&pd, "severity", pagerduty_severity(n));
	fields_add(f, "pagerduty", fields_object(s->arena, &pd));
	fields_text(f, "priority", priority(n));
}

/* The text WHICH as a variable of another one, of at most MAX bytes. */
static void
add_rendered(struct fields *f, const struct render_scope *s, const char *name,
	     enum render_text which, size_t max)
{
	const struct render *r = s->render;
	struct buf out;

	if (max > s->limits->max / 4) /* percent-encoded it is up to 3 times */
		max = s->limits->max / 4;
	buf_init(&out, max);
	if (render_fit(r, s->notice, &render_limits[which], r->texts[which],
		       MUSTACHE_PLAIN, &out) == 0)
		fields_lines(f, name, arena_strdup(s->arena, buf_str(&out)));
	else
		fields_text(f, name, render_headline(s));
	buf_done(&out);
}

struct mustache_value
render_tree(const struct render_scope *s, const struct mustache *asks)
{
	struct fields f = {.n = 0};

	add_state(&f, s);
	add_alerts(&f, s);
	add_times(&f, s);
	add_links(&f, s);
	add_sender(&f, s);
	if (mustache_uses(asks, "message"))
		add_rendered(&f, s, "message", RENDER_MESSAGE_TXT, MESSAGE_MAX);
	if (mustache_uses(asks, "text"))
		add_rendered(&f, s, "text", RENDER_MAIL_TXT, TEXT_MAX);
	return fields_object(s->arena, &f);
}

/* --- as many as fit ------------------------------------------------------------- */

void
render_scope_init(struct render_scope *s, const struct render *r,
		  const struct render_notice *n,
		  const struct render_limits *limits)
{
	const char *zone = n->time_zone != NULL ? n->time_zone : "";

	*s = (struct render_scope){
		.render = r,
		.notice = n,
		.limits = limits,
		.shown = n->n < limits->alerts ? n->n : limits->alerts};
	if (zone_open(zone, &s->zone) < 0)
		must(zone_open("UTC", &s->zone) == 0);
}

int
render_one(struct render_scope *s, const struct mustache *m,
	   enum mustache_escape escape, struct buf *out)
{
	size_t before = out->len, ceiling = out->max;
	struct mustache_value root;
	struct arena arena;
	int err;

	arena_init(&arena);
	s->arena = &arena;
	root = render_tree(s, m);
	if (s->limits->max < ceiling - before)
		out->max = before + s->limits->max;
	err = mustache_render(m, &root, escape, out);
	out->max = ceiling;
	if (err < 0)
		out->len = before;
	arena_done(&arena);
	return err == -E2BIG ? -EMSGSIZE : err;
}

bool
render_show_fewer(struct render_scope *s)
{
	if (s->shown == 0)
		return false;
	s->shown = s->shown * 3 / 4;
	return true;
}

/* Once no alert is listed any more: shorter values. */
static bool
render_say_less(struct render_scope *s)
{
	if (s->halved == HALVED_MAX)
		return false;
	s->halved++;
	return true;
}

int
render_fit(const struct render *r, const struct render_notice *n,
	   const struct render_limits *limits, const struct mustache *m,
	   enum mustache_escape escape, struct buf *out)
{
	struct render_scope s;
	int err;

	render_scope_init(&s, r, n, limits);
	do
		err = render_one(&s, m, escape, out);
	while (err == -EMSGSIZE &&
	       (render_show_fewer(&s) || render_say_less(&s)));
	return err;
}
