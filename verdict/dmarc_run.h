/*
 * dmarc_run - one evaluation of DMARC under way: what its parts share. Not for
 * others than dmarc*.c.
 */
#ifndef VERDICT_DMARC_RUN_H
#define VERDICT_DMARC_RUN_H

#include "verdict/dmarc.h"
#include "verdict/dmarc_walk.h"

/* One evaluation under way. */
struct dmarc_run {
	const struct dmarc_question *question;
	struct answers *answers;
	struct steps *steps;
	struct arena arena; /* of this run alone */
};

/* The judgement about one author domain, its strings in the run's arena. */
struct dmarc_judgement {
	struct dmarc_verdict verdict;
	struct dmarc_walk walk;
	const struct dmarc_level *level; /* whose record counts, or NULL */
	/* Where the author's existence is not known: what the other tag of sp
	 * and np asks for; else ABSENT. */
	enum dmarc_policy other;
	bool unsure; /* about an identifier that might be aligned */
};

/* Whether AUTHOR, a canonical name, may stand in From: 0 with *RET, or -EAGAIN. */
int dmarc_judge(struct dmarc_run *run, const char *author,
		struct dmarc_judgement *ret);
/* Ends a judgement: 0. WHY lives as long as the run. */
int dmarc_judge_end(struct dmarc_judgement *j, enum dmarc_result result,
		    enum dmarc_policy asked, const char *why);
/* Which identifiers are aligned with the author of J, whose level is known: 0 or
 * -EAGAIN. */
int dmarc_align(struct dmarc_run *run, struct dmarc_judgement *j);

#endif
