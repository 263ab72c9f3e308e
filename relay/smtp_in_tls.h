/*
 * smtp_in_tls - STARTTLS (RFC 3207) of smtp_in, and TLS from the first byte on.
 */
#ifndef RELAY_SMTP_IN_TLS_H
#define RELAY_SMTP_IN_TLS_H

#include "relay/smtp_in.h"

/* Is there still something for STARTTLS to do? */
bool si_offers_tls(const struct smtp_in *si);
/* Does the listener require what the client has not begun? */
bool si_lacks_tls(const struct smtp_in *si);
/* A command that needs it. */
enum smtp_in_state si_refuse_clear(struct smtp_in *si);
enum smtp_in_state si_starttls(struct smtp_in *si,
			       const struct smtp_command *cmd);

#endif
