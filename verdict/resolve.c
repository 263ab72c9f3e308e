#include "verdict/resolve.h"

#include <arpa/nameser.h>

#include "base/must.h"

struct resolve_question {
	LIST_ENTRY(resolve_question) link;
	struct resolve *resolve;
	struct answer *answer;
	struct dns_query *query;
};

static const int types[] = {
	[ANSWER_A] = ns_t_a,     [ANSWER_AAAA] = ns_t_aaaa,
	[ANSWER_MX] = ns_t_mx,   [ANSWER_PTR] = ns_t_ptr,
	[ANSWER_TXT] = ns_t_txt,
};

static void
question_end(struct resolve_question *q, enum answer_status status,
	     const char *why)
{
	LIST_REMOVE(q, link);
	dns_cancel(&q->query);
	answer_settle(q->resolve->answers, q->answer, status, why);
}

static void
question_late(struct resolve_question *q)
{
	question_end(q, ANSWER_TEMPFAIL,
		     "no time is left for this message's questions to the DNS");
}

static void
resolve_deadline(void *arg)
{
	struct resolve *r = arg;
	struct resolve_question *q;

	r->late = true;
	if (LIST_EMPTY(&r->questions))
		return;
	while ((q = LIST_FIRST(&r->questions)) != NULL)
		question_late(q);
	r->fn(r->arg);
}

void
resolve_init(struct resolve *r, struct loop *loop, struct dns *dns,
	     struct answers *answers, int64_t deadline_ms, resolve_fn *fn,
	     void *arg)
{
	*r = (struct resolve){
		.dns = dns, .answers = answers, .fn = fn, .arg = arg};
	LIST_INIT(&r->questions);
	loop_timer_init(&r->deadline, loop, resolve_deadline, r);
	loop_timer_set(&r->deadline, deadline_ms);
}

void
resolve_done(struct resolve *r)
{
	struct resolve_question *q;

	LIST_FOREACH (q, &r->questions, link)
		dns_cancel(&q->query);
	LIST_INIT(&r->questions);
	loop_timer_done(&r->deadline);
}

static enum answer_status
status_of(const struct dns_records *found)
{
	if (found->status == DNS_OK)
		return ANSWER_OK;
	if (found->status == DNS_TEMPFAIL)
		return ANSWER_TEMPFAIL;
	return found->no_name ? ANSWER_NO_NAME : ANSWER_NO_DATA;
}

static void
question_answered(void *arg, const struct dns_records *found)
{
	struct resolve_question *q = arg;
	struct resolve *r = q->resolve;

	q->query = NULL;
	for (size_t i = 0; i < found->n; i++)
		answer_add(r->answers, q->answer, found->v[i].data,
			   found->v[i].len, found->v[i].preference);
	q->answer->authentic = found->authentic;
	question_end(q, status_of(found),
		     found->status == DNS_TEMPFAIL ? found->why : "");
	if (LIST_EMPTY(&r->questions))
		r->fn(r->arg);
}

bool
resolve_open(struct resolve *r)
{
	struct answer *answer;
	struct resolve_question *q;

	must(LIST_EMPTY(&r->questions));
	while ((answer = answers_next_open(r->answers)) != NULL) {
		q = arena_alloc(r->answers->arena, sizeof(*q));
		q->resolve = r;
		q->answer = answer;
		LIST_INSERT_HEAD(&r->questions, q, link);
		if (!r->late)
			q->query = dns_records(r->dns, answer->name,
					       types[answer->type],
					       question_answered, q);
	}
	if (LIST_EMPTY(&r->questions))
		return false;
	if (r->late) /* they end in the next turn */
		loop_timer_set(&r->deadline, 0);
	return true;
}
