#include "verdict/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "mail/address.h"
#include "verdict/domain.h"
#include "verdict/spf_libspf2.h"
#include "verdict/verdict_impl.h"

const char *const verdict_disposition_names[] = {
	[VERDICT_NONE] = "none",     [VERDICT_MARK] = "mark",
	[VERDICT_HOLD] = "hold",     [VERDICT_TEMPFAIL] = "tempfail",
	[VERDICT_REJECT] = "reject", [VERDICT_DISCARD] = "discard",
};

static bool
verdict_evaluates(const struct verdict *v)
{
	return v->message.how == VERDICT_EVALUATE;
}

/* Only for who wants them. */
static struct steps *
verdict_steps(const struct verdict *v, struct steps *steps)
{
	return v->message.explain ? steps : NULL;
}

/* --- the beginning ------------------------------------------------------------- */

static void
verdict_copy_message(struct verdict *v, const struct verdict_message *m)
{
	v->message = *m;
	v->message.helo = arena_strdup(&v->arena, m->helo);
	v->message.sender = arena_strdup(&v->arena, m->sender);
}

/* NAME as the DNS has it, where it is beyond ASCII: what a client says by
 * SMTPUTF8 (RFC 8616, 4). */
static const char *
verdict_ascii_name(struct verdict *v, const char *name)
{
	const char *ascii =
		utf8_is_ascii(name)
			? NULL
			: domain_canonical(name, strlen(name), &v->arena);

	return ascii != NULL ? ascii : name;
}

static const char *
verdict_ascii_sender(struct verdict *v, const char *sender)
{
	const char *domain = address_domain_of(sender);
	const char *ascii = verdict_ascii_name(v, domain);

	return ascii == domain
		       ? sender
		       : arena_printf(&v->arena, "%.*s%s",
				      (int)(domain - sender), sender, ascii);
}

/* What SPF is asked; nothing of a client without an address. */
static void
verdict_ask_spf(struct verdict *v)
{
	const struct verdict_message *m = &v->message;
	struct verdict_result *r = &v->result;

	r->spf_domain = "";
	v->helo_known = v->mail_from_known = true;
	if (!sockaddr_bytes(&m->client, v->spf.ip))
		return;
	v->spf.helo = verdict_ascii_name(v, m->helo);
	v->spf.receiver = v->judge->hostname;
	v->spf.now = (time_t)(m->now_ms / 1000);
	v->helo_known = false;
	r->helo = &v->helo;
	r->spf_domain = v->spf.helo;
	if (m->sender[0] == '\0')
		return;
	v->mail_from_known = false;
	r->mail_from = &v->mail_from;
	v->spf.sender = verdict_ascii_sender(v, m->sender);
	r->spf_domain = address_domain_of(v->spf.sender);
}

static void
verdict_ask_dkim(struct verdict *v)
{
	const struct verdict_message *m = &v->message;
	struct dkim_verify_conf conf = {
		.allow_length = v->judge->conf.dkim.body_length_tag ==
				VERDICT_LENGTH_ALLOW,
	};

	v->verification = dkim_verification_new(
		v->judge->dkim, &conf, m->header, m->header_len,
		(time_t)(m->now_ms / 1000), &v->arena);
}

struct verdict *
verdict_new(struct judge *judge, const struct verdict_message *message)
{
	struct verdict *v = xcalloc(1, sizeof(*v));

	v->judge = judge_ref(judge);
	arena_init(&v->arena);
	verdict_copy_message(v, message);
	answers_init(&v->answers, &v->arena, (unsigned)judge->conf.dns.lookups);
	steps_init(&v->steps.helo, &v->arena);
	steps_init(&v->steps.mail_from, &v->arena);
	steps_init(&v->steps.dkim, &v->arena);
	steps_init(&v->steps.dmarc, &v->arena);
	author_find(message->header, message->header_len, &v->arena,
		    &v->author);
	v->result.author = &v->author;
	v->result.dkim = &v->no_signatures;
	v->result.spf_domain = v->result.reason = "";
	if (message->explain)
		v->result.steps = &v->steps;
	verdict_find_forged(v);
	if (verdict_evaluates(v)) {
		verdict_ask_spf(v);
		verdict_ask_dkim(v);
	}
	return v;
}

void
verdict_free(struct verdict **verdict)
{
	struct verdict *v = *verdict;

	*verdict = NULL;
	if (v == NULL)
		return;
	if (v->resolving)
		resolve_done(&v->resolve);
	dkim_verification_free(&v->verification);
	arena_done(&v->arena);
	judge_unref(&v->judge);
	free(v);
}

const struct verdict_message *
verdict_message(const struct verdict *v)
{
	return &v->message;
}

size_t
verdict_forged(const struct verdict *v, const struct verdict_forged **ret)
{
	*ret = v->result.forged;
	return v->result.nforged;
}

struct answers *
verdict_answers(struct verdict *v)
{
	return &v->answers;
}

/* --- what the DNS says --------------------------------------------------------- */

static int
look_spf(struct verdict *v, enum spf_scope scope, struct steps *steps,
	 struct spf_verdict *ret, bool *known)
{
	bool own = v->judge->conf.spf.engine == SPF_ENGINE_BELFRY;
	struct spf_question q = v->spf;
	int r;

