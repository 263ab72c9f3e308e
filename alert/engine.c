#include "alert/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine_impl.h"
#include "alert/engine_own.h"
#include "base/must.h"
#include "base/xalloc.h"

#define ENGINE_SPREAD_MS 20  /* between two reminders after a start */
#define ENGINE_PAST_ROWS 500 /* of a history that go at once */

/* --- names ------------------------------------------------------------------ */

/* They come from the configuration, so there are few. */
const char *
engine_name(struct engine *e, const char *text)
{
	size_t len = strlen(text);
	struct name *name;

	HASH_FIND(hh, e->names, text, len, name);
	if (name == NULL) {
		name = xcalloc(1, sizeof(*name) + len + 1);
		memcpy(name->text, text, len);
		HASH_ADD(hh, e->names, text, len, name);
	}
	return name->text;
}

struct source *
engine_source(struct engine *e, const char *name)
{
	size_t len = strlen(name);
	struct source *s;

	HASH_FIND(hh, e->sources, name, len, s);
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s) + len + 1);
		memcpy(s->name, name, len);
		HASH_ADD(hh, e->sources, name, len, s);
	}
	return s;
}

/* --- incidents -------------------------------------------------------------- */

int64_t
engine_now(const struct engine *e)
{
	return clock_wall_ms(e->deps.clock);
}

struct incident *
engine_find_print(struct engine *e, const uint8_t *print)
{
	struct incident *in;

	HASH_FIND(by_print, e->incidents_by_print, print, INCIDENT_PRINT, in);
	if (in == NULL)
		HASH_FIND(by_print, e->fresh_incidents, print, INCIDENT_PRINT,
			  in);
	return in;
}

struct incident *
engine_find_id(struct engine *e, uint64_t id)
{
	struct incident *in;

	HASH_FIND(by_id, e->incidents, &id, sizeof(id), in);
	return in;
}

size_t
incident_bytes(size_t text_len)
{
	return sizeof(struct incident) + sizeof(struct link) + text_len;
}

void
engine_count(struct engine *e, const struct incident *in)
{
	e->held_bytes += incident_bytes(in->text_len);
	e->count[in->c.state]++;
	e->nacked += in->c.acked_ms != 0;
	e->nflapping += (in->c.flags & INCIDENT_FLAPPING) != 0;
	if (in->c.state == INCIDENT_OPEN)
		in->source->nopen++;
}

void
engine_uncount(struct engine *e, const struct incident *in)
{
	e->held_bytes -= incident_bytes(in->text_len);
	e->count[in->c.state]--;
	e->nacked -= in->c.acked_ms != 0;
	e->nflapping -= (in->c.flags & INCIDENT_FLAPPING) != 0;
	if (in->c.state == INCIDENT_OPEN)
		in->source->nopen--;
}

void
incident_free(struct incident *in)
{
	free(in->links);
	free(in->acked_by);
	free(in->note);
	free(in->text);
	free(in);
}

void
engine_forget(struct engine *e, struct incident *in)
{
	must(in->nlinks == 0 && in->edit == NULL);
	due_heap_set(&e->dues, &in->due, 0);
	engine_uncount(e, in);
	incident_note_quiet(e, in, false);
	HASH_DELETE(by_id, e->incidents, in);
	id_index_remove(&e->in_order, in->id);
	HASH_DELETE(by_print, e->incidents_by_print, in);
	incident_free(in);
}

void
incident_get_text(const struct incident *in, struct arena *arena,
		  struct incident_text *ret)
{
	must(incident_text_unpack(in->text, in->text_len, arena, ret) == 0);
}

void
incident_next_text(const struct incident *in, struct arena *arena,
		   struct incident_text *ret)
{
	const struct incident_edit *ed = in->edit;

	if (ed == NULL || ed->text == NULL)
		incident_get_text(in, arena, ret);
	else
		must(incident_text_unpack(ed->text, ed->text_len, arena, ret) ==
		     0);
}

int
engine_channel(const char *name)
{
	for (int i = 0; i < CHANNEL_NCHANNEL; i++)
		if (strcmp(channel_names[i], name) == 0)
			return i;
	return -1;
}

/* --- work ------------------------------------------------------------------- */

static void
engine_step(void *arg)
{
	struct engine *e = arg;

	e->step_posted = false;
	job_step(e);
}

static int
stopped_prepare(struct engine *e, struct work *w)
{
	(void)e;
	(void)w;
	return -ESHUTDOWN;
}

void
engine_step_soon(struct engine *e)
{
	if (e->step_posted)
		return;
	e->step_posted = true;
	loop_post(e->deps.loop, &e->step_post, engine_step, e);
}

void
engine_submit(struct engine *e, struct work *w)
{
	if (e->stopping)
		w->prepare = stopped_prepare;
	STAILQ_INSERT_TAIL(&e->waiting, w, link);
	engine_step_soon(e);
}

void
engine_submit_first(struct engine *e, struct work *w)
{
	if (e->stopping)
		w->prepare = stopped_prepare;
	STAILQ_INSERT_HEAD(&e->waiting, w, link);
	engine_step_soon(e);
}

bool
engine_is_loaded(const struct engine *e)
{
	return e->loaded;
}

bool
engine_is_busy(const struct engine *e)
{
	return e->load != NULL || e->losing || e->job.out || e->step_posted ||
	       e->turn_posted || e->nflushes > 0 ||
	       (e->nreroutes > 0 && STAILQ_EMPTY(&e->reroutes)) ||
	       !STAILQ_EMPTY(&e->waiting);
}

/* --- life ------------------------------------------------------------------- */

int64_t
engine_retention(const struct engine *e)
{
	return rules_settings(e->rules)->retention_ms;
}

