/*
 * spool - a message on its way from standard input, kept so that it can be
 * read more than once.
 *
 * It lies in a file without a name. spool_read() ends lines in CRLF there,
 * whatever ended them on input; what SMTP can't carry, a NUL or a CR by itself,
 * has become a blank (the progress bars in the output of a cron job are full of
 * them).
 */
#ifndef CLI_SPOOL_H
#define CLI_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The most that a header may have. */
#define SPOOL_HEADER_MAX (1024 * 1024)

struct spool {
	FILE *file; /* owned */
	size_t size;
};

/* Take all of IN; with DOT_ENDS up to a line that holds only a dot. 0 or
 * -errno. */
int spool_read(struct spool *s, FILE *in, bool dot_ends);
/* Take all of IN as it is. 0 or -errno. */
int spool_keep(struct spool *s, FILE *in);
void spool_done(struct spool *s);
/* The first SPOOL_HEADER_MAX bytes, owned by the caller; their number in
 * *RET_LEN. NULL when they can't be read. */
char *spool_front(struct spool *s, size_t *ret_len);

#endif
