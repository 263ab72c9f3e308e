/*
 * key - the keys of the queue's own records, and ids as people see them.
 *
 *	m id 0   a message          d dest     a destination
 *	m id n   its recipient n    b blob     a loose blob
 *	k sha    a caller's key     0 "pause"  the red button
 *	                            0 "walk"   how far the walk is
 */
#ifndef QUEUE_KEY_H
#define QUEUE_KEY_H

#include "queue/queue.h"

struct store_key key_message(uint64_t id, uint32_t n);
/* False when K is no key of a message or recipient. */
bool key_message_parse(const struct store_key *k, uint64_t *ret_id,
		       uint32_t *ret_n);
struct store_key key_dest(uint64_t dest);
struct store_key key_blob(uint64_t blob);
struct store_key key_caller(const char *key);
struct store_key key_pause(void);
struct store_key key_walk(void);
/* The number of a destination's or blob's key. */
uint64_t key_number(const struct store_key *k);

/* The parts of a place; 0 where it is of the other sort. */
bool place_is_ready(const struct store_place *p);
bool place_is_time(const struct store_place *p);
int64_t place_when(const struct store_place *p);
uint64_t place_dest(const struct store_place *p);
uint32_t place_flow(const struct store_place *p);
uint8_t place_lane(const struct store_place *p);

/* How much of a place names a class and kind of time, a destination, one of its
 * lanes: prefixes for store_next_waiting(). */
#define PLACE_PREFIX_KIND 3
#define PLACE_PREFIX_DEST 9
#define PLACE_PREFIX_LANE 10

/*
 * A lane: class, and whether it was tried before.
 */
#define LANES 6
uint8_t lane_of(enum queue_class class, bool tried);
#define LANES_ALERT 0x03u /* bits of the lanes of class alert */
#define LANES_ALL   0x3fu
#define LANES_OTHER (LANES_ALL & ~LANES_ALERT)

enum store_class store_class_of(enum queue_class class);

/* Both names in one piece, owned by AGENT's copy. */
char *key_dup_names(const char *agent, const char *name, char **ret_name);

#endif
