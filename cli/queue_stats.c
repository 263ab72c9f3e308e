#include <inttypes.h>
#include <string.h>

#include "cli/api_client.h"
#include "cli/text.h"

#define QS_NAME_MAX 40

/* What is shown of a destination's name, for the width of its column. */
static int
qs_width(const json_t *dests)
{
	size_t i, width = strlen("DESTINATION");
	const json_t *d;

	json_array_foreach(dests, i, d)
	{
		size_t n = strlen(api_str(d, "name"));

		if (n > width)
			width = n;
	}
	return (int)(width > QS_NAME_MAX ? QS_NAME_MAX : width);
}

static void
qs_next(int64_t at_ms, int64_t now_ms)
{
	char wait[TEXT_MAX];

	if (at_ms <= now_ms)
		return;
	text_age(at_ms - now_ms, wait);
	printf(", next in %s", wait);
}

static void
qs_print(const json_t *d, int width, int64_t now_ms)
{
	int64_t oldest = api_int(d, "oldest_ms");
	const char *name = api_str(d, "name");
	const char *reply = api_str(d, "last_reply");
	const char *tls = api_str(d, "tls");
	char age[TEXT_MAX] = "-", active[48];

	if (oldest > 0)
		text_age(now_ms - oldest, age);
	text_put(name, stdout);
	snprintf(active, sizeof(active), "%" PRId64 "/%" PRId64,
		 api_int(d, "active"), api_int(d, "window"));
	printf("%*s  %8" PRId64 "  %8s  %6s  %-10s  ",
	       width > (int)strlen(name) ? width - (int)strlen(name) : 0, "",
	       api_int(d, "waiting"), active, age, tls[0] ? tls : "-");
	if (api_true(d, "down")) {
		printf("DOWN, %" PRId64 " failed", api_int(d, "fails"));
		qs_next(api_int(d, "not_before_ms"), now_ms);
		fputs(reply[0] != '\0' ? ": " : "", stdout);
	} else if (api_int(d, "rate_until_ms") > now_ms) {
		fputs("rate used up", stdout);
		qs_next(api_int(d, "rate_until_ms"), now_ms);
	}
	text_put(reply, stdout);
	putchar('\n');
}

int
cli_queue_stats(const struct cli *cli, int argc, char **argv)
{
	json_t *stats = NULL, *d;
	const json_t *dests;
	bool json = false;
	size_t i;
	int r;

	if (!api_only_json(cli, argc, argv, &json))
		return CLI_USAGE;
	r = api_call(cli, "GET", "queue-stats", NULL, NULL, &stats);
	if (r != CLI_OK)
		return r;
	dests = json_object_get(stats, "destinations");
	if (!json && json_array_size(dests) == 0)
		puts("No destination is active or failing.");
	else if (!json)
		printf("%-*s  %8s  %8s  %6s  %-10s  %s\n", qs_width(dests),
		       "DESTINATION", "WAITING", "ACTIVE", "OLDEST", "TLS",
		       "LAST ANSWER");
	json_array_foreach(dests, i, d)
	{
		if (json)
			api_print_line(d);
		else
			qs_print(d, qs_width(dests), text_now());
	}
	if (!json && api_true(stats, "counting"))
		puts("(belfryd has just started and still counts)");
	json_decref(stats);
	return CLI_OK;
}
