#include "relay/snapshot.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "alert/endpoints.h"
#include "base/xalloc.h"
#include "config/dkim_load.h"
#include "config/tls_load.h"

static void
service_init(struct service *service, const struct snapshot *s,
	     const char *name, const struct smtp_metrics *m)
{
	const struct config *config = s->config;

	service->name = name;
	service->smtp.hostname = config->hostname;
	service->smtp.origin = routing_origin(s->routing);
	service->smtp.rewrite = s->rewrite;
	service->smtp.limits = &config->limits;
	for (int i = 0; i < QUEUE_NCLASS; i++)
		service->accepted[i] = metric_cell(m->accepted, name,
						   queue_class_names[i], NULL);
	for (int i = 0; i < SMTP_IN_NNO; i++)
		service->refused[i] = metric_cell(
			m->refused, name, smtp_in_refusals[i].reason, NULL);
	service->logins = m->logins;
	service->verdicts = m->verdicts;
	service->signatures = m->signatures;
	service->alert_events = m->alert_events;
	service->sessions = metric_cell(m->sessions, name, NULL);
}

static void
service_init_tls(struct service *service, const struct listener_conf *l,
		 struct tls_server *tls, const struct smtp_metrics *m)
{
	service->smtp.tls = (enum config_tls)l->tls;
	if (tls == NULL)
		return;
	service->tls = tls_server_ref(tls);
	service->clients = &l->clients;
	service->handshakes[SESSION_TLS_OK] =
		metric_cell(m->handshakes, l->name, "ok", NULL);
	service->handshakes[SESSION_TLS_FAILED] =
		metric_cell(m->handshakes, l->name, "failed", NULL);
}

static void
service_init_seal(struct service *service, const struct snapshot *s,
		  const struct listener_conf *l)
{
	if (l->sign && dkim_keys_count(s->keys) > 0)
		service->smtp.keys = s->keys;
	if (!config_judges(l))
		return;
	service->smtp.judge = s->judge;
	service->how = l->verdict == CONFIG_VERDICT_TRUSTED ? VERDICT_TRUST
							    : VERDICT_EVALUATE;
}

static void
snapshot_services(struct snapshot *s, const struct tls_loaded *tls,
		  const struct smtp_metrics *metrics)
{
	const struct config *config = s->config;
	size_t n = config->listeners.n;
	struct service *submit;

	s->nservices = n + 1;
	s->services = xcalloc(s->nservices, sizeof(*s->services));
	for (size_t i = 0; i < n; i++) {
		const struct listener_conf *l = config_listener(config, i);

		service_init(&s->services[i], s, l->name, metrics);
		s->services[i].trusted = &l->trusted;
		s->services[i].proxies = &l->proxies;
		s->services[i].xclients = &l->xclients;
		s->services[i].xforwards = &l->xforwards;
		s->services[i].smtp.role = (enum config_role)l->role;
		s->services[i].smtp.class = (enum config_class)l->class;
		s->services[i].smtp.auth = (enum config_auth)l->auth;
		s->services[i].smtp.auth_in_clear = l->auth_in_clear;
		service_init_seal(&s->services[i], s, l);
		service_init_tls(&s->services[i], l, tls->listeners[i],
				 metrics);
	}
	submit = &s->services[n];
	service_init(submit, s, CONFIG_SUBMIT_NAME, metrics);
	submit->submit = true;
	if (dkim_keys_count(s->keys) > 0)
		submit->smtp.keys = s->keys;
	submit->smtp.class = CONFIG_CLASS_BY_HEADER;
}

/* Where mail comes in: who delivers by MX must not come back here. */
static void
snapshot_listens(const struct config *config, struct routing *routing)
{
	size_t most = 2 * config->listeners.n, n = 0, more;
	struct sockaddr_any *v = xcalloc(most + 2, sizeof(*v));

	for (size_t i = 0; i < config->listeners.n; i++)
		if (sockaddr_parse_listen(config_listener(config, i)->address,
					  v + n, &more) == 0)
			n += more;
	routing_set_listens(routing, v, n);
	free(v);
}

/* Only where somebody is judged: else nothing of it need be there. */
static int
snapshot_judge(const struct config *config, struct conf_errors *e,
	       struct judge **ret)
{
	const char *why;
	bool wanted = false;

