#include "verdict/dkim_lib.h"

#include <opendkim/dkim.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "mail/header.h"
#include "verdict/dkim_body.h"

#define FIELDS_MAX   1000
#define LINE_LONGEST (1 << 20)  /* octets */
#define CLOCK_DRIFT  1000000000 /* s; see dkim_field_time_wrong() */
#define DER_MAX      1024       /* more than it can have from a record */

const char *const dkim_outcome_names[] = {
	[DKIM_OUTCOME_PASS] = "pass",
	[DKIM_OUTCOME_BAD_SIGNATURE] = "bad signature",
	[DKIM_OUTCOME_BAD_BODY] = "bad body",
	[DKIM_OUTCOME_SHORT_BODY] = "short body",
	[DKIM_OUTCOME_LONG_BODY] = "long body",
	[DKIM_OUTCOME_BAD_KEY] = "bad key",
	[DKIM_OUTCOME_WEAK_KEY] = "weak key",
	[DKIM_OUTCOME_BAD_HEADER] = "bad header",
	[DKIM_OUTCOME_BAD_LINES] = "bad lines",
	[DKIM_OUTCOME_ERROR] = "error",
};

struct dkim_library {
	DKIM_LIB *lib; /* owned */
};

struct dkim_check {
	DKIM *dkim;                    /* owned; NULL: nothing can pass */
	enum dkim_outcome broken;      /* ... for this reason */
	struct dkim_subject *subjects; /* borrowed */
	size_t n;
	bool lengths;                     /* some have l= */
	bool open;                        /* the last line has no end yet */
	struct dkim_body simple, relaxed; /* counted; this with LENGTHS */
};

/* --- a public key ----------------------------------------------------------- */

/* The one spelling of "rsaEncryption, no parameters" (RFC 3279, 2.3.1). */
static const unsigned char rsa_algorithm[] = {
	0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
	0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
};

/* What is in an element that has this TAG and reaches just to END, or NULL. */
static const unsigned char *
der_enter(const unsigned char *at, const unsigned char *end, unsigned char tag)
{
	size_t len, n;

	if (end - at < 2 || at[0] != tag)
		return NULL;
	len = at[1];
	at += 2;
	if (len >= 0x80) {
		n = len & 0x7f;
		if (n == 0 || n > 2 || (size_t)(end - at) < n)
			return NULL;
		for (len = 0; n > 0; n--)
			len = len << 8 | *at++;
	}
	return (size_t)(end - at) == len ? at : NULL;
}

/* NULL: it is not of the plain form, whatever else it may be. */
static EVP_PKEY *
key_of_rsa(const unsigned char *at, const unsigned char *end)
{
	EVP_PKEY *key;

	at = der_enter(at, end, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED);
	if (at == NULL || (size_t)(end - at) < sizeof(rsa_algorithm) ||
	    memcmp(at, rsa_algorithm, sizeof(rsa_algorithm)) != 0)
		return NULL;
	at = der_enter(at + sizeof(rsa_algorithm), end, V_ASN1_BIT_STRING);
	if (at == NULL || at == end || *at++ != 0) /* bits that are not used */
		return NULL;
	key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, end - at);
	if (key != NULL && at != end) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

/* Before libcrypto's, for libopendkim: see dkim_lib.h. */
EVP_PKEY *
d2i_PUBKEY_bio(BIO *bp, EVP_PKEY **a)
{
	unsigned char der[DER_MAX];
	const unsigned char *at = der;
	size_t len = BIO_ctrl_pending(bp);
	EVP_PKEY *key;

	if (a != NULL || BIO_method_type(bp) != BIO_TYPE_MEM || len == 0 ||
	    len > sizeof(der))
		return ASN1_d2i_bio_of(EVP_PKEY, EVP_PKEY_new, d2i_PUBKEY, bp,
				       a);
	if (BIO_read(bp, der, (int)len) != (int)len)
		return NULL;
	ERR_set_mark();
	key = key_of_rsa(der, der + len);
	ERR_pop_to_mark();
	return key != NULL ? key : d2i_PUBKEY(NULL, &at, (long)len);
}

/* --- the library ------------------------------------------------------------ */

static void
library_set(DKIM_LIB *lib, dkim_opts_t option, void *value, size_t size)
{
	must(dkim_options(lib, DKIM_OP_SETOPT, option, value, size) ==
	     DKIM_STAT_OK);
}

static const struct dkim_subject *
check_find(const struct dkim_check *c, DKIM_SIGINFO *sig)
{
	const char *domain = (const char *)dkim_sig_getdomain(sig);
	const char *selector = (const char *)dkim_sig_getselector(sig);

	for (size_t i = 0; i < c->n; i++)
		if (strcasecmp(c->subjects[i].field->domain, domain) == 0 &&
		    strcmp(c->subjects[i].field->selector, selector) == 0)
			return &c->subjects[i];
	return NULL;
}

