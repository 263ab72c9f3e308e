/* The route, and when nobody is told: intervals, inhibition, maintenance. */
#include <stdlib.h>
#include <string.h>

#include "alert/rules_impl.h"

#define GROUP_WAIT_MS          (INT64_C(30) * 1000)
#define GROUP_WAIT_CRITICAL_MS (INT64_C(5) * 1000)
#define GROUP_INTERVAL_MS      (INT64_C(5) * 60 * 1000)
#define REPEAT_MS              (INT64_C(4) * 3600 * 1000)
#define RESOLVE_HOLD_MS        (INT64_C(2) * 60 * 1000)
#define ROOT_PATH              "default route"

/* --- intervals ------------------------------------------------------------------ */

static const struct time_intervals *
rt_find_intervals(const struct rules *r, const char *name)
{
	for (size_t i = 0; i < r->nintervals; i++)
		if (strcmp(r->intervals[i].name, name) == 0)
			return &r->intervals[i];
	return NULL;
}

/* One that is wrong is there all the same, and contains nothing. */
static void
rt_intervals(struct rules_maker *m)
{
	const struct time_intervals_conf *c = m->conf->intervals.v;
	size_t n = m->conf->intervals.n;
	struct rules *r = m->rules;

	r->intervals = RULES_ROOM(m, struct time_intervals, n);
	for (size_t i = 0; i < n; i++, c++) {
		struct time_intervals *to = &r->intervals[r->nintervals];

		if (rt_find_intervals(r, c->name) != NULL)
			rules_twice(m, "time_intervals", c->name, &c->mark);
		if (!time_intervals_read(c, m->arena, m->errors, to))
			*to = (struct time_intervals){.n = 0};
		to->name = arena_strdup(m->arena, c->name);
		r->nintervals++;
	}
}

static const struct time_intervals *const *
rt_named_intervals(struct rules_maker *m, const struct conf_strings *names,
		   size_t *ret_n)
{
	const struct time_intervals **v =
		RULES_ROOM(m, const struct time_intervals *, names->n);

	*ret_n = 0;
	for (size_t i = 0; i < names->n; i++) {
		const struct time_intervals *t =
			rt_find_intervals(m->rules, names->v[i]);

		if (t == NULL)
			RULES_UNKNOWN(m, "entry of `time_intervals` called",
				      intervals, struct time_intervals_conf,
				      names->v[i], &names->marks[i]);
		else
			v[(*ret_n)++] = t;
	}
	return v;
}

/* --- nodes ---------------------------------------------------------------------- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
rt_group_by(struct rules_maker *m, const struct conf_strings *s,
	    struct rules_node *node)
{
	const char **v;

	if (s->v == NULL)
		return;
	node->group_all = s->n == 1 && strcmp(s->v[0], RULES_GROUP_BY_ALL) == 0;
	node->ngroup_by = 0;
	if (node->group_all)
		return;
	v = RULES_ROOM(m, const char *, s->n);
	for (size_t i = 0; i < s->n; i++)
		v[i] = arena_strdup(m->arena, s->v[i]);
	qsort(v, s->n, sizeof(*v), by_text);
	for (size_t i = 0; i < s->n; i++)
		if (i == 0 || strcmp(v[i], v[node->ngroup_by - 1]) != 0)
			v[node->ngroup_by++] = v[i];
	node->group_by = v;
}

static void
rt_waits(const struct alert_route_conf *c, struct rules_node *node)
{
	if (c->group_wait_ms >= 0)
		node->group_wait_ms = node->group_wait_critical_ms =
			c->group_wait_ms;
	if (c->group_interval_ms >= 0)
		node->group_interval_ms = c->group_interval_ms;
	if (c->repeat_ms >= 0)
		node->repeat_ms = c->repeat_ms;
	if (c->resolve_hold_ms >= 0)
		node->resolve_hold_ms = c->resolve_hold_ms;
}

static const struct rules_receiver *
rt_receiver(struct rules_maker *m, const struct conf_text *name)
{
	const struct rules_receiver *to =
		rules_find_receiver(m->rules, name->text);

	if (to == NULL)
		RULES_UNKNOWN(m, "receiver", receivers,
			      struct alert_receiver_conf, name->text,
			      &name->mark);
	return to;
}

/* That nobody is to be told is said by the name. */
static bool
rt_is_silent_by_mistake(const struct rules_receiver *to)
{
	return to->nobody && strcmp(to->name, "nobody") != 0;
}

