#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "cli/alert_text.h"
#include "cli/api_client.h"
#include "cli/status_alerts.h"
#include "cli/text.h"

/* Of the store's limit; above it mail will soon be refused. */
#define STATUS_FULL_PERCENT 80
/* So long mail may wait. The sender is told after four hours, too. */
#define STATUS_WARNING_MS  (INT64_C(4) * 60 * 60 * 1000)
#define STATUS_CRITICAL_MS (INT64_C(24) * 60 * 60 * 1000)
/* Belfryd names no more. */
#define STATUS_DOWN_MAX 10

static int64_t
status_sum(const json_t *status, const char *state)
{
	const json_t *deliveries =
		json_object_get(json_object_get(status, "queue"), "deliveries");
	json_t *classes = json_object_get(deliveries, state), *n;
	const char *class;
	int64_t sum = 0;

	json_object_foreach(classes, class, n) sum += json_integer_value(n);
	return sum;
}

/* Wall time of the oldest message of any class; 0: none. */
static int64_t
status_oldest(const json_t *status)
{
	json_t *oldest = json_object_get(json_object_get(status, "queue"),
					 "oldest_ms"),
	       *n;
	const char *class;
	int64_t first = 0;

	json_object_foreach(oldest, class, n)
	{
		int64_t ms = json_integer_value(n);

		if (ms > 0 && (first == 0 || ms < first))
			first = ms;
	}
	return first;
}

static const char *
status_plural(const json_t *queue)
{
	return api_int(queue, "messages") == 1 ? "" : "s";
}

/* What mail may take: the rest is for notices and results. */
static int64_t
status_limit(const json_t *store)
{
	int64_t limit =
		api_int(store, "limit_bytes") - api_int(store, "reserve_bytes");

	return limit > 0 ? limit : 0;
}

static int
status_percent(const json_t *store)
{
	int64_t limit = status_limit(store);
	int64_t used = api_int(store, "used_bytes");

	if (limit <= used)
		return used > 0 ? 100 : 0;
	return (int)((double)used * 100 / (double)limit);
}

/* --- for people ------------------------------------------------------------ */

static void
status_print_listeners(const json_t *status)
{
	const json_t *listeners = json_object_get(status, "listeners"), *l;
	size_t i;

	json_array_foreach(listeners, i, l)
	{
		printf("%-10s", i == 0 ? "listeners" : "");
		printf(" %-7s ", api_str(l, "kind"));
		text_put(api_str(l, "address"), stdout);
		if (strcmp(api_str(l, "name"), api_str(l, "address")) != 0) {
			fputs(" (", stdout);
			text_put(api_str(l, "name"), stdout);
			putchar(')');
		}
		if (json_object_get(l, "tls") != NULL)
			printf(", TLS %s", api_str(l, "tls"));
		if (json_object_get(l, "sessions") != NULL)
			printf(", %" PRId64 " connected",
			       api_int(l, "sessions"));
		putchar('\n');
	}
}

static void
status_print_certificates(const json_t *status)
{
	const json_t *list = json_object_get(status, "certificates"), *c;
	char until[CLOCK_RFC3339_LEN];
	size_t i;

	json_array_foreach(list, i, c)
	{
		printf("%-10s ", i == 0 ? "tls" : "");
		text_put(api_str(c, "file"), stdout);
		clock_rfc3339(api_int(c, "not_after_ms"), until);
		printf(", until %s\n", until);
	}
}

static void
status_print_queue(const json_t *status)
{
	static const char *const states[] = {"ready", "deferred", "held",
					     "failed"};
	const json_t *queue = json_object_get(status, "queue");
	int64_t oldest = status_oldest(status);
	char age[TEXT_MAX];

	printf("%-10s %" PRId64 " message%s; recipients:", "queue",
	       api_int(queue, "messages"), status_plural(queue));
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		printf("%s %" PRId64 " %s", i > 0 ? "," : "",
		       status_sum(status, states[i]), states[i]);
	if (status_sum(status, "set_aside") > 0)
		printf(", %" PRId64 " SET ASIDE (damaged)",
		       status_sum(status, "set_aside"));
	printf("; %" PRId64 " under way", api_int(queue, "active"));
	if (oldest > 0) {
		text_age(text_now() - oldest, age);
		printf("; oldest %s", age);
	}
	puts(api_true(queue, "counting") ? "; still counting" : "");
}

/* Where nothing goes: why, and when it is tried. */
static void
status_print_down(const json_t *status)
{
	const json_t *down = json_object_get(status, "down"), *d;
	char wait[TEXT_MAX];
	size_t i;

	json_array_foreach(down, i, d)
	{
		int64_t left = api_int(d, "not_before_ms") - text_now();

		text_age(left, wait);
		printf("%-10s ", i == 0 ? "down" : "");
		text_put(api_str(d, "name"), stdout);
		printf(", %" PRId64 " waiting, next try ",
		       api_int(d, "waiting"));
		fputs(left > 0 ? "in " : "now", stdout);
		printf("%s: ", left > 0 ? wait : "");
		text_put(api_str(d, "last_reply"), stdout);
		putchar('\n');
	}
}

