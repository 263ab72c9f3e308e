/*
 * engine_random_check - what must be true of an engine in test_engine_random.
 */
#include <stdio.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "base/xalloc.h"
#include "tests/unit/engine_random.h"
#include "tests/unit/store_kit.h"

/* --- what everybody heard --------------------------------------------------------- */

static const char *const heard_names[] = {"nothing", "firing", "stale", "over",
					  "what came back"};

struct seen {
	struct model *m;
	bool is_there[NALERTS];
	enum incident_state state[NALERTS];
};

static bool
see(void *arg, const struct incident_view *v)
{
	struct seen *seen = arg;

	for (size_t i = 0; i < NALERTS; i++)
		if (strcmp(v->key, alerts[i].host) == 0) {
			seen->is_there[i] = true;
			seen->state[i] = v->state;
		}
	return true;
}

/* Whom is it told of that fires? */
static unsigned
must_hear(const struct model *m, size_t i)
{
	return told_by(&m->rules, i) | (m->rules.escalates ? BIT(BOSS) : 0);
}

static void
check_one(struct model *m, size_t i, const struct seen *seen)
{
	bool open = seen->is_there[i] && seen->state[i] == INCIDENT_OPEN;

	if (open != m->open[i] && !m->may_expire[i])
		random_wrong(m, "%s is %s", alerts[i].host,
			     open ? "open" : "not open");
	for (enum who w = 0; w < NWHO; w++) {
		enum heard heard = m->heard[w][i];

		if (m->lags[w])
			continue;
		if (open && must_hear(m, i) & BIT(w) && heard != HEARD_FIRING)
			random_wrong(m, "%s fires, and %s heard %s",
				     alerts[i].host, names[w],
				     heard_names[heard]);
		if (!open && heard == HEARD_FIRING && !m->excused[w][i] &&
		    !m->refused[w])
			random_wrong(m, "%s is over, and %s heard it fires",
				     alerts[i].host, names[w]);
	}
}

static void
check_returned(struct model *m, size_t i, const struct seen *seen)
{
	bool instead =
		m->rules.falls_back && (m->heard[REST][i] == HEARD_FIRING ||
					m->heard[REST][i] == HEARD_RETURNED);

	if (!seen->is_there[i] || seen->state[i] != INCIDENT_OPEN)
		return;
	for (enum who w = 0; w < NWHO; w++)
		if (m->heard[w][i] == HEARD_RETURNED && !instead &&
		    told_by(&m->rules, i) & BIT(w))
			random_wrong(m, "%s heard nothing of %s", names[w],
				     alerts[i].host);
}

static void
note_notice(struct model *m, const struct notice *n)
{
	struct buf words;

	buf_init(&words, 4096);
	for (uint32_t i = 0; i < n->n; i++)
		(void)buf_printf(&words, " %02x", n->both[i]);
	random_note(m, "    %s of %s, flags %02x, message %d:%s", n->address,
		    n->receiver, n->c.flags, n->c.message != 0,
		    buf_str(&words));
	buf_done(&words);
}

/* For who looks for why. */
static void
note_groups(struct model *m)
{
	const struct alert_group *g, *next;

	HASH_ITER(by_id, m->er.e->groups, g, next)
	{
		random_note(m, "  group of %s, due %lld, look %lld",
			    g->receiver, (long long)g->c.due_ms,
			    (long long)g->look_ms);
		for (uint32_t i = 0; i < g->n; i++) {
			const struct incident *in = g->v[i].incident;
			struct arena arena;
			struct incident_text text;

			arena_init(&arena);
			incident_get_text(in, &arena, &text);
			random_note(m, "    %s: %s, flags %02x, member %02x",
				    text.key, incident_state_names[in->c.state],
				    in->c.flags, g->v[i].flags);
			arena_done(&arena);
		}
		for (uint32_t i = 0; i < g->nnotices; i++)
			note_notice(m, g->notices[i]);
	}
}

void
random_check(struct model *m)
{
	struct seen seen = {.m = m};

	if (m->failed)
		return;
	(void)engine_each(m->er.e, NULL, 0, SIZE_MAX, see, &seen);
	for (size_t i = 0; i < NALERTS; i++)
		check_one(m, i, &seen);
	if (m->failed)
		note_groups(m);
}

void
random_check_returned(struct model *m)
{
	struct seen seen = {.m = m};

	(void)engine_each(m->er.e, NULL, 0, SIZE_MAX, see, &seen);
	for (size_t i = 0; i < NALERTS && !m->failed; i++)
		check_returned(m, i, &seen);
	if (m->failed)
		note_groups(m);
}

/* --- records ------------------------------------------------------------------------- */

struct records {
	struct model *m;
	struct store_txn *txn;
	size_t n[3]; /* incidents, groups, notices */
	struct arena arena;
};

/* Names what differs. */
static void
record_is(struct records *r, bool is, const char *kind, uint64_t id,
	  const char *what)
{
	if (!is)
		random_wrong(r->m, "the record of %s %llu has another %s", kind,
			     (unsigned long long)id, what);
}

/* As they would be written; both are freed. */
static bool
is_same(struct buf *a, struct buf *b)
{
	bool same = a->len == b->len && memcmp(a->data, b->data, a->len) == 0;

	buf_done(a);
	buf_done(b);
	return same;
}

static void
check_incident(struct records *r, uint64_t id, const struct store_rec *rec)
{
	const struct incident *in = engine_find_id(r->m->er.e, id);
	struct buf is, was;

	if (in == NULL) {
		random_wrong(r->m, "a record of no incident");
		return;
	}
	buf_init(&is, SIZE_MAX);
	buf_init(&was, SIZE_MAX);
	(void)buf_append(&is, rec->value, rec->len);
	incident_encode(&in->c, in->acked_by != NULL ? in->acked_by : "",
			in->note != NULL ? in->note : "", in->text,
			in->text_len, &was);
	record_is(r, is_same(&is, &was), "incident", id, "value");
	record_is(r, rec->version == in->version, "incident", id, "version");
}

