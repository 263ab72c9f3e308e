/*
 * render_words - the phrases: what happened, for how long, and what that means.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "alert/render_impl.h"
#include "alert/zone.h"
#include "base/utf8.h"

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

/* --- times ------------------------------------------------------------------ */

const char *
render_duration(struct arena *arena, int64_t ms)
{
	int64_t s = ms > 0 ? ms / 1000 : 0, min = s / 60, h = min / 60;
	int64_t d = h / 24;

	if (min == 0)
		return arena_printf(arena, "%d s", (int)s);
	if (h == 0)
		return arena_printf(arena, "%d min", (int)min);
	if (d == 0)
		return min % 60 == 0 ? arena_printf(arena, "%d h", (int)h)
				     : arena_printf(arena, "%d h %d min",
						    (int)h, (int)(min % 60));
	return h % 24 == 0 ? arena_printf(arena, "%lld d", (long long)d)
			   : arena_printf(arena, "%lld d %d h", (long long)d,
					  (int)(h % 24));
}

const char *
render_when(const struct render_scope *s, int64_t wall_ms)
{
	char text[ZONE_TEXT_MAX];

	if (wall_ms == 0)
		return "";
	zone_format(s->zone, wall_ms, text);
	return arena_strdup(s->arena, text);
}

#define DAY_LEN   ((size_t)10) /* "2026-11-22" */
#define CLOCK_LEN 5            /* "14:05" */

const char *
render_span(const struct render_scope *s, int64_t from_ms, int64_t to_ms)
{
	const char *from = render_when(s, from_ms), *to = render_when(s, to_ms);
	const char *now = render_when(s, s->notice->now_ms);

	if (from[0] == '\0' || to[0] == '\0')
		return from[0] != '\0' ? from : to;
	if (strncmp(from, to, DAY_LEN) != 0)
		return arena_printf(s->arena, "%s - %s", from, to);
	return arena_printf(
		s->arena, "%.*s%.*s-%s",
		strncmp(from, now, DAY_LEN) == 0 ? 0 : (int)DAY_LEN + 1, from,
		CLOCK_LEN, from + DAY_LEN + 1, to + DAY_LEN + 1);
}

/* --- texts ------------------------------------------------------------------ */

/* Slack counts what stands there for these, and the "&gt; " of a line. */
static size_t
char_cost(uint32_t c, enum mustache_escape escape)
{
	if (escape == MUSTACHE_SLACK && c == '\n')
		return 6;
	return escape == MUSTACHE_SLACK && (c == '&' || c == '<' || c == '>')
		       ? 5
		       : 1;
}

const char *
render_cut(const struct render_scope *s, const char *text, size_t max)
{
	size_t len = strlen(text), at = 0, used = 0, keep = 0, n;

	max >>= s->halved;
	for (; at < len; at += n) {
		uint32_t c = 0;

		if (used + 3 <= max)
			keep = at;
		n = utf8_next(text + at, len - at, &c);
		n = n > 0 ? n : 1;
		used += char_cost(c, s->limits->escape);
		if (used > max)
			return arena_printf(s->arena, "%.*s...", (int)keep,
					    text);
	}
	return text;
}

/* What would end a link somewhere: in HTML, in Slack's <URL|text>, in a line. */
static bool
url_stays(unsigned char c)
{
	return c > ' ' && c < 0x7f && strchr("\"'<>\\^`{|}", c) == NULL;
}

const char *
render_url(const struct render_scope *s, const char *url)
{
	char *out, *at;

	if (url == NULL || (strncasecmp(url, "http://", 7) != 0 &&
			    strncasecmp(url, "https://", 8) != 0))
		return "";
	out = at = arena_alloc(s->arena, strlen(url) * 3 + 1);
	for (; *url != '\0'; url++) {
		unsigned char c = (unsigned char)*url;

		if (url_stays(c))
			*at++ = (char)c;
		else
			at += snprintf(at, 4, "%%%02X", c);
	}
	/* A piece of one leads nowhere. */
	return (size_t)(at - out) <= s->limits->url >> s->halved ? out : "";
}