static DKIM_CBSTAT
library_key(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *buf, size_t size)
{
	const struct dkim_check *c = dkim_get_user_context(dkim);
	const struct dkim_subject *s = check_find(c, sig);
	int n;

	if (s == NULL)
		return DKIM_CBSTAT_NOTFOUND;
	n = snprintf((char *)buf, size, "v=DKIM1; k=%s; p=%s",
		     s->record->algorithm == DKIM_RSA_SHA256 ? "rsa"
							     : "ed25519",
		     s->record->key);
	return (size_t)n < size ? DKIM_CBSTAT_CONTINUE : DKIM_CBSTAT_NOTFOUND;
}

struct dkim_library *
dkim_library_new(void)
{
	struct dkim_library *l = xcalloc(1, sizeof(*l));
	unsigned flags = DKIM_LIBFLAGS_BADSIGHANDLES;
	unsigned bits = DKIM_RSA_BITS_MIN;
	uint64_t drift = CLOCK_DRIFT;

	l->lib = dkim_init(NULL, NULL);
	must(l->lib != NULL);
	library_set(l->lib, DKIM_OPTS_FLAGS, &flags, sizeof(flags));
	library_set(l->lib, DKIM_OPTS_MINKEYBITS, &bits, sizeof(bits));
	library_set(l->lib, DKIM_OPTS_CLOCKDRIFT, &drift, sizeof(drift));
	must(dkim_set_key_lookup(l->lib, library_key) == DKIM_STAT_OK);
	return l;
}

void
dkim_library_free(struct dkim_library **l)
{
	if (*l == NULL)
		return;
	dkim_close((*l)->lib);
	free(*l);
	*l = NULL;
}

/* --- the header --------------------------------------------------------------- */

static void
check_break(struct dkim_check *c, enum dkim_outcome why)
{
	if (c->dkim != NULL)
		dkim_free(c->dkim);
	c->dkim = NULL;
	c->broken = why;
}

/* Of the signatures only those that are to be checked. */
static bool
check_shows(const struct dkim_check *c, const struct header_field *f, size_t at)
{
	if (!header_is(f, DKIM_SIGNHEADER))
		return true;
	for (size_t i = 0; i < c->n; i++)
		if (c->subjects[i].field->at == at)
			return true;
	return false;
}

/* F as the library takes it: a tab before the colon, which it refuses, counts as
 * little as a blank unless the canonical form is simple. The caller frees it. */
static char *
field_text(const struct header_field *f, size_t *ret_len)
{
	size_t colon = (size_t)(f->value - f->name) - 1;
	char *text;

	*ret_len = colon + 1 + f->value_len;
	text = xstrndup(f->name, *ret_len);
	for (size_t i = f->name_len; i < colon; i++)
		text[i] = ' ';
	return text;
}

/* A field that the library does not like (a `;` in its name) is one that no
 * signature can name. */
static bool
check_field(struct dkim_check *c, const struct header_field *f)
{
	size_t len;
	char *text = field_text(f, &len);
	DKIM_STAT r = dkim_header(c->dkim, dkim_octets(text), len);

	free(text);
	return r == DKIM_STAT_OK ||
	       (r == DKIM_STAT_SYNTAX && !header_is(f, DKIM_SIGNHEADER));
}

static void
check_header(struct dkim_check *c, const char *header, size_t len)
{
	static const char spare[] = "- -: ";
	struct header_field f;
	size_t fields = 0;
	bool ok = true;

	for (size_t at = 0; ok && header_next(header, len, &f) > 0; at++) {
		if (check_shows(c, &f, at)) {
			ok = check_field(c, &f);
			fields++;
		}
		if (fields > FIELDS_MAX) {
			check_break(c, DKIM_OUTCOME_BAD_HEADER);
			return;
		}
		header += f.raw_len;
		len -= f.raw_len;
	}
	ok = ok && dkim_header(c->dkim, dkim_octets(spare), strlen(spare)) ==
			   DKIM_STAT_OK;
	if (!ok || dkim_eoh(c->dkim) != DKIM_STAT_OK)
		check_break(c, DKIM_OUTCOME_ERROR);
}

struct dkim_check *
dkim_check_new(struct dkim_library *lib, const char *header, size_t len,
	       struct dkim_subject *subjects, size_t n)
{
	struct dkim_check *c = xcalloc(1, sizeof(*c));
	DKIM_STAT status;

	must(n <= DKIM_SIGNATURES_MAX);
	c->subjects = subjects;
	c->n = n;
	dkim_body_init(&c->simple, false, false);
	dkim_body_init(&c->relaxed, true, false);
	for (size_t i = 0; i < n; i++)
		c->lengths = c->lengths || subjects[i].field->has_length;
	if (memchr(header, '\0', len) != NULL) {
		check_break(c, DKIM_OUTCOME_BAD_HEADER);
		return c;
	}
	c->dkim = dkim_verify(lib->lib, dkim_octets("-"), NULL, &status);
	must(c->dkim != NULL);
	must(dkim_set_user_context(c->dkim, c) == DKIM_STAT_OK);
	check_header(c, header, len);
	return c;
}

