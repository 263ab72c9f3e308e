#include "net/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "net/tls_impl.h"

#define TICKET_NAME 16

struct ticket_keys {
	unsigned char name[32]; /* the first TICKET_NAME bytes of it */
	unsigned char cipher[32], mac[32];
};

/*
 * chain(0) = seed, chain(n + 1) = HMAC(chain(n), "next"), and the keys of period
 * n are HMACs of chain(n). NOW are those of the period, BEFORE those of the one
 * before it.
 */
struct tls_tickets {
	struct clock *clock; /* borrowed */
	/* Owned; looked up once, since OpenSSL does that under a lock. */
	EVP_CIPHER *aes;
	int64_t epoch_ms;
	int64_t period; /* that NOW is of */
	unsigned char chain[TLS_TICKETS_SEED];
	struct ticket_keys now, before;
};

static void
ticket_derive(const unsigned char chain[TLS_TICKETS_SEED], const char *what,
	      unsigned char ret[32])
{
	unsigned char out[32];
	size_t len;

	must(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, chain,
		       TLS_TICKETS_SEED, (const unsigned char *)what,
		       strlen(what), out, sizeof(out), &len) != NULL &&
	     len == sizeof(out));
	memcpy(ret, out, sizeof(out));
	OPENSSL_cleanse(out, sizeof(out));
}

static void
ticket_step(struct tls_tickets *t)
{
	t->before = t->now;
	ticket_derive(t->chain, "name", t->now.name);
	ticket_derive(t->chain, "cipher", t->now.cipher);
	ticket_derive(t->chain, "mac", t->now.mac);
	ticket_derive(t->chain, "next", t->chain);
}

static void
tickets_advance(struct tls_tickets *t)
{
	int64_t now = clock_mono_ms(t->clock) - t->epoch_ms;

	for (; t->period < now / TLS_TICKETS_PERIOD_MS; t->period++)
		ticket_step(t);
}

void
tls_tickets_make_seed(unsigned char ret[TLS_TICKETS_SEED])
{
	must(RAND_bytes(ret, TLS_TICKETS_SEED) == 1);
}

struct tls_tickets *
tls_tickets_new(struct clock *clock, const unsigned char seed[TLS_TICKETS_SEED],
		int64_t epoch_ms)
{
	struct tls_tickets *t = xcalloc(1, sizeof(*t));

	t->clock = clock;
	t->aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	must(t->aes != NULL);
	t->epoch_ms = epoch_ms;
	memcpy(t->chain, seed, sizeof(t->chain));
	/* Before the first there is none: its name is of a random key. */
	must(RAND_bytes((unsigned char *)&t->now, sizeof(t->now)) == 1);
	ticket_step(t);
	return t;
}

void
tls_tickets_free(struct tls_tickets **tickets)
{
	struct tls_tickets *t = *tickets;

	*tickets = NULL;
	if (t == NULL)
		return;
	EVP_CIPHER_free(t->aes);
	OPENSSL_cleanse(t, sizeof(*t));
	free(t);
}

static int
ticket_set_mac(EVP_MAC_CTX *mac, struct ticket_keys *keys)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, keys->mac,
						  sizeof(keys->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
						 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params);
}

static int
ticket_seal(struct tls_tickets *t, unsigned char *name, unsigned char *iv,
	    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(t->aes)) != 1 ||
	    EVP_EncryptInit_ex(cipher, t->aes, NULL, t->now.cipher, iv) != 1 ||
	    ticket_set_mac(mac, &t->now) != 1)
		return -1;
	memcpy(name, t->now.name, TICKET_NAME);
	return 1;
}

/* 1; 2 when a new one should be given out; 0 for nobody's, or a stale one. */
static int
ticket_open(struct tls_tickets *t, const unsigned char *name,
	    const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	struct ticket_keys *keys = NULL;

	if (memcmp(name, t->now.name, TICKET_NAME) == 0)
		keys = &t->now;
	else if (memcmp(name, t->before.name, TICKET_NAME) == 0)
		keys = &t->before;
	if (keys == NULL)
		return 0;
	if (EVP_DecryptInit_ex(cipher, t->aes, NULL, keys->cipher, iv) != 1 ||
	    ticket_set_mac(mac, keys) != 1)
		return -1;
	return keys == &t->now ? 1 : 2;
}

int
tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
	       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
	struct tls_tickets *t = SSL_get_app_data(ssl);

	if (t == NULL)
		return 0;
	tickets_advance(t);
	return seals ? ticket_seal(t, name, iv, cipher, mac)
		     : ticket_open(t, name, iv, cipher, mac);
}
