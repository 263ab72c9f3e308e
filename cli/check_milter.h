/*
 * check_milter - what `belfry check` looks at for belfry-milter beside the file
 * itself: its account, the way of the mail server to its socket, its keys.
 */
#ifndef CLI_CHECK_MILTER_H
#define CLI_CHECK_MILTER_H

#include "config/config.h"

/* A finding is a warning, since the file may be for another machine; with
 * BECOME, where we are `milter.user`, an error. Nothing without a section
 * `milter`. */
void check_milter(const struct config *c, bool become, struct conf_errors *e);

#endif
