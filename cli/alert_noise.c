#include "cli/alert_noise.h"

#include <inttypes.h>

#include "cli/api_client.h"
#include "cli/text.h"

static const char *const an_columns[] = {
	"notices", "incidents", "acked", "flapping", "noise",
};
#define AN_NCOLUMN (sizeof(an_columns) / sizeof(an_columns[0]))

static void
an_print_head(const json_t *report)
{
	char since[TEXT_MAX], until[TEXT_MAX];

	text_time(api_int(report, "since_ms"), since);
	text_time(api_int(report, "until_ms"), until);
	printf("From %s to %s:\n%8s  %9s  %6s  %8s  %6s  %s\n", since, until,
	       "NOTICES", "INCIDENTS", "ACKED", "FLAPPING", "NOISE", "RULE");
}

static void
an_print_rule(const json_t *rule)
{
	static const int width[AN_NCOLUMN] = {8, 9, 6, 8, 6};

	for (size_t i = 0; i < AN_NCOLUMN; i++)
		printf("%*" PRId64 "  ", width[i],
		       api_int(rule, an_columns[i]));
	text_put(api_str(rule, "alertname"), stdout);
	fputs(" (", stdout);
	text_put(api_str(rule, "source"), stdout);
	puts(")");
}

/* Whatever nobody acknowledged may not have been worth a message. */
static void
an_print_sum(const json_t *rules)
{
	int64_t sum[AN_NCOLUMN] = {0};
	const json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule) for (size_t k = 0; k < AN_NCOLUMN;
						k++) sum[k] +=
		api_int(rule, an_columns[k]);
	printf("%zu rule%s: %" PRId64 " notice%s of %" PRId64
	       " incident%s, %" PRId64 " acknowledged, %" PRId64
	       " marked as noise\n",
	       json_array_size(rules), json_array_size(rules) == 1 ? "" : "s",
	       sum[0], sum[0] == 1 ? "" : "s", sum[1], sum[1] == 1 ? "" : "s",
	       sum[2], sum[4]);
}

int
alert_noise_week(const struct cli *cli, bool json)
{
	json_t *report = NULL, *rules;
	const json_t *rule;
	size_t i;
	int r = api_call(cli, "GET", "noise?days=7", NULL, NULL, &report);

	if (r != CLI_OK)
		return r;
	rules = json_object_get(report, "rules");
	if (!json && json_array_size(rules) == 0)
		puts("Nobody was told of anything in the last week.");
	else if (!json)
		an_print_head(report);
	json_array_foreach(rules, i, rule)
	{
		if (json)
			api_print_line(rule);
		else
			an_print_rule(rule);
	}
	if (!json && json_array_size(rules) > 0)
		an_print_sum(rules);
	json_decref(report);
	return CLI_OK;
}
