/*
 * smtp_out - the SMTP client as a machine without a socket (RFC 5321, 2920,
 * 1870, 3030, 3461, 6152, 6531), and the LMTP client (RFC 2033), which differs
 * in its greeting and in the replies to the final dot: one for each recipient
 * taken.
 *
 * What the server sends goes in, what is to be sent is appended to OUT, and
 * after each call the owner looks at STATE and FATE:
 *
 *	READY   a mail may be given: smtp_out_mail()
 *	BODY    the content is wanted: smtp_out_body(), smtp_out_body_end();
 *		then, when all of OUT has left, smtp_out_left(). By BDAT it is
 *		wanted earlier: smtp_out_wants_body()
 *	CLOSED  close the socket once OUT is written; WHY says why
 *
 *	TLS     the handshake is to be made: smtp_out_secured(), or
 *		smtp_out_closed(), smtp_out_silent(), smtp_out_tls_failed()
 *	TOKEN   the token for the login is wanted: smtp_out_token()
 *
 * FATE tells what became of the mail; whatever a server does, whenever it does
 * it, has one outcome, written in the table of docs/delivery.md, which is
 * also the table of the test. When in doubt: later.
 *
 * Not thread-safe; one connection owns one machine.
 */
#ifndef DELIVER_SMTP_OUT_H
#define DELIVER_SMTP_OUT_H

#include "base/buf.h"
#include "deliver/route.h"
#include "deliver/tls_policy.h"
#include "mail/lines.h"
#include "mail/smtp_reply.h"
#include "queue/attempt.h"

/*
 *	[TLS ->] BANNER -> EHLO [-> STARTTLS -> TLS -> EHLO] [-> HELO]
 *		[-> TOKEN] [-> AUTH] -> READY
 *
 *	READY -> MAIL -> RCPT -> DATA -> BODY -> DOT
 *	  ^                                       |
 *	  +---------- [RSET] <--------------------+
 *
 * A state is named after the command whose reply is awaited. With PIPELINING
 * the commands of MAIL, RCPT and DATA are all sent on entering MAIL.
 *
 * A small mail goes by BDAT where CHUNKING and PIPELINING are offered: content
 * and all follow RCPT before any reply, so DATA is left out, BODY is only
 * entered while some of the content has not left, and DOT awaits BDAT's reply.
 */
enum smtp_out_state {
	SMTP_OUT_BANNER,
	SMTP_OUT_EHLO,
	SMTP_OUT_HELO,
	SMTP_OUT_STARTTLS,
	SMTP_OUT_TLS,
	SMTP_OUT_TOKEN,
	SMTP_OUT_AUTH,
	SMTP_OUT_READY,
	SMTP_OUT_MAIL,
	SMTP_OUT_RCPT,
	SMTP_OUT_DATA,
	SMTP_OUT_BODY,
	SMTP_OUT_DOT,
	SMTP_OUT_RSET,
	SMTP_OUT_CLOSED,
};
extern const char *const smtp_out_state_names[];

enum smtp_out_fate {
	SMTP_OUT_NONE,      /* no mail was given, or it is under way */
	SMTP_OUT_SETTLED,   /* every recipient has its outcome */
	SMTP_OUT_NOT_BEGUN, /* the connection ended first; nothing is known of
			     * the mail, another connection may carry it */
};

struct smtp_out_conf {
	const char *helo; /* borrowed, as long as the machine */
	bool lmtp;        /* LHLO, and a reply a recipient after the dot */
	bool strict_8bit;
	bool chunking; /* BDAT where it is offered and faster */
	enum tls_level tls;
	bool implicit_tls;
	const struct smtp_login *login; /* borrowed; NULL: none */
	/* Told of each transition; may be NULL. */
	void (*moved)(void *arg, enum smtp_out_state from,
		      enum smtp_out_state to);
	void *arg;
};

