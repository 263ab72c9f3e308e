#include <stdio.h>
#include <string.h>

#include "verdict/verdict_impl.h"

/* Texts for logs, listings and replies, whose line has 512 octets with its codes
 * (RFC 5321, 4.5.3.1.5). */
#define REASON_MAX      300
#define EXPLANATION_MAX 150

/* One line of S, cut at MAX octets. */
static const char *
one_line(struct verdict *v, const char *s, size_t max)
{
	char *line = arena_strndup(&v->arena, s, strnlen(s, max));

	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return line;
}

static void
decide(struct verdict *v, enum verdict_disposition disposition,
       const char *reason)
{
	v->result.disposition = disposition;
	v->result.reason = one_line(v, reason, REASON_MAX);
}

/* --- SPF ----------------------------------------------------------------------- */

/* RFC 7208, 8.4. The explanation is the domain's, and has to be told apart from
 * what we say (6.2). */
static void
reject_spf(struct verdict *v, const struct spf_verdict *spf, const char *what,
	   const char *domain)
{
	char ip[SOCKADDR_TEXT_MAX];
	const char *reason;

	sockaddr_ip(&v->message.client, ip);
	reason = arena_printf(&v->arena,
			      "%s may not send for %s, the domain of %s, by "
			      "its SPF record",
			      ip, domain, what);
	decide(v, VERDICT_REJECT, reason);
	if (spf->explanation != NULL)
		reply_set(&v->result.reply, 550, "5.7.23",
			  "%s; that domain explains: %s", v->result.reason,
			  one_line(v, spf->explanation, EXPLANATION_MAX));
	else
		reply_set(&v->result.reply, 550, "5.7.23", "%s",
			  v->result.reason);
}

/* Whether SPF refuses it is not known. */
static void
decide_spf_open(struct verdict *v)
{
	const struct verdict_result *r = &v->result;
	const struct spf_verdict *spf =
		r->mail_from != NULL ? r->mail_from : r->helo;

	if (spf == NULL || spf->result != SPF_TEMPERROR ||
	    v->judge->conf.on_temperror != VERDICT_ON_TEMPERROR_TEMPFAIL)
		return;
	decide(v, VERDICT_TEMPFAIL,
	       arena_printf(&v->arena, "SPF of %s can't be checked now: %s",
			    r->spf_domain, spf->why));
	reply_set(&v->result.reply, 451, "4.7.24", "%s", v->result.reason);
}

static bool
decide_spf(struct verdict *v)
{
	const struct verdict_result *r = &v->result;

	if (!v->judge->conf.spf.reject_fail)
		return false;
	if (r->mail_from != NULL && r->mail_from->result == SPF_FAIL)
		reject_spf(v, r->mail_from, "the sender", r->spf_domain);
	else if (r->helo != NULL && r->helo->result == SPF_FAIL)
		reject_spf(v, r->helo, "HELO", v->message.helo);
	else
		decide_spf_open(v);
	return r->disposition != VERDICT_NONE;
}

/* --- DMARC --------------------------------------------------------------------- */

static const enum verdict_disposition dispositions[] = {
	[VERDICT_DO_MARK] = VERDICT_MARK,
	[VERDICT_DO_HOLD] = VERDICT_HOLD,
	[VERDICT_DO_TEMPFAIL] = VERDICT_TEMPFAIL,
	[VERDICT_DO_REJECT] = VERDICT_REJECT,
	[VERDICT_DO_DISCARD] = VERDICT_DISCARD,
};

static void
decide_failed(struct verdict *v, int action)
{
	const struct dmarc_verdict *d = &v->dmarc;

	decide(v, dispositions[action],
	       arena_printf(&v->arena, "%s asks for %s: %s",
			    d->author[0] != '\0' ? d->author
						 : "the author's domain",
			    dmarc_policy_names[d->asked], d->why));
	if (v->result.disposition == VERDICT_REJECT)
		reply_set(&v->result.reply, 550, "5.7.26", "%s",
			  v->result.reason);
	else if (v->result.disposition == VERDICT_TEMPFAIL)
		reply_set(&v->result.reply, 451, "4.7.26", "%s",
			  v->result.reason);
}

static void
decide_open(struct verdict *v)
{
	const struct dmarc_verdict *d = &v->dmarc;

	if (v->judge->conf.on_temperror != VERDICT_ON_TEMPERROR_TEMPFAIL)
		return;
	decide(v, VERDICT_TEMPFAIL,
	       arena_printf(&v->arena, "%s can't be checked now: %s", d->author,
			    d->why));
	reply_set(&v->result.reply, 451, "4.7.0", "%s", v->result.reason);
}

static void
decide_dmarc(struct verdict *v)
{
	const struct verdict_dmarc_conf *conf = &v->judge->conf.dmarc;
	const struct dmarc_verdict *d = &v->dmarc;

	if (d->asked != DMARC_POLICY_REJECT &&
	    d->asked != DMARC_POLICY_QUARANTINE)
		return;
	if (d->result == DMARC_TEMPERROR)
		decide_open(v);
	else if (d->asked == DMARC_POLICY_REJECT)
		decide_failed(v, conf->on_reject);
	else
		decide_failed(v, conf->on_quarantine);
}

void
verdict_decide(struct verdict *v)
{
	if (!decide_spf(v))
		decide_dmarc(v);
}
