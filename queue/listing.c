/*
 * listing - what is in the queue, for people: read in the disk pool, whole
 * messages, about a thousand records a read transaction.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "queue/filter.h"
#include "queue/queue_impl.h"
#include "queue/store_offline.h"

#define LISTING_ROWS 1000

struct listing {
	struct queue *q;
	uint64_t from;
	size_t max_rows;
	bool one;
	const struct queue_filter *filter; /* borrowed; NULL: all */
	queue_listing_fn *fn;
	void *fn_arg;
	struct queue_listing *l; /* owned until given */
	size_t cap;
	/* The destination looked up last. */
	uint64_t dest_key;
	bool dest_known, dest_failed;
	struct dest_rec dest;
	struct store_job job;
};

void
queue_listing_free(struct queue_listing **lp)
{
	if (*lp == NULL)
		return;
	arena_done(&(*lp)->arena);
	free((*lp)->v);
	free(*lp);
	*lp = NULL;
}

static const char *
listing_reply(struct arena *a, const struct reply *reply)
{
	char line[REPLY_TEXT_MAX + 32];

	if (reply->code == 0 && reply->text[0] == '\0')
		return "";
	reply_line(reply, line, sizeof(line));
	return arena_strdup(a, line);
}

static void
listing_dest(struct listing *x, struct store_txn *txn, uint64_t key)
{
	if (x->dest_known && x->dest_key == key)
		return;
	x->dest_known = true;
	x->dest_key = key;
	x->dest_failed = dest_get(txn, key, &x->l->arena, &x->dest) == 0;
}

/* What waits at a destination that is down shows its answer and its tries. */
static void
listing_rcpt(struct listing *x, struct store_txn *txn, uint32_t n,
	     const struct rcpt *r, const struct store_place *place,
	     struct queue_rcpt_info *ri)
{
	struct reply reply;
	int64_t since =
		r->last_ms > r->arrival_ms ? r->last_ms + 1 : r->arrival_ms;

	rcpt_get_reply(r, &reply);
	ri->n = n;
	ri->address = r->address;
	ri->original = r->original[0] != '\0' ? r->original : NULL;
	ri->agent = r->agent;
	ri->dest = r->dest_name;
	ri->state = rcpt_shown_state(r, place);
	ri->tries = r->tries;
	ri->next_ms = place_when(place);
	ri->last_reply = listing_reply(&x->l->arena, &reply);
	if (r->state != RCPT_LIVE)
		return;
	listing_dest(x, txn, r->dest);
	if (!x->dest_failed)
		return;
	ri->dest_down = true;
	ri->tries += dest_rec_tries(&x->dest, since);
	if (ri->next_ms < x->dest.not_before_ms)
		ri->next_ms = x->dest.not_before_ms;
	if (x->dest.last_ms >= since)
		ri->last_reply = listing_reply(&x->l->arena, &x->dest.reply);
}

static void
listing_damaged(struct queue_rcpt_info *ri, uint32_t n)
{
	ri->n = n;
	ri->address = ri->agent = ri->dest = "";
	ri->state = QUEUE_RCPT_SET_ASIDE;
	ri->last_reply = "the stored record is damaged";
}

static int
listing_rcpts(struct listing *x, struct store_txn *txn,
	      struct queue_message_info *mi, size_t *rows)
{
	struct queue_rcpt_info *v = NULL;
	size_t nrcpt = 0, cap = 0;
	struct store_rec rec;
	struct rcpt rcpt;
	int r;

	for (uint32_t n = 1; (r = queue_next_rcpt(txn, mi->id, &n, &x->l->arena,
						  &rcpt, &rec)) != 0;
	     n++) {
		if (r < 0 && r != -EBADMSG)
			break;
		if (nrcpt == cap) {
			cap = cap == 0 ? 4 : 2 * cap;
			v = xreallocarray(v, cap, sizeof(*v));
		}
		memset(&v[nrcpt], 0, sizeof(v[0]));
		if (r < 0)
			listing_damaged(&v[nrcpt++], n);
		else
			listing_rcpt(x, txn, n, &rcpt, &rec.place, &v[nrcpt++]);
		++*rows;
	}
	mi->nrcpt = nrcpt;
	if (nrcpt > 0) {
		mi->rcpt = arena_alloc(&x->l->arena, nrcpt * sizeof(*v));
		memcpy(mi->rcpt, v, nrcpt * sizeof(*v));
	}
	free(v);
	return r == -EBADMSG ? 0 : r;
}

