/*
 * silence - keep quiet about what matches, for a time.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alert/matcher.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/xalloc.h"
#include "cli/alert_text.h"
#include "cli/api_client.h"
#include "cli/text.h"
#include "cli/when.h"

#define SI_QUERY_MAX 65536

struct si {
	const struct cli *cli;
	int64_t now_ms, ends_ms; /* 0: not said */
	const char *comment;
	json_t *matchers; /* owned; texts */
	struct buf query; /* the same, joined */
	bool json;
};

/* --- add ------------------------------------------------------------------------ */

/* Checked here, so that the shell's quotes are found out about at once. */
static int
si_add_matcher(struct si *si, const char *text)
{
	struct arena arena;
	struct matchers m;
	char *why, *clean;
	int r;

	arena_init(&arena);
	r = matchers_parse(text, &arena, &m, &why);
	for (size_t i = 0; r == 0 && i < m.n; i++) {
		const char *one = matcher_text(&m.v[i], &arena);

		json_array_append_new(si->matchers, json_string(one));
		r = buf_printf(&si->query, "%s%s", si->query.len > 0 ? "," : "",
			       one);
		if (r < 0)
			why = xstrdup("they are too long");
	}
	if (r == 0)
		matchers_done(&m);
	arena_done(&arena);
	if (r == 0)
		return CLI_OK;
	clean = text_clean(why);
	cli_say("bad matchers: %s; for example 'instance=\"db1\"' or "
		"'job=~\"db.*\"', in quotes of the shell",
		clean);
	free(clean);
	free(why);
	return CLI_USAGE;
}

/* So many are silenced by it now; -1: that could not be learnt. */
static int64_t
si_count(const struct si *si)
{
	struct buf query;
	json_t *page = NULL;
	char *path;
	int64_t n = -1;

	buf_init(&query, SI_QUERY_MAX);
	if (api_add_query(&query, "match", buf_str(&si->query)) == 0) {
		path = xasprintf("alerts?limit=1000&state=open,stale%s",
				 buf_str(&query));
		if (api_call(si->cli, "GET", path, NULL, NULL, &page) == CLI_OK)
			n = (int64_t)json_array_size(
				json_object_get(page, "alerts"));
		free(path);
	}
	json_decref(page);
	buf_done(&query);
	return n;
}

static void
si_say_added(const struct si *si, const char *id)
{
	char until[TEXT_MAX], left[TEXT_MAX];
	int64_t n = si_count(si);

	text_time(si->ends_ms, until);
	text_age(si->ends_ms - si->now_ms, left);
	printf("%s: silenced until %s (%s)\n", id, until, left);
	if (n == 0)
		puts("No alert that is open matches it now.");
	else if (n > 0)
		printf("%s%" PRId64 " open alert%s match%s it now.\n",
		       n == 1000 ? "At least " : "", n, n == 1 ? "" : "s",
		       n == 1 ? "es" : "");
	printf("`belfry silence expire %s` ends it.\n", id);
}

static int
si_post(struct si *si)
{
	json_t *body = alert_body("comment", si->comment), *answer = NULL;
	int r;

	if (body == NULL)
		return CLI_USAGE;
	json_object_set(body, "matchers", si->matchers);
	json_object_set_new(body, "ends_ms", json_integer(si->ends_ms));
	r = api_call(si->cli, "POST", "silences", body, NULL, &answer);
	if (r == CLI_OK && si->json)
		api_print_line(answer);
	else if (r == CLI_OK)
		si_say_added(si, api_str(answer, "id"));
	json_decref(answer);
	json_decref(body);
	return r;
}

static int
si_add_option(struct si *si, int c, const char *arg)
{
	int64_t ms;
	int r;

	switch (c) {
	case 'f':
		r = when_parse_length(arg, &ms);
		if (r == CLI_OK)
			si->ends_ms = si->now_ms + ms;
		return r;
	case 'u':
		r = when_parse(arg, si->now_ms, &si->ends_ms);
		if (r != CLI_OK || si->ends_ms > si->now_ms)
			return r;
		cli_say("--until %s is over", arg);
		return CLI_USAGE;
	case 'c':
		si->comment = arg;
		return CLI_OK;
	case 'j':
		si->json = true;
		return CLI_OK;
	default:
		return cli_usage(si->cli);
	}
}

