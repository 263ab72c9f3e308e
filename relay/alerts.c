#include "relay/alerts.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "alert/rules.h"
#include "base/xalloc.h"
#include "relay/alert_write.h"
#include "relay/heartbeat.h"
#include "relay/own_alerts.h"

_Static_assert(LOGINS_SECRET_LEN == ALERT_LINK_KEY_LEN, "one sort of file");

struct alerts {
	struct relay *relay; /* borrowed */
	struct alert_link_key key;
	struct engine *engine;       /* owned */
	struct heartbeat *heartbeat; /* owned */
	struct own_alerts *own;      /* owned; NULL before the start */
};

static void
alerts_write(void *ctx, struct engine_letter *letter)
{
	struct alerts *a = ctx;

	alert_write(a->relay, &a->key, letter);
}

static int
alerts_read_key(struct alerts *a)
{
	char *path =
		xasprintf("%s/alert.secret", relay_config(a->relay)->state_dir);
	int result = logins_read_secret(path, a->key.bytes);

	free(path);
	return result;
}

static int
alerts_new_heartbeat(struct alerts *a)
{
	struct relay *r = a->relay;
	const struct heartbeat_deps deps = {
		.loop = relay_home(r),
		.dns = r->loops[0].dns,
		.clock = r->clock,
		.queue = r->queue,
		.log = &r->log_root,
		.metrics = r->metrics,
	};

	return heartbeat_new(&deps, &a->heartbeat);
}

static void
alerts_set_heartbeat(struct alerts *a)
{
	const struct snapshot *s = a->relay->snapshot;
	const struct secret *url = alert_secrets_ping_url(s->alert_secrets);

	heartbeat_set(a->heartbeat, s->rules, url != NULL ? url->bytes : NULL);
}

static bool
alerts_hear(void *ctx, const struct alert *alert)
{
	struct alerts *a = ctx;

	return heartbeat_hear(a->heartbeat, alert);
}

int
alerts_new(struct relay *r, struct alerts **ret)
{
	struct alerts *a = xcalloc(1, sizeof(*a));
	const struct engine_deps deps = {
		.queue = r->queue,
		.loop = relay_home(r),
		.clock = r->clock,
		.log = &r->log_root,
		.metrics = r->metrics,
		.write = alerts_write,
		.write_ctx = a,
		.hear = alerts_hear,
		.hear_ctx = a,
		.hostname = relay_config(r)->hostname,
	};
	int result;

	a->relay = r;
	result = alerts_read_key(a);
	if (result == 0)
		result = alerts_new_heartbeat(a);
	if (result == 0)
		result = engine_new(&deps, &a->engine);
	if (result < 0) {
		alerts_free(&a);
		return result;
	}
	deliver_set_endpoints(r->deliver, r->snapshot->endpoints);
	*ret = a;
	return 0;
}

void
alerts_start(struct alerts *a)
{
	engine_start(a->engine, a->relay->snapshot->rules);
	alerts_set_heartbeat(a);
	heartbeat_start(a->heartbeat, a->engine);
	a->own = own_alerts_new(a->relay, a->engine);
}

void
alerts_reload(struct alerts *a)
{
	deliver_set_endpoints(a->relay->deliver, a->relay->snapshot->endpoints);
	engine_set_rules(a->engine, a->relay->snapshot->rules);
	alerts_set_heartbeat(a);
	own_alerts_look(a->own);
}

void
alerts_refused(struct alerts *a, const char *source, const char *why,
	       const char *help)
{
	if (a->own != NULL)
		own_alerts_refused(a->own, source, why, help);
}

void
alerts_stop(struct alerts *a)
{
	if (a == NULL)
		return;
	heartbeat_stop(a->heartbeat);
	own_alerts_stop(a->own);
	engine_stop(a->engine);
}

void
alerts_free(struct alerts **ap)
{
	struct alerts *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	engine_free(&a->engine);
	own_alerts_free(&a->own);
	heartbeat_free(&a->heartbeat);
	OPENSSL_cleanse(&a->key, sizeof(a->key));
	free(a);
}

struct engine *
alerts_engine(struct alerts *a)
{
	return a->engine;
}

const struct alert_link_key *
alerts_key(const struct alerts *a)
{
	return &a->key;
}

bool
alerts_is_on(const struct alerts *a)
{
	return rules_is_on(a->relay->snapshot->rules);
}

struct engine *
relay_engine(const struct relay *r)
{
	return r->alerts != NULL && alerts_is_on(r->alerts) ? r->alerts->engine
							    : NULL;
}
