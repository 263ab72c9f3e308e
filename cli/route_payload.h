/*
 * route_payload - the alerts of a document or of labels on the command line,
 * as the source they are said to be from would bring them.
 */
#ifndef CLI_ROUTE_PAYLOAD_H
#define CLI_ROUTE_PAYLOAD_H

#include "alert/intake.h"
#include "alert/rules.h"
#include "cli/command.h"

struct route_payload {
	const char *source; /* its name or kind; NULL: Prometheus, or an
			     * Alertmanager's webhook */
	const char *header[INTAKE_NHEADER]; /* NULL: not given */
	int64_t now_ms;
};

/* "X-GitHub-Event: issues" into P. CLI_OK, or CLI_USAGE after saying why. */
int route_payload_header(struct route_payload *p, const char *text);

/* WORDS are one document, a file's name or `-`, or several NAME=VALUE. *RET is
 * initialised in any case. CLI_OK with at least one alert; or the exit status,
 * after saying why. */
int route_payload_read(const struct route_payload *p, const struct rules *rules,
		       int n, char **words, struct alert_batch *ret);

#endif
