#include "relay/look_turn.h"

#include "base/clock.h"

#define TURN_MS 8

void
look_turn_begin(struct look_turn *t)
{
	t->ends_ms = clock_mono_ms(clock_system()) + TURN_MS;
}

bool
look_turn_is_over(const struct look_turn *t)
{
	return clock_mono_ms(clock_system()) >= t->ends_ms;
}
