#include "relay/smtp_in_rcpt.h"

#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "deliver/routes_conf.h"
#include "mail/drop.h"
#include "relay/smtp_in_auth.h"
#include "relay/smtp_in_data.h"
#include "relay/smtp_in_refuse.h"

bool
si_complete(const struct smtp_in *si, struct address *a)
{
	if (address_is_null(a) || a->domain[0] != '\0')
		return true;
	if (!si->trusted)
		return false;
	a->domain = si->conf->origin;
	return true;
}

enum smtp_in_state
si_refuse_bare(struct smtp_in *si, enum smtp_in_state stay)
{
	struct reply reply;

	must(stay == si->state || si->state == SMTP_IN_READY);
	reply_set(&reply, 501, si->verb == SMTP_MAIL ? "5.1.7" : "5.1.3",
		  "bad address: the domain is missing");
	return si_refuse_syntax(si, &reply);
}

/* --- one recipient, its deliveries ------------------------------------------- */

static struct envelope_rcpt *
si_rcpt_room(struct smtp_in *si)
{
	struct envelope_rcpt *more;
	size_t cap;

	if (si->nrcpt == si->rcpt_cap) {
		cap = si->rcpt_cap > 0 ? 4 * si->rcpt_cap : 4;
		more = arena_alloc(&si->arena, cap * sizeof(*more));
		if (si->nrcpt > 0)
			memcpy(more, si->rcpt, si->nrcpt * sizeof(*more));
		si->rcpt = more;
		si->rcpt_cap = cap;
	}
	return &si->rcpt[si->nrcpt];
}

static void
si_rcpt_add(struct smtp_in *si, uint8_t notify, const char *original,
	    const char *orcpt, const struct expanded *e)
{
	struct envelope_rcpt *rcpt = si_rcpt_room(si);

	*rcpt = (struct envelope_rcpt){
		.address = arena_strdup(&si->arena, e->address),
		/* Nothing is ever said of a copy. */
		.original = e->copy ? NULL : original,
		.orcpt = e->copy ? NULL : orcpt,
		.notify = e->copy ? DSN_NOTIFY_NEVER : notify,
		.copy = e->copy,
		.agent = e->route.agent,
		/* By MX it is the recipient's domain. */
		.dest = arena_strdup(&si->arena, e->route.dest),
		.route = e->route.rule,
	};
	si->nrcpt++;
}

/* The queue makes equal deliveries once, the first of them: who was named
 * stands before copies, of which nothing is told. */
void
si_rcpt_order(struct smtp_in *si)
{
	struct envelope_rcpt *all =
		arena_alloc(&si->arena, (si->nrcpt + 1) * sizeof(*all));
	size_t n = 0;

	for (int copies = 0; copies < 2; copies++)
		for (size_t i = 0; i < si->nrcpt; i++)
			if (si->rcpt[i].copy == (copies == 1))
				all[n++] = si->rcpt[i];
	si->rcpt = all;
}

/* RFC 3461, 5.2.7.2: who asked to hear of success is told that it goes on to
 * several, and not of each of them what becomes of it. */
static uint8_t
si_rcpt_expanded(struct smtp_in *si, const struct smtp_command *cmd,
		 const char *original, const char *orcpt,
		 const struct expanded *first)
{
	uint8_t left = cmd->notify & ~DSN_NOTIFY_SUCCESS;

	si_rcpt_add(si, DSN_NOTIFY_SUCCESS, original, orcpt, first);
	si->rcpt[si->nrcpt - 1].address = original;
	si->rcpt[si->nrcpt - 1].expanded = true;
	return left != 0 ? left : DSN_NOTIFY_NEVER;
}

