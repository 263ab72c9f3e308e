/*
 * engine_turns - the engine of a rig, a turn of its loop at a time, the same in
 * each run: between two turns no other thread has anything to do.
 */
#ifndef TESTS_UNIT_ENGINE_TURNS_H
#define TESTS_UNIT_ENGINE_TURNS_H

#include "tests/unit/engine_rig.h"

/* Wait for the other threads; what they answer comes with the next turn. */
void engine_turns_still(struct engine_rig *er);
/* One turn, and that. */
void engine_turns_one(struct engine_rig *er);
/* As engine_rig_settle() and engine_rig_advance(). False: it never comes to
 * rest. */
bool engine_turns_settle(struct engine_rig *er);
bool engine_turns_advance(struct engine_rig *er, int64_t ms, int64_t step);

#endif
