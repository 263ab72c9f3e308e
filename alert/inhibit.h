/*
 * inhibit - which firing incidents keep others quiet.
 *
 * For every rule, those that match its source side, by the values of its equal
 * labels. Whether one of them is silenced does not matter here: a silenced
 * alert still inhibits. One owner; not thread-safe.
 */
#ifndef ALERT_INHIBIT_H
#define ALERT_INHIBIT_H

#include "alert/rules.h"

struct inhibit;

struct inhibit *inhibit_new(void);
void inhibit_free(struct inhibit **i);
/* OWNER, whose labels have these SIDES, fires; or does no longer. */
void inhibit_add(struct inhibit *i, const struct rules *r,
		 const struct labels *labels, struct rules_sides sides,
		 uint64_t owner);
void inhibit_remove(struct inhibit *i, const struct rules *r,
		    const struct labels *labels, struct rules_sides sides,
		    uint64_t owner);
/* Who keeps TARGET quiet; 0: nobody. One that matches both sides of a rule is
 * not kept quiet by another such, nor by itself. */
uint64_t inhibit_find(const struct inhibit *i, const struct rules *r,
		      const struct labels *labels, struct rules_sides sides,
		      uint64_t target);

#endif
