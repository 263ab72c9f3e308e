#include "queue/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/crc32c.h"
#include "base/must.h"
#include "base/pack.h"
#include "base/xalloc.h"

#define PUBLISH_KEY_KEPT_MS (INT64_C(30) * QUEUE_KEY_MS)
#define PUBLISH_KEY_FORMAT  1
#define PUBLISH_MSGID_MAX   250
#define PUBLISH_VALUES_MAX  (64u << 20)

uint32_t
queue_flow(const char *who, const char *domain)
{
	uint32_t crc = crc32c(0, who, strlen(who) + 1);

	for (const char *p = domain; p != NULL && *p != '\0'; p++) {
		char c = ascii_lower(*p);

		crc = crc32c(crc, &c, 1);
	}
	return crc;
}

struct publish *
publish_new(struct queue *q, uint64_t id, enum store_need need, int64_t now_ms)
{
	struct publish *p = xcalloc(1, sizeof(*p));

	p->q = q;
	p->id = id;
	p->need = need;
	p->now_ms = now_ms;
	buf_init(&p->values, PUBLISH_VALUES_MAX);
	buf_init(&p->prefix, 0);
	effects_init(&p->effects);
	return p;
}

void
publish_free(struct publish **pp)
{
	struct publish *p = *pp;

	if (p == NULL)
		return;
	if (p->recs != p->first)
		free(p->recs);
	buf_done(&p->values);
	effects_done(&p->effects);
	buf_done(&p->prefix);
	free(p->head);
	free(p->data);
	free(p);
	*pp = NULL;
}

size_t
publish_bytes(const struct publish *p)
{
	return p->head_len + p->data_len + 2 * p->values.len + 200 * p->nrecs;
}

/* --- the records --------------------------------------------------------- */

static void
publish_add(struct publish *p, struct store_key key, struct store_place place,
	    size_t at)
{
	p->recs[p->nrecs++] = (struct publish_rec){
		.key = key,
		.place = place,
		.at = at,
		.len = p->values.len - at,
	};
}

/* One that nothing is done for, now. */
static void
publish_add_idle(struct publish *p, struct rcpt *r, uint32_t n,
		 enum queue_rcpt_state shown)
{
	size_t at = p->values.len;

	if (rcpt_encode(r, &p->values) < 0) {
		p->error = -EMSGSIZE;
		return;
	}
	publish_add(p, key_message(p->id, n), store_place_none(), at);
	r->agent = arena_strdup(&p->effects.arena, r->agent);
	r->dest_name = arena_strdup(&p->effects.arena, r->dest_name);
	count_note_rcpt(&p->effects.counts, p->id, r, COUNT_NONE, (int)shown);
}

/* Others stand for it: there is nothing to do but to tell that. */
static void
publish_add_expanded(struct publish *p, struct rcpt *r, uint32_t n)
{
	r->state = RCPT_SERVED;
	r->expanded = true;
	publish_add_idle(p, r, n, QUEUE_RCPT_SERVED);
}

static void
publish_add_held(struct publish *p, struct rcpt *r, uint32_t n)
{
	r->state = RCPT_HELD;
	publish_add_idle(p, r, n, QUEUE_RCPT_HELD);
}

static void
publish_add_rcpt(struct publish *p, const struct envelope *env,
		 const struct envelope_rcpt *er, uint32_t n)
{
	const struct effects *e = &p->effects;
	const struct effect *last = e->n > 0 ? &e->v[e->n - 1] : NULL;
	struct rcpt r = {
		.state = RCPT_LIVE,
		.class = env->class,
		.notify = er->notify,
		.copy = er->copy,
		.flow = env->flow,
		.dest = queue_dest_key(er->agent, er->dest),
		.arrival_ms = p->now_ms,
		.reply_dsn = "",
		.reply_text = "",
		.relay = "",
		.address = er->address,
		.original = er->original != NULL ? er->original : "",
		.orcpt = er->orcpt != NULL ? er->orcpt : "",
		.agent = er->agent,
		.dest_name = er->dest,
		.route = er->route != NULL ? er->route : "",
	};
	size_t at = p->values.len;

	if (strcmp(r.original, r.address) == 0)
		r.original = "";
	if (er->expanded) {
		publish_add_expanded(p, &r, n);
		return;
	}
	if (!dest_name_fits(er->agent, er->dest)) {
		p->error = -EMSGSIZE;
		return;
	}
	if (env->held) {
		publish_add_held(p, &r, n);
		return;
	}
	if (rcpt_encode(&r, &p->values) < 0) {
		p->error = -EMSGSIZE;
		return;
	}
	publish_add(p, key_message(p->id, n), rcpt_place_ready(&r), at);
	if (last == NULL || last->dest != r.dest)
		effect_wake(&p->effects, p->id, &r);
	r.agent = p->effects.v[p->effects.n - 1].agent;
	r.dest_name = p->effects.v[p->effects.n - 1].name;
	count_note_rcpt(&p->effects.counts, p->id, &r, COUNT_NONE,
			QUEUE_RCPT_READY);
}

