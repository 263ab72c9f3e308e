/*
 * What a session does for verdicts and signatures: who it is that is judged, the
 * DNS of its loop, the pool for RSA, and what the log says of it.
 */
#include "relay/session_seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "net/io.h"
#include "relay/alert_mail.h"
#include "relay/session_impl.h"
#include "relay/smtp_in_seal.h"
#include "verdict/dkim_pool.h"
#include "verdict/observed.h"
#include "verdict/verdict_log.h"

/* What the queue keeps of a verdict. */
#define RECORD_MAX 400

/* --- the verdict ------------------------------------------------------------- */

struct verdict *
session_judge(void *arg, const char *header, size_t len)
{
	struct session *s = arg;
	struct verdict_message m = {
		.how = s->service->how,
		.utf8 = s->smtp.smtputf8,
		.sender = s->smtp.given_sender,
		.header = header,
		.header_len = len,
		.now_ms = loop_wall_ms(s->all->loop),
	};

	si_seal_whose(&s->smtp, &s->peer, &m);
	if (s->no_trust && s->smtp.forward == NULL)
		m.client = (struct sockaddr_any){.len = 0};
	return verdict_new(s->service->smtp.judge, &m);
}

static void
session_resolved(void *arg)
{
	struct session *s = arg;

	if (s->io != NULL)
		io_cork(s->io);
	smtp_in_judged(&s->smtp);
	session_run(s);
}

bool
session_resolve(void *arg, struct verdict *v)
{
	struct session *s = arg;

	return verdict_resolve(v, s->all->loop, s->all->dns, session_resolved,
			       s);
}

/* --- what is told of it -------------------------------------------------------- */

/* One word for all signatures. */
static const struct dkim_signature *
seal_best(const struct dkim_verdict *dkim)
{
	for (size_t i = 0; i < dkim->n; i++)
		if (dkim->signatures[i].result == DKIM_PASS)
			return &dkim->signatures[i];
	return dkim->n > 0 ? &dkim->signatures[0] : NULL;
}

/* What the queue keeps: a word for each part, and why. */
static const char *
seal_record(const struct verdict_result *r, const char *dmarc,
	    struct arena *arena)
{
	const struct spf_verdict *spf =
		r->mail_from != NULL ? r->mail_from : r->helo;
	const struct dkim_signature *best = seal_best(r->dkim);
	bool done = r->disposition != VERDICT_NONE;
	char text[RECORD_MAX];

	snprintf(text, sizeof(text), "spf=%s dkim=%s dmarc=%s%s%s",
		 spf_result_names[spf != NULL ? spf->result : SPF_NONE],
		 dkim_result_names[best != NULL ? best->result : DKIM_NONE],
		 dmarc, done ? "; " : "",
		 done ? verdict_disposition_names[r->disposition] : "");
	if (r->reason[0] != '\0')
		return arena_printf(arena, "%s: %.*s", text,
				    (int)(RECORD_MAX - strlen(text) - 3),
				    r->reason);
	return arena_strdup(arena, text);
}

const char *
session_judged(void *arg, uint64_t id, struct verdict *v,
	       const struct verdict_result *r, struct arena *arena)
{
	struct session *s = arg;
	const char *dmarc =
		dmarc_result_names[r->dmarc != NULL ? r->dmarc->result
						    : DMARC_NONE];
	char text[QUEUE_ID_LEN];

	queue_id_text(id, text);
	metric_add(metric_cell(s->service->verdicts, s->service->name, dmarc,
			       verdict_disposition_names[r->disposition], NULL),
		   1);
	verdict_log(&s->log, v, r,
		    alert_mail_shown(s->snapshot, verdict_message(v)->sender,
				     arena),
		    (const struct log_field[]){
			    LOG_STR("id", text),
			    LOG_STR("listener", s->service->name),
			    {0, LOG_END, 0, 0}});
	if (s->all->observed != NULL)
		observed_add(s->all->observed, verdict_message(v), r);
	return seal_record(r, dmarc, arena);
}

/* --- the signature ------------------------------------------------------------- */

/* Whose signature it is: the session may be gone when it is made. */
struct seal_job {
	struct loop *loop;
	uint64_t handle;
};

static void
seal_count(struct session *s, const char *result)
{
	metric_add(metric_cell(s->service->signatures, s->service->name, result,
			       NULL),
		   1);
}

void
session_not_signed(void *arg, uint64_t id)
{
	struct session *s = arg;
	char text[QUEUE_ID_LEN];

	queue_id_text(id, text);
	seal_count(s, "failed");
	log_event(&s->log, LOG_WARNING, "not_signed", LOG_STR("id", text),
		  LOG_STR("reason", "a header or body that can't be signed"),
		  LOG_STR("listener", s->service->name));
}

static void
session_signed(struct session *s, int result, const struct buf *fields)
{
	if (s->smtp.state != SMTP_IN_SIGN)
		return; /* it was sent away meanwhile */
	if (result < 0)
		session_not_signed(s, s->smtp.id);
	else
		seal_count(s, "signed");
	if (s->io != NULL)
		io_cork(s->io);
	smtp_in_signed(&s->smtp, result, fields);
	session_run(s);
}

static void
seal_done(void *arg, int result, const struct buf *fields)
{
	struct seal_job *j = arg;
	struct session *s = loop_handle_find(j->loop, j->handle);

	if (s != NULL)
		session_signed(s, result, fields);
	free(j);
}

void
session_sign(void *arg, struct dkim_signing *signing)
{
	struct session *s = arg;
	struct seal_job *j = xcalloc(1, sizeof(*j));

	j->loop = s->all->loop;
	j->handle = s->handle;
	dkim_signing_run(signing, SI_SEAL_MAX, s->all->cpu, j->loop, seal_done,
			 j);
}

/* --- what comes in front ------------------------------------------------------- */

void
session_reserve(void *arg, size_t max_bytes)
{
	struct session *s = arg;

	draft_reserve(s->draft, max_bytes);
}

int
session_front(void *arg, const void *data, size_t len)
{
	struct session *s = arg;

	return draft_prefix(s->draft, data, len);
}
