/*
 * smtp_in - the server's side of SMTP (RFC 5321), as a machine that holds no
 * socket.
 *
 * Bytes of the client go in (smtp_in_feed), replies and requests come out
 * through a small table of calls. The same code runs on a loop, in a table
 * test, behind the scripts of tests/proto and under the fuzzer. One owner on
 * one loop; not thread-safe.
 *
 *	GREET --EHLO/HELO--> READY --MAIL--> MAIL --RCPT--> RCPT
 *	RCPT --DATA--> HEADER --the header is whole--> BODY --dot--> COMMIT
 *	BODY --the end, and somebody judges or signs--> JUDGE, SIGN --> COMMIT
 *	COMMIT --smtp_in_committed()--> READY
 *	HEADER, BODY --something is wrong--> REFUSED --dot--> READY
 *	RCPT --BDAT--> HEADER, BODY --the chunk's end--> CHUNKS --BDAT--> ...
 *	... --the end of the last chunk--> COMMIT
 *	READY --XOUTCOME--> OUTCOME --smtp_in_outcome()--> READY
 *	MAIL, RCPT --RCPT, to be asked for--> VERIFY
 *	VERIFY --smtp_in_verified()--> MAIL, RCPT
 *	READY --AUTH--> AUTH, AUTH_CHECK --> READY, see smtp_in_auth.h
 *	any without a transaction --STARTTLS--> TLS --smtp_in_secured()--> GREET
 *	any --QUIT, 421--> CLOSED
 *
 * The header is held until it is whole; then Received, and Date, Message-ID
 * and Sender where they are missing, go in front of it, and what was forged in
 * our name goes out. No other byte that the client sent is changed but the
 * transparency dots. What is thought of the message, or our signature on it,
 * comes in front of all at its end: smtp_in_seal.h.
 */
#ifndef RELAY_SMTP_IN_H
#define RELAY_SMTP_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "config/users.h"
#include "deliver/expand.h"
#include "deliver/verify.h"
#include "mail/lines.h"
#include "mail/sasl_server.h"
#include "mail/smtp_command.h"
#include "mail/xclient.h"
#include "queue/draft.h"
#include "relay/logins.h"
#include "relay/rewrite.h"
#include "verdict/dkim_sign.h"
#include "verdict/verdict.h"

enum smtp_in_state {
	SMTP_IN_GREET, /* no EHLO yet */
	SMTP_IN_READY,
	SMTP_IN_MAIL, /* a sender, no recipient yet */
	SMTP_IN_RCPT, /* at least one recipient */
	SMTP_IN_HEADER,
	SMTP_IN_BODY,
	SMTP_IN_REFUSED,    /* reads the data to its end, for nothing */
	SMTP_IN_CHUNKS,     /* between two chunks of BDAT */
	SMTP_IN_JUDGE,      /* takes no input until smtp_in_judged() */
	SMTP_IN_SIGN,       /* takes no input until smtp_in_signed() */
	SMTP_IN_COMMIT,     /* takes no input until smtp_in_committed() */
	SMTP_IN_OUTCOME,    /* takes no input until smtp_in_outcome() */
	SMTP_IN_VERIFY,     /* takes no input until smtp_in_verified() */
	SMTP_IN_AUTH,       /* the next line is the client's of a login */
	SMTP_IN_AUTH_CHECK, /* takes no input until smtp_in_authenticated() */
	SMTP_IN_TLS,        /* takes no input until smtp_in_secured() */
	SMTP_IN_CLOSED,     /* send what was said, then close */
};
extern const char *const smtp_in_state_names[];

