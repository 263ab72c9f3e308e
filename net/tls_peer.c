#include <errno.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "net/tls_impl.h"

/* Of one certificate: more are nobody's. */
#define TLS_NAMES_MAX 1000

bool
io_tls_session(const struct io *io, struct tls_session *ret)
{
	SSL *ssl = io_tls_ssl(io);

	if (ssl == NULL || !SSL_is_init_finished(ssl))
		return false;
	*ret = (struct tls_session){
		.version = SSL_get_version(ssl),
		.cipher = SSL_get_cipher_name(ssl),
		.bits = SSL_get_cipher_bits(ssl, NULL),
		.resumed = SSL_session_reused(ssl),
	};
	return true;
}

int
io_tls_exporter(const struct io *io, uint8_t ret[static TLS_EXPORTER_LEN])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	SSL *ssl = io_tls_ssl(io);

	if (ssl == NULL || SSL_version(ssl) != TLS1_3_VERSION ||
	    SSL_export_keying_material(ssl, ret, TLS_EXPORTER_LEN, label,
				       sizeof(label) - 1, NULL, 0, 0) != 1)
		return -ENOENT;
	return 0;
}

static void
tls_fingerprint_text(const unsigned char *md, char ret[TLS_FINGERPRINT_LEN])
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < 32; i++) {
		ret[i * 3] = hex[md[i] >> 4];
		ret[i * 3 + 1] = hex[md[i] & 15];
		ret[i * 3 + 2] = i < 31 ? ':' : '\0';
	}
}

/* A name with a NUL or a control in it is a trick. */
static bool
tls_name_is_text(const unsigned char *data, int len)
{
	for (int i = 0; i < len; i++)
		if (data[i] <= ' ' || data[i] >= 127)
			return false;
	return len > 0;
}

static void
tls_names_add(char **names, size_t *n, const ASN1_STRING *s)
{
	const unsigned char *data = ASN1_STRING_get0_data(s);
	int len = ASN1_STRING_length(s);

	if (*n < TLS_NAMES_MAX && tls_name_is_text(data, len))
		names[(*n)++] = xstrndup((const char *)data, (size_t)len);
}

static size_t
tls_alternative_names(GENERAL_NAMES *alt, char **names)
{
	size_t n = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(alt); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(alt, i);

		if (g->type == GEN_DNS || g->type == GEN_EMAIL)
			tls_names_add(names, &n, g->d.ia5);
	}
	return n;
}

void
tls_cert_names(X509 *cert, char ***ret_names, size_t *ret_n)
{
	GENERAL_NAMES *alt =
		X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	char **names;
	size_t n = 0;

	names = xcalloc((size_t)(alt != NULL ? sk_GENERAL_NAME_num(alt) : 0) +
				1,
			sizeof(*names));
	if (alt != NULL)
		n = tls_alternative_names(alt, names);
	else if (at >= 0)
		tls_names_add(names, &n,
			      X509_NAME_ENTRY_get_data(
				      X509_NAME_get_entry(subject, at)));
	GENERAL_NAMES_free(alt);
	*ret_names = names;
	*ret_n = n;
}

void
tls_names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* Of a session that goes on it is what was found when it began, and that may
 * have been long ago: each resumption makes a TLS 1.3 session young again. */
static long
tls_verify_result(const SSL *ssl, const X509 *cert)
{
	long result = SSL_get_verify_result(ssl);

	if (result == X509_V_OK && SSL_session_reused(ssl) &&
	    X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0)
		return X509_V_ERR_CERT_HAS_EXPIRED;
	return result;
}

int
io_tls_peer(const struct io *io, struct tls_peer *ret)
{
	SSL *ssl = io_tls_ssl(io);
	X509 *cert = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
	unsigned char md[EVP_MAX_MD_SIZE];
	long result;

	if (cert == NULL)
		return -ENOENT;
	result = tls_verify_result(ssl, cert);
	ret->verified = result == X509_V_OK;
	ret->reason =
		ret->verified ? NULL : X509_verify_cert_error_string(result);
	must(X509_digest(cert, EVP_sha256(), md, NULL) == 1);
	tls_fingerprint_text(md, ret->fingerprint);
	tls_cert_names(cert, &ret->names, &ret->nnames);
	return 0;
}

void
tls_peer_done(struct tls_peer *peer)
{
	if (peer == NULL)
		return;
	tls_names_free(peer->names, peer->nnames);
	peer->names = NULL;
	peer->nnames = 0;
}

static int
tls_nibble(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)((at - digits) & 15) : -1;
}

int
tls_fingerprint_parse(const char *text, char ret[TLS_FINGERPRINT_LEN])
{
	unsigned char md[32];
	size_t i = 0;

	for (; i < 32 && *text != '\0'; i++) {
		int high, low = -1;

		if (i > 0 && *text == ':')
			text++;
		high = tls_nibble(*text++);
		if (high >= 0)
			low = tls_nibble(*text++);
		if (low < 0)
			return -EINVAL;
		md[i] = (unsigned char)(high << 4 | low);
	}
	if (i < 32 || *text != '\0')
		return -EINVAL;
	tls_fingerprint_text(md, ret);
	return 0;
}
