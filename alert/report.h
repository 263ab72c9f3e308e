/*
 * report - which rules told people how much, and what became of it: for whoever
 * wants fewer alerts and better ones.
 *
 * Counted from the histories of the incidents, so that nothing is written for
 * it; a rule is a source's alertname.
 */
#ifndef ALERT_REPORT_H
#define ALERT_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "alert/engine.h"

/* So many rules are told apart; all others are the row whose names are "". */
#define REPORT_ROWS_MAX 10000

struct report_row {
	const char *source, *alertname;
	uint64_t notices;   /* messages that were accepted */
	uint64_t incidents; /* that caused one */
	/* So many incidents were ... */
	uint64_t acked, flapping, noise;
};

/* RESULT 0, -EAGAIN or -errno; V, most notices first, is borrowed during the
 * call. */
typedef void engine_report_fn(void *arg, int result, size_t n,
			      const struct report_row *v);
/* What happened from SINCE_MS (wall) on. Reads all histories, a piece at a
 * time. */
void engine_report(struct engine *e, int64_t since_ms, engine_report_fn *fn,
		   void *arg);

#endif
