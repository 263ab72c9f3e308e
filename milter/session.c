#include "milter/session.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/thread.h"
#include "base/xalloc.h"

/* --- sessions ------------------------------------------------------------------ */

struct session *
session_new(struct milter *m, bool raw, bool silent)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->milter = m;
	s->raw = raw;
	s->silent = silent;
	pthread_mutex_init(&s->lock, NULL);
	cond_init_monotonic(&s->resolved);
	pthread_mutex_lock(&m->lock);
	snprintf(s->id, sizeof(s->id), "m%llx", (unsigned long long)++m->named);
	m->nsessions++;
	TAILQ_INSERT_TAIL(&m->sessions, s, entry);
	pthread_mutex_unlock(&m->lock);
	metric_add(m->metrics.sessions, 1);
	s->log = (struct log_context){
		.log = m->log,
		.parent = &m->log_root,
		.field = LOG_STR("session", s->id),
	};
	return s;
}

void
session_free(struct session **sp)
{
	struct session *s = *sp;
	struct milter *m;

	*sp = NULL;
	if (s == NULL)
		return;
	m = s->milter;
	session_drop(s);
	pthread_mutex_lock(&m->lock);
	TAILQ_REMOVE(&m->sessions, s, entry);
	m->nsessions--;
	pthread_mutex_unlock(&m->lock);
	metric_add(m->metrics.sessions, -1);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->resolved);
	free(s->client_text);
	free(s->helo);
	free(s->daemon_name);
	free(s);
}

void
session_drop(struct session *s)
{
	struct mail *mail = s->mail;

	s->mail = NULL;
	if (mail == NULL)
		return;
	verdict_free(&mail->verdict);
	dkim_signing_free(&mail->signing);
	header_copy_done(&mail->header);
	milter_snapshot_unref(&mail->snapshot);
	arena_done(&mail->arena);
	free(mail);
}

void
session_count(struct session *s, int fate)
{
	metric_add(s->milter->metrics.messages[fate], 1);
}

const char *
session_mta_id(SMFICTX *ctx)
{
	static char name[] = "i";

	return smfi_getsymval(ctx, name);
}

/* --- who is there --------------------------------------------------------------- */

static void
sn_set_client(struct session *s, const char *host,
	      const struct sockaddr *address)
{
	char ip[SOCKADDR_TEXT_MAX] = "unknown";

	s->client = (struct sockaddr_any){.ss.ss_family = AF_UNSPEC};
	if (address != NULL) {
		s->client.len = address->sa_family == AF_INET6
					? sizeof(struct sockaddr_in6)
				: address->sa_family == AF_INET
					? sizeof(struct sockaddr_in)
					: sizeof(sa_family_t);
		memcpy(&s->client.ss, address, s->client.len);
		sockaddr_unmap(&s->client);
		sockaddr_ip(&s->client, ip);
	}
	/* Without a name it is the address, in brackets. */
	if (host == NULL || host[0] == '[')
		host = "unknown";
	free(s->client_text);
	s->client_text = xasprintf("%s[%s]", host, ip);
}

/* Are there more than the configuration of this moment wants? */
static bool
sn_is_one_too_many(struct milter *m)
{
	bool is;

	pthread_mutex_lock(&m->lock);
	is = m->nsessions > milter_snapshot_conf(m->snapshot)->sessions;
	pthread_mutex_unlock(&m->lock);
	return is;
}

sfsistat
session_connect(struct session *s, SMFICTX *ctx, const char *host,
		const struct sockaddr *address)
{
	static char daemon_name[] = "{daemon_name}";
	const char *name = smfi_getsymval(ctx, daemon_name);

	session_drop(s);
	sn_set_client(s, host, address);
	free(s->daemon_name);
	s->daemon_name = name != NULL ? xstrdup(name) : NULL;
	s->refused = sn_is_one_too_many(s->milter);
	if (s->refused) {
		metric_add(s->milter->metrics.refused, 1);
		log_event(&s->log, LOG_WARNING, "refuse",
			  LOG_STR("client", s->client_text),
			  LOG_STR("reason", "sessions"));
		return SMFIS_TEMPFAIL;
	}
	log_event(&s->log, LOG_DEBUG, "connect",
		  LOG_STR("client", s->client_text),
		  LOG_STR("daemon_name", s->daemon_name));
	return SMFIS_CONTINUE;
}

sfsistat
session_helo(struct session *s, const char *helo)
{
	free(s->helo);
	s->helo = xstrdup(helo);
	return SMFIS_CONTINUE;
}

/* --- a message ------------------------------------------------------------------ */

/* What stands between the brackets, or all of it. */
static const char *
sn_sender(struct mail *mail, const char *path)
{
	size_t len = strlen(path);

	if (len >= 2 && path[0] == '<' && path[len - 1] == '>')
		return arena_strndup(&mail->arena, path + 1, len - 2);
	return arena_strdup(&mail->arena, path);
}

static void
sn_set_client_of_mail(struct session *s, SMFICTX *ctx)
{
	static char auth_type[] = "{auth_type}", authen[] = "{auth_authen}";
	struct mail *mail = s->mail;
	const struct milter_client client = {
		.address = s->client,
		.auth_type = smfi_getsymval(ctx, auth_type),
		.daemon_name = s->daemon_name,
	};
	const char *user = smfi_getsymval(ctx, authen);

	if (user != NULL)
		mail->user = arena_strdup(&mail->arena, user);
	mail->ours = milter_is_ours(&milter_snapshot_conf(mail->snapshot)->ours,
				    &client);
}

