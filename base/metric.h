/*
 * metric - counters, gauges and histograms in Prometheus' text format.
 *
 * A family has a name, a help text and label names; a cell is one combination
 * of label values. Cells are found once and kept (the lookup takes a lock, an
 * update is one atomic add). A gauge may instead be computed by a function when
 * somebody scrapes. Families and cells live as long as the registry.
 * Thread-safe.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdint.h>

#include "base/buf.h"

struct metrics; /* the registry */
struct metric_family;
struct metric_cell;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* What a family is, as a constant table row, so that tools/check-docs finds all
 * of them and the reference can list them. */
struct metric_desc {
	const char *name;
	enum metric_type type;
	const char *help;
	const char *labels[4]; /* up to three names, NULL ends */
	const double *buckets; /* histogram: upper bounds in seconds, 0 ends */
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics **m);

struct metric_family *metric_register(struct metrics *m,
				      const struct metric_desc *desc);
/* The cell with these label values (as many as the family has names). */
struct metric_cell *metric_cell(struct metric_family *f, ...)
	__attribute__((sentinel));

void metric_add(struct metric_cell *c, int64_t n);
void metric_set(struct metric_cell *c, double value);
void metric_observe(struct metric_cell *c, double seconds);
/* The counter's or gauge's value, for status and tests. */
double metric_value(const struct metric_cell *c);

/* FN is called at each scrape, before rendering, to set gauges that are
 * computed. It must not block. */
void metrics_on_scrape(struct metrics *m, void (*fn)(void *arg), void *arg);
/* Forget every cell of F, before its values are set anew at a scrape. */
void metric_family_clear(struct metric_family *f);
/* The exposition text (version 0.0.4). 0 or -EMSGSIZE. */
int metrics_render(struct metrics *m, struct buf *out);

#endif
