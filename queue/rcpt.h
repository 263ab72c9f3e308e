/*
 * rcpt - the record `m id n`: one delivery to be made.
 *
 * Its place says what it waits for: a ready list (its turn), a time (it was
 * deferred). Without a place it is held, failed or served and about to be told,
 * or set aside; the state says which.
 *
 *	LIVE --never, too late--> FAILED --told--> gone
 *	LIVE <--hold, release--> HELD
 *	LIVE --its message is damaged--> ASIDE
 *	LIVE --done--> gone, or SERVED --told--> gone
 *
 * What others stand for is SERVED from the beginning.
 */
#ifndef QUEUE_RCPT_H
#define QUEUE_RCPT_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/dsn_wish.h"
#include "mail/smtp_reply.h"
#include "queue/key.h"

enum rcpt_state {
	RCPT_LIVE,
	RCPT_HELD,
	RCPT_FAILED,
	RCPT_ASIDE,
	RCPT_SERVED, /* its sender wants to hear so */
};
#define RCPT_NSTATE 5
extern const char *const rcpt_state_names[];

struct rcpt {
	enum rcpt_state state;
	uint8_t notify; /* enum dsn_notify; 0: not said */
	bool expired;   /* with FAILED: too late, rather than refused */
	bool copy;      /* nobody named it: nothing is told of it */
	enum queue_class class;
	uint32_t flow;
	uint64_t dest; /* key of (agent, dest_name) */
	/* With SERVED: by a host that does not report further; by others that
	 * stand for it. */
	bool relayed, expanded;
	uint32_t tries;
	int64_t arrival_ms;
	int64_t last_ms; /* the last try; 0: none */
	int reply_code;  /* of the last answer; 0: none */
	bool reply_ours; /* no server said it */
	bool reply_of_content;
	const char *reply_dsn, *reply_text, *relay;
	const char *address;
	const char *original, *orcpt; /* "": none */
	const char *agent, *dest_name, *route;
};

/* Append the value, at most STORE_VALUE_MAX: the answer's words and who said
 * them are left out when they do not fit. 0 or -EMSGSIZE. */
int rcpt_encode(const struct rcpt *r, struct buf *out);
/* Strings go into A. 0 or -EBADMSG. */
int rcpt_decode(const void *value, size_t len, struct arena *a,
		struct rcpt *ret);

struct store_place rcpt_place_ready(const struct rcpt *r);
struct store_place rcpt_place_later(const struct rcpt *r, int64_t wall_ms);
uint8_t rcpt_lane(const struct rcpt *r);
/* As the operator sees it. */
enum queue_rcpt_state rcpt_shown_state(const struct rcpt *r,
				       const struct store_place *place);

/* REPLY becomes the last answer; its text must outlive R. */
void rcpt_set_reply(struct rcpt *r, const struct reply *reply,
		    const char *relay);
void rcpt_get_reply(const struct rcpt *r, struct reply *ret);

#endif
