/*
 * dsn_wish - what a sender wants to be told, and how (RFC 3461, 4): the values
 * of MAIL's RET and ENVID and of RCPT's NOTIFY and ORCPT.
 *
 * Text is kept decoded: an envelope id as the sender wrote it, an original
 * recipient as "rfc822;anna@example.org". It goes out as xtext again. One of
 * type utf-8 is kept in the ASCII form of RFC 6533, 3:
 * "utf-8;b\x{E9}a@example.org".
 */
#ifndef MAIL_DSN_WISH_H
#define MAIL_DSN_WISH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

/* How much of the message comes back with a report. */
enum dsn_ret { DSN_RET_NONE, DSN_RET_FULL, DSN_RET_HDRS };
#define DSN_NRET 3
extern const char *const dsn_ret_names[]; /* NULL, "FULL", "HDRS" */

/* What is told of a recipient; bits, NEVER alone. None of them: the sender
 * said nothing, and hears of failure and delay. */
enum dsn_notify {
	DSN_NOTIFY_NEVER = 1 << 0,
	DSN_NOTIFY_SUCCESS = 1 << 1,
	DSN_NOTIFY_FAILURE = 1 << 2,
	DSN_NOTIFY_DELAY = 1 << 3,
};
#define DSN_NOTIFY_ALL 0x0f

/* The values of the parameters; 0 or -EINVAL. Strings go into ARENA. */
int dsn_ret_parse(const char *s, size_t len, enum dsn_ret *ret);
int dsn_notify_parse(const char *s, size_t len, uint8_t *ret);
int dsn_envid_parse(const char *s, size_t len, struct arena *arena,
		    const char **ret);
int dsn_orcpt_parse(const char *s, size_t len, struct arena *arena,
		    const char **ret);

/* Is a combination of bits that dsn_notify_parse() makes, or 0? */
bool dsn_notify_is_sound(uint8_t notify);
/* Append the value of NOTIFY, which is not 0. 0 or -EMSGSIZE. */
int dsn_notify_write(uint8_t notify, struct buf *out);
/* Append the value of ORCPT: the type, and xtext. 0 or -EMSGSIZE. */
int dsn_orcpt_write(const char *orcpt, struct buf *out);

#endif
