#include "cli/import_alertmanager.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alerts_conf.h"
#include "alert/matcher.h"
#include "base/conf.h"
#include "base/xalloc.h"

#define NAME_MAX_ 64

void
import_am_init(struct import_am *ia)
{
	*ia = (struct import_am){.line = 0};
	import_init(&ia->im, postfix_read_file, NULL);
	buf_init(&ia->out, IMPORT_TEXT_MAX);
}

void
import_am_done(struct import_am *ia)
{
	am_yaml_done(&ia->yaml);
	buf_done(&ia->out);
	import_done(&ia->im);
	free(ia->why);
}

/* --- what its files share ---------------------------------------------------------- */

void
import_am_note(struct import_am *ia, const yaml_node_t *node, const char *key,
	       const char *fmt, ...)
{
	const char *name =
		arena_printf(ia->im.arena, "line %zu, %s", am_line(node), key);
	va_list ap;
	char *why;

	va_start(ap, fmt);
	if (vasprintf(&why, fmt, ap) < 0)
		abort();
	va_end(ap);
	import_note(&ia->im, name, "%s", why);
	free(why);
}

/* Channels of others are requests, which a webhook makes as well. */
static const char *
import_am_advice(const char *key)
{
	const char *end = strstr(key, "_configs");

	return end != NULL && strcmp(end, "_configs") == 0
		       ? "most of these are a `webhook` here: the page on "
			 "channels has some ready to paste"
		       : "nothing here is like it; see what you used it for";
}

