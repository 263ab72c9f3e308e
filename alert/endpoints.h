/*
 * endpoints - the receivers' channels that are no mail, as the agents take
 * them: the rules and their secrets put together.
 *
 *	channel    arrived      the address is bad   besides
 *	slack      2xx          403, 404, 410
 *	webhook    `success`    410                  signed, with a token
 *	pagerduty  2xx                               its key within the body
 *	ntfy       2xx                               with a token
 *	teams      2xx          403, 404, 410
 *	exec       exit status 0
 */
#ifndef ALERT_ENDPOINTS_H
#define ALERT_ENDPOINTS_H

#include "base/conf.h"

struct alert_secrets;
struct endpoints;
struct rules;

/* 0, and one reference for the caller; -EINVAL with errors in E: what is secret
 * of an endpoint is not what its channel takes. */
int alert_endpoints_new(const struct rules *rules,
			const struct alert_secrets *secrets,
			struct conf_errors *e, struct endpoints **ret);

#endif
