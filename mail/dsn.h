/*
 * dsn - a delivery status notification (RFC 3464 in RFC 6522's
 * multipart/report).
 *
 * Pure: what to say in, text out. Whatever an address or a server's words hold,
 * it makes no field, part or line of its own. No line is longer than 998 but
 * those of a whole original.
 *
 * RFC 6533: a report to an address beyond ASCII is a UTF-8 message itself
 * (message/global-delivery-status), which needs SMTPUTF8. In one to an ASCII
 * address other such addresses stand as UTF-8 only in the text for people, and
 * as "\x{E9}" everywhere else.
 */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum dsn_action {
	DSN_FAILED,
	DSN_DELAYED,
	DSN_RELAYED,
	DSN_DELIVERED,
	DSN_EXPANDED,
};

struct dsn_recipient {
	const char *final;    /* current address */
	const char *original; /* the address the client gave; NULL: the same */
	const char *orcpt;    /* RFC 3461 original recipient; NULL: none */
	enum dsn_action action;
	const char *status;     /* "5.1.1" */
	const char *remote_mta; /* who said it, "host[ip]:port" or "host"; NULL:
				 * ourselves */
	const char *reply;      /* its words, one line; NULL: none */
	const char *reason;     /* one sentence for a human: what happened */
	int64_t last_attempt_ms; /* wall time; 0: never tried */
	int64_t retry_until_ms;  /* delayed: when it ends; 0: not said */
};

struct dsn {
	const char *reporting_mta;  /* our host name */
	const char *to;             /* the original's envelope sender */
	const char *message_id;     /* ours, for this report: "id@host" */
	const char *queue_id;       /* of the original */
	const char *envid;          /* its ENVID (RFC 3461); NULL: none */
	int64_t arrival_ms, now_ms; /* wall */
	/* Header of the original, or all of it; with ORIGINAL_LEN 0 that part
	 * is left out. */
	const char *original;
	size_t original_len;
	bool original_whole; /* message/rfc822, else text/rfc822-headers */
	bool original_utf8;  /* ... message/global, message/global-headers */
	const struct dsn_recipient *rcpt;
	size_t nrcpt;
};

/* Append the whole message, CRLF line ends, 7 bit clean headers. At least one
 * recipient. 0, or -EMSGSIZE when OUT's ceiling is hit; then OUT holds rubbish.
 */
int dsn_compose(const struct dsn *dsn, struct buf *out);

/* Append what dsn_compose() made, with at most MOST octets of the original's
 * header in place of all of the original, under another Message-ID. 0; -EINVAL:
 * this is no report with all of an original; -EMSGSIZE as above. */
int dsn_shorten(const char *report, size_t len, const char *message_id,
		size_t most, struct buf *out);

#endif
