/*
 * The queue's own records and ids, as whatever lies on a disk.
 *
 *	input: which (1): message, recipient, destination, id as text, walk; the
 *	value
 *
 * What is read is written again, and that reads and writes the same.
 */
#include <string.h>

#include "base/must.h"
#include "queue/dest.h"
#include "queue/message.h"
#include "queue/rcpt.h"
#include "queue/walk_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool
try_message(const void *data, size_t len, struct arena *a, struct buf *out)
{
	struct message m;

	if (message_decode(data, len, a, &m) < 0)
		return false;
	(void)message_place(&m);
	must(message_encode(&m, out) == 0);
	return true;
}

static bool
try_rcpt(const void *data, size_t len, struct arena *a, struct buf *out)
{
	struct store_place none = store_place_none();
	struct reply reply;
	struct rcpt r;

	if (rcpt_decode(data, len, a, &r) < 0)
		return false;
	rcpt_get_reply(&r, &reply);
	must(rcpt_shown_state(&r, &none) < QUEUE_RCPT_NSTATE);
	must(rcpt_lane(&r) < LANES);
	/* The answer's text is left out when all is too long. */
	return rcpt_encode(&r, out) == 0;
}

static bool
try_dest(const void *data, size_t len, struct arena *a, struct buf *out)
{
	struct dest_rec d;

	if (dest_decode(data, len, a, &d) < 0)
		return false;
	must(dest_rec_tries(&d, d.first_ms) == d.fails);
	if (d.first_ms < INT64_MAX)
		must(dest_rec_tries(&d, INT64_MAX) <= DEST_TIMES);
	must(dest_encode(&d, out) == 0);
	dest_rec_failed(&d, 1);
	must(d.ntimes <= DEST_TIMES);
	return true;
}

static bool
try_walk(const void *data, size_t len, struct arena *a, struct buf *out)
{
	struct walk_rec wr;

	(void)a;
	if (walk_rec_decode(data, len, &wr) < 0)
		return false;
	walk_rec_encode(&wr, out);
	return true;
}

static void
try_id(const uint8_t *data, size_t len)
{
	char text[QUEUE_ID_LEN + 2] = "", again[QUEUE_ID_LEN];
	uint64_t id;

	memcpy(text, data, len < sizeof(text) - 1 ? len : sizeof(text) - 1);
	if (queue_id_parse(text, &id) < 0)
		return;
	queue_id_text(id, again);
	must(strcmp(text, again) == 0);
}

typedef bool try_fn(const void *data, size_t len, struct arena *a,
		    struct buf *out);

static void
try_twice(try_fn *fn, const uint8_t *data, size_t len)
{
	struct buf first, second;
	struct arena a;

	arena_init(&a);
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	if (fn(data, len, &a, &first)) {
		must(fn(first.data, first.len, &a, &second));
		must(first.len == second.len);
		must(memcmp(first.data, second.data, first.len) == 0);
	}
	buf_done(&first);
	buf_done(&second);
	arena_done(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static try_fn *const fns[] = {try_message, try_rcpt, try_dest, NULL,
				      try_walk};

	if (len < 1)
		return 0;
	if (data[0] % 5 == 3)
		try_id(data + 1, len - 1);
	else
		try_twice(fns[data[0] % 5], data + 1, len - 1);
	return 0;
}