const char *
render_severity(const struct render_notice *n)
{
	const char *first = NULL;

	for (size_t i = 0; i < n->n; i++) {
		const char *s = labels_get(n->v[i].labels, "severity");

		if (n->critical && n->v[i].critical)
			return s != NULL ? s : "critical";
		if (i > 0 && strcmp(or_empty(s), first) != 0)
			return n->critical ? "critical" : "";
		first = or_empty(s);
	}
	return first != NULL ? first : n->critical ? "critical" : "";
}

bool
render_is_over(const struct render_notice *n)
{
	return n->kind == NOTICE_RECOVERY || n->kind == NOTICE_WAS_DOWN ||
	       (n->kind == NOTICE_CLOSED && n->nfiring + n->nstale == 0);
}

bool
render_can_act(const struct render_notice *n)
{
	return !render_is_over(n) && n->kind != NOTICE_MUTE_BEGIN &&
	       n->kind != NOTICE_MUTE_END;
}

bool
render_can_ack(const struct render_notice *n)
{
	bool left = n->n < n->nfiring + n->nstale + n->nresolved;

	for (size_t i = 0; i < n->n; i++)
		left |= n->v[i].state != INCIDENT_RESOLVED &&
			or_empty(n->v[i].acked_by)[0] == '\0';
	return left && render_can_act(n);
}

/* --- the headline ------------------------------------------------------------- */

static const char *
count(const struct render_scope *s, size_t n)
{
	return arena_printf(s->arena, "%zu alert%s", n, n == 1 ? "" : "s");
}

/* ", critical, since 14:05 CET (12 min)". */
static const char *
since(const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	const char *severity = render_severity(n);

	if (n->since_ms == 0)
		return "";
	return arena_printf(s->arena, "%s%s, since %s (%s)",
			    severity[0] != '\0' ? ", " : "", severity,
			    render_when(s, n->since_ms),
			    render_duration(s->arena, n->now_ms - n->since_ms));
}

/* " after 41 min (14:04-14:46 CET)". */
static const char *
after(const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	int64_t until = n->until_ms != 0 ? n->until_ms : n->now_ms;

	if (n->since_ms == 0)
		return "";
	/* It was over before its source had told of it. */
	if (until <= n->since_ms)
		return arena_printf(s->arena, ", over since %s",
				    render_when(s, until));
	return arena_printf(s->arena, " after %s (%s)",
			    render_duration(s->arena, until - n->since_ms),
			    render_span(s, n->since_ms, until));
}

static size_t
count_new(const struct render_notice *n)
{
	size_t k = 0;

	for (size_t i = 0; i < n->n; i++)
		k += n->v[i].is_new && n->v[i].state == INCIDENT_OPEN;
	return k;
}

static const char *
by(const struct render_scope *s)
{
	return or_empty(s->notice->who)[0] != '\0'
		       ? arena_printf(s->arena, " by %s",
				      render_cut(s, s->notice->who, 100))
		       : "";
}

static const char *
headline_was_down(const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	int64_t until = n->until_ms != 0 ? n->until_ms : n->now_ms;

	if (until <= n->since_ms)
		return arena_printf(s->arena, "WAS DOWN, over since %s",
				    render_when(s, until));
	return arena_printf(s->arena, "WAS DOWN %s (%s), and is over",
			    render_span(s, n->since_ms, until),
			    render_duration(s->arena, until - n->since_ms));
}

/* Where all are, as after a mute, "new" would say no more; of those that are not
 * listed nobody knows. */
static const char *
headline_more(const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	const char *firing = count(s, n->nfiring);
	size_t fresh = count_new(n);
	bool listed = n->n >= n->nfiring + n->nresolved + n->nstale;

	if (fresh >= n->nfiring)
		return arena_printf(s->arena, "FIRING: %s%s", firing, since(s));
	return arena_printf(s->arena, "FIRING: %zu%s new, %s in all%s", fresh,
			    !listed && fresh == n->n ? " or more" : "", firing,
			    since(s));
}

