#include "verdict/spf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "verdict/spf_run.h"

#define MX_HOSTS_MAX 10 /* 4.6.4 */

const char *const spf_scope_names[] = {
	[SPF_HELO] = "helo",
	[SPF_MAIL_FROM] = "mfrom",
};

/* What check_host() of one domain came to. */
struct host_result {
	enum spf_result result;
	const char *domain;
	const char *term;
	struct spf_text exp; /* of the record that decided */
};

static int check_host(struct spf_run *run, const char *domain,
		      struct host_result *ret);

int
spf_fail(struct spf_run *run, int error, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	run->why = arena_strdup(&run->arena, text);
	return error;
}

int
spf_ask(struct spf_run *run, const char *name, enum answer_type type,
	const struct answer **ret)
{
	*ret = answers_find(run->answers, name, type);
	return (*ret)->status == ANSWER_OPEN ? -EAGAIN : 0;
}

int
spf_ask_term(struct spf_run *run, const char *name, enum answer_type type,
	     const struct answer **ret)
{
	int r = spf_ask(run, name, type, ret);

	if (r < 0)
		return r;
	if ((*ret)->status == ANSWER_TEMPFAIL)
		return spf_fail(run, SPF_TEMP, "%s %s: %s", name,
				answer_type_names[type], (*ret)->why);
	if ((*ret)->status != ANSWER_OK && ++run->voids > SPF_VOIDS_MAX)
		return spf_fail(run, SPF_PERM,
				"over %d questions without an answer, "
				"the last for %s %s",
				SPF_VOIDS_MAX, name, answer_type_names[type]);
	return 0;
}

static int
run_count_lookup(struct spf_run *run)
{
	if (++run->lookups > SPF_LOOKUPS_MAX)
		return spf_fail(run, SPF_PERM, "over %d terms that ask the DNS",
				SPF_LOOKUPS_MAX);
	return 0;
}

static int
match_network(const struct spf_run *run, const struct spf_term *term)
{
	bool v4 = term->mechanism == SPF_IP4;
	struct answer_record record = {.data = (const char *)term->ip,
				       .len = v4 ? 4 : 16};
	struct answer one = {.n = 1, .records = &record};

	return v4 == run->is4 &&
	       spf_has_client(run, &one, term->prefix4, term->prefix6);
}

static int
match_a(struct spf_run *run, const struct spf_term *term, const char *name)
{
	const struct answer *a;
	int r = spf_ask_term(run, name, spf_address_type(run), &a);

	return r < 0 ? r : spf_has_client(run, a, term->prefix4, term->prefix6);
}

static int
match_mx(struct spf_run *run, const struct spf_term *term, const char *name)
{
	const struct answer *mx, *a;
	int r = spf_ask_term(run, name, ANSWER_MX, &mx);

	if (r == 0 && mx->n > MX_HOSTS_MAX)
		return spf_fail(run, SPF_PERM, "%s has over %d MX", name,
				MX_HOSTS_MAX);
	for (size_t i = 0; r == 0 && i < mx->n; i++)
		answers_find(run->answers, mx->records[i].data,
			     spf_address_type(run));
	for (size_t i = 0; r == 0 && i < mx->n; i++) {
		if (mx->records[i].len == 0)
			continue;
		r = spf_ask_term(run, mx->records[i].data,
				 spf_address_type(run), &a);
		if (r == 0 &&
		    spf_has_client(run, a, term->prefix4, term->prefix6))
			return 1;
	}
	return r;
}

static int
match_ptr(struct spf_run *run, const struct spf_term *term, const char *name)
{
	const char *found;
	int r = spf_client_name(run, true, spf_name_within, name, &found);

	(void)term;
	return r < 0 ? r : found != NULL;
}

static int
match_exists(struct spf_run *run, const struct spf_term *term, const char *name)
{
	const struct answer *a;
	int r = spf_ask_term(run, name, ANSWER_A, &a);

	(void)term;
	return r < 0 ? r : a->n > 0;
}

