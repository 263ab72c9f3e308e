#include "mail/scram.h"

#include <errno.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/password.h"

static void
scram_base64(const uint8_t *data, int len, char ret[static SCRAM_BASE64_MAX])
{
	EVP_EncodeBlock((unsigned char *)ret, data, len);
}

static int
scram_hmac(const uint8_t *key, const char *text, uint8_t *ret)
{
	return HMAC(EVP_sha256(), key, SCRAM_KEY_LEN,
		    (const unsigned char *)text, strlen(text), ret,
		    NULL) != NULL
		       ? 0
		       : -ENOMEM;
}

/* From PREPARED, as SASLprep made it. 0 or -errno. */
static int
scram_derive(const char *prepared, const uint8_t *salt, struct scram_keys *ret)
{
	uint8_t salted[SCRAM_KEY_LEN], client[SCRAM_KEY_LEN],
		key[SCRAM_KEY_LEN];
	int r = 0;

	if (PKCS5_PBKDF2_HMAC(prepared, -1, salt, SCRAM_SALT_LEN,
			      (int)ret->iterations, EVP_sha256(), SCRAM_KEY_LEN,
			      salted) != 1)
		return -ENOMEM;
	r = scram_hmac(salted, "Client Key", client);
	if (r == 0 && EVP_Digest(client, sizeof(client), key, NULL,
				 EVP_sha256(), NULL) != 1)
		r = -ENOMEM;
	if (r == 0)
		scram_base64(key, sizeof(key), ret->stored);
	if (r == 0)
		r = scram_hmac(salted, "Server Key", key);
	if (r == 0)
		scram_base64(key, sizeof(key), ret->server);
	password_wipe(salted, sizeof(salted));
	password_wipe(client, sizeof(client));
	return r;
}

int
scram_keys_make(const char *password, const uint8_t *salt, int64_t iterations,
		struct scram_keys *ret)
{
	struct scram_keys keys = {.iterations = iterations};
	uint8_t made[SCRAM_SALT_LEN];
	char *prepared = NULL;
	int r;

	if (salt == NULL && RAND_bytes(made, sizeof(made)) != 1)
		return -EIO;
	if (salt == NULL)
		salt = made;
	if (gsasl_saslprep(password, 0, &prepared, NULL) != GSASL_OK)
		return -EILSEQ;
	r = scram_derive(prepared, salt, &keys);
	password_wipe(prepared, strlen(prepared));
	gsasl_free(prepared);
	if (r < 0)
		return r;
	scram_base64(salt, SCRAM_SALT_LEN, keys.salt);
	*ret = keys;
	return 0;
}
