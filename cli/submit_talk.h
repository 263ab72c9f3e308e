/*
 * submit_talk - SMTP with belfryd over the submit socket, blocking.
 */
#ifndef CLI_SUBMIT_TALK_H
#define CLI_SUBMIT_TALK_H

#include <stddef.h>
#include <stdio.h>

#define TALK_REPLY_MAX 4096

struct submit_talk {
	FILE *in, *out; /* owned; the same socket */
	int code;       /* of the last reply; 0: the connection is gone */
	char text[TALK_REPLY_MAX]; /* its text, lines joined by blanks */
};

/* Connect and read the greeting. 0 or -errno. */
int talk_open(struct submit_talk *t, const char *path);
void talk_close(struct submit_talk *t);
/* Send a line and read the reply. Its code. */
int talk_say(struct submit_talk *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Send a message behind DATA: lines end in CRLF on the wire, whatever they end
 * in in FILE, and dots are doubled. The code of the reply to the final dot; -1
 * when FILE can't be read (the connection must then be closed, so that nothing
 * is accepted). */
int talk_message(struct submit_talk *t, FILE *file);

#endif
