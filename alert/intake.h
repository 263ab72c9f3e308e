/*
 * intake - what a source posted, as alerts.
 *
 * Pure, from any thread: a source, a request and the time in, a batch of alerts
 * out. What was posted may be anything: it is read within limits, and every
 * string that comes out is UTF-8 and has an end. Control characters become
 * blanks, but in the labels that Prometheus sends, which stay as they are.
 */
#ifndef ALERT_INTAKE_H
#define ALERT_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert.h"
#include "alert/intake_doc.h"
#include "alert/source.h"
#include "base/secret.h"

/* The fields of a request that matter. */
enum intake_header {
	INTAKE_CONTENT_TYPE,
	INTAKE_GITHUB_EVENT,
	INTAKE_HUB_SIGNATURE,
	INTAKE_SENTRY_RESOURCE,
	INTAKE_SENTRY_SIGNATURE,
	INTAKE_NHEADER,
};
extern const char *const intake_header_names[INTAKE_NHEADER];

struct intake_request {
	const char *header[INTAKE_NHEADER]; /* NULL: it has none */
	bool postable; /* it came to .../api/v2/alerts: what Prometheus sends;
			* to a SOURCE_ALERTMANAGER only */
	bool by_token; /* its path had the source's token */
	size_t nquery; /* names and values of the URL */
	const struct doc_field *query;
	const char *body;
	size_t body_len;
	int64_t now_ms; /* wall */
};

/*
 * SECRET is what SOURCE's posts are signed with; NULL: they are not. *RET is
 * initialised in any case, and the caller's to be done. 0; or
 *
 *	-EACCES      the signature is wrong, or there is none: 401
 *	-EINVAL      malformed: 400 with *RET_WHY, which the caller frees. What is
 *	             in *RET even so was understood, and has to be taken
 *	-EOPNOTSUPP  an event that is no alert: 200
 */
int intake_read(const struct rules_source *source,
		const struct intake_request *req, const struct secret *secret,
		struct alert_batch *ret, char **ret_why);

/* The alerts of Alertmanager's POST /api/v2/alerts, for SOURCE, which is a
 * SOURCE_ALERTMANAGER; as above. */
int intake_prometheus(const struct rules_source *source, const char *body,
		      size_t len, int64_t now_ms, struct alert_batch *ret,
		      char **ret_why);

#endif
