/*
 * rules - the section `alerts` as everything that looks at alerts sees it.
 *
 * Immutable, shared by references from any thread; a reload makes a new one.
 * Names are resolved: what is pointed to lives as long as the rules. No secret
 * is in it (see alert/alert_secrets.h).
 *
 * Whatever is matched goes through PCRE2 within limits; an expression that hits
 * one counts as a match, unless that would keep somebody quiet, and is counted
 * in rules_limits_hit().
 */
#ifndef ALERT_RULES_H
#define ALERT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alerts_conf.h"
#include "alert/channel.h"
#include "alert/labels.h"
#include "alert/matcher.h"
#include "alert/source.h"
#include "base/arena.h"
#include "base/conf.h"

#define RULES_INHIBIT_MAX  64
#define RULES_GROUP_BY_ALL "..."

struct rules;
struct rota;
struct time_intervals;

/* --- whom to tell ------------------------------------------------------------ */

struct rules_person {
	const char *name, *mail;
	const char *time_zone; /* "": the machine's */
};

struct rules_mail {
	const char *address;
	const struct rules_person *person; /* whose it is; NULL: of nobody */
};

struct rules_codes {
	int from, until; /* both count */
};

/* An address that is not mail, by its endpoint_name(). Strings are "" where the
 * channel has none of it, or where it is a secret. */
struct rules_endpoint {
	const char *name;
	enum channel channel;
	const struct conf_mark *mark; /* where it stands */
	const char *url;
	const char *method; /* "POST" */
	size_t nheaders;
	const struct rules_header {
		const char *name, *value; /* a template */
	} * headers;
	const char *body; /* a template */
	const char *authorization;
	const char *ca_file; /* whom to believe; NULL: as the system does */
	size_t ncodes;       /* answers that say that it arrived */
	const struct rules_codes *codes;
	size_t ncommand;
	const char *const *command; /* of exec; templates but the first */
	int64_t time_ms;            /* of exec */
};

struct rules_receiver {
	const char *name;
	size_t nschedules;
	const struct rota *const *schedules;
	size_t nstandby; /* all people of SCHEDULES, each once */
	const struct rules_person *const *standby;
	size_t nmail; /* of `mail` and `people`, each once */
	const struct rules_mail *mail;
	size_t nendpoints;
	const struct rules_endpoint *endpoints;
	struct conf_rate limit; /* N 0: none */
	int64_t burst, digest_ms;
	const struct rules_receiver *fallback; /* NULL: none */
	int64_t fallback_after_ms, fallback_after_critical_ms;
	bool send_resolved;
	bool nobody; /* it has no address at all */
};

/* --- the tree ---------------------------------------------------------------- */

struct rules_escalation {
	int64_t after_ms;
	const struct rules_receiver *receiver;
};

struct rules_node {
	const struct rules_receiver *receiver;
	bool group_all; /* each alert by itself */
	size_t ngroup_by;
	const char *const *group_by; /* sorted */
	int64_t group_wait_ms, group_wait_critical_ms;
	int64_t group_interval_ms, repeat_ms, resolve_hold_ms;
	size_t nescalate;
	const struct rules_escalation *escalate; /* the earliest first */
	size_t nmute, nactive;
	const struct time_intervals *const *mute, *const *active;
	/* For people: `severity="critical" > team="db"`, "default route" at the
	 * top. */
	const char *path;
	/* Of the walk. */
	struct matchers matchers;
	bool goes_on;
	size_t nchildren;
	struct rules_node *children;
};

/* --- the rest ---------------------------------------------------------------- */

struct rules_settings {
	const char *hostname;
	const char *from;      /* never "" */
	const char *url;       /* "": no links; no slash at its end */
	const char *reply;     /* domain; "": none */
	const char *templates; /* "": ours */
	int64_t lifetime_ms, retention_ms;
	int64_t flap_changes, flap_within_ms;
	int64_t incidents_max, bytes_max; /* held */
	unsigned own;                     /* a bit for each enum alert_own */
	struct matchers expect;           /* of the heartbeat; empty: none */
	int64_t expect_within_ms, ping_every_ms;
	const struct conf_mark *mark; /* of the section */
};