/* What is written for nothing: "KEY:", or a word of YAML's own. */
static bool
ia_is_nothing(const yaml_node_t *node)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};
	const char *text = am_text(node);

	if (text == NULL || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

yaml_node_t *
import_am_get_list(struct import_am *ia, yaml_node_t *node, const char *key)
{
	yaml_node_t *list = am_get(&ia->yaml, node, key);

	if (list == NULL || list->type == YAML_SEQUENCE_NODE)
		return list;
	if (!ia_is_nothing(list))
		import_am_note(ia, list, key, "is no list");
	return NULL;
}

yaml_node_t *
import_am_entry(struct import_am *ia, yaml_node_t *list, size_t at,
		const char *key)
{
	yaml_node_t *entry = am_item(&ia->yaml, list, at);

	if (entry != NULL && entry->type != YAML_MAPPING_NODE)
		import_am_note(ia, entry, key, "an entry has no keys");
	return entry;
}

void
import_am_unknown(struct import_am *ia, yaml_node_t *node,
		  const char *const *known)
{
	yaml_node_t *key, *value;

	for (size_t i = 0; am_pair(&ia->yaml, node, i, &key, &value); i++) {
		const char *text = am_text(key);
		size_t at = 0;

		while (text != NULL && known[at] != NULL &&
		       strcmp(known[at], text) != 0)
			at++;
		if (text != NULL && known[at] == NULL &&
		    strcmp(text, "<<") != 0)
			import_am_note(ia, key, text, "%s",
				       import_am_advice(text));
	}
}

void
import_am_put(struct import_am *ia, int depth, const char *fmt, ...)
{
	va_list ap;

	if (ia->lines++ >= IMPORT_AM_LINES_MAX)
		return;
	import_put(&ia->out, "%*s", depth * 2, "");
	va_start(ap, fmt);
	(void)buf_vprintf(&ia->out, fmt, ap); /* as import_put() */
	va_end(ap);
	import_put(&ia->out, "\n");
}

/* A word that YAML takes for nothing is quoted, too. */
const char *
import_am_quote(struct import_am *ia, const char *s)
{
	if (strcmp(s, "null") == 0)
		return "\"null\"";
	return import_quote(&ia->im, s);
}

const char *
import_am_name(struct import_am *ia, const char *name)
{
	char *ours =
		arena_strndup(ia->im.arena, name, strnlen(name, NAME_MAX_));

	for (char *c = ours; *c != '\0'; c++)
		if (*c == '/' || (unsigned char)*c < ' ' || *c == 127)
			*c = '-';
	return import_am_quote(ia, ours);
}

/* The texts of the list KEY as one of ours; NULL: it has none. */
static const char *
ia_texts(struct import_am *ia, yaml_node_t *node, const char *key)
{
	yaml_node_t *list = import_am_get_list(ia, node, key), *item;
	struct buf b;
	const char *text;

	if (am_item(&ia->yaml, list, 0) == NULL)
		return NULL;
	buf_init(&b, IMPORT_TEXT_MAX);
	for (size_t i = 0; (item = am_item(&ia->yaml, list, i)) != NULL; i++)
		if (am_text(item) != NULL)
			import_put(&b, "%s%s", b.len > 0 ? ", " : "",
				   import_am_quote(ia, am_text(item)));
		else
			import_am_note(ia, item, key, "an entry is no word");
	text = arena_strdup(ia->im.arena, buf_str(&b));
	buf_done(&b);
	return text;
}

void
import_am_list(struct import_am *ia, int depth, yaml_node_t *node,
	       const char *key)
{
	const char *texts = ia_texts(ia, node, key);

	if (texts != NULL)
		import_am_put(ia, depth, "%s: [%s]", key, texts);
}

/* A time of Prometheus, which may have years. 0 or -EINVAL. */
static int
ia_parse_time(const char *text, int64_t *ret_ms)
{
	size_t digits = strspn(text, "0123456789");
	int64_t years = 0, rest = 0;

	if (digits > 0 && digits < 4 && text[digits] == 'y') {
		years = atoi(text) * INT64_C(365) * 86400000;
		text += digits + 1;
	}
	if ((years == 0 || text[0] != '\0') && conf_parse_time(text, &rest) < 0)
		return -EINVAL;
	*ret_ms = years + rest;
	return 0;
}

void
import_am_time(struct import_am *ia, int depth, yaml_node_t *node,
	       const char *key, int64_t min_ms, int64_t max_ms)
{
	yaml_node_t *value = am_get(&ia->yaml, node, key);
	const char *text = am_text(value), *said;
	int64_t ms;

	if (text == NULL)
		return;
	if (ia_parse_time(text, &ms) < 0) {
		import_am_note(ia, value, key, "`%s` is no time", text);
		return;
	}
	said = conf_time_text(ms < min_ms   ? min_ms
			      : ms > max_ms ? max_ms
					    : ms,
			      ia->im.arena);
	if (ms < min_ms || ms > max_ms)
		import_am_note(ia, value, key, "is %s, and %s here", text,
			       said);
	import_am_put(ia, depth, "%s: %s", key, said);
}

/* --- matchers ------------------------------------------------------------------------ */

/* A label and its value as a matcher. */
static void
ia_add_matcher(struct import_am *ia, struct buf *b, const char *name,
	       const char *op, const char *value)
{
	struct buf text;

	buf_init(&text, IMPORT_TEXT_MAX);
	import_put(&text, "%s%s\"", name, op);
	for (; *value != '\0'; value++) {
		if (*value == '\n') {
			import_put(&text, "\\n");
			continue;
		}
		if (*value == '"' || *value == '\\')
			import_put(&text, "\\");
		import_put(&text, "%c", *value);
	}
	import_put(&text, "\"");
	import_put(b, "%s%s", b->len > 0 ? ", " : "",
		   import_am_quote(ia, buf_str(&text)));
	buf_done(&text);
}

static void
ia_add_pairs(struct import_am *ia, struct buf *b, yaml_node_t *node,
	     const char *pairs, const char *op)
{
	yaml_node_t *map = am_get(&ia->yaml, node, pairs), *key, *value;

	if (map != NULL && map->type != YAML_MAPPING_NODE &&
	    !ia_is_nothing(map))
		import_am_note(ia, map, pairs, "has no keys");
	for (size_t i = 0; am_pair(&ia->yaml, map, i, &key, &value); i++)
		if (am_text(key) != NULL && am_text(value) != NULL)
			ia_add_matcher(ia, b, am_text(key), op, am_text(value));
}

void
import_am_matchers(struct import_am *ia, int depth, yaml_node_t *node,
		   const char *ours, const char *match, const char *match_re,
		   const char *matchers)
{
	const char *texts = ia_texts(ia, node, matchers);
	struct buf b;

	buf_init(&b, IMPORT_TEXT_MAX);
	ia_add_pairs(ia, &b, node, match, "=");
	ia_add_pairs(ia, &b, node, match_re, "=~");
	if (texts != NULL)
		import_put(&b, "%s%s", b.len > 0 ? ", " : "", texts);
	if (b.len > 0)
		import_am_put(ia, depth, "%s: [%s]", ours, buf_str(&b));
	buf_done(&b);
}

/* --- inhibition, intervals ------------------------------------------------------------- */

static void
ia_inhibit(struct import_am *ia, yaml_node_t *list)
{
	static const char *const known[] = {
		"source_match",    "source_match_re",
		"source_matchers", "target_match",
		"target_match_re", "target_matchers",
		"equal",           NULL};
	yaml_node_t *rule;

	if (am_item(&ia->yaml, list, 0) != NULL)
		import_am_put(ia, 1, "inhibit_rules:");
	for (size_t i = 0;
	     (rule = import_am_entry(ia, list, i, "inhibit_rules")) != NULL;
	     i++) {
		import_am_unknown(ia, rule, known);
		import_am_put(ia, 2, "-");
		import_am_matchers(ia, 3, rule, "source_matchers",
				   "source_match", "source_match_re",
				   "source_matchers");
		import_am_matchers(ia, 3, rule, "target_matchers",
				   "target_match", "target_match_re",
				   "target_matchers");
		import_am_list(ia, 3, rule, "equal");
	}
}

static void
ia_times(struct import_am *ia, yaml_node_t *list)
{
	yaml_node_t *range;

	if (am_item(&ia->yaml, list, 0) != NULL)
		import_am_put(ia, 5, "times:");
	for (size_t i = 0;
	     (range = import_am_entry(ia, list, i, "times")) != NULL; i++) {
		const char *start = am_get_text(&ia->yaml, range, "start_time");
		const char *end = am_get_text(&ia->yaml, range, "end_time");

		if (start != NULL && end != NULL)
			import_am_put(ia, 6, "- {start_time: %s, end_time: %s}",
				      import_am_quote(ia, start),
				      import_am_quote(ia, end));
	}
}

static void
ia_interval(struct import_am *ia, yaml_node_t *interval)
{
	static const char *const known[] = {
		"times",    "weekdays", "days_of_month", "months", "years",
		"location", NULL};
	const char *location = am_get_text(&ia->yaml, interval, "location");

	import_am_unknown(ia, interval, known);
	/* There must be a key: UTC is what it is without one. */
	import_am_put(ia, 4, "- location: %s",
		      location != NULL ? import_am_quote(ia, location) : "UTC");
	ia_times(ia, import_am_get_list(ia, interval, "times"));
	import_am_list(ia, 5, interval, "weekdays");
	import_am_list(ia, 5, interval, "days_of_month");
	import_am_list(ia, 5, interval, "months");
	import_am_list(ia, 5, interval, "years");
}

static void
ia_intervals(struct import_am *ia, yaml_node_t *list, const char *key)
{
	static const char spans_key[] = "time_intervals";
	yaml_node_t *entry, *spans, *span;

	for (size_t i = 0; (entry = import_am_entry(ia, list, i, key)) != NULL;
	     i++) {
		const char *name = am_get_text(&ia->yaml, entry, "name");

		if (name == NULL)
			continue;
		spans = import_am_get_list(ia, entry, spans_key);
		import_am_put(ia, 2, "- name: %s", import_am_quote(ia, name));
		import_am_put(ia, 3,
			      am_item(&ia->yaml, spans, 0) != NULL
				      ? "time_intervals:"
				      : "time_intervals: []");
		for (size_t k = 0;
		     (span = import_am_entry(ia, spans, k, spans_key)) != NULL;
		     k++)
			ia_interval(ia, span);
	}
}

/* --- all -------------------------------------------------------------------------------- */

static void
ia_global(struct import_am *ia)
{
	static const char *const known[] = {
		"smtp_from",          "smtp_smarthost",
		"smtp_hello",         "smtp_auth_username",
		"smtp_auth_password", "smtp_auth_password_file",
		"smtp_auth_secret",   "smtp_auth_identity",
		"smtp_require_tls",   "resolve_timeout",
		"slack_api_url",      "slack_api_url_file",
		"pagerduty_url",      NULL};
	const char *from = am_get_text(&ia->yaml, ia->global, "smtp_from");
	yaml_node_t *smarthost =
		am_get(&ia->yaml, ia->global, "smtp_smarthost");
	yaml_node_t *timeout = am_get(&ia->yaml, ia->global, "resolve_timeout");

	import_am_unknown(ia, ia->global, known);
	if (from != NULL)
		import_am_put(ia, 1, "from: %s", import_am_quote(ia, from));
	if (am_text(timeout) != NULL && strcmp(am_text(timeout), "5m") != 0)
		import_am_note(ia, timeout, "resolve_timeout",
			       "is a key of a source here: `sources: [{name: "
			       "alertmanager, kind: alertmanager, "
			       "resolve_timeout: %s}]`",
			       am_text(timeout));
	if (am_text(smarthost) != NULL)
		import_am_note(ia, smarthost, "smtp_smarthost",
			       "mail of alerts leaves as all mail does: see "
			       "`delivery.smarthost`, with its login, for %s",
			       am_text(smarthost));
}

static void
ia_all(struct import_am *ia, yaml_node_t *root)
{
	static const char *const known[] = {"global",
					    "route",
					    "inhibit_rules",
					    "receivers",
					    "time_intervals",
					    "templates",
					    "mute_time_intervals",
					    NULL};
	yaml_node_t *old, *new, *templates;

	import_am_unknown(ia, root, known);
	ia->global = am_get(&ia->yaml, root, "global");
	ia_global(ia);
	import_am_receivers(ia, import_am_get_list(ia, root, "receivers"));
	import_am_route(ia, am_get(&ia->yaml, root, "route"));
	ia_inhibit(ia, import_am_get_list(ia, root, "inhibit_rules"));
	old = import_am_get_list(ia, root, "mute_time_intervals");
	new = import_am_get_list(ia, root, "time_intervals");
	templates = import_am_get_list(ia, root, "templates");
	if (am_item(&ia->yaml, old, 0) != NULL ||
	    am_item(&ia->yaml, new, 0) != NULL)
		import_am_put(ia, 1, "time_intervals:");
	ia_intervals(ia, old, "mute_time_intervals");
	ia_intervals(ia, new, "time_intervals");
	if (am_item(&ia->yaml, templates, 0) != NULL)
		import_am_note(ia, templates, "templates",
			       "templates of Go are not read; see `templates` "
			       "of `alerts` for ours");
}

static void
ia_write(struct import_am *ia, struct buf *out)
{
	import_put(out, "# Made of Alertmanager's configuration by `belfry "
			"import alertmanager`.\n");
	if (ia->im.secrets.len > 0)
		import_put(out,
			   "#\n# Secrets are not in it. As root, each from "
			   "standard input:\n#\n%s#\n",
			   buf_str(&ia->im.secrets));
	import_put(out, "alerts:\n%s", buf_str(&ia->out));
}

int
import_alertmanager(struct import_am *ia, const char *text, size_t len,
		    struct buf *ret_yaml)
{
	yaml_node_t *root, *route;

	if (am_yaml_read(&ia->yaml, text, len, &ia->why, &ia->line) < 0)
		return -EINVAL;
	root = am_yaml_root(&ia->yaml);
	route = root != NULL ? am_get(&ia->yaml, root, "route") : NULL;
	if (route == NULL || route->type != YAML_MAPPING_NODE) {
		ia->why = xstrdup("this is no configuration of Alertmanager: "
				  "it has no `route` with keys");
		ia->line = 1;
		return -EINVAL;
	}
	ia_all(ia, root);
	if (ia->lines > IMPORT_AM_LINES_MAX) {
		ia->why = xstrdup("it is more than anybody has");
		ia->line = 1;
		return -EINVAL;
	}
	ia_write(ia, ret_yaml);
	return 0;
}
