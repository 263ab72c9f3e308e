/*
 * smtp_in_refuse - what smtp_in says, and how it says no.
 */
#ifndef RELAY_SMTP_IN_REFUSE_H
#define RELAY_SMTP_IN_REFUSE_H

#include "relay/smtp_in.h"

/* One reply, its CRLF added. */
void si_say(struct smtp_in *si, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Say NO; returns STAY, or CLOSED when it was one too many. */
enum smtp_in_state si_refuse(struct smtp_in *si, enum smtp_in_no no,
			     enum smtp_in_state stay);
/* A command that leads to nothing was taken: as above, of many of a stranger. */
enum smtp_in_state si_count_idle(struct smtp_in *si, enum smtp_in_state stay);
/* A refused address is not kept in the transaction: its number has no limit. */
enum smtp_in_state si_refuse_rcpt(struct smtp_in *si, enum smtp_in_no no,
				  const struct address *address);
/* In the words of REPLY: the parser's, or the verdict's. */
enum smtp_in_state si_refuse_reply(struct smtp_in *si, enum smtp_in_no no,
				   const struct reply *reply,
				   enum smtp_in_state stay);
enum smtp_in_state si_refuse_syntax(struct smtp_in *si,
				    const struct reply *reply);

#endif
