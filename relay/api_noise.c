/*
 * api_noise - which rules told people how much, for whoever wants fewer alerts.
 */
#include "alert/report.h"
#include "relay/api.h"

#define NOISE_DAYS     7
#define NOISE_DAYS_MAX 90
#define DAY_MS         INT64_C(86400000)

static void
noise_told(void *arg, int result, size_t n, const struct report_row *v)
{
	struct api_call *call = arg;
	int64_t now_ms;
	json_t *rules;

	if (!api_alerts_did(call, result))
		return;
	now_ms = loop_wall_ms(relay_home(call->relay));
	rules = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			rules,
			json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I}",
				  "source", api_text(v[i].source), "alertname",
				  api_text(v[i].alertname), "incidents",
				  (json_int_t)v[i].incidents, "notices",
				  (json_int_t)v[i].notices, "acked",
				  (json_int_t)v[i].acked, "flapping",
				  (json_int_t)v[i].flapping, "noise",
				  (json_int_t)v[i].noise));
	api_answer(call, 200,
		   json_pack("{s:I, s:I, s:o}", "since_ms",
			     (json_int_t)call->since_ms, "until_ms",
			     (json_int_t)now_ms, "rules", rules));
}

void
api_noise(struct api_call *call)
{
	struct engine *e = api_engine(call);
	int64_t days = NOISE_DAYS;

	if (e == NULL ||
	    !api_query_number(call, "days", 1, NOISE_DAYS_MAX, &days))
		return;
	call->since_ms = loop_wall_ms(relay_home(call->relay)) - days * DAY_MS;
	engine_report(e, call->since_ms, noise_told, call);
}
