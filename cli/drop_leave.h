/*
 * drop_leave - leave a message for belfryd while it can't be reached.
 *
 * The file is written under a name that belfryd doesn't take, synced, and only
 * then given its own; then the folder is synced, or, since who may write there
 * may not read it, the file system. After 0 the message would survive a power
 * cut.
 */
#ifndef CLI_DROP_LEAVE_H
#define CLI_DROP_LEAVE_H

#include <stdio.h>

#include "mail/drop.h"

/* ENV's size is found here. HEADER (NULL: none) and then BODY are read from
 * where they are; lines get CRLF. 0; -errno (nothing is left then, but for a
 * crash: a .tmp file, which belfryd clears away); -EINVAL: an address that
 * can't be kept. */
int drop_leave(const char *dir, const struct drop_envelope *env, FILE *header,
	       FILE *body);

#endif
