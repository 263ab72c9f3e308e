/*
 * The end of a message: what is told to the mail server about it.
 */
#include "milter/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/field.h"
#include "verdict/auth_results.h"
#include "verdict/verdict_log.h"

/* libmilter takes what it does not change without a const. */
static char *
se_unconst(const char *s)
{
	return (char *)(uintptr_t)s;
}

void
session_reply(struct session *s, SMFICTX *ctx, const struct reply *r)
{
	char code[4], dsn[REPLY_DSN_MAX];
	struct arena arena;

	(void)s;
	arena_init(&arena);
	snprintf(code, sizeof(code), "%d", r->code);
	/* Where it is not taken, the mail server has words of its own. */
	smfi_setreply(ctx, code, se_unconst(reply_dsn(r, dsn)),
		      milter_reply_text(r, &arena));
	arena_done(&arena);
}

/* It can't be finished: it is to come again. */
static sfsistat
se_failed(struct session *s, SMFICTX *ctx, const char *what, int error)
{
	log_event(&s->log, LOG_ERROR, "milter_failed",
		  LOG_STR("mta_id", session_mta_id(ctx)),
		  LOG_STR("client", s->client_text), LOG_STR("what", what),
		  LOG_STR("error", error != 0 ? strerror(-error) : NULL));
	session_count(s, MILTER_FAILED);
	return SMFIS_TEMPFAIL;
}

/* --- ours ----------------------------------------------------------------------- */

/* FIELDS in front of the header, the first of them on top. 0 or -1. */
static int
se_insert(struct session *s, SMFICTX *ctx, const struct buf *fields)
{
	char *name, *value;
	size_t at = 0;

	for (int i = 0;
	     milter_next_field(buf_str(fields), fields->len, &at, s->raw,
			       &s->mail->arena, &name, &value);
	     i++)
		if (smfi_insheader(ctx, i, name, value) == MI_FAILURE)
			return -1;
	return 0;
}

static void
se_log_signed(struct session *s, SMFICTX *ctx)
{
	const struct dkim_rule *rule = dkim_signing_rule(s->mail->signing);
	struct buf names;

	buf_init(&names, 1024);
	for (size_t i = 0; i < rule->n; i++)
		buf_printf(&names, "%s%s", i > 0 ? "," : "",
			   rule->selectors[i].name);
	log_event(&s->log, LOG_INFO, "sign",
		  LOG_STR("mta_id", session_mta_id(ctx)),
		  LOG_STR("client", s->client_text),
		  LOG_ADDR("user", s->mail->user),
		  LOG_ADDR("from", s->mail->sender),
		  LOG_STR("ours", s->mail->ours),
		  LOG_STR("domain", rule->domain),
		  LOG_STR("selectors", buf_str(&names)));
	buf_done(&names);
}

static sfsistat
se_unsigned(struct session *s, SMFICTX *ctx)
{
	log_event(&s->log, LOG_WARNING, "unsigned",
		  LOG_STR("mta_id", session_mta_id(ctx)),
		  LOG_STR("client", s->client_text),
		  LOG_ADDR("from", s->mail->sender),
		  LOG_STR("ours", s->mail->ours),
		  LOG_STR("reason", "a CR or LF by itself in the body"));
	session_count(s, MILTER_UNSIGNED);
	return SMFIS_CONTINUE;
}

static sfsistat
se_sign(struct session *s, SMFICTX *ctx)
{
	struct buf fields;
	sfsistat stat = SMFIS_CONTINUE;
	int r;

	buf_init(&fields, DKIM_SIGNING_MAX);
	r = dkim_signing_end(s->mail->signing, &fields);
	if (r == -EBADMSG) {
		stat = se_unsigned(s, ctx);
	} else if (r < 0) {
		stat = se_failed(s, ctx, "signing", r);
	} else if (se_insert(s, ctx, &fields) < 0) {
		stat = se_failed(s, ctx, "adding the signature", 0);
	} else {
		se_log_signed(s, ctx);
		session_count(s, MILTER_SIGNED);
	}
	buf_done(&fields);
	return stat;
}

/* --- that of others --------------------------------------------------------------- */

/* From the last to the first: each removal moves those behind it. 0 or -1. */
static int
se_remove_forged(SMFICTX *ctx, const struct verdict_result *r)
{
	static char name[] = AUTH_RESULTS_NAME;

	for (size_t i = r->nforged; i-- > 0;)
		if (smfi_chgheader(ctx, name, (int)r->forged[i].nth, NULL) ==
		    MI_FAILURE)
			return -1;
	return 0;
}

static int
se_insert_results(struct session *s, SMFICTX *ctx,
		  const struct verdict_result *r)
{
	for (size_t i = 0; i < r->nfields; i++) {
		const char *value = r->fields[i].value;

		if (smfi_insheader(ctx, (int)i, se_unconst(r->fields[i].name),
				   milter_value(value, strlen(value), s->raw,
						&s->mail->arena)) == MI_FAILURE)
			return -1;
	}
	return 0;
}

/* It goes on, with what we found. */
static sfsistat
se_deliver(struct session *s, SMFICTX *ctx, const struct verdict_result *r)
{
	const char *reason = r->reason[0] != '\0' ? r->reason : "held";

	if (se_remove_forged(ctx, r) < 0)
		return se_failed(s, ctx, "removing a forged field", 0);
	if (se_insert_results(s, ctx, r) < 0)
		return se_failed(s, ctx, "adding the result", 0);
	if (r->disposition == VERDICT_HOLD &&
	    smfi_quarantine(ctx, se_unconst(reason)) == MI_FAILURE)
		return se_failed(s, ctx, "holding", 0);
	session_count(s, (int)r->disposition);
	return SMFIS_CONTINUE;
}

static sfsistat
se_obey(struct session *s, SMFICTX *ctx, const struct verdict_result *r)
{
	switch (r->disposition) {
	case VERDICT_NONE:
	case VERDICT_MARK:
	case VERDICT_HOLD:
		return se_deliver(s, ctx, r);
	case VERDICT_TEMPFAIL:
	case VERDICT_REJECT:
		session_reply(s, ctx, &r->reply);
		session_count(s, (int)r->disposition);
		return r->disposition == VERDICT_REJECT ? SMFIS_REJECT
							: SMFIS_TEMPFAIL;
	case VERDICT_DISCARD:
		session_count(s, (int)r->disposition);
		return SMFIS_DISCARD;
	}
	abort();
}

static sfsistat
se_verify(struct session *s, SMFICTX *ctx)
{
	struct verdict *v = s->mail->verdict;
	const struct verdict_result *r = verdict_end(v);

	verdict_log(&s->log, v, r, verdict_message(v)->sender,
		    (const struct log_field[]){
			    LOG_STR("mta_id", session_mta_id(ctx)),
			    {0, LOG_END, 0, 0}});
	observed_add(s->milter->observed, verdict_message(v), r);
	return se_obey(s, ctx, r);
}

sfsistat
session_end(struct session *s, SMFICTX *ctx)
{
	sfsistat stat =
		s->mail->verdict != NULL ? se_verify(s, ctx) : se_sign(s, ctx);

	session_drop(s);
	return stat;
}