static enum smtp_in_state
si_rcpt_take(struct smtp_in *si, const struct smtp_command *cmd,
	     const struct expansion *ex)
{
	struct address as_given = cmd->address;
	const char *original, *orcpt = NULL;
	uint8_t notify = cmd->notify;

	if (as_given.domain[0] == '\0')
		as_given.domain = si->conf->origin;
	original = address_text(&as_given, &si->arena);
	if (cmd->orcpt != NULL)
		orcpt = arena_strdup(&si->arena, cmd->orcpt);
	/* Copies come last. */
	if (si->sender[0] != '\0' && (notify & DSN_NOTIFY_SUCCESS) &&
	    ex->n > 1 && !ex->v[1].copy)
		notify = si_rcpt_expanded(si, cmd, original, orcpt, &ex->v[0]);
	for (size_t i = 0; i < ex->n; i++)
		si_rcpt_add(si, notify, original, orcpt, &ex->v[i]);
	si->ntaken++;
	si_say(si, "250 2.1.5 recipient ok");
	return SMTP_IN_RCPT;
}

static enum smtp_in_state
si_rcpt_refuse(struct smtp_in *si, const struct smtp_command *cmd,
	       enum expand_result why)
{
	static const enum smtp_in_no no[] = {
		[EXPAND_FOREIGN] = SMTP_IN_NO_FOREIGN_RCPT,
		[EXPAND_SOURCE] = SMTP_IN_NO_SOURCE,
		[EXPAND_UNKNOWN] = SMTP_IN_NO_USER,
		[EXPAND_EXCLUDED] = SMTP_IN_NO_LISTED,
		[EXPAND_TOO_MANY] = SMTP_IN_NO_LARGE,
	};

	if (why == EXPAND_NO_DOMAIN)
		return si_refuse_bare(si, si->state);
	return si_refuse_rcpt(si, no[why], &cmd->address);
}

/* --- asking the host behind us --------------------------------------------------- */

/* The one delivery that RCPT is, when its host is to be asked. What an alias
 * stands for was named by us; postmaster is taken whatever that host thinks
 * (RFC 5321, 4.5.1). */
static const struct expanded *
si_to_verify(const struct smtp_in *si, const struct address *rcpt,
	     const struct expansion *ex)
{
	const struct route_rule *rule = ex->v[0].route.entry;

	if (strcasecmp(rcpt->local, "postmaster") == 0)
		return NULL;
	if (si->trusted || (ex->n > 1 && !ex->v[1].copy) || rule == NULL ||
	    rule->verify.cache_ms == 0)
		return NULL;
	return &ex->v[0];
}

/* The command outlives its line, until the answer. */
static void
si_ask_keep(struct smtp_in *si, const struct smtp_command *cmd)
{
	struct arena *arena = &si->asked_arena;
	struct smtp_command *copy = arena_alloc(arena, sizeof(*copy));

	*copy = *cmd;
	copy->address.local = arena_strdup(arena, cmd->address.local);
	copy->address.domain = arena_strdup(arena, cmd->address.domain);
	if (cmd->orcpt != NULL)
		copy->orcpt = arena_strdup(arena, cmd->orcpt);
	si->asked = copy;
	si->asked_in = si->state;
}

static enum smtp_in_state
si_rcpt_count(struct smtp_in *si, const struct smtp_command *cmd,
	      const struct expansion *ex)
{
	switch (si_user_take(si)) {
	case LOGINS_QUOTA_OK:
		break;
	case LOGINS_QUOTA_RATE:
		return si_refuse_rcpt(si, SMTP_IN_NO_RATE, &cmd->address);
	case LOGINS_QUOTA_DAILY:
		return si_refuse_rcpt(si, SMTP_IN_NO_DAILY, &cmd->address);
	}
	return si_rcpt_take(si, cmd, ex);
}

static enum smtp_in_state
si_rcpt_known(struct smtp_in *si, const struct smtp_command *cmd,
	      const struct expansion *ex, enum verify_result known)
{
	switch (known) {
	case VERIFY_GOOD:
		return si_rcpt_count(si, cmd, ex);
	case VERIFY_NOBODY:
		return si_refuse_rcpt(si, SMTP_IN_NO_USER, &cmd->address);
	case VERIFY_LATER:
		return si_refuse_rcpt(si, SMTP_IN_NO_ANSWER, &cmd->address);
	case VERIFY_ASKED:
		si_ask_keep(si, cmd);
		return SMTP_IN_VERIFY;
	}
	must(!"a result of verify");
	return si->state;
}

