/*
 * api_malformed - what sources posted and could not be understood. What is in
 * it may be anything, secrets too: it is for the right `admin`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine.h"
#include "relay/api.h"

static void
mal_listed(void *arg, int result, size_t n, const struct malformed_view *v)
{
	struct api_call *call = arg;
	json_t *list;

	if (!api_alerts_did(call, result))
		return;
	list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:I, s:I, s:o, s:o, s:I, s:I}",
					"number", (json_int_t)i + 1, "when_ms",
					(json_int_t)v[i].when_ms, "source",
					api_text(v[i].source), "why",
					api_text(v[i].why), "size",
					(json_int_t)v[i].size, "kept",
					(json_int_t)v[i].len));
	api_answer(call, 200, json_pack("{s:o}", "malformed", list));
}

void
api_malformed(struct api_call *call)
{
	struct engine *e = api_engine(call);

	if (e != NULL)
		engine_each_malformed(e, mal_listed, call);
}

static void
mal_shown(void *arg, int result, size_t n, const struct malformed_view *v)
{
	struct api_call *call = arg;
	unsigned long number = strtoul(call->number, NULL, 10);

	if (!api_alerts_did(call, result))
		return;
	if (number >= 1 && number <= n)
		api_answer_raw(call, 200, "application/octet-stream",
			       v[number - 1].body, v[number - 1].len);
	else
		api_error(call, 404, "no such number",
			  "`belfry alert malformed` lists them");
}

void
api_malformed_show(struct api_call *call)
{
	struct engine *e = api_engine(call);

	if (e != NULL)
		engine_each_malformed(e, mal_shown, call);
}
