/* Alertmanager's tree of routes. */
#include <string.h>

#include "cli/import_alertmanager.h"

#define DAY_MS  (INT64_C(24) * 3600 * 1000)
#define YEAR_MS (366 * DAY_MS)

static void ir_children(struct import_am *ia, int depth, yaml_node_t *list);

/* What all routes have. */
static void
ir_keys(struct import_am *ia, int depth, yaml_node_t *route)
{
	static const char *const known[] = {"receiver",
					    "group_by",
					    "continue",
					    "matchers",
					    "match",
					    "match_re",
					    "group_wait",
					    "routes",
					    "group_interval",
					    "repeat_interval",
					    "mute_time_intervals",
					    "active_time_intervals",
					    NULL};
	const char *receiver = am_get_text(&ia->yaml, route, "receiver");

	import_am_unknown(ia, route, known);
	if (receiver != NULL)
		import_am_put(ia, depth, "receiver: %s",
			      import_am_name(ia, receiver));
	import_am_list(ia, depth, route, "group_by");
	import_am_time(ia, depth, route, "group_wait", 0, DAY_MS);
	import_am_time(ia, depth, route, "group_interval", 1000, YEAR_MS);
	import_am_time(ia, depth, route, "repeat_interval", 60000, YEAR_MS);
	import_am_list(ia, depth, route, "mute_time_intervals");
	import_am_list(ia, depth, route, "active_time_intervals");
	ir_children(ia, depth, import_am_get_list(ia, route, "routes"));
}

static void
ir_child(struct import_am *ia, int depth, yaml_node_t *route)
{
	const char *goes_on = am_get_text(&ia->yaml, route, "continue");

	/* There must be a key. */
	import_am_put(ia, depth, "- continue: %s",
		      goes_on != NULL && strcmp(goes_on, "true") == 0
			      ? "true"
			      : "false");
	import_am_matchers(ia, depth + 1, route, "matchers", "match",
			   "match_re", "matchers");
	ir_keys(ia, depth + 1, route);
}

static void
ir_children(struct import_am *ia, int depth, yaml_node_t *list)
{
	yaml_node_t *route;

	if (am_item(&ia->yaml, list, 0) == NULL)
		return;
	if (depth > 2 * AM_DEPTH_MAX) {
		import_am_note(ia, list, "routes", "are nested too deep");
		return;
	}
	import_am_put(ia, depth, "routes:");
	/* Aliases may make more of them than anybody can write. */
	for (size_t i = 0;
	     (route = import_am_entry(ia, list, i, "routes")) != NULL &&
	     ia->lines <= IMPORT_AM_LINES_MAX;
	     i++)
		ir_child(ia, depth + 1, route);
}

/* Without `group_by` all alerts of a route are one group there. */
void
import_am_route(struct import_am *ia, yaml_node_t *route)
{
	import_am_put(ia, 1, "route:");
	if (am_item(&ia->yaml, am_get(&ia->yaml, route, "group_by"), 0) == NULL)
		import_am_put(ia, 2, "group_by: []");
	ir_keys(ia, 2, route);
}
