#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/api_client.h"
#include "cli/queue_body.h"
#include "cli/queue_filter.h"
#include "cli/text.h"

#define QL_PAGE 1000 /* records */

struct ql {
	int64_t now_ms;
	bool json;
	struct queue_filter_args filter;
	size_t limit; /* 0: none */
	size_t messages, recipients;
	int64_t bytes;
};

static void
ql_print_rcpt(const struct ql *ql, const json_t *rcpt)
{
	int64_t next = api_int(rcpt, "next_time") * 1000;
	int64_t tries = api_int(rcpt, "tries");
	const char *reason = api_str(rcpt, "delay_reason");
	const char *dest = api_str(rcpt, "destination");
	char wait[TEXT_MAX];

	fputs("    ", stdout);
	text_put(api_str(rcpt, "address"), stdout);
	printf("  %s", api_str(rcpt, "state"));
	if (tries > 0)
		printf(", %" PRId64 " %s", tries, tries == 1 ? "try" : "tries");
	if (dest[0] != '\0') {
		fputs(", to ", stdout);
		text_put(dest, stdout);
	}
	if (api_true(rcpt, "destination_down"))
		fputs(", which is down", stdout);
	if (next > ql->now_ms) {
		text_age(next - ql->now_ms, wait);
		printf(", next try in %s", wait);
	}
	if (reason[0] != '\0') {
		fputs("\n        ", stdout);
		text_put(reason, stdout);
	}
	putchar('\n');
}

static void
ql_print(struct ql *ql, const json_t *m)
{
	const json_t *rcpts = json_object_get(m, "recipients"), *rcpt;
	const char *sender = api_str(m, "sender");
	char age[TEXT_MAX], size[TEXT_MAX];
	size_t i;

	text_age(ql->now_ms - api_int(m, "arrival_time") * 1000, age);
	text_size(api_int(m, "message_size"), size);
	printf("%-13s  %6s  %6s  %-6s  %-8s  ", api_str(m, "queue_id"), size,
	       age, api_str(m, "class"), api_str(m, "queue_name"));
	text_put(sender[0] != '\0' ? sender : "<>", stdout);
	putchar('\n');
	json_array_foreach(rcpts, i, rcpt) ql_print_rcpt(ql, rcpt);
	ql->recipients += json_array_size(rcpts);
	ql->bytes += api_int(m, "message_size");
}

static void
ql_print_head(void)
{
	printf("%-13s  %6s  %6s  %-6s  %-8s  %s\n", "ID", "SIZE", "AGE",
	       "CLASS", "QUEUE", "SENDER");
}

static void
ql_print_sum(const struct ql *ql)
{
	char size[TEXT_MAX];

	if (ql->messages == 0) {
		puts(ql->filter.some && !ql->filter.all
			     ? "No message is meant by that."
			     : "The queue is empty.");
		return;
	}
	text_size(ql->bytes, size);
	printf("%zu message%s, %zu recipient%s, %s%s\n", ql->messages,
	       ql->messages == 1 ? "" : "s", ql->recipients,
	       ql->recipients == 1 ? "" : "s", size,
	       ql->messages == ql->limit ? "; there may be more" : "");
}

static bool
ql_enough(const struct ql *ql)
{
	return ql->limit > 0 && ql->messages == ql->limit;
}

static void
ql_page(struct ql *ql, const json_t *page)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(page, "messages"), i, m)
	{
		if (ql_enough(ql))
			break;
		if (!ql->json && ql->messages == 0)
			ql_print_head();
		if (ql->json)
			api_print_line(m);
		else
			ql_print(ql, m);
		ql->messages++;
	}
	fflush(stdout); /* the next page may take its time */
}

/* Page after page, so that neither side holds the whole queue. */
static int
ql_pages(const struct cli *cli, struct ql *ql)
{
	const char *query = buf_str(&ql->filter.query);
	char *path = xasprintf("queue?limit=%d%s", QL_PAGE, query);

	while (path != NULL && !ferror(stdout) && !ql_enough(ql)) {
		json_t *page = NULL;
		const char *next;
		int r = api_call(cli, "GET", path, NULL, NULL, &page);

		free(path);
		if (r != CLI_OK)
			return r;
		ql_page(ql, page);
		next = api_str(page, "next");
		path = next[0] == '\0' ? NULL
				       : xasprintf("queue?limit=%d&from=%s%s",
						   QL_PAGE, next, query);
		json_decref(page);
	}
	free(path); /* left when nobody reads us any more */
	return CLI_OK;
}

