/*
 * smtp_in_rcpt - the part of smtp_in that decides whose mail is taken.
 */
#ifndef RELAY_SMTP_IN_RCPT_H
#define RELAY_SMTP_IN_RCPT_H

#include "relay/smtp_in.h"

/* RCPT: each recipient becomes its deliveries, or is refused. */
enum smtp_in_state si_rcpt(struct smtp_in *si, const struct smtp_command *cmd);
/* The order in which they go to the queue. */
void si_rcpt_order(struct smtp_in *si);
/* Give A the domain that it lacks; false when the client is none of ours, who
 * has to do that itself. The null path needs none. */
bool si_complete(const struct smtp_in *si, struct address *a);
/* Tell it so; returns STAY. */
enum smtp_in_state si_refuse_bare(struct smtp_in *si, enum smtp_in_state stay);

#endif