sfsistat
session_mail(struct session *s, SMFICTX *ctx, char **argv)
{
	struct mail *mail = xcalloc(1, sizeof(*mail));

	session_drop(s);
	s->mail = mail;
	arena_init(&mail->arena);
	header_copy_init(&mail->header, s->raw, MILTER_HEADER_MAX);
	mail->snapshot = milter_now(s->milter);
	mail->sender = sn_sender(mail, argv[0] != NULL ? argv[0] : "");
	for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++)
		if (strcasecmp(argv[i], "SMTPUTF8") == 0)
			mail->utf8 = true;
	sn_set_client_of_mail(s, ctx);
	return SMFIS_CONTINUE;
}

sfsistat
session_header(struct session *s, const char *name, const char *value)
{
	header_copy_field(&s->mail->header, name, value);
	return s->silent ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* --- ours ----------------------------------------------------------------------- */

/* Nothing more is to be seen of it. */
static sfsistat
sn_leave_unsigned(struct session *s, SMFICTX *ctx, enum log_level level,
		  const char *reason)
{
	log_event(&s->log, level, "unsigned",
		  LOG_STR("mta_id", session_mta_id(ctx)),
		  LOG_STR("client", s->client_text),
		  LOG_ADDR("from", s->mail->sender),
		  LOG_STR("ours", s->mail->ours), LOG_STR("reason", reason));
	session_count(s, MILTER_UNSIGNED);
	session_drop(s);
	return SMFIS_ACCEPT;
}

static sfsistat
sn_sign(struct session *s, SMFICTX *ctx)
{
	struct mail *mail = s->mail;
	struct milter_snapshot *now = mail->snapshot;
	const struct buf *text = &mail->header.text;
	int r;

	if (now->keys == NULL)
		return sn_leave_unsigned(s, ctx, LOG_DEBUG, "sign is false");
	r = dkim_signing_new(now->keys, buf_str(text), text->len,
			     clock_wall_ms(s->milter->clock) / 1000,
			     &mail->signing);
	if (r < 0)
		return sn_leave_unsigned(s, ctx, LOG_WARNING,
					 "a NUL in the header, or too many "
					 "fields to sign");
	if (mail->signing == NULL)
		return sn_leave_unsigned(s, ctx, LOG_INFO,
					 "no rule of dkim.sign for its author");
	header_copy_done(&mail->header);
	return SMFIS_CONTINUE;
}

/* --- that of others --------------------------------------------------------------- */

/* On the loop: the session has its verdict back. */
static void
sn_resolved(void *arg)
{
	struct session *s = arg;

	pthread_mutex_lock(&s->lock);
	s->is_resolved = true;
	pthread_cond_signal(&s->resolved);
	pthread_mutex_unlock(&s->lock);
}

static void
sn_resolve(void *arg)
{
	struct session *s = arg;
	struct milter *m = s->milter;

	if (!verdict_resolve(s->mail->verdict, m->loop, m->dns, sn_resolved, s))
		sn_resolved(s);
}

/* As long as the deadline of the DNS at most: the loop sees to that. */
static void
sn_wait(struct session *s)
{
	s->is_resolved = false;
	loop_post(s->milter->loop, &s->post, sn_resolve, s);
	pthread_mutex_lock(&s->lock);
	while (!s->is_resolved)
		pthread_cond_wait(&s->resolved, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

/* An address that nobody has, where the mail server named none. */
static void
sn_client_of_verdict(const struct session *s, struct sockaddr_any *ret)
{
	*ret = s->client;
	if (s->client.ss.ss_family != AF_INET &&
	    s->client.ss.ss_family != AF_INET6)
		sockaddr_parse_ip("0.0.0.0", 0, ret);
}

/* As it is it can't be taken. */
static sfsistat
sn_refuse(struct session *s, SMFICTX *ctx, int code, const char *dsn,
	  const char *text, const char *reason)
{
	struct reply reply;

	reply_set(&reply, code, dsn, "%s", text);
	log_event(&s->log, LOG_WARNING, "refuse",
		  LOG_STR("mta_id", session_mta_id(ctx)),
		  LOG_STR("client", s->client_text), LOG_STR("reason", reason));
	session_reply(s, ctx, &reply);
	session_count(s, VERDICT_REJECT);
	session_drop(s);
	return SMFIS_REJECT;
}

static sfsistat
sn_verify(struct session *s, SMFICTX *ctx)
{
	const struct verdict_forged *forged;
	struct mail *mail = s->mail;
	struct verdict_message message = {
		.how = VERDICT_EVALUATE,
		.utf8 = mail->utf8,
		.helo = s->helo != NULL ? s->helo : "",
		.sender = mail->sender,
		.header = buf_str(&mail->header.text),
		.header_len = mail->header.text.len,
		.now_ms = clock_wall_ms(s->milter->clock),
	};

	sn_client_of_verdict(s, &message.client);
	message.peer = message.client;
	mail->verdict = verdict_new(mail->snapshot->judge, &message);
	if (verdict_forged(mail->verdict, &forged) > MILTER_FORGED_MAX)
		return sn_refuse(s, ctx, 550, "5.6.0",
				 "too many fields speak in our name", "forged");
	sn_wait(s);
	return SMFIS_CONTINUE;
}

sfsistat
session_header_end(struct session *s, SMFICTX *ctx)
{
	struct mail *mail = s->mail;

	header_copy_end(&mail->header);
	if (mail->header.too_long)
		return sn_refuse(s, ctx, 552, "5.3.4", "the header is too long",
				 "header_size");
	return mail->ours != NULL ? sn_sign(s, ctx) : sn_verify(s, ctx);
}

sfsistat
session_body(struct session *s, const void *data, size_t len)
{
	if (s->mail->verdict != NULL)
		verdict_body(s->mail->verdict, data, len);
	else
		dkim_signing_body(s->mail->signing, data, len);
	return s->silent ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}
