/*
 * alert_v2_post - what Prometheus posts: read, taken, and answered when it is
 * in the store.
 */
#include <errno.h>
#include <stdlib.h>

#include "alert/intake.h"
#include "alert/rules.h"
#include "base/xalloc.h"
#include "relay/alert_v2.h"
#include "relay/alerts.h"

/* The source that it belongs to, configured or built in. */
#define POST_SOURCE "alertmanager"

/* From here on it is read in the pool: a millisecond and more. */
#define POST_LARGE (32 * 1024)

struct v2_post {
	struct relay *relay;       /* borrowed */
	struct http_request *http; /* the answer's */
	struct rules *rules;       /* a reference: SOURCE is of them */
	const struct rules_source *source;
	int64_t now_ms;
	int result; /* of the reading */
	struct alert_batch batch;
	char *why; /* owned */
	struct pool_job job;
};

static void
post_free(struct v2_post *p)
{
	alert_batch_done(&p->batch);
	rules_unref(&p->rules);
	free(p->why);
	free(p);
}

static void
post_taken(void *arg, int result)
{
	struct v2_post *p = arg;

	if (result < 0)
		alert_v2_busy(p->http);
	else if (p->result < 0)
		alert_v2_refuse(p->http, 400, p->why);
	else
		http_answer(p->http, 200, NULL, "", 0);
	post_free(p);
}

/* In the pool, or where it is small. */
static void
post_read(void *arg)
{
	struct v2_post *p = arg;
	size_t len;
	const char *body = http_request_body(p->http, &len);

	p->result = intake_prometheus(p->source, body, len, p->now_ms,
				      &p->batch, &p->why);
}

/* What was understood counts, even beside something that was not. */
static void
post_take(void *arg)
{
	struct v2_post *p = arg;
	struct engine *e = relay_engine(p->relay);
	const void *body;
	size_t len;

	if (e == NULL) {
		post_taken(p, -ESHUTDOWN);
		return;
	}
	if (p->result < 0) {
		body = http_request_body(p->http, &len);
		log_event(&p->relay->log_root, LOG_WARNING, "alert_malformed",
			  LOG_STR("source", p->source->name),
			  LOG_INT("size", (int64_t)len),
			  LOG_STR("reason", p->why));
		engine_keep_malformed(e, p->source->name, p->why, body, len);
	}
	if (p->batch.n > 0)
		engine_take(e, p->batch.v, p->batch.n, post_taken, p);
	else
		post_taken(p, 0);
}

void
alert_v2_post(struct relay *r, struct http_request *http,
	      const struct http_who *who)
{
	struct v2_post *p;
	size_t len;

	(void)who;
	p = xcalloc(1, sizeof(*p));
	p->relay = r;
	p->http = http;
	p->rules = rules_ref(r->snapshot->rules);
	p->source = rules_source(p->rules, POST_SOURCE);
	p->now_ms = loop_wall_ms(relay_home(r));
	alert_batch_init(&p->batch);
	http_request_body(http, &len);
	if (p->source == NULL) {
		alert_v2_refuse(http, 404, "no source is called alertmanager");
		post_free(p);
	} else if (len < POST_LARGE) {
		post_read(p);
		post_take(p);
	} else if (pool_run(r->cpu, &p->job, post_read, relay_home(r),
			    post_take, p) < 0) {
		post_taken(p, -EAGAIN);
	}
}