/* When it is due may be sooner in memory: a look after the start finds that
 * again. */
static void
check_group(struct records *r, uint64_t id, const struct store_rec *rec)
{
	const struct alert_group *g = group_find_id(r->m->er.e, id);
	struct group_core c, has;
	struct labels labels;
	const char *receiver;
	struct buf is, was;

	if (g == NULL || group_decode(rec->value, rec->len, &r->arena, &c,
				      &receiver, &labels) < 0) {
		random_wrong(r->m, "a record of no group");
		return;
	}
	has = g->c;
	has.due_ms = c.due_ms;
	buf_init(&is, SIZE_MAX);
	buf_init(&was, SIZE_MAX);
	(void)buf_append(&is, rec->value, rec->len);
	group_encode(&has, g->receiver, g->labels, g->labels_len, &was);
	record_is(r, is_same(&is, &was), "group", id, "value");
	record_is(r, rec->version == g->version, "group", id, "version");
}

static const struct notice *
find_notice(const struct alert_group *g, uint64_t id)
{
	for (uint32_t i = 0; g != NULL && i < g->nnotices; i++)
		if (g->notices[i]->c.id == id)
			return g->notices[i];
	return NULL;
}

/* What was told of each, and of how many. Those that left since are forgotten
 * when it is written next. */
static size_t
check_entries(struct records *r, const struct notice *n, const uint8_t *at,
	      size_t len)
{
	size_t known = 0;

	for (size_t i = 0; i + NOTICE_ENTRY_LEN <= len; i += NOTICE_ENTRY_LEN) {
		struct notice_entry entry;
		const struct incident *in;
		const struct link *link;

		notice_entry_unpack(at + i, &entry);
		in = engine_find_id(r->m->er.e, entry.incident);
		link = in != NULL ? incident_link(in, n->group) : NULL;
		if (link == NULL)
			continue;
		record_is(r, notice_both(n, link->slot) == entry.both, "notice",
			  n->c.id, "word");
		known++;
	}
	return known;
}

static void
check_notice(struct records *r, const struct store_key *key,
	     const struct store_rec *rec)
{
	const struct alert_group *g =
		group_find_id(r->m->er.e, engine_key_part(key, 0));
	const struct notice *n = find_notice(g, engine_key_part(key, 8));
	struct notice_names of;
	struct notice_core c;
	struct buf is, was;
	const uint8_t *at;
	size_t len, known = 0;

	if (n == NULL || notice_decode(rec->value, rec->len, &r->arena, &c, &of,
				       &at, &len) < 0) {
		random_wrong(r->m, "a record of no notice");
		return;
	}
	for (uint32_t i = 0; i < n->n && i < g->n; i++)
		known += n->both[i] != 0;
	buf_init(&is, SIZE_MAX);
	buf_init(&was, SIZE_MAX);
	notice_encode(&c, &of, NULL, 0, &is);
	of.address = n->address;
	of.receiver = n->receiver;
	notice_encode(&n->c, &of, NULL, 0, &was);
	record_is(r, is_same(&is, &was), "notice", c.id, "value");
	record_is(r, rec->version == n->version, "notice", c.id, "version");
	record_is(r, c.message == 0 || !publish_is_gone_in(r->txn, c.message),
		  "notice", c.id, "message");
	record_is(r, check_entries(r, n, at, len) == known, "notice", c.id,
		  "number of words");
}

static int
check_records(struct store_txn *txn, void *arg)
{
	static const char kinds[] = "igs";
	struct records *r = arg;
	struct store_key at;
	struct store_rec rec;

	r->txn = txn;
	for (size_t i = 0; kinds[i] != '\0'; i++) {
		struct store_key from = {.kind = (uint8_t)kinds[i]};

		for (; store_next(txn, &from, &at, &rec) > 0; r->n[i]++) {
			if (kinds[i] == 'i')
				check_incident(r, engine_key_part(&at, 0),
					       &rec);
			else if (kinds[i] == 'g')
				check_group(r, engine_key_part(&at, 0), &rec);
			else
				check_notice(r, &at, &rec);
			from = at;
			if (from.len < STORE_KEY_MAX)
				from.bytes[from.len++] = 0;
		}
	}
	return 0;
}

void
random_check_records(struct model *m)
{
	const struct engine *e = m->er.e;
	struct records r = {.m = m};
	struct alert_group *g, *next;
	size_t notices = 0;

	arena_init(&r.arena);
	(void)store_kit_run(queue_store(m->er.rig.q), check_records, &r);
	arena_done(&r.arena);
	HASH_ITER(by_id, e->groups, g, next)
	notices += g->nnotices;
	if (r.n[0] != HASH_CNT(by_id, e->incidents) ||
	    r.n[1] != HASH_CNT(by_id, e->groups) || r.n[2] != notices)
		random_wrong(m, "memory has more than the records");
}

/* What is over and told leaves nothing. */
void
random_check_rest(struct model *m)
{
	struct alert_group *g, *next;

	if (m->failed)
		return;
	if (!m->mutes && engine_rig_rows(&m->er, "gs") != 0)
		random_wrong(m, "records are left");
	/* Those of mutes stay. */
	HASH_ITER(by_id, m->er.e->groups, g, next)
	if (!(g->c.flags & GROUP_OWN))
		random_wrong(m, "a group of %s is left", g->receiver);
}
