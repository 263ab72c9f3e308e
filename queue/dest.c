#include "queue/dest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/pack.h"
#include "base/xalloc.h"

#define DEST_FORMAT       1
#define DEST_FORMAT_ASKED 2 /* ... and ASKED_MS at its end */
#define DEST_ASKED_MAX_MS (INT64_C(24) * 60 * 60 * 1000)

bool
dest_name_fits(const char *agent, const char *name)
{
	return strlen(agent) <= DEST_AGENT_MAX && strlen(name) <= DEST_NAME_MAX;
}

int
dest_encode(const struct dest_rec *d, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, d->asked_ms != 0 ? DEST_FORMAT_ASKED : DEST_FORMAT);
	pack_u32(&p, d->fails);
	pack_u64(&p, (uint64_t)d->first_ms);
	pack_u64(&p, (uint64_t)d->last_ms);
	pack_u64(&p, (uint64_t)d->not_before_ms);
	pack_u64(&p, d->probe);
	pack_u8(&p, d->probe_lane);
	pack_u32(&p, d->probe_flow);
	pack_u16(&p, (uint16_t)d->reply.code);
	pack_str(&p, d->reply.dsn);
	pack_str(&p, d->reply.text);
	pack_str(&p, d->agent);
	pack_str(&p, d->name);
	pack_u32(&p, d->ntimes);
	for (uint32_t i = 0; i < d->ntimes; i++)
		pack_u64(&p, (uint64_t)d->times[i]);
	if (d->asked_ms != 0)
		pack_u64(&p, (uint64_t)d->asked_ms);
	return p.bad ? -EMSGSIZE : 0;
}

int
dest_decode(const void *value, size_t len, struct arena *a,
	    struct dest_rec *ret)
{
	struct dest_rec d = {0};
	struct unpack u;
	uint8_t format;

	unpack_init(&u, value, len);
	format = unpack_u8(&u);
	d.fails = unpack_u32(&u);
	d.first_ms = (int64_t)unpack_u64(&u);
	d.last_ms = (int64_t)unpack_u64(&u);
	d.not_before_ms = (int64_t)unpack_u64(&u);
	d.probe = unpack_u64(&u);
	d.probe_lane = unpack_u8(&u);
	d.probe_flow = unpack_u32(&u);
	d.reply.code = unpack_u16(&u);
	snprintf(d.reply.dsn, sizeof(d.reply.dsn), "%s", unpack_str(&u, a));
	snprintf(d.reply.text, sizeof(d.reply.text), "%s", unpack_str(&u, a));
	d.agent = unpack_str(&u, a);
	d.name = unpack_str(&u, a);
	d.ntimes = unpack_u32(&u);
	if (d.ntimes > DEST_TIMES || d.probe_lane >= LANES)
		return -EBADMSG;
	for (uint32_t i = 0; i < d.ntimes; i++)
		d.times[i] = (int64_t)unpack_u64(&u);
	if (format == DEST_FORMAT_ASKED)
		d.asked_ms = (int64_t)unpack_u64(&u);
	if (!unpack_end(&u) ||
	    format != (d.asked_ms != 0 ? DEST_FORMAT_ASKED : DEST_FORMAT))
		return -EBADMSG;
	*ret = d;
	return 0;
}

int
dest_get(struct store_txn *txn, uint64_t key, struct arena *a,
	 struct dest_rec *ret)
{
	struct store_key k = key_dest(key);
	struct store_rec rec;
	int r = store_get(txn, &k, &rec);

	if (r < 0)
		return r;
	return dest_decode(rec.value, rec.len, a, ret);
}

int64_t
dest_rec_asked(const struct dest_rec *d, int64_t now)
{
	return d->asked_ms > now && d->asked_ms - now <= DEST_ASKED_MAX_MS
		       ? d->asked_ms
		       : now;
}

void
dest_rec_failed(struct dest_rec *d, int64_t now)
{
	if (d->fails++ == 0)
		d->first_ms = now;
	d->last_ms = now;
	if (d->ntimes == DEST_TIMES) {
		memmove(d->times, d->times + 1,
			(DEST_TIMES - 1) * sizeof(d->times[0]));
		d->ntimes--;
	}
	d->times[d->ntimes++] = now;
}

uint32_t
dest_rec_tries(const struct dest_rec *d, int64_t since)
{
	uint32_t n = 0;

	if (since <= d->first_ms)
		return d->fails;
	for (uint32_t i = 0; i < d->ntimes; i++)
		if (d->times[i] >= since)
			n++;
	return n;
}

void
dest_table_init(struct dest_table *t, size_t nloops)
{
	memset(t, 0, sizeof(*t));
	t->nloops = nloops;
	for (size_t i = 0; i < DEST_NLIST; i++)
		TAILQ_INIT(&t->lists[i]);
	TAILQ_INIT(&t->alerts);
}

void
dest_on_alerts(struct dest_table *t, struct dest *d)
{
	if (d->on_alerts || !(d->lanes & LANES_ALERT))
		return;
	d->on_alerts = true;
	TAILQ_INSERT_TAIL(&t->alerts, d, alert_link);
}

void
dest_off_alerts(struct dest_table *t, struct dest *d)
{
	if (!d->on_alerts)
		return;
	TAILQ_REMOVE(&t->alerts, d, alert_link);
	d->on_alerts = false;
}