/* What CONF says. 0 with a reference for the caller, or -EINVAL with at least
 * one error in E. CONF is not used afterwards. */
int rules_new(const struct alerts_conf *conf, const char *hostname,
	      struct conf_errors *e, struct rules **ret);
struct rules *rules_ref(struct rules *r);
/* Leaves NULL. */
void rules_unref(struct rules **r);

/* Is there anybody to tell? Without, nothing may be taken. */
bool rules_is_on(const struct rules *r);
const struct rules_settings *rules_settings(const struct rules *r);
/* Does M, which would keep it quiet, match what has LABELS? An expression that
 * hits a limit does not: whoever chooses a label's value must not silence it. */
bool rules_match_surely(const struct rules *r, const struct matchers *m,
			const struct labels *labels);
/* How often an expression hit a limit, so far. */
uint64_t rules_limits_hit(const struct rules *r);

/* By its name, which is that of its kind for those built in: NULL none. */
const struct rules_source *rules_source(const struct rules *r,
					const char *name);
size_t rules_sources(const struct rules *r, const struct rules_source **ret);
/* NULL: none. */
const struct rules_receiver *rules_receiver(const struct rules *r,
					    const char *name);
size_t rules_receivers(const struct rules *r,
		       const struct rules_receiver **ret);
const struct rules_endpoint *rules_endpoint(const struct rules *r,
					    const char *name);
const struct rules_person *rules_person(const struct rules *r,
					const char *name);

/* The nodes that an alert with these labels comes to, as Alertmanager walks:
 * depth first, a parent only where no child matched, on to the next sibling
 * only with `continue`. Their number, at least 1 when rules_is_on(); *RET in
 * ARENA. */
size_t rules_route(const struct rules *r, const struct labels *labels,
		   struct arena *arena, const struct rules_node ***ret);
const struct rules_node *rules_root(const struct rules *r);
/* Is NODE one that tells nobody at NOW, by its time intervals? */
bool rules_node_muted(const struct rules_node *node, int64_t now_ms);

/* Somebody to be told. Strings live as long as the rules. */
struct target {
	enum channel channel;
	const char *address;   /* of mail; else the name of the endpoint */
	const char *person;    /* NULL: a mere address */
	const char *time_zone; /* "": the machine's */
};
/* Whom RECEIVER is at NOW, each address once; *RET in ARENA. 0 only for one
 * that is nobody: where nobody is on call and there is no other address, it is
 * everybody of its schedules. */
size_t rules_targets(const struct rules *r,
		     const struct rules_receiver *receiver, int64_t now_ms,
		     struct arena *arena, struct target **ret);

/* Can it come to that ADDRESS is told, by any receiver, now or later? */
bool rules_has_target(const struct rules *r, enum channel channel,
		      const char *address);

bool rules_is_critical(const struct rules *r, const struct labels *labels);
/* Does anything of it depend on the time: maintenance, or intervals of a
 * route? */
bool rules_has_windows(const struct rules *r);
/* The maintenance in which these are now; NULL: none. */
const char *rules_maintenance(const struct rules *r,
			      const struct labels *labels, int64_t now_ms);

/* --- inhibition -------------------------------------------------------------- */

size_t rules_ninhibit(const struct rules *r); /* at most RULES_INHIBIT_MAX */
/* The rules whose source side, and whose target side, match: a bit each. */
struct rules_sides {
	uint64_t source, target;
};
struct rules_sides rules_inhibit_sides(const struct rules *r,
				       const struct labels *labels);
/* Of the values that rule AT wants to be equal; a label that is missing counts
 * as one that is empty. Different keys: not equal. */
uint64_t rules_inhibit_key(const struct rules *r, size_t at,
			   const struct labels *labels);
/* Does SOURCE, which fires, inhibit TARGET by any rule? One that matches both
 * sides of a rule is not inhibited by another such, nor by itself. */
bool rules_inhibits(const struct rules *r, const struct labels *source,
		    const struct labels *target);
/* The same, of two whose sides are known. */
bool rules_inhibits_by(const struct rules *r, const struct labels *source,
		       struct rules_sides source_sides,
		       const struct labels *target,
		       struct rules_sides target_sides);

#endif
