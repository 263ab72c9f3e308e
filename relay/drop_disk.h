/*
 * drop_disk - what the drop folder asks of the disk, for the disk pool.
 *
 * Everybody may put anything into the folder. A turn looks at so many entries
 * and no more; what is opened is opened so that it can neither block nor lead
 * elsewhere, and is only taken when it is a plain file with one name.
 */
#ifndef RELAY_DROP_DISK_H
#define RELAY_DROP_DISK_H

#include <dirent.h>
#include <sys/stat.h>

#include "mail/drop.h"

/* Entries looked at in a turn, and files found in one. */
#define DROP_TURN  2000
#define DROP_BATCH 256
#define DROP_PIECE (64 * 1024)
/* In front of the name of what can't be taken. */
#define DROP_BAD "bad."

struct drop_found {
	char name[DROP_NAME_LEN + 1];
	uid_t uid;
	int64_t size;
	struct timespec left; /* when it was */
};

struct drop_scan {
	int dir_fd;     /* borrowed */
	int64_t now_ms; /* wall; set before each turn */
	int64_t keep_bad_ms;
	DIR *dir;                        /* owned; NULL: begin anew */
	int error;                       /* of the last turn */
	bool end;                        /* all was seen; DIR is closed */
	size_t n;                        /* found in the last turn */
	struct drop_found v[DROP_BATCH]; /* the oldest first, then large ones */
	size_t odd;      /* since the beginning: no files of ours */
	size_t stale;    /* unfinished ones that were cleared away */
	size_t bad;      /* put aside */
	size_t bad_gone; /* ... so long ago that they were removed */
};

void drop_scan_turn(struct drop_scan *s);
void drop_scan_done(struct drop_scan *s);

enum drop_action { DROP_KEEP, DROP_UNLINK, DROP_ASIDE };

/* One file, from open to its end. */
struct drop_file {
	int dir_fd; /* borrowed */
	char name[DROP_NAME_LEN + 1];
	int fd; /* owned; -1: not open */
	struct stat st;
	int error;       /* -errno of the last call */
	const char *bad; /* it can't be taken, ever: why (static) */
	struct arena arena;
	struct drop_envelope env; /* in ARENA */
	char *login;              /* owned: of its owner */
	char *front;              /* owned: the first pieces */
	size_t front_len, body_at;
	int64_t at;  /* read so far, of the message */
	char *piece; /* owned: DROP_PIECE bytes */
	size_t piece_len;
	bool changed; /* somebody wrote to it while it was read */
	enum drop_action action;
};

void drop_file_init(struct drop_file *f, int dir_fd, const char *name);
void drop_file_done(struct drop_file *f);
/* Fills what stands above, or ERROR or BAD. */
void drop_file_open(struct drop_file *f);
/* The next piece of the message; PIECE_LEN 0: the end, or CHANGED or ERROR. */
void drop_file_read(struct drop_file *f);
/* Do ACTION, to that same file only. ERROR: it may still be there. */
void drop_file_finish(struct drop_file *f);

#endif
