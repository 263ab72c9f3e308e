/*
 * alert_v2_list - the listings of alerts and of their groups.
 *
 * There may be 100,000 of them, so that nothing is done in one go: first the ids
 * are gathered, then each alert is looked up and written, as many in a turn of
 * the loop as its time allows, and what came or went meanwhile is there or not.
 *
 *	gather -> (again) -> sort -> (again) -> write -> (again) -> answered
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/run_sort.h"
#include "base/xalloc.h"
#include "relay/alert_v2.h"
#include "relay/alert_v2_json.h"
#include "relay/alerts.h"
#include "relay/api.h"
#include "relay/look_turn.h"

#define LIST_GROUPS    2000 /* in a turn */
#define LIST_BYTES_MAX (256 * 1024 * 1024)

struct v2_group {
	const char *receiver;
	struct labels labels;
	size_t at; /* of its first row */
	size_t n;
};

struct v2_row {
	uint64_t id, fingerprint;
};

struct v2_list {
	struct relay *relay;       /* borrowed */
	struct http_request *http; /* the answer's */
	struct alert_v2_query query;
	struct arena arena; /* of QUERY and of the groups */
	bool grouped;
	uint64_t from; /* to gather from */
	bool gathered;
	struct run_sort sort;
	struct look_turn turn;
	bool paused; /* TURN was over before all were seen */
	size_t nrows, row_room;
	struct v2_row *rows; /* owned */
	size_t ngroups, group_room;
	struct v2_group *groups; /* owned */
	size_t group_at, at;     /* to be written */
	bool begun;              /* the group at GROUP_AT is in OUT */
	struct buf out;
	bool full; /* of OUT */
	struct post post;
};

static void
list_free(struct v2_list *l)
{
	l->relay->alert_lists--;
	alert_v2_query_done(&l->query);
	run_sort_done(&l->sort);
	arena_done(&l->arena);
	free(l->rows);
	free(l->groups);
	buf_done(&l->out);
	free(l);
}

/* --- gathering --------------------------------------------------------------- */

static struct v2_row *
list_add_row(struct v2_list *l)
{
	if (l->nrows == l->row_room) {
		l->row_room = l->row_room > 0 ? 2 * l->row_room : 256;
		l->rows =
			xreallocarray(l->rows, l->row_room, sizeof(l->rows[0]));
	}
	return &l->rows[l->nrows++];
}

static bool
list_see(void *arg, const struct incident_view *v)
{
	struct v2_list *l = arg;

	if (alert_v2_query_has(&l->query, v))
		*list_add_row(l) = (struct v2_row){
			.id = v->id,
			.fingerprint = labels_fingerprint(v->labels),
		};
	l->from = v->id + 1;
	l->paused = look_turn_is_over(&l->turn);
	return !l->paused;
}

static bool
list_see_group(void *arg, const struct group_view *v)
{
	struct v2_list *l = arg;
	struct v2_group *g;

	if (!alert_v2_query_has_receiver(&l->query, v->receiver))
		return true;
	if (l->ngroups == l->group_room) {
		l->group_room = l->group_room > 0 ? 2 * l->group_room : 64;
		l->groups = xreallocarray(l->groups, l->group_room,
					  sizeof(l->groups[0]));
	}
	g = &l->groups[l->ngroups++];
	*g = (struct v2_group){
		.receiver = arena_strdup(&l->arena, v->receiver),
		.at = l->nrows,
		.n = v->nincidents,
	};
	labels_copy(&l->arena, v->labels, &g->labels);
	for (size_t i = 0; i < v->nincidents; i++)
		*list_add_row(l) = (struct v2_row){.id = v->incidents[i]};
	return true;
}