static int
match_include(struct spf_run *run, const struct spf_term *term,
	      const char *name)
{
	struct host_result inner;
	int r;

	(void)term;
	steps_enter(run->steps);
	r = check_host(run, name, &inner);
	steps_leave(run->steps);
	if (r < 0)
		return r;
	if (inner.result == SPF_NONE)
		return spf_fail(run, SPF_PERM,
				"%s, which is included, has no SPF record",
				name);
	return inner.result == SPF_PASS;
}

/* Those that ask the DNS: NAME is the domain they are about. */
typedef int match_fn(struct spf_run *run, const struct spf_term *term,
		     const char *name);

static match_fn *const matches[] = {
	[SPF_INCLUDE] = match_include,
	[SPF_A] = match_a,
	[SPF_MX] = match_mx,
	[SPF_PTR] = match_ptr,
	[SPF_EXISTS] = match_exists,
	[SPF_ALL] = NULL,
	[SPF_IP4] = NULL,
	[SPF_IP6] = NULL,
};

/* 1: the client matches, 0: it doesn't. */
static int
term_match(struct spf_run *run, const struct spf_term *term, const char *domain)
{
	const char *name = domain;
	int r;

	if (term->mechanism == SPF_ALL)
		return 1;
	if (matches[term->mechanism] == NULL)
		return match_network(run, term);
	r = run_count_lookup(run);
	if (r == 0 && term->domain.s != NULL)
		r = spf_expand_domain(run, term->domain, domain, &name);
	return r < 0 ? r : matches[term->mechanism](run, term, name);
}

/* The one TXT record of DOMAIN that is SPF's (4.4, 4.5). 1; 0: there is none. */
static int
find_record(struct spf_run *run, const char *domain, struct spf_text *ret)
{
	const struct answer *a;
	int r = spf_ask(run, domain, ANSWER_TXT, &a), n = 0;

	if (r < 0)
		return r;
	if (a->status == ANSWER_TEMPFAIL)
		return spf_fail(run, SPF_TEMP, "%s TXT: %s", domain, a->why);
	for (size_t i = 0; i < a->n; i++)
		if (spf_record_is(a->records[i].data, a->records[i].len)) {
			*ret = (struct spf_text){a->records[i].data,
						 a->records[i].len};
			n++;
		}
	if (n > 1)
		return spf_fail(run, SPF_PERM, "%s has %d SPF records", domain,
				n);
	if (n == 0)
		steps_say(run->steps, "%s has no SPF record", domain);
	else
		steps_say(run->steps, "%s: %.*s", domain, (int)ret->len,
			  ret->s);
	return n;
}

static void
say_term(struct spf_run *run, const struct spf_term *term, int matched)
{
	steps_say(run->steps, "%.*s: %s", (int)term->text.len, term->text.s,
		  matched ? spf_result_names[term->effect] : "no match");
}

/* The record of the domain that redirect= names decides in place of ours; also
 * which explanation there is (6.1, 6.2). */
static int
follow_redirect(struct spf_run *run, struct spf_text redirect,
		const char *domain, struct host_result *ret)
{
	const char *name;
	int r = run_count_lookup(run);

	if (r == 0)
		r = spf_expand_domain(run, redirect, domain, &name);
	if (r == 0) {
		steps_say(run->steps, "redirect to %s", name);
		r = check_host(run, name, ret);
	}
	if (r == 0 && ret->result == SPF_NONE)
		return spf_fail(run, SPF_PERM,
				"%s, where redirect leads, has no SPF record",
				name);
	return r;
}

static int
evaluate(struct spf_run *run, const struct spf_record *record,
	 const char *domain, struct host_result *ret)
{
	const struct spf_term *term;

	STAILQ_FOREACH (term, &record->terms, link) {
		int r = term_match(run, term, domain);

		if (r < 0)
			return r;
		say_term(run, term, r);
		if (r > 0) {
			ret->result = term->effect;
			ret->term = arena_strndup(&run->arena, term->text.s,
						  term->text.len);
			ret->exp = record->exp;
			return 0;
		}
	}
	if (record->redirect.s != NULL)
		return follow_redirect(run, record->redirect, domain, ret);
	ret->result = SPF_NEUTRAL;
	return 0;
}

