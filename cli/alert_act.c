/*
 * alert_act - what people do with incidents: they have it, it is over, it was
 * noise.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/alert_noise.h"
#include "cli/alert_text.h"
#include "cli/api_client.h"

struct aa {
	const struct cli *cli;
	const char *action, *done; /* "ack", "acknowledged" */
	const char *note;          /* NULL: none */
	bool json, week;
};

static int
aa_one(const struct aa *aa, const json_t *body, const char *id)
{
	json_t *answer = NULL;
	char *path;
	int r;

	if (!alert_is_id(id))
		return CLI_USAGE;
	path = xasprintf("alerts/%s/%s", id, aa->action);
	r = api_call(aa->cli, "POST", path, body, id, &answer);
	if (r == CLI_OK && aa->json)
		api_print_line(answer);
	else if (r == CLI_OK)
		printf("%s: %s%s\n", id,
		       strcmp(api_str(answer, "result"), "already") == 0
			       ? "already "
			       : "",
		       aa->done);
	json_decref(answer);
	free(path);
	return r;
}

/* All of them; the first that goes wrong gives the exit status. */
static int
aa_all(const struct aa *aa, int n, char **ids)
{
	json_t *body = alert_body("note", aa->note);
	int status = body != NULL ? CLI_OK : CLI_USAGE;

	for (int i = 0; body != NULL && i < n; i++) {
		int r = aa_one(aa, body, ids[i]);

		if (status == CLI_OK)
			status = r;
		if (r == CLI_UNREACHABLE || r == CLI_NOT_ALLOWED ||
		    r == CLI_CONFIG)
			break; /* the others would only say it again */
	}
	json_decref(body);
	return status;
}

static int
aa_command(const struct cli *cli, int argc, char **argv, const char *action,
	   const char *done)
{
	static const struct option options[] = {
		{"note", required_argument, NULL, 'n'},
		{"json", no_argument, NULL, 'j'},
		{"week", no_argument, NULL, 'w'}, /* of noise */
		{NULL, 0, NULL, 0},
	};
	struct aa aa = {.cli = cli, .action = action, .done = done};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			aa.note = optarg;
		else if (c == 'j')
			aa.json = true;
		else if (c == 'w' && strcmp(action, "noise") == 0)
			aa.week = true;
		else
			return cli_usage(cli);
	}
	if (aa.week && optind == argc && aa.note == NULL)
		return alert_noise_week(cli, aa.json);
	if (aa.week || optind == argc)
		return cli_usage(cli);
	return aa_all(&aa, argc - optind, argv + optind);
}

int
cli_alert_ack(const struct cli *cli, int argc, char **argv)
{
	return aa_command(cli, argc, argv, "ack", "acknowledged");
}

int
cli_alert_unack(const struct cli *cli, int argc, char **argv)
{
	return aa_command(cli, argc, argv, "unack", "nobody's");
}

int
cli_alert_close(const struct cli *cli, int argc, char **argv)
{
	return aa_command(cli, argc, argv, "close", "closed");
}

int
cli_alert_noise(const struct cli *cli, int argc, char **argv)
{
	return aa_command(cli, argc, argv, "noise", "marked as noise");
}