static struct queue_message_info *
listing_add(struct listing *x)
{
	struct queue_listing *l = x->l;

	if (l->n == x->cap) {
		x->cap = x->cap == 0 ? 16 : 2 * x->cap;
		l->v = xreallocarray(l->v, x->cap, sizeof(l->v[0]));
	}
	memset(&l->v[l->n], 0, sizeof(l->v[0]));
	return &l->v[l->n++];
}

/* REC NULL: the record is damaged. */
static void
listing_message(struct listing *x, struct queue_message_info *mi, uint64_t id,
		const struct store_rec *rec)
{
	struct message m;

	mi->id = id;
	mi->class = QUEUE_NORMAL;
	mi->sender = mi->message_id = mi->verdict = "";
	mi->corrupt = true;
	if (rec == NULL ||
	    message_decode(rec->value, rec->len, &x->l->arena, &m) < 0)
		return;
	mi->sender = m.sender;
	mi->message_id = m.message_id;
	mi->verdict = m.verdict;
	mi->size = m.size;
	mi->arrival_ms = m.arrival_ms;
	mi->expires_ms = m.expires_ms;
	mi->class = m.class;
	mi->held = m.flags & MESSAGE_HELD;
	mi->corrupt = m.flags & MESSAGE_CORRUPT;
	mi->kept = m.flags & MESSAGE_KEPT;
}

/* The next message at or after *ID: 1, 0, -errno. */
static int
listing_next(struct listing *x, struct store_txn *txn, uint64_t *id,
	     size_t *rows)
{
	struct store_key from = key_message(*id, 0), key = {0};
	struct queue_message_info *mi;
	struct store_rec rec;
	uint32_t n;
	int r = store_next(txn, &from, &key, &rec);

	if (r == 0 || (r < 0 && r != -EBADMSG))
		return r;
	if (!key_message_parse(&key, id, &n))
		return -EBADMSG;
	mi = listing_add(x);
	/* Recipients whose message is lost are shown as damaged. */
	listing_message(x, mi, *id, r > 0 && n == 0 ? &rec : NULL);
	++*rows;
	x->l->looked++;
	r = listing_rcpts(x, txn, mi, rows);
	if (r >= 0 && x->filter != NULL && !filter_means(x->filter, mi))
		x->l->n--;
	return r < 0 ? r : 1;
}

static int
listing_job(struct store_txn *txn, void *arg)
{
	struct listing *x = arg;
	uint64_t id = x->from;
	size_t rows = 0;
	int r;

	while ((r = listing_next(x, txn, &id, &rows)) > 0) {
		if (x->one && id != x->from)
			x->l->n = 0;
		if (x->one)
			return 0;
		if (++id == 0)
			return 0;
		if (rows >= x->max_rows) {
			x->l->next = id;
			return 0;
		}
	}
	return r;
}

static void
listing_done(void *arg, int result)
{
	struct listing *x = arg;

	x->l->result = result;
	x->fn(x->fn_arg, x->l);
	free(x);
}

static int
listing_submit(struct queue *q, uint64_t from, size_t max_rows, bool one,
	       const struct queue_filter *filter, struct loop *loop,
	       queue_listing_fn *fn, void *arg)
{
	struct listing *x = xcalloc(1, sizeof(*x));
	int r;

	x->q = q;
	x->from = from;
	x->max_rows = max_rows < LISTING_ROWS ? max_rows : LISTING_ROWS;
	x->one = one;
	x->filter = filter;
	x->fn = fn;
	x->fn_arg = arg;
	x->l = xcalloc(1, sizeof(*x->l));
	arena_init(&x->l->arena);
	x->job = (struct store_job){
		.fn = listing_job,
		.done = listing_done,
		.arg = x,
		.loop = loop,
	};
	r = queue_read(q, &x->job);
	if (r < 0) {
		queue_listing_free(&x->l);
		free(x);
	}
	return r;
}

int
queue_list(struct queue *q, uint64_t from, size_t max_rows,
	   const struct queue_filter *filter, struct loop *loop,
	   queue_listing_fn *fn, void *arg)
{
	return listing_submit(q, from, max_rows, false, filter, loop, fn, arg);
}

int
queue_show(struct queue *q, uint64_t id, struct loop *loop,
	   queue_listing_fn *fn, void *arg)
{
	return listing_submit(q, id, 1, true, NULL, loop, fn, arg);
}

int
queue_next_offline(struct store_txn *txn, uint64_t *id,
		   struct queue_listing **ret)
{
	struct listing x = {.l = xcalloc(1, sizeof(*x.l))};
	size_t rows = 0;
	int r;

	arena_init(&x.l->arena);
	r = listing_next(&x, txn, id, &rows);
	if (r > 0)
		*ret = x.l;
	else
		queue_listing_free(&x.l);
	return r;
}
