/*
 * dkim_key - a private key that signs.
 *
 * Immutable once made and wiped when freed: it may be shared by threads.
 */
#ifndef VERDICT_DKIM_KEY_H
#define VERDICT_DKIM_KEY_H

#include <stddef.h>

#include "verdict/dkim_field.h"

struct dkim_key {
	enum dkim_algorithm algorithm;
	unsigned bits;
	char *der; /* owned; the private key in base64, as the library takes it
		    * quickest */
	char *public_key; /* owned; what p= of its record says */
};

/* From PEM, without a passphrase. 0; -EINVAL: no such key of RSA or Ed25519;
 * -EKEYREJECTED: RSA of less than 1,024 bits, or of more than 8,192. */
int dkim_key_parse(const char *pem, size_t len, struct dkim_key **ret);
/* A new one, as PEM that the caller wipes and frees. BITS is for RSA. 0 or
 * -EIO. */
int dkim_key_generate(enum dkim_algorithm algorithm, unsigned bits,
		      char **ret_pem, size_t *ret_len);
/* NULL is fine. */
void dkim_key_free(struct dkim_key **key);

#endif
