/*
 * engine_own - what Belfry says itself, how long sources are waited for, and
 * whether the clock is to be believed. Of the engine's parts only.
 */
#ifndef ALERT_ENGINE_OWN_H
#define ALERT_ENGINE_OWN_H

#include "alert/engine_impl.h"

int64_t engine_resend(const struct engine *e, const char *source);
int64_t engine_resolve_timeout(const struct engine *e, const char *source);
bool engine_source_silent(struct engine *e, struct source *s, size_t n);
void engine_source_heard(struct engine *e, struct source *s, int64_t now);
bool labels_are_of_delivery(const char *source, const struct labels *labels);
bool incident_is_of_delivery(struct engine *e, const struct incident *in);
/* Is it said that N's address can't be told? By N, or by another notice, whose
 * group may be over. */
bool own_says_delivery(struct engine *e, const struct notice *n);
void own_delivery(struct engine *e, const struct notice *n, bool firing,
		  const char *words);
void own_look_at_clock(struct engine *e);
/* From when something that is PAST_MS ago lasts: what seems to be still to come
 * was before the clock was set back, and counts from then. */
int64_t engine_since(const struct engine *e, int64_t past_ms);
/* What it said before the start, it knows again. */
void own_loaded(struct engine *e);
/* The rules are new: what is said of addresses that are no more is over. */
void own_rules(struct engine *e);

#endif
