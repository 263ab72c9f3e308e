#include "tests/unit/fake_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "base/xalloc.h"

#define PIECE ((size_t)64 * 1024)

#define AGENTS 8

struct agent {
	const char *name;
	queue_agent_fn *fn;
	void *ctx;
};

struct queue {
	struct agent agents[AGENTS];
	size_t nagents;
	queue_teller_fn *teller;
	void *teller_ctx;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct fake_result *first, **end;
	struct fake_report *report;
	uint64_t last_id;
	size_t out;
	queue_router_fn *router;
	void *router_ctx;
	atomic_uint nrerouted;
	unsigned char routes[QUEUE_ROUTES_LEN];
};

/* Content, read in pieces that come in a later turn. */
struct source {
	struct fake_mail mail;
	struct loop *loop;
	size_t at;
	attempt_read_fn *fn;
	void *arg;
	struct post post;
};

struct attempt_impl {
	struct attempt a;
	struct queue *q;
	struct source source;
	struct post post;
	bool reached, heard;
};

struct tell_impl {
	struct tell t;
	struct queue *q;
	struct source source;
	struct post post;
};

struct draft {
	struct buf content;
};

const char *const attempt_outcome_names[] = {"untried", "done", "later",
					     "never", "moved"};

struct queue *
fake_queue_new(void)
{
	struct queue *q = xcalloc(1, sizeof(*q));

	q->end = &q->first;
	must(pthread_mutex_init(&q->lock, NULL) == 0);
	must(pthread_cond_init(&q->changed, NULL) == 0);
	return q;
}

void
fake_queue_free(struct queue **q)
{
	must(!(*q)->first && (*q)->out == 0 && !(*q)->report);
	pthread_mutex_destroy(&(*q)->lock);
	pthread_cond_destroy(&(*q)->changed);
	free(*q);
	*q = NULL;
}

void
queue_set_agent(struct queue *q, const char *agent, queue_agent_fn *fn,
		void *ctx)
{
	must(q->nagents < AGENTS);
	q->agents[q->nagents++] = (struct agent){agent, fn, ctx};
}

void
queue_limit_agent(struct queue *q, const char *agent, size_t most_rcpts)
{
	must(q->nagents > 0 && most_rcpts == 1 &&
	     strcmp(q->agents[q->nagents - 1].name, agent) == 0);
}

void
queue_unrated_agent(struct queue *q, const char *agent)
{
	must(q->nagents > 0 &&
	     strcmp(q->agents[q->nagents - 1].name, agent) == 0);
}

void
queue_set_teller(struct queue *q, uint8_t kind, queue_teller_fn *fn, void *ctx)
{
	must(kind == 'm');
	q->teller = fn;
	q->teller_ctx = ctx;
}

void
queue_set_router(struct queue *q, queue_router_fn *fn, void *ctx)
{
	q->router = fn;
	q->router_ctx = ctx;
}

void
queue_id_text(uint64_t id, char ret[static QUEUE_ID_LEN])
{
	snprintf(ret, QUEUE_ID_LEN, "%013u", (unsigned)id);
}

uint32_t
queue_flow(const char *who, const char *domain)
{
	return (uint32_t)(strlen(who) + strlen(domain));
}

/* --- content ------------------------------------------------------------- */

static void
source_run(void *arg)
{
	struct source *s = arg;
	size_t left = s->mail.len - s->at, n = left < PIECE ? left : PIECE;
	const char *data = s->mail.content + s->at;

	if (s->mail.broken_at > 0 && s->at + n > (size_t)s->mail.broken_at) {
		s->fn(s->arg, NULL, s->mail.error ? s->mail.error : -EBADMSG);
		return;
	}
	s->at += n;
	s->fn(s->arg, data, (ssize_t)n);
}

static void
source_read(struct source *s, attempt_read_fn *fn, void *arg)
{
	s->fn = fn;
	s->arg = arg;
	loop_post(s->loop, &s->post, source_run, s);
}

void
attempt_read(struct attempt *a, attempt_read_fn *fn, void *arg)
{
	source_read(&a->impl->source, fn, arg);
}

void
queue_set_routes(struct queue *q,
		 const unsigned char print[static QUEUE_ROUTES_LEN])
{
	if (memcmp(q->routes, print, sizeof(q->routes)) == 0)
		return;
	memcpy(q->routes, print, sizeof(q->routes));
	atomic_fetch_add(&q->nrerouted, 1);
}

unsigned
fake_queue_rerouted(struct queue *q)
{
	return atomic_load(&q->nrerouted);
}

/* --- attempts ------------------------------------------------------------ */

