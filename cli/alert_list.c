/*
 * alert_list - what is open, and what needs somebody first.
 *
 * For people all of it is fetched and sorted; for programs it goes on as it
 * comes, by id.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "cli/alert_text.h"
#include "cli/api_client.h"
#include "cli/text.h"

#define AL_PAGE      500 /* incidents */
#define AL_QUERY_MAX 65536
#define AL_TITLE_MAX 200 /* bytes; `alert show` has all of it */

struct al_row {
	enum alert_need need;
	bool critical;
	int64_t since_ms; /* sorted by */
	char *line;       /* owned */
};

struct al {
	const struct cli *cli;
	int64_t now_ms;
	bool json, all, show; /* SHOW: how far it is */
	const char *state, *receiver;
	struct buf matchers;
	struct al_row *rows; /* owned */
	size_t n, room;
	size_t count[ALERT_NNEED], critical; /* CRITICAL: need somebody */
};

/* --- rows --------------------------------------------------------------------- */

/* Who has it, and since when. */
static char *
al_behind(const struct al *al, const json_t *in, enum alert_need need)
{
	const char *who = api_str(in, "acked_by");
	char age[TEXT_MAX], *clean, *text;

	if (need == ALERT_IS_OVER || who[0] == '\0')
		return xstrdup("");
	text_age(al->now_ms - api_int(in, "acked_ms"), age);
	clean = text_clean(who);
	text = xasprintf(" (%s has it, %s)", clean, age);
	free(clean);
	return text;
}

/* As much of it as fits into some lines. */
static char *
al_title(const json_t *in)
{
	char *title = alert_title(in), cut[AL_TITLE_MAX];

	if (strlen(title) < sizeof(cut))
		return title;
	utf8_copy(title, cut, sizeof(cut) - strlen("..."));
	free(title);
	return xasprintf("%s...", cut);
}

static char *
al_line(const struct al *al, const json_t *in, enum alert_need need)
{
	int64_t from =
		api_int(in, need == ALERT_IS_OVER ? "changed_ms" : "starts_ms");
	char *severity = text_clean(alert_severity(in));
	char *title = al_title(in), *behind = al_behind(al, in, need);
	char age[TEXT_MAX], *line;

	text_age(al->now_ms - from, age);
	line = xasprintf("%-13s  %-8s  %7s  %-11s  %s%s", api_str(in, "id"),
			 severity, age, alert_state_word(in), title, behind);
	free(severity);
	free(title);
	free(behind);
	return line;
}

static void
al_add(struct al *al, const json_t *in)
{
	enum alert_need need = alert_need(in);
	bool critical = api_true(in, "critical");

	if (al->n == al->room) {
		al->room = al->room > 0 ? 2 * al->room : 64;
		al->rows =
			xreallocarray(al->rows, al->room, sizeof(al->rows[0]));
	}
	al->rows[al->n++] = (struct al_row){
		.need = need,
		.critical = critical,
		.since_ms = api_int(in, need == ALERT_IS_OVER ? "changed_ms"
							      : "starts_ms"),
		.line = al_line(al, in, need),
	};
	al->count[need]++;
	al->critical += need == ALERT_NEEDS_SOMEBODY && critical;
}

/* What needs somebody, critical, new: first. */
static int
al_order(const void *av, const void *bv)
{
	const struct al_row *a = av, *b = bv;

	if (a->need != b->need)
		return a->need < b->need ? -1 : 1;
	if (a->critical != b->critical)
		return a->critical ? -1 : 1;
	if (a->since_ms != b->since_ms)
		return a->since_ms > b->since_ms ? -1 : 1;
	return strcmp(a->line, b->line);
}

/* --- what belfryd says -------------------------------------------------------- */

static void
al_page(struct al *al, const json_t *page)
{
	const json_t *in;
	size_t i;

	json_array_foreach(json_object_get(page, "alerts"), i, in)
	{
		if (al->json)
			api_print_line(in);
		else
			al_add(al, in);
	}
	if (al->json)
		fflush(stdout); /* the next page may take its time */
	else if (al->show)
		fprintf(stderr, "\r%zu alerts so far\033[K", al->n);
}

static int
al_pages(struct al *al, const char *query)
{
	char *path = xasprintf("alerts?limit=%d%s", AL_PAGE, query);

	while (path != NULL && !ferror(stdout)) {
		json_t *page = NULL;
		const char *next;
		int r = api_call(al->cli, "GET", path, NULL, NULL, &page);

		free(path);
		if (r != CLI_OK)
			return r;
		al_page(al, page);
		next = api_str(page, "next");
		path = next[0] == '\0' ? NULL
				       : xasprintf("alerts?limit=%d&from=%s%s",
						   AL_PAGE, next, query);
		json_decref(page);
	}
	free(path); /* left when nobody reads us any more */
	return CLI_OK;
}

static bool
al_wants_resolved(const struct al *al)
{
	return al->all || strcmp(al->state, "resolved") == 0;
}

