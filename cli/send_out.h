/*
 * send_out - a message of a command goes to belfryd: submitted, or left for it
 * while it is away; and what came of it is said.
 */
#ifndef CLI_SEND_OUT_H
#define CLI_SEND_OUT_H

#include <stdbool.h>

#include "cli/sendmail_conf.h"
#include "cli/submission.h"

struct send_out {
	struct sendmail_conf conf;
	const char *noun; /* "message": what it is to people */
	const char *done; /* "delivered": what it is when its fate is good */
	const char *path; /* of the file it is read from */
	bool wait;        /* for its fate; then it is never left */
};

/* M's envelope and content are set. The exit status. */
int send_out(const struct send_out *s, struct submission *m);

#endif
