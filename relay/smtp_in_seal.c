#include "relay/smtp_in_seal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/must.h"
#include "relay/smtp_in_data.h"
#include "relay/smtp_in_refuse.h"

/* --- whose it is ----------------------------------------------------------- */

/* In RET where ADDR of X is. */
static void
si_forward_address(const struct xclient *x, struct sockaddr_any *ret)
{
	must(sockaddr_parse_ip(x->value[XCLIENT_ADDR], 0, ret) == 0);
}

void
si_seal_whose(const struct smtp_in *si, const struct sockaddr_any *peer,
	      struct verdict_message *ret)
{
	const struct xclient *x = si->forward;

	ret->peer = ret->client = *peer;
	ret->helo = si->helo;
	if (x == NULL)
		return;
	ret->client = (struct sockaddr_any){.len = 0};
	if (x->value[XCLIENT_ADDR][0] != '\0')
		si_forward_address(x, &ret->client);
	ret->helo = x->value[XCLIENT_HELO];
}

bool
si_seal_is_ours(const struct smtp_in *si)
{
	struct sockaddr_any client;

	if (si->forward == NULL)
		return si->trusted;
	switch (xforward_whose(si->forward)) {
	case XFORWARD_NOBODYS:
		return false;
	case XFORWARD_LOCAL:
		return true;
	case XFORWARD_CLIENTS:
		si_forward_address(si->forward, &client);
		return si->calls->knows(si->arg, &client);
	}
	abort();
}

/* --- the header ------------------------------------------------------------ */

bool
si_seal_judges(const struct smtp_in *si)
{
	return si->conf->judge != NULL && !si_seal_is_ours(si);
}

bool
si_seal_judge(struct smtp_in *si, const char *header, size_t header_len)
{
	if (!si_seal_judges(si))
		return false;
	si->verdict = si->calls->judge(si->arg, header, header_len);
	si->resolving = si->calls->resolve(si->arg, si->verdict);
	return true;
}

bool
si_seal_sign(struct smtp_in *si, const struct buf *prefix, const char *header,
	     size_t len)
{
	time_t now = (time_t)(si->calls->now_ms(si->arg) / 1000);
	struct buf all;

	if (si->conf->keys == NULL || !si_seal_is_ours(si))
		return false;
	buf_init(&all, prefix->len + len);
	must(buf_append(&all, prefix->data, prefix->len) == 0);
	must(buf_append(&all, header, len) == 0);
	/* A header that nobody could verify leaves as it is. */
	if (dkim_signing_new(si->conf->keys, buf_str(&all), all.len, now,
			     &si->signing) < 0) {
		si->signing = NULL;
		si->calls->not_signed(si->arg, si->id);
	}
	buf_done(&all);
	return si->signing != NULL;
}

/* --- the body -------------------------------------------------------------- */

void
si_seal_body(struct smtp_in *si, const char *data, size_t len)
{
	if (si->signing != NULL)
		dkim_signing_body(si->signing, data, len);
	if (si->verdict == NULL)
		return;
	/* Only what came with the header: nothing is read meanwhile. */
	if (si->resolving)
		must(buf_append(&si->early, data, len) == 0);
	else
		verdict_body(si->verdict, data, len);
}

/* --- the end --------------------------------------------------------------- */

static void
si_seal_abandon(struct smtp_in *si)
{
	si->calls->abandon(si->arg);
	si->draft = false;
}

static enum smtp_in_state
si_seal_give_up(struct smtp_in *si)
{
	si_seal_abandon(si);
	return si_refuse(si, SMTP_IN_NO_STORE, SMTP_IN_READY);
}

static enum smtp_in_state
si_seal_refuse(struct smtp_in *si, const struct reply *reply)
{
	si_seal_abandon(si);
	return si_refuse_reply(si, SMTP_IN_NO_VERDICT, reply, SMTP_IN_READY);
}

/* Nobody will ever see it; and the client hears what it would have heard. */
static enum smtp_in_state
si_seal_discard(struct smtp_in *si)
{
	char id[QUEUE_ID_LEN];

	si_seal_abandon(si);
	si->messages++;
	si->idle_commands = 0;
	queue_id_text(si->id, id);
	si_say(si, "250 2.0.0 queued as %s", id);
	return SMTP_IN_READY;
}

static enum smtp_in_state
si_seal_commit(struct smtp_in *si, const struct buf *front)
{
	if (front->len > 0 &&
	    si->calls->front(si->arg, front->data, front->len) < 0)
		return si_seal_give_up(si);
	si->stored += (int64_t)front->len;
	return SMTP_IN_COMMIT;
}

static enum smtp_in_state
si_seal_put(struct smtp_in *si, const struct verdict_result *result)
{
	enum smtp_in_state next;
	struct buf front;
	int r = 0;

	buf_init(&front, SI_SEAL_MAX);
	for (size_t i = 0; r == 0 && i < result->nfields; i++)
		r = buf_printf(&front, "%s:%s\r\n", result->fields[i].name,
			       result->fields[i].value);
	next = r == 0 ? si_seal_commit(si, &front) : si_seal_give_up(si);
	buf_done(&front);
	return next;
}

static enum smtp_in_state
si_seal_judged(struct smtp_in *si)
{
	const struct verdict_result *result = verdict_end(si->verdict);

	si->env.verdict = si->calls->judged(si->arg, si->id, si->verdict,
					    result, &si->arena);
	switch (result->disposition) {
	case VERDICT_TEMPFAIL:
	case VERDICT_REJECT:
		return si_seal_refuse(si, &result->reply);
	case VERDICT_DISCARD:
		return si_seal_discard(si);
	case VERDICT_HOLD:
		si->env.held = true;
		return si_seal_put(si, result);
	case VERDICT_NONE:
	case VERDICT_MARK:
		return si_seal_put(si, result);
	}
	abort();
}

enum smtp_in_state
si_seal_end(struct smtp_in *si)
{
	struct dkim_signing *signing = si->signing;

	if (si->resolving)
		return SMTP_IN_JUDGE;
	if (si->verdict != NULL)
		return si_seal_judged(si);
	if (signing == NULL)
		return SMTP_IN_COMMIT;
	si->signing = NULL;
	si_move(si, SMTP_IN_SIGN);
	si->calls->sign(si->arg, signing);
	return SMTP_IN_SIGN;
}

void
si_seal_drop(struct smtp_in *si)
{
	if (si->verdict != NULL)
		verdict_free(&si->verdict);
	dkim_signing_free(&si->signing);
	buf_done(&si->early);
	si->resolving = false;
}

/* --- the face -------------------------------------------------------------- */

/* What was waited for is there. */
static void
si_seal_go_on(struct smtp_in *si, enum smtp_in_state next)
{
	si_move(si, si_data_close(si, next));
	if (si->finishing)
		smtp_in_finish(si, si->finish_no);
}

void
smtp_in_judged(struct smtp_in *si)
{
	si->resolving = false;
	if (si->early.len > 0)
		verdict_body(si->verdict, si->early.data, si->early.len);
	buf_done(&si->early);
	if (si->state == SMTP_IN_JUDGE)
		si_seal_go_on(si, si_seal_end(si));
}

void
smtp_in_signed(struct smtp_in *si, int result, const struct buf *fields)
{
	/* What can't be signed, or has more of signatures than there is room
	 * for, leaves as it is; what could have been is tried again. */
	bool ok = result != -EIO;

	if (si->state != SMTP_IN_SIGN)
		return; /* it was sent away meanwhile */
	si_seal_go_on(si,
		      ok ? si_seal_commit(si, fields) : si_seal_give_up(si));
}
