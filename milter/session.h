/*
 * session - one connection of the mail server, and the message that it is at.
 *
 * The steps come in the order of SMTP, from callbacks of libmilter that never
 * overlap, each with its sfsistat as the answer. A message may end at any of
 * them, and a new one begin.
 */
#ifndef MILTER_SESSION_H
#define MILTER_SESSION_H

#include <libmilter/mfapi.h>

#include "milter/header_copy.h"
#include "milter/milter.h"
#include "milter/ours.h"
#include "verdict/dkim_sign.h"

/* A header above this is refused: it is kept in memory. */
#define MILTER_HEADER_MAX (1024 * 1024)
/* So is one with more fields in our name: a mail server reads the header anew for
 * each that is to be taken out. */
#define MILTER_FORGED_MAX 500

struct mail {
	struct arena arena;
	struct milter_snapshot *snapshot; /* owned reference */
	const char *sender;               /* without brackets */
	const char *user;                 /* who logged in; NULL: nobody */
	const char *ours;                 /* why it is; NULL: it is not */
	bool utf8;
	struct header_copy header;
	struct verdict *verdict;      /* owned; of mail that is not ours */
	struct dkim_signing *signing; /* owned; of ours */
};

struct session {
	TAILQ_ENTRY(session) entry;
	struct milter *milter; /* borrowed */
	bool raw;              /* SMFIP_HDR_LEADSPC */
	bool silent;           /* SMFIP_NR_HDR and SMFIP_NR_BODY */
	bool refused;          /* one too many */
	char id[24];
	struct log_context log;
	struct sockaddr_any client;
	char *client_text; /* owned; "host[ip]" */
	char *helo;        /* owned */
	char *daemon_name; /* owned; NULL: not told */
	struct mail *mail; /* owned; NULL: between messages */

	/* While the loop has the verdict. */
	struct post post;
	pthread_mutex_t lock;
	pthread_cond_t resolved;
	bool is_resolved;
};

struct session *session_new(struct milter *m, bool raw, bool silent);
/* NULL is fine. Leaves NULL. */
void session_free(struct session **s);

sfsistat session_connect(struct session *s, SMFICTX *ctx, const char *host,
			 const struct sockaddr *address);
sfsistat session_helo(struct session *s, const char *helo);
/* ARGV as libmilter has it. */
sfsistat session_mail(struct session *s, SMFICTX *ctx, char **argv);
sfsistat session_header(struct session *s, const char *name, const char *value);
sfsistat session_header_end(struct session *s, SMFICTX *ctx);
sfsistat session_body(struct session *s, const void *data, size_t len);
/* session_end.c */
sfsistat session_end(struct session *s, SMFICTX *ctx);
/* The message is over, whatever it was at. */
void session_drop(struct session *s);
/* It is over with FATE. */
void session_count(struct session *s, int fate);
/* Say R to the client. */
void session_reply(struct session *s, SMFICTX *ctx, const struct reply *r);
/* The mail server's id of the message; NULL: not told. */
const char *session_mta_id(SMFICTX *ctx);

#endif
