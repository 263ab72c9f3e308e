/*
 * notice - the record of what one recipient was told of one group.
 *
 * People are told by level: a notice remembers, for every incident of its
 * group, what was said last and accepted, and what the message says that is in
 * the queue now. What is not listed was never told of.
 *
 *	value   format, core with the subject, channel, address, person, time
 *	        zone, receiver, number of entries, entries (or nothing: they are
 *	        in pages)
 *	entry   incident, told and pending, first told in
 */
#ifndef ALERT_NOTICE_H
#define ALERT_NOTICE_H

#include "alert/channel.h"
#include "base/arena.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Of one incident, in four bits. DOWN and OVER are only ever pending: once
 * accepted there is nothing more to tell. */
enum told {
	TOLD_NOTHING,
	TOLD_FIRING,
	TOLD_STALE,
	TOLD_FLAPPING,
	TOLD_DOWN,  /* it was down from ... to ... */
	TOLD_OVER,  /* the recovery */
	TOLD_ACKED, /* it fires, and somebody sees to it */
	TOLD_LESS,  /* that it fires, and by now it is worse */
};
#define TOLD_MASK 0x07
#define TOLD_HELD 0x08 /* it was due while nobody is told of it */

/* Told and pending as one byte. */
static inline enum told
told_of(uint8_t both)
{
	return (enum told)(both & TOLD_MASK);
}

static inline enum told
told_pending(uint8_t both)
{
	return (enum told)(both >> 4 & TOLD_MASK);
}

#define NOTICE_SUBJECT_MAX 128 /* with the NUL; what is longer is cut */

enum notice_origin { NOTICE_ROUTE, NOTICE_STEP, NOTICE_INSTEAD };

enum notice_flag {
	NOTICE_FELL_BACK = 1 << 0, /* somebody else is told instead */
	NOTICE_FAILED = 1 << 1,    /* it took nothing last time */
	NOTICE_RAISED = 1 << 3,    /* an alert of Belfry's own says so */
	NOTICE_CRITICAL = 1 << 2,  /* MESSAGE tells of something critical */
	NOTICE_REACHED = 1 << 4,   /* some heard what MESSAGE says */
	NOTICE_AGAIN = 1 << 5,     /* it was accepted, and since then nothing
				    * was said */
	NOTICE_DOUBTED =
		1 << 6, /* some may have heard what MESSAGE says, or one
				    * before it; until one is accepted */
};

#define NOTICE_JOINED_MAX 4 /* remembered */

/* A mail of another group, that this one's news were in. */
struct notice_joined {
	uint64_t lead;     /* whose; 0: none */
	uint32_t lead_seq; /* its number there */
	uint32_t seq;      /* ... and here */
};

struct notice_core {
	uint8_t flags;
	uint8_t origin;       /* enum notice_origin */
	uint8_t kind;         /* enum notice_kind of MESSAGE */
	uint64_t id;          /* also of its blob */
	uint64_t message;     /* in the queue; 0: none */
	int64_t published_ms; /* MESSAGE was */
	int64_t event_ms;     /* what MESSAGE tells first came to pass */
	int64_t told_ms;      /* the last that was accepted; 0: none */
	uint32_t seq;         /* of MESSAGE */
	uint32_t told_seq;    /* of the last accepted */
	uint64_t lead;        /* whose notice MESSAGE is: the group of its id */
	uint32_t lead_seq;    /* ... and the number there */
	uint64_t root_group;  /* the first message: whose, and its number */
	uint32_t root_seq;    /* 0: none yet */
	struct notice_joined joined[NOTICE_JOINED_MAX]; /* the newest first */
	char subject[NOTICE_SUBJECT_MAX]; /* of the first, and so of all */
};

struct notice_names {
	const char *channel, *address, *person, *time_zone, *receiver;
};

struct notice_entry {
	uint64_t incident;
	uint8_t both;
	uint32_t seq;
};

#define NOTICE_ENTRY_LEN 13

void notice_encode(const struct notice_core *c, const struct notice_names *n,
		   const void *entries, size_t entries_len, struct buf *out);
void notice_entry_pack(const struct notice_entry *entry, struct buf *out);
/* Strings in ARENA; *RET_ENTRIES points into VALUE; NULL: in pages. 0,
 * -EBADMSG, -EPROTONOSUPPORT. */
int notice_decode(const void *value, size_t len, struct arena *arena,
		  struct notice_core *ret, struct notice_names *ret_names,
		  const uint8_t **ret_entries, size_t *ret_len);
void notice_entry_unpack(const uint8_t at[static NOTICE_ENTRY_LEN],
			 struct notice_entry *ret);

#endif
