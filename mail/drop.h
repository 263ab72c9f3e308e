/*
 * drop - the form of a file in the drop folder: an envelope and the message
 * behind it.
 *
 *	belfry-drop 1
 *	sender anna@example.org
 *	mail-parameters RET=HDRS
 *	recipient ben@example.net
 *	recipient carl
 *	rcpt-parameters NOTIFY=NEVER
 *	size 000000000000001234
 *
 *	From: ...
 *
 * Lines of the envelope end in LF and are in this order; there is one sender
 * (empty: the null path), at least one recipient, and the two lines of
 * parameters are there when they are wanted. An address without a domain is
 * belfryd's to complete. SIZE is that of all behind the empty line, with which
 * the file ends; the message's lines end in CRLF. It always has 18 digits, so
 * that it can be written last.
 */
#ifndef MAIL_DROP_H
#define MAIL_DROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

#define DROP_RCPT_MAX     1000
#define DROP_LINE_MAX     1024
#define DROP_ENVELOPE_MAX (512 * 1024)

struct drop_envelope {
	const char *sender;
	const char *mail_params, *rcpt_params; /* SMTP's; "" none */
	size_t nrcpt;
	const char *const *rcpt;
	int64_t size;
};

/* Append. *RET_SIZE_AT is where in OUT the digits of the size stand. 0;
 * -EINVAL: an address or parameter that can't stand in a line; -EMSGSIZE. */
int drop_write(const struct drop_envelope *env, struct buf *out,
	       size_t *ret_size_at);
/* The digits, with a NUL behind them. */
#define DROP_SIZE_DIGITS 18
void drop_size_text(int64_t size, char ret[static DROP_SIZE_DIGITS + 1]);

/* 1: *RET (in ARENA) of *RET_LEN bytes; 0: the envelope is not whole; -EINVAL
 * with a reason in *RET_WHY (static). */
int drop_parse(const char *data, size_t len, struct arena *arena,
	       struct drop_envelope *ret, size_t *ret_len,
	       const char **ret_why);

/* The names of files that are whole: 32 hexadecimal digits, at random. While
 * one is being written ".tmp" stands behind them. */
#define DROP_NAME_LEN 32
#define DROP_TMP      ".tmp"
void drop_name(const unsigned char random[static DROP_NAME_LEN / 2],
	       char ret[static DROP_NAME_LEN + 1]);
bool drop_is_name(const char *name);
bool drop_is_tmp(const char *name);

#endif