static void
rt_warn_silent(struct rules_maker *m, const struct conf_text *name,
	       const struct rules_receiver *to)
{
	if (to != NULL && rt_is_silent_by_mistake(to))
		conf_warning(m->errors, &name->mark,
			     "the receiver `%s` has no address: nobody is told "
			     "of what comes here; call it `nobody` if that is "
			     "meant",
			     to->name);
}

static int
by_after(const void *a, const void *b)
{
	const struct rules_escalation *x = a, *y = b;

	return x->after_ms < y->after_ms ? -1 : x->after_ms > y->after_ms;
}

static bool
rt_has_step(const struct rules_escalation *v, size_t n,
	    const struct rules_receiver *to)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].receiver == to)
			return true;
	return false;
}

static void
rt_escalate(struct rules_maker *m, const struct conf_list *list,
	    struct rules_node *node)
{
	const struct alert_escalation_conf *c = list->v;
	struct rules_escalation *v;

	if (list->v == NULL)
		return;
	v = RULES_ROOM(m, struct rules_escalation, list->n);
	node->nescalate = 0;
	node->escalate = v;
	for (size_t i = 0; i < list->n; i++, c++) {
		const struct rules_receiver *to = rt_receiver(m, &c->receiver);

		if (to == NULL)
			continue;
		if (to->nobody)
			conf_error(m->errors, &c->receiver.mark,
				   "the receiver `%s` tells nobody", to->name);
		if (rt_has_step(v, node->nescalate, to))
			conf_error(m->errors, &c->receiver.mark,
				   "`%s` is told by an earlier step", to->name);
		v[node->nescalate++] =
			(struct rules_escalation){c->after_ms, to};
	}
	qsort(v, node->nescalate, sizeof(*v), by_after);
}

/* The steps may be those of a route above. */
static void
rt_check_escalate(struct rules_maker *m, const struct alert_route_conf *c,
		  const struct rules_node *node)
{
	if (node->receiver != NULL &&
	    rt_has_step(node->escalate, node->nescalate, node->receiver))
		conf_error(m->errors, &c->mark,
			   "the route escalates to `%s`, which is its receiver "
			   "already; give it an `escalate` of its own",
			   node->receiver->name);
}

static const char *
rt_path(struct rules_maker *m, const struct rules_node *above,
	const struct matchers *matchers)
{
	const char *own =
		matchers->n > 0 ? matchers_text(matchers, m->arena) : "all";

	if (strcmp(above->path, ROOT_PATH) == 0)
		return own;
	return arena_printf(m->arena, "%s > %s", above->path, own);
}

/* NODE has what the route above says. */
static void
rt_fill(struct rules_maker *m, const struct alert_route_conf *c,
	struct rules_node *node)
{
	if (c->receiver.text[0] != '\0')
		node->receiver = rt_receiver(m, &c->receiver);
	rt_group_by(m, &c->group_by, node);
	rt_waits(c, node);
	rt_escalate(m, &c->escalate, node);
	rt_check_escalate(m, c, node);
}

static void rt_children(struct rules_maker *m, const struct alert_route_conf *c,
			struct rules_node *node);

static void
rt_child(struct rules_maker *m, const struct alert_route_conf *c,
	 const struct rules_node *above, struct rules_node *node)
{
	*node = *above;
	node->matchers = (struct matchers){.n = 0};
	node->nchildren = 0;
	node->goes_on = c->goes_on;
	rules_matchers(m, "matchers", &c->matchers, &node->matchers);
	node->path = rt_path(m, above, &node->matchers);
	rt_fill(m, c, node);
	if (c->receiver.text[0] != '\0')
		rt_warn_silent(m, &c->receiver, node->receiver);
	node->mute = rt_named_intervals(m, &c->mute, &node->nmute);
	node->active = rt_named_intervals(m, &c->active, &node->nactive);
	rt_children(m, c, node);
}

