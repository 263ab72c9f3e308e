#include "base/metric_program.h"

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

void
metric_program_init(struct metric_program *p, struct metrics *m,
		    const char *name)
{
	p->reload_ok = metric_cell(metric_register(m, &metric_reload_ok), NULL);
	p->reload_time =
		metric_cell(metric_register(m, &metric_reload_time), NULL);
	metric_set(metric_cell(metric_register(m, &metric_build_info), name,
			       BELFRY_VERSION, NULL),
		   1);
}

void
metric_program_reloaded(struct metric_program *p, bool ok, int64_t now_ms)
{
	metric_set(p->reload_ok, ok ? 1 : 0);
	if (ok)
		metric_set(p->reload_time, (double)now_ms / 1000);
}
