#include "verdict/dkim_key.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "mail/base64.h"
#include "verdict/dkim_record.h"

#define PUBLIC_MAX    4096
#define SIGNATURE_MAX (DKIM_RSA_BITS_MAX / 8)
#define ED25519_LEN   32

struct dkim_key {
	enum dkim_algorithm algorithm;
	unsigned bits;
	EVP_PKEY *pkey;    /* owned */
	char *public_text; /* owned */
};

/* --- the public half ---------------------------------------------------------- */

/* RFC 8463 has the octets of the key alone. */
static int
key_public_ed25519(EVP_PKEY *pkey, struct buf *ret)
{
	unsigned char raw[ED25519_LEN];
	size_t len = sizeof(raw);

	if (EVP_PKEY_get_raw_public_key(pkey, raw, &len) != 1)
		return -EINVAL;
	return base64_encode(raw, len, ret);
}

static int
key_public_rsa(EVP_PKEY *pkey, struct buf *ret)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(pkey, &der), r;

	if (len <= 0)
		return -EINVAL;
	r = base64_encode(der, (size_t)len, ret);
	OPENSSL_free(der);
	return r;
}

/* --- made ----------------------------------------------------------------------- */

/* PKEY is consumed. */
static int
key_new(EVP_PKEY *pkey, struct dkim_key **ret)
{
	int type = EVP_PKEY_get_base_id(pkey), bits = EVP_PKEY_get_bits(pkey);
	bool rsa = type == EVP_PKEY_RSA;
	struct dkim_key *key;
	struct buf text;
	int r = 0;

	if (!rsa && type != EVP_PKEY_ED25519)
		r = -ENOTSUP;
	else if (rsa && (bits < DKIM_RSA_BITS_MIN || bits > DKIM_RSA_BITS_MAX))
		r = -EKEYREJECTED;
	buf_init(&text, PUBLIC_MAX);
	if (r == 0)
		r = rsa ? key_public_rsa(pkey, &text)
			: key_public_ed25519(pkey, &text);
	if (r < 0) {
		EVP_PKEY_free(pkey);
		buf_done(&text);
		return r;
	}
	key = xcalloc(1, sizeof(*key));
	key->algorithm = rsa ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256;
	key->bits = rsa ? (unsigned)bits : 8 * ED25519_LEN;
	key->pkey = pkey;
	key->public_text = buf_take(&text);
	*ret = key;
	return 0;
}

/* A key behind a passphrase is not asked for one. */
static int
no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

int
dkim_key_parse(const char *pem, size_t len, struct dkim_key **ret)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *pkey = NULL;

	if (bio != NULL)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return pkey != NULL ? key_new(pkey, ret) : -EINVAL;
}

int
dkim_key_generate(enum dkim_algorithm algorithm, unsigned bits,
		  struct dkim_key **ret)
{
	EVP_PKEY *pkey = algorithm == DKIM_RSA_SHA256
				 ? EVP_RSA_gen(bits)
				 : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	ERR_clear_error();
	return pkey != NULL && key_new(pkey, ret) == 0 ? 0 : -EIO;
}

void
dkim_key_free(struct dkim_key **key)
{
	if (*key == NULL)
		return;
	EVP_PKEY_free((*key)->pkey);
	free((*key)->public_text);
	free(*key);
	*key = NULL;
}

/* --- used ----------------------------------------------------------------------- */

enum dkim_algorithm
dkim_key_algorithm(const struct dkim_key *key)
{
	return key->algorithm;
}

unsigned
dkim_key_bits(const struct dkim_key *key)
{
	return key->bits;
}

const char *
dkim_key_public(const struct dkim_key *key)
{
	return key->public_text;
}

int
dkim_key_write(const struct dkim_key *key, struct buf *ret)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len = 0;
	int r = -EIO;

	if (bio != NULL && PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL,
						    0, NULL, NULL) == 1)
		len = BIO_get_mem_data(bio, &text);
	if (len > 0)
		r = buf_append(ret, text, (size_t)len);
	BIO_free(bio);
	ERR_clear_error();
	return r;
}

static int
key_sign_rsa(const struct dkim_key *key, const unsigned char hash[32],
	     unsigned char *ret, size_t *ret_len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
	int ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
		 EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		 EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
		 EVP_PKEY_sign(ctx, ret, ret_len, hash, 32) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

/* RFC 8463 signs the hash as if it were the message. */
static int
key_sign_ed25519(const struct dkim_key *key, const unsigned char hash[32],
		 unsigned char *ret, size_t *ret_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx != NULL &&
		 EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
		 EVP_DigestSign(ctx, ret, ret_len, hash, 32) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

int
dkim_key_sign(const struct dkim_key *key, const unsigned char hash[32],
	      struct buf *ret)
{
	unsigned char raw[SIGNATURE_MAX];
	size_t len = sizeof(raw);
	int r = key->algorithm == DKIM_RSA_SHA256
			? key_sign_rsa(key, hash, raw, &len)
			: key_sign_ed25519(key, hash, raw, &len);

	ERR_clear_error();
	return r == 0 ? base64_encode(raw, len, ret) : r;
}