/* As deep as YAML may be. */
static void
rt_children(struct rules_maker *m, const struct alert_route_conf *c,
	    struct rules_node *node)
{
	const struct alert_route_conf *below = c->routes.v;
	struct rules_node *v = RULES_ROOM(m, struct rules_node, c->routes.n);

	node->children = v;
	for (; node->nchildren < c->routes.n; node->nchildren++)
		rt_child(m, &below[node->nchildren], node, &v[node->nchildren]);
}

/* --- the top -------------------------------------------------------------------- */

static void
rt_check_root(struct rules_maker *m, const struct alert_route_conf *c)
{
	static const char only[] = "at the top of `route` there is no `%s`: it "
				   "takes what no route below it does";

	if (c->matchers.n > 0)
		conf_error(m->errors, &c->matchers.marks[0], only, "matchers");
	if (c->goes_on)
		conf_error(m->errors, &c->mark, only, "continue");
	if (c->mute.n > 0)
		conf_error(m->errors, &c->mute.marks[0], only,
			   "mute_time_intervals");
	if (c->active.n > 0)
		conf_error(m->errors, &c->active.marks[0], only,
			   "active_time_intervals");
}

/* Something that means nothing as long as nobody is told. */
static bool
rt_wants_somebody(const struct alerts_conf *c)
{
	return c->sources.n + c->people.n + c->schedules.n + c->receivers.n +
			       c->route.routes.n + c->inhibit.n +
			       c->maintenance.n + c->heartbeat.expect.n >
		       0 ||
	       c->url[0] != '\0' || c->reply[0] != '\0' || c->from[0] != '\0';
}

static void
rt_root(struct rules_maker *m)
{
	static const char *const by_alertname[] = {"alertname"};
	const struct alert_route_conf *c = &m->conf->route;
	struct rules_node *root = &m->rules->root;

	*root = (struct rules_node){
		.receiver =
			rules_find_receiver(m->rules, ALERTS_DEFAULT_RECEIVER),
		.ngroup_by = 1,
		.group_by = by_alertname,
		.group_wait_ms = GROUP_WAIT_MS,
		.group_wait_critical_ms = GROUP_WAIT_CRITICAL_MS,
		.group_interval_ms = GROUP_INTERVAL_MS,
		.repeat_ms = REPEAT_MS,
		.resolve_hold_ms = RESOLVE_HOLD_MS,
		.path = ROOT_PATH,
	};
	rt_check_root(m, c);
	rt_fill(m, c, root);
	if (root->receiver == NULL && c->receiver.text[0] == '\0' &&
	    rt_wants_somebody(m->conf))
		conf_error(m->errors, &m->conf->mark,
			   "`alerts` tells nobody: write `mail: "
			   "[anna@example.org]`, or name a `receiver` in "
			   "`route`");
	rt_children(m, c, root);
}

static void
rt_somebody(struct rules_maker *m)
{
	const struct conf_text *name = &m->conf->route.receiver;
	const struct rules *r = m->rules;
	bool somebody = r->root.receiver == NULL;

	for (size_t i = 0; !somebody && i < r->nreceivers; i++)
		somebody = !rt_is_silent_by_mistake(&r->receivers[i]);
	if (somebody)
		rt_warn_silent(m, name, r->root.receiver);
	else
		conf_error(m->errors, &name->mark,
			   "`alerts` tells nobody: no receiver has an address; "
			   "give `%s` for example `mail: [anna@example.org]`, "
			   "or call it `nobody`",
			   r->root.receiver->name);
}

/* --- inhibition ----------------------------------------------------------------- */

