/*
 * scram - the keys that a server keeps instead of a password (RFC 5802, 3),
 * for SCRAM-SHA-256 (RFC 7677).
 */
#ifndef MAIL_SCRAM_H
#define MAIL_SCRAM_H

#include <stdint.h>

#define SCRAM_KEY_LEN        32
#define SCRAM_SALT_LEN       16 /* of those that we make */
#define SCRAM_ITERATIONS     8192
#define SCRAM_ITERATIONS_MIN 4096 /* RFC 7677, 4 */
#define SCRAM_ITERATIONS_MAX 10000000
#define SCRAM_BASE64_MAX     128

struct scram_keys {
	int64_t iterations;
	char salt[SCRAM_BASE64_MAX]; /* these three in base64 */
	char stored[SCRAM_BASE64_MAX];
	char server[SCRAM_BASE64_MAX];
};

/* SALT: SCRAM_SALT_LEN bytes; NULL: new ones. 0; -EILSEQ: PASSWORD is not UTF-8, or holds what SASLprep
 * (RFC 4013) refuses, so no client can use SCRAM with it; or -errno. */
int scram_keys_make(const char *password, const uint8_t *salt,
		    int64_t iterations, struct scram_keys *ret);

#endif