/* Only that of the routes: nobody waits for the other one. */
static void
status_print_walk(const json_t *status)
{
	static const char *const states[] = {"ready", "deferred", "held",
					     "failed", "set_aside"};
	const json_t *walk = json_object_get(status, "walk");
	int64_t all = 0;

	if (!api_true(walk, "running") ||
	    strcmp(api_str(walk, "work"), "routes") != 0)
		return;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		all += status_sum(status, states[i]);
	printf("%-10s are looked up anew: %" PRId64 " of %" PRId64
	       " recipients, %" PRId64 " moved\n",
	       "routes", api_int(walk, "seen"), all, api_int(walk, "moved"));
}

/* What belfryd could not take. */
static void
status_print_drop(const json_t *status)
{
	const json_t *drop = json_object_get(status, "drop");
	int64_t bad = api_int(drop, "bad"), kept = api_int(drop, "kept");

	if (bad > 0 || kept > 0)
		printf("%-10s %" PRId64 " not taken yet, %" PRId64
		       " set aside as bad\n",
		       "drop", kept, bad);
}

static void
status_print(const json_t *status)
{
	const json_t *store = json_object_get(status, "store");
	const json_t *alerts = json_object_get(status, "alerts");
	char up[TEXT_MAX], used[TEXT_MAX], limit[TEXT_MAX], reserve[TEXT_MAX];

	text_age(text_now() - api_int(status, "start_ms"), up);
	text_size(api_int(store, "used_bytes"), used);
	text_size(status_limit(store), limit);
	text_size(api_int(store, "reserve_bytes"), reserve);
	alert_print_mute(json_object_get(alerts, "mute"), stdout);
	api_print_pause(json_object_get(status, "pause"), stdout);
	printf("%-10s %s on %s, pid %" PRId64 ", up %s%s\n", "belfryd",
	       api_str(status, "version"), api_str(status, "hostname"),
	       api_int(status, "pid"), up,
	       api_true(status, "stopping") ? ", STOPPING" : "");
	status_print_listeners(status);
	status_print_certificates(status);
	status_print_alerts(alerts);
	status_print_queue(status);
	status_print_down(status);
	status_print_walk(status);
	status_print_drop(status);
	printf("%-10s %s of %s (%d %%), %s in reserve%s; schema %" PRId64 "; ",
	       "store", used, limit, status_percent(store), reserve,
	       api_true(store, "room") ? "" : ", FULL: mail is refused",
	       api_int(store, "schema"));
	if (api_int(store, "last_backup_ms") > 0) {
		text_age(text_now() - api_int(store, "last_backup_ms"), up);
		printf("last backup %s ago\n", up);
	} else {
		puts("no backup yet");
	}
}

/* --- for monitoring -------------------------------------------------------- */

enum status_level {
	STATUS_WELL,
	STATUS_WARNING,
	STATUS_CRITICAL,
	STATUS_UNKNOWN
};

struct status_verdict {
	enum status_level level;
	struct buf why;
};

static void
status_because(struct status_verdict *v, enum status_level level,
	       const char *why)
{
	if (level > v->level)
		v->level = level;
	if (v->why.len > 0)
		buf_append_str(&v->why, ", ");
	buf_append_str(&v->why, why);
}

/* Mail can wait so long; 0: for ever. */
struct status_ages {
	int64_t warning_ms, critical_ms;
};

/* Since when mail waits that nobody holds; 0: none does. Among held messages
 * and those set aside the oldest of the others is not known: then that of the
 * destinations that are down. */
static int64_t
status_waits_since(const json_t *status)
{
	const json_t *down = json_object_get(status, "down"), *d;
	int64_t first = 0;
	size_t i;

	if (status_sum(status, "held") == 0 &&
	    status_sum(status, "set_aside") == 0)
		return status_oldest(status);
	json_array_foreach(down, i, d)
	{
		int64_t ms = api_int(d, "oldest_ms");

		if (ms > 0 && (first == 0 || ms < first))
			first = ms;
	}
	return first;
}

static void
status_judge_age(const json_t *status, const struct status_ages *ages,
		 struct status_verdict *v)
{
	int64_t since = status_waits_since(status), ms = text_now() - since;
	char age[TEXT_MAX], why[TEXT_MAX + 32];
	enum status_level level = STATUS_WELL;

	if (since == 0)
		return;
	if (ages->critical_ms > 0 && ms >= ages->critical_ms)
		level = STATUS_CRITICAL;
	else if (ages->warning_ms > 0 && ms >= ages->warning_ms)
		level = STATUS_WARNING;
	if (level == STATUS_WELL)
		return;
	text_age(ms, age);
	snprintf(why, sizeof(why), "mail waits for %s", age);
	status_because(v, level, why);
}

/* Of a name what stands in the line of a plugin. */
static void
status_plain(char *name)
{
	for (; *name != '\0'; name++)
		if (*name <= ' ' || *name > '~' || *name == '|')
			*name = '?';
}