static int
list_compare_rows(const void *av, const void *bv)
{
	const struct v2_row *a = av, *b = bv;

	if (a->fingerprint != b->fingerprint)
		return a->fingerprint < b->fingerprint ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

/* Fewer labels first, then by names and values. */
static int
list_compare_labels(const struct labels *a, const struct labels *b)
{
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (size_t i = 0; i < a->n; i++) {
		int c = strcmp(a->v[i].name, b->v[i].name);

		if (c == 0)
			c = strcmp(a->v[i].value, b->v[i].value);
		if (c != 0)
			return c;
	}
	return 0;
}

static int
list_compare_groups(const void *av, const void *bv)
{
	const struct v2_group *a = av, *b = bv;
	int c = list_compare_labels(&a->labels, &b->labels);

	return c != 0 ? c : strcmp(a->receiver, b->receiver);
}

static const struct engine_filter list_not_over = {
	.states = 1U << INCIDENT_OPEN | 1U << INCIDENT_STALE,
};

/* True: all of it is there. */
static bool
list_gather(struct v2_list *l)
{
	struct engine *e = relay_engine(l->relay);

	l->paused = false;
	if (l->grouped) {
		l->from = engine_each_group(e, l->from, LIST_GROUPS,
					    list_see_group, l);
		return l->from == 0;
	}
	engine_each(e, &list_not_over, l->from, SIZE_MAX, list_see, l);
	return !l->paused;
}

static void
list_begin_sort(struct v2_list *l)
{
	l->gathered = true;
	if (l->grouped)
		run_sort_init(&l->sort, l->groups, l->ngroups,
			      sizeof(l->groups[0]), list_compare_groups);
	else
		run_sort_init(&l->sort, l->rows, l->nrows, sizeof(l->rows[0]),
			      list_compare_rows);
}

/* --- writing ------------------------------------------------------------------- */

static int
list_dump(const char *data, size_t len, void *arg)
{
	return buf_append(arg, data, len) < 0 ? -1 : 0;
}

/* Takes JSON over. */
static void
list_write_json(struct v2_list *l, json_t *json)
{
	if (json_dump_callback(json, list_dump, &l->out, JSON_COMPACT) < 0)
		l->full = true;
	json_decref(json);
}

static void
list_write(struct v2_list *l, const char *text)
{
	if (buf_append_str(&l->out, text) < 0)
		l->full = true;
}

/* A group comes with the first of its alerts that is meant. */
static void
list_begin_item(struct v2_list *l)
{
	bool first = l->out.len == 1;

	if (!l->grouped) {
		list_write(l, first ? "" : ",");
		return;
	}
	if (l->begun) {
		list_write(l, ",");
		return;
	}
	list_write(l, first ? "{\"alerts\":[" : ",{\"alerts\":[");
	l->begun = true;
}

static void
list_end_group(struct v2_list *l)
{
	const struct v2_group *g = &l->groups[l->group_at];

	if (l->begun) {
		list_write(l, "],\"labels\":");
		list_write_json(l, alert_v2_labels(&g->labels));
		list_write(l, ",\"receiver\":");
		list_write_json(
			l, json_pack("{s:o}", "name", api_text(g->receiver)));
		list_write(l, "}");
	}
	l->begun = false;
	l->at = 0;
	l->group_at++;
}

static bool
list_write_alert(void *arg, const struct incident_view *v)
{
	struct v2_list *l = arg;

	if (!alert_v2_query_has(&l->query, v))
		return false;
	list_begin_item(l);
	list_write_json(l, alert_v2_alert(v, &l->query, l->grouped));
	return false;
}

/* The next row in the order of the answer; NULL: there is none left. */
static const struct v2_row *
list_next_row(struct v2_list *l)
{
	if (!l->grouped)
		return l->at < l->nrows ? &l->rows[l->at++] : NULL;
	while (l->group_at < l->ngroups) {
		const struct v2_group *g = &l->groups[l->group_at];

		if (l->at < g->n)
			return &l->rows[g->at + l->at++];
		list_end_group(l);
	}
	return NULL;
}

/* True: all of it is there. */
static bool
list_write_some(struct v2_list *l)
{
	struct engine *e = relay_engine(l->relay);

	while (!l->full && !look_turn_is_over(&l->turn)) {
		const struct v2_row *row = list_next_row(l);

		if (row == NULL) {
			list_write(l, "]");
			return true;
		}
		engine_find(e, row->id, list_write_alert, l);
	}
	return l->full;
}

/* --- turns --------------------------------------------------------------------- */

static bool
list_costs_too_much(const struct v2_list *l)
{
	return l->query.limits > LOOK_LIMITS_MAX;
}

static void
list_answer(struct v2_list *l)
{
	if (list_costs_too_much(l))
		alert_v2_refuse(l->http, 400, LOOK_LIMITS_WHY);
	else if (l->full)
		alert_v2_refuse(l->http, 500,
				"too many alerts for one answer; filter them");
	else
		http_answer(l->http, 200, "application/json", l->out.data,
			    l->out.len);
	list_free(l);
}

static void
list_turn(void *arg)
{
	struct v2_list *l = arg;
	bool done = false;

	if (relay_engine(l->relay) == NULL) { /* the end, of belfryd */
		alert_v2_busy(l->http);
		list_free(l);
		return;
	}
	look_turn_begin(&l->turn);
	if (l->out.len > 0) {
		done = list_write_some(l);
	} else if (l->gathered) {
		if (run_sort_step(&l->sort))
			list_write(l, "[");
	} else if (list_gather(l)) {
		list_begin_sort(l);
	}
	if (done || list_costs_too_much(l))
		list_answer(l);
	else
		loop_post(relay_home(l->relay), &l->post, list_turn, l);
}

/* --- what is asked for ----------------------------------------------------------- */

struct v2_params {
	struct v2_list *list;
	char *why; /* owned; NULL: all is well */
};

static void
list_param(void *arg, const char *name, const char *value)
{
	struct v2_params *p = arg;

	if (p->why == NULL)
		alert_v2_query_set(&p->list->query, &p->list->arena, name,
				   value, &p->why);
}

void
alert_v2_list(struct relay *r, struct http_request *http, bool grouped)
{
	struct v2_params params = {0};
	struct v2_list *l;

	if (r->alert_lists == LOOK_AT_ONCE) {
		alert_v2_busy(http);
		return;
	}
	r->alert_lists++;
	l = xcalloc(1, sizeof(*l));
	l->relay = r;
	l->http = http;
	l->grouped = grouped;
	arena_init(&l->arena);
	buf_init(&l->out, LIST_BYTES_MAX);
	alert_v2_query_init(&l->query);
	params.list = l;
	http_request_each(http, HTTP_QUERY, list_param, &params);
	if (params.why == NULL) {
		list_turn(l);
		return;
	}
	alert_v2_refuse(http, 400, params.why);
	free(params.why);
	list_free(l);
}
