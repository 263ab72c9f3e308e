/*
 * smtp_in_data - the part of smtp_in between 354 and the final dot.
 */
#ifndef RELAY_SMTP_IN_DATA_H
#define RELAY_SMTP_IN_DATA_H

#include "relay/smtp_in.h"

/* Open the draft. 0 or -errno. */
int si_data_begin(struct smtp_in *si);
/* Take from DATA; returns how many bytes. Moves the state. */
size_t si_data_feed(struct smtp_in *si, const char *data, size_t len);

/* Of smtp_in.c: the one place where the state changes. */
void si_move(struct smtp_in *si, enum smtp_in_state next);
/* Forget the transaction. */
void si_reset(struct smtp_in *si);

#endif
