/*
 * engine_past - what is said of an incident that is over and has left memory:
 * whether it was worth a message is known in the morning. One job of its own,
 * since nothing else changes such a record but its end.
 */
#include <errno.h>
#include <stdlib.h>

#include "alert/engine_impl.h"
#include "base/xalloc.h"

struct past_noise {
	struct store_job job;
	uint64_t id, entry; /* of the incident, and of its history */
	int64_t now_ms;
	char *who, *note; /* owned */
	engine_done_fn *done;
	void *arg;
};

static int
past_put_history(const struct past_noise *p, struct store_txn *txn)
{
	const struct history h = {
		.when_ms = p->now_ms,
		.what = HISTORY_NOISE,
		.who = p->who,
		.text = p->note,
	};
	struct store_key key = engine_key_2('h', p->id, p->entry);
	struct store_rec rec = {.place = store_place_none()};
	struct buf value;
	int r;

	buf_init(&value, STORE_VALUE_MAX);
	history_encode(&h, &value);
	rec.value = buf_str(&value);
	rec.len = value.len;
	r = store_put(txn, &key, &rec);
	buf_done(&value);
	return r;
}

/* The same record with the mark; its text stays where it is. */
static int
past_put_mark(struct store_txn *txn, const struct store_key *key,
	      struct store_rec *rec)
{
	struct incident_who who;
	struct incident_core c;
	struct buf value;
	const void *text;
	size_t text_len;
	int r = incident_decode(rec->value, rec->len, &c, &who, &text,
				&text_len);

	if (r < 0)
		return r;
	if (c.flags & INCIDENT_NOISE)
		return -EALREADY;
	c.flags |= INCIDENT_NOISE;
	buf_init(&value, STORE_VALUE_MAX);
	incident_encode(&c, who.name, who.note, text, text_len, &value);
	rec->value = buf_str(&value);
	rec->len = value.len;
	r = store_put(txn, key, rec);
	buf_done(&value);
	return r;
}

static int
past_noise_run(struct store_txn *txn, void *arg)
{
	const struct past_noise *p = arg;
	struct store_key key = engine_key('j', p->id);
	struct store_rec rec;
	int r = store_get(txn, &key, &rec);

	if (r == 0)
		r = past_put_mark(txn, &key, &rec);
	return r == 0 ? past_put_history(p, txn) : r;
}

static void
past_noise_did(void *arg, int result)
{
	struct past_noise *p = arg;

	if (p->done != NULL)
		p->done(p->arg, result);
	free(p->who);
	free(p->note);
	free(p);
}

void
past_mark_noise(struct engine *e, uint64_t id, const char *who,
		const char *note, engine_done_fn *done, void *arg)
{
	struct past_noise *p = xcalloc(1, sizeof(*p));

	p->id = id;
	p->entry = store_new_id(e->store);
	p->now_ms = engine_now(e);
	p->who = xstrdup(who);
	p->note = xstrdup(note);
	p->done = done;
	p->arg = arg;
	p->job = (struct store_job){
		.fn = past_noise_run,
		.done = past_noise_did,
		.arg = p,
		.loop = e->deps.loop,
		.bytes = 4096,
		.need = STORE_NEED_RESULT,
	};
	store_run(e->store, &p->job);
}
