#include "milter/milter.h"

static const struct metric_desc metric_build_info = {
	.name = "belfry_build_info",
	.type = METRIC_GAUGE,
	.help = "Always 1; the labels say which program and version runs",
	.labels = {"program", "version", NULL},
};

static const struct metric_desc metric_reload_ok = {
	.name = "belfry_config_last_reload_successful",
	.type = METRIC_GAUGE,
	.help = "1 when the configuration was taken at the last start or "
		"reload",
	.labels = {NULL},
};

static const struct metric_desc metric_reload_time = {
	.name = "belfry_config_last_reload_success_timestamp_seconds",
	.type = METRIC_GAUGE,
	.help = "When a configuration was last taken",
	.labels = {NULL},
};

static const struct metric_desc metric_messages = {
	.name = "belfry_milter_messages_total",
	.type = METRIC_COUNTER,
	.help = "Messages by what became of them: the disposition of others' "
		"(none, mark, hold, tempfail, reject, discard), signed or "
		"unsigned of ours, failed where it could not be done",
	.labels = {"disposition", NULL},
};

static const struct metric_desc metric_sessions = {
	.name = "belfry_milter_sessions",
	.type = METRIC_GAUGE,
	.help = "Connections of the mail server",
	.labels = {NULL},
};

static const struct metric_desc metric_refused = {
	.name = "belfry_milter_sessions_refused_total",
	.type = METRIC_COUNTER,
	.help = "Connections beyond milter.sessions, told to try again later",
	.labels = {NULL},
};

static const char *
mm_fate(int fate)
{
	switch (fate) {
	case MILTER_SIGNED:
		return "signed";
	case MILTER_UNSIGNED:
		return "unsigned";
	case MILTER_FAILED:
		return "failed";
	default:
		return verdict_disposition_names[fate];
	}
}

static struct metric_cell *
mm_cell(struct milter *m, const struct metric_desc *desc)
{
	return metric_cell(metric_register(m->registry, desc), NULL);
}

void
milter_metrics_init(struct milter *m)
{
	struct metric_family *messages;

	m->registry = metrics_new();
	messages = metric_register(m->registry, &metric_messages);
	for (int i = 0; i < MILTER_NFATE; i++)
		m->metrics.messages[i] =
			metric_cell(messages, mm_fate(i), NULL);
	m->metrics.sessions = mm_cell(m, &metric_sessions);
	m->metrics.refused = mm_cell(m, &metric_refused);
	m->metrics.reload_ok = mm_cell(m, &metric_reload_ok);
	m->metrics.reload_time = mm_cell(m, &metric_reload_time);
	metric_set(metric_cell(metric_register(m->registry, &metric_build_info),
			       "belfry-milter", BELFRY_VERSION, NULL),
		   1);
}

void
milter_metrics_reloaded(struct milter *m, bool ok)
{
	metric_set(m->metrics.reload_ok, ok ? 1 : 0);
	if (ok)
		metric_set(m->metrics.reload_time,
			   (double)clock_wall_ms(m->clock) / 1000);
}
