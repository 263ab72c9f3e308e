/* The verdict on one author domain: its record, its policy (RFC 9989, 4.10.1). */
#include <errno.h>
#include <string.h>

#include "verdict/dmarc_run.h"

int
dmarc_judge_end(struct dmarc_judgement *j, enum dmarc_result result,
		enum dmarc_policy asked, const char *why)
{
	j->verdict.result = result;
	j->verdict.asked = asked;
	j->verdict.why = why;
	return 0;
}

/* The method psl: the author's record, or that of its organisation (RFC 7489,
 * 6.6.3). */
static int
look_by_list(struct dmarc_run *run, const char *author, struct dmarc_walk *w)
{
	const char *org =
		suffixes_organisation(run->question->suffixes, author);
	int r = dmarc_look(author, run->answers, &run->arena, run->steps,
			   &w->level[0]);

	w->n = 1;
	w->organisation = org;
	if (strcmp(org, author) != 0) {
		int r2 = dmarc_look(org, run->answers, &run->arena, run->steps,
				    &w->level[1]);

		w->n = 2;
		r = r < 0 ? r : r2;
	}
	return r;
}

static int
look_up(struct dmarc_run *run, const char *domain, struct dmarc_walk *w)
{
	int r;

	if (run->question->method == DMARC_PSL)
		r = look_by_list(run, domain, w);
	else
		r = dmarc_walk(domain, run->answers, &run->arena, run->steps,
			       w);
	if (r == 0 && w->organisation != NULL)
		steps_say(run->steps, "organisational domain: %s",
			  w->organisation);
	return r;
}

/* The level whose failure leaves the policy open, or NULL; else J->level (RFC
 * 9989, 4.10.1): the author's record, the organisation's, the suffix's. */
static const struct dmarc_level *
judge_discover(struct dmarc_judgement *j, enum dmarc_method method)
{
	const struct dmarc_walk *w = &j->walk;
	const struct dmarc_level *last = &w->level[w->n - 1], *org;

	if (w->level[0].found != DMARC_NOTHING) {
		j->level = &w->level[0];
	} else if (w->organisation == NULL) {
		return last;
	} else {
		org = dmarc_walk_at(w, w->organisation);
		if (org != NULL && org->found != DMARC_NOTHING)
			j->level = org;
		else if (method == DMARC_TREEWALK &&
			 last->found == DMARC_RECORD)
			j->level = last;
	}
	if (j->level != NULL && j->level->found == DMARC_FAILED)
		return j->level;
	return NULL;
}

/* sp, and without it p. */
static enum dmarc_policy
policy_below(const struct dmarc_record *r, enum dmarc_tag *ret_tag)
{
	*ret_tag = r->sp != DMARC_POLICY_ABSENT ? DMARC_TAG_SP : DMARC_TAG_P;
	return r->sp != DMARC_POLICY_ABSENT ? r->sp : r->p;
}

/* The policy for an author below the record's domain: np counts when the author
 * does not exist. */
static int
judge_below(struct dmarc_run *run, struct dmarc_judgement *j,
	    const struct dmarc_record *r)
{
	struct dmarc_verdict *v = &j->verdict;
	const struct answer *a;

	v->policy = policy_below(r, &v->tag);
	if (r->np == DMARC_POLICY_ABSENT)
		return 0;
	a = answers_find(run->answers, v->author, ANSWER_TXT);
	if (a->status == ANSWER_OPEN)
		return -EAGAIN;
	if (a->status == ANSWER_TEMPFAIL) {
		j->other = r->np;
		steps_say(run->steps, "does %s exist? %s", v->author, a->why);
	} else if (a->status == ANSWER_NO_NAME) {
		v->policy = r->np;
		v->tag = DMARC_TAG_NP;
		steps_say(run->steps, "%s does not exist", v->author);
	}
	return 0;
}

