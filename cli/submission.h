/*
 * submission - a message of a program on this machine on its way to belfryd: by
 * its submit socket, or while it is away by the drop folder.
 *
 *	submission_open()	connects
 *	submission_say()	the whole dialogue, up to the answer to the content
 *	submission_leave()	when one of them said SUBMISSION_GONE
 *
 * One that is refused a recipient is sent to nobody: the caller is told, and
 * nobody gets it twice when it is sent again.
 */
#ifndef CLI_SUBMISSION_H
#define CLI_SUBMISSION_H

#include <stdio.h>

#include "cli/submit_talk.h"
#include "mail/drop.h"

/* What came of it; anything above 0 is the exit status that REFUSED gave. */
enum submission_end {
	SUBMISSION_TAKEN = 0,
	SUBMISSION_GONE = -1,       /* belfryd is away: see `gone` */
	SUBMISSION_UNREADABLE = -2, /* our own file; nothing was sent */
	SUBMISSION_NOT_ALLOWED = -3,
};

enum submission_step {
	SUBMISSION_GREETING,
	SUBMISSION_EHLO,
	SUBMISSION_MAIL,
	SUBMISSION_RCPT,
	SUBMISSION_DATA,
	SUBMISSION_CONTENT,
};

#define SUBMISSION_LATER 75 /* EX_TEMPFAIL */

/* The last answer of T to WHAT was not yes: say so. LATER: it may be yes
 * another time. The exit status; LATER's is SUBMISSION_LATER. */
typedef int submission_refused_fn(const struct submit_talk *t,
				  enum submission_step step, const char *what,
				  bool later);

struct submission {
	/* Its parameters are those of RFC 3461; SMTPUTF8 (RFC 6531) is found
	 * here. The size is not looked at. Borrowed. */
	struct drop_envelope env;
	FILE *header; /* borrowed; NULL: none */
	FILE *body;   /* borrowed; it can be read again from BODY_AT on */
	off_t body_at;
	submission_refused_fn *refused;
	char gone[TALK_REPLY_MAX + 64]; /* how belfryd went away */
	bool unsure; /* ... behind the content: it may have been taken */
};

/* TAKEN, GONE or NOT_ALLOWED; T is to be closed in the first case. */
int submission_open(struct submission *s, const char *socket,
		    struct submit_talk *t);
int submission_say(struct submission *s, struct submit_talk *t);
/* After GONE: `PROGRAM: can't reach belfryd: why; `, for the caller to end. */
void submission_say_gone(const struct submission *s, const char *program);
/* 0 or -errno, as drop_leave(). */
int submission_leave(struct submission *s, const char *drop_dir);

#endif
