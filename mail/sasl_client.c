#include "mail/sasl_client.h"

#include <errno.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "mail/base64.h"

const char *const sasl_mechanism_names[] = {
	[SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
	[SASL_PLAIN] = "PLAIN",
	[SASL_LOGIN] = "LOGIN",
	[SASL_XOAUTH2] = "XOAUTH2",
	NULL,
};

struct sasl_client {
	enum sasl_mechanism mechanism;
	char *user, *password; /* owned */
	unsigned step;         /* words of ours so far */
	bool sure;
	char words[SASL_WORDS_MAX];
	Gsasl *gsasl;           /* owned; SCRAM */
	Gsasl_session *session; /* owned; SCRAM */
};

static void
sc_wipe_str(char **s)
{
	if (*s != NULL)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

/* What CHALLENGE says, with a NUL behind; the caller frees it. 0 or -EPROTO. */
static int
sc_decode(const char *challenge, char **ret, size_t *ret_len)
{
	size_t len = strlen(challenge);
	struct buf text;

	buf_init(&text, SASL_CHALLENGE_MAX);
	if (len > SASL_CHALLENGE_MAX ||
	    base64_decode(challenge, len, &text) < 0) {
		buf_done(&text);
		return -EPROTO;
	}
	*ret_len = text.len;
	*ret = buf_take(&text);
	return 0;
}

/* --- PLAIN and LOGIN ---------------------------------------------------------- */

static int
sc_plain(const struct sasl_client *sc, struct buf *out)
{
	size_t user = strlen(sc->user), password = strlen(sc->password);
	size_t len = 1 + user + 1 + password;
	char *message = xcalloc(1, len + 1);
	int r;

	memcpy(message + 1, sc->user, user);
	memcpy(message + 1 + user + 1, sc->password, password);
	r = base64_encode(message, len, out);
	explicit_bzero(message, len);
	free(message);
	return r;
}

/* What it asks is written in many ways; the order is one. */
static int
sc_login(struct sasl_client *sc, struct buf *out)
{
	const char *word = sc->step == 0 ? sc->user : sc->password;

	if (sc->step > 1)
		return -EPROTO;
	sc->sure = sc->step == 1;
	return base64_encode(word, strlen(word), out);
}

/* --- XOAUTH2 ------------------------------------------------------------------- */

static int
sc_xoauth2(const struct sasl_client *sc, struct buf *out)
{
	char *message = xasprintf("user=%s\001auth=Bearer %s\001\001", sc->user,
				  sc->password);
	int r = base64_encode(message, strlen(message), out);

	sc_wipe_str(&message);
	return r;
}

/* The one challenge there is says in JSON why not. It wants an empty answer,
 * and the refusal follows. */
static int
sc_xoauth2_error(struct sasl_client *sc, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < sizeof(sc->words); i++)
		if (text[i] >= ' ' && text[i] <= '~')
			sc->words[n++] = text[i];
	sc->words[n] = '\0';
	sc->sure = false;
	return 0;
}

/* --- SCRAM --------------------------------------------------------------------- */

/* The server's first message is "r=...,s=...,i=N". */
static int
sc_check_iterations(const char *text)
{
	const char *at = strstr(text, ",i=");
	unsigned long n;
	char *end;

	if (at == NULL)
		return -EPROTO;
	n = strtoul(at + 3, &end, 10);
	if (end == at + 3 || (*end != '\0' && *end != ','))
		return -EPROTO;
	return n > SASL_ITERATIONS_MAX ? -ERANGE : 0;
}

static int
sc_scram(struct sasl_client *sc, const char *text, size_t len, struct buf *out)
{
	char *answer = NULL;
	size_t answer_len = 0;
	int r = 0;

	if (sc->session == NULL)
		return -EPROTO;
	if (sc->step == 1)
		r = sc_check_iterations(text);
	if (r < 0)
		return r;
	r = gsasl_step(sc->session, text, len, &answer, &answer_len);
	if (r != GSASL_OK && r != GSASL_NEEDS_MORE)
		return r == GSASL_AUTHENTICATION_ERROR ? -EACCES : -EPROTO;
	sc->sure = r == GSASL_OK;
	r = answer_len > 0 ? base64_encode(answer, answer_len, out) : 0;
	gsasl_free(answer);
	return r;
}

static void
sc_start_scram(struct sasl_client *sc)
{
	if (gsasl_init(&sc->gsasl) != GSASL_OK)
		return;
	if (gsasl_client_start(sc->gsasl, "SCRAM-SHA-256", &sc->session) !=
	    GSASL_OK)
		return;
	must(gsasl_property_set(sc->session, GSASL_AUTHID, sc->user) ==
	     GSASL_OK);
	must(gsasl_property_set(sc->session, GSASL_PASSWORD, sc->password) ==
	     GSASL_OK);
}

/* --- the face ------------------------------------------------------------------ */

static bool
sc_prepares(const char *s)
{
	char *out = NULL;
	bool ok = gsasl_saslprep(s, 0, &out, NULL) == GSASL_OK && out != NULL &&
		  out[0] != '\0';

	if (out != NULL)
		explicit_bzero(out, strlen(out));
	gsasl_free(out);
	return ok;
}

bool
sasl_client_fits(enum sasl_mechanism mechanism, const char *user,
		 const char *password)
{
	if (mechanism == SASL_XOAUTH2) /* its fields end with \001 */
		return strchr(user, 1) == NULL && strchr(password, 1) == NULL;
	return mechanism != SASL_SCRAM_SHA_256 ||
	       (sc_prepares(user) && sc_prepares(password));
}

struct sasl_client *
sasl_client_new(enum sasl_mechanism mechanism, const char *user,
		const char *password)
{
	struct sasl_client *sc = xcalloc(1, sizeof(*sc));

	sc->mechanism = mechanism;
	sc->user = xstrdup(user);
	sc->password = xstrdup(password);
	if (mechanism == SASL_SCRAM_SHA_256)
		sc_start_scram(sc);
	return sc;
}

void
sasl_client_free(struct sasl_client **p)
{
	struct sasl_client *sc = *p;

	*p = NULL;
	if (sc == NULL)
		return;
	if (sc->session != NULL)
		gsasl_finish(sc->session);
	if (sc->gsasl != NULL)
		gsasl_done(sc->gsasl);
	sc_wipe_str(&sc->user);
	sc_wipe_str(&sc->password);
	free(sc);
}

enum sasl_mechanism
sasl_client_mechanism(const struct sasl_client *sc)
{
	return sc->mechanism;
}

int
sasl_client_first(struct sasl_client *sc, struct buf *out)
{
	int r = 0;

	switch (sc->mechanism) {
	case SASL_LOGIN:
		return 0;
	case SASL_PLAIN:
		r = sc_plain(sc, out);
		sc->sure = true;
		break;
	case SASL_XOAUTH2:
		r = sc_xoauth2(sc, out);
		sc->sure = true;
		break;
	case SASL_SCRAM_SHA_256:
		r = sc_scram(sc, NULL, 0, out);
		break;
	}
	sc->step++;
	return r < 0 ? r : 1;
}

int
sasl_client_answer(struct sasl_client *sc, const char *challenge,
		   struct buf *out)
{
	char *text = NULL;
	size_t len = 0;
	int r = sc_decode(challenge, &text, &len);

	/* Nobody asks PLAIN or LOGIN in a way that means anything. */
	if (r < 0 && sc->mechanism != SASL_LOGIN)
		return r;
	switch (sc->mechanism) {
	case SASL_LOGIN:
		r = sc_login(sc, out);
		break;
	case SASL_PLAIN:
		r = -EPROTO;
		break;
	case SASL_XOAUTH2:
		r = sc->step == 1 ? sc_xoauth2_error(sc, text, len) : -EPROTO;
		break;
	case SASL_SCRAM_SHA_256:
		r = sc->sure ? -EPROTO : sc_scram(sc, text, len, out);
		break;
	}
	sc->step++;
	free(text);
	return r;
}

bool
sasl_client_is_sure(const struct sasl_client *sc)
{
	return sc->sure;
}

const char *
sasl_client_words(const struct sasl_client *sc)
{
	return sc->words;
}

/* A quotation may be cut: the beginning of a word is enough. */
#define SC_QUOTED 16

bool
sasl_client_is_quoted(const struct sasl_client *sc, const char *text)
{
	char begin[SC_QUOTED + 1];
	struct buf word;
	bool quoted;

	buf_init(&word, SIZE_MAX / 2);
	switch (sc->mechanism) {
	case SASL_PLAIN:
		(void)sc_plain(sc, &word);
		break;
	case SASL_LOGIN:
		(void)base64_encode(sc->password, strlen(sc->password), &word);
		break;
	case SASL_XOAUTH2:
		(void)sc_xoauth2(sc, &word);
		break;
	case SASL_SCRAM_SHA_256: /* it never leaves */
		break;
	}
	snprintf(begin, sizeof(begin), "%s", buf_str(&word));
	quoted = strstr(text, sc->password) != NULL ||
		 (begin[0] != '\0' && strstr(text, begin) != NULL);
	explicit_bzero(begin, sizeof(begin));
	buf_wipe(&word);
	return quoted;
}
