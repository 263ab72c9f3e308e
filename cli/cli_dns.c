#include "cli/cli_dns.h"

#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_MS 5000 /* without a configuration */

/* A file that is there but wrong is said to be, and done without. */
static int
read_config(const struct cli *cli, struct config **ret)
{
	struct conf_errors e;
	int r = CLI_OK;

	if (!cli->conf_given && access(cli->conf_path, R_OK) < 0)
		return CLI_OK;
	conf_errors_init(&e);
	if (config_load(cli->conf_path, ret, &e) < 0) {
		conf_errors_print(&e, stderr);
		if (cli->conf_given)
			r = CLI_CONFIG;
		else
			cli_say("going on without the configuration");
	}
	conf_errors_done(&e);
	return r;
}

int
cli_dns_open(const struct cli *cli, struct cli_dns *ret)
{
	struct dns_conf plain = {.timeout_ms = TIMEOUT_MS};
	struct cli_dns d = {.config = NULL};
	char *why = NULL;
	int r = read_config(cli, &d.config);

	if (r != CLI_OK)
		return r;
	d.loop = loop_new(clock_system());
	if (dns_new(d.loop, d.config != NULL ? &d.config->dns : &plain, &d.dns,
		    &why) < 0) {
		cli_say("%s", why);
		free(why);
		cli_dns_close(&d);
		return CLI_CONFIG;
	}
	*ret = d;
	return CLI_OK;
}

void
cli_dns_close(struct cli_dns *d)
{
	dns_free(&d->dns);
	loop_free(&d->loop);
	config_unref(&d->config);
}
