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

/* A line that says XFORWARD, whatever becomes of it: from now on the message is
 * not of who connected. */
void si_xforward_heard(struct smtp_in *si);
/* The same of LINE, which can't be read as a command, if it is one. */
void si_xforward_overheard(struct smtp_in *si, const char *line, size_t len);

#endif
