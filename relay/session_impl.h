/* What the files of session share. */
#ifndef RELAY_SESSION_IMPL_H
#define RELAY_SESSION_IMPL_H

#include <sys/queue.h>

#include "relay/logins.h"
#include "relay/session.h"
#include "relay/session_pace.h"
#include "relay/session_tls.h"
#include "relay/smtp_in.h"

TAILQ_HEAD(session_list, session);

struct sessions {
	struct loop *loop;             /* borrowed */
	struct queue *queue;           /* borrowed */
	struct verifier *verifier;     /* borrowed */
	struct logins *logins;         /* borrowed; NULL: nobody logs in */
	struct sasl_context *sasl;     /* owned */
	struct snapshot *snapshot;     /* owned reference */
	struct rates *rates;           /* borrowed */
	const struct log_context *log; /* borrowed */
	struct tls_tickets *tickets;   /* owned; NULL: none */
	struct dns *dns;               /* borrowed; of this loop */
	struct pool *cpu;              /* borrowed */
	struct observed *observed;     /* borrowed; NULL: none */
	struct session_list list;
	uint64_t epoch; /* of session ids: seconds at the start */
	bool stopping;
	struct loop_timer grace;
	int64_t grace_ms;
	bool grace_again; /* the second one, for commits under way */
	loop_fn *stopped;
	void *stopped_arg;
};

#define SESSION_ID_LEN 32

struct session {
	struct sessions *all; /* borrowed */
	TAILQ_ENTRY(session) entry;
	struct snapshot *snapshot;     /* owned reference */
	const struct service *service; /* in the snapshot */
	struct io *io;                 /* owned; NULL: the client is gone */
	struct acceptor_ticket
		*ticket; /* the io's; NULL: none, or it is gone */
	struct smtp_in smtp;
	struct smtp_in_client client;
	struct draft *draft;  /* owned */
	uint64_t last_id;     /* of the message accepted last */
	uint64_t fate_handle; /* while its fate is asked for; else 0 */
	struct sockaddr_any peer;
	bool told;     /* by XCLIENT; what the connection shows is another's */
	bool no_trust; /* whoever PEER is: it is not known whose session it is */
	uint64_t handle;
	struct session_tls *tls; /* owned; NULL: in clear */
	bool shaking;            /* TLS has begun */
	bool eof;
	bool hung_up;
	int reached;       /* the state furthest on to a message; -1: none */
	uint64_t progress; /* what the deadline was last set for */
	struct session_pace pace;
	struct log_context log;
	struct post reap;
	char *login, *mailbox;     /* owned; NULL: not the submit socket */
	char *key;                 /* owned; NULL: none */
	struct session_auth *auth; /* owned; NULL: no login was tried */
	char id[SESSION_ID_LEN];
	char client_text[SOCKADDR_TEXT_MAX + XCLIENT_MAX + 8]; /* for logs */
	char name[XCLIENT_MAX]; /* of the client's host; "": not known */
	char received_ip[SOCKADDR_TEXT_MAX + 8];
	char who[SOCKADDR_TEXT_MAX];
};

/* Feed what has come, and do what follows from it. */
void session_run(struct session *s);

/* session_calls.c */
extern const struct smtp_in_calls session_calls;
bool session_trusted(const struct session *s);
/* From now on it is, or is not, one that may have to give way. */
void session_note_idle(struct session *s);
/* Nobody waits for a fate any more. */
void session_forget_fate(struct session *s);

/* session.c */
/* What log, Received and the queue call the client, by its address. */
void session_name_client(struct session *s);

/* session_xclient.c */
bool session_xclient(void *arg, const struct xclient *x, bool *ret_trusted);
bool session_knows(void *arg, const struct sockaddr_any *address);
/* Of whom XFORWARD tells, for the log, in RET; NULL: of nobody. */
const char *session_origin(const struct session *s, char *ret, size_t size);
#define SESSION_ORIGIN_MAX (2 * XCLIENT_MAX + 4)

/* session_auth.c */
/* Nobody is logged in but NAME, if there is such a user who may; "": nobody. */
void session_login_as(struct session *s, const char *name);
void session_auth_free(struct session *s);
enum smtp_in_login_result session_login(void *arg,
					const struct smtp_in_login *login);
/* Whose certificate the client showed; NULL: nobody's. */
const struct user *session_user_shown(const struct session *s);
void session_scram(void *arg, const char *name, struct scram_keys *ret);
enum logins_quota session_take(void *arg);
/* Who is logged in, as the snapshot has it now; NULL: nobody, or not any more.
 */
const struct user *session_find_user(const struct session *s);

#endif
