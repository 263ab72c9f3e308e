/*
 * alert_v2_json - what /api/v2 says and is told, as Alertmanager 0.25 has it.
 *
 * Pure: views of the engine in, JSON out, and what a client asks for the other
 * way. Whoever parses the answers of Alertmanager (amtool, karma, Grafana) finds
 * every member that it has there, with the same type.
 */
#ifndef RELAY_ALERT_V2_JSON_H
#define RELAY_ALERT_V2_JSON_H

#include <jansson.h>

#include "alert/engine.h"

/* What a listing of alerts or groups is asked for. */
struct alert_v2_query {
	bool active, silenced, inhibited;
	struct matchers matchers;
	struct expression *receiver; /* NULL: any */
	/* Receivers that were looked at. */
	size_t nknown;
	struct v2_known *known; /* owned */
	unsigned limits;        /* expressions that took too much to know */
};

void alert_v2_query_init(struct alert_v2_query *q);
/* A parameter of the URL; unknown ones are none. What it needs is in ARENA. 0,
 * or -EINVAL with what Alertmanager would say, which the caller frees. */
int alert_v2_query_set(struct alert_v2_query *q, struct arena *arena,
		       const char *name, const char *value, char **ret_why);
void alert_v2_query_done(struct alert_v2_query *q);

/* Is it one of those that the query means? What is over is none; what is no
 * longer reported is not over. Where an expression takes too much to know, yes,
 * and it is counted. */
bool alert_v2_query_has(struct alert_v2_query *q,
			const struct incident_view *v);
bool alert_v2_query_has_receiver(struct alert_v2_query *q,
				 const char *receiver);

/* A gettable alert; with GROUPED, its receivers as a group of Alertmanager lists
 * them: those that Q names, by name. */
json_t *alert_v2_alert(const struct incident_view *v, struct alert_v2_query *q,
		       bool grouped);
/* {"name": "value", ...} */
json_t *alert_v2_labels(const struct labels *l);

/* A gettable silence. */
json_t *alert_v2_silence(const struct engine_silence *s);
/* Has the silence every one of these matchers, as it is written? */
bool alert_v2_silence_has(const struct engine_silence *s,
			  const struct matchers *filter);
/* Alertmanager's order: active ones by their end, pending ones by their start,
 * and the last expired first; for qsort() of pointers. */
int alert_v2_silence_compare(const struct engine_silence *a,
			     const struct engine_silence *b);
/* A postable silence: into *RET, strings in ARENA, matchers to be done by the
 * caller in any case. 0, or -EINVAL with what Alertmanager would say. */
int alert_v2_silence_read(const char *body, size_t len, int64_t now_ms,
			  struct arena *arena, struct engine_silence *ret,
			  char **ret_why);
bool alert_v2_is_uuid(const char *text);
/* Do all of them match a label that is not there, without saying so by != or
 * !~? Then they match most things, and no silence may have them. */
bool alert_v2_matches_nothing(const struct matchers *m);

#endif
