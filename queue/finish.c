/*
 * finish - the end of a message and of its content.
 */
#include <errno.h>

#include "queue/queue_impl.h"

#define BLOB_DUE_PAGES 64 /* a transaction */

int
blob_put_loose(struct store_txn *txn, uint64_t blob, uint32_t pages,
	       int64_t when)
{
	struct store_key key = key_blob(blob);
	struct store_rec rec = {
		.place = store_place_time(STORE_CLASS_OTHER, 'b', when),
		.blob = blob,
		.pages = pages,
		.value = "",
	};

	return store_put(txn, &key, &rec);
}

static int
blob_del_pages(struct store_txn *txn, uint64_t blob, uint32_t from, uint32_t to)
{
	int r;

	for (uint32_t n = from; n < to; n++) {
		r = store_page_del(txn, blob, n);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

int
blob_due(struct queue *q, struct store_txn *txn, const struct store_key *key,
	 const struct store_rec *rec, int64_t now)
{
	uint32_t most = store_has_room(q->store, STORE_NEED_MAIL)
				? BLOB_DUE_PAGES
				: STORE_BLOB_IN_PLACE;
	uint32_t pages = rec->pages;
	uint32_t left = pages > most ? pages - most : 0;
	uint64_t blob = rec->blob;
	int r;

	r = blob_del_pages(txn, blob, left, pages);
	if (r < 0)
		return r;
	return left > 0 ? blob_put_loose(txn, blob, left, now)
			: store_del(txn, key);
}

/* Its fate is known, whether its content stays for a while or not. */
static void
message_is_over(uint64_t id, const struct message *m, struct effects *e)
{
	count_note_message(&e->counts, id, m->class, m->arrival_ms, false);
	effect_gone(e, id, !(m->flags & MESSAGE_FAILED));
}

int
message_del(struct store_txn *txn, uint64_t id, const struct message *m,
	    const struct store_rec *rec, struct effects *e, int64_t now)
{
	struct store_key key = key_message(id, 0);
	uint64_t blob = rec->blob;
	uint32_t pages = rec->pages;
	int r;

	r = store_del(txn, &key);
	if (r < 0)
		return r;
	if (pages <= STORE_BLOB_IN_PLACE)
		r = blob_del_pages(txn, blob, 0, pages);
	else
		r = blob_put_loose(txn, blob, pages, now);
	if (r < 0)
		return r;
	if (!(m->flags & MESSAGE_KEPT))
		message_is_over(id, m, e);
	return 0;
}

int
message_end(struct queue *q, struct store_txn *txn, uint64_t id,
	    struct message *m, struct store_rec *rec, struct effects *e,
	    int64_t now)
{
	int64_t keep = m->flags & MESSAGE_FAILED ? q->conf.keep_bounced_ms
						 : q->conf.keep_delivered_ms;

	if (keep <= 0 || !store_has_room(q->store, STORE_NEED_KEEP))
		return message_del(txn, id, m, rec, e, now);
	message_is_over(id, m, e);
	m->flags &= (uint16_t) ~(MESSAGE_HELD | MESSAGE_WARN);
	m->flags |= MESSAGE_KEPT;
	m->tell_ms = m->warn_ms = 0;
	m->expires_ms = now + keep;
	return queue_put_message(q, txn, id, m, rec);
}

int
message_next_left(struct store_txn *txn, uint64_t id, const struct message *m,
		  struct effects *e)
{
	struct store_rec rec;
	struct rcpt rcpt;
	uint32_t n = 1;
	int r = queue_next_rcpt(txn, id, &n, &e->arena, &rcpt, &rec);

	if (r > 0 && rcpt.copy)
		effect_fate(e, id, !(m->flags & MESSAGE_FAILED));
	return r;
}

int
message_settle(struct queue *q, struct store_txn *txn, uint64_t id,
	       struct message *m, struct store_rec *rec, struct effects *e,
	       int64_t now)
{
	int r = message_next_left(txn, id, m, e);

	if (r != 0)
		return r == -EBADMSG || r > 0 ? 0 : r;
	if (m->teller == 'm')
		return message_end(q, txn, id, m, rec, e, now);
	/* It is over, and whoever published it wants to know. */
	m->tell_ms = now;
	return queue_put_message(q, txn, id, m, rec);
}

static bool
blob_has_page(struct store_txn *txn, uint64_t blob, uint32_t n)
{
	char page[STORE_PAGE_MAX];
	size_t len;

	return store_page_get(txn, blob, n, page, &len) != -ENOENT;
}

/* When the record that knew it is damaged: pages have no gaps. */
static uint32_t
blob_count_pages(struct store_txn *txn, uint64_t blob)
{
	uint32_t low = 0, high = 1;

	while (high < UINT32_MAX / 2 && blob_has_page(txn, blob, high - 1)) {
		low = high;
		high *= 2;
	}
	while (low + 1 < high) {
		uint32_t mid = low + (high - low) / 2;

		if (blob_has_page(txn, blob, mid - 1))
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Recipients whose message was gone already: what may be left is its content.
 */
static int
orphans_gone(struct store_txn *txn, uint64_t id, bool some, struct effects *e,
	     int64_t now)
{
	uint32_t pages = blob_count_pages(txn, id);

	if (!some)
		return -ENOENT;
	effect_gone(e, id, false);
	return pages > 0 ? blob_put_loose(txn, id, pages, now) : 0;
}

int
message_del_all(struct queue *q, struct store_txn *txn, uint64_t id,
		struct effects *e, int64_t now)
{
	struct message m = {.class = QUEUE_NORMAL, .flags = MESSAGE_FAILED};
	struct store_rec rec = {0}, of_rcpt;
	struct rcpt rcpt;
	struct store_key key;
	uint32_t n = 1;
	bool some = false;
	int r, found;

	(void)q;
	found = queue_get_message(txn, id, &e->arena, &m, &rec);
	if (found < 0 && found != -EBADMSG && found != -ENOENT)
		return found;
	while ((r = queue_next_rcpt(txn, id, &n, &e->arena, &rcpt, &of_rcpt)) !=
	       0) {
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r > 0)
			count_note_rcpt(
				&e->counts, id, &rcpt,
				(int)rcpt_shown_state(&rcpt, &of_rcpt.place),
				COUNT_NONE);
		key = key_message(id, n++);
		r = store_del(txn, &key);
		if (r < 0)
			return r;
		some = true;
	}
	if (found == -ENOENT)
		return orphans_gone(txn, id, some, e, now);
	m.flags |= MESSAGE_FAILED;
	if (found < 0) {
		rec.blob = id;
		rec.pages = blob_count_pages(txn, id);
	}
	return message_del(txn, id, &m, &rec, e, now);
}

int
message_set_aside(struct queue *q, struct store_txn *txn, uint64_t id,
		  struct effects *e)
{
	struct store_rec rec;
	struct message m;
	struct rcpt rcpt;
	uint32_t n;
	int r;

	r = queue_get_message(txn, id, &e->arena, &m, &rec);
	if (r < 0 && r != -EBADMSG && r != -ENOENT)
		return r;
	if (r == 0) {
		if (m.flags & MESSAGE_CORRUPT)
			return 0;
		m.flags |= MESSAGE_CORRUPT | MESSAGE_FAILED;
		m.tell_ms = m.teller != 'm' ? clock_wall_ms(q->clock) : 0;
		r = queue_put_message(q, txn, id, &m, &rec);
		if (r < 0)
			return r;
	}
	for (n = 1;
	     (r = queue_next_rcpt(txn, id, &n, &e->arena, &rcpt, &rec)) != 0;
	     n++) {
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r < 0 || rcpt.state == RCPT_ASIDE)
			continue;
		count_note_rcpt(&e->counts, id, &rcpt,
				(int)rcpt_shown_state(&rcpt, &rec.place),
				QUEUE_RCPT_SET_ASIDE);
		rcpt.state = RCPT_ASIDE;
		r = queue_put_rcpt(q, txn, id, n, &rcpt, store_place_none());
		if (r < 0)
			return r;
	}
	effect_corrupt(e, 'm', id, 0);
	return 0;
}
