/*
 * api_silences - silences as people write them: matchers are texts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine.h"
#include "base/xalloc.h"
#include "relay/alert_v2_json.h"
#include "relay/alerts.h"
#include "relay/api.h"

#define COMMENT_MAX 500

/* --- looking ------------------------------------------------------------------------ */

static json_t *
si_matchers(const struct matchers *m)
{
	json_t *json = json_array();
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < m->n; i++)
		json_array_append_new(json,
				      api_text(matcher_text(&m->v[i], &arena)));
	arena_done(&arena);
	return json;
}

static bool
si_see(void *arg, const struct engine_silence *s)
{
	json_array_append_new(
		arg, json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:o, s:o}", "id",
			       s->id, "state", silence_state_names[s->state],
			       "matchers", si_matchers(&s->matchers),
			       "starts_ms", (json_int_t)s->starts_ms, "ends_ms",
			       (json_int_t)s->ends_ms, "updated_ms",
			       (json_int_t)s->updated_ms, "created_by",
			       api_text(s->created_by), "comment",
			       api_text(s->comment)));
	return true;
}

void
api_silences_list(struct api_call *call)
{
	struct engine *e = api_engine(call);
	json_t *list;

	if (e == NULL)
		return;
	list = json_array();
	engine_each_silence(e, si_see, list);
	api_answer(call, 200, json_pack("{s:o}", "silences", list));
}

/* --- making one ---------------------------------------------------------------------- */

static void
si_bad_times(struct api_call *call)
{
	api_error(call, 400, "bad times",
		  "give `ends_ms` or `for_ms`, and `starts_ms` or nothing for "
		  "now, in milliseconds; it must end after it starts, later "
		  "than now, and in the year 9999 at the latest");
}

static void
si_set_done(void *arg, int result, const char *id)
{
	struct api_call *call = arg;

	/* Its matchers were looked at. */
	if (result == -EINVAL)
		si_bad_times(call);
	else if (api_alerts_did(call, result))
		api_answer(call, 200, json_pack("{s:s}", "id", id));
}

/* True, or the error was answered. */
static bool
si_read_matchers(struct api_call *call, struct arena *arena,
		 struct matchers *ret)
{
	const json_t *list = json_object_get(call->body, "matchers"), *one;
	char *why, *error;
	size_t i;

	if (json_array_size(list) == 0 ||
	    json_array_size(list) > MATCHERS_MAX) {
		api_error(call, 400, "no matchers, or too many",
			  "give `matchers`, a list of texts such as "
			  "job=\"db\"");
		return false;
	}
	ret->v = arena_alloc(arena, json_array_size(list) * sizeof(ret->v[0]));
	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(one);

		why = NULL;
		if (text != NULL &&
		    matcher_parse(text, arena, &ret->v[i], &why) == 0) {
			ret->n++;
			continue;
		}
		error = xasprintf("bad matcher: %s",
				  why != NULL ? why : "it is no text");
		api_error(call, 400, error, "such as job=~\"db.*\"");
		free(error);
		free(why);
		return false;
	}
	return true;
}

/* Into RET: from when and until when. 0 or -1. */
static int
si_read_times(const struct api_call *call, struct engine_silence *ret)
{
	const json_t *starts_ms = json_object_get(call->body, "starts_ms");
	const json_t *ends_ms = json_object_get(call->body, "ends_ms");
	const json_t *for_ms = json_object_get(call->body, "for_ms");

	if ((ends_ms == NULL) == (for_ms == NULL) ||
	    (starts_ms != NULL && !json_is_integer(starts_ms)) ||
	    !json_is_integer(ends_ms != NULL ? ends_ms : for_ms))
		return -1;
	ret->starts_ms = starts_ms != NULL
				 ? json_integer_value(starts_ms)
				 : loop_wall_ms(relay_home(call->relay));
	if (ends_ms != NULL)
		ret->ends_ms = json_integer_value(ends_ms);
	else if (ret->starts_ms < 0 || json_integer_value(for_ms) <= 0 ||
		 json_integer_value(for_ms) > INT64_MAX - ret->starts_ms)
		return -1;
	else
		ret->ends_ms = ret->starts_ms + json_integer_value(for_ms);
	return ret->starts_ms >= 0 && ret->ends_ms > ret->starts_ms ? 0 : -1;
}

static void
si_set(struct api_call *call, struct engine *e, struct arena *arena,
       struct engine_silence *s)
{
	const json_t *comment = json_object_get(call->body, "comment");

	s->comment = json_is_string(comment) ? json_string_value(comment) : "";
	s->created_by = api_who(call);
	if (!si_read_matchers(call, arena, &s->matchers))
		return;
	if (alert_v2_matches_nothing(&s->matchers)) {
		api_error(call, 400, "it would silence everything",
			  "at least one matcher must not match a label that "
			  "is not there");
		return;
	}
	if (si_read_times(call, s) < 0) {
		si_bad_times(call);
		return;
	}
	if ((comment != NULL && !json_is_string(comment)) ||
	    strlen(s->comment) > COMMENT_MAX) {
		api_error(call, 400, "bad comment",
			  "a text of at most 500 bytes");
		return;
	}
	api_log(call, "silence", matchers_text(&s->matchers, arena));
	engine_silence_set(e, s, si_set_done, call);
}

void
api_silences_set(struct api_call *call)
{
	struct engine *e = api_engine(call);
	struct engine_silence s = {0};
	struct arena arena;

	if (e == NULL)
		return;
	arena_init(&arena);
	si_set(call, e, &arena, &s);
	matchers_done(&s.matchers);
	arena_done(&arena);
}

/* --- ending one ----------------------------------------------------------------------- */

static void
si_expired(void *arg, int result)
{
	struct api_call *call = arg;

	if (api_alerts_did(call, result))
		api_answer(call, 200,
			   json_pack("{s:s, s:s}", "id", call->uuid, "result",
				     result == 0 ? "done" : "already"));
}

void
api_silences_expire(struct api_call *call)
{
	struct engine *e = api_engine(call);

	if (e == NULL)
		return;
	api_log(call, "silence_expire", call->uuid);
	engine_silence_expire(e, call->uuid, si_expired, call);
}
