/*
 * smtp_in_data - the part of smtp_in that takes the content: between 354 and
 * the final dot, and what smtp_in_chunk shares with it.
 */
#ifndef RELAY_SMTP_IN_DATA_H
#define RELAY_SMTP_IN_DATA_H

#include "relay/smtp_in.h"

/* Open the draft. 0 or -errno. */
int si_data_begin(struct smtp_in *si);
/* Take from DATA; returns how many bytes. Moves the state. */
size_t si_data_feed(struct smtp_in *si, const char *data, size_t len);

/* What is taken at a time; also the room on the stack. */
#define SI_PIECE (16 * 1024)
/* What it may become: with it comes what the line discipline held back. */
#define SI_PIECE_MAX (SI_PIECE + 2)

/* Each of these returns the next state. Content, its lines checked: */
enum smtp_in_state si_data_take(struct smtp_in *si, const char *piece,
				size_t len);
/* ... what its lines were, and whether there is an end of it; */
enum smtp_in_state si_data_faults(struct smtp_in *si);
/* ... nothing of it is kept, its end is still to be found; */
enum smtp_in_state si_data_refuse(struct smtp_in *si, enum smtp_in_no no);
/* ... and it is whole; */
enum smtp_in_state si_data_end(struct smtp_in *si);
/* ... and NEXT is what si_seal_end() led to. */
enum smtp_in_state si_data_close(struct smtp_in *si, enum smtp_in_state next);

/* Of smtp_in.c: the one place where the state changes. */
void si_move(struct smtp_in *si, enum smtp_in_state next);
/* Forget the transaction. */
void si_reset(struct smtp_in *si);

#endif
