/*
 * smtp_reply - what a server said, as a value that keeps its words (RFC 5321,
 * 4.2; enhanced codes RFC 3463).
 */
#ifndef MAIL_SMTP_REPLY_H
#define MAIL_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#define REPLY_TEXT_MAX 1024 /* with the NUL; longer texts are cut */
#define REPLY_DSN_MAX  12

struct reply {
	int code;                  /* 200-599; 0: nothing was said yet */
	char dsn[REPLY_DSN_MAX];   /* "2.1.5"; "" when not given */
	char text[REPLY_TEXT_MAX]; /* without codes; lines joined by "\n"; ASCII
				    * without control characters but that:
				    * others became spaces, 8-bit octets "?" */
	bool ours;       /* no server said it: we did, by reply_set() */
	bool of_content; /* said of the mail itself, at DATA, behind the content
			  * or for its size; set by who knows when it was
			  * said */
};

void reply_set(struct reply *r, int code, const char *dsn, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void reply_copy(struct reply *to, const struct reply *from);
bool reply_ok(const struct reply *r);        /* 2xx */
bool reply_temporary(const struct reply *r); /* 4xx */
bool reply_permanent(const struct reply *r); /* 5xx */
/* The enhanced code; where none was given, or its class contradicts the code,
 * "X.0.0" of the code's class ("4.0.0" when that is neither yes nor no). */
const char *reply_dsn(const struct reply *r, char ret[static REPLY_DSN_MAX]);
/* "550 5.1.1 no such user", one line: for logs, DSN and listings. */
void reply_line(const struct reply *r, char *ret, size_t size);

/* A parser of what comes from a server, piece by piece. */
#define REPLY_LINE_MAX  2048 /* with its end */
#define REPLY_LINES_MAX 128

struct reply_parser {
	char line[REPLY_LINE_MAX];
	size_t len;
	unsigned lines;
	struct reply reply; /* what is gathered so far */
	/* Called with each line's text of a multi-line reply (EHLO keywords),
	 * in order, the last one too; may be NULL. */
	void (*on_line)(void *arg, int code, const char *text);
	void *arg;
};

void reply_parser_init(struct reply_parser *p);
/* Feed LEN bytes. *RET_USED is how many were taken: it stops behind the end of
 * one reply. 1: a reply is in P->reply (the next call starts anew); 0: more is
 * needed; -EPROTO: this is not SMTP, close; -EMSGSIZE: more lines, or a longer
 * one, than are taken, close too. Bare LF ends a line too: servers do that. */
int reply_parse(struct reply_parser *p, const char *data, size_t len,
		size_t *ret_used);

#endif
