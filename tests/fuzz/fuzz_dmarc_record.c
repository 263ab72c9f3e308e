/*
 * A record of DMARC, whatever its octets: read, and then in force for a domain
 * below it.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "verdict/dmarc.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_record(const struct dmarc_record *r, const char *text, size_t len)
{
	must(r->p <= DMARC_POLICY_ABSENT && r->sp <= DMARC_POLICY_ABSENT &&
	     r->np <= DMARC_POLICY_ABSENT);
	must(memcmp(r->text, text, len) == 0);
	must(r->broken || r->p != DMARC_POLICY_ABSENT);
	must(!r->rua_valid || r->rua[0] != '\0');
}

static void
settle(struct answers *answers, const char *text, size_t len)
{
	struct answer *a;

	while ((a = answers_next_open(answers)) != NULL) {
		if (strcmp(a->name, "_dmarc.example.org") == 0)
			answer_add(answers, a, text, len, 0);
		answer_settle(answers, a, a->n > 0 ? ANSWER_OK : ANSWER_NO_NAME,
			      "");
	}
}

/* The author does not exist, and nobody vouches for it; or somebody does. */
static void
check_verdict(const char *text, size_t len, struct arena *arena)
{
	static const struct author author = {
		.fields = 1, .n = 1, .domains = {"a.example.org"}, .why = ""};
	static const struct dmarc_identifier dkim = {"b.example.org",
						     DMARC_AUTH_PASS};
	struct dmarc_question q = {.author = &author};
	struct dmarc_verdict v;
	struct answers answers;
	struct steps steps;

	answers_init(&answers, arena, 100);
	steps_init(&steps, arena);
	for (q.ndkim = 0, q.dkim = &dkim; q.ndkim < 2; q.ndkim++) {
		while (dmarc_check(&q, &answers, arena, &steps, &v) == -EAGAIN)
			settle(&answers, text, len);
		must(v.asked != DMARC_POLICY_ABSENT);
		must(v.asked == DMARC_POLICY_NONE || v.result == DMARC_FAIL);
		must(v.result != DMARC_TEMPERROR && v.why[0] != '\0');
		must(dmarc_record_is(text, len) == (v.result != DMARC_NONE));
		must(q.ndkim == 1 || v.result != DMARC_PASS);
	}
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *text = (const char *)data;
	struct dmarc_record record;
	struct arena arena;

	arena_init(&arena);
	if (dmarc_record_is(text, len)) {
		dmarc_record_parse(text, len, &arena, &record);
		check_record(&record, text, len);
	}
	check_verdict(text, len, &arena);
	arena_done(&arena);
	return 0;
}
