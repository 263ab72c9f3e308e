#include "relay/certificates.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "config/tls_load.h"

#define DAY_MS            (INT64_C(24) * 60 * 60 * 1000)
#define CERTIFICATES_SOON 14 /* days: a renewal that works comes earlier */

struct certificates {
	struct relay *relay; /* borrowed */
	struct metric_family *not_after;
	struct loop_timer daily;
};

static const struct metric_desc metric_not_after = {
	.name = "belfry_tls_certificate_not_after_timestamp_seconds",
	.type = METRIC_GAUGE,
	.help = "When a certificate of tls ends",
	.labels = {"file", NULL},
};

int64_t
certificates_days(int64_t not_after_ms, int64_t now_ms)
{
	int64_t left = not_after_ms - now_ms;

	return left >= 0 ? left / DAY_MS : -1 - (-1 - left) / DAY_MS;
}

static void
certificates_warn(struct certificates *c, const char *file, int64_t not_after)
{
	int64_t now = clock_wall_ms(c->relay->clock);
	int64_t days = certificates_days(not_after, now);
	char until[CLOCK_RFC3339_LEN];

	if (days >= CERTIFICATES_SOON)
		return;
	clock_rfc3339(not_after, until);
	log_event(&c->relay->log_root, LOG_WARNING, "certificate",
		  LOG_STR("file", file), LOG_STR("not_after", until),
		  LOG_INT("days", days),
		  LOG_STR("help", days < 0
					  ? "it has ended: clients that verify "
					    "it send nothing; renew and "
					    "reload"
					  : "renew it, then reload"));
}

void
certificates_look(struct certificates *c)
{
	const struct snapshot *s = c->relay->snapshot;
	size_t n = s->tls != NULL ? config_tls_npairs(s->config) : 0;

	metric_family_clear(c->not_after);
	for (size_t i = 0; i < n; i++) {
		const char *file =
			config_tls_pair(s->config, i)->certificate_file.text;
		int64_t not_after = tls_server_not_after_ms(s->tls, i);

		metric_set(metric_cell(c->not_after, file, NULL),
			   (double)(not_after / 1000));
		certificates_warn(c, file, not_after);
	}
	loop_timer_set(&c->daily, DAY_MS);
}

static void
certificates_daily(void *arg)
{
	certificates_look(arg);
}

struct certificates *
certificates_new(struct relay *r)
{
	struct certificates *c = xcalloc(1, sizeof(*c));

	c->relay = r;
	c->not_after = metric_register(r->metrics, &metric_not_after);
	loop_timer_init(&c->daily, relay_home(r), certificates_daily, c);
	certificates_look(c);
	return c;
}

void
certificates_free(struct certificates **c)
{
	if (*c != NULL)
		loop_timer_done(&(*c)->daily);
	free(*c);
	*c = NULL;
}

json_t *
certificates_json(const struct snapshot *s)
{
	size_t n = s->tls != NULL ? config_tls_npairs(s->config) : 0;
	json_t *json = json_array();

	for (size_t i = 0; i < n; i++) {
		const char *file =
			config_tls_pair(s->config, i)->certificate_file.text;

		json_array_append_new(
			json,
			json_pack("{s:s, s:I}", "file", file, "not_after_ms",
				  (json_int_t)tls_server_not_after_ms(s->tls,
								      i)));
	}
	return json;
}