/* What is said no to, and how: the rows are in smtp_in_refusals[]. */
enum smtp_in_no {
	SMTP_IN_NO_LINE,
	SMTP_IN_NO_LONG,
	SMTP_IN_NO_VERB,
	SMTP_IN_NO_SYNTAX, /* the parser brings the reply */
	SMTP_IN_NO_FOREIGN,
	SMTP_IN_NO_SYNC,
	SMTP_IN_NO_GREETING,
	SMTP_IN_NO_NESTED,
	SMTP_IN_NO_SENDER,
	SMTP_IN_NO_RCPT,
	SMTP_IN_NO_TRUST,
	SMTP_IN_NO_FOREIGN_RCPT, /* not ours, and the client may not send on */
	SMTP_IN_NO_SOURCE,       /* names another host before the @ */
	SMTP_IN_NO_USER,
	SMTP_IN_NO_ANSWER, /* who should know the recipient says nothing */
	SMTP_IN_NO_LISTED,
	SMTP_IN_NO_LARGE,    /* the name of very many */
	SMTP_IN_NO_UNKNOWNS, /* too many of these */
	SMTP_IN_NO_RECIPIENTS,
	SMTP_IN_NO_SIZE,
	SMTP_IN_NO_HEADER,
	SMTP_IN_NO_LOOP,
	SMTP_IN_NO_DATA_LINE,
	SMTP_IN_NO_DATA_LONG,
	SMTP_IN_NO_FULL,
	SMTP_IN_NO_STORE,
	SMTP_IN_NO_KEY,
	SMTP_IN_NO_ID,
	SMTP_IN_NO_ERRORS,
	SMTP_IN_NO_MESSAGES,
	SMTP_IN_NO_TIME,
	SMTP_IN_NO_SHUTDOWN,
	SMTP_IN_NO_IDLE,        /* others want the connection */
	SMTP_IN_NO_CONNECTIONS, /* too many of whom it is said to be */
	SMTP_IN_NO_PROXY,
	SMTP_IN_NO_EARLY,
	SMTP_IN_NO_SLOW,
	SMTP_IN_NO_XCLIENT,
	SMTP_IN_NO_RATE_MAIL,
	SMTP_IN_NO_RATE_RCPT,
	SMTP_IN_NO_CHUNK,
	SMTP_IN_NO_MIXED,
	SMTP_IN_NO_UTF8,
	SMTP_IN_NO_AUTH,       /* nobody logs in here */
	SMTP_IN_NO_AUTH_CLEAR, /* not without TLS */
	SMTP_IN_NO_AUTH_TWICE,
	SMTP_IN_NO_AUTH_NEEDED,
	SMTP_IN_NO_AUTH_LINE,
	SMTP_IN_NO_AUTH_CANCEL,
	SMTP_IN_NO_MECH,
	SMTP_IN_NO_LOGIN, /* not the user, or not the password */
	SMTP_IN_NO_TRIES, /* too many of these */
	SMTP_IN_NO_BUSY,
	SMTP_IN_NO_AS,   /* not as this sender */
	SMTP_IN_NO_FROM, /* ... in the header */
	SMTP_IN_NO_RATE,
	SMTP_IN_NO_DAILY,
	SMTP_IN_NO_TLS,      /* nothing without it */
	SMTP_IN_NO_TLS_HERE, /* not offered */
	SMTP_IN_NO_TLS_AGAIN,
	SMTP_IN_NO_TLS_LATE, /* somebody logged in already */
	SMTP_IN_NO_VERDICT,  /* the verdict brings the reply */
};
#define SMTP_IN_NNO (SMTP_IN_NO_VERDICT + 1)

struct smtp_in_refusal {
	int code;
	const char *dsn, *text;
	const char *reason; /* value of the metric's label and of the log */
	bool error;         /* counts towards limits.errors */
	bool closes;
};
extern const struct smtp_in_refusal smtp_in_refusals[SMTP_IN_NNO];

/* What a session is told by its listener; borrowed until the next begin(). */
struct smtp_in_conf {
	const char *hostname;
	const char *origin; /* completes bare names */
	const struct rewrite *rewrite;
	const struct limits_conf *limits;
	enum config_role role;
	enum config_class class;
	enum config_auth auth;
	bool auth_in_clear;
	enum config_tls tls;
	struct judge *judge;    /* of mail of strangers; NULL: nobody */
	struct dkim_keys *keys; /* for mail of others; NULL: nothing is signed
				 */
};

/* Who is at the other end; borrowed as long as the machine. */
struct smtp_in_client {
	const char *received_ip; /* "192.0.2.1", "IPv6:..."; NULL: by uid */
	bool xclient, xforward;  /* may say who another is */
	int64_t uid;             /* with received_ip NULL */
	const char
		*mailbox; /* submit socket: login name at origin; else NULL */
	const char *who;  /* names the flow: an address or "uid:1000" */
	bool trusted;
	bool certified; /* by its certificate: as good as a login. Likewise: */
	const struct user *user; /* logged in; NULL: nobody. It may be another
				    * after each begin() and login(). */
	const char
		*binding; /* of its TLS, for SCRAM-SHA-256-PLUS; NULL: none */
	bool shows_user;  /* its certificate is a user's */
	struct sasl_context *sasl; /* NULL where nobody logs in */
	const char *key; /* the only message is published under it, once; NULL:
			  * none */
};

struct smtp_in_refused {
	enum smtp_in_no no;
	enum smtp_verb verb;
	int code;
	const char *dsn;
	const char *from, *rcpt; /* NULL where there is none */
};

struct smtp_in_login {
	enum sasl_mech mech;
	const char *user;     /* NULL: not said; EXTERNAL: whoever it is */
	const char *password; /* to be checked; NULL: the mechanism has */
	bool proved;          /* ... and found that it is the user */
};

