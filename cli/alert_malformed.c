/*
 * alert_malformed - what sources posted and nobody could understand.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "cli/api_client.h"
#include "cli/text.h"

#define AM_BODY_MAX (1 << 20)

static void
am_print(const json_t *m, int64_t now_ms)
{
	char age[TEXT_MAX], size[TEXT_MAX];

	text_age(now_ms - api_int(m, "when_ms"), age);
	text_size(api_int(m, "size"), size);
	printf("%6" PRId64 "  %6s  %6s  ", api_int(m, "number"), age, size);
	text_put(api_str(m, "source"), stdout);
	fputs(": ", stdout);
	text_put(api_str(m, "why"), stdout);
	putchar('\n');
}

static int
am_list(const struct cli *cli, bool json)
{
	json_t *answer = NULL, *list;
	const json_t *m;
	size_t i;
	int r = api_call(cli, "GET", "malformed", NULL, NULL, &answer);

	if (r != CLI_OK)
		return r;
	list = json_object_get(answer, "malformed");
	if (!json && json_array_size(list) == 0)
		puts("Everything that came was understood.");
	else if (!json)
		printf("%6s  %6s  %6s  %s\n", "NUMBER", "AGE", "SIZE",
		       "SOURCE: WHY");
	json_array_foreach(list, i, m)
	{
		if (json)
			api_print_line(m);
		else
			am_print(m, text_now());
	}
	json_decref(answer);
	return CLI_OK;
}

static int
am_body(const struct cli *cli, const char *number)
{
	char *path = xasprintf("malformed/%s", number);
	struct buf body;
	bool partial;
	int r;

	buf_init(&body, AM_BODY_MAX);
	r = api_fetch(cli, path, number, &body, &partial);
	if (r == CLI_OK && isatty(STDOUT_FILENO)) {
		text_put_lines(buf_str(&body), body.len, stdout);
		putchar('\n');
	} else if (r == CLI_OK) {
		fwrite(buf_str(&body), 1, body.len, stdout);
	}
	buf_done(&body);
	free(path);
	return r;
}

int
cli_alert_malformed(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"body", required_argument, NULL, 'b'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	const char *number = NULL;
	bool json = false;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'b')
			number = optarg;
		else if (c == 'j')
			json = true;
		else
			return cli_usage(cli);
	}
	if (optind < argc || (number != NULL && json))
		return cli_usage(cli);
	if (number == NULL)
		return am_list(cli, json);
	if (strtoul(number, &end, 10) == 0 || *end != '\0' || *number == '-') {
		cli_say("`%s` is no number of the list", number);
		return CLI_USAGE;
	}
	return am_body(cli, number);
}
