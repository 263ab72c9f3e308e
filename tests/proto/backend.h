/*
 * backend - what stands behind smtp_in in tests: a queue in memory that a test
 * can make full, slow or broken.
 */
#ifndef TESTS_PROTO_BACKEND_H
#define TESTS_PROTO_BACKEND_H

#include "base/buf.h"
#include "relay/smtp_in.h"
#include "tests/unit/zone.h"

#define BACKEND_DOMAIN_NOWHERE "nowhere.example"
#define BACKEND_NOW_MS         INT64_C(1767225600000) /* 2026-01-01 */

struct backend_message {
	uint64_t id;
	char *sender, *rcpts; /* owned; RCPTS joined by "," */
	char *message_id;     /* owned */
	char *wishes;         /* owned; "RET ENVID; NOTIFY ORCPT; ..." */
	enum queue_class class;
	uint32_t flow;
	bool eight_bit, smtputf8, utf8_header, held;
	char *verdict; /* owned */
	struct buf content;
};

struct backend {
	struct smtp_in si;
	struct smtp_in_conf conf;
	struct limits_conf limits;
	struct smtp_in_client client;
	struct sasl_context *sasl; /* owned */
	const struct routing *routing;
	struct buf in;  /* not yet taken */
	struct buf out; /* said, not yet looked at */
	size_t step;    /* the most that is fed at once; 0: all */

	bool full;                    /* no room */
	int64_t rate_mail, rate_rcpt; /* so many are within the rates */
	bool slow;                    /* every write asks for a pause */
	int open_result;              /* what open answers; 0 */
	int write_result;             /* what write answers */
	int commit_result;            /* what commit leads to */
	bool fate_delivered;

	bool drafting, committing, asking, verifying;
	bool authenticating; /* LOGIN_RESULT is due */
	enum smtp_in_login_result login_result;
	int64_t left; /* recipients that a user with a limit may have */
	enum verify_result verified; /* what VERIFYING leads to */
	size_t nverified;
	bool due; /* the draft will tell that it takes more */
	enum verdict_how how;
	struct config *judging_conf; /* owned; with a judge */
	struct zone zone;            /* ... what it asks */
	bool resolving;
	struct dkim_signing *signing; /* owned: to be signed */
	int sign_result, front_result;
	size_t reserved;
	struct buf draft;
	uint64_t last_id;
	struct backend_message pending;
	size_t nmessages;
	struct backend_message *messages; /* owned */
	size_t naccepted, nrefused, nabandoned;
	enum smtp_in_no last_no;
};

/* A machine with the limits of the reference and a trusted client. Change
 * what the test needs, then backend_start(). */
void backend_init(struct backend *b);
void backend_done(struct backend *b);
/* The handshake has succeeded; what came before it is gone. */
void backend_secure(struct backend *b);
/* The client as the submit socket has it. */
void backend_submit(struct backend *b, const char *mailbox);
/* A listener of role inbound, and nobody it trusts; see backend.c for its
 * domains. */
void backend_inbound(struct backend *b);
/* Clients may log in as the users of backend.c; what is said of a password
 * comes later, what SCRAM proved at once. */
void backend_auth(struct backend *b, enum config_auth auth);
/* Strangers are judged by the zone of backend.c; ACTION: on_reject. */
void backend_judge(struct backend *b, enum verdict_how how, const char *action);
/* Mail of signed.example is signed. */
void backend_sign(struct backend *b);
void backend_start(struct backend *b);
/* Bytes of the client; commits, pauses and outcomes are settled on the way. */
void backend_feed(struct backend *b, const char *data, size_t len);

#endif
