#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/api_client.h"
#include "cli/text.h"

#define STORE_LOOK_MS 200

/* --- backup ---------------------------------------------------------------- */

/* belfryd has another working directory. The caller frees it. */
static char *
store_absolute(const char *dir)
{
	char cwd[PATH_MAX];

	if (dir[0] == '/')
		return xstrdup(dir);
	if (getcwd(cwd, sizeof(cwd)) == NULL) {
		cli_say("the working directory: %s", strerror(errno));
		return NULL;
	}
	return xasprintf("%s/%s", cwd, dir);
}

static void
store_show_progress(const json_t *backup)
{
	char bytes[TEXT_MAX], expected[TEXT_MAX];

	text_size(api_int(backup, "bytes"), bytes);
	text_size(api_int(backup, "expected_bytes"), expected);
	fprintf(stderr, "\r%s of about %s   ", bytes, expected);
}

static int
store_backup_said(const json_t *backup, bool json)
{
	int64_t ms =
		api_int(backup, "ended_ms") - api_int(backup, "started_ms");
	char size[TEXT_MAX], took[TEXT_MAX];
	bool failed = strcmp(api_str(backup, "state"), "done") != 0;

	if (json)
		api_print_line(backup);
	if (failed) {
		cli_say("the backup failed: %s; %s", api_str(backup, "error"),
			api_str(backup, "help"));
		return CLI_WRONG;
	}
	if (json)
		return CLI_OK;
	text_size(api_int(backup, "bytes"), size);
	text_age(ms, took);
	text_put(api_str(backup, "dir"), stdout);
	printf("/data.mdb: %s in %s\n", size, took);
	return CLI_OK;
}

/* Until it has ended. Takes BACKUP over. */
static int
store_backup_follow(const struct cli *cli, json_t *backup, bool json)
{
	const struct timespec pause = {.tv_nsec = STORE_LOOK_MS * 1000000L};
	bool show = isatty(STDERR_FILENO);
	int r = CLI_OK;

	while (r == CLI_OK &&
	       strcmp(api_str(backup, "state"), "running") == 0) {
		if (show)
			store_show_progress(backup);
		nanosleep(&pause, NULL);
		json_decref(backup);
		backup = NULL;
		r = api_call(cli, "GET", "store/backup", NULL, NULL, &backup);
	}
	if (show)
		fputs("\r\033[K", stderr);
	if (r == CLI_OK)
		r = store_backup_said(backup, json);
	json_decref(backup);
	return r;
}

int
cli_store_backup(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	json_t *body, *backup = NULL;
	bool json = false;
	char *dir;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return cli_usage(cli);
		json = true;
	}
	if (optind + 1 != argc)
		return cli_usage(cli);
	dir = store_absolute(argv[optind]);
	if (dir == NULL)
		return CLI_WRONG;
	body = json_pack("{s:s}", "dir", dir);
	if (body == NULL) {
		cli_say("%s: the name is not UTF-8; give the folder another",
			dir);
		free(dir);
		return CLI_USAGE;
	}
	r = api_call(cli, "POST", "store/backup", body, NULL, &backup);
	json_decref(body);
	free(dir);
	return r == CLI_OK ? store_backup_follow(cli, backup, json) : r;
}

/* --- upgrade --------------------------------------------------------------- */

int
cli_store_upgrade(const struct cli *cli, int argc, char **argv)
{
	json_t *answer = NULL;
	bool json = false;
	int r;

	if (!api_only_json(cli, argc, argv, &json))
		return CLI_USAGE;
	r = api_call(cli, "POST", "store/upgrade", NULL, NULL, &answer);
	if (r == CLI_OK && json)
		api_print_line(answer);
	else if (r == CLI_OK)
		printf("The store has schema %" PRId64
		       ", the newest that belfryd knows: nothing to do.\n",
		       api_int(answer, "schema"));
	json_decref(answer);
	return r;
}
