#include "relay/heartbeat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/deadman.h"
#include "alert/rules.h"
#include "base/must.h"
#include "base/xalloc.h"
#include "net/fetch.h"

#define HB_LOOK_MS  5000
#define HB_PING_MS  10000 /* for one request */
#define HB_SEVERITY "critical"

struct heartbeat {
	struct heartbeat_deps deps;
	struct engine *engine; /* borrowed; NULL: not started */
	struct rules *rules;   /* a reference; NULL: none yet */
	bool stopped;
	/* In. */
	struct deadman deadman;
	bool remembered; /* what an earlier life had told */
	struct loop_timer look;
	/* Out. */
	struct fetcher *fetcher; /* owned */
	struct fetch *fetch;     /* owned; NULL: none is under way */
	struct loop_timer ping;
	char *url;   /* owned; NULL: none */
	bool asking; /* the store thread is */
	bool failing;
	struct metric_cell *pinged; /* NULL without metrics */
};

static const struct metric_desc metric_pinged = {
	.name = "belfry_heartbeat_last_success_timestamp_seconds",
	.type = METRIC_GAUGE,
	.help = "When the heartbeat's URL was last asked for and answered well",
};

/* --- out -------------------------------------------------------------------------- */

static void
hb_ping_again(struct heartbeat *h)
{
	if (!h->stopped && h->url != NULL)
		loop_timer_set(&h->ping,
			       rules_settings(h->rules)->ping_every_ms);
}

/* Once when it begins to fail, once when it works again. */
static void
hb_note(struct heartbeat *h, bool ok, const char *reason)
{
	if (ok == h->failing)
		log_event(h->deps.log, ok ? LOG_INFO : LOG_WARNING, "heartbeat",
			  LOG_STR("state", ok ? "answered" : "failed"),
			  LOG_STR("reason", ok ? NULL : reason));
	h->failing = !ok;
	if (ok && h->pinged != NULL)
		metric_set(h->pinged,
			   (double)(clock_wall_ms(h->deps.clock) / 1000));
}

static void
hb_answered(void *arg, const struct fetch_answer *answer)
{
	struct heartbeat *h = arg;
	char status[40];

	h->fetch = NULL;
	snprintf(status, sizeof(status), "HTTP status %d", answer->status);
	if (answer->end == FETCH_ANSWERED)
		hb_note(h, answer->status / 100 == 2, status);
	else
		hb_note(h, false, answer->why);
}

static void
hb_ask(struct heartbeat *h)
{
	const struct fetch_request request = {
		.method = "GET",
		.url = h->url,
		.time_ms = HB_PING_MS,
	};
	struct queue_paused paused;

	queue_get_paused(h->deps.queue, &paused);
	if (paused.paused && paused.alerts)
		return; /* nobody is told: let it be missed */
	fetch_cancel(&h->fetch);
	if (fetch_start(h->fetcher, &request, hb_answered, h, &h->fetch) < 0)
		h->fetch = NULL;
}

/* The store thread is alive. */
static void
hb_store_answered(void *arg)
{
	struct heartbeat *h = arg;

	h->asking = false;
	if (!h->stopped && h->url != NULL)
		hb_ask(h);
}

static void
hb_ping(void *arg)
{
	struct heartbeat *h = arg;

	hb_ping_again(h);
	if (h->asking)
		return;
	h->asking = true;
	queue_ping(h->deps.queue, h->deps.loop, hb_store_answered, h);
}

/* --- in --------------------------------------------------------------------------- */

static void
hb_see_own(void *arg, const char *key, const char *summary)
{
	bool *found = arg;

	(void)summary;
	*found |= strcmp(key, HEARTBEAT_KIND " ") == 0;
}

/* Was it told as silent before the start? */
static void
hb_remember(struct heartbeat *h)
{
	h->remembered = true;
	engine_each_own(h->engine, hb_see_own, &h->deadman.silent);
}

void
heartbeat_look(struct heartbeat *h)
{
	const struct rules_settings *s = rules_settings(h->rules);
	int64_t now = clock_wall_ms(h->deps.clock);
	struct engine_status status;
	enum deadman_change change;
	struct arena arena;

	if (!engine_is_loaded(h->engine))
		return;
	if (!h->remembered)
		hb_remember(h);
	engine_status(h->engine, &status);
	change = deadman_look(&h->deadman, now, status.awake_since_ms);
	if (change == DEADMAN_SAME)
		return;
	arena_init(&arena);
	engine_own(h->engine, HEARTBEAT_KIND, "", change == DEADMAN_SILENT,
		   deadman_words(&h->deadman, &s->expect, now,
				 status.awake_since_ms, &arena),
		   HB_SEVERITY);
	arena_done(&arena);
}

static void
hb_tick(void *arg)
{
	struct heartbeat *h = arg;

	loop_timer_set(&h->look, HB_LOOK_MS);
	heartbeat_look(h);
}

bool
heartbeat_hear(void *heartbeat, const struct alert *a)
{
	struct heartbeat *h = heartbeat;

	return h->rules != NULL &&
	       deadman_hear(&h->deadman, &rules_settings(h->rules)->expect, a,
			    clock_wall_ms(h->deps.clock));
}

/* --- its life ----------------------------------------------------------------------- */

static void
hb_free_url(struct heartbeat *h)
{
	if (h->url != NULL)
		explicit_bzero(h->url, strlen(h->url));
	free(h->url);
	h->url = NULL;
}

void
heartbeat_set(struct heartbeat *h, struct rules *rules, const char *ping_url)
{
	const struct rules_settings *s = rules_settings(rules);
	bool expects = rules_is_on(rules) && s->expect.n > 0;

	rules_ref(rules);
	rules_unref(&h->rules);
	h->rules = rules;
	deadman_set(&h->deadman, expects ? s->expect_within_ms : 0,
		    clock_wall_ms(h->deps.clock));
	fetch_cancel(&h->fetch);
	hb_free_url(h);
	loop_timer_clear(&h->ping);
	if (ping_url == NULL || fetch_check_url(ping_url) != NULL)
		return;
	h->url = xstrdup(ping_url);
	if (h->engine != NULL && !h->stopped)
		loop_timer_set(&h->ping, 0);
}

void
heartbeat_start(struct heartbeat *h, struct engine *engine)
{
	must(h->rules != NULL);
	h->engine = engine;
	loop_timer_set(&h->look, 0);
	if (h->url != NULL)
		loop_timer_set(&h->ping, 0);
}

int
heartbeat_new(const struct heartbeat_deps *deps, struct heartbeat **ret)
{
	struct heartbeat *h = xcalloc(1, sizeof(*h));
	int r = fetcher_new(deps->loop, deps->dns, &h->fetcher);

	if (r < 0) {
		free(h);
		return r;
	}
	h->deps = *deps;
	deadman_init(&h->deadman, 0, false);
	loop_timer_init(&h->look, deps->loop, hb_tick, h);
	loop_timer_init(&h->ping, deps->loop, hb_ping, h);
	if (deps->metrics != NULL)
		h->pinged = metric_cell(
			metric_register(deps->metrics, &metric_pinged), NULL);
	*ret = h;
	return 0;
}

void
heartbeat_stop(struct heartbeat *h)
{
	if (h == NULL)
		return;
	h->stopped = true;
	fetch_cancel(&h->fetch);
	loop_timer_done(&h->look);
	loop_timer_done(&h->ping);
}

void
heartbeat_free(struct heartbeat **hp)
{
	struct heartbeat *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	heartbeat_stop(h);
	fetcher_free(&h->fetcher);
	hb_free_url(h);
	rules_unref(&h->rules);
	free(h);
}