struct once {
	UT_hash_handle hh;
	struct envelope_rcpt *rcpt; /* the delivery, in its place */
	size_t len;
	char text[];
};

/* What is told of a delivery that A and B both ask for: each gets what was
 * promised. Neither is NEVER. */
static uint8_t
publish_notify(uint8_t a, uint8_t b)
{
	const uint8_t unsaid = DSN_NOTIFY_FAILURE | DSN_NOTIFY_DELAY;

	if (a == b)
		return a;
	return (a != 0 ? a : unsaid) | (b != 0 ? b : unsaid);
}

/* ER is the same delivery as TO: one of them is made. */
static void
publish_merge(struct envelope_rcpt *to, const struct envelope_rcpt *er)
{
	if (er->copy || (er->notify == DSN_NOTIFY_NEVER && !to->copy))
		return;
	if (to->copy || to->notify == DSN_NOTIFY_NEVER)
		*to = *er;
	else
		to->notify = publish_notify(to->notify, er->notify);
}

/* True: ER is new, and stands at NEXT; else it went into the one before. */
static bool
publish_once(struct once **seen, struct arena *a,
	     const struct envelope_rcpt *er, struct envelope_rcpt *next)
{
	size_t la = strlen(er->address) + 1, lg = strlen(er->agent) + 1;
	size_t ld = strlen(er->dest) + 1;
	struct once *o = arena_alloc(a, sizeof(*o) + la + lg + ld + 1), *old;

	memcpy(o->text, er->address, la);
	memcpy(o->text + la, er->agent, lg);
	memcpy(o->text + la + lg, er->dest, ld);
	o->text[la + lg + ld] =
		(char)er->expanded; /* it may be its own alias */
	o->len = la + lg + ld + 1;
	HASH_FIND(hh, *seen, o->text, o->len, old);
	if (old != NULL) {
		publish_merge(old->rcpt, er);
		return false;
	}
	*next = *er;
	o->rcpt = next;
	HASH_ADD_KEYPTR(hh, *seen, o->text, o->len, o);
	return true;
}

static void
publish_add_rcpts(struct publish *p, const struct envelope *env)
{
	struct envelope_rcpt *all;
	struct once *seen = NULL;
	struct arena a;
	size_t n = 0;

	if (env->nrcpt == 1) {
		publish_add_rcpt(p, env, &env->rcpt[0], 1);
		return;
	}
	arena_init(&a);
	all = arena_alloc(&a, env->nrcpt * sizeof(*all));
	for (size_t i = 0; i < env->nrcpt; i++)
		if (publish_once(&seen, &a, &env->rcpt[i], &all[n]))
			n++;
	for (size_t i = 0; i < n && p->error == 0; i++)
		publish_add_rcpt(p, env, &all[i], (uint32_t)i + 1);
	HASH_CLEAR(hh, seen);
	arena_done(&a);
}

/* What others stand for is told at once. */
static int64_t
publish_tell_ms(const struct envelope *env, int64_t now)
{
	for (size_t i = 0; i < env->nrcpt; i++)
		if (env->rcpt[i].expanded)
			return now;
	return 0;
}

/* When the sender is told that it is late; 0: never. */
static int64_t
publish_warn_ms(const struct envelope *env, const struct message *m,
		int64_t after_ms)
{
	int64_t when = m->arrival_ms + after_ms;

	if (after_ms == 0 || when >= m->expires_ms)
		return 0;
	for (size_t i = 0; i < env->nrcpt; i++)
		if (wish_delay(m, env->rcpt[i].notify))
			return when;
	return 0;
}