enum smtp_in_login_result {
	SMTP_IN_LOGIN_OK,
	SMTP_IN_LOGIN_WRONG,
	SMTP_IN_LOGIN_BUSY,  /* nothing was checked */
	SMTP_IN_LOGIN_LATER, /* nor now */
	SMTP_IN_LOGIN_ASKED, /* smtp_in_authenticated() will say */
};

struct smtp_in_calls {
	void (*say)(void *arg, const char *data, size_t len);
	/* A transaction begins: the configuration and trust from now on. */
	const struct smtp_in_conf *(*begin)(void *arg, bool *ret_trusted);
	/* Somebody logs in. ASKED leads to one smtp_in_authenticated() and
	 * never from within; when it is OK the client has a user. */
	enum smtp_in_login_result (*login)(void *arg,
					   const struct smtp_in_login *login);
	/* The keys of NAME for SCRAM, whether there is such a user or not. */
	void (*scram)(void *arg, const char *name, struct scram_keys *ret);
	/* One recipient more of the client's user, who has a limit. */
	enum logins_quota (*take)(void *arg);
	/* The session is another client's: the machine's client changes, and
	 * nobody is logged in but who X says is. False: that one has too many
	 * connections. */
	bool (*xclient)(void *arg, const struct xclient *x, bool *ret_trusted);
	/* Would the client at ADDRESS be trusted here? */
	bool (*knows)(void *arg, const struct sockaddr_any *address);
	/* Is there room for a message? */
	bool (*room)(void *arg);
	/* May VERB, a MAIL or RCPT, come now? Then it is counted. */
	bool (*rate)(void *arg, enum smtp_verb verb);
	/* What becomes of RCPT; the routes in it stay valid until the end of
	 * the transaction. */
	enum expand_result (*expand)(void *arg, const struct address *rcpt,
				     bool trusted, struct arena *arena,
				     struct expansion *ret);
	/* Does the host where R goes know it? ASKED leads to one
	 * smtp_in_verified() and never from within. */
	enum verify_result (*verify)(void *arg, const struct expanded *r);
	/* A draft; 0 or -errno as draft_open(). */
	int (*open)(void *arg, size_t max_bytes, uint64_t *ret_id);
	/* As draft_write(): after 1 the machine takes no data until
	 * smtp_in_resume(). */
	int (*write)(void *arg, const void *data, size_t len);
	/* What was written so far is ours; only called when the client has a
	 * key. */
	void (*content)(void *arg);
	/* What to think of the message under way: a verdict with HEADER, that
	 * stays until it is freed. Asked where the conf has a judge. */
	struct verdict *(*judge)(void *arg, const char *header, size_t len);
	/* As verdict_resolve(): true leads to one smtp_in_judged(), never from
	 * within, unless V was freed before. */
	bool (*resolve)(void *arg, struct verdict *v);
	/* The end of V is R. Returns what the queue keeps of it, in ARENA. */
	const char *(*judged)(void *arg, uint64_t id, struct verdict *v,
			      const struct verdict_result *r,
			      struct arena *arena);
	/* Consumes S, and leads to one smtp_in_signed(), never from within. */
	void (*sign)(void *arg, struct dkim_signing *s);
	/* It should be signed, and can't be. */
	void (*not_signed)(void *arg, uint64_t id);
	/* As draft_reserve() and draft_prefix(). */
	void (*reserve)(void *arg, size_t max_bytes);
	int (*front)(void *arg, const void *data, size_t len);
	/* Leads to one smtp_in_committed(), never from within. The envelope
	 * is valid during the call. */
	void (*commit)(void *arg, const struct envelope *env);
	void (*abandon)(void *arg);
	/* Leads to one smtp_in_outcome() and never from within: 0; -ENOENT: not
	 * a message of this session. */
	int (*outcome)(void *arg, uint64_t id);
	int64_t (*now_ms)(void *arg); /* wall */
	/* For log and metrics. */
	void (*moved)(void *arg, enum smtp_in_state from,
		      enum smtp_in_state to);
	void (*accepted)(void *arg, uint64_t id, const struct envelope *env,
			 int64_t size);
	void (*refused)(void *arg, const struct smtp_in_refused *r);
};

#define SMTP_IN_HELO_MAX 256

struct smtp_in {
	const struct smtp_in_calls *calls; /* borrowed */
	void *arg;
	const struct smtp_in_conf *conf;     /* borrowed */
	const struct smtp_in_client *client; /* borrowed */
	enum smtp_in_state state;
	bool trusted;
	bool esmtp;
	const char *tls; /* what encrypts it, as Received has it; borrowed;
			      * NULL: nothing */
	bool greets;     /* state TLS: the banner comes behind it */
	bool paused;     /* the draft takes no more for now */
	bool finishing;  /* the message under way is the last one ... */
	enum smtp_in_no finish_no; /* ... and why */
	bool skip_line;      /* the rest of a line that was too long goes */
	bool skip_announces; /* ... and it began with BDAT */
	enum smtp_verb verb; /* of the command under way, for refusals */
	bool secret; /* what was fed may be one; the owner wipes it and says so */
	struct sasl_server *sasl; /* owned; in state AUTH and AUTH_CHECK */
	size_t behind; /* bytes that came with the command, behind it */
	int64_t errors, unknown, messages;
	int64_t idle_commands; /* since the last message */
	uint64_t commands;     /* taken so far: a deadline is per command */
	char helo[SMTP_IN_HELO_MAX];

