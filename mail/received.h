/*
 * received - the fields that a relay adds in front (RFC 5321, 4.4).
 */
#ifndef MAIL_RECEIVED_H
#define MAIL_RECEIVED_H

#include <stdint.h>

#include "base/buf.h"

struct received {
	const char *helo; /* as the client said it */
	const char
		*client_ip; /* "192.0.2.1", "IPv6:2001:db8::1"; NULL: by uid */
	int64_t client_uid; /* with client_ip NULL */
	const char *by;     /* our host name */
	const char *with;   /* "ESMTP", "SMTP", "ESMTPS", ... */
	const char *tls;    /* a comment, what encrypts it; NULL: nothing */
	const char *id;     /* queue id */
	const char *for_rcpt; /* the only recipient, else NULL */
	int64_t now_ms;       /* wall */
};

/* Folded, ends in CRLF. 0 or -EMSGSIZE. */
int received_write(const struct received *r, struct buf *out);
/* "Date: ...\r\n". */
int received_write_date(int64_t now_ms, struct buf *out);
/* "Message-ID: <id@host>\r\n". */
int received_write_message_id(const char *id, const char *host,
			      struct buf *out);

#endif