static void
engine_timer(void *arg)
{
	engine_turn(arg);
}

/* What is over has been kept for long enough: its history goes with it, a piece
 * at a time. Store thread. */
static int
past_due(struct store_txn *txn, void *ctx, const struct store_key *key,
	 const struct store_rec *rec, int64_t now)
{
	struct store_key at = *key, next;
	struct store_rec entry, again = *rec;
	int r = 0;

	(void)ctx;
	at.kind = 'h';
	for (int n = 0; n < ENGINE_PAST_ROWS; n++) {
		r = store_next(txn, &at, &next, &entry);
		if (r == 0 || next.len != 16 ||
		    memcmp(next.bytes, key->bytes, 8) != 0)
			break;
		r = store_del(txn, &next);
		if (r < 0)
			return r;
		if (n + 1 == ENGINE_PAST_ROWS) {
			uint8_t value[STORE_VALUE_MAX];

			r = store_get(txn, key, &again);
			if (r < 0)
				return r;
			memcpy(value, again.value, again.len);
			again.value = value;
			again.place =
				store_place_time(STORE_CLASS_OTHER, 'j', now);
			return store_put(txn, key, &again);
		}
	}
	for (uint32_t n = 0; n < rec->pages; n++) {
		r = store_page_del(txn, rec->blob, n);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return store_del(txn, key);
}

int
engine_new(const struct engine_deps *deps, struct engine **ret)
{
	struct engine *e = xcalloc(1, sizeof(*e));

	e->deps = *deps;
	e->hostname = xstrdup(deps->hostname);
	e->store = queue_store(deps->queue);
	STAILQ_INIT(&e->waiting);
	STAILQ_INIT(&e->reroutes);
	STAILQ_INIT(&e->early);
	arena_init(&e->scratch);
	e->inhibit = inhibit_new();
	job_init(e);
	metric_init(e);
	loop_timer_init(&e->timer, deps->loop, engine_timer, e);
	queue_set_teller(deps->queue, 's', outcome_tell, e);
	queue_set_due(deps->queue, 'j', past_due, e);
	*ret = e;
	return 0;
}

void
engine_start(struct engine *e, struct rules *rules)
{
	must(!e->started);
	e->started = true;
	e->rules = rules_ref(rules);
	e->awake_since_ms = engine_now(e);
	engine_load_start(e);
}

/* --- ready ---------------------------------------------------------------------- */

/* Reminders that fell due while nobody was there don't come all at
 * once. */
static void
engine_spread(struct engine *e)
{
	int64_t now = engine_now(e), late = ENGINE_MINUTE;
	struct alert_group *g, *next;

	HASH_ITER(by_id, e->groups, g, next)
	{
		bool overdue = false;

		if (g->c.repeat_ms != 0 && g->c.repeat_ms <= now) {
			g->c.repeat_ms = now + late;
			overdue = true;
		}
		if (overdue)
			late += ENGINE_SPREAD_MS;
		if (late > 5 * ENGINE_MINUTE)
			late = ENGINE_MINUTE;
	}
}

void
engine_loaded(struct engine *e)
{
	e->loaded = true;
	engine_spread(e);
	own_loaded(e);
	own_rules(e);
	suspend_rules(e);
	engine_reroute(e);
	outcomes_early(e);
	lost_begin(e);
	engine_turn_soon(e);
	job_step(e);
}

void
engine_adopt_rules(struct engine *e)
{
	struct rules *old = e->rules;
	struct alert_group *g, *next;

	if (e->next_rules == NULL)
		return;
	e->rules = e->next_rules;
	e->next_rules = NULL;
	e->limits_hit = 0;
	if (e->loaded) {
		HASH_ITER(by_id, e->groups, g, next)
		group_forget_nodes(g);
		inhibit_begin(e);
		own_rules(e);
		suspend_rules(e);
		suspends_probe(e);
		engine_reroute(e);
	}
	rules_unref(&old);
}

void
engine_set_rules(struct engine *e, struct rules *rules)
{
	rules_unref(&e->next_rules);
	e->next_rules = rules_ref(rules);
	if (!e->job.out)
		engine_adopt_rules(e);
}

void
engine_stop(struct engine *e)
{
	struct work *w;

	e->stopping = true;
	loop_timer_clear(&e->timer);
	STAILQ_FOREACH (w, &e->waiting, link)
		w->prepare = stopped_prepare;
}

void
engine_free(struct engine **ep)
{
	struct engine *e = *ep;
	struct incident *in, *next_in;
	struct alert_group *g, *next_g;
	struct source *s, *next_s;
	struct name *name, *next_name;

	if (e == NULL)
		return;
	*ep = NULL;
	(void)loop_run_rest(e->deps.loop);
	outcomes_drop(e);
	reroutes_free(e);
	engine_load_free(e);
	loop_timer_done(&e->timer);
	silences_free(e);
	suspend_free(e);
	own_words_free(e);
	throttle_free(e);
	inhibit_free(&e->inhibit);
	HASH_ITER(by_id, e->groups, g, next_g)
	group_forget(e, g);
	HASH_ITER(by_id, e->incidents, in, next_in)
	engine_forget(e, in);
	HASH_ITER(hh, e->sources, s, next_s)
	{
		HASH_DEL(e->sources, s);
		free(s);
	}
	HASH_ITER(hh, e->names, name, next_name)
	{
		HASH_DEL(e->names, name);
		free(name);
	}
	job_done(e);
	id_index_done(&e->in_order);
	id_index_done(&e->groups_in_order);
	due_heap_done(&e->dues);
	due_heap_done(&e->group_dues);
	rules_unref(&e->rules);
	rules_unref(&e->next_rules);
	free(e->hostname);
	arena_done(&e->scratch);
	free(e);
}
