/*
 * maildir - a message on its way into a Maildir.
 *
 * A Maildir is a folder with cur/, new/ and tmp/. The message is written to a
 * file in tmp/, synced, linked into new/ under a name that also tells its size,
 * and new/ is synced: only then maildir_commit() says 0. Whatever ends the
 * process before leaves a file in tmp/ and nothing else; maildir_clean() takes
 * it away when it is old.
 *
 * The name is made of the message and recipient, so a delivery that is made
 * again after a crash finds the file of the first one and is done.
 *
 * Line ends become LF, as in all files of a Unix mailbox.
 *
 * Everything here blocks: it belongs into the disk pool.
 */
#ifndef DELIVER_MAILDIR_H
#define DELIVER_MAILDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deliver/unix_lines.h"

#define MAILDIR_NAME_MAX 256
/* What lies in tmp/ for so long was left there by a crash. */
#define MAILDIR_STALE_MS (INT64_C(36) * 60 * 60 * 1000)

struct maildir {
	int root, tmp, new; /* folders; -1: not open */
	int fd;             /* the file in tmp/; -1: none */
	char name[MAILDIR_NAME_MAX];
	int64_t size; /* written so far */
	struct unix_lines lines;
};

/* What makes a name of its own: "1767225600.M123000QID_1.HOST". */
struct maildir_name {
	int64_t arrival_ms; /* of the message */
	const char *id;     /* of the message */
	uint32_t n;         /* of the recipient */
	const char *host;   /* ours */
};

/* Begin in the Maildir PATH. The first FIXED bytes of it are a folder that must
 * exist; what is missing below is made, 0700. With SYNC the folders that are
 * there are synced as well: who made them may not have come so far. 0 or
 * -errno, and no file stays. */
int maildir_open(struct maildir *m, const char *path, size_t fixed, bool sync,
		 const struct maildir_name *name);
/* Append. 0 or -errno: then only maildir_abandon() is left. */
int maildir_write(struct maildir *m, const char *data, size_t len);
/* Into new/. Ends M whatever the outcome: 0 or -errno. */
int maildir_commit(struct maildir *m);
/* Nothing remains, as far as the disk allows. */
void maildir_abandon(struct maildir *m);

/* Remove what deliveries of ours left in tmp/ of M before NOW less
 * MAILDIR_STALE_MS. Best effort. */
void maildir_clean(const struct maildir *m, const char *host,
		   int64_t now_wall_ms);

#endif