/* --- the body ------------------------------------------------------------------- */

void
dkim_check_body(struct dkim_check *c, const void *data, size_t len)
{
	if (len == 0 || c->dkim == NULL)
		return;
	dkim_body_add(&c->simple, data, len);
	if (c->lengths)
		dkim_body_add(&c->relaxed, data, len);
	c->open = ((const char *)data)[len - 1] != '\n';
	if (c->simple.bare || c->simple.longest > LINE_LONGEST)
		check_break(c, DKIM_OUTCOME_BAD_LINES);
	else if (dkim_body(c->dkim, dkim_octets(data), len) != DKIM_STAT_OK)
		check_break(c, DKIM_OUTCOME_ERROR);
}

/* --- the end -------------------------------------------------------------------- */

static enum dkim_outcome
outcome_of_error(DKIM_SIGERROR error)
{
	switch (error) {
	case DKIM_SIGERROR_BADSIG:
		return DKIM_OUTCOME_BAD_SIGNATURE;
	case DKIM_SIGERROR_TOOLARGE_L:
		return DKIM_OUTCOME_SHORT_BODY;
	case DKIM_SIGERROR_KEYTOOSMALL:
		return DKIM_OUTCOME_WEAK_KEY;
	case DKIM_SIGERROR_NOKEY:
	case DKIM_SIGERROR_DNSSYNTAX:
	case DKIM_SIGERROR_KEYDECODE:
		return DKIM_OUTCOME_BAD_KEY;
	default:
		return DKIM_OUTCOME_ERROR;
	}
}

static enum dkim_outcome
check_outcome(const struct dkim_check *c, const struct dkim_field *f,
	      DKIM_SIGINFO *sig)
{
	bool passed = (dkim_sig_getflags(sig) & DKIM_SIGFLAG_PASSED) != 0;
	DKIM_SIGERROR error = dkim_sig_geterror(sig);
	uint64_t len = f->relaxed_body ? c->relaxed.len : c->simple.len;

	if (passed && dkim_sig_getbh(sig) == DKIM_SIGBH_MISMATCH)
		return DKIM_OUTCOME_BAD_BODY;
	if (error != DKIM_SIGERROR_OK || !DKIM_SIG_CHECK(sig))
		return outcome_of_error(error);
	return f->has_length && len > f->length ? DKIM_OUTCOME_LONG_BODY
						: DKIM_OUTCOME_PASS;
}

/* Are the library's signatures ours, one by one? */
static bool
check_is_ours(const struct dkim_check *c, DKIM_SIGINFO **sigs, int n)
{
	if (n < 0 || (size_t)n != c->n)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		const struct dkim_field *f = c->subjects[i].field;
		const char *domain = (char *)dkim_sig_getdomain(sigs[i]);
		const char *selector = (char *)dkim_sig_getselector(sigs[i]);

		if (domain == NULL || selector == NULL ||
		    strcasecmp(domain, f->domain) != 0 ||
		    strcmp(selector, f->selector) != 0)
			return false;
	}
	return true;
}

static void
check_settle(struct dkim_check *c, struct dkim_subject *s, DKIM_SIGINFO *sig)
{
	unsigned bits = 0;

	s->outcome = check_outcome(c, s->field, sig);
	if (dkim_sig_getkeysize(sig, &bits) == DKIM_STAT_OK)
		s->key_bits =
			s->field->algorithm == DKIM_RSA_SHA256 ? bits : 256;
}

void
dkim_check_end(struct dkim_check *c)
{
	DKIM_SIGINFO **sigs = NULL;
	int n = 0;

	if (c->dkim != NULL && c->open)
		dkim_check_body(c, "\r\n", 2);
	dkim_body_end(&c->simple, NULL);
	dkim_body_end(&c->relaxed, NULL);
	if (c->dkim != NULL) {
		(void)dkim_eom(c->dkim, NULL);
		if (dkim_getsiglist(c->dkim, &sigs, &n) != DKIM_STAT_OK ||
		    !check_is_ours(c, sigs, n))
			check_break(c, DKIM_OUTCOME_ERROR);
	}
	for (size_t i = 0; i < c->n; i++)
		if (c->dkim == NULL)
			c->subjects[i].outcome = c->broken;
		else
			check_settle(c, &c->subjects[i], sigs[i]);
}

void
dkim_check_free(struct dkim_check **c)
{
	if (*c == NULL)
		return;
	if ((*c)->dkim != NULL)
		dkim_free((*c)->dkim);
	dkim_body_done(&(*c)->simple);
	dkim_body_done(&(*c)->relaxed);
	free(*c);
	*c = NULL;
}
