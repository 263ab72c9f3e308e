#include "milter/milter.h"

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
	metric_program_init(&m->metrics.program, m->registry, "belfry-milter");
}

void
milter_metrics_reloaded(struct milter *m, bool ok)
{
	metric_program_reloaded(&m->metrics.program, ok,
				clock_wall_ms(m->clock));
}