static const char *
headline_mute(const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	size_t missed = n->nresolved + n->nstale;

	if (n->kind == NOTICE_MUTE_END && n->nfiring + missed > 0)
		return arena_printf(s->arena,
				    "NO LONGER MUTED%s: %zu missed, %s firing",
				    by(s), missed, count(s, n->nfiring));
	if (n->kind == NOTICE_MUTE_END)
		return arena_printf(s->arena, "NO LONGER MUTED%s", by(s));
	return arena_printf(s->arena, "MUTED until %s%s",
			    render_when(s, n->until_ms), by(s));
}

const char *
render_headline(const struct render_scope *s)
{
	const struct render_notice *n = s->notice;
	const char *firing = count(s, n->nfiring);

	switch (n->kind) {
	case NOTICE_FIRING:
	case NOTICE_FALLBACK:
		return arena_printf(s->arena, "FIRING: %s%s", firing, since(s));
	case NOTICE_MORE:
		return headline_more(s);
	case NOTICE_REMINDER:
		return arena_printf(s->arena, "STILL FIRING: %s%s", firing,
				    since(s));
	case NOTICE_ESCALATION:
		return arena_printf(s->arena, "NOT ACKNOWLEDGED: %s%s", firing,
				    since(s));
	case NOTICE_RECOVERY:
		return arena_printf(s->arena, "RESOLVED: %s%s",
				    count(s, n->nresolved), after(s));
	case NOTICE_PARTLY:
		return arena_printf(s->arena,
				    "PARTLY RESOLVED: %zu over, %s still "
				    "firing%s",
				    n->nresolved, firing, since(s));
	case NOTICE_WAS_DOWN:
		return headline_was_down(s);
	case NOTICE_STALE:
		return arena_printf(s->arena, "NO LONGER REPORTED: %s%s",
				    count(s, n->nstale), since(s));
	case NOTICE_FLAPPING:
		return arena_printf(
			s->arena, "FLAPPING: %s%s",
			count(s, n->nfiring + n->nresolved + n->nstale),
			since(s));
	case NOTICE_DIGEST:
		return arena_printf(s->arena, "DIGEST: %s firing, %zu over",
				    firing, n->nresolved);
	case NOTICE_MUTE_BEGIN:
	case NOTICE_MUTE_END:
		return headline_mute(s);
	case NOTICE_CLOSED:
		if (!render_is_over(n))
			return arena_printf(
				s->arena, "CLOSED%s: %zu over, %s still firing",
				by(s), n->nresolved, firing);
		return arena_printf(s->arena, "CLOSED%s%s", by(s), after(s));
	case NOTICE_ACKED:
		return arena_printf(s->arena, "ACKNOWLEDGED%s: %s%s", by(s),
				    firing, since(s));
	case NOTICE_NKIND:
		break;
	}
	return "";
}

const char *
render_explain(const struct render_notice *n)
{
	switch (n->kind) {
	case NOTICE_ESCALATION:
		return "Nobody has acknowledged it so far, so it goes further, "
		       "to you.";
	case NOTICE_FALLBACK:
		return "It comes to you because not all who should have it "
		       "could be told.";
	case NOTICE_STALE:
		return "What reported it has stopped doing so. That is no "
		       "recovery: nobody knows how it is. You hear of it again "
		       "when something reports it.";
	case NOTICE_FLAPPING:
		return "It comes and goes so often that not every change is "
		       "told. You hear of it again when it has calmed down.";
	case NOTICE_DIGEST:
		return "What was held back, or came at the same time, is told "
		       "together.";
	case NOTICE_MUTE_BEGIN:
		return "Alerts are still taken and recorded, but nobody is "
		       "told until then.";
	case NOTICE_MUTE_END:
		return "Alerts are told again.";
	case NOTICE_WAS_DOWN:
		return "It was over before you could be told of its beginning.";
	case NOTICE_FIRING:
	case NOTICE_MORE:
	case NOTICE_REMINDER:
	case NOTICE_RECOVERY:
	case NOTICE_PARTLY:
	case NOTICE_CLOSED:
	case NOTICE_NKIND:
		break;
	case NOTICE_ACKED:
		/* What all have acknowledged has no next. */
		if (n->next_ms != 0)
			return "Others of the group are not acknowledged.";
		break;
	}
	return "";
}
