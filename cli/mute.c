/*
 * mute - the red button of the alerts, and the word that the clock is right.
 */
#include <getopt.h>
#include <string.h>

#include "cli/alert_text.h"
#include "cli/api_client.h"
#include "cli/when.h"

/* LENGTH_MS 0 leaves belfryd's hour. */
static int
mute_call(const struct cli *cli, const char *reason, int64_t length_ms)
{
	json_t *body = alert_body("reason", reason), *answer = NULL;
	int r;

	if (body == NULL)
		return CLI_USAGE;
	if (length_ms > 0)
		json_object_set_new(body, "for_ms", json_integer(length_ms));
	r = api_call(cli, "POST", "mute", body, NULL, &answer);
	if (r == CLI_OK) {
		alert_print_mute(answer, stdout);
		puts("Alerts are taken and kept, and nobody is told. `belfry "
		     "unmute` ends it.");
	}
	json_decref(answer);
	json_decref(body);
	return r;
}

int
cli_mute(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"reason", required_argument, NULL, 'r'},
		{"for", required_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	const char *reason = NULL;
	int64_t length_ms = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			reason = optarg;
		else if (c != 'f')
			return cli_usage(cli);
		else if (when_parse_length(optarg, &length_ms) != CLI_OK)
			return CLI_USAGE;
	}
	if (optind < argc)
		return cli_usage(cli);
	if (reason == NULL || reason[0] == '\0') {
		cli_say("say why, with --reason");
		return cli_usage(cli);
	}
	return mute_call(cli, reason, length_ms);
}

int
cli_unmute(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	json_t *body, *answer = NULL;
	int r;

	if (getopt_long(argc, argv, "", options, NULL) != -1 || optind < argc)
		return cli_usage(cli);
	body = alert_body("", NULL);
	r = api_call(cli, "POST", "unmute", body, NULL, &answer);
	if (r == CLI_OK)
		puts(strcmp(api_str(answer, "result"), "already") == 0
			     ? "Nothing was muted."
			     : "People are told again.");
	json_decref(answer);
	json_decref(body);
	return r;
}

int
cli_clock_accept(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	json_t *answer = NULL;
	int r;

	if (getopt_long(argc, argv, "", options, NULL) != -1 || optind < argc)
		return cli_usage(cli);
	r = api_call(cli, "POST", "clock-accept", NULL, NULL, &answer);
	if (r == CLI_OK)
		puts(strcmp(api_str(answer, "result"), "already") == 0
			     ? "Nobody doubted the clock."
			     : "The clock is taken to be right; what is due "
			       "goes on.");
	json_decref(answer);
	return r;
}