	if (*known)
		return 0;
	q.scope = scope;
	if (scope == SPF_HELO)
		q.sender = "";
	r = (own ? spf_check : spf_libspf2_check)(&q, &v->answers, &v->arena,
						  verdict_steps(v, steps), ret);
	*known = r == 0;
	return r;
}

static int
look_keys(struct verdict *v)
{
	int r = v->keys_known ? 0
			      : dkim_verification_keys(
					v->verification, &v->answers,
					verdict_steps(v, &v->steps.dkim));

	v->keys_known = r == 0;
	return r;
}

static enum dmarc_auth
auth_of_spf(enum spf_result result)
{
	if (result == SPF_PASS)
		return DMARC_AUTH_PASS;
	return result == SPF_TEMPERROR ? DMARC_AUTH_TEMPERROR : DMARC_AUTH_FAIL;
}

static enum dmarc_auth
auth_of_dkim(enum dkim_result result)
{
	if (result == DKIM_PASS)
		return DMARC_AUTH_PASS;
	return result == DKIM_TEMPERROR ? DMARC_AUTH_TEMPERROR
					: DMARC_AUTH_FAIL;
}

/* ALL: as if everything passed, which asks all that can be wanted. */
static int
look_dmarc(struct verdict *v, const struct dkim_verdict *dkim, bool all)
{
	const struct spf_verdict *spf =
		v->message.sender[0] != '\0' ? &v->mail_from : &v->helo;
	struct dmarc_question q = {
		.author = &v->author,
		.spf = {.domain = v->result.spf_domain,
			.auth = all ? DMARC_AUTH_PASS
				    : auth_of_spf(spf->result)},
		.dkim = v->signers,
		.ndkim = dkim->n,
		.method = (enum dmarc_method)v->judge->conf.dmarc.method,
		.suffixes = v->judge->suffixes,
	};

	for (size_t i = 0; i < dkim->n; i++)
		v->signers[i] = (struct dmarc_identifier){
			.domain = dkim->signatures[i].domain,
			.auth = all ? DMARC_AUTH_PASS
				    : auth_of_dkim(dkim->signatures[i].result),
		};
	return dmarc_check(&q, &v->answers, &v->arena,
			   all ? NULL : verdict_steps(v, &v->steps.dmarc),
			   &v->dmarc);
}

int
verdict_look(struct verdict *v)
{
	int helo, mail_from, keys, dmarc = 0;

	if (!verdict_evaluates(v))
		return 0;
	/* First: what SPF and the keys cost is the sender's choice, and must
	 * not use up what there is for the author's domain; nor what HELO costs
	 * that for the domain of the sender, which may be somebody else's. */
	if (!v->dmarc_known)
		dmarc = look_dmarc(
			v, dkim_verification_signatures(v->verification), true);
	v->dmarc_known = dmarc == 0;
	mail_from = look_spf(v, SPF_MAIL_FROM, &v->steps.mail_from,
			     &v->mail_from, &v->mail_from_known);
	helo = look_spf(v, SPF_HELO, &v->steps.helo, &v->helo, &v->helo_known);
	keys = look_keys(v);
	return helo == 0 && mail_from == 0 && keys == 0 && dmarc == 0 ? 0
								      : -EAGAIN;
}

static void
verdict_settled(void *arg)
{
	struct verdict *v = arg;

	if (verdict_look(v) < 0) {
		must(resolve_open(&v->resolve));
		return;
	}
	resolve_done(&v->resolve);
	v->resolving = false;
	v->fn(v->arg);
}

bool
verdict_resolve(struct verdict *v, struct loop *loop, struct dns *dns,
		verdict_fn *fn, void *arg)
{
	if (verdict_look(v) == 0)
		return false;
	v->fn = fn;
	v->arg = arg;
	v->resolving = true;
	resolve_init(&v->resolve, loop, dns, &v->answers,
		     v->judge->conf.dns.deadline_ms, verdict_settled, v);
	must(resolve_open(&v->resolve));
	return true;
}

/* --- the end ------------------------------------------------------------------- */

void
verdict_body(struct verdict *v, const void *data, size_t len)
{
	if (v->verification != NULL)
		dkim_verification_body(v->verification, data, len);
}

static void
verdict_evaluate(struct verdict *v)
{
	v->result.dkim = dkim_verification_end(
		v->verification, verdict_steps(v, &v->steps.dkim));
	/* It asks nothing that it did not ask as if all passed; were that ever
	 * wrong, it would be a temporary error. */
	answers_close(&v->answers);
	must(look_dmarc(v, v->result.dkim, false) == 0);
	v->result.dmarc = &v->dmarc;
	verdict_decide(v);
	verdict_write_fields(v);
}

const struct verdict_result *
verdict_end(struct verdict *v)
{
	must(!v->resolving && verdict_look(v) == 0);
	if (verdict_evaluates(v))
		verdict_evaluate(v);
	else
		verdict_believe(v);
	v->result.questions = v->answers.questions;
	return &v->result;
}
