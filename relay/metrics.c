#include "relay/relay.h"

static const struct metric_desc metric_accepted = {
	.name = "belfry_messages_accepted_total",
	.type = METRIC_COUNTER,
	.help = "Messages that were answered with 250 after the final dot",
	.labels = {"listener", "class", NULL},
};

static const struct metric_desc metric_refused = {
	.name = "belfry_messages_refused_total",
	.type = METRIC_COUNTER,
	.help = "Replies of 4xx and 5xx to clients",
	.labels = {"listener", "reason", NULL},
};

static const struct metric_desc metric_sessions = {
	.name = "belfry_sessions",
	.type = METRIC_GAUGE,
	.help = "SMTP clients that are connected",
	.labels = {"listener", NULL},
};

static const struct metric_desc metric_logins = {
	.name = "belfry_logins_total",
	.type = METRIC_COUNTER,
	.help = "Logins of users, by what became of them: ok, failed, busy, "
		"limited",
	.labels = {"listener", "mechanism", "result", NULL},
};

static const struct metric_desc metric_handshakes = {
	.name = "belfry_tls_handshakes_total",
	.type = METRIC_COUNTER,
	.help = "TLS handshakes with SMTP clients, by how they ended: ok or "
		"failed",
	.labels = {"listener", "result", NULL},
};

static const struct metric_desc metric_verdicts = {
	.name = "belfry_verdicts_total",
	.type = METRIC_COUNTER,
	.help = "Inbound messages that were judged, by the result of DMARC "
		"and by what was done: none, mark, hold, tempfail, reject, "
		"discard",
	.labels = {"listener", "dmarc", "disposition", NULL},
};

static const struct metric_desc metric_signatures = {
	.name = "belfry_dkim_signatures_total",
	.type = METRIC_COUNTER,
	.help = "Messages for whose author there is a DKIM key: signed or "
		"failed",
	.labels = {"listener", "result", NULL},
};

static const struct metric_desc metric_alert_events = {
	.name = "belfry_alert_events_total",
	.type = METRIC_COUNTER,
	.help = "What sources sent, by what became of it: firing, resolved, "
		"ignored, malformed, unauthorized, forbidden, large, limited, "
		"later",
	.labels = {"source", "result", NULL},
};

void
relay_metrics_init(struct relay *r)
{
	struct metrics *m = metrics_new();

	r->metrics = m;
	r->smtp_metrics = (struct smtp_metrics){
		.accepted = metric_register(m, &metric_accepted),
		.refused = metric_register(m, &metric_refused),
		.sessions = metric_register(m, &metric_sessions),
		.logins = metric_register(m, &metric_logins),
		.handshakes = metric_register(m, &metric_handshakes),
		.verdicts = metric_register(m, &metric_verdicts),
		.signatures = metric_register(m, &metric_signatures),
		.alert_events = metric_register(m, &metric_alert_events),
	};
	metric_program_init(&r->program_metrics, m, "belfryd");
}

void
relay_metrics_reloaded(struct relay *r, bool ok)
{
	metric_program_reloaded(&r->program_metrics, ok,
				clock_wall_ms(r->clock));
}
