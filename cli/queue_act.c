#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/api_client.h"
#include "cli/text.h"

static bool
qa_ids_ok(int n, char **ids)
{
	for (int i = 0; i < n; i++) {
		if (text_is_id(ids[i]))
			continue;
		cli_say("`%s` is no id of a message; `belfry queue list` shows "
			"them",
			ids[i]);
		return false;
	}
	return n > 0;
}

/* ACTION NULL: remove. */
static int
qa_one(const struct cli *cli, const char *id, const char *action,
       const char *done)
{
	char *path = xasprintf("queue/%s%s%s", id, action != NULL ? "/" : "",
			       action != NULL ? action : "");
	json_t *answer = NULL;
	int r = api_call(cli, action != NULL ? "POST" : "DELETE", path, NULL,
			 id, &answer);

	if (r == CLI_OK)
		printf("%s: %s%s\n", id,
		       strcmp(api_str(answer, "result"), "already") == 0
			       ? "already "
			       : "",
		       done);
	json_decref(answer);
	free(path);
	return r;
}

/* All of them; the first that goes wrong gives the exit status. */
static int
qa_all(const struct cli *cli, int n, char **ids, const char *action,
       const char *done)
{
	int status = CLI_OK;

	for (int i = 0; i < n; i++) {
		int r = qa_one(cli, ids[i], action, done);

		if (status == CLI_OK)
			status = r;
		if (r == CLI_UNREACHABLE || r == CLI_NOT_ALLOWED ||
		    r == CLI_CONFIG)
			break; /* the others would only say it again */
	}
	return status;
}

static int
qa_command(const struct cli *cli, int argc, char **argv, const char *action,
	   const char *done)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};

	if (getopt_long(argc, argv, "", options, NULL) != -1 || optind == argc)
		return cli_usage(cli);
	if (!qa_ids_ok(argc - optind, argv + optind))
		return CLI_USAGE;
	return qa_all(cli, argc - optind, argv + optind, action, done);
}

int
cli_queue_hold(const struct cli *cli, int argc, char **argv)
{
	return qa_command(cli, argc, argv, "hold", "held");
}

int
cli_queue_release(const struct cli *cli, int argc, char **argv)
{
	return qa_command(cli, argc, argv, "release", "released");
}

int
cli_queue_flush(const struct cli *cli, int argc, char **argv)
{
	return qa_command(cli, argc, argv, "flush", "tried now");
}

int
cli_queue_requeue(const struct cli *cli, int argc, char **argv)
{
	return qa_command(cli, argc, argv, "requeue", "made ready");
}

/* On a terminal; elsewhere --yes must say it. */
static bool
qa_confirm(int n)
{
	char answer[16];

	if (!isatty(STDIN_FILENO)) {
		cli_say("say --yes to remove without being asked");
		return false;
	}
	printf("Remove %d message%s for good, without telling the sender? "
	       "[y/N] ",
	       n, n == 1 ? "" : "s");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

int
cli_queue_remove(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"yes", no_argument, NULL, 'y'},
		{NULL, 0, NULL, 0},
	};
	bool yes = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'y')
			return cli_usage(cli);
		yes = true;
	}
	if (optind == argc)
		return cli_usage(cli);
	if (!qa_ids_ok(argc - optind, argv + optind) ||
	    (!yes && !qa_confirm(argc - optind)))
		return CLI_USAGE;
	return qa_all(cli, argc - optind, argv + optind, NULL, "removed");
}
