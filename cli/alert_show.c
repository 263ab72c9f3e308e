/*
 * alert_show - one incident: what it is, who has it, why nobody is told, and
 * all that happened to it.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/alert_text.h"
#include "cli/api_client.h"
#include "cli/text.h"

static void
as_field(const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	printf("  %-13s ", name);
	text_put(value, stdout);
	putchar('\n');
}

/* Several lines of text, each as far in. */
static void
as_text(const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\r\n");
		char *line = xasprintf("%.*s", (int)n, text);

		fputs("  ", stdout);
		text_put(line, stdout);
		putchar('\n');
		free(line);
		text += n;
		text += text[0] == '\r' && text[1] == '\n' ? 2 : *text != '\0';
	}
}

static void
as_names(const char *name, const json_t *list)
{
	const json_t *value;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	printf("  %-13s ", name);
	json_array_foreach(list, i, value)
	{
		fputs(i > 0 ? ", " : "", stdout);
		text_put(json_string_value(value), stdout);
	}
	putchar('\n');
}

/* Annotations that have a place of their own. */
static bool
as_is_shown(const char *key)
{
	return strcmp(key, "summary") == 0 || strcmp(key, "description") == 0 ||
	       strcmp(key, "runbook_url") == 0;
}

static void
as_pairs(const char *name, json_t *object, bool all)
{
	const json_t *value;
	const char *key;

	json_object_foreach(object, key, value)
	{
		char *pair;

		if (!all && as_is_shown(key))
			continue;
		pair = xasprintf("%s=\"%s\"", key, json_string_value(value));
		printf("  %-13s ", name);
		text_put(pair, stdout);
		putchar('\n');
		free(pair);
		name = "";
	}
}

/* --- when, who ------------------------------------------------------------------ */

static const char *
as_state(const json_t *in)
{
	if (alert_need(in) == ALERT_IS_OVER)
		return alert_state_word(in);
	return strcmp(api_str(in, "state"), "stale") == 0
		       ? "no longer reported, open"
		       : "open";
}

static void
as_print_head(const json_t *in, int64_t now_ms)
{
	bool over = alert_need(in) == ALERT_IS_OVER;
	int64_t from = api_int(in, over ? "ends_ms" : "starts_ms");
	char *title = alert_title(in);
	char age[TEXT_MAX], since[TEXT_MAX];

	text_age(now_ms - from, age);
	text_time(from, since);
	printf("%s  %s\n", api_str(in, "id"), title);
	fputs("  ", stdout);
	text_put(alert_severity(in), stdout);
	printf(", %s %s%s%s, since %s%s%s\n", as_state(in), over ? "" : "for ",
	       age, over ? " ago" : "", since,
	       api_true(in, "flapping") ? ", FLAPPING" : "",
	       api_true(in, "noise") ? ", marked as noise" : "");
	free(title);
}

static void
as_print_quiet(const json_t *in)
{
	as_names("silenced by", json_object_get(in, "silences"));
	as_field("inhibited by", api_str(in, "inhibited_by"));
	as_field("maintenance", api_str(in, "maintenance"));
	if (api_true(in, "muted"))
		as_field("muted", "`belfry unmute` ends it");
}

static void
as_print_acked(const json_t *in, int64_t now_ms)
{
	const char *who = api_str(in, "acked_by");
	char age[TEXT_MAX], *text;

	if (who[0] == '\0')
		return;
	text_age(now_ms - api_int(in, "acked_ms"), age);
	text = xasprintf("%s, %s ago", who, age);
	as_field("acknowledged", text);
	free(text);
}

static void
as_print_source(const json_t *in, int64_t now_ms)
{
	char heard[TEXT_MAX], left[TEXT_MAX] = "", *text;
	int64_t ends_ms = api_int(in, "ends_ms");
	bool open = strcmp(api_str(in, "state"), "open") == 0;

	text_age(now_ms - api_int(in, "updated_ms"), heard);
	if (open && ends_ms > 0)
		text_age(ends_ms - now_ms, left);
	text = xasprintf(
		"%s, last heard of %s ago%s%s", api_str(in, "source"), heard,
		left[0] != '\0' ? "; no longer reported in " : "", left);
	as_field("source", text);
	free(text);
}

static void
as_print_history(const json_t *history)
{
	const json_t *h;
	size_t i;

	if (json_array_size(history) > 0)
		puts("  history");
	json_array_foreach(history, i, h)
	{
		char when[TEXT_MAX];

		text_time_exactly(api_int(h, "when_ms"), when);
		printf("    %s  ", when);
		text_put(api_str(h, "what"), stdout);
		if (api_str(h, "who")[0] != '\0') {
			fputs(" by ", stdout);
			text_put(api_str(h, "who"), stdout);
		}
		if (api_str(h, "text")[0] != '\0') {
			fputs(": ", stdout);
			text_put(api_str(h, "text"), stdout);
		}
		putchar('\n');
	}
}

static void
as_print(const json_t *in)
{
	json_t *notes = json_object_get(in, "annotations");
	const char *runbook = api_str(notes, "runbook_url");
	int64_t now_ms = text_now();

	as_print_head(in, now_ms);
	as_text(api_str(notes, "description"));
	as_print_acked(in, now_ms);
	as_print_quiet(in);
	as_field("runbook",
		 runbook[0] != '\0' ? runbook : alert_label(in, "runbook_url"));
	as_field("look at", api_str(in, "url"));
	as_pairs("labels", json_object_get(in, "labels"), true);
	as_pairs("annotations", notes, false);
	as_print_source(in, now_ms);
	as_field("key", api_str(in, "key"));
	as_names("receivers", json_object_get(in, "receivers"));
	if (alert_need(in) == ALERT_NEEDS_SOMEBODY &&
	    json_array_size(json_object_get(in, "receivers")) == 0)
		as_field("receivers", "none: nobody is told of it");
	as_print_history(json_object_get(in, "history"));
	if (alert_need(in) == ALERT_NEEDS_SOMEBODY)
		printf("`belfry alert ack %s` says that you have it.\n",
		       api_str(in, "id"));
}

/* --- the command ------------------------------------------------------------------ */

static int
as_show(const struct cli *cli, const char *id, bool json, bool first)
{
	json_t *in = NULL;
	char *path;
	int r;

	if (!alert_is_id(id))
		return CLI_USAGE;
	path = xasprintf("alerts/%s", id);
	r = api_call(cli, "GET", path, NULL, id, &in);
	free(path);
	if (r != CLI_OK)
		return r;
	if (json) {
		api_print_line(in);
	} else {
		fputs(first ? "" : "\n", stdout);
		as_print(in);
	}
	json_decref(in);
	return CLI_OK;
}

int
cli_alert_show(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int c, status = CLI_OK;
	bool json = false;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return cli_usage(cli);
		json = true;
	}
	if (optind == argc)
		return cli_usage(cli);
	for (int i = optind; i < argc; i++) {
		c = as_show(cli, argv[i], json, i == optind);
		if (status == CLI_OK)
			status = c;
	}
	return status;
}
