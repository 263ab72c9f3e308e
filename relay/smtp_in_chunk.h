/*
 * smtp_in_chunk - the part of smtp_in that takes content in chunks (RFC 3030).
 *
 * The octets that a BDAT announces are taken whatever is said to it, so that
 * none of them is read as a command. Once a chunk was refused all that follow
 * are, up to LAST or RSET: a message never lacks a chunk.
 */
#ifndef RELAY_SMTP_IN_CHUNK_H
#define RELAY_SMTP_IN_CHUNK_H

#include "relay/smtp_in.h"

enum smtp_in_state si_bdat(struct smtp_in *si, const struct smtp_command *cmd);
/* Take from DATA, at most what is left of the chunk; returns how many bytes.
 * Moves the state. */
size_t si_chunk_feed(struct smtp_in *si, const char *data, size_t len);

#endif
