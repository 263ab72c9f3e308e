/*
 * dkim_sign - our signatures on a message of ours: relaxed/relaxed, one for each
 * key of its rule, From covered once more than it is there.
 *
 * By OpenSSL with keys that are loaded once: libopendkim, which verifies, takes
 * each key apart anew and leaks with Ed25519 (see dkim_lib.h).
 *
 * dkim_signing_new() picks the rule by the first address of the first From
 * field; then the body in pieces; dkim_signing_end() makes the fields, which
 * takes a millisecond for each RSA key: run it in a pool. One thread at a time,
 * not always the same.
 */
#ifndef VERDICT_DKIM_SIGN_H
#define VERDICT_DKIM_SIGN_H

#include <stddef.h>
#include <time.h>

#include "base/buf.h"
#include "verdict/dkim_keys.h"

struct dkim_signing;

/* A ceiling for what dkim_signing_end() writes. */
#define DKIM_SIGNING_MAX 65536
/* Fields that one message may have covered. */
#define DKIM_COVERED_MAX 100

/* HEADER, of LEN octets with CRLF, may go as soon as this returns; KEYS are held
 * by a reference. 0; 0 with NULL in *RET: there is no rule for its author;
 * -EBADMSG: it has a NUL, or more than DKIM_COVERED_MAX fields to cover. */
int dkim_signing_new(struct dkim_keys *keys, const char *header, size_t len,
		     time_t now, struct dkim_signing **ret);
void dkim_signing_body(struct dkim_signing *s, const void *data, size_t len);
/* The fields, with CRLF, behind what is in RET: they go in front of the header.
 * Once. 0; -EBADMSG: the body has a CR or LF by itself; -EIO; -EMSGSIZE. */
int dkim_signing_end(struct dkim_signing *s, struct buf *ret);
/* All of it, of a whole message: for one that is small and rare. 0, also where
 * nobody signs; else as the two above. */
int dkim_sign_message(struct dkim_keys *keys, const char *message, size_t len,
		      time_t now, struct buf *ret);
const struct dkim_rule *dkim_signing_rule(const struct dkim_signing *s);
/* At any time. NULL is fine. */
void dkim_signing_free(struct dkim_signing **s);

#endif
