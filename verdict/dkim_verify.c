#include "verdict/dkim_verify.h"

#include <errno.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "mail/header.h"

const char *const dkim_result_names[] = {
	[DKIM_NONE] = "none",           [DKIM_PASS] = "pass",
	[DKIM_FAIL] = "fail",           [DKIM_POLICY] = "policy",
	[DKIM_NEUTRAL] = "neutral",     [DKIM_TEMPERROR] = "temperror",
	[DKIM_PERMERROR] = "permerror",
};

/* One signature on its way; as long as its result is NONE nothing is decided. */
struct dv_item {
	struct dkim_field field;
	struct dkim_record record;
};

struct dkim_verification {
	struct dkim_library *lib; /* borrowed */
	struct dkim_verify_conf conf;
	const char *header; /* borrowed */
	size_t len;
	struct arena *arena;          /* borrowed */
	struct dkim_verdict *verdict; /* in the arena */
	struct dv_item *items;        /* in the arena; one each signature */
	bool ready;                   /* the keys are there */
	size_t nsubjects;
	struct dkim_subject *subjects; /* in the arena */
	struct dkim_check *check;      /* owned; see dv_begin_check() */
};

static void
signature_settle(struct dkim_signature *s, enum dkim_result result,
		 const char *why)
{
	s->result = result;
	s->why = why;
}

/* --- the signatures ------------------------------------------------------------ */

static void
dv_read(struct dkim_verification *v, size_t i, const struct header_field *f,
	size_t at, time_t now)
{
	struct dkim_signature *s = &v->verdict->signatures[i];
	struct dkim_field *field = &v->items[i].field;
	const char *why = NULL;
	int r = dkim_field_parse(f->value, f->value_len, v->arena, field, &why);

	field->at = at;
	*s = (struct dkim_signature){
		.domain = field->domain,
		.selector = field->selector,
		.algorithm = field->algorithm_name,
		.identity = field->identity,
		.start = field->start,
		.why = "",
	};
	if (r < 0) {
		signature_settle(
			s, r == -EKEYREJECTED ? DKIM_PERMERROR : DKIM_NEUTRAL,
			why);
		return;
	}
	why = dkim_field_time_wrong(field, now);
	if (why != NULL)
		signature_settle(s, DKIM_FAIL, why);
}

static void
dv_read_all(struct dkim_verification *v, time_t now)
{
	const char *at = v->header;
	size_t len = v->len;
	struct header_field f;

	for (size_t i = 0; header_next(at, len, &f) > 0; i++) {
		at += f.raw_len;
		len -= f.raw_len;
		if (!header_is(&f, "DKIM-Signature"))
			continue;
		if (v->verdict->n == DKIM_SIGNATURES_MAX)
			v->verdict->left_out++;
		else
			dv_read(v, v->verdict->n++, &f, i, now);
	}
}

struct dkim_verification *
dkim_verification_new(struct dkim_library *lib,
		      const struct dkim_verify_conf *conf, const char *header,
		      size_t len, time_t now, struct arena *arena)
{
	struct dkim_verification *v = xcalloc(1, sizeof(*v));

	v->lib = lib;
	v->conf = *conf;
	v->header = header;
	v->len = len;
	v->arena = arena;
	v->verdict = arena_alloc(arena, sizeof(*v->verdict));
	v->verdict->signatures = arena_alloc(
		arena, DKIM_SIGNATURES_MAX * sizeof(*v->verdict->signatures));
	v->items = arena_alloc(arena, DKIM_SIGNATURES_MAX * sizeof(*v->items));
	v->subjects =
		arena_alloc(arena, DKIM_SIGNATURES_MAX * sizeof(*v->subjects));
	dv_read_all(v, now);
	return v;
}

/* --- the keys ------------------------------------------------------------------- */

/* The one TXT that means to be a key; NULL: there is none, or several. */
static const struct answer_record *
answer_key(const struct answer *a, const char **ret_why)
{
	const struct answer_record *found = NULL;

	*ret_why = "there is no key";
	for (size_t i = 0; i < a->n; i++) {
		if (!dkim_record_is(a->records[i].data, a->records[i].len))
			continue;
		if (found != NULL) {
			*ret_why = "there is more than one key";
			return NULL;
		}
		found = &a->records[i];
	}
	return found;
}

static void
dv_take_key(struct dkim_verification *v, size_t i, const struct answer *a)
{
	struct dkim_signature *s = &v->verdict->signatures[i];
	struct dkim_record *record = &v->items[i].record;
	const struct answer_record *txt;
	const char *why = NULL;

	if (a->status == ANSWER_TEMPFAIL) {
		signature_settle(
			s, DKIM_TEMPERROR,
			arena_printf(v->arena, "no key yet: %s", a->why));
		return;
	}
	txt = answer_key(a, &why);
	if (txt == NULL || dkim_record_parse(txt->data, txt->len, v->arena,
					     record, &why) < 0) {
		signature_settle(s, DKIM_PERMERROR, why);
		return;
	}
	s->testing = record->testing;
	s->authentic = a->authentic;
	why = dkim_record_wrong(record, &v->items[i].field);
	if (why != NULL)
		signature_settle(s, DKIM_PERMERROR, why);
	else
		v->subjects[v->nsubjects++] = (struct dkim_subject){
			.field = &v->items[i].field, .record = record};
}

static const struct answer *
dv_ask(struct dkim_verification *v, struct answers *answers, size_t i)
{
	const struct dkim_field *f = &v->items[i].field;

	return answers_find(answers,
			    dkim_key_name(f->selector, f->domain, v->arena),
			    ANSWER_TXT);
}

