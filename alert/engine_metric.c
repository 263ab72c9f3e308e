/*
 * engine_metric - what is counted for /metrics.
 */
#include "alert/engine_impl.h"

static const double metric_buckets[] = {1,   5,    15,   30,    60,
					300, 1800, 7200, 86400, 0};

static const struct metric_desc metric_descs[] = {
	{"belfry_alert_incidents",
	 METRIC_GAUGE,
	 "Incidents by state.",
	 {"state"},
	 NULL},
	{"belfry_alert_bytes",
	 METRIC_GAUGE,
	 "What incidents take of memory.",
	 {NULL},
	 NULL},
	{"belfry_alert_full_total",
	 METRIC_COUNTER,
	 "Posts with something new for which there was no room.",
	 {NULL},
	 NULL},
	{"belfry_alert_notifications_total",
	 METRIC_COUNTER,
	 "Notifications whose fate is known: accepted or failed.",
	 {"channel", "result"},
	 NULL},
	{"belfry_alert_notification_latency_seconds",
	 METRIC_HISTOGRAM,
	 "From what happened to its acceptance at the far end.",
	 {NULL},
	 metric_buckets},
};

static void
metric_scrape(void *arg)
{
	struct engine *e = arg;

	for (int i = 0; i < INCIDENT_NSTATE; i++)
		metric_set(e->incidents_cell[i],
			   (double)__atomic_load_n(&e->count[i],
						   __ATOMIC_RELAXED));
	metric_set(e->bytes_cell,
		   (double)__atomic_load_n(&e->held_bytes, __ATOMIC_RELAXED));
}

void
metric_init(struct engine *e)
{
	static const char *const results[] = {"accepted", "failed"};
	struct metric_family *f;

	if (e->deps.metrics == NULL)
		return;
	f = metric_register(e->deps.metrics, &metric_descs[0]);
	for (int i = 0; i < INCIDENT_NSTATE; i++)
		e->incidents_cell[i] =
			metric_cell(f, incident_state_names[i], NULL);
	f = metric_register(e->deps.metrics, &metric_descs[1]);
	e->bytes_cell = metric_cell(f, NULL);
	f = metric_register(e->deps.metrics, &metric_descs[2]);
	e->full_cell = metric_cell(f, NULL);
	f = metric_register(e->deps.metrics, &metric_descs[3]);
	for (int i = 0; i < CHANNEL_NCHANNEL; i++)
		for (int k = 0; k < 2; k++)
			e->outcome_cell[i][k] = metric_cell(f, channel_names[i],
							    results[k], NULL);
	f = metric_register(e->deps.metrics, &metric_descs[4]);
	e->latency_cell = metric_cell(f, NULL);
	metrics_on_scrape(e->deps.metrics, metric_scrape, e);
}

void
metric_outcome(struct engine *e, const struct notice *n, bool accepted)
{
	if (e->deps.metrics == NULL)
		return;
	metric_add(e->outcome_cell[n->channel][!accepted], 1);
	if (accepted && n->c.event_ms > 0)
		metric_observe(e->latency_cell,
			       (double)(engine_now(e) - n->c.event_ms) / 1000);
}

void
metric_full(struct engine *e)
{
	if (e->deps.metrics != NULL)
		metric_add(e->full_cell, 1);
}