static int
ql_options(const struct cli *cli, struct ql *ql, int argc, char **argv)
{
	static const struct option options[] = {
		QUEUE_FILTER_OPTIONS,
		{"json", no_argument, NULL, 'j'},
		{"limit", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	int c, r = CLI_OK;
	char *end;

	while (r == CLI_OK &&
	       (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j') {
			ql->json = true;
		} else if (c == 'l') {
			ql->limit = strtoul(optarg, &end, 10);
			if (*end == '\0' && ql->limit > 0 && optarg[0] != '-')
				continue;
			cli_say("`%s` is no number of messages", optarg);
			r = CLI_USAGE;
		} else {
			r = queue_filter_option(cli, &ql->filter, c, optarg);
		}
	}
	return r == CLI_OK && optind < argc ? cli_usage(cli) : r;
}

static int
ql_list(const struct cli *cli, struct ql *ql)
{
	json_t *status = NULL;
	int r;

	if (!ql->json) {
		r = api_call(cli, "GET", "status", NULL, NULL, &status);
		if (r != CLI_OK)
			return r;
		api_print_pause(json_object_get(status, "pause"), stdout);
		json_decref(status);
	}
	r = ql_pages(cli, ql);
	if (r == CLI_OK && !ql->json)
		ql_print_sum(ql);
	return r;
}

int
cli_queue_list(const struct cli *cli, int argc, char **argv)
{
	struct ql ql = {.now_ms = text_now()};
	int r;

	queue_filter_init(&ql.filter);
	r = ql_options(cli, &ql, argc, argv);
	if (r == CLI_OK)
		r = ql_list(cli, &ql);
	queue_filter_done(&ql.filter);
	return r;
}

/* --- show ------------------------------------------------------------------ */

static void
ql_show(struct ql *ql, const json_t *m)
{
	const char *id = api_str(m, "message_id");
	const char *verdict = api_str(m, "verdict");
	char expires[TEXT_MAX];

	if (ql->messages == 0)
		ql_print_head();
	ql_print(ql, m);
	ql->messages++;
	text_time(api_int(m, "expires_time") * 1000, expires);
	printf("    tried until %s", expires);
	if (id[0] != '\0') {
		fputs(", Message-ID ", stdout);
		text_put(id, stdout);
	}
	putchar('\n');
	if (verdict[0] != '\0') {
		fputs("    judged: ", stdout);
		text_put(verdict, stdout);
		putchar('\n');
	}
}

static int
ql_show_id(const struct cli *cli, struct ql *ql, const char *id, bool json)
{
	json_t *m = NULL;
	char *path;
	int r;

	if (!text_is_id(id)) {
		cli_say("`%s` is no id of a message; `belfry queue list` shows "
			"them",
			id);
		return CLI_USAGE;
	}
	path = xasprintf("queue/%s", id);
	r = api_call(cli, "GET", path, NULL, id, &m);
	if (r == CLI_OK && json)
		api_print_line(m);
	else if (r == CLI_OK)
		ql_show(ql, m);
	json_decref(m);
	free(path);
	return r;
}

/* What is printed can be sent on as it is: one message, and nothing else. */
static int
ql_show_body(const struct cli *cli, int n, char **ids, bool json)
{
	if (n != 1 || json)
		return cli_usage(cli);
	return queue_body_show(cli, ids[0]);
}

int
cli_queue_show(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"body", no_argument, NULL, 'b'},
		{NULL, 0, NULL, 0},
	};
	struct ql ql = {.now_ms = text_now()};
	bool json = false, body = false;
	int c, status = CLI_OK;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j' && c != 'b')
			return cli_usage(cli);
		json = json || c == 'j';
		body = body || c == 'b';
	}
	if (optind == argc)
		return cli_usage(cli);
	if (body)
		return ql_show_body(cli, argc - optind, argv + optind, json);
	for (int i = optind; i < argc; i++) {
		c = ql_show_id(cli, &ql, argv[i], json);
		if (status == CLI_OK)
			status = c;
	}
	return status;
}
