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
	char *origin; /* "": whatever belfryd calls itself */
};

/* Read PATH into *RET; NULL: the usual file, which need not exist. 0, or
 * -EINVAL after the mistakes were printed. */
int sendmail_conf_load(const char *path, struct arena *arena,
		       struct sendmail_conf *ret);
/* With `belfry -c FILE`: what the daemon's own FILE says instead. CLI_OK, or
 * the exit status after saying why. */
int sendmail_conf_of(const struct cli *cli, struct arena *arena,
		     struct sendmail_conf *ret);

#endif
