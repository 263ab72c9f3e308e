/*
 * store_offline - a store that no daemon uses: looked over, read, and what can
 * be read of it brought into a new one.
 *
 * Nothing in DIR is changed, and it may be on a medium that can't be written.
 * A store that is in use is refused. What is said goes to SAY, a line at a
 * time.
 */
#ifndef QUEUE_STORE_OFFLINE_H
#define QUEUE_STORE_OFFLINE_H

#include "queue/queue.h"

typedef void store_say_fn(void *arg, const char *line);

struct store_verdict {
	uint64_t recs, waits, pages; /* that are right */
	uint64_t structure;          /* faults of the file's structure */
	uint64_t faults;             /* those and the others */
};

/* Walk everything: structure, checksums, and what must be one to one. 0, also
 * with faults; -ENOENT: no store there; -EBUSY: in use; -EPROTONOSUPPORT: not
 * one of ours, or nothing of it can be made out; other -errno. */
int store_verify(const char *dir, store_say_fn *say, void *arg,
		 struct store_verdict *ret_verdict);

struct store_salvaged {
	uint64_t messages;   /* that are there with their content */
	uint64_t set_aside;  /* whose content or recipients are damaged */
	uint64_t lost;       /* contents without a message, in NEWDIR/lost */
	uint64_t unreadable; /* rows whose checksum is wrong */
	uint64_t faults;     /* of the structure */
	bool doubtful;       /* what was delivered may be there again: it starts
			      * paused */
	bool made;           /* NEWDIR is there, and was empty before */
	bool new_failed;     /* after an error: it is NEWDIR's, not DIR's */
};

/* Into NEWDIR, which must not be there or be empty; who owns DIR owns what is
 * made. Results as above; -EEXIST: NEWDIR has something in it. */
int store_salvage(const char *dir, const char *new_dir, store_say_fn *say,
		  void *arg, struct store_salvaged *ret);

/* Make DIR, or see that it is empty. 0, -EEXIST, -errno. */
int store_make_empty_dir(const char *dir);

/* For reading only, by store_read_offline(). Only a store whose structure is
 * right is safe to open: store_verify() first. Results as above. */
int store_open_offline(const char *dir, struct store **ret_store);
int store_read_offline(struct store *store, store_fn *fn, void *arg);
void store_close_offline(struct store **store);

/* Inside of a read: the first message at or after *ID, as in a listing. 1, and
 * its id; 0: there is none; -errno. The caller frees *RET. */
int queue_next_offline(struct store_txn *txn, uint64_t *id,
		       struct queue_listing **ret);
/* The content of message ID in pieces; FN's negative result ends it. 0;
 * -EBADMSG: it is damaged from there on; -errno. */
typedef int queue_offline_fn(void *arg, const void *data, size_t len);
int queue_content_offline(struct store_txn *txn, uint64_t id,
			  queue_offline_fn *fn, void *arg);

#endif
