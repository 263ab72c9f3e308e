/*
 * smtp_in_auth - the part of smtp_in in which a client logs in (RFC 4954), and
 * the rules for who did.
 *
 *	READY --AUTH--> AUTH --a line--> AUTH ...
 *	READY, AUTH --there is something to check--> AUTH_CHECK
 *	AUTH_CHECK --smtp_in_authenticated()--> READY
 */
#ifndef RELAY_SMTP_IN_AUTH_H
#define RELAY_SMTP_IN_AUTH_H

#include "mail/header.h"
#include "relay/smtp_in.h"

/* Can the client log in now? */
bool si_auth_offered(const struct smtp_in *si);
/* The line of EHLO's reply, with its CRLF; "" where it is not offered. */
const char *si_auth_ehlo(const struct smtp_in *si);

/* AUTH; and a line of the client in state AUTH. The next state. */
enum smtp_in_state si_auth(struct smtp_in *si, const struct smtp_command *cmd);
enum smtp_in_state si_auth_line(struct smtp_in *si, const char *line,
				size_t len);
/* The state after a line that is none: AUTH is given up. */
enum smtp_in_state si_auth_stay(struct smtp_in *si);
/* Forget a login under way. */
void si_auth_drop(struct smtp_in *si);

/* Must the client log in before it may send? */
bool si_auth_missing(const struct smtp_in *si);
/* One recipient more of who logged in, if anybody did. */
enum logins_quota si_user_take(struct smtp_in *si);
/* May who logged in send as ADDRESS, and as the From of HEADER? */
bool si_user_may_send(const struct smtp_in *si, const struct address *address);
bool si_user_may_from(const struct smtp_in *si, const char *header, size_t len);

#endif
