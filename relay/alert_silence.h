/*
 * alert_silence - what a notice told is silenced, by an answer or by its page.
 *
 * A mail may tell several groups, which have nothing to do with each other: each
 * is silenced by itself, by its labels and what those that are open in it have in
 * common. What joins a group and is like them is silenced, too.
 * On the home loop.
 */
#ifndef RELAY_ALERT_SILENCE_H
#define RELAY_ALERT_SILENCE_H

#include "alert/engine.h"

/* A set of labels for each of the N groups, but no empty one, and none twice;
 * *RET in ARENA. How many there are. */
size_t alert_silence_labels(struct engine *e, const uint64_t *groups, size_t n,
			    struct arena *arena, struct labels **ret);
/* A silence as S, which is copied, for each of the N labels. DONE comes after all
 * of them: 0, or the first error; with N 0 at once, with -ENOENT. */
void alert_silence_set(struct engine *e, const struct engine_silence *s,
		       const struct labels *v, size_t n, engine_done_fn *done,
		       void *arg);

#endif