struct smtp_out {
	struct smtp_out_conf conf;
	struct buf *out; /* borrowed */
	enum smtp_out_state state;
	struct reply_parser parser;
	/* What EHLO offered. */
	unsigned ehlo_lines;
	bool pipelining, chunking, eight_bit_mime, size, dsn, smtputf8;
	int64_t size_max; /* 0: no limit was named */
	bool starttls;
	unsigned logins; /* a bit for each enum sasl_mechanism */
	/* TLS and the login. */
	bool secure;              /* the handshake was made */
	struct sasl_client *sasl; /* owned */
	struct buf first;         /* a long first word, or an answer */
	bool login_begun, first_waits;
	/* The mail under way. */
	struct attempt *mail; /* borrowed; NULL: none */
	uint32_t *sent;       /* in the attempt's arena: who got a RCPT */
	size_t nsent, rcpt_at;
	bool hidden;   /* it leaves from the null path */
	size_t dot_at; /* LMTP: SENT whose reply to the dot is next */
	bool piped;    /* RCPT and DATA are out already */
	bool mail_ok;  /* MAIL was accepted */
	bool chunked;  /* it goes by BDAT ... */
	bool said;     /* ... which is out, or in OUT */
	bool ending;   /* the end of the content is in OUT or on its way */
	bool left;     /* ... and the kernel has it */
	struct lines_stuff stuff;
	/* What the owner reads. */
	unsigned carried; /* mails settled on this connection */
	unsigned heard;   /* replies so far: each one renews the patience */
	bool sent_8bit;   /* the mail was sent with octets above 127 though
			   * 8BITMIME was not offered */
	enum smtp_out_fate fate;
	bool failed;       /* CLOSED before it could carry its first mail: the
			   * next host is to be tried */
	bool tls_failed;   /* ... in the handshake */
	bool login_failed; /* ... at the login, by the server's word */
	bool secret;       /* OUT has something in it that is to be wiped */
	struct reply why;  /* CLOSED: the server's words or ours */
};

/* The largest OUT may have to be, between two looks of the owner. */
#define SMTP_OUT_MAX ((size_t)1 << 20)

void smtp_out_init(struct smtp_out *so, const struct smtp_out_conf *conf,
		   struct buf *out);
void smtp_out_done(struct smtp_out *so);

/* Bytes from the server; it closed; it said nothing for too long. */
void smtp_out_input(struct smtp_out *so, const char *data, size_t len);
void smtp_out_closed(struct smtp_out *so);
void smtp_out_silent(struct smtp_out *so);
/* In TLS: it is made, and what was heard before is forgotten; or it failed, and
 * WHY says how. */
void smtp_out_secured(struct smtp_out *so);
void smtp_out_tls_failed(struct smtp_out *so, const char *why);
/* In TOKEN: here it is; NULL: there is none now, WHY says why. */
void smtp_out_token(struct smtp_out *so, const struct secret *token,
		    const char *why);
/* Milliseconds that the server has for what is awaited in this state. */
int64_t smtp_out_patience(const struct smtp_out *so,
			  const struct delivery_timeouts *t);

/* In READY, with FATE none: send MAIL to its recipients that are untried; the
 * outcomes of the others stand. Refused by ourselves at once (FATE settled,
 * nothing sent): a message above the announced SIZE, octets above 127 without
 * 8BITMIME when strict_8bit, addresses or a header that need SMTPUTF8 without
 * it (a recipient's address concerns that one only). Where DSN is not offered
 * copies go from the null path, and stay untried as long as there are others. */
void smtp_out_mail(struct smtp_out *so, struct attempt *mail);
/* The content may be given: in BODY, by BDAT already in MAIL and RCPT. */
bool smtp_out_wants_body(const struct smtp_out *so);
/* Then: at most 64 KiB of the content; then its end. All of it is as long as
 * the attempt says, else smtp_out_break(). */
void smtp_out_body(struct smtp_out *so, const char *data, size_t len);
void smtp_out_body_end(struct smtp_out *so);
/* The kernel has all that was in OUT. True: with it the end of the content, and
 * only from now on is a reply the one to it (DOT). To be said before what comes
 * in is given. */
bool smtp_out_left(struct smtp_out *so);
/* The content cannot be read any further: CLOSED before the final dot, what is
 * pending is later with OUR words, the server not to blame. */
void smtp_out_break(struct smtp_out *so, const struct reply *our);
/* Take the mail back, outcomes and all; FATE is none again. */
enum smtp_out_fate smtp_out_take(struct smtp_out *so);
/* CLOSED, with QUIT where the server expects a command. The reply is not waited
 * for. */
void smtp_out_quit(struct smtp_out *so);

#endif
