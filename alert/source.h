/*
 * source - who sends alerts, as an intake wants to know it: made of the
 * configuration with the rules, immutable, and as old as they are.
 */
#ifndef ALERT_SOURCE_H
#define ALERT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/expression.h"
#include "base/conf.h"
#include "mail/pattern.h"
#include "net/sockaddr.h"

enum source_kind {
	SOURCE_ALERTMANAGER,
	SOURCE_GRAFANA,
	SOURCE_SENTRY,
	SOURCE_UPTIMEROBOT,
	SOURCE_UPTIMEKUMA,
	SOURCE_STATUSPAGE,
	SOURCE_PAPERTRAIL,
	SOURCE_GITHUB,
	SOURCE_GENERIC,
	SOURCE_MAIL,
	SOURCE_CLI,
	SOURCE_OWN,
};
#define SOURCE_NKIND (SOURCE_OWN + 1)
extern const char *const source_kind_names[]; /* NULL ends */

/* The label NAME is what stands at AT. */
struct source_label {
	const char *name, *at;
};

/* Where a generic source has what, as JSON pointers ("/name" of a form); "": not
 * said, and the usual names are tried. */
struct source_map {
	const char *dedup_key, *title, *text, *status, *severity, *url;
	size_t nlabels;
	const struct source_label *labels;
	/* Values of STATUS that say that it is over, letter case aside; none:
	 * the usual words. */
	size_t nresolved;
	const char *const *resolved;
};

/* What one mail of a source means: the first rule whose patterns all match. A
 * pattern that is not there matches everything; in DEDUP_KEY, TITLE and SEVERITY
 * "$1" to "$9" are the groups of the subject's expression, or of the body's
 * where the subject has none. */
struct source_mail_rule {
	const struct pattern *sender;            /* NULL: any */
	const struct expression *subject, *body; /* NULL: any */
	const char *dedup_key;                   /* "": the subject */
	const char *title;                       /* "": the subject */
	const char *severity;                    /* "": none */
	bool resolved;                           /* it says that it is over */
};

struct rules_source {
	const char *name;
	enum source_kind kind;
	int64_t resend_ms, resolve_timeout_ms;
	struct network_list networks; /* empty: from anywhere */
	struct conf_rate rate;
	int64_t body_max;
	struct source_map map; /* SOURCE_GENERIC, SOURCE_GITHUB */
	/* SOURCE_MAIL */
	size_t nrules;
	const struct source_mail_rule *rules;
	size_t ndomains; /* whose mail needs no token when it passes DMARC */
	const char *const *domains;
	bool builtin; /* nobody configured it */
};

#endif
