#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alert/zone.h"
#include "base/arena.h"
#include "base/conf.h"
#include "base/xalloc.h"
#include "cli/alert_text.h"
#include "cli/api_client.h"
#include "cli/route_test.h"
#include "cli/text.h"

#define RP_DAY_MS (INT64_C(12) * 3600 * 1000) /* above: the date too */

struct rp {
	int64_t at_ms;
	struct arena arena; /* of times as text */
};

static void
rp_name(const char *name)
{
	printf("  %-12s ", name);
}

static const char *
rp_time(struct rp *rp, const json_t *object, const char *key)
{
	return conf_time_text(api_int(object, key), &rp->arena);
}

static void
rp_pairs(json_t *pairs)
{
	const char *key, *sep = "";
	const json_t *value;

	json_object_foreach(pairs, key, value)
	{
		printf("%s%s=\"", sep, key);
		text_put(json_string_value(value), stdout);
		putchar('"');
		sep = ", ";
	}
	putchar('\n');
}

static void
rp_strings(const json_t *list, const char *sep)
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
	{
		fputs(i > 0 ? sep : "", stdout);
		text_put(json_string_value(value), stdout);
	}
}

/* --- whom --------------------------------------------------------------------- */

/* "anna, on call by primary until 2026-11-30 09:00 CET" */
static void
rp_person(const json_t *t)
{
	const char *person = api_str(t, "person");
	const char *schedule = api_str(t, "schedule");
	char until[ZONE_TEXT_MAX];
	struct zone *zone;

	if (person[0] == '\0')
		return;
	fputs(" (", stdout);
	text_put(person, stdout);
	if (schedule[0] != '\0') {
		fputs(", on call by ", stdout);
		text_put(schedule, stdout);
	}
	if (json_object_get(t, "until_ms") != NULL &&
	    zone_open(api_str(t, "time_zone"), &zone) == 0) {
		zone_format(zone, api_int(t, "until_ms"), until);
		printf(" until %s", until);
	}
	putchar(')');
}

static void
rp_receiver(const json_t *receiver)
{
	const json_t *targets = json_object_get(receiver, "targets"), *t;
	size_t i;

	text_put(api_str(receiver, "name"), stdout);
	if (json_array_size(targets) == 0) {
		puts(": nobody");
		return;
	}
	puts(api_true(receiver, "nobody_on_call") ? ", where nobody is on call:"
						  : ":");
	json_array_foreach(targets, i, t)
	{
		rp_name("");
		printf("  %-9s ", api_str(t, "channel"));
		text_put(api_str(t, "address"), stdout);
		rp_person(t);
		putchar('\n');
	}
}

/* --- when ------------------------------------------------------------------------ */

/* With the time of day at which that is. */
static void
rp_after(struct rp *rp, int64_t ms)
{
	char when[TEXT_MAX];
	const char *day_end;

	text_time(rp->at_ms + ms, when);
	day_end = strchr(when, ' ');
	printf("after %s, at %s", conf_time_text(ms, &rp->arena),
	       ms < RP_DAY_MS && day_end != NULL ? day_end + 1 : when);
}

static void
rp_waits(struct rp *rp, const json_t *route)
{
	bool resolved =
		api_true(json_object_get(route, "receiver"), "send_resolved");

	rp_name("first told");
	rp_after(rp, api_int(route, "group_wait_ms"));
	puts(", with what has joined by then");
	rp_name("then");
	printf("what joins, every %s; what lasts, every %s\n",
	       rp_time(rp, route, "group_interval_ms"),
	       rp_time(rp, route, "repeat_interval_ms"));
	rp_name("recovery");
	if (resolved)
		printf("when it has lasted %s\n",
		       rp_time(rp, route, "resolve_hold_ms"));
	else
		puts("not told (send_resolved: false)");
}

static void
rp_escalate(struct rp *rp, const json_t *route)
{
	const json_t *steps = json_object_get(route, "escalate"), *step;
	size_t i;

	json_array_foreach(steps, i, step)
	{
		rp_name("escalation");
		rp_after(rp, api_int(route, "group_wait_ms") +
				     api_int(step, "after_ms"));
		fputs(", unless acknowledged, to ", stdout);
		rp_receiver(json_object_get(step, "receiver"));
	}
}

static void
rp_rest(struct rp *rp, const json_t *route)
{
	const json_t *fallback = json_object_get(route, "fallback");
	const json_t *rate = json_object_get(route, "rate");

	if (fallback != NULL) {
		rp_name("fallback");
		printf("where a message is refused, or not accepted within %s, "
		       "to ",
		       rp_time(rp, fallback, "after_ms"));
		rp_receiver(json_object_get(fallback, "receiver"));
	}
	if (rate == NULL)
		return;
	rp_name("at most");
	printf("%" PRId64 " in %s (%" PRId64
	       " at once), then a digest every %s\n",
	       api_int(rate, "limit"), rp_time(rp, rate, "period_ms"),
	       api_int(rate, "burst"), rp_time(rp, rate, "digest_ms"));
}

static void
rp_route(struct rp *rp, const json_t *route)
{
	putchar('\n');
	rp_name("route");
	text_put(api_str(route, "path"), stdout);
	putchar('\n');
	if (api_true(route, "muted")) {
		rp_name("NOT NOW");
		puts("by its time intervals nobody is told at this time");
	}
	rp_name("receiver");
	rp_receiver(json_object_get(route, "receiver"));
	rp_name("group");
	if (api_true(route, "each_by_itself"))
		puts("each alert by itself");
	else
		rp_pairs(json_object_get(route, "group"));
	rp_waits(rp, route);
	rp_escalate(rp, route);
	rp_rest(rp, route);
}

/* --- the alert -------------------------------------------------------------------- */

static void
rp_inhibited(const json_t *rule)
{
	const json_t *equal = json_object_get(rule, "equal");

	rp_name("inhibited");
	fputs("while another is open with ", stdout);
	rp_strings(json_object_get(rule, "source"), ", ");
	if (json_array_size(equal) > 0) {
		fputs(" and the same ", stdout);
		rp_strings(equal, ", ");
	}
	putchar('\n');
}

static void
rp_alert(struct rp *rp, const json_t *object)
{
	char *title = alert_title(object);
	const json_t *rule;
	size_t i;

	printf("%s\n", title);
	free(title);
	rp_name("labels");
	rp_pairs(json_object_get(object, "labels"));
	rp_name("counts as");
	puts(api_true(object, "critical") ? "critical" : "not critical");
	if (json_object_get(object, "heartbeat_within_ms") != NULL) {
		rp_name("heartbeat");
		printf("nobody is told, unless it has not come for %s\n",
		       rp_time(rp, object, "heartbeat_within_ms"));
	}
	if (strcmp(api_str(object, "status"), "resolved") == 0) {
		rp_name("resolved");
		puts("told to those who were told that it fires");
	}
	if (api_str(object, "maintenance")[0] != '\0') {
		rp_name("NOT NOW");
		fputs("in maintenance, so nobody is told: ", stdout);
		text_put(api_str(object, "maintenance"), stdout);
		putchar('\n');
	}
	json_array_foreach(json_object_get(object, "inhibited_by"), i, rule)
		rp_inhibited(rule);
}

void
route_test_print(const json_t *object)
{
	struct rp rp = {.at_ms = api_int(object, "at_ms")};
	const json_t *route;
	size_t i;

	arena_init(&rp.arena);
	rp_alert(&rp, object);
	json_array_foreach(json_object_get(object, "routes"), i, route)
		rp_route(&rp, route);
	arena_done(&rp.arena);
}