static void
dest_forget(struct dest_table *t, struct dest *d)
{
	dest_off_alerts(t, d);
	TAILQ_REMOVE(&t->lists[d->list], d, link);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unlinked */
	HASH_DEL(t->hash, d);
	free(d->agent_name);
	free(d->rate);
	free(d);
}

void
dest_table_done(struct dest_table *t)
{
	struct dest *d, *next;

	HASH_ITER(hh, t->hash, d, next)
	dest_forget(t, d);
}

struct dest *
dest_find(const struct dest_table *t, uint64_t key)
{
	struct dest *d;

	HASH_FIND(hh, t->hash, &key, sizeof(key), d);
	return d;
}

void
dest_move(struct dest_table *t, struct dest *d, enum dest_list list)
{
	TAILQ_REMOVE(&t->lists[d->list], d, link);
	d->list = list;
	TAILQ_INSERT_TAIL(&t->lists[list], d, link);
}

/* Times mostly come in their order, so the place is near the end. */
void
dest_wait(struct dest_table *t, struct dest *d, enum dest_list list,
	  int64_t until_ms)
{
	struct dest *at;

	TAILQ_REMOVE(&t->lists[d->list], d, link);
	d->list = list;
	d->until_mono_ms = until_ms;
	at = TAILQ_LAST(&t->lists[list], dest_head);
	while (at != NULL && at->until_mono_ms > until_ms)
		at = TAILQ_PREV(at, dest_head, link);
	if (at != NULL)
		TAILQ_INSERT_AFTER(&t->lists[list], at, d, link);
	else
		TAILQ_INSERT_HEAD(&t->lists[list], d, link);
}

/* Room for one more: the idle one that was active longest ago goes. One that is
 * out is active still: it goes to the end, so that no call has to pass it
 * again, and what is passed in all is bounded by what is given out. */
static bool
dest_make_room(struct dest_table *t)
{
	struct dest *d, *last = TAILQ_LAST(&t->lists[DEST_IDLE], dest_head);

	if (HASH_COUNT(t->hash) < DEST_MAX)
		return true;
	while ((d = TAILQ_FIRST(&t->lists[DEST_IDLE])) != NULL) {
		if (d->out == 0) {
			dest_forget(t, d);
			return true;
		}
		dest_move(t, d, DEST_IDLE);
		if (d == last)
			break;
	}
	return false;
}

struct dest *
dest_enter(struct dest_table *t, uint64_t key, const char *agent,
	   const char *name)
{
	struct dest *d = dest_find(t, key);

	if (d != NULL)
		return d;
	if (!dest_make_room(t)) {
		t->forgot = true;
		return NULL;
	}
	d = xcalloc(1, sizeof(*d) + t->nloops * sizeof(d->kept[0]));
	d->key = key;
	d->agent_name = key_dup_names(agent, name, &d->name);
	d->lanes = LANES_ALL;
	d->list = DEST_IDLE;
	d->worked_mono_ms = d->given_mono_ms = DEST_NEVER_MS;
	TAILQ_INSERT_TAIL(&t->lists[DEST_IDLE], d, link);
	HASH_ADD(hh, t->hash, key, sizeof(d->key), d);
	return d;
}

void
dest_run(struct dest_table *t, struct dest *d)
{
	if (d->list == DEST_IDLE || d->list == DEST_WAITING)
		dest_move(t, d, DEST_RUN);
	dest_on_alerts(t, d);
}

void
dest_wake(struct dest_table *t, struct dest *d, uint8_t lane, uint32_t flow,
	  uint64_t id)
{
	struct dest_cursor *c = dest_cursor_find(d, lane, flow);

	/* While it is down the cursors choose whose turn it is to probe. */
	if (c != NULL && c->id >= id && !d->down) {
		c->id = id;
		c->n = 0;
	}
	d->lanes |= (uint8_t)(1u << lane);
	dest_run(t, d);
}

void
dest_reset_lanes(struct dest *d, uint8_t lanes)
{
	for (int i = 0; i < DEST_CURSORS; i++)
		if (lanes & (1u << d->cursor[i].lane))
			d->cursor[i].set = false;
	d->lanes |= lanes;
}

void
dest_wake_all(struct dest_table *t, struct dest *d)
{
	dest_reset_lanes(d, LANES_ALL);
	dest_run(t, d);
}

void
dest_lane_empty(struct dest_table *t, struct dest *d, uint8_t lane)
{
	d->lanes &= (uint8_t) ~(1u << lane);
	if (!(d->lanes & LANES_ALERT))
		dest_off_alerts(t, d);
}

static struct dest_cursor *
dest_cursor_slot(struct dest *d, uint8_t lane, uint32_t flow)
{
	return &d->cursor[(flow * 7 + lane) % DEST_CURSORS];
}

struct dest_cursor *
dest_cursor_find(struct dest *d, uint8_t lane, uint32_t flow)
{
	struct dest_cursor *c = dest_cursor_slot(d, lane, flow);

	return c->set && c->lane == lane && c->flow == flow ? c : NULL;
}

void
dest_cursor_set(struct dest *d, uint8_t lane, uint32_t flow, uint64_t id,
		uint32_t n)
{
	*dest_cursor_slot(d, lane, flow) = (struct dest_cursor){
		.set = true,
		.lane = lane,
		.flow = flow,
		.id = id,
		.n = n,
	};
}
