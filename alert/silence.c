#include "alert/silence.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

#define SILENCE_FORMAT 1

const char *const silence_state_names[] = {"pending", "active", "expired"};

int
silence_encode(const struct engine_silence *s, struct buf *out)
{
	struct pack p = {.out = out};
	size_t at = out->len;

	if (strlen(s->created_by) > SILENCE_TEXT_MAX ||
	    strlen(s->comment) > SILENCE_TEXT_MAX)
		return -EMSGSIZE;
	pack_u8(&p, SILENCE_FORMAT);
	pack_str(&p, s->id);
	pack_u64(&p, (uint64_t)s->starts_ms);
	pack_u64(&p, (uint64_t)s->ends_ms);
	pack_u64(&p, (uint64_t)s->updated_ms);
	pack_str(&p, s->created_by);
	pack_str(&p, s->comment);
	matchers_pack(&p, &s->matchers);
	if (!p.bad && out->len - at <= STORE_VALUE_MAX)
		return 0;
	out->len = at;
	return -EMSGSIZE;
}

int
silence_decode(const void *value, size_t len, struct arena *arena,
	       struct engine_silence *ret)
{
	struct engine_silence s;
	struct unpack u;
	const char *id;

	unpack_init(&u, value, len);
	if (unpack_u8(&u) != SILENCE_FORMAT)
		return len > 0 ? -EPROTONOSUPPORT : -EBADMSG;
	id = unpack_str(&u, arena);
	if (strlen(id) + 1 != sizeof(s.id))
		return -EBADMSG;
	memcpy(s.id, id, sizeof(s.id));
	s.starts_ms = (int64_t)unpack_u64(&u);
	s.ends_ms = (int64_t)unpack_u64(&u);
	s.updated_ms = (int64_t)unpack_u64(&u);
	s.created_by = unpack_str(&u, arena);
	s.comment = unpack_str(&u, arena);
	if (u.bad || matchers_unpack(&u, arena, &s.matchers) < 0)
		return -EBADMSG;
	if (!unpack_end(&u)) {
		matchers_done(&s.matchers);
		return -EBADMSG;
	}
	s.state = SILENCE_PENDING;
	*ret = s;
	return 0;
}

void
silence_new_id(char ret[static ENGINE_SILENCE_ID])
{
	uint8_t r[16];

	must(RAND_bytes(r, sizeof(r)) == 1);
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40); /* RFC 9562, 5.4 */
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	snprintf(ret, ENGINE_SILENCE_ID,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9],
		 r[10], r[11], r[12], r[13], r[14], r[15]);
}

enum silence_state
silence_state_at(const struct engine_silence *s, int64_t now_ms)
{
	if (now_ms < s->starts_ms)
		return SILENCE_PENDING;
	return now_ms < s->ends_ms ? SILENCE_ACTIVE : SILENCE_EXPIRED;
}
