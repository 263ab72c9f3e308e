/*
 * zone - a table of records that answers what an evaluator asks.
 */
#ifndef TESTS_UNIT_ZONE_H
#define TESTS_UNIT_ZONE_H

#include <stddef.h>

#include "base/arena.h"
#include "verdict/answers.h"

struct zone {
	struct arena arena;
	STAILQ_HEAD(, zone_record) records;
	unsigned rounds; /* of zone_settle() that found a question */
};

void zone_init(struct zone *z);
void zone_done(struct zone *z);

/* One record. TYPE is A, AAAA (DATA an address), MX ("10 host"), PTR, CNAME, TXT
 * (any octets), or TIMEOUT: the name never answers; another type with the data
 * TIMEOUT: that type doesn't. Other types are passed over. */
void zone_add(struct zone *z, const char *name, const char *type,
	      const char *data, size_t len);
/* Lines of "NAME TYPE DATA", the data up to the line's end. */
void zone_load(struct zone *z, const char *text);
/* Settle every open question: true when there was one. */
bool zone_settle(struct zone *z, struct answers *a);

#endif
