/*
 * sendmail_conf - the few things that everybody who sends from this machine
 * needs to know: /etc/belfry/sendmail.conf, readable by all.
 *
 * The daemon's own file need not be readable by who sends mail. Without this
 * file, and for keys that it does not have, the compiled-in values hold.
 */
#ifndef CLI_SENDMAIL_CONF_H
#define CLI_SENDMAIL_CONF_H

#include "base/arena.h"
#include "cli/command.h"

#define SENDMAIL_CONF_PATH "/etc/belfry/sendmail.conf"

struct sendmail_conf {
	char *submit_socket;
	char *drop_dir;
	char *origin; /* "": belfryd's */
};

/* Read PATH into *RET; NULL: what the daemon's own file says when CLI has
 * `-c FILE`, else the usual file, which need not exist. CLI_OK, or the exit
 * status after saying why. */
int sendmail_conf_get(const struct cli *cli, const char *path,
		      struct arena *arena, struct sendmail_conf *ret);

#endif
