/*
 * ours - whose mail a message is: ours is signed, all other is verified.
 */
#ifndef MILTER_OURS_H
#define MILTER_OURS_H

#include <stdbool.h>

#include "config/config.h"

/* What the mail server said of a client. */
struct milter_client {
	struct sockaddr_any address; /* family AF_UNSPEC: it did not say */
	const char *auth_type;       /* of the macro; NULL: none */
	const char *daemon_name;     /* of the macro; NULL: none */
};

/* Why it is ours, in a word for the log; NULL: it is not. */
const char *milter_is_ours(const struct milter_ours_conf *conf,
			   const struct milter_client *client);

#endif
