#include "verdict/dmarc.h"

#include <errno.h>
#include <string.h>

#include "verdict/dmarc_run.h"

const char *const dmarc_method_names[] = {
	[DMARC_TREEWALK] = "treewalk",
	[DMARC_PSL] = "psl",
};

const char *const dmarc_result_names[] = {
	[DMARC_NONE] = "none",           [DMARC_PASS] = "pass",
	[DMARC_FAIL] = "fail",           [DMARC_TEMPERROR] = "temperror",
	[DMARC_PERMERROR] = "permerror",
};

const char *const dmarc_tag_names[] = {
	[DMARC_TAG_P] = "p",
	[DMARC_TAG_SP] = "sp",
	[DMARC_TAG_NP] = "np",
};

/* How bad a result is among others that ask for the same. */
static int
badness(enum dmarc_result result)
{
	switch (result) {
	case DMARC_PASS:
		return 0;
	case DMARC_NONE:
		return 1;
	case DMARC_PERMERROR:
		return 2;
	case DMARC_TEMPERROR:
		return 3;
	case DMARC_FAIL:
		return 4;
	}
	return 4;
}

static bool
is_worse(const struct dmarc_verdict *a, const struct dmarc_verdict *b)
{
	return a->asked != b->asked ? a->asked > b->asked
				    : badness(a->result) > badness(b->result);
}

/* What the shape of the From fields alone decides. */
static void
judge_shape(const struct author *author, struct dmarc_judgement *j)
{
	struct dmarc_verdict *v = &j->verdict;
	enum dmarc_policy asked = v->policy;

	if (author->more) {
		dmarc_judge_end(j, DMARC_FAIL, DMARC_POLICY_REJECT,
				"more domains in From than are looked at");
	} else if (author->fields > 1 && v->result == DMARC_PASS) {
		if (j->level->record.testing)
			asked = dmarc_policy_softer(asked);
		dmarc_judge_end(j, DMARC_FAIL, asked, "several From fields");
	}
}

/* *RET is the one of J, one for each author domain, that fares worst. */
static int
judge_all(struct dmarc_run *run,
	  struct dmarc_judgement j[static AUTHOR_DOMAINS_MAX],
	  const struct dmarc_judgement **ret)
{
	const struct author *author = run->question->author;
	int wait = 0;

	for (size_t i = 0; i < author->n; i++) {
		if (dmarc_judge(run, author->domains[i], &j[i]) < 0) {
			wait = -EAGAIN;
			continue;
		}
		judge_shape(author, &j[i]);
		if (i == 0 || is_worse(&j[i].verdict, &(*ret)->verdict))
			*ret = &j[i];
	}
	return wait;
}

static void
run_verdict(const struct dmarc_judgement *j, struct arena *arena,
	    struct dmarc_verdict *ret)
{
	const struct answer_record *text =
		j->level != NULL ? j->level->text : NULL;

	*ret = j->verdict;
	ret->why = arena_strdup(arena, j->verdict.why);
	if (text != NULL)
		dmarc_record_parse(text->data, text->len, arena, &ret->record);
}

int
dmarc_check(const struct dmarc_question *question, struct answers *answers,
	    struct arena *arena, struct steps *steps, struct dmarc_verdict *ret)
{
	struct dmarc_run run = {
		.question = question, .answers = answers, .steps = steps};
	const struct dmarc_judgement nobody = {
		.verdict = {.result = DMARC_PERMERROR,
			    .author = "",
			    .organisation = "",
			    .policy_domain = "",
			    .policy = DMARC_POLICY_ABSENT,
			    .why = question->author->why},
	};
	struct dmarc_judgement each[AUTHOR_DOMAINS_MAX];
	const struct dmarc_judgement *j = &nobody;
	int r;

	arena_init(&run.arena);
	steps_clear(steps);
	if (question->author->why[0] != '\0')
		steps_say(steps, "From: %s", question->author->why);
	r = judge_all(&run, each, &j);
	if (r == 0) {
		steps_say(steps, "%s: %s",
			  dmarc_result_names[j->verdict.result],
			  j->verdict.why);
		run_verdict(j, arena, ret);
	}
	arena_done(&run.arena);
	return r;
}
