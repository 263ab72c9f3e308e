/*
 * snapshot - one reading of the configuration, as the sessions see it.
 *
 * Immutable and reference counted, from any thread: the configuration, the
 * routing made of it, and for each place where mail comes in its limits and
 * metric cells. A reload makes a new one; a session moves over at its next
 * MAIL or AUTH. One whose listener is gone from the new one stays with what it
 * had, users and trust too, for limits.messages_per_connection at most, and
 * command_time when it is silent; only a trusted one can stay on by NOOP. All
 * of one reading share it.
 */
#ifndef RELAY_SNAPSHOT_H
#define RELAY_SNAPSHOT_H

#include "alert/alert_secrets.h"
#include "alert/render.h"
#include "alert/rules.h"
#include "base/metric.h"
#include "config/config.h"
#include "deliver/endpoint.h"
#include "deliver/route.h"
#include "net/tls.h"
#include "relay/smtp_in.h"

/* The families that services have cells in; see metrics.c. */
struct smtp_metrics {
	struct metric_family *accepted, *refused, *sessions, *logins,
		*handshakes, *verdicts, *signatures, *alert_events;
};

enum session_tls_result {
	SESSION_TLS_OK,
	SESSION_TLS_FAILED,
	SESSION_TLS_NRESULT,
};

/* A place where mail comes in. */
struct service {
	const char *name;
	bool submit; /* the submit socket: trust is the peer's uid */
	const struct network_list *trusted, *proxies, *xclients, *xforwards;
	struct smtp_in_conf smtp;
	struct metric_cell *accepted[QUEUE_NCLASS];
	struct metric_cell *refused[SMTP_IN_NNO];
	struct metric_cell *sessions;
	struct metric_family *logins, *verdicts, *signatures, *alert_events;
	enum verdict_how how;   /* with a judge */
	struct tls_server *tls; /* owned reference; NULL: none */
	const struct client_certificates_conf *clients;      /* NULL: none */
	struct metric_cell *handshakes[SESSION_TLS_NRESULT]; /* with TLS */
};

struct snapshot {
	_Atomic int refs;
	struct config *config;   /* owned reference */
	struct routing *routing; /* owned reference */
	struct rewrite *rewrite; /* owned */
	struct users *users;     /* owned */
	struct judge *judge;     /* owned reference; NULL: nobody judges */
	struct dkim_keys *keys;  /* owned reference */
	struct tls_server *tls;  /* owned reference; NULL: no certificate */
	/* The section `alerts`; owned references, always there. */
	struct rules *rules;
	struct alert_secrets *alert_secrets;
	struct endpoints *endpoints;
	struct render *render;
	size_t nservices;
	struct service *services; /* owned */
};

/* Takes a reference of CONFIG. 0, or -EINVAL with errors in E. */
int snapshot_new(struct config *config, const struct smtp_metrics *metrics,
		 struct conf_errors *e, struct snapshot **ret_snapshot);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot **s);
/* NULL: no such service in this configuration. */
const struct service *snapshot_service(const struct snapshot *s,
				       const char *name);

#endif
