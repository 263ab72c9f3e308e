/*
 * xclient - what XCLIENT and XFORWARD say of a client: attributes of one host's
 * session, told by another that it trusts (as Postfix defined them).
 *
 *	arguments = attribute *(SP attribute)
 *	attribute = name "=" xtext        [UNAVAILABLE], [TEMPUNAVAIL]: not known
 *
 * NAME, ADDR, PORT, PROTO and HELO are of both, LOGIN is of XCLIENT, IDENT and
 * SOURCE are of XFORWARD.
 */
#ifndef MAIL_XCLIENT_H
#define MAIL_XCLIENT_H

#include <stdbool.h>

#include "mail/smtp_reply.h"

enum xclient_attr {
	XCLIENT_NAME,
	XCLIENT_ADDR, /* "192.0.2.1", "2001:db8::1" */
	XCLIENT_PORT,
	XCLIENT_PROTO, /* "SMTP", "ESMTP"; of XFORWARD anything */
	XCLIENT_HELO,
	XCLIENT_LOGIN,
	XCLIENT_IDENT,  /* the id of the message there */
	XCLIENT_SOURCE, /* "LOCAL", "REMOTE" */
};
#define XCLIENT_NATTR (XCLIENT_SOURCE + 1)

/* The longest value, with its end. */
#define XCLIENT_MAX 256

/* What the server says to EHLO that it takes. */
#define XCLIENT_OFFER  "NAME ADDR PORT PROTO HELO LOGIN"
#define XFORWARD_OFFER "NAME ADDR PORT PROTO HELO IDENT SOURCE"

struct xclient {
	unsigned given;                         /* bits by enum xclient_attr */
	char value[XCLIENT_NATTR][XCLIENT_MAX]; /* "": not known */
};

/* Add what ARGS say, of XFORWARD or else XCLIENT, to RET, where another value
 * of the same attribute goes. 0; or -EINVAL with the reply to the first that is
 * wrong: RET holds the others all the same, and of an attribute whose value is
 * bad that it is not known. */
int xclient_parse(const char *args, bool forward, struct xclient *ret,
		  struct reply *ret_reply);

/* Whose message it is, of which XFORWARD told at all. */
enum xforward_whose {
	XFORWARD_NOBODYS, /* not known; never that of the host that tells */
	XFORWARD_CLIENTS, /* that of ADDR */
	XFORWARD_LOCAL,   /* that of the host that tells, or of whom it says
			   * that they are its own */
};
enum xforward_whose xforward_whose(const struct xclient *x);

static inline bool
xclient_has(const struct xclient *x, enum xclient_attr attr)
{
	return (x->given & 1u << attr) != 0;
}

#endif
