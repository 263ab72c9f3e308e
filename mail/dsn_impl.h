/*
 * dsn_impl - what the parts of dsn share; nobody else includes it.
 */
#ifndef MAIL_DSN_IMPL_H
#define MAIL_DSN_IMPL_H

#include "mail/dsn.h"

/* When the buf refuses a piece the rest goes on; the error is kept and
 * returned. */
struct dsn_out {
	struct buf *buf; /* borrowed */
	int error;
	bool global; /* all of the report may be UTF-8 */
	bool utf8;   /* this part of it may */
};

void dsn_put(struct dsn_out *o, const char *data, size_t len);
void dsn_str(struct dsn_out *o, const char *s);

/* --- dsn_original.c ------------------------------------------------------ */

enum dsn_encoding { DSN_7BIT, DSN_8BIT, DSN_QUOTED };

/* How the original leaves. GLOBAL: the report may be UTF-8. */
enum dsn_encoding dsn_encoding(const struct dsn *d, bool global);
/* Its part, without the boundaries. */
void dsn_original(struct dsn_out *o, const struct dsn *d, enum dsn_encoding e);

/* The text that says what is attached. */
#define DSN_SAYS_WHOLE  "Your message is attached.\r\n"
#define DSN_SAYS_HEADER "Its header is attached.\r\n"

#endif
