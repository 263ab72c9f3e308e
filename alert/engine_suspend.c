/*
 * engine_suspend - addresses that don't exist are left alone for a day, or until
 * a reload, then one message probes.
 *
 * Only where the answer says that the address itself is wrong (RFC 3463: 5.1.1,
 * 5.1.2, 5.1.10, 5.2.1): a blocklist's 5.7.1 is for everybody. And never the
 * last address of a receiver that works.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_flush.h"
#include "alert/engine_own.h"
#include "base/log.h"
#include "base/must.h"
#include "base/xalloc.h"

#define SUSPEND_FORMAT 1
#define SUSPEND_MS     ENGINE_DAY
#define BOUNCED_AGAIN  (5 * ENGINE_MINUTE)
#define SUSPEND_PROBE  ENGINE_HOUR /* a probe that nothing was heard of */

struct suspended {
	UT_hash_handle hh;
	uint64_t id; /* of the record */
	uint8_t channel;
	const char *address; /* a name */
	int64_t until_ms, probed_ms;
	bool going;  /* its record goes with the job, and it with that */
	char *words; /* owned */
	char key[];  /* channel and address */
};

static bool
is_of_address(const char *dsn)
{
	static const char *const codes[] = {"5.1.1", "5.1.2", "5.1.10",
					    "5.2.1"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(dsn, codes[i]) == 0)
			return true;
	return false;
}

static struct suspended *
suspend_find(const struct engine *e, uint8_t channel, const char *address)
{
	struct suspended *s;
	char key[1024];

	snprintf(key, sizeof(key), "%s %s", channel_names[channel], address);
	HASH_FIND_STR(e->suspended, key, s);
	return s;
}

static struct suspended *
suspend_add(struct engine *e, uint8_t channel, const char *address)
{
	size_t len = strlen(channel_names[channel]) + 1 + strlen(address) + 1;
	struct suspended *s = xcalloc(1, sizeof(*s) + len);

	s->channel = channel;
	s->address = engine_name(e, address);
	snprintf(s->key, len, "%s %s", channel_names[channel], address);
	HASH_ADD_STR(e->suspended, key, s);
	return s;
}

static void
suspend_drop(struct engine *e, struct suspended *s)
{
	HASH_DEL(e->suspended, s);
	free(s->words);
	free(s);
}

bool
suspend_knows(const struct engine *e, enum channel channel, const char *address)
{
	return suspend_find(e, (uint8_t)channel, address) != NULL;
}

bool
suspend_skips(const struct engine *e, enum channel channel, const char *address,
	      int64_t now)
{
	const struct suspended *s = suspend_find(e, (uint8_t)channel, address);

	if (s == NULL)
		return false;
	return now < s->until_ms || now < s->probed_ms + SUSPEND_PROBE;
}

void
suspend_probes(struct engine *e, const struct notice *n)
{
	struct suspended *s = suspend_find(e, n->channel, n->address);

	if (s != NULL)
		s->probed_ms = engine_now(e);
}

/* --- records ------------------------------------------------------------------ */

static struct store_key
suspend_key(uint64_t id)
{
	struct store_key key = {.kind = 'a', .len = 9, .bytes = {'S'}};
	struct store_key number = engine_key('a', id);

	memcpy(key.bytes + 1, number.bytes, 8);
	return key;
}

static void
suspend_put(struct engine *e, const struct suspended *s)
{
	struct put *p = job_put(e, suspend_key(s->id));
	struct pack pk = {.out = &e->job.bytes};

	p->any = true;
	pack_u8(&pk, SUSPEND_FORMAT);
	pack_str(&pk, channel_names[s->channel]);
	pack_str(&pk, s->address);
	pack_u64(&pk, (uint64_t)s->until_ms);
	pack_str(&pk, s->words);
	put_seal(e, p);
}

int
suspend_load(struct engine *e, uint64_t id, const void *value, size_t len)
{
	const char *channel, *address, *words;
	struct suspended *s;
	struct unpack u;
	int64_t until;
	int at;

	unpack_init(&u, value, len);
	if (unpack_u8(&u) != SUSPEND_FORMAT)
		return -EPROTONOSUPPORT;
	channel = unpack_str(&u, &e->scratch);
	address = unpack_str(&u, &e->scratch);
	until = (int64_t)unpack_u64(&u);
	words = unpack_str(&u, &e->scratch);
	at = engine_channel(channel);
	if (!unpack_end(&u) || at < 0)
		return -EBADMSG;
	if (suspend_find(e, (uint8_t)at, address) != NULL)
		return 0;
	s = suspend_add(e, (uint8_t)at, address);
	s->id = id;
	s->until_ms = until;
	s->words = xstrdup(words);
	return 0;
}

/* --- a reload ------------------------------------------------------------------- */

void
suspends_probe(struct engine *e)
{
	struct suspended *s, *next;

	HASH_ITER(hh, e->suspended, s, next)
	{
		if (s->until_ms > engine_now(e))
			s->until_ms = engine_now(e);
		s->probed_ms = 0;
	}
}