static void
attempt_run(void *arg)
{
	struct attempt_impl *i = arg;

	for (size_t n = 0; n < i->q->nagents; n++) {
		const struct agent *agent = &i->q->agents[n];

		if (strcmp(agent->name, i->a.agent) == 0) {
			agent->fn(agent->ctx, i->source.loop, &i->a);
			return;
		}
	}
	must(!"an agent that is known");
}

static int64_t
mail_size(const struct fake_mail *mail)
{
	return mail->size > 0 ? mail->size : (int64_t)mail->len;
}

uint64_t
fake_queue_give(struct queue *q, struct loop *loop,
		const struct fake_mail *mail)
{
	struct attempt_impl *i = xcalloc(1, sizeof(*i));
	struct attempt *a = &i->a;
	uint64_t id;

	i->q = q;
	i->source.mail = *mail;
	i->source.loop = loop;
	a->impl = i;
	arena_init(&a->arena);
	a->agent = mail->agent ? mail->agent : "smtp";
	a->dest = mail->dest;
	a->sender = mail->sender ? mail->sender : "anna@example.org";
	a->size = mail_size(mail);
	a->arrival_ms = INT64_C(1767225600123);
	a->eight_bit = mail->eight_bit;
	a->class = mail->class;
	a->probe = mail->probe;
	while (a->nrcpt < 4 && mail->rcpt[a->nrcpt])
		a->nrcpt++;
	a->rcpt = arena_alloc(&a->arena, a->nrcpt * sizeof(*a->rcpt));
	for (size_t n = 0; n < a->nrcpt; n++) {
		a->rcpt[n].n = (uint32_t)n + 1;
		a->rcpt[n].address = mail->rcpt[n];
		a->rcpt[n].relay = "";
	}
	pthread_mutex_lock(&q->lock);
	id = a->id = ++q->last_id;
	q->out++;
	pthread_mutex_unlock(&q->lock);
	loop_post(loop, &i->post, attempt_run, i);
	return id;
}

void
attempt_reached(struct attempt *a)
{
	a->impl->reached = true;
}

void
attempt_heard(struct attempt *a)
{
	a->impl->heard = true;
}

static void
copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

