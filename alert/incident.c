#include "alert/incident.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"

#define INCIDENT_FORMAT 1

const char *const incident_state_names[] = {"open", "stale", "resolved"};

void
incident_print(const char *source, const char *key,
	       uint8_t ret[static INCIDENT_PRINT])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];

	must(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(ctx, source, strlen(source) + 1) == 1 &&
	     EVP_DigestUpdate(ctx, key, strlen(key)) == 1 &&
	     EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
	EVP_MD_CTX_free(ctx);
	memcpy(ret, digest, INCIDENT_PRINT);
}

/* The end of the last whole character within MOST bytes. */
static size_t
incident_cut(const char *s, size_t most)
{
	size_t len = strlen(s);

	if (len <= most)
		return len;
	for (len = most; len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

int
incident_text_pack(const struct alert *a, const char *key, struct buf *out)
{
	struct pack p = {.out = out};

	pack_str(&p, a->source);
	pack_bytes(&p, key, incident_cut(key, INCIDENT_KEY_MAX));
	pack_str(&p, a->url != NULL ? a->url : "");
	labels_pack(&p, &a->labels);
	labels_pack(&p, &a->annotations);
	return p.bad || out->len > INCIDENT_TEXT_MAX ? -EMSGSIZE : 0;
}

int
incident_text_unpack(const void *text, size_t len, struct arena *arena,
		     struct incident_text *ret)
{
	struct incident_text t;
	struct unpack u;

	unpack_init(&u, text, len);
	t.source = unpack_str(&u, arena);
	t.key = unpack_str(&u, arena);
	t.url = unpack_str(&u, arena);
	if (u.bad || labels_unpack(&u, arena, &t.labels) < 0 ||
	    labels_unpack(&u, arena, &t.annotations) < 0 || !unpack_end(&u))
		return -EBADMSG;
	*ret = t;
	return 0;
}

static void
incident_pack_core(struct pack *p, const struct incident_core *c)
{
	pack_u8(p, (uint8_t)c->state);
	pack_u8(p, (uint8_t)(c->flags | c->worst << INCIDENT_FLAGS));
	pack_u64(p, (uint64_t)c->starts_ms);
	pack_u64(p, (uint64_t)c->changed_ms);
	pack_u64(p, (uint64_t)c->ends_ms);
	pack_u64(p, (uint64_t)c->opened_ms);
	pack_u64(p, (uint64_t)c->updated_ms);
	pack_u64(p, (uint64_t)c->expires_ms);
	pack_u64(p, (uint64_t)c->acked_ms);
	for (size_t i = 0; i < INCIDENT_CHANGES; i++)
		pack_u64(p, (uint64_t)c->changes_ms[i]);
	pack_bytes(p, c->print, sizeof(c->print));
}

void
incident_encode(const struct incident_core *c, const char *who,
		const char *note, const void *text, size_t text_len,
		struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, INCIDENT_FORMAT);
	incident_pack_core(&p, c);
	pack_str(&p, who);
	pack_str(&p, note);
	pack_u8(&p, text != NULL);
	if (text != NULL)
		pack_bytes(&p, text, text_len);
	must(!p.bad);
}

static void
incident_unpack_core(struct unpack *u, struct incident_core *c)
{
	uint8_t state = unpack_u8(u), flags;
	const void *print;
	size_t len;

	if (state >= INCIDENT_NSTATE)
		u->bad = true;
	c->state = state;
	flags = unpack_u8(u);
	c->flags = flags & ((1 << INCIDENT_FLAGS) - 1);
	c->worst = flags >> INCIDENT_FLAGS;
	c->starts_ms = (int64_t)unpack_u64(u);
	c->changed_ms = (int64_t)unpack_u64(u);
	c->ends_ms = (int64_t)unpack_u64(u);
	c->opened_ms = (int64_t)unpack_u64(u);
	c->updated_ms = (int64_t)unpack_u64(u);
	c->expires_ms = (int64_t)unpack_u64(u);
	c->acked_ms = (int64_t)unpack_u64(u);
	for (size_t i = 0; i < INCIDENT_CHANGES; i++)
		c->changes_ms[i] = (int64_t)unpack_u64(u);
	print = unpack_bytes(u, &len);
	if (len != sizeof(c->print))
		u->bad = true;
	else
		memcpy(c->print, print, len);
}

static void
incident_unpack_word(struct unpack *u, char ret[static INCIDENT_WHO_MAX])
{
	size_t len;
	const char *at = unpack_bytes(u, &len);

	if (!u->bad && len >= INCIDENT_WHO_MAX)
		u->bad = true;
	if (!u->bad)
		snprintf(ret, INCIDENT_WHO_MAX, "%.*s", (int)len,
			 len > 0 ? at : "");
}

int
incident_decode(const void *value, size_t len, struct incident_core *ret,
		struct incident_who *ret_who, const void **ret_text,
		size_t *ret_text_len)
{
	struct incident_core c = {.state = INCIDENT_OPEN};
	struct unpack u;

	unpack_init(&u, value, len);
	if (unpack_u8(&u) != INCIDENT_FORMAT)
		return len > 0 ? -EPROTONOSUPPORT : -EBADMSG;
	incident_unpack_core(&u, &c);
	incident_unpack_word(&u, ret_who->name);
	incident_unpack_word(&u, ret_who->note);
	if (u.bad)
		return -EBADMSG;
	*ret_text = NULL;
	*ret_text_len = 0;
	if (unpack_u8(&u) != 0)
		*ret_text = unpack_bytes(&u, ret_text_len);
	if (!unpack_end(&u))
		return -EBADMSG;
	*ret = c;
	return 0;
}

bool
incident_note_change(struct incident_core *c, int64_t now_ms, size_t changes,
		     int64_t within_ms)
{
	memmove(c->changes_ms + 1, c->changes_ms,
		sizeof(c->changes_ms) - sizeof(c->changes_ms[0]));
	c->changes_ms[0] = now_ms;
	if (changes == 0 || changes > INCIDENT_CHANGES)
		return false;
	return c->changes_ms[changes - 1] > now_ms - within_ms &&
	       c->changes_ms[changes - 1] != 0;
}
