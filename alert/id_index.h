/*
 * id_index - things in the order of their ids, to go through from any of them.
 *
 * Ids grow, so that what is new goes to the end; what leaves is a hole until
 * there are as many holes as things. One owner; not thread-safe.
 */
#ifndef ALERT_ID_INDEX_H
#define ALERT_ID_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct id_place {
	uint64_t id;
	void *at; /* borrowed; NULL: a hole */
};

struct id_index {
	struct id_place *v; /* owned; sorted by id */
	size_t n, cap, holes;
};

void id_index_done(struct id_index *x);
/* ID is not there yet. */
void id_index_add(struct id_index *x, uint64_t id, void *at);
/* ID is there. */
void id_index_remove(struct id_index *x, uint64_t id);
/* The first from ID on, and its id; NULL: none. */
void *id_index_from(const struct id_index *x, uint64_t id, uint64_t *ret_id);

#endif
