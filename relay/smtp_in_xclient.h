/*
 * smtp_in_xclient - the part of smtp_in that hears from a host in front of us
 * whose session or whose message this is.
 */
#ifndef RELAY_SMTP_IN_XCLIENT_H
#define RELAY_SMTP_IN_XCLIENT_H

#include "relay/smtp_in.h"

/* Lines of the answer to EHLO, for whom they are offered to. */
const char *si_xclient_ehlo(const struct smtp_in *si);
enum smtp_in_state si_xclient(struct smtp_in *si,
			      const struct smtp_command *cmd);
enum smtp_in_state si_xforward(struct smtp_in *si,
			       const struct smtp_command *cmd);

#endif