static int
si_add_options(struct si *si, int argc, char **argv)
{
	static const struct option options[] = {
		{"for", required_argument, NULL, 'f'},
		{"until", required_argument, NULL, 'u'},
		{"comment", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int c, r = CLI_OK, ends = 0;

	while (r == CLI_OK &&
	       (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		ends += c == 'f' || c == 'u';
		r = si_add_option(si, c, optarg);
	}
	for (int i = optind; r == CLI_OK && i < argc; i++)
		r = si_add_matcher(si, argv[i]);
	if (r != CLI_OK)
		return r;
	if (ends != 1 || si->comment == NULL || si->comment[0] == '\0')
		cli_say(ends == 0  ? "say until when, with --for or --until"
			: ends > 1 ? "say --for or --until, one of them and "
				     "once"
				   : "say why, with --comment");
	else if (json_array_size(si->matchers) > 0)
		return CLI_OK;
	return cli_usage(si->cli);
}

int
cli_silence_add(const struct cli *cli, int argc, char **argv)
{
	struct si si = {.cli = cli, .now_ms = text_now()};
	int r;

	si.matchers = json_array();
	buf_init(&si.query, SI_QUERY_MAX);
	r = si_add_options(&si, argc, argv);
	if (r == CLI_OK)
		r = si_post(&si);
	buf_done(&si.query);
	json_decref(si.matchers);
	return r;
}

/* --- list --------------------------------------------------------------------- */

static void
si_print(const json_t *s, int64_t now_ms)
{
	const json_t *matchers = json_object_get(s, "matchers"), *m;
	const char *state = api_str(s, "state");
	bool pending = strcmp(state, "pending") == 0;
	int64_t at = api_int(s, pending ? "starts_ms" : "ends_ms");
	char age[TEXT_MAX], when[TEXT_MAX];
	size_t i;

	text_age(at > now_ms ? at - now_ms : now_ms - at, age);
	text_time(at, when);
	printf("%s  %s, %s %s (%s%s%s) by ", api_str(s, "id"), state,
	       pending ? "from" : "until", when, at > now_ms ? "in " : "", age,
	       at > now_ms ? "" : " ago");
	text_put(api_str(s, "created_by"), stdout);
	fputs("\n    ", stdout);
	json_array_foreach(matchers, i, m)
	{
		fputs(i > 0 ? ", " : "", stdout);
		text_put(json_string_value(m), stdout);
	}
	fputs("\n    ", stdout);
	text_put(api_str(s, "comment"), stdout);
	putchar('\n');
}

/* Of each state, active first; the expired only with ALL. */
static size_t
si_print_all(const json_t *list, bool all)
{
	static const char *const states[] = {"active", "pending", "expired"};
	const json_t *s;
	size_t i, n = 0;

	for (size_t k = 0; k < (all ? 3 : 2); k++)
		json_array_foreach(list, i, s)
		{
			if (strcmp(api_str(s, "state"), states[k]) != 0)
				continue;
			si_print(s, text_now());
			n++;
		}
	return n;
}

static int
si_list(const struct cli *cli, bool all, bool json)
{
	json_t *answer = NULL, *list;
	const json_t *s;
	size_t i;
	int r = api_call(cli, "GET", "silences", NULL, NULL, &answer);

	if (r != CLI_OK)
		return r;
	list = json_object_get(answer, "silences");
	if (!json && si_print_all(list, all) == 0)
		puts("There is no silence.");
	json_array_foreach(list, i, s)
	{
		if (json &&
		    (all || strcmp(api_str(s, "state"), "expired") != 0))
			api_print_line(s);
	}
	json_decref(answer);
	return CLI_OK;
}

int
cli_silence_list(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	bool all = false, json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'a' && c != 'j')
			return cli_usage(cli);
		all = all || c == 'a';
		json = json || c == 'j';
	}
	if (optind < argc)
		return cli_usage(cli);
	return si_list(cli, all, json);
}

/* --- expire --------------------------------------------------------------------- */

static int
si_expire(const struct cli *cli, const char *id, bool json)
{
	json_t *answer = NULL;
	char *path;
	int r;

	if (strlen(id) != 36 || strspn(id, "0123456789abcdef-") != 36) {
		char *clean = text_clean(id);

		cli_say("`%s` is no id of a silence; `belfry silence list` "
			"shows them",
			clean);
		free(clean);
		return CLI_USAGE;
	}
	path = xasprintf("silences/%s", id);
	r = api_call(cli, "DELETE", path, NULL, id, &answer);
	if (r == CLI_OK && json)
		api_print_line(answer);
	else if (r == CLI_OK)
		printf("%s: %sexpired\n", id,
		       strcmp(api_str(answer, "result"), "already") == 0
			       ? "already "
			       : "");
	json_decref(answer);
	free(path);
	return r;
}

int
cli_silence_expire(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	bool json = false;
	int c, status = CLI_OK;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return cli_usage(cli);
		json = true;
	}
	if (optind == argc)
		return cli_usage(cli);
	for (int i = optind; i < argc; i++) {
		c = si_expire(cli, argv[i], json);
		if (status == CLI_OK)
			status = c;
	}
	return status;
}
