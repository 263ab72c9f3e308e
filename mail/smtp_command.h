/*
 * smtp_command - one command line as a value (RFC 5321, 4.1.1).
 */
#ifndef MAIL_SMTP_COMMAND_H
#define MAIL_SMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/address.h"
#include "mail/dsn_wish.h"
#include "mail/smtp_reply.h"

enum smtp_verb {
	SMTP_EHLO,
	SMTP_HELO,
	SMTP_MAIL,
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_BDAT, /* RFC 3030 */
	SMTP_RSET,
	SMTP_NOOP,
	SMTP_VRFY,
	SMTP_HELP,
	SMTP_QUIT,
	SMTP_AUTH,     /* RFC 4954 */
	SMTP_STARTTLS, /* RFC 3207 */
	SMTP_XCLIENT,  /* Postfix's: whose session it is ... */
	SMTP_XFORWARD, /* ... and whose message */
	SMTP_XOUTCOME, /* ours, submit socket only: wait for a message's fate */
	SMTP_UNKNOWN,
};

extern const char *const smtp_verb_names[];

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME };

struct smtp_command {
	enum smtp_verb verb;
	bool foreign; /* SMTP_UNKNOWN that is HTTP or a header field: who says
		       * it is no mail program, hang up */
	const char *arg;        /* EHLO, HELO: the name; NOOP, VRFY, HELP, AUTH:
				 * the rest; in the arena */
	struct address address; /* MAIL, RCPT */
	bool utf8;              /* ... which was said with octets above 127 */
	bool smtputf8;          /* MAIL SMTPUTF8 */
	int64_t chunk;          /* BDAT: octets that follow */
	bool last;              /* BDAT LAST */
	int64_t size;           /* MAIL SIZE=; -1: not given */
	enum smtp_body body;    /* MAIL BODY= */
	enum dsn_ret ret;       /* MAIL RET= */
	const char *envid;      /* MAIL ENVID=, decoded; NULL: not given */
	uint8_t notify;    /* RCPT NOTIFY=, enum dsn_notify; 0: not given */
	const char *orcpt; /* RCPT ORCPT=, decoded; NULL: not given */
};

/* LINE without its CRLF. 0 with *RET filled; or -EINVAL with the reply to give
 * (501, 555, ...; verb is set whenever it was recognised). An unknown verb is
 * not an error: SMTP_UNKNOWN. Strings live in ARENA. */
int smtp_command_parse(const char *line, size_t len, struct arena *arena,
		       struct smtp_command *ret, struct reply *ret_reply);

/* Does LINE, that is no command, or its beginning, look like a BDAT? Then
 * octets may follow that are no commands either, nobody knows how many. */
bool smtp_command_announces(const char *line, size_t len);

#endif
