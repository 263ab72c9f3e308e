/*
 * tally - how often each of many did something lately, with a ceiling.
 *
 * One struct rate for each key. When there are as many keys as there may be,
 * the one that was counted longest ago is forgotten: who wants to be forgotten
 * has to be silent for as long as all others are heard. One owner; not
 * thread-safe.
 */
#ifndef BASE_TALLY_H
#define BASE_TALLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rate.h"

struct tally;

/* At most MOST keys. */
struct tally *tally_new(size_t most);
/* NULL is fine; leaves NULL. */
void tally_free(struct tally **t);
/* May it happen NOW once more? Always, where CONF has no rate. */
bool tally_has_room(const struct tally *t, const void *key, size_t len,
		    const struct conf_rate *conf, int64_t now);
/* It does. Nothing is kept where CONF has no rate. */
void tally_count(struct tally *t, const void *key, size_t len,
		 const struct conf_rate *conf, int64_t now);
/* Keys that are kept. */
size_t tally_size(const struct tally *t);

#endif