/* What is in belfryd's memory, and what is only kept. */
static int
al_fetch(struct al *al)
{
	struct buf query;
	int r = 0;

	buf_init(&query, AL_QUERY_MAX);
	if (!al->all)
		r = api_add_query(&query, "state", al->state);
	if (r == 0 && al->matchers.len > 0)
		r = api_add_query(&query, "match", buf_str(&al->matchers));
	if (r == 0 && al->receiver != NULL)
		r = api_add_query(&query, "receiver", al->receiver);
	if (r == 0)
		r = al_pages(al, buf_str(&query));
	buf_clear(&query);
	if (r == CLI_OK && al_wants_resolved(al) && al->receiver == NULL) {
		r = buf_append_str(&query, "&past=1");
		if (r == 0 && al->matchers.len > 0)
			r = api_add_query(&query, "match",
					  buf_str(&al->matchers));
		if (r == 0)
			r = al_pages(al, buf_str(&query));
	}
	buf_done(&query);
	if (r >= 0)
		return r;
	cli_say("the matchers are too long");
	return CLI_USAGE;
}

/* The mute stands first. */
static int
al_print_mute(const struct al *al)
{
	json_t *status = NULL;
	int r = api_call(al->cli, "GET", "status", NULL, NULL, &status);
	const json_t *alerts = json_object_get(status, "alerts");

	if (r == CLI_OK)
		alert_print_mute(json_object_get(alerts, "mute"), stdout);
	json_decref(status);
	return r;
}

static void
al_print_sum(const struct al *al)
{
	static const struct {
		enum alert_need need;
		const char *words;
	} sums[] = {
		{ALERT_IS_STALE, "no longer reported"},
		{ALERT_IS_ACKED, "acknowledged"},
		{ALERT_IS_QUIET, "silenced or held back"},
		{ALERT_IS_OVER, "over"},
	};
	size_t open = al->count[ALERT_NEEDS_SOMEBODY];

	if (al->n == 0) {
		puts(al->matchers.len > 0 || al->receiver != NULL
			     ? "No alert matches."
		     : al_wants_resolved(al) ? "There is no such alert."
					     : "No alert is open.");
		return;
	}
	printf("%zu alert%s: %zu need%s somebody", al->n, al->n == 1 ? "" : "s",
	       open, open == 1 ? "s" : "");
	if (al->critical > 0)
		printf(" (%zu critical)", al->critical);
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		if (al->count[sums[i].need] > 0)
			printf(", %zu %s", al->count[sums[i].need],
			       sums[i].words);
	putchar('\n');
}

static void
al_print(struct al *al)
{
	if (al->n > 0) {
		qsort(al->rows, al->n, sizeof(al->rows[0]), al_order);
		printf("%-13s  %-8s  %7s  %-11s  %s\n", "ID", "SEVERITY", "AGE",
		       "STATE", "ALERT");
	}
	for (size_t i = 0; i < al->n; i++)
		puts(al->rows[i].line);
	al_print_sum(al);
}

/* --- the command ---------------------------------------------------------------- */

static int
al_option(struct al *al, int c, const char *arg)
{
	switch (c) {
	case 'j':
		al->json = true;
		return CLI_OK;
	case 'a':
		al->all = true;
		return CLI_OK;
	case 's':
		al->state = arg;
		if (strcmp(arg, "open") == 0 || strcmp(arg, "stale") == 0 ||
		    strcmp(arg, "resolved") == 0)
			return CLI_OK;
		cli_say("--state is open, stale or resolved");
		return CLI_USAGE;
	case 'm':
		if (buf_printf(&al->matchers, "%s%s",
			       al->matchers.len > 0 ? "," : "", arg) == 0)
			return CLI_OK;
		cli_say("the matchers are too long");
		return CLI_USAGE;
	case 'r':
		al->receiver = arg;
		return CLI_OK;
	default:
		return cli_usage(al->cli);
	}
}

static int
al_options(struct al *al, int argc, char **argv)
{
	static const struct option options[] = {
		{"state", required_argument, NULL, 's'},
		{"match", required_argument, NULL, 'm'},
		{"receiver", required_argument, NULL, 'r'},
		{"all", no_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int c, r = CLI_OK;

	while (r == CLI_OK &&
	       (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		r = al_option(al, c, optarg);
	if (r == CLI_OK && optind < argc)
		r = cli_extra(al->cli, argv[optind]);
	if (r == CLI_OK && al->all && al->state != NULL)
		r = cli_usage(al->cli);
	if (al->state == NULL)
		al->state = "open,stale";
	return r;
}

int
cli_alert_list(const struct cli *cli, int argc, char **argv)
{
	struct al al = {.cli = cli, .now_ms = text_now()};
	int r;

	buf_init(&al.matchers, AL_QUERY_MAX);
	r = al_options(&al, argc, argv);
	if (r == CLI_OK && !al.json)
		r = al_print_mute(&al);
	al.show = isatty(STDERR_FILENO) && !al.json;
	if (r == CLI_OK)
		r = al_fetch(&al);
	if (al.show)
		fputs("\r\033[K", stderr);
	if (r == CLI_OK && !al.json)
		al_print(&al);
	for (size_t i = 0; i < al.n; i++)
		free(al.rows[i].line);
	free(al.rows);
	buf_done(&al.matchers);
	return r;
}