static bool
suspended_is_gone(const struct engine *e, const struct suspended *s)
{
	return !rules_has_target(e->rules, (enum channel)s->channel,
				 s->address);
}

static void
suspend_forget(struct engine *e, struct suspended *s)
{
	struct put *p = job_put(e, suspend_key(s->id));

	p->what = PUT_DELETE;
	p->any = true;
	s->going = true;
}

void
suspends_done(struct engine *e, int result)
{
	struct suspended *s, *next;

	HASH_ITER(hh, e->suspended, s, next)
	if (s->going && result == 0)
		suspend_drop(e, s);
	else
		s->going = false;
}

static int
forget_prepare(struct engine *e, struct work *w)
{
	struct suspended *s, *next;

	(void)w;
	HASH_ITER(hh, e->suspended, s, next)
	if (suspended_is_gone(e, s))
		suspend_forget(e, s);
	return 0;
}

static void
forget_done(struct engine *e, struct work *w, int result)
{
	suspends_done(e, result);
	free(w);
}

void
suspend_rules(struct engine *e)
{
	struct suspended *s, *next;
	struct work *w;

	HASH_ITER(hh, e->suspended, s, next)
	if (suspended_is_gone(e, s))
		break;
	if (s == NULL)
		return;
	w = xcalloc(1, sizeof(*w));
	w->prepare = forget_prepare;
	w->done = forget_done;
	w->need = STORE_NEED_RESULT;
	w->bytes = 2048;
	engine_submit(e, w);
}

/* --- outcomes ------------------------------------------------------------------- */

/* Does RECEIVER have another address that works? */
static bool
receiver_has_other(struct engine *e, const struct notice *n)
{
	const struct rules_receiver *r = rules_receiver(e->rules, n->receiver);
	int64_t now = engine_now(e);
	struct target *t;
	size_t many = r != NULL
			      ? rules_targets(e->rules, r, now, &e->scratch, &t)
			      : 0;

	for (size_t i = 0; i < many; i++)
		if (!notice_is_to(n, &t[i]) &&
		    !suspend_skips(e, t[i].channel, t[i].address, now))
			return true;
	return false;
}

/* The store's part comes with the job; that memory knows before does no harm:
 * at worst one message more or less is tried after a crash. */
static void
suspend_begin(struct engine *e, const struct notice *n, const char *words)
{
	struct suspended *s = suspend_find(e, n->channel, n->address);

	if (s == NULL) {
		s = suspend_add(e, n->channel, n->address);
		s->id = store_new_id(e->store);
	}
	free(s->words);
	s->words = xstrndup(words, HISTORY_TEXT_MAX);
	s->going = false;
	s->until_ms = engine_now(e) + SUSPEND_MS;
	s->probed_ms = 0;
	suspend_put(e, s);
	log_event(e->deps.log, LOG_WARNING, "alert_suspended",
		  LOG_STR("channel", channel_names[n->channel]),
		  LOG_ADDR("to", n->address), LOG_STR("reply", words));
}

/* Is it an alert about a delivery? Then its own failure raises no other. */
static bool
notice_is_of_delivery(struct engine *e, const struct notice *n)
{
	const struct alert_group *g = n->group;

	for (uint32_t i = 0; i < g->n; i++)
		if (incident_is_of_delivery(e, g->v[i].incident))
			return true;
	return false;
}

void
suspend_failed(struct engine *e, struct notice *n, const char *dsn,
	       const char *words)
{
	log_event(e->deps.log, LOG_WARNING, "alert_failed",
		  LOG_STR("channel", channel_names[n->channel]),
		  LOG_ADDR("to", n->address), LOG_STR("receiver", n->receiver),
		  LOG_STR("reply", words));
	if (is_of_address(dsn) && receiver_has_other(e, n))
		suspend_begin(e, n, words);
	if (notice_is_of_delivery(e, n))
		return;
	job_notice(e, n, 0)->c.flags |= NOTICE_RAISED;
	own_delivery(e, n, true, words);
}

void
suspend_worked(struct engine *e, struct notice *n)
{
	struct suspended *s = suspend_find(e, n->channel, n->address);

	if (n->c.flags & NOTICE_RAISED)
		job_notice(e, n, 0)->c.flags &= (uint8_t)~NOTICE_RAISED;
	if (n->c.flags & NOTICE_RAISED || s != NULL || own_says_delivery(e, n))
		own_delivery(e, n, false, "");
	if (s != NULL)
		suspend_forget(e, s);
}

void
engine_each_suspended(struct engine *e, engine_see_suspended_fn *fn, void *arg)
{
	struct suspended *s, *next;

	HASH_ITER(hh, e->suspended, s, next)
	if (!fn(arg, channel_names[s->channel], s->address, s->until_ms,
		s->words))
		return;
}

size_t
suspend_count(const struct engine *e)
{
	return HASH_COUNT(e->suspended);
}

void
suspend_free(struct engine *e)
{
	struct suspended *s, *next;

	HASH_ITER(hh, e->suspended, s, next)
	suspend_drop(e, s);
}