/* --- RCPT ---------------------------------------------------------------------- */

/* What has a key comes from the drop folder, which has a limit of its own: what
 * is published under a key must not depend on the configuration. */
static size_t
si_rcpt_max(const struct smtp_in *si)
{
	return si->client->key != NULL ? DROP_RCPT_MAX
				       : (size_t)si->conf->limits->recipients;
}

/* KNOWN: what the host behind us said; VERIFY_ASKED: it was not asked yet. */
static enum smtp_in_state
si_rcpt_expand(struct smtp_in *si, const struct smtp_command *cmd,
	       enum verify_result known, struct arena *scratch)
{
	size_t max = si_rcpt_max(si);
	const struct expanded *ask;
	enum expand_result result;
	struct expansion ex;

	result = si->calls->expand(si->arg, &cmd->address, si->trusted, scratch,
				   &ex);
	if (result != EXPAND_OK)
		return si_rcpt_refuse(si, cmd, result);
	/* A first recipient always fits, so that the client comes forward. */
	if (si->nrcpt + ex.n > max + EXPAND_MAX)
		return si_refuse(si, SMTP_IN_NO_RECIPIENTS, si->state);
	ask = si_to_verify(si, &cmd->address, &ex);
	if (ask == NULL)
		known = VERIFY_GOOD;
	else if (known == VERIFY_ASKED)
		known = si->calls->verify(si->arg, ask);
	return si_rcpt_known(si, cmd, &ex, known);
}

static enum smtp_in_state
si_rcpt_scratch(struct smtp_in *si, const struct smtp_command *cmd,
		enum verify_result known)
{
	enum smtp_in_state next;
	struct arena scratch;

	arena_init(&scratch);
	next = si_rcpt_expand(si, cmd, known, &scratch);
	arena_done(&scratch);
	return next;
}

enum smtp_in_state
si_rcpt(struct smtp_in *si, const struct smtp_command *cmd)
{
	if (si->state == SMTP_IN_CHUNKS)
		return si_refuse(si, SMTP_IN_NO_MIXED, si->state);
	if (cmd->utf8 && !si->smtputf8)
		return si_refuse(si, SMTP_IN_NO_UTF8, si->state);
	if (si->ntaken >= si_rcpt_max(si))
		return si_refuse(si, SMTP_IN_NO_RECIPIENTS, si->state);
	if (!si->trusted && si->conf->role == CONFIG_SUBMISSION)
		return si_refuse_rcpt(si,
				      si->conf->auth != CONFIG_AUTH_NONE
					      ? SMTP_IN_NO_AUTH_NEEDED
					      : SMTP_IN_NO_TRUST,
				      &cmd->address);
	if (!si->calls->rate(si->arg, SMTP_RCPT))
		return si_refuse_rcpt(si, SMTP_IN_NO_RATE_RCPT, &cmd->address);
	return si_rcpt_scratch(si, cmd, VERIFY_ASKED);
}

void
smtp_in_verified(struct smtp_in *si, enum verify_result result)
{
	const struct smtp_command *cmd = si->asked;
	struct arena arena = si->asked_arena; /* CMD's; now ours */

	must(si->state == SMTP_IN_VERIFY && cmd != NULL &&
	     result != VERIFY_ASKED);
	si->asked = NULL;
	arena_init(&si->asked_arena);
	si_move(si, si->asked_in);
	si->verb = SMTP_RCPT;
	si_move(si, si_rcpt_scratch(si, cmd, result));
	arena_done(&arena);
	if (si->finishing)
		smtp_in_finish(si, si->finish_no);
}
