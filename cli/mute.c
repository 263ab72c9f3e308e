/*
 * mute - the red button of the alerts, and the word that the clock is right.
 */
#include <getopt.h>
#include <string.h>

#include "alert/engine.h"
#include "cli/alert_text.h"
#include "cli/api_client.h"
#include "cli/text.h"
#include "cli/when.h"

/* How long; 0 leaves belfryd's hour. */
struct mute_end {
	int64_t for_ms, until_ms;
};

static int
mute_call(const struct cli *cli, const char *reason, const struct mute_end *end)
{
	json_t *body = alert_body("reason", reason), *answer = NULL;
	int r;

	if (body == NULL)
		return CLI_USAGE;
	if (end->for_ms > 0)
		json_object_set_new(body, "for_ms", json_integer(end->for_ms));
	if (end->until_ms > 0)
		json_object_set_new(body, "until_ms",
				    json_integer(end->until_ms));
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

static int
mute_for(const char *arg, struct mute_end *end)
{
	int r = when_parse_length(arg, &end->for_ms);

	if (r == CLI_OK && end->for_ms > ENGINE_MUTE_MAX_MS) {
		cli_say("--for %s is more than a week", arg);
		r = CLI_USAGE;
	}
	return r;
}

static int
mute_until(const char *arg, struct mute_end *end)
{
	int64_t now_ms = text_now();
	int r = when_parse(arg, now_ms, &end->until_ms);

	if (r == CLI_OK && (end->until_ms <= now_ms ||
			    end->until_ms > now_ms + ENGINE_MUTE_MAX_MS)) {
		cli_say("--until %s is %s", arg,
			end->until_ms > now_ms ? "more than a week ahead"
					       : "over");
		r = CLI_USAGE;
	}
	return r;
}

int
cli_mute(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"reason", required_argument, NULL, 'r'},
		{"for", required_argument, NULL, 'f'},
		{"until", required_argument, NULL, 'u'},
		{NULL, 0, NULL, 0},
	};
	const char *reason = NULL;
	struct mute_end end = {0};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			reason = optarg;
		else if (c != 'f' && c != 'u')
			return cli_usage(cli);
		else if ((c == 'f' ? mute_for(optarg, &end)
				   : mute_until(optarg, &end)) != CLI_OK)
			return CLI_USAGE;
	}
	if (optind < argc)
		return cli_extra(cli, argv[optind]);
	if (end.for_ms > 0 && end.until_ms > 0) {
		cli_say("say --for or --until, not both");
		return cli_usage(cli);
	}
	if (reason == NULL || reason[0] == '\0') {
		cli_say("say why, with --reason");
		return cli_usage(cli);
	}
	return mute_call(cli, reason, &end);
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
