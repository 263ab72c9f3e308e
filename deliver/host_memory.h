/*
 * host_memory - which hosts and addresses failed lately.
 *
 * What failed is tried last for a while, so that a dead first entry of a list
 * does not cost every message a connect timeout. One per loop; a few hundred
 * entries at most, the oldest are forgotten.
 */
#ifndef DELIVER_HOST_MEMORY_H
#define DELIVER_HOST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_MEMORY_MS  30000
#define HOST_MEMORY_MAX 500

struct host_memory {
	struct host_failed *failed; /* owned */
};

void host_memory_done(struct host_memory *m);
void host_memory_add(struct host_memory *m, const char *key,
		     int64_t now_mono_ms);
void host_memory_remove(struct host_memory *m, const char *key);
bool host_memory_has(const struct host_memory *m, const char *key,
		     int64_t now_mono_ms);

#endif
