/*
 * alert_v2 - /api/v2: what Alertmanager 0.25 serves, so that Prometheus, amtool
 * and dashboards of Alertmanager need not know who answers.
 *
 * On the home loop. Errors are as there: a JSON string for what Alertmanager
 * itself refuses, {"code", "message"} for what its framework does; they are
 * always 400, where its framework says 422.
 */
#ifndef RELAY_ALERT_V2_H
#define RELAY_ALERT_V2_H

#include "relay/http_who.h"
#include "relay/relay.h"

/* May it go on, to /api/v2/alerts? See struct http_page. */
int alert_v2_gate(struct relay *r, struct http_request *http,
		  const struct http_who *who, bool login);
/* Serve a path below /api/v2/ to WHO, which is not used afterwards. */
void alert_v2_handle(struct relay *r, struct http_request *http,
		     const struct http_who *who);

/* The rest is between the files of alert_v2. */
/* A JSON string, as Alertmanager refuses. */
void alert_v2_refuse(struct http_request *http, int status, const char *why);
/* 503, and when to come again. */
void alert_v2_busy(struct http_request *http);

/* alert_v2_list.c: alerts, or with GROUPED their groups. */
void alert_v2_list(struct relay *r, struct http_request *http, bool grouped);

#endif
