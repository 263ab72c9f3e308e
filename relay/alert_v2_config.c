#include "relay/alert_v2_config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "relay/api.h"

#define DEPTH_MAX 32

/* A string as YAML takes it, which is a string of JSON. */
static void
vc_text(struct buf *out, const char *text)
{
	json_t *json = api_text(text);
	char *quoted = json_dumps(json, JSON_ENCODE_ANY);

	buf_append_str(out, quoted);
	free(quoted);
	json_decref(json);
}

static void
vc_indent(struct buf *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		buf_append_str(out, "  ");
}

static void
vc_string(struct buf *out, unsigned depth, const char *key, const char *text)
{
	vc_indent(out, depth);
	buf_printf(out, "%s: ", key);
	vc_text(out, text);
	buf_append_str(out, "\n");
}

static void
vc_strings(struct buf *out, unsigned depth, const char *key,
	   const struct conf_strings *list)
{
	if (list->n == 0)
		return;
	vc_indent(out, depth);
	buf_printf(out, "%s: [", key);
	for (size_t i = 0; i < list->n; i++) {
		buf_append_str(out, i > 0 ? ", " : "");
		vc_text(out, list->v[i]);
	}
	buf_append_str(out, "]\n");
}

/* Where Alertmanager takes none of 0 it is left to its default. */
static void
vc_time(struct buf *out, unsigned depth, const char *key, int64_t ms)
{
	if (ms <= 0)
		return;
	vc_indent(out, depth);
	if (ms % 1000 == 0)
		buf_printf(out, "%s: %" PRId64 "s\n", key, ms / 1000);
	else
		buf_printf(out, "%s: %" PRId64 "ms\n", key, ms);
}

static const char *
vc_root_receiver(const struct alerts_conf *conf)
{
	const char *name = conf->route.receiver.text;

	return name != NULL && name[0] != '\0' ? name : ALERTS_DEFAULT_RECEIVER;
}

/* All of a route but its receiver. */
static void
vc_route(struct buf *out, const struct alert_route_conf *route, unsigned depth)
{
	const struct alert_route_conf *below = route->routes.v;

	vc_strings(out, depth, "matchers", &route->matchers);
	vc_strings(out, depth, "group_by", &route->group_by);
	vc_time(out, depth, "group_wait", route->group_wait_ms);
	vc_time(out, depth, "group_interval", route->group_interval_ms);
	vc_time(out, depth, "repeat_interval", route->repeat_ms);
	if (route->routes.n == 0 || depth > DEPTH_MAX)
		return;
	vc_indent(out, depth);
	buf_append_str(out, "routes:\n");
	for (size_t i = 0; i < route->routes.n; i++) {
		const char *receiver = below[i].receiver.text;

		/* An item wants a first line of its own. */
		vc_indent(out, depth);
		buf_append_str(out, "- continue: ");
		buf_append_str(out, below[i].goes_on ? "true\n" : "false\n");
		if (receiver != NULL && receiver[0] != '\0')
			vc_string(out, depth + 1, "receiver", receiver);
		vc_route(out, &below[i], depth + 1);
	}
}

static void
vc_inhibits(struct buf *out, const struct alerts_conf *conf)
{
	const struct alert_inhibit_conf *rules = conf->inhibit.v;

	buf_append_str(out, conf->inhibit.n > 0 ? "inhibit_rules:\n" : "");
	for (size_t i = 0; i < conf->inhibit.n; i++) {
		/* Both sides always have a matcher. */
		buf_append_str(out, "-\n");
		vc_strings(out, 1, "source_matchers", &rules[i].source);
		vc_strings(out, 1, "target_matchers", &rules[i].target);
		vc_strings(out, 1, "equal", &rules[i].equal);
	}
}

void
alert_v2_config(const struct alerts_conf *conf, struct buf *out)
{
	const char *name;

	buf_append_str(out, "route:\n");
	vc_string(out, 1, "receiver", vc_root_receiver(conf));
	vc_route(out, &conf->route, 1);
	vc_inhibits(out, conf);
	buf_append_str(out, "receivers:\n");
	for (size_t i = 0; (name = alert_v2_receiver(conf, i)) != NULL; i++) {
		buf_append_str(out, "- name: ");
		vc_text(out, name);
		buf_append_str(out, "\n");
	}
}

static bool
vc_has_receiver(const struct alerts_conf *conf, const char *name)
{
	const struct alert_receiver_conf *v = conf->receivers.v;

	for (size_t i = 0; i < conf->receivers.n; i++)
		if (strcmp(v[i].name, name) == 0)
			return true;
	return false;
}

const char *
alert_v2_receiver(const struct alerts_conf *conf, size_t at)
{
	const struct alert_receiver_conf *v = conf->receivers.v;
	size_t before = !vc_has_receiver(conf, vc_root_receiver(conf)) ||
			(conf->mail.n > 0 &&
			 !vc_has_receiver(conf, ALERTS_DEFAULT_RECEIVER));

	if (at < before)
		return ALERTS_DEFAULT_RECEIVER;
	return at - before < conf->receivers.n ? v[at - before].name : NULL;
}
