/*
 * mailboxes - the addresses of an address field (RFC 5322, 3.4, with the
 * obsolete forms of 4.4), one after the other.
 *
 *	address-list = address *( "," address )
 *	address      = [ phrase ] "<" [ route ":" ] addr-spec ">" / addr-spec /
 *	               phrase ":" address-list ";"
 *
 * Comments and white space may stand between all tokens. Programs also put
 * semicolons between addresses, and they are taken. An address without a domain
 * is found too ("root"): which one it means is the caller's.
 */
#ifndef MAIL_MAILBOXES_H
#define MAIL_MAILBOXES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct mailboxes {
	const char *start, *at, *end; /* borrowed */
	/* So far: where only a name or a route may stand, there is an address,
	 * unquoted, that is not the one behind it. Others may read that. */
	bool odd;
};

struct mailbox {
	const char *text;  /* the addr-spec alone; in the arena */
	bool bare;         /* it has no domain */
	size_t start, end; /* where it stands: offsets of its first octet, and
			    * behind its last one, where a domain goes */
};

/* VALUE is a field's, folded or not. */
void mailboxes_init(struct mailboxes *m, const char *value, size_t len);
/* 1 with *RET; 0: no more; -EINVAL with a reason in *RET_WHY (static): what
 * stands there is no address, and the list is not read further. The text is not
 * yet known to be an address of SMTP: see address_parse(). */
int mailboxes_next(struct mailboxes *m, struct arena *arena,
		   struct mailbox *ret, const char **ret_why);

#endif
