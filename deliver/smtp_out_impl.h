/*
 * smtp_out_impl - what the two halves of the client's machine know of one
 * another: smtp_out.c speaks and listens, smtp_out_heard.c decides.
 */
#ifndef DELIVER_SMTP_OUT_IMPL_H
#define DELIVER_SMTP_OUT_IMPL_H

#include "deliver/smtp_out.h"

enum so_word {
	SO_OK,      /* 2xx */
	SO_GO_ON,   /* 3xx */
	SO_LATER,   /* 4xx, but 421 */
	SO_CLOSING, /* 421 */
	SO_NEVER,   /* 5xx */
	SO_GARBAGE,
	SO_SILENCE,
	SO_CLOSE,
};

/* What the server is to speak of, for sentences. */
const char *smtp_out_awaited(const struct smtp_out *so);

/* The next state. REPLY: the server's, or ours where it said nothing. */
enum smtp_out_state smtp_out_heard(struct smtp_out *so, enum so_word word,
				   const struct reply *reply);

/* Give all who have no outcome yet this one; how many they were. */
size_t smtp_out_pending(struct smtp_out *so, enum attempt_outcome outcome,
			const struct reply *reply);
/* The mail is the owner's again; replies still awaited go to nobody. */
void smtp_out_settle(struct smtp_out *so, enum attempt_dest dest);
/* A 4xx or 5xx to what concerns all. */
void smtp_out_refused(struct smtp_out *so, enum so_word word,
		      const struct reply *reply);
/* CLOSED, and why; a yes that came where none was due is named as that. */
enum smtp_out_state smtp_out_end(struct smtp_out *so,
				 const struct reply *reply);

/* Go there, and say what belongs to it. */
void smtp_out_move(struct smtp_out *so, enum smtp_out_state next);

/* --- smtp_out_ehlo.c ---------------------------------------------------------- */

/* A line of the reply to EHLO; the first one is the server's name. ARG is the
 * machine. */
void smtp_out_keyword(void *arg, int code, const char *text);
void smtp_out_forget_ehlo(struct smtp_out *so);

/* --- smtp_out_auth.c: what stands between EHLO and the first mail -------------- */

/* EHLO or HELO was taken. */
enum smtp_out_state smtp_out_greeted(struct smtp_out *so);
enum smtp_out_state smtp_out_heard_starttls(struct smtp_out *so,
					    enum so_word word,
					    const struct reply *reply);
void smtp_out_enter_auth(struct smtp_out *so);
enum smtp_out_state smtp_out_heard_auth(struct smtp_out *so, enum so_word word,
					const struct reply *reply);
/* The server spoke on in the clear, behind the 220 of STARTTLS or before it was
 * asked for that. */
void smtp_out_injected(struct smtp_out *so);

#endif
