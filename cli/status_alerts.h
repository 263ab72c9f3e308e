/*
 * status_alerts - what `belfry status` says of alerts. ALERTS is that part of
 * the status; NULL: belfryd has none.
 */
#ifndef CLI_STATUS_ALERTS_H
#define CLI_STATUS_ALERTS_H

#include <jansson.h>
#include <stddef.h>

void status_print_alerts(const json_t *alerts);

/* Why somebody should look, one after the other; each is a warning. */
#define STATUS_ALERT_REASONS 4
size_t status_judge_alerts(const json_t *alerts,
			   char ret[static STATUS_ALERT_REASONS][64]);

#endif
