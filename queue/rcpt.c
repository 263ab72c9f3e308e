#include "queue/rcpt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/pack.h"

#define RCPT_FORMAT 1

#define RCPT_EXPIRED  0x01
#define RCPT_OURS     0x02
#define RCPT_RELAYED  0x04
#define RCPT_EXPANDED 0x08
#define RCPT_CONTENT  0x10
#define RCPT_COPY     0x20

const char *const rcpt_state_names[] = {
	[RCPT_LIVE] = "live",     [RCPT_HELD] = "held",
	[RCPT_FAILED] = "failed", [RCPT_ASIDE] = "aside",
	[RCPT_SERVED] = "served",
};

static bool
rcpt_pack(const struct rcpt *r, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, RCPT_FORMAT);
	pack_u8(&p, (uint8_t)r->state);
	pack_u8(&p, (uint8_t)((r->expired ? RCPT_EXPIRED : 0) |
			      (r->reply_ours ? RCPT_OURS : 0) |
			      (r->relayed ? RCPT_RELAYED : 0) |
			      (r->expanded ? RCPT_EXPANDED : 0) |
			      (r->reply_of_content ? RCPT_CONTENT : 0) |
			      (r->copy ? RCPT_COPY : 0)));
	pack_u8(&p, (uint8_t)r->class);
	pack_u8(&p, r->notify);
	pack_u32(&p, r->flow);
	pack_u64(&p, r->dest);
	pack_u32(&p, r->tries);
	pack_u64(&p, (uint64_t)r->arrival_ms);
	pack_u64(&p, (uint64_t)r->last_ms);
	pack_u16(&p, (uint16_t)r->reply_code);
	pack_str(&p, r->reply_dsn);
	pack_str(&p, r->reply_text);
	pack_str(&p, r->relay);
	pack_str(&p, r->address);
	pack_str(&p, r->original);
	pack_str(&p, r->orcpt);
	pack_str(&p, r->agent);
	pack_str(&p, r->dest_name);
	pack_str(&p, r->route);
	return !p.bad;
}

int
rcpt_encode(const struct rcpt *r, struct buf *out)
{
	size_t before = out->len;
	struct rcpt bare = *r;

	if (rcpt_pack(r, out) && out->len - before <= STORE_VALUE_MAX)
		return 0;
	out->len = before;
	/* What was published fits without an answer, and so it always will: a
	 * result must not be refused for its words. */
	bare.reply_text = bare.relay = bare.reply_dsn = "";
	if (rcpt_pack(&bare, out) && out->len - before <= STORE_VALUE_MAX)
		return 0;
	out->len = before;
	return -EMSGSIZE;
}

int
rcpt_decode(const void *value, size_t len, struct arena *a, struct rcpt *ret)
{
	struct rcpt r = {0};
	struct unpack u;
	uint8_t format, state, flags, class;

	unpack_init(&u, value, len);
	format = unpack_u8(&u);
	state = unpack_u8(&u);
	r.state = state;
	flags = unpack_u8(&u);
	r.expired = flags & RCPT_EXPIRED;
	r.reply_ours = flags & RCPT_OURS;
	r.relayed = flags & RCPT_RELAYED;
	r.expanded = flags & RCPT_EXPANDED;
	r.reply_of_content = flags & RCPT_CONTENT;
	r.copy = flags & RCPT_COPY;
	class = unpack_u8(&u);
	r.class = class;
	r.notify = unpack_u8(&u);
	r.flow = unpack_u32(&u);
	r.dest = unpack_u64(&u);
	r.tries = unpack_u32(&u);
	r.arrival_ms = (int64_t)unpack_u64(&u);
	r.last_ms = (int64_t)unpack_u64(&u);
	r.reply_code = unpack_u16(&u);
	r.reply_dsn = unpack_str(&u, a);
	r.reply_text = unpack_str(&u, a);
	r.relay = unpack_str(&u, a);
	r.address = unpack_str(&u, a);
	r.original = unpack_str(&u, a);
	r.orcpt = unpack_str(&u, a);
	r.agent = unpack_str(&u, a);
	r.dest_name = unpack_str(&u, a);
	r.route = unpack_str(&u, a);
	if (!unpack_end(&u) || format != RCPT_FORMAT || state >= RCPT_NSTATE ||
	    class >= QUEUE_NCLASS || !dsn_notify_is_sound(r.notify))
		return -EBADMSG;
	*ret = r;
	return 0;
}

uint8_t
rcpt_lane(const struct rcpt *r)
{
	return lane_of(r->class, r->tries > 0);
}

struct store_place
rcpt_place_ready(const struct rcpt *r)
{
	return store_place_ready(r->dest, rcpt_lane(r), r->flow);
}

struct store_place
rcpt_place_later(const struct rcpt *r, int64_t wall_ms)
{
	return store_place_time(store_class_of(r->class), 'm', wall_ms);
}

enum queue_rcpt_state
rcpt_shown_state(const struct rcpt *r, const struct store_place *place)
{
	switch (r->state) {
	case RCPT_LIVE:
		return place_is_time(place) ? QUEUE_RCPT_DEFERRED
					    : QUEUE_RCPT_READY;
	case RCPT_HELD:
		return QUEUE_RCPT_HELD;
	case RCPT_FAILED:
		return QUEUE_RCPT_FAILED;
	case RCPT_SERVED:
		return QUEUE_RCPT_SERVED;
	case RCPT_ASIDE:
		break;
	}
	return QUEUE_RCPT_SET_ASIDE;
}

void
rcpt_set_reply(struct rcpt *r, const struct reply *reply, const char *relay)
{
	r->reply_code = reply->code;
	r->reply_ours = reply->ours;
	r->reply_of_content = reply->of_content;
	r->reply_dsn = reply->dsn;
	r->reply_text = reply->text;
	r->relay = relay != NULL ? relay : "";
}

void
rcpt_get_reply(const struct rcpt *r, struct reply *ret)
{
	ret->code = r->reply_code;
	ret->ours = r->reply_ours;
	ret->of_content = r->reply_of_content;
	snprintf(ret->dsn, sizeof(ret->dsn), "%s", r->reply_dsn);
	snprintf(ret->text, sizeof(ret->text), "%s", r->reply_text);
}