static void
publish_add_message(struct publish *p, const struct envelope *env, int64_t size)
{
	char id[PUBLISH_MSGID_MAX + 1] = "";
	struct queue_conf conf;
	struct message m = {
		.flags = (uint16_t)((env->eight_bit ? MESSAGE_EIGHT_BIT : 0) |
				    (env->smtputf8 ? MESSAGE_SMTPUTF8 : 0) |
				    (env->utf8_header ? MESSAGE_UTF8_HEADER
						      : 0) |
				    (env->held ? MESSAGE_HELD : 0) |
				    (env->quotes ? MESSAGE_QUOTES : 0) |
				    (env->submitted ? MESSAGE_SUBMITTED : 0)),
		.class = env->class,
		.teller = env->teller != 0 ? env->teller : 'm',
		.teller_key = env->teller_key,
		.flow = env->flow,
		.nrcpt = (uint32_t)p->nrecs,
		.size = size,
		.arrival_ms = p->now_ms,
		.tell_ms = publish_tell_ms(env, p->now_ms),
		.sender = env->sender,
		.message_id = id,
		.ret = env->ret,
		.envid = env->envid != NULL ? env->envid : "",
		.verdict = env->verdict != NULL ? env->verdict : "",
	};
	size_t at = p->values.len;

	if (env->message_id != NULL)
		memcpy(id, env->message_id,
		       strnlen(env->message_id, PUBLISH_MSGID_MAX));
	queue_conf_copy(p->q, &conf);
	m.expires_ms =
		p->now_ms + (env->class == QUEUE_ALERT ? conf.alert_lifetime_ms
						       : conf.lifetime_ms);
	m.warn_ms = publish_warn_ms(env, &m, conf.warn_after_ms);
	if (message_encode(&m, &p->values) < 0 ||
	    p->values.len - at > STORE_VALUE_MAX)
		p->error = -EMSGSIZE;
	publish_add(p, key_message(p->id, 0), message_place(&m), at);
	count_note_message(&p->effects.counts, p->id, m.class, m.arrival_ms,
			   true);
}

void
publish_compose(struct publish *p, const struct envelope *env, int64_t size)
{
	must(env->nrcpt > 0);
	p->recs = p->first;
	if (env->nrcpt + 1 > sizeof(p->first) / sizeof(p->first[0]))
		p->recs = xcalloc(env->nrcpt + 1, sizeof(p->recs[0]));
	publish_add_rcpts(p, env);
	if (p->error == 0)
		publish_add_message(p, env, size);
}

/* --- in the writer ------------------------------------------------------- */

/* 0: go on; 1, -EEXIST: it was published before. */
static int
publish_check_key(struct store_txn *txn, struct publish *p)
{
	struct store_rec rec;
	struct unpack u;
	uint64_t id;
	const void *digest;
	size_t len;
	int r;

	r = store_get(txn, &p->key, &rec);
	if (r == -ENOENT || r == -EBADMSG)
		return 0;
	if (r < 0)
		return r;
	if (place_when(&rec.place) <= p->now_ms)
		return 0; /* its time is over */
	unpack_init(&u, rec.value, rec.len);
	if (unpack_u8(&u) != PUBLISH_KEY_FORMAT)
		return 0;
	id = unpack_u64(&u);
	digest = unpack_bytes(&u, &len);
	if (!unpack_end(&u) || len != sizeof(p->digest))
		return 0;
	if (memcmp(digest, p->digest, len) != 0)
		return -EEXIST;
	p->found = id;
	return 1;
}

static int
publish_put_key(struct store_txn *txn, struct publish *p)
{
	struct store_rec rec = {
		.place = store_place_time(
			STORE_CLASS_OTHER, 'k',
			p->now_ms + (p->key_kept ? PUBLISH_KEY_KEPT_MS
						 : QUEUE_KEY_MS)),
	};
	struct buf *b = &p->q->scratch;
	struct pack pk = {.out = b};

	buf_clear(b);
	pack_u8(&pk, PUBLISH_KEY_FORMAT);
	pack_u64(&pk, p->id);
	pack_bytes(&pk, p->digest, sizeof(p->digest));
	must(!pk.bad);
	rec.value = b->data;
	rec.len = b->len;
	return store_put(txn, &p->key, &rec);
}