static int
check_host(struct spf_run *run, const char *domain, struct host_result *ret)
{
	struct spf_record record;
	struct spf_text text = {NULL, 0};
	const char *why;
	int r;

	*ret = (struct host_result){
		.result = SPF_NONE, .domain = domain, .term = ""};
	r = find_record(run, domain, &text);
	if (r <= 0)
		return r;
	r = spf_record_parse(text.s, text.len, &run->arena, &record, &why);
	if (r < 0)
		return spf_fail(run, SPF_PERM, "the SPF record of %s: %s",
				domain, why);
	return evaluate(run, &record, domain, ret);
}

/* Beyond the limits, and any failure means that there is none (6.2). */
static int
explain(struct spf_run *run, const struct host_result *host, const char **ret)
{
	const struct answer *a;
	const char *name;
	int r;

	*ret = NULL;
	if (host->result != SPF_FAIL || host->exp.s == NULL)
		return 0;
	r = spf_expand_domain(run, host->exp, host->domain, &name);
	if (r == 0)
		r = spf_ask(run, name, ANSWER_TXT, &a);
	if (r == 0 && a->n == 1)
		r = spf_expand_explanation(run,
					   (struct spf_text){a->records[0].data,
							     a->records[0].len},
					   host->domain, ret);
	return r == -EAGAIN ? r : 0;
}

bool
spf_run_begin(struct spf_run *run, const struct spf_question *q)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const char *at;

	run->question = q;
	run->is4 = memcmp(q->ip, mapped, sizeof(mapped)) == 0;
	run->why = "";
	at = strrchr(q->sender, '@');
	if (q->sender[0] == '\0')
		run->sender =
			arena_printf(&run->arena, "postmaster@%s", q->helo);
	else if (at == NULL || at == q->sender)
		run->sender = arena_printf(&run->arena, "postmaster@%s",
					   at != NULL ? at + 1 : q->sender);
	else
		run->sender = q->sender;
	run->sender_domain = strrchr(run->sender, '@') + 1;
	return answers_name_ok(run->sender_domain) &&
	       strchr(run->sender_domain, '.') != NULL &&
	       run->sender_domain[0] != '[';
}

static void
run_verdict(struct spf_run *run, const struct host_result *host,
	    const char *explanation, struct arena *arena,
	    struct spf_verdict *ret)
{
	*ret = (struct spf_verdict){
		.result = host->result,
		.domain = arena_strdup(arena, host->domain),
		.term = arena_strdup(arena, host->term),
		.why = arena_strdup(arena, run->why),
		.explanation = explanation == NULL
				       ? NULL
				       : arena_strdup(arena, explanation),
		.lookups = run->lookups,
		.voids = run->voids,
	};
}

int
spf_check(const struct spf_question *question, struct answers *answers,
	  struct arena *arena, struct steps *steps, struct spf_verdict *ret)
{
	struct spf_run run = {.answers = answers, .steps = steps};
	struct host_result host = {.result = SPF_NONE, .term = ""};
	const char *explanation = NULL;
	int r = 0;

	arena_init(&run.arena);
	steps_clear(steps);
	if (spf_run_begin(&run, question))
		r = check_host(&run, run.sender_domain, &host);
	else
		steps_say(steps, "%s is no domain that can have a record",
			  run.sender_domain);
	if (r == SPF_PERM || r == SPF_TEMP) {
		host = (struct host_result){
			.result = r == SPF_PERM ? SPF_PERMERROR : SPF_TEMPERROR,
			.term = ""};
		steps_say(steps, "%s", run.why);
		r = 0;
	}
	if (host.domain == NULL)
		host.domain = run.sender_domain;
	if (r == 0)
		r = explain(&run, &host, &explanation);
	if (r == 0)
		run_verdict(&run, &host, explanation, arena, ret);
	arena_done(&run.arena);
	return r;
}
