/*
 * message - the record `m id 0`: what is common to a message's recipients.
 *
 * It owns the content (its blob) and the message's only timer: its place is
 * "there is something to tell" (kind 't'), else "too late" (kind 'm'). It goes
 * with the last recipient, unless its teller must still be told, or it is kept
 * for a while (kind 'p').
 */
#ifndef QUEUE_MESSAGE_H
#define QUEUE_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/dsn_wish.h"
#include "queue/key.h"

enum message_flag {
	MESSAGE_EIGHT_BIT = 1 << 0,
	MESSAGE_HELD = 1 << 1,
	MESSAGE_CORRUPT = 1 << 2, /* set aside, out of every place */
	MESSAGE_FAILED = 1 << 3,  /* some recipient was not served */
	MESSAGE_SMTPUTF8 = 1 << 4,
	MESSAGE_UTF8_HEADER = 1 << 6,
	MESSAGE_WARN = 1 << 5,   /* the sender is to be told that it is late */
	MESSAGE_KEPT = 1 << 7,   /* its fate is known; the content stays until
				* EXPIRES, without recipients */
	MESSAGE_QUOTES = 1 << 8, /* a report with all of what it speaks of */
	MESSAGE_SUBMITTED = 1 << 9, /* its client may submit here */
	MESSAGE_SERVED = 1 << 10,   /* some recipient was; only for tellers
				     * but 'm' */
	MESSAGE_DOUBTED = 1 << 11,  /* ... or it was, and nobody said so */
};

struct message {
	uint16_t flags;
	enum queue_class class;
	uint8_t teller; /* 'm': DSN; else the kind of TELLER_KEY */
	struct store_key teller_key;
	uint32_t flow;
	uint32_t nrcpt; /* as published: the highest n */
	int64_t size, arrival_ms, expires_ms;
	int64_t warn_ms; /* when its sender is told that it is late; 0: never,
			  * or done */
	int64_t tell_ms; /* since when something is to be told; 0: nothing */
	enum dsn_ret ret;
	const char *sender, *message_id;
	const char *envid;   /* "": none */
	const char *verdict; /* "": none */
};

/* Append the value. 0 or -EMSGSIZE. */
int message_encode(const struct message *m, struct buf *out);
/* Strings go into A. 0 or -EBADMSG. */
int message_decode(const void *value, size_t len, struct arena *a,
		   struct message *ret);
/* When something happens by absence: it is late, or too late. */
int64_t message_next_ms(const struct message *m);
/* None of that before WHEN. */
void message_not_before(struct message *m, int64_t when);
/* Where it waits: nowhere while set aside; a held one only to tell. */
struct store_place message_place(const struct message *m);

#endif