static int
judge_policy(struct dmarc_run *run, struct dmarc_judgement *j)
{
	struct dmarc_record record = j->level->record;
	struct dmarc_verdict *v = &j->verdict;
	int r = 0;

	v->policy_domain = j->level->domain;
	if (record.broken) {
		steps_say(run->steps, "the record is not valid: %s",
			  record.rua_valid ? "as if p=none stood there"
					   : "and has no rua");
		record.p = record.rua_valid ? DMARC_POLICY_NONE
					    : DMARC_POLICY_ABSENT;
		record.sp = record.np = DMARC_POLICY_ABSENT;
	}
	if (strcmp(v->policy_domain, v->author) == 0)
		v->policy = record.p;
	else
		r = judge_below(run, j, &record);
	if (r == 0 && v->policy != DMARC_POLICY_ABSENT)
		steps_say(run->steps, "policy: %s, by %s of %s%s",
			  dmarc_policy_names[v->policy],
			  dmarc_tag_names[v->tag], v->policy_domain,
			  record.testing ? ", in test" : "");
	return r;
}

static enum dmarc_policy
stricter(enum dmarc_policy a, enum dmarc_policy b)
{
	return b != DMARC_POLICY_ABSENT && b > a ? b : a;
}

/* There is a record with a policy, and all is asked. */
static int
judge_result(struct dmarc_run *run, struct dmarc_judgement *j)
{
	struct dmarc_verdict *v = &j->verdict;
	enum dmarc_policy asked = v->policy, other = j->other;

	if (j->level->record.testing) {
		asked = dmarc_policy_softer(asked);
		other = dmarc_policy_softer(other);
	}
	if (v->spf_aligned || v->dkim_aligned != 0)
		return dmarc_judge_end(j, DMARC_PASS, DMARC_POLICY_NONE,
				       v->why);
	if (j->unsure)
		return dmarc_judge_end(
			j, DMARC_TEMPERROR, stricter(asked, other),
			"SPF, DKIM or the organisational domain is "
			"not known for now");
	if (other != DMARC_POLICY_ABSENT && other != asked)
		return dmarc_judge_end(
			j, DMARC_TEMPERROR, stricter(asked, other),
			"whether the domain exists is not known for "
			"now");
	return dmarc_judge_end(
		j, DMARC_FAIL, asked,
		arena_printf(&run->arena, "neither SPF nor DKIM vouches for %s",
			     v->author));
}

int
dmarc_judge(struct dmarc_run *run, const char *author,
	    struct dmarc_judgement *j)
{
	const struct dmarc_level *failed;
	int r, r2;

	*j = (struct dmarc_judgement){
		.verdict = {.author = author,
			    .policy_domain = "",
			    .policy = DMARC_POLICY_ABSENT},
		.other = DMARC_POLICY_ABSENT,
	};
	steps_say(run->steps, "author %s", author);
	r = look_up(run, author, &j->walk);
	if (r < 0)
		return r;
	j->verdict.organisation =
		j->walk.organisation != NULL ? j->walk.organisation : "";
	failed = judge_discover(j, run->question->method);
	if (failed != NULL)
		return dmarc_judge_end(
			j, DMARC_TEMPERROR, DMARC_POLICY_REJECT,
			arena_printf(&run->arena, "_dmarc.%s TXT: %s",
				     failed->domain, failed->why));
	if (j->level == NULL)
		return dmarc_judge_end(
			j, DMARC_NONE, DMARC_POLICY_NONE,
			arena_printf(&run->arena,
				     "no policy is published for %s", author));
	r = judge_policy(run, j);
	if (r == 0 && j->verdict.policy == DMARC_POLICY_ABSENT)
		return dmarc_judge_end(
			j, DMARC_PERMERROR, DMARC_POLICY_NONE,
			arena_printf(&run->arena,
				     "the record of %s has no valid policy",
				     j->level->domain));
	r2 = dmarc_align(run, j);
	if (r < 0 || r2 < 0)
		return -EAGAIN;
	return judge_result(run, j);
}