/* --- a bounce that came later ------------------------------------------------------ */

struct bounced {
	struct work work;
	uint64_t group;
	uint32_t seq;
	char *address, *dsn, *words; /* owned */
	uint64_t *looks;             /* owned: groups to be looked at */
	size_t nlooks;
	engine_done_fn *done;
	void *arg;
};

static bool
bounced_is_to(const struct bounced *b, const struct notice *n)
{
	return n->channel == CHANNEL_MAIL &&
	       strcasecmp(n->address, b->address) == 0;
}

/* Is that mail still in the queue? It was sent, and we are to hear of it. */
static bool
bounced_early(const struct bounced *b, const struct notice *n)
{
	return bounced_is_to(b, n) && notice_waits(n) &&
	       n->c.lead == b->group && n->c.lead_seq == b->seq;
}

/* Did N tell by that mail, as its own or as one that joined it? One's own that
 * came after it went the same way. */
static bool
bounced_told(const struct bounced *b, const struct notice *n)
{
	const struct notice_core *c = &n->c;

	if (!bounced_is_to(b, n))
		return false;
	if (n->group->id == b->group && c->told_seq >= b->seq)
		return true;
	return c->root_seq != 0 &&
	       ((c->lead == b->group && c->lead_seq == b->seq) ||
		(c->root_group == b->group && c->root_seq == b->seq));
}

/* Where nobody else is told in their place it is tried again, ever later: it may
 * come back every time. */
static void
bounced_again(struct engine *e, struct notice *n)
{
	const struct rules_receiver *r = rules_receiver(e->rules, n->receiver);
	int64_t now = engine_now(e), wait = now - n->group->c.created_ms;

	if (r == NULL || r->fallback != NULL)
		return;
	if (wait < BOUNCED_AGAIN)
		wait = BOUNCED_AGAIN;
	job_group_want(e, n->group, now + wait);
}

/* They were told nothing of that. What the message says that is in the queue
 * now is another matter. */
static void
bounced_forget(struct engine *e, struct bounced *b, struct notice *n)
{
	struct notice_edit *ed = job_notice(e, n, 0);

	for (uint32_t i = 0; i < ed->n; i++) {
		if (told_of(ed->both[i]) == TOLD_NOTHING)
			continue;
		ed->both[i] &= (uint8_t) ~(TOLD_MASK | TOLD_HELD);
		job_history(e, n->group->v[i].incident, HISTORY_FAILED, "",
			    "mail %s: it came back: %s", n->address, b->words);
	}
	ed->c.flags &= (uint8_t)~NOTICE_AGAIN;
	ed->c.flags |= NOTICE_FAILED;
	metric_outcome(e, n, false);
	suspend_failed(e, n, b->dsn, b->words);
	bounced_again(e, n);
	b->looks = xreallocarray(b->looks, b->nlooks + 1, sizeof(b->looks[0]));
	b->looks[b->nlooks++] = n->group->id;
}

static int
bounced_prepare(struct engine *e, struct work *w)
{
	struct bounced *b = (struct bounced *)w;
	struct alert_group *g, *next;

	b->nlooks = 0;
	if (!e->loaded)
		return -EAGAIN;
	HASH_ITER(by_id, e->groups, g, next)
	for (uint32_t i = 0; i < g->nnotices; i++) {
		if (bounced_early(b, g->notices[i]))
			return -EAGAIN;
		if (g->notices[i]->edit != NULL &&
		    bounced_told(b, g->notices[i]))
			return WORK_LATER;
	}
	HASH_ITER(by_id, e->groups, g, next)
	for (uint32_t i = 0; i < g->nnotices; i++)
		if (bounced_told(b, g->notices[i]))
			bounced_forget(e, b, g->notices[i]);
	return b->nlooks > 0 ? 0 : 1;
}

static void
bounced_done(struct engine *e, struct work *w, int result)
{
	struct bounced *b = (struct bounced *)w;

	for (size_t i = 0; i < b->nlooks; i++) {
		struct alert_group *g = group_find_id(e, b->looks[i]);

		if (g != NULL)
			group_look_soon(e, g);
	}
	b->done(b->arg, result);
	free(b->looks);
	free(b->address);
	free(b->dsn);
	free(b->words);
	free(b);
}

void
engine_bounced(struct engine *e, uint64_t group, uint32_t seq,
	       const char *address, const char *dsn, const char *words,
	       engine_done_fn *done, void *arg)
{
	struct bounced *b = xcalloc(1, sizeof(*b));

	b->done = done;
	b->arg = arg;
	b->group = group;
	b->seq = seq;
	b->address = xstrdup(address);
	b->dsn = xstrdup(dsn);
	b->words = xstrndup(words, HISTORY_TEXT_MAX);
	b->work.prepare = bounced_prepare;
	b->work.done = bounced_done;
	b->work.need = STORE_NEED_RESULT;
	b->work.bytes = 2048;
	engine_submit(e, &b->work);
}
