/*
 * snapshot_kit - the snapshot of a configuration that stands in a test.
 */
#ifndef TESTS_UNIT_SNAPSHOT_KIT_H
#define TESTS_UNIT_SNAPSHOT_KIT_H

#include "relay/relay.h"

/* Of TEXT, the caller's; RELAY gets its metrics. */
struct snapshot *snapshot_kit_new(struct relay *relay, const char *text);

#endif
