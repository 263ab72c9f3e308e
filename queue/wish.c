/*
 * wish - what the sender of a message wants to be told (RFC 3461, 4.1), and the
 * one warning that it is late.
 *
 * Only the DSN's teller asks: what others published is told to them whole.
 * Nobody stands behind a message from the null path.
 */
#include <errno.h>

#include "queue/queue_impl.h"

#define WISH_AGAIN_MS (5 * 60 * 1000)

static bool
wish_has_sender(const struct message *m)
{
	return m->teller == 'm' && m->sender[0] != '\0';
}

bool
wish_success(const struct message *m, uint8_t notify)
{
	return wish_has_sender(m) && (notify & DSN_NOTIFY_SUCCESS);
}

/* A failure that nobody is told of is logged as one, whatever was asked; but
 * that of a copy concerns nobody. */
bool
wish_failure(const struct message *m, const struct rcpt *r)
{
	return !r->copy && (!wish_has_sender(m) || r->notify == 0 ||
			    (r->notify & DSN_NOTIFY_FAILURE));
}

bool
wish_delay(const struct message *m, uint8_t notify)
{
	return wish_has_sender(m) &&
	       (notify == 0 || (notify & DSN_NOTIFY_DELAY));
}

void
rcpt_take_dest(struct rcpt *r, const struct dest_rec *dest)
{
	r->tries += dest_rec_tries(dest, r->last_ms > r->arrival_ms
						 ? r->last_ms + 1
						 : r->arrival_ms);
	if (dest->last_ms > r->last_ms) {
		rcpt_set_reply(r, &dest->reply, "");
		r->last_ms = dest->last_ms;
	}
}

void
dest_look(struct dest_look *l, struct store_txn *txn, struct arena *a,
	  uint64_t key)
{
	if (l->known && l->key == key)
		return;
	l->known = true;
	l->key = key;
	l->failed = dest_get(txn, key, a, &l->rec) == 0;
}

/* May the sender hear of this recipient that it is late? Its own or its
 * destination's last try is in R then. */
bool
wish_is_late(struct dest_look *l, struct store_txn *txn, struct arena *a,
	     const struct message *m, struct rcpt *r)
{
	if (r->state != RCPT_LIVE || !wish_delay(m, r->notify))
		return false;
	dest_look(l, txn, a, r->dest);
	if (l->failed && l->rec.last_ms >= r->arrival_ms)
		rcpt_take_dest(r, &l->rec);
	return true;
}

/*
 * The time for a warning has come. It is given when one that waits was tried
 * since we are awake: a first try may bring it there. 0 or -errno; M is the
 * caller's to put.
 */
int
wish_warn(struct queue *q, struct store_txn *txn, uint64_t id,
	  struct message *m, struct arena *a, int64_t now)
{
	struct dest_look look = {.known = false};
	bool some = false, again = false;
	struct store_rec rec;
	struct rcpt rcpt;
	int r;

	for (uint32_t n = 1;
	     (r = queue_next_rcpt(txn, id, &n, a, &rcpt, &rec)) != 0; n++) {
		if (r < 0 && r != -EBADMSG)
			return r;
		/* A damaged one is found where it waits itself. */
		if (r < 0 || !wish_is_late(&look, txn, a, m, &rcpt))
			continue;
		if (rcpt.last_ms > 0 && rcpt.last_ms >= q->awake_since_ms &&
		    !out_has(q, id, n))
			some = true;
		else
			again = true;
	}
	m->warn_ms = again && !some ? now + WISH_AGAIN_MS : 0;
	if (some) {
		m->flags |= MESSAGE_WARN;
		m->tell_ms = now;
	}
	return 0;
}
