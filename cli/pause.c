#include <getopt.h>

#include "cli/api_client.h"
#include "cli/when.h"

/* for_ms 0 is until resumed; NULL leaves belfryd's four hours. */
static int
pause_call(const struct cli *cli, const char *reason, const int64_t *for_ms,
	   bool alerts)
{
	json_t *body = json_pack("{s:s, s:b}", "reason", reason, "alerts",
				 (int)alerts);
	json_t *answer = NULL;
	int r;

	if (body == NULL) {
		cli_say("the reason is not UTF-8");
		return CLI_USAGE;
	}
	if (for_ms != NULL)
		json_object_set_new(body, "for_ms", json_integer(*for_ms));
	r = api_call(cli, "POST", "pause", body, NULL, &answer);
	if (r == CLI_OK) {
		api_print_pause(answer, stdout);
		puts(alerts ? "Mail and alerts are accepted and kept, and "
			      "nobody is told. `belfry resume` ends it."
			    : "Mail is accepted and kept; alerts still go out. "
			      "`belfry resume` ends it.");
	}
	json_decref(answer);
	json_decref(body);
	return r;
}

int
cli_pause(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"reason", required_argument, NULL, 'r'},
		{"for", required_argument, NULL, 'f'},
		{"until-resumed", no_argument, NULL, 'u'},
		{"alerts", no_argument, NULL, 'a'},
		{NULL, 0, NULL, 0},
	};
	const char *reason = NULL;
	int64_t for_ms = 0;
	bool timed = false, open_end = false, alerts = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r') {
			reason = optarg;
		} else if (c == 'u') {
			open_end = true;
		} else if (c == 'a') {
			alerts = true;
		} else if (c == 'f') {
			timed = true;
			if (when_parse_length(optarg, &for_ms) != CLI_OK)
				return CLI_USAGE;
		} else {
			return cli_usage(cli);
		}
	}
	if (optind < argc || (timed && open_end))
		return cli_usage(cli);
	if (reason == NULL || reason[0] == '\0') {
		cli_say("say why, with --reason");
		return cli_usage(cli);
	}
	return pause_call(cli, reason, timed || open_end ? &for_ms : NULL,
			  alerts);
}

int
cli_resume(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	json_t *answer = NULL;
	int r;

	if (getopt_long(argc, argv, "", options, NULL) != -1 || optind < argc)
		return cli_usage(cli);
	r = api_call(cli, "POST", "resume", NULL, NULL, &answer);
	if (r == CLI_OK)
		puts(api_true(answer, "alerts")
			     ? "Mail is delivered again, and alerts are told."
			     : "Mail is delivered again.");
	json_decref(answer);
	return r;
}
