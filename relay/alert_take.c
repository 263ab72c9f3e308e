#include "relay/alert_take.h"

#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "relay/alerts.h"

const char *const alert_event_names[] = {
	[ALERT_EVENT_FIRING] = "firing",
	[ALERT_EVENT_RESOLVED] = "resolved",
	[ALERT_EVENT_IGNORED] = "ignored",
	[ALERT_EVENT_MALFORMED] = "malformed",
	[ALERT_EVENT_UNAUTHORIZED] = "unauthorized",
	[ALERT_EVENT_FORBIDDEN] = "forbidden",
	[ALERT_EVENT_LARGE] = "large",
	[ALERT_EVENT_LIMITED] = "limited",
	[ALERT_EVENT_LATER] = "later",
};

/* What is counted when it is durable. */
struct taking {
	struct relay *relay; /* borrowed */
	char *source;        /* owned: the rules may be others by then */
	size_t firing, resolved;
	engine_done_fn *done;
	void *arg;
};

void
alert_take_count(struct relay *r, const char *source, enum alert_event event,
		 size_t n)
{
	if (n > 0)
		metric_add(metric_cell(r->smtp_metrics.alert_events, source,
				       alert_event_names[event], NULL),
			   (int64_t)n);
}

static void
taking_done(void *arg, int result)
{
	struct taking *t = arg;
	size_t all = t->firing + t->resolved;

	if (result == 0) {
		alert_take_count(t->relay, t->source, ALERT_EVENT_FIRING,
				 t->firing);
		alert_take_count(t->relay, t->source, ALERT_EVENT_RESOLVED,
				 t->resolved);
	} else {
		alert_take_count(t->relay, t->source, ALERT_EVENT_LATER, all);
	}
	t->done(t->arg, result);
	free(t->source);
	free(t);
}

void
alert_take(struct relay *r, const struct rules_source *source,
	   const struct alert_batch *batch, engine_done_fn *done, void *arg)
{
	struct taking *t = xcalloc(1, sizeof(*t));

	t->relay = r;
	t->source = xstrdup(source->name);
	t->done = done;
	t->arg = arg;
	for (size_t i = 0; i < batch->n; i++) {
		t->firing += batch->v[i].status == ALERT_FIRING;
		t->resolved += batch->v[i].status == ALERT_RESOLVED;
	}
	if (r->alerts == NULL || r->stopping)
		taking_done(t, -ESHUTDOWN);
	else
		engine_take(alerts_engine(r->alerts), batch->v, batch->n,
			    taking_done, t);
}

void
alert_take_lost(struct relay *r, const struct rules_source *source,
		enum alert_event event)
{
	if (r->alerts == NULL || r->stopping)
		return;
	if (event == ALERT_EVENT_LARGE)
		alerts_refused(r->alerts, source->name, "a post was too large",
			       "give the source a larger `body`, or let it "
			       "post less at once");
	else if (event == ALERT_EVENT_LIMITED)
		alerts_refused(r->alerts, source->name,
			       "more posts came than its `rate`",
			       "give the source a higher `rate`, or let it "
			       "post less often");
}

void
alert_take_malformed(struct relay *r, const struct rules_source *source,
		     const char *why, const void *body, size_t len)
{
	alert_take_count(r, source->name, ALERT_EVENT_MALFORMED, 1);
	if (r->alerts == NULL || r->stopping)
		return;
	alerts_refused(r->alerts, source->name, why,
		       "see `belfry alert malformed`");
	engine_keep_malformed(alerts_engine(r->alerts), source->name, why, body,
			      len);
}

int
alert_take_nowhere(struct relay *r, const struct http_who *who)
{
	char ip[SOCKADDR_TEXT_MAX];

	if ((who->rights & USER_POST) == 0)
		return 404;
	sockaddr_ip(&who->client, ip);
	log_event(&r->log_root, LOG_WARNING, "alert_refused",
		  LOG_STR("source", ""), LOG_STR("client", ip),
		  LOG_INT("status", 404), LOG_STR("reason", "name"));
	return 404;
}
