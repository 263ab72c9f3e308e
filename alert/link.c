#include "alert/link.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/must.h"
#include "base/pack.h"

#define LK_MINUTE_MS INT64_C(60000)
#define LK_FIELDS    18 /* kind, action, seq, group, minute */
#define LK_MAC       12 /* of the HMAC's octets: 96 bits */
#define LK_BYTES     (LK_FIELDS + LK_MAC)
#define LK_NAME_MAX  1024 /* of a recipient */

_Static_assert(LK_BYTES * 8 == ALERT_TOKEN_LEN * 5, "whole letters");

static const char lk_letters[] = "abcdefghijklmnopqrstuvwxyz234567";

/* Five octets are eight letters. */
static void
lk_encode(const uint8_t from[static LK_BYTES],
	  char ret[static ALERT_TOKEN_LEN + 1])
{
	char *to = ret;

	for (size_t at = 0; at < LK_BYTES; at += 5) {
		uint64_t bits = 0;

		for (size_t i = 0; i < 5; i++)
			bits = bits << 8 | from[at + i];
		for (int shift = 35; shift >= 0; shift -= 5)
			*to++ = lk_letters[bits >> shift & 31];
	}
	*to = '\0';
}

static bool
lk_decode(const char *text, uint8_t ret[static LK_BYTES])
{
	if (strlen(text) != ALERT_TOKEN_LEN)
		return false;
	for (size_t at = 0; at < LK_BYTES; at += 5) {
		uint64_t bits = 0;

		for (size_t i = 0; i < 8; i++) {
			const char *found =
				strchr(lk_letters, ascii_lower(*text++));

			if (found == NULL)
				return false;
			bits = bits << 5 | (uint64_t)(found - lk_letters);
		}
		for (size_t i = 0; i < 5; i++)
			ret[at + i] = (uint8_t)(bits >> (32 - 8 * i));
	}
	return true;
}

/* Over the fields and the recipient in lower case. */
static void
lk_sign(const struct alert_link_key *key,
	const uint8_t fields[static LK_FIELDS], const char *recipient,
	uint8_t ret[static LK_MAC])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	struct buf text;

	buf_init(&text, LK_FIELDS + LK_NAME_MAX);
	buf_append(&text, fields, LK_FIELDS);
	for (size_t i = 0; recipient[i] != '\0' && i < LK_NAME_MAX; i++) {
		char c = ascii_lower(recipient[i]);

		buf_append(&text, &c, 1);
	}
	must(HMAC(EVP_sha256(), key->bytes, sizeof(key->bytes),
		  (const unsigned char *)text.data, text.len, mac,
		  NULL) != NULL);
	memcpy(ret, mac, LK_MAC);
	buf_done(&text);
}

void
alert_token_make(const struct alert_link_key *key,
		 const struct alert_token *token, const char *recipient,
		 char ret[static ALERT_TOKEN_LEN + 1])
{
	uint8_t bytes[LK_BYTES];
	struct buf fields;
	struct pack p = {.out = &fields};

	buf_init(&fields, LK_FIELDS);
	pack_u8(&p, token->kind);
	pack_u8(&p, token->action);
	pack_u32(&p, token->seq);
	pack_u64(&p, token->group);
	pack_u32(&p, (uint32_t)((token->expires_ms + LK_MINUTE_MS - 1) /
				LK_MINUTE_MS));
	must(!p.bad && fields.len == LK_FIELDS);
	memcpy(bytes, fields.data, LK_FIELDS);
	buf_done(&fields);
	lk_sign(key, bytes, recipient, bytes + LK_FIELDS);
	lk_encode(bytes, ret);
}

bool
alert_token_may_be(enum alert_token_kind kind, const char *text)
{
	uint8_t bytes[LK_BYTES];

	return lk_decode(text, bytes) && bytes[0] == kind;
}

int
alert_token_read(const struct alert_link_key *key, enum alert_token_kind kind,
		 const char *text, const char *recipient, int64_t now_ms,
		 struct alert_token *ret)
{
	uint8_t bytes[LK_BYTES], mac[LK_MAC];
	struct alert_token token;
	struct unpack u;

	if (!lk_decode(text, bytes))
		return -EBADMSG;
	lk_sign(key, bytes, recipient, mac);
	if (CRYPTO_memcmp(mac, bytes + LK_FIELDS, LK_MAC) != 0)
		return -EBADMSG;
	unpack_init(&u, bytes, LK_FIELDS);
	token.kind = unpack_u8(&u);
	token.action = unpack_u8(&u);
	token.seq = unpack_u32(&u);
	token.group = unpack_u64(&u);
	token.expires_ms = (int64_t)unpack_u32(&u) * LK_MINUTE_MS;
	must(unpack_end(&u));
	if (token.kind != kind)
		return -EBADMSG;
	*ret = token;
	return now_ms > token.expires_ms ? -ETIME : 0;
}
