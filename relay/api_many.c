/*
 * api_many - one action on all messages of a page that a query means.
 *
 * Whoever asks goes from page to page, so that nothing here is long: rows are
 * read as for a listing, and then each message is acted on as if its id had
 * been given, some at a time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "relay/api.h"

#define MANY_ROWS 1000
#define MANY_OUT  64 /* at once */

enum many_result {
	MANY_DONE,
	MANY_ALREADY,
	MANY_HELD,
	MANY_BUSY,
	MANY_GONE,
	MANY_KEPT,
	MANY_FAILED
};
#define MANY_NRESULT 7
static const char *const many_result_names[] = {
	[MANY_DONE] = "done",     [MANY_ALREADY] = "already",
	[MANY_HELD] = "held",     [MANY_BUSY] = "busy",
	[MANY_GONE] = "gone",     [MANY_KEPT] = "kept",
	[MANY_FAILED] = "failed",
};

struct many_one {
	struct api_many *many; /* borrowed */
	uint64_t id;
};

struct api_many {
	struct api_call *call; /* owned until it is answered */
	bool count;            /* only that */
	enum queue_action action;
	size_t n, at, out;
	struct many_one *v; /* owned */
	size_t looked, recipients, results[MANY_NRESULT];
	int error; /* of the last that failed */
	uint64_t next;
};

static void
many_answer(struct api_many *m)
{
	struct api_call *call = m->call;
	json_t *json = json_object();
	char next[QUEUE_ID_LEN];

	json_object_set_new(
		json, "action",
		json_string(m->count ? "count" : api_action_names[m->action]));
	json_object_set_new(json, "looked",
			    json_integer((json_int_t)m->looked));
	json_object_set_new(json, "matched", json_integer((json_int_t)m->n));
	json_object_set_new(json, "recipients",
			    json_integer((json_int_t)m->recipients));
	for (int i = 0; i < MANY_NRESULT; i++)
		json_object_set_new(json, many_result_names[i],
				    json_integer((json_int_t)m->results[i]));
	if (m->error != 0)
		json_object_set_new(json, "error",
				    json_string(strerror(-m->error)));
	if (m->next != 0)
		queue_id_text(m->next, next);
	json_object_set_new(json, "next",
			    m->next != 0 ? json_string(next) : json_null());
	free(m->v);
	free(m);
	api_answer(call, 200, json);
}

static enum many_result
many_result_of(int result)
{
	switch (result) {
	case 0:
		return MANY_DONE;
	case -EALREADY:
		return MANY_ALREADY;
	case -EPERM:
		return MANY_HELD;
	case -EBUSY:
		return MANY_BUSY;
	case -ENOENT:
		return MANY_GONE;
	case -ESTALE:
		return MANY_KEPT;
	default:
		return MANY_FAILED;
	}
}

static void many_go(struct api_many *m);

static void
many_one_done(void *arg, int result)
{
	struct many_one *one = arg;
	struct api_many *m = one->many;

	if (result == 0 && m->call->relay->http != NULL) {
		m->call->id = one->id;
		api_log(m->call, api_action_names[m->action], "by a filter");
	}
	m->results[many_result_of(result)]++;
	if (many_result_of(result) == MANY_FAILED)
		m->error = result;
	m->out--;
	many_go(m);
}

static void
many_go(struct api_many *m)
{
	struct relay *r = m->call->relay;

	while (m->at < m->n && m->out < MANY_OUT && r->http != NULL) {
		struct many_one *one = &m->v[m->at++];

		m->out++;
		queue_act(r->queue, m->action, one->id, relay_home(r),
			  many_one_done, one);
	}
	if (m->out == 0)
		many_answer(m);
}

static void
many_listed(void *arg, struct queue_listing *l)
{
	struct api_many *m = arg;
	int result = l->result;

	m->n = l->n;
	m->v = xcalloc(l->n + 1, sizeof(*m->v));
	for (size_t i = 0; i < l->n; i++) {
		m->v[i] = (struct many_one){m, l->v[i].id};
		m->recipients += l->v[i].nrcpt;
	}
	m->looked = l->looked;
	m->next = l->next;
	queue_listing_free(&l);
	if (result < 0) {
		api_error(m->call, 503, strerror(-result), "try again");
		free(m->v);
		free(m);
		return;
	}
	if (m->count)
		m->at = m->n;
	many_go(m);
}

/* All messages must be meant in so many words. */
static bool
many_may(struct api_call *call)
{
	if (!api_filter_is_empty(call) || call->filter_all)
		return true;
	api_error(call, 400, "no filter",
		  "say all=1 when all messages are meant");
	return false;
}

void
api_queue_act_many(struct api_call *call)
{
	const char *name = http_request_query(call->http, "action");
	bool count = name != NULL && strcmp(name, "count") == 0;
	enum queue_action action = QUEUE_HOLD;
	size_t rows = MANY_ROWS;
	struct api_many *m;
	uint64_t from;

	if (!count && !api_action_parse(call, name, &action))
		return;
	if (!api_filter_read(call, &from, &rows) || !many_may(call))
		return;
	m = xcalloc(1, sizeof(*m));
	m->call = call;
	m->count = count;
	m->action = action;
	if (queue_list(call->relay->queue, from, rows, api_filter(call),
		       relay_home(call->relay), many_listed, m) == 0)
		return;
	free(m);
	api_error(call, 503, "too many listings at once", "try again");
}