	*ret = NULL;
	for (size_t i = 0; i < config->listeners.n; i++)
		wanted = wanted || config_judges(config_listener(config, i));
	if (!wanted)
		return 0;
	if (judge_new(&config->verdict, config->hostname, ret, &why) == 0)
		return 0;
	conf_error(e, &config->verdict.mark, "%s", why);
	return -EINVAL;
}

/* 0, or -EINVAL and nothing of it is left. */
static int
snapshot_alerts(struct snapshot *s, const struct config *config,
		struct conf_errors *e)
{
	int r = rules_new(&config->alerts, config->hostname, e, &s->rules);

	if (r < 0)
		return r;
	r = alert_secrets_load(&config->alerts,
			       (enum secrets_mode)config->secrets.mode, e,
			       &s->alert_secrets);
	if (r < 0)
		goto drop_rules;
	r = alert_endpoints_new(s->rules, s->alert_secrets, e, &s->endpoints);
	if (r < 0)
		goto drop_secrets;
	r = render_new_by_rules(s->rules, e, &s->render);
	if (r < 0)
		goto drop_endpoints;
	return 0;

drop_endpoints:
	endpoints_unref(&s->endpoints);
drop_secrets:
	alert_secrets_unref(&s->alert_secrets);
drop_rules:
	rules_unref(&s->rules);
	return r;
}

int
snapshot_new(struct config *config, const struct smtp_metrics *metrics,
	     struct conf_errors *e, struct snapshot **ret_snapshot)
{
	struct routing_sources from = config_routing(config);
	struct routing *routing;
	struct rewrite *rewrite;
	struct users *users;
	struct tls_loaded tls;
	struct judge *judge;
	struct dkim_keys *keys;
	struct snapshot *s;
	size_t wrong = e->total;
	int r;

	routes_check_runners(&config->routes, e);
	if (e->total > wrong)
		return -EINVAL;
	r = routing_new(&from, e, &routing);
	if (r < 0)
		return r;
	r = routing_arm(routing, (enum secrets_mode)config->secrets.mode, e);
	if (r < 0)
		goto drop_routing;
	r = rewrite_new(config, e, &rewrite);
	if (r < 0)
		goto drop_routing;
	r = users_load(config, e, &users);
	if (r < 0)
		goto drop_rewrite;
	r = config_tls_load(config, users_have_certificates(users), e, &tls);
	if (r < 0)
		goto drop_users;
	r = config_dkim_load(config, e, &keys);
	if (r < 0)
		goto drop_tls;
	r = snapshot_judge(config, e, &judge);
	if (r < 0)
		goto drop_keys;
	s = xcalloc(1, sizeof(*s));
	r = snapshot_alerts(s, config, e);
	if (r < 0)
		goto drop_judge;
	snapshot_listens(config, routing);
	routing_set_keys(routing, keys);
	s->refs = 1;
	s->config = config_ref(config);
	s->routing = routing;
	s->rewrite = rewrite;
	s->users = users;
	s->judge = judge;
	s->keys = keys;
	if (tls.all != NULL)
		s->tls = tls_server_ref(tls.all);
	snapshot_services(s, &tls, metrics);
	config_tls_done(&tls);
	*ret_snapshot = s;
	return 0;

drop_judge:
	free(s);
	judge_unref(&judge);
drop_keys:
	dkim_keys_unref(&keys);
drop_tls:
	config_tls_done(&tls);
drop_users:
	users_free(&users);
drop_rewrite:
	rewrite_free(&rewrite);
drop_routing:
	routing_unref(&routing);
	return r;
}

struct snapshot *
snapshot_ref(struct snapshot *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
snapshot_unref(struct snapshot **snapshot)
{
	struct snapshot *s = *snapshot;

	*snapshot = NULL;
	if (s == NULL ||
	    atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
		return;
	routing_unref(&s->routing);
	rewrite_free(&s->rewrite);
	users_free(&s->users);
	judge_unref(&s->judge);
	dkim_keys_unref(&s->keys);
	config_unref(&s->config);
	for (size_t i = 0; i < s->nservices; i++)
		tls_server_unref(&s->services[i].tls);
	tls_server_unref(&s->tls);
	render_unref(&s->render);
	endpoints_unref(&s->endpoints);
	alert_secrets_unref(&s->alert_secrets);
	rules_unref(&s->rules);
	free(s->services);
	free(s);
}

const struct service *
snapshot_service(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->nservices; i++)
		if (strcmp(s->services[i].name, name) == 0)
			return &s->services[i];
	return NULL;
}
