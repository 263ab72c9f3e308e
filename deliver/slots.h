/*
 * slots - ceilings on connections that all loops share.
 *
 * A key ("192.0.2.1:25") has a number of places. Whoever finds none free waits
 * in line; a place that is given back goes to the first in line whose ceiling
 * leaves room for it. Idle connections hold places too, so the owner is told
 * when somebody waits (slots_on_wanted) and asks slots_wanted() before a
 * connection is kept.
 *
 * Thread-safe; a wait belongs to its loop.
 */
#ifndef DELIVER_SLOTS_H
#define DELIVER_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"

struct slots;
struct slot;      /* a place; give it back exactly once */
struct slot_wait; /* a place in the line */

/* The place is the receiver's. On the loop of the wait, which is over. */
typedef void slot_fn(void *arg, struct slot *slot);

/* WANTED(CTX, KEY) in the thread of whoever begins to wait. */
struct slots *slots_new(void (*wanted)(void *ctx, const char *key), void *ctx);
/* No place is out any more, nor on its way (loop_run_rest()). */
void slots_free(struct slots **s);

/* The place, or NULL with *RET_WAIT: FN(ARG) comes later, never from within
 * this call, unless cancelled. */
struct slot *slots_take(struct slots *s, const char *key, int64_t max,
			struct loop *loop, slot_fn *fn, void *arg,
			struct slot_wait **ret_wait);
/* Both take NULL and leave NULL. */
void slots_give(struct slot **slot);
void slots_cancel(struct slot_wait **wait);

bool slots_wanted(const struct slot *slot);
const char *slots_key(const struct slot *slot);

#endif
