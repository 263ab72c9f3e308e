#include "cli/sendmail_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "cli/api_client.h"
#include "config/config.h"

static const struct conf_option sendmail_options[] = {
	{.name = "submit_socket",
	 .type = CONF_STRING,
	 .offset = offsetof(struct sendmail_conf, submit_socket),
	 .dflt = "/run/belfry/submit.sock",
	 .help = "The socket where belfryd takes mail.",
	 .check = conf_check_path},
	{.name = "drop_dir",
	 .type = CONF_STRING,
	 .offset = offsetof(struct sendmail_conf, drop_dir),
	 .dflt = "/var/lib/belfry/drop",
	 .help = "Where mail is left while belfryd can't be reached.",
	 .check = conf_check_path},
	{.name = "origin",
	 .type = CONF_STRING,
	 .offset = offsetof(struct sendmail_conf, origin),
	 .dflt = "\"\"",
	 .help = "The domain of addresses that have none.",
	 .check = config_check_origin},
	{.name = NULL},
};

static const struct conf_table sendmail_table = {
	.size = sizeof(struct sendmail_conf),
	.options = sendmail_options,
};

static int
sendmail_conf_load(const char *path, struct arena *arena,
		   struct sendmail_conf *ret)
{
	struct conf_errors e;
	int r;

	conf_errors_init(&e);
	if (path == NULL && access(SENDMAIL_CONF_PATH, F_OK) < 0 &&
	    errno == ENOENT)
		r = conf_load_text(SENDMAIL_CONF_PATH, "{}", 2, &sendmail_table,
				   arena, &e, ret);
	else
		r = conf_load(path != NULL ? path : SENDMAIL_CONF_PATH,
			      &sendmail_table, arena, &e, ret);
	conf_errors_print(&e, stderr);
	conf_errors_done(&e);
	return r;
}

/* `belfry -c FILE` is for those who may read FILE. */
static int
sendmail_conf_of(const struct cli *cli, struct arena *arena,
		 struct sendmail_conf *ret)
{
	char *socket = api_path(cli, API_SUBMIT_SOCKET), *drop;

	if (socket == NULL)
		return CLI_CONFIG;
	drop = api_path(cli, API_DROP_DIR);
	ret->submit_socket = arena_strdup(arena, socket);
	if (drop != NULL)
		ret->drop_dir = arena_strdup(arena, drop);
	free(drop);
	free(socket);
	return CLI_OK;
}

int
sendmail_conf_get(const struct cli *cli, const char *path, struct arena *arena,
		  struct sendmail_conf *ret)
{
	if (sendmail_conf_load(path, arena, ret) < 0)
		return CLI_CONFIG;
	if (path != NULL || !cli->conf_given)
		return CLI_OK;
	return sendmail_conf_of(cli, arena, ret);
}
