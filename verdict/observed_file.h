/*
 * observed_file - the files that observed verdicts go to: one under way, whose
 * name ends in `.part`, and whole ones, `verdict.START.PID`, for whoever imports
 * and unlinks them. START is a time in UTC, so that their names sort by age.
 *
 * A file is whole when its hour is over, or when it has an eighth of what all of
 * them may have. Whose lock (flock) on a `.part` can be taken has no writer any
 * more. One thread at a time.
 */
#ifndef VERDICT_OBSERVED_FILE_H
#define VERDICT_OBSERVED_FILE_H

#include <stddef.h>
#include <stdint.h>

#define OBSERVED_NAME_LEN 64

struct observed_file {
	int dir_fd; /* owned */
	int fd;     /* owned; -1: none is under way */
	int64_t opened_ms;
	int64_t len;
	char name[OBSERVED_NAME_LEN]; /* without `.part` */
	int64_t max_size, max_age_ms;
	uint64_t dropped; /* whole files that were too many or too old */
};

/* DIR exists. What another process left under way is made whole. 0 or -errno. */
int observed_file_open(struct observed_file *f, const char *dir,
		       int64_t max_size, int64_t max_age_ms);
/* Whole lines. 0 or -errno, and then none of them is there. */
int observed_file_write(struct observed_file *f, const char *lines, size_t len,
			int64_t now_ms);
/* The time goes on: is an hour over, is a file too old? 0 or -errno. */
int observed_file_turn(struct observed_file *f, int64_t now_ms);
/* What is under way becomes whole. */
void observed_file_close(struct observed_file *f);

#endif
