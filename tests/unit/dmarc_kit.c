#include "tests/unit/dmarc_kit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

static void
ask_authors(struct dmarc_asked *q, const char *from)
{
	char *rest, *word;

	q->author.why = "nobody is there";
	q->author.fields = 1;
	if (strncmp(from, "2:", 2) == 0) {
		q->author.fields = 2;
		from += 2;
	}
	rest = arena_strdup(&q->arena, from);
	while ((word = strtok_r(rest, " ", &rest)) != NULL)
		if (q->author.n == AUTHOR_DOMAINS_MAX)
			q->author.more = true;
		else
			q->author.domains[q->author.n++] = word;
}

void
dmarc_ask_vouch(struct dmarc_asked *q, const char *vouch)
{
	char *rest = arena_strdup(&q->arena, vouch), *word;

	while ((word = strtok_r(rest, " ", &rest)) != NULL) {
		struct dmarc_identifier id = {.auth = DMARC_AUTH_PASS};

		if (*word == '!' || *word == '?')
			id.auth = *word++ == '!' ? DMARC_AUTH_FAIL
						 : DMARC_AUTH_TEMPERROR;
		id.domain = strchr(word, ':') + 1;
		if (strncmp(word, "spf:", 4) == 0)
			q->question.spf = id;
		else
			q->dkim[q->question.ndkim++] = id;
	}
}

void
dmarc_ask_init(struct dmarc_asked *q, const struct dmarc_row *row,
	       const struct suffixes *list)
{
	*q = (struct dmarc_asked){.question = {0}};
	arena_init(&q->arena);
	ask_authors(q, row->from);
	dmarc_ask_vouch(q, row->vouch);
	q->question.author = &q->author;
	q->question.dkim = q->dkim;
	q->question.method = list != NULL ? DMARC_PSL : DMARC_TREEWALK;
	q->question.suffixes = list;
}

static void
describe(const struct dmarc_verdict *v, char *ret, size_t size)
{
	size_t n;

	snprintf(ret, size, "%s", dmarc_result_names[v->result]);
	if (v->asked != DMARC_POLICY_NONE) {
		n = strlen(ret);
		snprintf(ret + n, size - n, " %s",
			 dmarc_policy_names[v->asked]);
	}
	if (v->policy != DMARC_POLICY_ABSENT) {
		n = strlen(ret);
		snprintf(ret + n, size - n, " by %s=%s",
			 dmarc_tag_names[v->tag],
			 dmarc_policy_names[v->policy]);
	}
	n = strlen(ret);
	if (v->policy_domain[0] != '\0')
		snprintf(ret + n, size - n, " at %s", v->policy_domain);
	n = strlen(ret);
	if (v->organisation[0] != '\0')
		snprintf(ret + n, size - n, " of %s", v->organisation);
	n = strlen(ret);
	snprintf(ret + n, size - n, "%s", v->spf_aligned ? " spf" : "");
	for (unsigned i = 0; i < DMARC_DKIM_MAX; i++)
		if ((v->dkim_aligned & UINT32_C(1) << i) != 0) {
			n = strlen(ret);
			snprintf(ret + n, size - n, " dkim%u", i);
		}
}

void
dmarc_answer(struct zone *zone, struct answers *answers,
	     const struct dmarc_question *q, struct arena *arena,
	     struct steps *steps, struct dmarc_verdict *ret)
{
	int r;

	while ((r = dmarc_check(q, answers, arena, steps, ret)) == -EAGAIN)
		assert_true(zone_settle(zone, answers));
	assert_int_equal(r, 0);
	assert_false(zone_settle(zone, answers));
}

static void
check(const struct dmarc_row *row, const struct suffixes *list)
{
	struct answers answers;
	struct dmarc_verdict v;
	struct steps steps;
	struct arena arena;
	struct dmarc_asked q;
	struct zone zone;
	char is[512];

	zone_init(&zone);
	zone_load(&zone, row->zone);
	arena_init(&arena);
	answers_init(&answers, &arena, 100);
	steps_init(&steps, &arena);
	dmarc_ask_init(&q, row, list);
	dmarc_answer(&zone, &answers, &q.question, &arena, &steps, &v);
	describe(&v, is, sizeof(is));
	assert_string_equal(is, row->verdict);
	assert_true(v.why[0] != '\0');
	assert_false(STAILQ_EMPTY(&steps.list));
	if (v.policy_domain[0] != '\0')
		assert_memory_equal(v.record.text, "v=DMARC1", 8);
	arena_done(&q.arena);
	arena_done(&arena);
	zone_done(&zone);
}

/* Whatever SPF and DKIM come to in the end, everything is known when it was asked
 * as if they passed. */
static void
check_early(const struct dmarc_row *row, const struct suffixes *list)
{
	struct answers answers;
	struct dmarc_verdict v;
	struct arena arena;
	struct dmarc_asked q;
	struct zone zone;

	zone_init(&zone);
	zone_load(&zone, row->zone);
	arena_init(&arena);
	answers_init(&answers, &arena, 100);
	dmarc_ask_init(&q, row, list);
	for (size_t i = 0; i < q.question.ndkim; i++)
		q.dkim[i].auth = DMARC_AUTH_PASS;
	q.question.spf.auth = DMARC_AUTH_PASS;
	dmarc_answer(&zone, &answers, &q.question, &arena, NULL, &v);
	q.question.ndkim = 0;
	dmarc_ask_vouch(&q, row->vouch);
	assert_int_equal(dmarc_check(&q.question, &answers, &arena, NULL, &v),
			 0);
	arena_done(&q.arena);
	arena_done(&arena);
	zone_done(&zone);
}

void
dmarc_check_rows(const struct dmarc_row rows[], size_t n,
		 const struct suffixes *list)
{
	for (size_t i = 0; i < n; i++) {
		print_message("%s\n", rows[i].name);
		check(&rows[i], list);
		check_early(&rows[i], list);
	}
}
