/* What the rules say of an alert. */
#include <string.h>
#include <strings.h>

#include "alert/rules_impl.h"

bool
rules_match(const struct rules *r, const struct matchers *m,
	    const struct labels *labels)
{
	unsigned limits = 0;
	bool match = matchers_match(m, labels, &limits);

	if (limits > 0)
		atomic_fetch_add(r->limits, limits);
	return match;
}

bool
rules_match_surely(const struct rules *r, const struct matchers *m,
		   const struct labels *labels)
{
	unsigned limits = 0;
	bool match = matchers_match(m, labels, &limits);

	if (limits > 0)
		atomic_fetch_add(r->limits, limits);
	return match && limits == 0;
}

bool
rules_is_critical(const struct rules *r, const struct labels *labels)
{
	return r->critical.n > 0 && rules_match(r, &r->critical, labels);
}

/* --- the walk ------------------------------------------------------------------- */

struct walk {
	const struct rules *rules;
	const struct labels *labels;
	struct arena *arena;
	const struct rules_node **v;
	size_t n, room;
};

static void
walk_add(struct walk *w, const struct rules_node *node)
{
	if (w->n == w->room) {
		size_t room = w->room > 0 ? 2 * w->room : 4;
		const struct rules_node **v =
			arena_alloc(w->arena, room * sizeof(*v));

		if (w->n > 0)
			memcpy(v, w->v, w->n * sizeof(*v));
		w->v = v;
		w->room = room;
	}
	w->v[w->n++] = node;
}

/* Did it come to a node? */
static bool
walk_node(struct walk *w, const struct rules_node *node)
{
	bool found = false;

	if (!rules_match(w->rules, &node->matchers, w->labels))
		return false;
	for (size_t i = 0; i < node->nchildren; i++) {
		const struct rules_node *child = &node->children[i];

		if (!walk_node(w, child))
			continue;
		found = true;
		if (!child->goes_on)
			break;
	}
	if (!found)
		walk_add(w, node);
	return true;
}

size_t
rules_route(const struct rules *r, const struct labels *labels,
	    struct arena *arena, const struct rules_node ***ret)
{
	struct walk w = {.rules = r, .labels = labels, .arena = arena};

	if (rules_is_on(r))
		walk_node(&w, &r->root);
	*ret = w.v;
	return w.n;
}

static bool
contain(const struct time_intervals *const *v, size_t n, int64_t now_ms)
{
	for (size_t i = 0; i < n; i++)
		if (time_intervals_contain(v[i], now_ms))
			return true;
	return false;
}

bool
rules_node_muted(const struct rules_node *node, int64_t now_ms)
{
	return contain(node->mute, node->nmute, now_ms) ||
	       (node->nactive > 0 &&
		!contain(node->active, node->nactive, now_ms));
}

bool
rules_has_windows(const struct rules *r)
{
	return r->nmaintenance > 0 || r->nintervals > 0;
}

const char *
rules_maintenance(const struct rules *r, const struct labels *labels,
		  int64_t now_ms)
{
	for (size_t i = 0; i < r->nmaintenance; i++) {
		const struct rules_maintenance *m = &r->maintenance[i];
		bool now =
			m->nintervals > 0
				? contain(m->intervals, m->nintervals, now_ms)
				: now_ms >= m->from_ms && now_ms < m->until_ms;

		if (now && rules_match_surely(r, &m->matchers, labels))
			return m->name;
	}
	return NULL;
}

/* --- targets -------------------------------------------------------------------- */

static void
add_target(struct target *v, size_t *n, const char *address,
	   const struct rules_person *person)
{
	for (size_t i = 0; i < *n; i++)
		if (strcasecmp(v[i].address, address) == 0)
			return;
	v[(*n)++] = (struct target){
		.channel = CHANNEL_MAIL,
		.address = address,
		.person = person != NULL ? person->name : NULL,
		.time_zone = person != NULL ? person->time_zone : "",
	};
}

size_t
rules_targets(const struct rules *r, const struct rules_receiver *receiver,
	      int64_t now_ms, struct arena *arena, struct target **ret)
{
	bool nobody;
	size_t n = 0;
	struct target *v =
		arena_alloc(arena, (receiver->nschedules + receiver->nstandby +
				    receiver->nmail + receiver->nendpoints) *
					   sizeof(*v));

	for (size_t i = 0; i < receiver->nschedules; i++) {
		const char *name = rota_on_call(receiver->schedules[i], now_ms);
		const struct rules_person *p =
			name != NULL ? rules_person(r, name) : NULL;

		if (p != NULL)
			add_target(v, &n, p->mail, p);
	}
	for (size_t i = 0; i < receiver->nmail; i++)
		add_target(v, &n, receiver->mail[i].address,
			   receiver->mail[i].person);
	for (size_t i = 0; i < receiver->nendpoints; i++)
		v[n++] = (struct target){
			.channel = receiver->endpoints[i].channel,
			.address = receiver->endpoints[i].name,
			.time_zone = "",
		};
	nobody = n == 0;
	for (size_t i = 0; nobody && i < receiver->nstandby; i++)
		add_target(v, &n, receiver->standby[i]->mail,
			   receiver->standby[i]);
	*ret = v;
	return n;
}

bool
rules_has_target(const struct rules *r, enum channel channel,
		 const char *address)
{
	const struct rules_endpoint *endpoint;

	if (channel != CHANNEL_MAIL) {
		endpoint = rules_endpoint(r, address);
		return endpoint != NULL && endpoint->channel == channel;
	}
	/* Schedules have overrides. */
	for (size_t i = 0; i < r->npeople; i++)
		if (strcasecmp(r->people[i].mail, address) == 0)
			return true;
	for (size_t i = 0; i < r->nreceivers; i++)
		for (size_t k = 0; k < r->receivers[i].nmail; k++)
			if (strcasecmp(r->receivers[i].mail[k].address,
				       address) == 0)
				return true;
	return false;
}
