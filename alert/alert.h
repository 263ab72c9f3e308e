/*
 * alert - what a source said, once.
 *
 * An intake turns what came in into a batch of alerts; the engine makes
 * incidents of them. All strings lie in the batch's arena.
 */
#ifndef ALERT_ALERT_H
#define ALERT_ALERT_H

#include <stddef.h>
#include <stdint.h>

#include "alert/labels.h"
#include "base/arena.h"

/* All the values of an alert's annotations. */
#define ALERT_ANNOTATIONS_MAX 16384
#define ALERT_URL_MAX         2048
#define ALERT_BATCH_MAX       10000

enum alert_status { ALERT_FIRING, ALERT_RESOLVED };

struct alert {
	const char *source; /* its name in the rules */
	const char *key;    /* of the incident, within SOURCE; NULL: the hex of
			     * labels_fingerprint() */
	enum alert_status status;
	struct labels labels;      /* with alertname; severity where known */
	struct labels annotations; /* summary (one line, the title),
				    * description, runbook_url, ... */
	int64_t starts_ms;         /* wall; 0: now */
	int64_t ends_ms; /* wall. FIRING: when it may be let go, 0: as the
				    * source's resolve_timeout says; RESOLVED: when it
				    * ended, 0: now */
	const char *url; /* where to look; "": none */
};

struct alert_batch {
	struct arena arena;
	size_t n, room;
	struct alert *v; /* of ARENA */
};

void alert_batch_init(struct alert_batch *b);
void alert_batch_done(struct alert_batch *b);
/* One more, zeroed but for "" as its URL, until the next is added; NULL:
 * ALERT_BATCH_MAX are there. */
struct alert *alert_batch_add(struct alert_batch *b);

/* Cut the longest annotations at a character, with "..." behind, until all of
 * them are within ALERT_ANNOTATIONS_MAX. A URL above ALERT_URL_MAX is dropped,
 * since a piece of one leads nowhere. */
void alert_trim(struct alert *a, struct arena *arena);

#endif
