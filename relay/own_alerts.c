#include "relay/own_alerts.h"

#include <stdlib.h>

#include "alert/rules.h"
#include "base/xalloc.h"
#include "config/tls_load.h"
#include "relay/notify.h"
#include "relay/own_judge.h"

#define OA_EVERY_MS 30000
#define OA_SOON_MS  500 /* the engine is loading */

struct own_alerts {
	struct relay *relay;   /* borrowed */
	struct engine *engine; /* borrowed */
	struct own_judge judge;
	struct loop_timer timer;
	bool asking; /* queue_stats() is under way */
	bool looked;
	bool stopped;
};

static void
oa_say(void *ctx, const char *kind, const char *key, bool firing,
       const char *summary, const char *severity)
{
	struct own_alerts *o = ctx;

	engine_own(o->engine, kind, key, firing, summary, severity);
}

static struct own_certificate *
oa_certificates(const struct snapshot *s, struct arena *arena, size_t *ret_n)
{
	size_t n = s->tls != NULL ? config_tls_npairs(s->config) : 0;
	struct own_certificate *v = arena_alloc(arena, (n + 1) * sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = (struct own_certificate){
			config_tls_pair(s->config, i)->certificate_file.text,
			tls_server_not_after_ms(s->tls, i)};
	*ret_n = n;
	return v;
}

static void
oa_said(void *arg, const char *key, const char *summary)
{
	struct own_alerts *o = arg;

	own_judge_said(&o->judge, key, summary, clock_wall_ms(o->relay->clock));
}

static void
oa_judge(struct own_alerts *o, struct queue_stats *stats)
{
	const struct snapshot *s = o->relay->snapshot;
	struct own_facts f = {
		.now_ms = clock_wall_ms(o->relay->clock),
		.stats = stats,
		.warn_after_ms = s->config->delivery.warn_after_ms,
		.smarthost = s->config->delivery.smarthost.n > 0,
		.double_bounces = notify_count(o->relay->notify,
					       CONFIG_NOTIFY_DOUBLE_BOUNCE),
	};

	if (!o->looked)
		engine_each_own(o->engine, oa_said, o);
	o->looked = true;
	f.nsources = rules_sources(s->rules, &f.sources);
	f.certificates = oa_certificates(s, &stats->arena, &f.ncertificates);
	own_judge_look(&o->judge, &f, oa_say, o);
}

static void
oa_got(void *arg, struct queue_stats *stats)
{
	struct own_alerts *o = arg;

	o->asking = false;
	if (!o->stopped) {
		if (engine_is_loaded(o->engine))
			oa_judge(o, stats);
		else
			loop_timer_set(&o->timer, OA_SOON_MS);
	}
	queue_stats_free(&stats);
}

void
own_alerts_look(struct own_alerts *o)
{
	if (o->stopped)
		return;
	loop_timer_set(&o->timer, OA_EVERY_MS);
	if (o->asking)
		return;
	o->asking = true;
	queue_stats(o->relay->queue, relay_home(o->relay), oa_got, o);
}

void
own_alerts_refused(struct own_alerts *o, const char *source, const char *why,
		   const char *help)
{
	own_judge_refused(&o->judge, source, why, help,
			  clock_wall_ms(o->relay->clock));
}

static void
oa_tick(void *arg)
{
	own_alerts_look(arg);
}

struct own_alerts *
own_alerts_new(struct relay *r, struct engine *engine)
{
	struct own_alerts *o = xcalloc(1, sizeof(*o));

	o->relay = r;
	o->engine = engine;
	own_judge_init(&o->judge, clock_wall_ms(r->clock));
	loop_timer_init(&o->timer, relay_home(r), oa_tick, o);
	own_alerts_look(o);
	return o;
}

void
own_alerts_stop(struct own_alerts *o)
{
	if (o == NULL)
		return;
	o->stopped = true;
	loop_timer_done(&o->timer);
}

void
own_alerts_free(struct own_alerts **op)
{
	struct own_alerts *o = *op;

	*op = NULL;
	if (o == NULL)
		return;
	own_alerts_stop(o);
	own_judge_done(&o->judge);
	free(o);
}