/* What is written already becomes the message's, unless it was cleared away. */
static int
publish_take_blob(struct store_txn *txn, struct publish *p)
{
	struct store_key key = key_blob(p->id);
	struct store_rec rec;
	int r;

	if (p->loose == 0)
		return 0;
	r = store_get(txn, &key, &rec);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	return rec.pages == p->loose ? store_del(txn, &key) : -ESTALE;
}

/* Bytes [at, at + len) of the prefix with the head behind it. */
static void
publish_copy_head(const struct publish *p, size_t at, char *to, size_t len)
{
	size_t first = at < p->prefix.len ? p->prefix.len - at : 0;

	if (first > len)
		first = len;
	if (first > 0)
		memcpy(to, p->prefix.data + at, first);
	if (first < len)
		memcpy(to + first, p->head + (at + first - p->prefix.len),
		       len - first);
}

/* What follows has its numbers already: none may be missing before it, so that
 * all of them get a share. */
static int
publish_put_head(struct store_txn *txn, struct publish *p)
{
	size_t total = p->prefix.len + p->head_len, at = 0;
	char page[STORE_PAGE_MAX];

	for (uint32_t n = 0; n < p->head_pages; n++) {
		size_t left = p->head_pages - n;
		size_t len = (total - at + left - 1) / left;
		int r;

		publish_copy_head(p, at, page, len);
		r = store_page_put(txn, p->id, n, page, len);
		if (r < 0)
			return r;
		at += len;
	}
	return 0;
}

static int
publish_put_pages(struct store_txn *txn, struct publish *p, uint32_t *ret_pages)
{
	uint32_t n = p->loose;
	size_t at = 0, len;
	int r = publish_put_head(txn, p);

	if (r < 0)
		return r;
	for (; at < p->data_len; at += len) {
		len = p->data_len - at;
		if (len > STORE_PAGE_MAX)
			len = STORE_PAGE_MAX;
		r = store_page_put(txn, p->id, n++, p->data + at, len);
		if (r < 0)
			return r;
	}
	*ret_pages = n;
	return 0;
}

static int
publish_put_recs(struct store_txn *txn, struct publish *p, uint32_t pages)
{
	for (size_t i = 0; i < p->nrecs; i++) {
		const struct publish_rec *pr = &p->recs[i];
		bool owner = i + 1 == p->nrecs; /* the message is the last */
		struct store_rec rec = {
			.place = pr->place,
			.blob = owner ? p->id : 0,
			.pages = owner ? pages : 0,
			.value = p->values.data + pr->at,
			.len = pr->len,
		};
		int r = store_put(txn, &pr->key, &rec);

		if (r < 0)
			return r;
	}
	return 0;
}

int
publish_in(struct store_txn *txn, struct publish *p)
{
	uint32_t pages;
	int r = p->error;

	if (r == 0 && p->has_key)
		r = publish_check_key(txn, p);
	if (r == 0 && !store_txn_has_room(txn, p->need))
		r = -ENOSPC;
	if (r != 0)
		return r;
	r = publish_take_blob(txn, p);
	if (r == 0)
		r = publish_put_pages(txn, p, &pages);
	if (r == 0)
		r = publish_put_recs(txn, p, pages);
	if (r == 0 && p->has_key)
		r = publish_put_key(txn, p);
	return r;
}

void
publish_committed(struct publish *p)
{
	/* For the first attempt, which follows at once. */
	if (p->loose == 0 && p->data_len > 0 &&
	    p->data_len <= (size_t)STORE_BLOB_IN_PLACE * STORE_PAGE_MAX) {
		body_keep(&p->q->bodies, clock_mono_ms(p->q->clock), p->id,
			  p->data, p->data_len, p->data_cap);
		p->data = NULL;
	}
	effects_apply(p->q, &p->effects);
}

void
publish_after(struct publish **p, int result)
{
	if (result == 0)
		publish_committed(*p);
	publish_free(p);
}