void
attempt_result(struct attempt **ap)
{
	struct attempt *a = *ap;
	struct attempt_impl *i = a->impl;
	struct fake_result *r = xcalloc(1, sizeof(*r));
	struct queue *q = i->q;

	*ap = NULL;
	r->id = a->id;
	r->nrcpt = a->nrcpt;
	r->dest_state = a->dest_state;
	r->dest_reply = a->dest_reply;
	r->dest_not_before_ms = a->dest_not_before_ms;
	r->keep = a->keep;
	r->reached = i->reached;
	r->heard = i->heard;
	for (size_t n = 0; n < a->nrcpt; n++) {
		r->rcpt[n].outcome = a->rcpt[n].outcome;
		r->rcpt[n].doubted = a->rcpt[n].doubted;
		r->rcpt[n].reply = a->rcpt[n].reply;
		copy_text(r->rcpt[n].relay, sizeof(r->rcpt[n].relay),
			  a->rcpt[n].relay);
		if (a->rcpt[n].tls) {
			copy_text(r->rcpt[n].tls, sizeof(r->rcpt[n].tls),
				  a->rcpt[n].tls->version);
			r->rcpt[n].verified = a->rcpt[n].tls->verified;
		}
		copy_text(r->rcpt[n].moved_dest, sizeof(r->rcpt[n].moved_dest),
			  a->rcpt[n].moved_dest);
	}
	arena_done(&a->arena);
	free(i);
	pthread_mutex_lock(&q->lock);
	*q->end = r;
	q->end = &r->next;
	q->out--;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

static struct timespec
soon(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 10;
	return t;
}

struct fake_result *
fake_queue_take(struct queue *q)
{
	struct timespec until = soon();
	struct fake_result *r;

	pthread_mutex_lock(&q->lock);
	while (!q->first &&
	       pthread_cond_timedwait(&q->changed, &q->lock, &until) == 0)
		;
	r = q->first;
	if (r) {
		q->first = r->next;
		if (!q->first)
			q->end = &q->first;
	}
	pthread_mutex_unlock(&q->lock);
	return r;
}

size_t
fake_queue_out(struct queue *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->out;
	pthread_mutex_unlock(&q->lock);
	return n;
}

/* --- tells --------------------------------------------------------------- */

static void
tell_run(void *arg)
{
	struct tell_impl *i = arg;

	i->q->teller(i->q->teller_ctx, i->source.loop, &i->t);
}

void
fake_queue_tell(struct queue *q, struct loop *loop,
		const struct fake_mail *mail, size_t nrcpt)
{
	static const int codes[] = {
		[TELL_FAILED] = 550,   [TELL_EXPIRED] = 450,
		[TELL_RELAYED] = 250,  [TELL_DELIVERED] = 250,
		[TELL_EXPANDED] = 250, [TELL_LATE] = 450,
	};
	static const char *const dsns[] = {
		[TELL_FAILED] = "5.1.1",   [TELL_EXPIRED] = "4.2.0",
		[TELL_RELAYED] = "2.0.0",  [TELL_DELIVERED] = "2.0.0",
		[TELL_EXPANDED] = "2.0.0", [TELL_LATE] = "4.2.0",
	};
	struct tell_impl *i = xcalloc(1, sizeof(*i));
	struct tell *t = &i->t;

	i->q = q;
	i->source.mail = *mail;
	i->source.loop = loop;
	t->impl = i;
	arena_init(&t->arena);
	t->id = 77;
	t->kind = 'm';
	t->sender = mail->sender;
	t->size = mail_size(mail);
	t->class = mail->class;
	t->ret = mail->ret;
	t->envid = mail->envid;
	t->arrival_ms = 1000;
	t->quotes = mail->quotes;
	t->expires_ms = mail->expires_ms > 0 ? mail->expires_ms
					     : INT64_C(1767225600000);
	t->nrcpt = nrcpt;
	t->rcpt = arena_alloc(&t->arena, nrcpt * sizeof(*t->rcpt));
	for (size_t n = 0; n < nrcpt; n++) {
		t->rcpt[n].address =
			arena_printf(&t->arena, "r%zu@example.net", n);
		t->rcpt[n].original = t->rcpt[n].address;
		t->rcpt[n].what = mail->what;
		t->rcpt[n].relay = "mx.example.net[192.0.2.1]:25";
		t->rcpt[n].last_attempt_ms = 1000;
		reply_set(&t->rcpt[n].reply, codes[mail->what],
			  dsns[mail->what], "words of the server");
		if (mail->refused)
			reply_copy(&t->rcpt[n].reply, mail->refused);
		t->rcpt[n].reply.ours = false;
	}
	loop_post(loop, &i->post, tell_run, i);
}

void
tell_read(struct tell *t, attempt_read_fn *fn, void *arg)
{
	source_read(&t->impl->source, fn, arg);
}

int
tell_draft(struct tell *t, struct draft **ret_draft)
{
	(void)t;
	*ret_draft = xcalloc(1, sizeof(**ret_draft));
	buf_init(&(*ret_draft)->content, 1 << 24);
	return 0;
}

uint64_t
draft_id(const struct draft *d)
{
	(void)d;
	return 78;
}

int
draft_write(struct draft *d, const void *data, size_t len)
{
	return buf_append(&d->content, data, len);
}

void
draft_abandon(struct draft **d)
{
	buf_done(&(*d)->content);
	free(*d);
	*d = NULL;
}

static void
tell_end(struct tell **tp, struct fake_report *r)
{
	struct tell_impl *i = (*tp)->impl;
	struct queue *q = i->q;

	*tp = NULL;
	arena_done(&i->t.arena);
	free(i);
	pthread_mutex_lock(&q->lock);
	q->report = r;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

void
tell_commit(struct tell **t, struct draft **report, const struct envelope *env,
	    store_fn *fn, void *arg)
{
	struct fake_report *r = xcalloc(1, sizeof(*r));

	must(!fn && !arg);
	if (report && *report) {
		must(env->nrcpt == 1 && env->teller == 'm');
		copy_text(r->sender, sizeof(r->sender), env->sender);
		copy_text(r->to, sizeof(r->to), env->rcpt[0].address);
		copy_text(r->dest, sizeof(r->dest), env->rcpt[0].dest);
		r->class = env->class;
		r->eight_bit = env->eight_bit;
		r->len = (*report)->content.len;
		r->text = buf_take(&(*report)->content);
		draft_abandon(report);
	}
	tell_end(t, r);
}

void
tell_drop(struct tell **t)
{
	struct fake_report *r = xcalloc(1, sizeof(*r));

	r->dropped = true;
	tell_end(t, r);
}

struct fake_report *
fake_queue_take_report(struct queue *q)
{
	struct timespec until = soon();
	struct fake_report *r;

	pthread_mutex_lock(&q->lock);
	while (!q->report &&
	       pthread_cond_timedwait(&q->changed, &q->lock, &until) == 0)
		;
	r = q->report;
	q->report = NULL;
	pthread_mutex_unlock(&q->lock);
	return r;
}

void
fake_report_free(struct fake_report **r)
{
	free((*r)->text);
	free(*r);
	*r = NULL;
}