static void
rt_inhibit(struct rules_maker *m)
{
	const struct alert_inhibit_conf *c = m->conf->inhibit.v;
	size_t n = m->conf->inhibit.n;
	struct rules *r = m->rules;

	if (n > RULES_INHIBIT_MAX) {
		conf_error(m->errors, &c[RULES_INHIBIT_MAX].mark,
			   "more than %d `inhibit_rules`", RULES_INHIBIT_MAX);
		n = RULES_INHIBIT_MAX;
	}
	r->inhibit = RULES_ROOM(m, struct rules_inhibit, n);
	for (; r->ninhibit < n; r->ninhibit++, c++) {
		struct rules_inhibit *to = &r->inhibit[r->ninhibit];

		if (c->source.n == 0 || c->target.n == 0)
			conf_error(m->errors, &c->mark,
				   "without matchers every alert would be "
				   "meant: give `source_matchers` and "
				   "`target_matchers`");
		rules_matchers(m, "source_matchers", &c->source, &to->source);
		rules_matchers(m, "target_matchers", &c->target, &to->target);
		to->nequal = c->equal.n;
		to->equal = rules_copy_strings(m, &c->equal);
	}
}

/* --- maintenance ---------------------------------------------------------------- */

static bool
rt_moment(struct rules_maker *m, struct zone *zone, const char *key,
	  const struct conf_text *text, bool end, int64_t *ret)
{
	struct civil when;
	bool date_only;

	if (civil_parse(text->text, &when, &date_only) < 0) {
		conf_error(m->errors, &text->mark,
			   "`%s` is a time or a day, like 2026-12-24T22:00, "
			   "not `%s`",
			   key, text->text);
		return false;
	}
	/* The day that ends it is part of it. */
	if (end && date_only)
		when.day++;
	*ret = zone_to_wall_ms(zone, when);
	return true;
}

static void
rt_window(struct rules_maker *m, const struct alert_maintenance_conf *c,
	  struct rules_maintenance *to)
{
	struct zone *zone;

	if (zone_open(c->time_zone.text, &zone) < 0) {
		conf_error(m->errors, &c->time_zone.mark,
			   "`time_zone` is one like Europe/Berlin, not `%s`",
			   c->time_zone.text);
		return;
	}
	if (rt_moment(m, zone, "start", &c->start, false, &to->from_ms) &&
	    rt_moment(m, zone, "end", &c->end, true, &to->until_ms) &&
	    to->from_ms >= to->until_ms)
		conf_error(m->errors, &c->end.mark,
			   "`end` %s is not after `start` %s", c->end.text,
			   c->start.text);
}

static void
rt_maintenance(struct rules_maker *m)
{
	const struct alert_maintenance_conf *c = m->conf->maintenance.v;
	size_t n = m->conf->maintenance.n;
	struct rules *r = m->rules;

	r->maintenance = RULES_ROOM(m, struct rules_maintenance, n);
	for (; r->nmaintenance < n; r->nmaintenance++, c++) {
		struct rules_maintenance *to = &r->maintenance[r->nmaintenance];

		for (size_t i = 0; i < r->nmaintenance; i++)
			if (strcmp(r->maintenance[i].name, c->name) == 0)
				rules_twice(m, "entries of `maintenance`",
					    c->name, &c->mark);
		to->name = arena_strdup(m->arena, c->name);
		rules_matchers(m, "matchers", &c->matchers, &to->matchers);
		to->intervals =
			rt_named_intervals(m, &c->intervals, &to->nintervals);
		if (c->intervals.n == 0)
			rt_window(m, c, to);
	}
}

/* --- all ------------------------------------------------------------------------ */

void
rules_make_tree(struct rules_maker *m)
{
	rt_intervals(m);
	rt_root(m);
	rt_somebody(m);
	rt_inhibit(m);
	rt_maintenance(m);
}

static void
rt_free_node(struct rules_node *node)
{
	matchers_done(&node->matchers);
	for (size_t i = 0; i < node->nchildren; i++)
		rt_free_node(&node->children[i]);
}

void
rules_free_tree(struct rules *r)
{
	rt_free_node(&r->root);
	for (size_t i = 0; i < r->ninhibit; i++) {
		matchers_done(&r->inhibit[i].source);
		matchers_done(&r->inhibit[i].target);
	}
	for (size_t i = 0; i < r->nmaintenance; i++)
		matchers_done(&r->maintenance[i].matchers);
}
