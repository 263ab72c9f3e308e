/*
 * header_rewrite - other addresses in the fields of a header, and nothing else
 * of it changed: names, comments, folding and order stay as they are.
 *
 * Looked at are From and Sender, and the fields that name other mailboxes: To,
 * Cc, Bcc, Reply-To and all of these with Resent-. Where a field stops being a
 * list of addresses the rest of it stays.
 */
#ifndef MAIL_HEADER_REWRITE_H
#define MAIL_HEADER_REWRITE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"

enum header_mailbox { HEADER_FROM, HEADER_SENDER, HEADER_OTHER };

/* What stands in place of TEXT, an address as it was written, BARE: without a
 * domain; in ARENA or longer there. NULL: it stays. */
typedef const char *header_rewrite_fn(void *arg, enum header_mailbox field,
				      const char *text, bool bare,
				      struct arena *arena);

/* 0: nothing is to be changed, and OUT is empty; 1: OUT holds all of HEADER,
 * rewritten; -EMSGSIZE: it does not fit into OUT. */
int header_rewrite(const char *header, size_t len, header_rewrite_fn *fn,
		   void *arg, struct buf *out);

#endif
