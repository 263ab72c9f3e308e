/*
 * submit_talk - SMTP with belfryd over the submit socket, blocking.
 */
#ifndef CLI_SUBMIT_TALK_H
#define CLI_SUBMIT_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TALK_REPLY_MAX 4096

/* How long belfryd may take to answer: a store under load still commits within
 * seconds. */
#define TALK_TIMEOUT_S 300

struct submit_talk {
	FILE *in, *out; /* owned; the same socket */
	int code;       /* of the last reply; 0: the connection is gone */
	char text[TALK_REPLY_MAX]; /* its text, lines joined by blanks */
};

/* A socket connected to PATH, or -errno. */
int talk_connect(const char *path);
/* Connect and read the greeting. 0 or -errno. */
int talk_open(struct submit_talk *t, const char *path);
void talk_close(struct submit_talk *t);
/* Send a line and read the reply. Its code. */
int talk_say(struct submit_talk *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* From now on wait for answers as long as it takes. */
void talk_wait(struct submit_talk *t);
/* Is this one of the words of the last reply (of EHLO's), behind the first? */
bool talk_has(const struct submit_talk *t, const char *keyword);
/* Send a message behind DATA, what FILE has and then MORE (NULL: nothing):
 * lines end in CRLF on the wire, whatever they end in there, and dots are
 * doubled. The code of the reply to the final dot; -1 when one can't be read
 * (the connection must then be closed, so that nothing is accepted). */
int talk_message(struct submit_talk *t, FILE *file, FILE *more);

#endif
