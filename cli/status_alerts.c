#include "cli/status_alerts.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/api_client.h"
#include "cli/text.h"

static void
sa_print_counts(const json_t *alerts)
{
	static const struct {
		const char *name, *words;
	} marks[] = {
		{"stale", "no longer reported"},
		{"acked", "acknowledged"},
		{"suppressed", "silenced or held back"},
		{"flapping", "flapping"},
		{"notices_out", "not told yet"},
	};

	printf("%-10s %" PRId64 " open", "alerts", api_int(alerts, "open"));
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (api_int(alerts, marks[i].name) > 0)
			printf(", %" PRId64 " %s",
			       api_int(alerts, marks[i].name), marks[i].words);
	puts(api_true(alerts, "loaded") ? "" : "; still being read");
}

/* Who can't be told, and why. */
static void
sa_print_suspended(const json_t *alerts)
{
	const json_t *s;
	char until[TEXT_MAX];
	size_t i;

	json_array_foreach(json_object_get(alerts, "suspended"), i, s)
	{
		text_time(api_int(s, "until_ms"), until);
		printf("%-10s ", i == 0 ? "not told" : "");
		text_put(api_str(s, "address"), stdout);
		printf(" (%s), until ", api_str(s, "channel"));
		if (api_int(s, "until_ms") > text_now())
			printf("%s or a reload: ", until);
		else
			fputs("the next alert tries it: ", stdout);
		text_put(api_str(s, "words"), stdout);
		putchar('\n');
	}
}

void
status_print_alerts(const json_t *alerts)
{
	int64_t failed = api_int(alerts, "failed");

	if (alerts == NULL)
		return;
	sa_print_counts(alerts);
	sa_print_suspended(alerts);
	if (failed > 0)
		printf("%-10s %" PRId64 " %saddress%s took nothing when tried "
		       "last; `belfry alert show ID` says why\n",
		       "", failed,
		       json_array_size(json_object_get(alerts, "suspended")) > 0
			       ? "other "
			       : "",
		       failed == 1 ? "" : "es");
	if (api_true(alerts, "clock_doubt"))
		printf("%-10s DOUBTED, so that nothing expires; when it is "
		       "right: `belfry clock accept`\n",
		       "clock");
}

size_t
status_judge_alerts(const json_t *alerts,
		    char ret[static STATUS_ALERT_REASONS][64])
{
	size_t suspended =
		json_array_size(json_object_get(alerts, "suspended"));
	int64_t failed = api_int(alerts, "failed");
	size_t n = 0;

	if (api_true(json_object_get(alerts, "mute"), "muted"))
		snprintf(ret[n++], 64, "alerts are muted");
	if (suspended > 0)
		snprintf(ret[n++], 64,
			 "%zu address%s for alerts do%s not exist", suspended,
			 suspended == 1 ? "" : "es",
			 suspended == 1 ? "es" : "");
	if (failed > 0)
		snprintf(ret[n++], 64, "%" PRId64 " address%s took no alert",
			 failed, failed == 1 ? "" : "es");
	if (api_true(alerts, "clock_doubt"))
		snprintf(ret[n++], 64, "the clock is doubted");
	return n;
}
