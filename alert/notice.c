#include "alert/notice.h"

#include <errno.h>

#include "base/must.h"
#include "base/pack.h"
#include "base/utf8.h"

#define NOTICE_FORMAT 2

void
notice_encode(const struct notice_core *c, const struct notice_names *n,
	      const void *entries, size_t entries_len, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, NOTICE_FORMAT);
	pack_u8(&p, c->flags);
	pack_u8(&p, c->origin);
	pack_u8(&p, c->kind);
	pack_u64(&p, c->id);
	pack_u64(&p, c->message);
	pack_u64(&p, (uint64_t)c->published_ms);
	pack_u64(&p, (uint64_t)c->event_ms);
	pack_u64(&p, (uint64_t)c->told_ms);
	pack_u32(&p, c->seq);
	pack_u32(&p, c->told_seq);
	pack_u64(&p, c->lead);
	pack_u32(&p, c->lead_seq);
	pack_u64(&p, c->root_group);
	pack_u32(&p, c->root_seq);
	for (size_t i = 0; i < NOTICE_JOINED_MAX; i++) {
		pack_u64(&p, c->joined[i].lead);
		pack_u32(&p, c->joined[i].lead_seq);
		pack_u32(&p, c->joined[i].seq);
	}
	pack_str(&p, c->subject);
	pack_str(&p, n->channel);
	pack_str(&p, n->address);
	pack_str(&p, n->person);
	pack_str(&p, n->time_zone);
	pack_str(&p, n->receiver);
	pack_u8(&p, entries != NULL);
	if (entries != NULL)
		pack_bytes(&p, entries, entries_len);
	must(!p.bad);
}

void
notice_entry_pack(const struct notice_entry *entry, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u64(&p, entry->incident);
	pack_u8(&p, entry->both);
	pack_u32(&p, entry->seq);
	must(!p.bad);
}

void
notice_entry_unpack(const uint8_t at[static NOTICE_ENTRY_LEN],
		    struct notice_entry *ret)
{
	struct unpack u;

	unpack_init(&u, at, NOTICE_ENTRY_LEN);
	ret->incident = unpack_u64(&u);
	ret->both = unpack_u8(&u);
	ret->seq = unpack_u32(&u);
}

int
notice_decode(const void *value, size_t len, struct arena *arena,
	      struct notice_core *ret, struct notice_names *ret_names,
	      const uint8_t **ret_entries, size_t *ret_len)
{
	struct notice_core c;
	struct unpack u;

	unpack_init(&u, value, len);
	if (unpack_u8(&u) != NOTICE_FORMAT)
		return len > 0 ? -EPROTONOSUPPORT : -EBADMSG;
	c.flags = unpack_u8(&u);
	c.origin = unpack_u8(&u);
	c.kind = unpack_u8(&u);
	c.id = unpack_u64(&u);
	c.message = unpack_u64(&u);
	c.published_ms = (int64_t)unpack_u64(&u);
	c.event_ms = (int64_t)unpack_u64(&u);
	c.told_ms = (int64_t)unpack_u64(&u);
	c.seq = unpack_u32(&u);
	c.told_seq = unpack_u32(&u);
	c.lead = unpack_u64(&u);
	c.lead_seq = unpack_u32(&u);
	c.root_group = unpack_u64(&u);
	c.root_seq = unpack_u32(&u);
	for (size_t i = 0; i < NOTICE_JOINED_MAX; i++) {
		c.joined[i].lead = unpack_u64(&u);
		c.joined[i].lead_seq = unpack_u32(&u);
		c.joined[i].seq = unpack_u32(&u);
	}
	utf8_copy(unpack_str(&u, arena), c.subject, sizeof(c.subject));
	ret_names->channel = unpack_str(&u, arena);
	ret_names->address = unpack_str(&u, arena);
	ret_names->person = unpack_str(&u, arena);
	ret_names->time_zone = unpack_str(&u, arena);
	ret_names->receiver = unpack_str(&u, arena);
	*ret_entries = NULL;
	*ret_len = 0;
	if (unpack_u8(&u) != 0)
		*ret_entries = unpack_bytes(&u, ret_len);
	if (!unpack_end(&u) || *ret_len % NOTICE_ENTRY_LEN != 0)
		return -EBADMSG;
	*ret = c;
	return 0;
}
