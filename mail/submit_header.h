/*
 * submit_header - the header of a message as a program on this machine wrote
 * it, made fit to be sent: what sendmail(1) does before it submits.
 *
 *	- a line "From ..." of a mailbox file in front goes;
 *	- Bcc, Resent-Bcc and Return-Path go, whoever named the recipients;
 *	- with RECIPIENTS those of To, Cc and Bcc are gathered; where there is a
 *	  Resent- field, those of the topmost block of Resent- fields instead
 *	  (RFC 5322, 3.6.6);
 *	- an address without a domain gets ORIGIN's in the fields of addresses;
 *	- From is added where it is missing, Resent-From to a Resent- block.
 *
 * Nothing else is changed. Date, Message-ID and Sender are the server's.
 */
#ifndef MAIL_SUBMIT_HEADER_H
#define MAIL_SUBMIT_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

/* The most that a header may name. */
#define SUBMIT_RCPT_MAX 1000

struct submit_who {
	const char *sender;    /* envelope; "" is the null path */
	const char *full_name; /* UTF-8; "" none */
	const char *origin;    /* "": not known, nothing is completed */
};

struct submit_rcpts {
	size_t n;
	const char *v[SUBMIT_RCPT_MAX]; /* in the arena; domains completed */
};

/* Where the header of DATA ends, the empty line with it; LEN when all of it is
 * header. *RET_START: where it begins, behind a "From " line. */
size_t submit_header_find(const char *data, size_t len, size_t *ret_start);

/* Append the header made of HEADER, with its empty line, to OUT, and what it
 * names to RCPTS (NULL: its recipients don't count). Lines end in CRLF in
 * HEADER. 0; -EINVAL with a sentence in *RET_WHY (in the arena) when a field
 * that counts is not understood; -E2BIG: more than SUBMIT_RCPT_MAX recipients;
 * -EMSGSIZE: OUT's ceiling. */
int submit_header_compose(const char *header, size_t len,
			  const struct submit_who *who, struct arena *arena,
			  struct submit_rcpts *rcpts, struct buf *out,
			  const char **ret_why);

/* TEXT with ORIGIN as its domain where it has none and ORIGIN isn't empty,
 * checked; in ARENA. NULL with a reason in *RET_WHY. */
const char *submit_address(const char *text, const char *origin,
			   struct arena *arena, const char **ret_why);

#endif