static void
status_judge_down(const json_t *status, struct status_verdict *v)
{
	const json_t *down = json_object_get(status, "down");
	size_t n = json_array_size(down);
	char name[64], why[128];

	if (n == 0)
		return;
	snprintf(name, sizeof(name), "%s",
		 api_str(json_array_get(down, 0), "name"));
	status_plain(name);
	if (n == 1)
		snprintf(why, sizeof(why), "%s is down", name);
	else
		snprintf(why, sizeof(why), "%zu%s destinations are down (%s)",
			 n, n < STATUS_DOWN_MAX ? "" : " or more", name);
	status_because(v, STATUS_WARNING, why);
}

static void
status_judge_drop(const json_t *status, struct status_verdict *v)
{
	const json_t *drop = json_object_get(status, "drop");

	if (api_int(drop, "bad") > 0)
		status_because(v, STATUS_WARNING,
			       "the drop folder has bad files");
	if (api_int(drop, "kept") > 0)
		status_because(v, STATUS_WARNING,
			       "files of the drop folder can't be taken");
}

static void
status_judge_told(const json_t *status, struct status_verdict *v)
{
	char why[STATUS_ALERT_REASONS][64];
	size_t n = status_judge_alerts(json_object_get(status, "alerts"), why);

	for (size_t i = 0; i < n; i++)
		status_because(v, STATUS_WARNING, why[i]);
}

static void
status_judge(const json_t *status, const struct status_ages *ages,
	     struct status_verdict *v)
{
	const json_t *store = json_object_get(status, "store");

	if (!api_true(store, "room"))
		status_because(v, STATUS_CRITICAL,
			       "the store is full, mail is refused");
	else if (status_percent(store) >= STATUS_FULL_PERCENT)
		status_because(v, STATUS_WARNING, "the store is nearly full");
	if (api_true(json_object_get(status, "pause"), "paused"))
		status_because(v, STATUS_WARNING, "delivery is paused");
	if (api_true(status, "stopping"))
		status_because(v, STATUS_WARNING, "belfryd is stopping");
	if (status_sum(status, "set_aside") > 0)
		status_because(v, STATUS_WARNING,
			       "damaged messages were set aside");
	status_judge_down(status, v);
	status_judge_age(status, ages, v);
	status_judge_drop(status, v);
	status_judge_told(status, v);
}

/* One line, as plugins of monitoring systems print it. */
static int
status_check(const json_t *status, const struct status_ages *ages)
{
	static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
	const json_t *queue = json_object_get(status, "queue");
	struct status_verdict v = {.level = STATUS_WELL};
	int64_t oldest = status_oldest(status);

	buf_init(&v.why, 1024);
	status_judge(status, ages, &v);
	printf("BELFRY %s - %s%s%" PRId64 " message%s, store %d %% | "
	       "messages=%" PRId64 " deferred=%" PRId64 " oldest=%" PRId64
	       "s store=%" PRId64 "B\n",
	       words[v.level], buf_str(&v.why), v.why.len > 0 ? "; " : "",
	       api_int(queue, "messages"), status_plural(queue),
	       status_percent(json_object_get(status, "store")),
	       api_int(queue, "messages"), status_sum(status, "deferred"),
	       oldest > 0 ? (text_now() - oldest) / 1000 : 0,
	       api_int(json_object_get(status, "store"), "used_bytes"));
	buf_done(&v.why);
	return (int)v.level;
}

static int
status_check_failed(int exit)
{
	bool unknown = exit == CLI_NOT_ALLOWED || exit == CLI_CONFIG;

	puts(unknown ? "BELFRY UNKNOWN - belfryd can't be asked"
		     : "BELFRY CRITICAL - belfryd does not answer");
	return unknown ? STATUS_UNKNOWN : STATUS_CRITICAL;
}

/* False: after saying why. Other options are fine. */
static bool
status_age_option(struct status_ages *ages, int c)
{
	int64_t *ms = c == 'W' ? &ages->warning_ms : &ages->critical_ms;

	if ((c != 'W' && c != 'C') || conf_parse_time(optarg, ms) == 0)
		return true;
	cli_say("`%s` is no time; write for example 30m, 4h or 1d", optarg);
	return false;
}

int
cli_status(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"check", no_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'},
		{"warning", required_argument, NULL, 'W'},
		{"critical", required_argument, NULL, 'C'},
		{NULL, 0, NULL, 0},
	};
	struct status_ages ages = {STATUS_WARNING_MS, STATUS_CRITICAL_MS};
	bool check = false, json = false, aged = false;
	json_t *status = NULL;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'W' || c == 'C')
			aged = true;
		else if (c != 'c' && c != 'j')
			return cli_usage(cli);
		check = check || c == 'c';
		json = json || c == 'j';
		if (!status_age_option(&ages, c))
			return CLI_USAGE;
	}
	if (optind < argc || (aged && !check))
		return cli_usage(cli);
	r = api_call(cli, "GET", "status", NULL, NULL, &status);
	if (r != CLI_OK)
		return check ? status_check_failed(r) : r;
	if (check)
		r = status_check(status, &ages);
	else if (json)
		api_print_line(status);
	else
		status_print(status);
	json_decref(status);
	return r;
}