	/* The transaction; all of it dies in si_reset(). */
	struct arena arena;
	const char *sender;       /* in the arena */
	const char *given_sender; /* before it was rewritten */
	const char *sender_domain;
	enum dsn_ret ret;
	const char *envid;       /* in the arena; NULL: none */
	struct xclient *forward; /* owned; whose message it is; NULL: of who
			   * connected */
	bool smtputf8, utf8_header;
	struct envelope_rcpt *rcpt; /* in the arena; room for RCPT_CAP */
	size_t nrcpt, rcpt_cap;
	struct smtp_command *asked; /* state VERIFY: the RCPT ... */
	struct arena asked_arena;   /* ... in an arena of its own */
	enum smtp_in_state asked_in;
	size_t ntaken;      /* RCPT commands that became them */
	uint64_t id;        /* of the draft */
	bool draft;         /* there is one */
	enum smtp_in_no no; /* state REFUSED: why */
	bool chunked;       /* it comes in chunks (RFC 3030) */
	bool chunk_last;
	int64_t chunk_len, chunk_left; /* of the one under way */
	/* How the next chunk is read (HEADER, BODY, REFUSED); without a
	 * transaction the state that is gone back to. */
	enum smtp_in_state chunk_state;
	struct lines_data lines;
	struct buf header;       /* as far as it came, while it is not whole, or
			    * VERDICT needs it */
	struct verdict *verdict; /* owned; NULL: nobody judges */
	bool resolving;          /* it waits: no input is taken */
	struct buf early;        /* of the body, while it does */
	struct dkim_signing *signing; /* owned; NULL: nothing is signed */
	size_t scanned;
	int64_t size;   /* of the content as the client sent it */
	int64_t stored; /* with our fields */
	struct envelope env;
};

void smtp_in_init(struct smtp_in *si, const struct smtp_in_calls *calls,
		  void *arg, const struct smtp_in_conf *conf,
		  const struct smtp_in_client *client);
/* Abandons a draft under way, unless it is being committed. NULL is fine. */
void smtp_in_done(struct smtp_in *si);

/* Say the banner. */
void smtp_in_start(struct smtp_in *si);
/* Take what can be taken of DATA; returns how many bytes. What is left is an
 * unfinished command line (at most limits.command_line), or waits
 * for the state or pause to end: feed it again with what follows. */
size_t smtp_in_feed(struct smtp_in *si, const char *data, size_t len);
/* TLS comes before the banner: call it in place of smtp_in_start(). */
void smtp_in_start_in_tls(struct smtp_in *si);
/* State TLS: the handshake is over, and all that was said before it forgotten.
 * WHAT stands in Received; borrowed as long as the machine. */
void smtp_in_secured(struct smtp_in *si, const char *what);

/* Does the machine wait for bytes of the client? */
bool smtp_in_wants_input(const struct smtp_in *si);
bool smtp_in_in_data(const struct smtp_in *si);
/* Is a message whole, and its answer not yet known? */
bool smtp_in_is_over(const struct smtp_in *si);

/* The draft takes more. */
void smtp_in_resume(struct smtp_in *si);
/* All that the verdict has to ask is answered. */
void smtp_in_judged(struct smtp_in *si);
/* The outcome of sign(): RESULT as dkim_signing_end()'s, with the fields. */
void smtp_in_signed(struct smtp_in *si, int result, const struct buf *fields);
/* The outcome of commit(): RESULT as draft_commit()'s. */
void smtp_in_committed(struct smtp_in *si, int result, uint64_t id);
void smtp_in_outcome(struct smtp_in *si, bool delivered,
		     const struct reply *last);
/* The outcome of verify(). */
void smtp_in_verified(struct smtp_in *si, enum verify_result result);
/* The outcome of login(). */
void smtp_in_authenticated(struct smtp_in *si,
			   enum smtp_in_login_result result);
/* As smtp_in_end(), but what is being sent or committed is first brought to its
 * end and answered. */
void smtp_in_finish(struct smtp_in *si, enum smtp_in_no no);
/* Say NO, one that closes, and move to CLOSED. In state COMMIT nothing happens:
 * wait for its end first. */
void smtp_in_end(struct smtp_in *si, enum smtp_in_no no);

#endif
