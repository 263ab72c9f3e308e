/*
 * alert_group - the record of a group: (receiver's name, group labels), from
 * its first notice until all of its incidents are over.
 *
 *	value   format, core, receiver, labels
 */
#ifndef ALERT_ALERT_GROUP_H
#define ALERT_ALERT_GROUP_H

#include "alert/labels.h"
#include "base/buf.h"

#define GROUP_PRINT 16

enum group_flag {
	GROUP_OWN = 1 << 0, /* Belfry's own words to a receiver, of no incident
			     */
	GROUP_PAUSED = 1 << 1, /* the escalation's clock stands */
};

struct group_core {
	uint8_t flags;
	uint8_t steps; /* of the escalation that were taken */
	uint32_t seq;  /* of the last notice; 0: none yet */
	int64_t created_ms;
	int64_t due_ms;        /* 0: nothing to tell */
	int64_t flushed_ms;    /* the last notice; 0: none */
	int64_t repeat_ms;     /* the next reminder; 0: none */
	int64_t clock_ms;      /* how long it was unacknowledged until ... */
	int64_t clock_from_ms; /* ... since when it runs on; 0: it does not */
};

/* (receiver, labels) as a key. */
void group_print(const char *receiver, const struct labels *labels,
		 uint8_t flags, uint8_t ret[static GROUP_PRINT]);
/* LABELS are packed. */
void group_encode(const struct group_core *c, const char *receiver,
		  const void *labels, size_t labels_len, struct buf *out);
/* Strings point into ARENA. 0, -EBADMSG, -EPROTONOSUPPORT. */
int group_decode(const void *value, size_t len, struct arena *arena,
		 struct group_core *ret, const char **ret_receiver,
		 struct labels *ret_labels);

#endif
