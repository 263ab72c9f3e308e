#include "verdict/dkim_record.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>

#include "mail/base64.h"
#include "verdict/dkim_tags.h"

#define ED25519_LEN 32

static int
record_fail(const char *why, const char **ret_why)
{
	*ret_why = why;
	return -EINVAL;
}

bool
dkim_record_is(const char *text, size_t len)
{
	struct dkim_tags tags;
	const char *why, *version;
	struct arena arena;
	bool is;

	arena_init(&arena);
	(void)dkim_tags_parse(text, len, &arena, &tags, &why);
	version = dkim_tags_find(&tags, "v");
	is = version != NULL ? strcmp(version, "DKIM1") == 0
			     : dkim_tags_find(&tags, "p") != NULL;
	arena_done(&arena);
	return is;
}

/* What it is for. */
static int
record_uses(const struct dkim_tags *tags, struct dkim_record *ret,
	    const char **ret_why)
{
	const char *hashes = dkim_tags_find(tags, "h");
	const char *services = dkim_tags_find(tags, "s");
	const char *flags = dkim_tags_find(tags, "t");

	if (hashes != NULL && !dkim_tag_has_word(hashes, "sha256"))
		return record_fail("the key is not for SHA-256 (h=)", ret_why);
	if (services != NULL && !dkim_tag_has_word(services, "*") &&
	    !dkim_tag_has_word(services, "email"))
		return record_fail("the key is not for mail (s=)", ret_why);
	ret->testing = flags != NULL && dkim_tag_has_word(flags, "y");
	ret->no_subs = flags != NULL && dkim_tag_has_word(flags, "s");
	return 0;
}

static int
record_type(const struct dkim_tags *tags, struct dkim_record *ret,
	    const char **ret_why)
{
	const char *type = dkim_tags_find(tags, "k");

	if (type == NULL || strcmp(type, "rsa") == 0)
		ret->algorithm = DKIM_RSA_SHA256;
	else if (strcmp(type, "ed25519") == 0)
		ret->algorithm = DKIM_ED25519_SHA256;
	else
		return record_fail("the key's type (k=) is unknown", ret_why);
	return 0;
}

/* The octets of p=; -EINVAL: it is no base64. */
static int
record_octets(const struct dkim_record *r, struct buf *ret)
{
	buf_init(ret, DKIM_RECORD_MAX);
	return base64_decode(r->key, strlen(r->key), ret);
}

static int
record_key(const struct dkim_tags *tags, struct arena *arena,
	   struct dkim_record *ret, const char **ret_why)
{
	const char *key = dkim_tags_find(tags, "p");
	struct buf octets;
	int r;

	if (key == NULL)
		return record_fail("the record has no key (p=)", ret_why);
	ret->key = dkim_tag_collapse(key, arena);
	ret->revoked = ret->key[0] == '\0';
	if (ret->revoked)
		return 0;
	r = record_octets(ret, &octets);
	if (r < 0)
		r = record_fail("the key (p=) is no base64", ret_why);
	else if (ret->algorithm == DKIM_ED25519_SHA256 &&
		 octets.len != ED25519_LEN)
		r = record_fail("the key (p=) does not have the 32 octets of "
				"Ed25519",
				ret_why);
	buf_done(&octets);
	return r;
}

int
dkim_record_parse(const char *text, size_t len, struct arena *arena,
		  struct dkim_record *ret, const char **ret_why)
{
	struct dkim_tags tags;
	const char *version;
	int r;

	*ret = (struct dkim_record){.key = ""};
	if (len > DKIM_RECORD_MAX)
		return record_fail("the record is over 16 KiB", ret_why);
	r = dkim_tags_parse(text, len, arena, &tags, ret_why);
	if (r < 0)
		return r;
	version = dkim_tags_find(&tags, "v");
	if (version != NULL &&
	    (strcmp(version, "DKIM1") != 0 || strcmp(tags.v[0].name, "v") != 0))
		return record_fail("the record does not begin with v=DKIM1",
				   ret_why);
	r = record_type(&tags, ret, ret_why);
	if (r == 0)
		r = record_uses(&tags, ret, ret_why);
	if (r == 0)
		r = record_key(&tags, arena, ret, ret_why);
	return r;
}

unsigned
dkim_record_bits(const struct dkim_record *r)
{
	const unsigned char *at;
	EVP_PKEY *key = NULL;
	struct buf octets;
	int bits = 0;

	if (r->algorithm == DKIM_ED25519_SHA256)
		return r->revoked ? 0 : 8 * ED25519_LEN;
	if (record_octets(r, &octets) == 0 && octets.len > 0) {
		at = (const unsigned char *)octets.data;
		key = d2i_PUBKEY(NULL, &at, (long)octets.len);
	}
	if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		bits = EVP_PKEY_get_bits(key);
	EVP_PKEY_free(key);
	buf_done(&octets);
	return bits > 0 ? (unsigned)bits : 0;
}

const char *
dkim_record_wrong(const struct dkim_record *r, const struct dkim_field *f)
{
	const char *at = strchr(f->identity, '@');

	if (r->revoked)
		return "the key is revoked";
	if (r->algorithm != f->algorithm)
		return "the key is of another algorithm";
	if (strlen(r->key) > DKIM_RECORD_KEY_MAX)
		return "the key is too long";
	if (r->no_subs && at != NULL && strcasecmp(at + 1, f->domain) != 0)
		return "the key is not for subdomains (t=s)";
	return NULL;
}