static bool
dv_is_open(const struct dkim_verification *v, size_t i)
{
	return v->verdict->signatures[i].result == DKIM_NONE;
}

static void
dv_say_keys(const struct dkim_verification *v, struct steps *steps)
{
	steps_clear(steps);
	if (v->verdict->n == 0)
		steps_say(steps, "there is no signature");
	for (size_t i = 0; i < v->verdict->n; i++) {
		const struct dkim_signature *s = &v->verdict->signatures[i];

		steps_say(steps, "signature %zu: d=%s s=%s a=%s", i + 1,
			  s->domain, s->selector, s->algorithm);
		if (!dv_is_open(v, i))
			continue;
		steps_enter(steps);
		steps_say(steps, "key at %s._domainkey.%s%s", s->selector,
			  s->domain, s->testing ? ", being tested (t=y)" : "");
		steps_leave(steps);
	}
	if (v->verdict->left_out > 0)
		steps_say(steps, "%zu more signatures are left out",
			  v->verdict->left_out);
}

int
dkim_verification_keys(struct dkim_verification *v, struct answers *answers,
		       struct steps *steps)
{
	bool wait = false;

	if (v->ready)
		return 0;
	for (size_t i = 0; i < v->verdict->n; i++)
		if (dv_is_open(v, i) &&
		    dv_ask(v, answers, i)->status == ANSWER_OPEN)
			wait = true;
	if (wait)
		return -EAGAIN;
	for (size_t i = 0; i < v->verdict->n; i++)
		if (dv_is_open(v, i))
			dv_take_key(v, i, dv_ask(v, answers, i));
	v->ready = true;
	dv_say_keys(v, steps);
	return 0;
}

/* --- the body ------------------------------------------------------------------- */

const struct dkim_verdict *
dkim_verification_signatures(const struct dkim_verification *v)
{
	return v->verdict;
}

bool
dkim_verification_wants_body(const struct dkim_verification *v)
{
	return v->nsubjects > 0;
}

/* The library does the arithmetic of the signatures as soon as it has the header.
 * The keys are settled on the loop that asks the DNS, which is there for all
 * messages: this waits for whoever brings the body. */
static bool
dv_begin_check(struct dkim_verification *v)
{
	must(v->ready);
	if (v->check == NULL && v->nsubjects > 0)
		v->check = dkim_check_new(v->lib, v->header, v->len,
					  v->subjects, v->nsubjects);
	return v->check != NULL;
}

void
dkim_verification_body(struct dkim_verification *v, const void *data,
		       size_t len)
{
	if (dv_begin_check(v))
		dkim_check_body(v->check, data, len);
}

/* --- the verdict ---------------------------------------------------------------- */

struct dv_meaning {
	enum dkim_result result;
	const char *why;
};

static const struct dv_meaning meanings[] = {
	[DKIM_OUTCOME_PASS] = {DKIM_PASS, ""},
	[DKIM_OUTCOME_BAD_SIGNATURE] = {DKIM_FAIL,
					"the signature does not match: a field "
					"that it covers was changed, or the "
					"key is another one"},
	[DKIM_OUTCOME_BAD_BODY] = {DKIM_FAIL, "the body was changed"},
	[DKIM_OUTCOME_SHORT_BODY] = {DKIM_FAIL,
				     "the body is shorter than l= says"},
	[DKIM_OUTCOME_LONG_BODY] = {DKIM_POLICY,
				    "the body goes on behind the end that l= "
				    "says"},
	[DKIM_OUTCOME_BAD_KEY] = {DKIM_PERMERROR, "the key can't be used"},
	[DKIM_OUTCOME_WEAK_KEY] = {DKIM_PERMERROR,
				   "the key has less than 1,024 bits"},
	[DKIM_OUTCOME_BAD_HEADER] = {DKIM_NEUTRAL,
				     "the header has a NUL, or over 1,000 "
				     "fields"},
	[DKIM_OUTCOME_BAD_LINES] = {DKIM_NEUTRAL,
				    "the body has a CR or LF by itself, or a "
				    "line over 1 MiB"},
	[DKIM_OUTCOME_ERROR] = {DKIM_NEUTRAL, "libopendkim can't take it"},
};

static void
dv_settle(struct dkim_verification *v, size_t i, const struct dkim_subject *sub)
{
	struct dkim_signature *s = &v->verdict->signatures[i];
	const struct dv_meaning *m = &meanings[sub->outcome];

	if (sub->outcome == DKIM_OUTCOME_LONG_BODY && v->conf.allow_length)
		m = &meanings[DKIM_OUTCOME_PASS];
	signature_settle(s, m->result, m->why);
	s->key_bits = sub->key_bits;
}

static void
dv_say(const struct dkim_verification *v, struct steps *steps)
{
	for (size_t i = 0; i < v->verdict->n; i++) {
		const struct dkim_signature *s = &v->verdict->signatures[i];

		steps_say(steps, "signature %zu: %s%s%s", i + 1,
			  dkim_result_names[s->result],
			  s->why[0] != '\0' ? ": " : "", s->why);
	}
}

const struct dkim_verdict *
dkim_verification_end(struct dkim_verification *v, struct steps *steps)
{
	size_t at = 0;

	if (dv_begin_check(v))
		dkim_check_end(v->check);
	dkim_check_free(&v->check);
	for (size_t i = 0; i < v->verdict->n; i++)
		if (dv_is_open(v, i))
			dv_settle(v, i, &v->subjects[at++]);
	dv_say(v, steps);
	return v->verdict;
}

void
dkim_verification_free(struct dkim_verification **v)
{
	if (*v == NULL)
		return;
	dkim_check_free(&(*v)->check);
	free(*v);
	*v = NULL;
}
