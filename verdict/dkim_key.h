/*
 * dkim_key - a private key that signs.
 *
 * Immutable once made, and shared by threads.
 */
#ifndef VERDICT_DKIM_KEY_H
#define VERDICT_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "verdict/dkim_field.h"

#define DKIM_RSA_BITS_MAX 4096 /* a record of more is too long for many */

struct dkim_key;

/* From PEM, without a passphrase. 0; -EINVAL: no private key; -ENOTSUP: neither
 * RSA nor Ed25519; -EKEYREJECTED: RSA of less than DKIM_RSA_BITS_MIN or more
 * than DKIM_RSA_BITS_MAX bits. */
int dkim_key_parse(const char *pem, size_t len, struct dkim_key **ret);
/* A new one. BITS is for RSA. 0 or -EIO. */
int dkim_key_generate(enum dkim_algorithm algorithm, unsigned bits,
		      struct dkim_key **ret);
/* Wiped. NULL is fine. */
void dkim_key_free(struct dkim_key **key);

enum dkim_algorithm dkim_key_algorithm(const struct dkim_key *key);
unsigned dkim_key_bits(const struct dkim_key *key);
/* What p= of its record says. */
const char *dkim_key_public(const struct dkim_key *key);
/* As PEM (PKCS #8) behind what is in RET, which the caller wipes. 0 or -EIO. */
int dkim_key_write(const struct dkim_key *key, struct buf *ret);
/* The signature over the SHA-256 HASH, behind what is in RET. From any thread; a
 * millisecond with RSA. 0 or -EIO. */
int dkim_key_sign(const struct dkim_key *key, const unsigned char hash[32],
		  struct buf *ret);

#endif
