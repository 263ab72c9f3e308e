#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/xalloc.h"
#include "net/tls_impl.h"

/* All roots that Debian knows are 220 KB. */
#define TLS_FILE_MAX (4 * 1024 * 1024)

static int
tls_read_fd(int fd, struct buf *ret)
{
	char data[8192];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		if (buf_append(ret, data, (size_t)n) < 0)
			return -EFBIG;
	return n < 0 ? -errno : 0;
}

/* RET is emptied by the caller in any case. */
static int
tls_read_file(const char *path, struct buf *ret, char **ret_why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r = fd < 0 ? -errno : 0;

	buf_init(ret, TLS_FILE_MAX);
	if (r == 0)
		r = tls_read_fd(fd, ret);
	if (r < 0)
		*ret_why = xasprintf("%s: %s", path, strerror(-r));
	if (fd >= 0)
		close(fd);
	return r;
}

static int
tls_wrong(const char *path, const char *what, char **ret_why)
{
	ERR_clear_error();
	*ret_why = xasprintf("%s: %s", path, what);
	return -EINVAL;
}

/* Nobody is there to be asked. */
static int
tls_no_passphrase(char *buf, int size, int rw, void *arg)
{
	(void)buf;
	(void)size;
	(void)rw;
	*(bool *)arg = true;
	return -1;
}

static BIO *
tls_bio(const char *data, size_t len)
{
	BIO *bio = BIO_new_mem_buf(data, (int)len);

	must(bio != NULL);
	return bio;
}

static int
tls_use_chain(SSL_CTX *ctx, BIO *bio, const char *path, char **ret_why)
{
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	int r = 0;

	if (cert == NULL)
		return tls_wrong(path,
				 "holds no certificate in PEM (it begins with "
				 "-----BEGIN CERTIFICATE-----)",
				 ret_why);
	if (SSL_CTX_use_certificate(ctx, cert) != 1)
		r = tls_wrong(path, "its key is too short or of no use here",
			      ret_why);
	X509_free(cert);
	while (r == 0 &&
	       (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (SSL_CTX_add1_chain_cert(ctx, cert) != 1)
			r = tls_wrong(path,
				      "the key or the signature of a "
				      "certificate of the chain is too weak",
				      ret_why);
		X509_free(cert);
	}
	if (r == 0 &&
	    ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		r = tls_wrong(path, "a certificate of the chain is damaged",
			      ret_why);
	ERR_clear_error();
	return r;
}

static int
tls_use_key(SSL_CTX *ctx, BIO *bio, const char *path, char **ret_why)
{
	bool encrypted = false;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase,
						&encrypted);
	int r = 0;

	if (key == NULL && encrypted)
		return tls_wrong(path,
				 "is encrypted, and nobody is there to be "
				 "asked: `openssl pkey -in OLD -out NEW` "
				 "writes it in clear",
				 ret_why);
	if (key == NULL)
		return tls_wrong(path,
				 "holds no private key in PEM (it begins with "
				 "-----BEGIN PRIVATE KEY-----)",
				 ret_why);
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		r = tls_wrong(path,
			      "is not the key of the certificate; put those "
			      "two here that were made together",
			      ret_why);
	EVP_PKEY_free(key);
	return r;
}

static int
tls_load_chain(SSL_CTX *ctx, const char *path, char **ret_why)
{
	struct buf text;
	int r = tls_read_file(path, &text, ret_why);

	if (r == 0) {
		BIO *bio = tls_bio(buf_str(&text), text.len);

		r = tls_use_chain(ctx, bio, path, ret_why);
		BIO_free(bio);
	}
	buf_done(&text);
	return r;
}

static int
tls_load_key(SSL_CTX *ctx, const struct tls_pair *pair, char **ret_why)
{
	const char *path = pair->key_file, *key = pair->key;
	struct buf text = {0};
	int r = key == NULL ? tls_read_file(path, &text, ret_why) : 0;

	if (r == 0) {
		BIO *bio = key == NULL ? tls_bio(buf_str(&text), text.len)
				       : tls_bio(key, strlen(key));

		r = tls_use_key(ctx, bio, path, ret_why);
		BIO_free(bio);
	}
	if (text.data != NULL)
		OPENSSL_cleanse(text.data, text.len);
	buf_done(&text);
	return r;
}

int
tls_load_pair(SSL_CTX *ctx, const struct tls_pair *pair, char **ret_why)
{
	int r = tls_load_chain(ctx, pair->certificate_file, ret_why);

	return r < 0 ? r : tls_load_key(ctx, pair, ret_why);
}

/* N certificates, or why it is no list of them. */
static int
tls_add_ca(SSL_CTX *ctx, const char *path, const struct buf *text, bool names,
	   char **ret_why)
{
	BIO *bio = tls_bio(buf_str(text), text->len);
	size_t n = 0;
	X509 *cert;
	int r = 0;

	for (; (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; n++) {
		must(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) ==
		     1);
		if (names)
			must(SSL_CTX_add_client_CA(ctx, cert) == 1);
		X509_free(cert);
	}
	if (n == 0 ||
	    ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		r = tls_wrong(path,
			      "is not a list of certificates in PEM "
			      "(-----BEGIN CERTIFICATE-----)",
			      ret_why);
	ERR_clear_error();
	BIO_free(bio);
	return r;
}

int
tls_load_ca(SSL_CTX *ctx, const char *path, char **ret_why)
{
	struct buf text;
	int r = tls_read_file(path, &text, ret_why);

	if (r == 0)
		r = tls_add_ca(ctx, path, &text, false, ret_why);
	buf_done(&text);
	return r;
}

int
tls_load_client_ca(SSL_CTX *ctx, const char *path, char **ret_why)
{
	unsigned char id[EVP_MAX_MD_SIZE];
	struct buf text;
	int r = tls_read_file(path, &text, ret_why);

	if (r == 0)
		r = tls_add_ca(ctx, path, &text, true, ret_why);
	must(EVP_Digest(buf_str(&text), text.len, id, NULL, EVP_sha256(),
			NULL) == 1 &&
	     SSL_CTX_set_session_id_context(ctx, id, 32) == 1);
	buf_done(&text);
	return r;
}
