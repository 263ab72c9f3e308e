/*
 * SPF: "IP HELO SENDER", then the records of its world, "NAME TYPE DATA", a line
 * each. Whatever they say, the evaluation ends, with no more questions than one
 * message may cost and within the limits of RFC 7208, the same on every run; a
 * name that is asked for is one that the DNS can have. The text is also read as
 * a record, and as a macro string: a record that is one has only terms and
 * macros that are.
 */
#include "verdict/spf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "tests/unit/zone.h"
#include "verdict/spf_libspf2.h"
#include "verdict/spf_macro.h"

#define QUESTIONS 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_within(const struct spf_text *t, const char *text, size_t len)
{
	must(t->s == NULL || (t->s >= text && t->s + t->len <= text + len));
}

static void
fuzz_record(const char *text, size_t len)
{
	struct spf_record record;
	const struct spf_term *term;
	struct arena arena;
	const char *why = NULL;
	int r;

	if (!spf_record_is(text, len))
		return;
	arena_init(&arena);
	r = spf_record_parse(text, len, &arena, &record, &why);
	must(r == 0 || (r == -EINVAL && why != NULL));
	if (r == 0)
		STAILQ_FOREACH (term, &record.terms, link) {
			check_within(&term->text, text, len);
			check_within(&term->domain, text, len);
			must(term->prefix4 <= 32 && term->prefix6 <= 128);
			must(term->domain.s == NULL ||
			     spf_domain_ok(term->domain.s, term->domain.len));
		}
	arena_done(&arena);
}

/* The parts are the text, one behind the other. */
static void
fuzz_macro(const char *text, size_t len)
{
	struct spf_part part;
	size_t used, at = 0;
	struct buf out;

	buf_init(&out, 1000);
	while ((used = spf_part_next(text + at, len - at, &part)) > 0) {
		at += used;
		must(at <= len);
		if (part.kind != SPF_PART_MACRO)
			continue;
		must(part.keep <= 255 * 10 + 9);
		buf_clear(&out);
		spf_part_transform(&part, "a-b.c+d.e/f", &out);
	}
	must(at == len);
	if (spf_domain_ok(text, len))
		must(spf_macro_ok(text, len, false));
	if (spf_macro_ok(text, len, false))
		must(spf_macro_ok(text, len, true));
	buf_done(&out);
}

static void
check_verdict(const struct spf_verdict *v, const struct answers *answers)
{
	const struct answer *a;

	must(v->lookups <= SPF_LOOKUPS_MAX + 1 &&
	     v->voids <= SPF_VOIDS_MAX + 1);
	must(v->lookups <= SPF_LOOKUPS_MAX || v->result == SPF_PERMERROR);
	must(v->voids <= SPF_VOIDS_MAX || v->result == SPF_PERMERROR);
	must(v->explanation == NULL || v->result == SPF_FAIL);
	must((v->result == SPF_PERMERROR || v->result == SPF_TEMPERROR) ==
	     (v->why[0] != '\0'));
	must(answers->questions <= QUESTIONS);
	STAILQ_FOREACH (a, &answers->list, link)
		must(answers_name_ok(a->name));
}

static void
fuzz_world(struct zone *zone, const struct spf_question *q)
{
	struct spf_verdict v[2];
	struct answers answers;
	struct arena arena;
	int r;

	arena_init(&arena);
	answers_init(&answers, &arena, QUESTIONS);
	while ((r = spf_check(q, &answers, &arena, NULL, &v[0])) == -EAGAIN)
		must(zone_settle(zone, &answers));
	must(r == 0);
	check_verdict(&v[0], &answers);
	must(spf_check(q, &answers, &arena, NULL, &v[1]) == 0);
	must(v[0].result == v[1].result && v[0].lookups == v[1].lookups);
	/* The other engine: a result of some kind, and within its limits. */
	while ((r = spf_libspf2_check(q, &answers, &arena, NULL, &v[1])) ==
	       -EAGAIN)
		must(zone_settle(zone, &answers));
	must(r == 0);
	must(v[1].lookups <= SPF_LOOKUPS_MAX + 1);
	arena_done(&arena);
}

static void
fuzz_case(const char *text)
{
	struct spf_question q = {.scope = SPF_MAIL_FROM,
				 .receiver = "mx.test",
				 .now = 1700000000};
	char ip[64] = "", helo[256] = "", sender[256] = "";
	struct zone zone;
	int used = 0;

	if (sscanf(text, "%63s %255s %255s%n", ip, helo, sender, &used) != 3)
		return;
	memset(q.ip + 10, 0xff, 2);
	if (inet_pton(AF_INET, ip, q.ip + 12) != 1 &&
	    inet_pton(AF_INET6, ip, q.ip) != 1)
		return;
	q.helo = helo;
	q.sender = strcmp(sender, "-") == 0 ? "" : sender;
	zone_init(&zone);
	zone_load(&zone, text + used);
	fuzz_world(&zone, &q);
	zone_done(&zone);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	fuzz_record(text, size);
	fuzz_macro(text, size);
	fuzz_case(text);
	free(text);
	return 0;
}
