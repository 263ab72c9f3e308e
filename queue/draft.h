/*
 * draft - a message on its way into the queue.
 *
 * A draft is invisible to delivery. It ends in exactly one of two ways, and
 * both consume it:
 *
 *	draft_commit()   the message is in the store and would survive a power
 *	                 cut; only when the callback says 0 may the client be
 *	                 told 250.
 *	draft_abandon()  nothing remains.
 *
 * Up to 16 pages (65,216 bytes) a draft is kept in memory and travels with its
 * publish; what is larger is written as a loose blob as it grows, so memory is
 * bounded by 64 KiB (twice that with draft_reserve()) and not by the message.
 * One owner on one loop; not thread-safe.
 */
#ifndef QUEUE_DRAFT_H
#define QUEUE_DRAFT_H

#include "mail/dsn_wish.h"
#include "queue/queue.h"

struct draft;

struct envelope_rcpt {
	const char *address;  /* where it goes */
	const char *original; /* as the client gave it; NULL: the same */
	const char *orcpt;    /* RFC 3461, decoded; NULL: none */
	uint8_t notify;       /* enum dsn_notify; 0: not said */
	bool copy; /* nobody named it: nothing is told of it, and the message's
		    * fate is not its; it stands behind those that are none */
	bool expanded; /* nothing is delivered there: others stand for it, and
			* the sender is told so */
	const char *agent, *dest; /* the destination */
	const char *route;        /* name of the rule that chose it */
};

struct envelope {
	const char *sender; /* "" is the null path */
	enum queue_class class;
	uint32_t flow;          /* queue_flow() */
	bool eight_bit;         /* the body holds octets above 127 */
	bool smtputf8;          /* MAIL said SMTPUTF8 (RFC 6531) */
	bool utf8_header;       /* ... and the header needs it */
	bool held;              /* nobody but the operator lets it go */
	const char *verdict;    /* what was thought of it; NULL: nothing */
	bool quotes;            /* a report that holds all of a message */
	bool submitted;         /* whose it is was logged in, or trusted */
	enum dsn_ret ret;       /* RFC 3461 */
	const char *envid;      /* ... decoded; NULL: none */
	const char *message_id; /* for listings; may be "" */
	const char *key;        /* idempotency key of the caller; NULL: none */
	bool key_kept;  /* a month, or a day from queue_forget_key() on; else a
			 * day from now */
	uint8_t teller; /* 'm': DSN; else a kind of record ... */
	struct store_key teller_key; /* ... and which; len 0 with 'm' */
	size_t nrcpt;
	/* Equal ones are made once, with all that is to be told of them; one
	 * of NOTIFY_NEVER gives its place to one that is not. */
	const struct envelope_rcpt *rcpt;
};

/* A flow: who shares a turn. The user or uid, else client address and sender
 * domain, whatever text names them. */
uint32_t queue_flow(const char *who, const char *domain);

/* Start a draft of at most MAX_BYTES. The id is already that of the message. 0,
 * or -ENOSPC when the store is full for NEED (answer 452, keep the session).
 * READY runs on LOOP for the object of HANDLE after a write that returned 1. */
typedef void draft_ready_fn(void *object);
int draft_open(struct queue *q, size_t max_bytes, enum store_need need,
	       struct loop *loop, uint64_t handle, draft_ready_fn *ready,
	       struct draft **ret_draft);
uint64_t draft_id(const struct draft *d);

/* Append. 0; 1 when taken, but read no more from the client until READY;
 * -EMSGSIZE once MAX_BYTES would be passed, or the errno of a piece that could
 * not be written: the draft then refuses every later write and cannot be
 * committed (draft_commit answers with that error). */
int draft_write(struct draft *d, const void *data, size_t len);

/* What was written so far is ours (fields put before the content) and differs
 * each time: it doesn't count when a key's content is compared. Within the
 * first 16 pages. */
void draft_begin_content(struct draft *d);

/* Something of at most MAX_BYTES will stand in front of all, that is known only
 * at the end. Before the first write; what is written first then stays in memory
 * up to the end. */
void draft_reserve(struct draft *d, size_t max_bytes);
/* That: once, when all is written. Like what stands before the content, it does
 * not count when a key's content is compared. 0; -EMSGSIZE as draft_write(). */
int draft_prefix(struct draft *d, const void *data, size_t len);

/* Publish *DRAFT and leave NULL, whatever the outcome. FN runs on the draft's
 * loop, after the group commit, unless the object of the handle is gone by
 * then. RESULT 0; 1: KEY was published before with the same content, ID is that
 * message's; -EEXIST: KEY with other content; -ENOSPC; other -errno. */
typedef void draft_commit_fn(void *object, int result, uint64_t id);
void draft_commit(struct draft **draft, const struct envelope *env,
		  draft_commit_fn *fn);
void draft_abandon(struct draft **draft);

/*
 * The same inside a job of the caller's, for records and messages that belong
 * together: prepare on the loop, publish in the transaction, then settle
 * with its outcome on the loop. Only drafts of up to 16 pages. The prepared
 * message's id is draft_id().
 */
struct publish;
struct publish *publish_prepare(struct draft **draft,
				const struct envelope *env);
/* What it will write, roughly. */
size_t publish_bytes(const struct publish *p);
/* 0, or as draft_commit's result; nothing was written then. */
int publish_in(struct store_txn *txn, struct publish *p);
/* In the job's AFTER (store thread): committed or not. Frees *P. */
void publish_after(struct publish **p, int result);
/* Is an attempt of it out, or has it an outcome that the teller is still to
 * hear? */
bool publish_is_out_in(struct store_txn *txn, struct queue *q, uint64_t id);
/* Is there no such message? */
bool publish_is_gone_in(struct store_txn *txn, uint64_t id);
/* Take back a message that is not out: 0, -ENOENT, -EBUSY (it is: its outcome
 * will come to the teller). */
int publish_withdraw_in(struct store_txn *txn, struct queue *q, uint64_t id);

#endif
