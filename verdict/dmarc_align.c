/* Who vouches for the author: identifier alignment (RFC 9989, 4.10.2). */
#include <errno.h>
#include <string.h>

#include "verdict/dmarc_run.h"
#include "verdict/domain.h"

enum alignment { UNALIGNED, ALIGNED, UNSURE };

/* The organisation is not known: could the two have one? */
static enum alignment
align_unsure(const struct dmarc_judgement *j, const char *domain)
{
	const char *top = j->verdict.author, *up;

	while ((up = domain_parent(top)) != NULL)
		top = up;
	return domain_within(domain, top) ? UNSURE : UNALIGNED;
}

/* By a walk from DOMAIN itself. */
static int
align_walk(struct dmarc_run *run, const char *domain, const char *org,
	   enum alignment *ret)
{
	struct dmarc_walk walk;
	int r;

	steps_enter(run->steps);
	r = dmarc_walk(domain, run->answers, &run->arena, run->steps, &walk);
	steps_leave(run->steps);
	if (r < 0)
		return r;
	if (walk.organisation == NULL)
		*ret = UNSURE;
	else
		*ret = strcmp(walk.organisation, org) == 0 ? ALIGNED
							   : UNALIGNED;
	return 0;
}

static int
align(struct dmarc_run *run, const struct dmarc_judgement *j,
      const char *domain, bool strict, enum alignment *ret)
{
	const char *org = j->walk.organisation;

	*ret = UNALIGNED;
	if (strcmp(domain, j->verdict.author) == 0)
		*ret = ALIGNED;
	else if (strict)
		return 0;
	else if (org == NULL)
		*ret = align_unsure(j, domain);
	else if (!domain_within(domain, org))
		return 0;
	else if (run->question->method == DMARC_TREEWALK)
		return align_walk(run, domain, org, ret);
	else if (strcmp(suffixes_organisation(run->question->suffixes, domain),
			org) == 0)
		*ret = ALIGNED;
	return 0;
}

/* Does ID vouch for the author? 1; 0; or -EAGAIN. */
static int
judge_identifier(struct dmarc_run *run, struct dmarc_judgement *j,
		 const char *method, const struct dmarc_identifier *id,
		 bool strict)
{
	static const char *const says[] = {
		[UNALIGNED] = "not aligned",
		[ALIGNED] = "aligned",
		[UNSURE] = "perhaps aligned",
	};
	enum alignment alignment;
	const char *domain;
	int r;

	if (id->domain == NULL || id->auth == DMARC_AUTH_FAIL)
		return 0;
	domain = domain_canonical(id->domain, strlen(id->domain), &run->arena);
	if (domain == NULL)
		return 0;
	r = align(run, j, domain, strict, &alignment);
	if (r < 0)
		return r;
	steps_say(run->steps, "%s of %s: %s%s", method, domain, says[alignment],
		  id->auth == DMARC_AUTH_PASS ? "" : ", but not known");
	if (alignment == ALIGNED && id->auth == DMARC_AUTH_PASS) {
		if (j->verdict.why == NULL)
			j->verdict.why = arena_printf(
				&run->arena, "by %s of %s", method, domain);
		return 1;
	}
	j->unsure = j->unsure || alignment != UNALIGNED;
	return 0;
}

/* All of them are asked about before any is waited for. */
int
dmarc_align(struct dmarc_run *run, struct dmarc_judgement *j)
{
	const struct dmarc_question *q = run->question;
	const struct dmarc_record *record = &j->level->record;
	struct dmarc_verdict *v = &j->verdict;
	int r = judge_identifier(run, j, "SPF", &q->spf, record->aspf_strict);
	int wait = r < 0 ? r : 0;

	v->spf_aligned = r > 0;
	for (size_t i = 0; i < q->ndkim && i < DMARC_DKIM_MAX; i++) {
		r = judge_identifier(run, j, "DKIM", &q->dkim[i],
				     record->adkim_strict);
		if (r < 0)
			wait = r;
		else if (r > 0)
			v->dkim_aligned |= UINT32_C(1) << i;
	}
	return wait;
}
