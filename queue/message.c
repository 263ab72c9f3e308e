#include "queue/message.h"

#include <errno.h>
#include <string.h>

#include "base/pack.h"

/* What was thought of a message came later: 1 is one of which nothing was. */
#define MESSAGE_FORMAT  1
#define MESSAGE_VERDICT 2

int
message_encode(const struct message *m, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, m->verdict[0] != '\0' ? MESSAGE_VERDICT : MESSAGE_FORMAT);
	pack_u16(&p, m->flags);
	pack_u8(&p, (uint8_t)m->class);
	pack_u8(&p, m->teller);
	pack_u8(&p, (uint8_t)m->ret);
	pack_u32(&p, m->flow);
	pack_u32(&p, m->nrcpt);
	pack_u64(&p, (uint64_t)m->size);
	pack_u64(&p, (uint64_t)m->arrival_ms);
	pack_u64(&p, (uint64_t)m->expires_ms);
	pack_u64(&p, (uint64_t)m->warn_ms);
	pack_u64(&p, (uint64_t)m->tell_ms);
	pack_bytes(&p, m->teller_key.bytes, m->teller_key.len);
	pack_str(&p, m->sender);
	pack_str(&p, m->message_id);
	pack_str(&p, m->envid);
	if (m->verdict[0] != '\0')
		pack_str(&p, m->verdict);
	return p.bad ? -EMSGSIZE : 0;
}

static void
message_decode_teller_key(struct unpack *u, struct message *m)
{
	size_t len;
	const void *bytes = unpack_bytes(u, &len);

	memset(&m->teller_key, 0, sizeof(m->teller_key));
	if (len > sizeof(m->teller_key.bytes)) {
		u->bad = true;
		return;
	}
	m->teller_key.kind = m->teller;
	m->teller_key.len = (uint8_t)len;
	if (len > 0)
		memcpy(m->teller_key.bytes, bytes, len);
}

int
message_decode(const void *value, size_t len, struct arena *a,
	       struct message *ret)
{
	struct message m = {0};
	struct unpack u;
	uint8_t format, class, ret_wish;

	unpack_init(&u, value, len);
	format = unpack_u8(&u);
	m.flags = unpack_u16(&u);
	class = unpack_u8(&u);
	m.class = class;
	m.teller = unpack_u8(&u);
	ret_wish = unpack_u8(&u);
	m.ret = ret_wish;
	m.flow = unpack_u32(&u);
	m.nrcpt = unpack_u32(&u);
	m.size = (int64_t)unpack_u64(&u);
	m.arrival_ms = (int64_t)unpack_u64(&u);
	m.expires_ms = (int64_t)unpack_u64(&u);
	m.warn_ms = (int64_t)unpack_u64(&u);
	m.tell_ms = (int64_t)unpack_u64(&u);
	message_decode_teller_key(&u, &m);
	m.sender = unpack_str(&u, a);
	m.message_id = unpack_str(&u, a);
	m.envid = unpack_str(&u, a);
	m.verdict = format == MESSAGE_VERDICT ? unpack_str(&u, a) : "";
	if (!unpack_end(&u) ||
	    (format != MESSAGE_FORMAT && format != MESSAGE_VERDICT) ||
	    class >= QUEUE_NCLASS || ret_wish >= DSN_NRET || m.size < 0)
		return -EBADMSG;
	*ret = m;
	return 0;
}

int64_t
message_next_ms(const struct message *m)
{
	return m->warn_ms > 0 && m->warn_ms < m->expires_ms ? m->warn_ms
							    : m->expires_ms;
}

void
message_not_before(struct message *m, int64_t when)
{
	if (m->warn_ms > 0 && m->warn_ms < when)
		m->warn_ms = when;
	if (m->expires_ms < when)
		m->expires_ms = when;
}

struct store_place
message_place(const struct message *m)
{
	enum store_class class = store_class_of(m->class);

	/* Whoever published it hears of its end all the same. */
	if (m->flags & MESSAGE_CORRUPT)
		return m->tell_ms > 0 && m->teller != 'm'
			       ? store_place_time(class, 't', m->tell_ms)
			       : store_place_none();
	if (m->flags & MESSAGE_KEPT)
		return store_place_time(STORE_CLASS_OTHER, 'p', m->expires_ms);
	if (m->tell_ms > 0)
		return store_place_time(class, 't', m->tell_ms);
	if (m->flags & MESSAGE_HELD)
		return store_place_none();
	return store_place_time(class, 'm', message_next_ms(m));
}
