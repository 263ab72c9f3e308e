/*
 * alerts_conf - the section `alerts` as it is written.
 *
 * The tables check each value by itself; what hangs together (names that lead
 * nowhere, circles, matchers) rules_new() checks, which everything but the
 * tables goes through.
 */
#ifndef ALERT_ALERTS_CONF_H
#define ALERT_ALERTS_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/secret.h"
#include "net/sockaddr.h"

/* The receiver that `mail` of the section makes. */
#define ALERTS_DEFAULT_RECEIVER "default"

/* What one mail of a source means; see struct source_mail_rule. */
struct alert_mail_rule_conf {
	struct conf_text sender, subject, body;
	char *dedup_key, *title, *severity;
	bool resolved;
	struct conf_mark mark;
};

struct alert_source_conf {
	char *name;
	int kind; /* enum source_kind, those that can be configured */
	struct conf_strings networks;
	struct network_list allowed; /* NETWORKS, resolved */
	struct conf_rate rate;
	int64_t body_max; /* bytes */
	int64_t resend_ms;
	int64_t resolve_timeout_ms; /* -1: that of the kind */
	struct secret_conf secret, token;
	/* What is where in what it posts. */
	char *dedup_key, *title, *text, *status, *severity, *url;
	struct conf_pairs labels;
	struct conf_strings resolved;
	/* Of mail. */
	struct conf_strings domains;
	struct conf_list rules; /* of struct alert_mail_rule_conf */
	struct conf_mark mark;
};

struct alert_person_conf {
	char *name;
	char *mail;
	struct conf_text time_zone; /* "": the machine's */
	struct conf_mark mark;
};

/* A way to reach somebody that is no mail: only what its channel has. */
struct alert_slack_conf {
	char *name; /* "": by what it is; first in all of them */
	struct secret_conf url;
	struct conf_text ca_file; /* "": the system's; of the others, too */
	struct conf_mark mark;
};
struct alert_webhook_conf {
	char *name;
	char *url; /* "": that of URL_SECRET */
	struct secret_conf url_secret, secret, token;
	char *authorization;
	int method; /* enum alert_method */
	struct conf_pairs headers;
	struct conf_text body; /* a template; "": ours */
	struct conf_strings success;
	struct conf_text ca_file;
	struct conf_mark mark;
};
enum alert_method { ALERT_POST, ALERT_PUT, ALERT_PATCH };
extern const char *const alert_method_names[];
struct alert_pagerduty_conf {
	char *name;
	struct secret_conf routing_key;
	char *url;
	struct conf_mark mark;
};
struct alert_ntfy_conf {
	char *name;
	char *url;
	struct secret_conf token;
	struct conf_text ca_file;
	struct conf_mark mark;
};
struct alert_teams_conf {
	char *name;
	struct secret_conf url;
	struct conf_mark mark;
};
struct alert_exec_conf {
	char *name;
	struct conf_strings command;
	int64_t time_ms;
	struct conf_mark mark;
};

struct alert_receiver_conf {
	char *name;
	struct conf_strings schedules, people, mail;
	struct conf_list slack, webhook, pagerduty, ntfy, teams, exec;
	struct {
		struct conf_rate limit;
		int64_t burst, digest_ms;
	} rate;
	struct {
		struct conf_text receiver; /* "": none */
		int64_t after_ms, after_critical_ms;
	} fallback;
	bool send_resolved;
	struct conf_mark mark;
};

struct alert_escalation_conf {
	int64_t after_ms;
	struct conf_text receiver;
	struct conf_mark mark;
};

/* -1, "" and lists whose V is NULL: those of the route above. */
struct alert_route_conf {
	struct conf_text receiver;
	struct conf_strings matchers;
	bool goes_on; /* `continue` */
	struct conf_strings group_by;
	int64_t group_wait_ms, group_interval_ms, repeat_ms, resolve_hold_ms;
	struct conf_list escalate; /* of struct alert_escalation_conf */
	struct conf_strings mute, active;
	struct conf_list routes; /* of struct alert_route_conf */
	struct conf_mark mark;
};

struct alert_inhibit_conf {
	struct conf_strings source, target, equal;
	struct conf_mark mark;
};

struct alert_maintenance_conf {
	char *name;
	struct conf_strings matchers;
	struct conf_text start, end; /* "": by INTERVALS */
	struct conf_text time_zone;  /* of START and END; "": the machine's */
	struct conf_strings intervals;
	struct conf_mark mark;
};

/* What Belfry raises itself, as bits of `own_bits`. */
enum alert_own {
	ALERT_OWN_QUEUE_STUCK,
	ALERT_OWN_DOUBLE_BOUNCE,
	ALERT_OWN_CERTIFICATE,
	ALERT_OWN_STORE,
	ALERT_OWN_SOURCE_SILENT,
	ALERT_OWN_PAUSED,
	ALERT_OWN_REFUSED,
};
#define ALERT_NOWN 7
extern const char *const alert_own_names[]; /* NULL ends */

struct alerts_conf {
	struct conf_strings mail;
	char *from;  /* "": Belfry <alerts@HOSTNAME> */
	char *url;   /* "": none; no slash at its end */
	char *reply; /* "": none */
	int64_t lifetime_ms, retention_ms;
	struct conf_strings critical; /* matchers */
	char *templates;              /* "": ours */
	bool builtin_sources;
	struct conf_list sources;   /* of struct alert_source_conf */
	struct conf_list people;    /* of struct alert_person_conf */
	struct conf_list schedules; /* of struct rota_conf */
	struct conf_list receivers; /* of struct alert_receiver_conf */
	struct alert_route_conf route;
	struct conf_list inhibit;     /* of struct alert_inhibit_conf */
	struct conf_list intervals;   /* of struct time_intervals_conf */
	struct conf_list maintenance; /* of struct alert_maintenance_conf */
	struct {
		int64_t changes, within_ms;
	} flap;
	struct {
		int64_t incidents, bytes;
	} limits;
	struct conf_strings own;
	unsigned own_bits; /* OWN, resolved */
	struct {
		struct conf_strings expect; /* matchers; none: not expected */
		int64_t within_ms;
		struct secret_conf ping_url;
		int64_t every_ms;
	} heartbeat;
	struct conf_mark mark;
};

extern const struct conf_table alerts_conf_table;

#endif
