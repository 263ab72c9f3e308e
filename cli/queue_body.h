/*
 * queue_body - the content of a message, piece by piece.
 */
#ifndef CLI_QUEUE_BODY_H
#define CLI_QUEUE_BODY_H

#include <jansson.h>
#include <stddef.h>

#include "cli/command.h"

/* 0, or -errno, which ends it. */
typedef int queue_body_fn(void *arg, const char *data, size_t len);

/* All of message M (as the API lists it), to FN. CLI_OK, or the exit status
 * after saying what is wrong; what FN answered is in *RET_ERROR, and not said.
 */
int queue_body_get(const struct cli *cli, const json_t *m, queue_body_fn *fn,
		   void *arg, int *ret_error);
/* `queue show --body`: on a terminal without what could steer it. */
int queue_body_show(const struct cli *cli, const char *id);

#endif
