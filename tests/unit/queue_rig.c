#include "tests/unit/queue_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/queue_impl.h"
#include "tests/unit/store_kit.h"

#define RIG_WALL_MS INT64_C(1767225600000) /* 2026-01-01 */
#define RIG_ROUNDS  3

static void
rig_line(void *arg, const char *line)
{
	struct rig *rig = arg;

	pthread_mutex_lock(&rig->lock);
	(void)buf_append_str(&rig->lines, line);
	(void)buf_append_char(&rig->lines, '\n');
	pthread_mutex_unlock(&rig->lock);
}

int
rig_logged(struct rig *rig, const char *text)
{
	const char *p;
	int n = 0;

	pthread_mutex_lock(&rig->lock);
	for (p = buf_str(&rig->lines); (p = strstr(p, text)) != NULL; p++)
		n++;
	pthread_mutex_unlock(&rig->lock);
	return n;
}

void
rig_init(struct rig *rig, const char *dir)
{
	memset(rig, 0, sizeof(*rig));
	if (dir == NULL) {
		snprintf(rig->dir, sizeof(rig->dir),
			 "/tmp/belfry-queue-XXXXXX");
		must(mkdtemp(rig->dir) != NULL);
	} else {
		snprintf(rig->dir, sizeof(rig->dir), "%s", dir);
		rig->borrowed_dir = true;
	}
	rig->clock = clock_new_fixed(RIG_WALL_MS);
	rig->conf = (struct queue_conf){
		.dir = rig->dir,
		.max_size = 1 << 30,
		.retry = {.first_ms = 60000, .max_ms = 3600000, .factor = 2},
		.destination = {.connections = 20,
				.recipients_per_message = 100},
		.lifetime_ms = INT64_C(5) * 24 * 3600 * 1000,
		.alert_lifetime_ms = INT64_C(24) * 3600 * 1000,
		.connections = 1000,
	};
	pthread_mutex_init(&rig->lock, NULL);
	buf_init(&rig->lines, 64 << 20);
	rig->report_dest = "back";
}

/* --- the agent and the teller -------------------------------------------- */

static void
rig_agent(void *ctx, struct loop *loop, struct attempt *a)
{
	struct rig *rig = ctx;

	(void)loop;
	rig->given++;
	if (rig->agent != NULL) {
		rig->agent(rig, a);
		return;
	}
	must(rig->nout < RIG_OUT);
	rig->out[rig->nout++] = a;
}

void
rig_deliver(struct rig *rig, struct attempt *a)
{
	(void)rig;
	for (size_t i = 0; i < a->nrcpt; i++) {
		a->rcpt[i].outcome = ATTEMPT_DONE;
		reply_set(&a->rcpt[i].reply, 250, "2.0.0", "ok");
	}
	a->dest_state = ATTEMPT_DEST_OK;
	attempt_result(&a);
}

static void
rig_note_told(struct rig *rig, const struct tell *t)
{
	struct rig_told *told = &rig->told[rig->ntold];

	must(rig->ntold < RIG_TOLD);
	rig->ntold++;
	memset(told, 0, sizeof(*told));
	told->id = t->id;
	told->kind = t->kind;
	told->delivered = t->delivered;
	told->reached = t->reached;
	told->doubted = t->doubted;
	told->over = t->over;
	told->nrcpt = t->nrcpt;
	told->ret = t->ret;
	told->utf8_header = t->utf8_header;
	snprintf(told->envid, sizeof(told->envid), "%s",
		 t->envid != NULL ? t->envid : "-");
	if (t->nrcpt == 0)
		return;
	snprintf(told->first, sizeof(told->first), "%s", t->rcpt[0].address);
	told->notify = t->rcpt[0].notify;
	snprintf(told->orcpt, sizeof(told->orcpt), "%s",
		 t->rcpt[0].orcpt != NULL ? t->rcpt[0].orcpt : "-");
	told->what = t->rcpt[0].what;
	told->last_what = t->rcpt[t->nrcpt - 1].what;
	told->code = t->rcpt[0].reply.code;
	told->tries = t->rcpt[0].tries;
}

static void
rig_compose(struct rig *rig, struct tell *t)
{
	struct draft *draft = NULL;
	struct envelope_rcpt to = {.address = t->sender,
				   .agent = "test",
				   .dest = rig->report_dest,
				   .route = "report"};
	struct envelope env = {.sender = "",
			       .class = QUEUE_NORMAL,
			       .message_id = "",
			       .nrcpt = 1,
			       .rcpt = &to};

	rig_note_told(rig, t);
	if (rig->report && t->sender[0] != '\0' && t->kind == 'm') {
		must(tell_draft(t, &draft) == 0);
		must(draft_write(draft, "report\r\n", 8) == 0);
	}
	tell_commit(&t, &draft, &env, rig->tell_fn, rig->tell_arg);
}

void
rig_tell(struct rig *rig)
{
	struct tell *t = rig->telling;

	must(t != NULL);
	rig->telling = NULL;
	rig_compose(rig, t);
}

static void
rig_teller(void *ctx, struct loop *loop, struct tell *t)
{
	struct rig *rig = ctx;

	(void)loop;
	if (rig->tell_busy > 0) {
		rig->tell_busy--;
		tell_drop(&t);
	} else if (rig->tell_slow) {
		rig->tell_slow = false;
		rig->telling = t;
	} else {
		rig_compose(rig, t);
	}
}

/* --- opened and closed --------------------------------------------------- */

void
rig_open(struct rig *rig)
{
	char *why = NULL;

	rig->loop = loop_new(rig->clock);
	rig->disk = pool_new("disk", 1, 256);
	rig->log = log_new_capture(rig_line, rig);
	rig->log_ctx = (struct log_context){.log = rig->log};
	rig->metrics = metrics_new();
	rig->handle = loop_handle_new(rig->loop, rig);
	if (queue_open(&rig->conf, rig->clock, &rig->loop, 1, rig->disk,
		       &rig->log_ctx, rig->metrics, &rig->q, &why) < 0) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	if (!rig->no_agent)
		queue_set_agent(rig->q, "test", rig_agent, rig);
	if (rig->router != NULL)
		queue_set_router(rig->q, rig->router, rig);
	queue_set_routes(rig->q, rig->routes);
	queue_set_teller(rig->q, 'm', rig_teller, rig);
	queue_set_teller(rig->q, 'i', rig_teller, rig);
}

void
rig_start(struct rig *rig)
{
	queue_start(rig->q);
	rig_settle(rig);
}

void
rig_close(struct rig *rig)
{
	if (rig->q == NULL)
		return;
	queue_stop(rig->q);
	rig_settle(rig);
	pool_end(rig->disk);
	queue_close(&rig->q);
	pool_free(&rig->disk);
	if (rig->telling != NULL)
		tell_drop(&rig->telling);
	for (size_t i = 0; i < rig->nout; i++)
		attempt_free(rig->out[i]->impl);
	rig->nout = 0;
	queue_stats_free(&rig->stats);
	queue_listing_free(&rig->listing);
	loop_handle_free(rig->loop, rig->handle);
	loop_free(&rig->loop);
	metrics_free(&rig->metrics);
	log_close(&rig->log);
}

void
rig_done(struct rig *rig)
{
	rig_close(rig);
	if (!rig->borrowed_dir)
		store_kit_remove(rig->dir);
	buf_done(&rig->lines);
	pthread_mutex_destroy(&rig->lock);
	clock_free(&rig->clock);
}

/* --- waiting ------------------------------------------------------------- */

void
rig_wait(struct rig *rig)
{
	loop_run(rig->loop);
}

static int
rig_look(struct store_txn *txn, void *arg)
{
	struct rig *rig = arg;
	struct queue *q = rig->q;

	(void)txn;
	rig->ntells = q->ntells;
	rig->busy =
		q->poked ||
		(atomic_load(&q->started) && !atomic_load(&q->stopping) &&
		 (q->scanning || q->count.counting || q->walk.page != NULL));
	for (size_t i = 0; i < q->ndues; i++)
		rig->busy |= q->dues[i].busy;
	return 0;
}

static void
rig_looked(void *arg, int result)
{
	struct rig *rig = arg;

	(void)result;
	loop_stop(rig->loop);
}

void
rig_settle(struct rig *rig)
{
	struct store_job job;

	for (int quiet = 0; quiet < RIG_ROUNDS; quiet++) {
		size_t given = rig->given, told = rig->ntold;

		store_poke(rig->q->store);
		job = (struct store_job){
			.fn = rig_look,
			.done = rig_looked,
			.arg = rig,
			.loop = rig->loop,
		};
		store_run(rig->q->store, &job);
		loop_run(rig->loop);
		if (rig->busy || rig->ntells > (rig->telling != NULL) ||
		    rig->given != given || rig->ntold != told)
			quiet = -1;
	}
}

void
rig_advance(struct rig *rig, int64_t ms)
{
	clock_advance(rig->clock, ms);
	rig_settle(rig);
}

/* --- messages ------------------------------------------------------------ */

static void
rig_ready(void *object)
{
	struct rig *rig = object;

	rig->ready = true;
	loop_stop(rig->loop);
}

static void
rig_fill(struct rig *rig, struct draft *d, const struct rig_mail *mail)
{
	char piece[4096];
	size_t left = mail->size;
	int r = 0;

	memset(piece, mail->fill != '\0' ? mail->fill : 'x', sizeof(piece));
	if (left == 0)
		(void)draft_write(d, "Subject: x\r\n\r\nhello\r\n", 21);
	while (left > 0 && r >= 0) {
		size_t part = left < sizeof(piece) ? left : sizeof(piece);

		rig->ready = false;
		r = draft_write(d, piece, part);
		left -= part;
		while (r == 1 && !rig->ready)
			loop_run(rig->loop);
	}
}

struct draft *
rig_draft(struct rig *rig, const struct rig_mail *mail)
{
	struct draft *d;

	rig->result = draft_open(rig->q, (size_t)1 << 30, STORE_NEED_MAIL,
				 rig->loop, rig->handle, rig_ready, &d);
	if (rig->result < 0)
		return NULL;
	if (mail->late != NULL)
		draft_reserve(d, 10000);
	if (mail->prefix != NULL)
		(void)draft_write(d, mail->prefix, strlen(mail->prefix));
	draft_begin_content(d);
	rig_fill(rig, d, mail);
	if (mail->late != NULL)
		(void)draft_prefix(d, mail->late, strlen(mail->late));
	return d;
}

static void
rig_committed(void *object, int result, uint64_t id)
{
	struct rig *rig = object;

	rig->result = result;
	rig->id = id;
	loop_stop(rig->loop);
}

static void
rig_posted(void *object, int result, uint64_t id)
{
	struct rig *rig = object;

	rig->result = result;
	rig->id = id;
}

static void
rig_commit(struct rig *rig, const struct rig_mail *mail, draft_commit_fn *fn)
{
	struct draft *d = rig_draft(rig, mail);
	size_t n = mail->nrcpt;
	struct envelope_rcpt *rcpt;
	char(*name)[32];
	struct envelope env = {
		.sender = mail->sender != NULL ? mail->sender : "a@example.org",
		.class = mail->alert  ? QUEUE_ALERT
			 : mail->bulk ? QUEUE_BULK
				      : QUEUE_NORMAL,
		.flow = mail->flow,
		.message_id = "<1@example.org>",
		.key = mail->key,
		.key_kept = mail->key_kept,
		.teller = mail->teller,
		.teller_key = mail->teller_key,
		.ret = mail->ret,
		.envid = mail->envid,
		.smtputf8 = mail->smtputf8,
		.utf8_header = mail->utf8_header,
		.submitted = mail->submitted,
		.verdict = mail->verdict,
	};

	if (d == NULL)
		return;
	if (n == 0)
		while (n < 8 && mail->to[n] != NULL)
			n++;
	if (n == 0)
		n = 1;
	rcpt = xcalloc(n, sizeof(*rcpt));
	name = xcalloc(n, sizeof(*name));
	for (size_t i = 0; i < n; i++) {
		snprintf(name[i], sizeof(name[i]), "r%zu@x.org", i);
		rcpt[i].address = mail->nrcpt == 0 && mail->to[i] != NULL
					  ? mail->to[i]
					  : name[i];
		rcpt[i].agent = "test";
		rcpt[i].dest = mail->dest != NULL ? mail->dest : "hop";
		rcpt[i].route = "test";
		rcpt[i].orcpt = i < 8 && mail->orcpts[i] != NULL
					? mail->orcpts[i]
					: mail->orcpt;
		rcpt[i].notify = i < 8 ? mail->notify[i] : 0;
		rcpt[i].copy = i < 8 && mail->copy[i];
	}
	env.nrcpt = n;
	env.rcpt = rcpt;
	draft_commit(&d, &env, fn);
	free(rcpt);
	free(name);
}

int
rig_send(struct rig *rig, const struct rig_mail *mail)
{
	rig->result = 0;
	rig_commit(rig, mail, rig_committed);
	if (rig->result == 0)
		loop_run(rig->loop);
	return rig->result;
}

void
rig_post(struct rig *rig, const struct rig_mail *mail)
{
	rig_commit(rig, mail, rig_posted);
}

void
rig_answer_dest(struct rig *rig, size_t at, enum attempt_outcome outcome,
		enum attempt_dest dest, int code)
{
	struct attempt *a = rig->out[at];

	must(at < rig->nout);
	memmove(&rig->out[at], &rig->out[at + 1],
		(rig->nout - at - 1) * sizeof(rig->out[0]));
	rig->nout--;
	a->dest_state = dest;
	if (dest == ATTEMPT_DEST_FAILED || dest == ATTEMPT_DEST_DROPPED)
		reply_set(&a->dest_reply, code, "", "no connection");
	for (size_t i = 0; i < a->nrcpt; i++) {
		a->rcpt[i].outcome = outcome;
		a->rcpt[i].reach = rig->reach;
		if (outcome != ATTEMPT_UNTRIED)
			reply_set(&a->rcpt[i].reply, code, "", "said so");
	}
	attempt_result(&a);
}

void
rig_answer(struct rig *rig, size_t at, enum attempt_outcome outcome, int code)
{
	rig_answer_dest(rig, at, outcome, ATTEMPT_DEST_OK, code);
}

void
rig_deliver_rest(struct rig *rig)
{
	while (rig->nout > 0)
		rig_answer(rig, 0, ATTEMPT_DONE, 250);
	rig_settle(rig);
	must(rig_stats(rig)->messages == 0);
}

/* --- asking -------------------------------------------------------------- */

static void
rig_acted(void *arg, int result)
{
	struct rig *rig = arg;

	rig->result = result;
	loop_stop(rig->loop);
}

int
rig_act(struct rig *rig, enum queue_action action, uint64_t id)
{
	queue_act(rig->q, action, id, rig->loop, rig_acted, rig);
	loop_run(rig->loop);
	return rig->result;
}

int
rig_pause(struct rig *rig, bool alerts, int64_t until_ms)
{
	struct queue_paused p = {
		.alerts = alerts, .until_ms = until_ms, .reason = "a test"};

	queue_pause(rig->q, &p, rig->loop, rig_acted, rig);
	loop_run(rig->loop);
	return rig->result;
}

int
rig_resume(struct rig *rig)
{
	queue_resume(rig->q, rig->loop, rig_acted, rig);
	loop_run(rig->loop);
	return rig->result;
}

static void
rig_counted(void *arg, struct queue_stats *s)
{
	struct rig *rig = arg;

	queue_stats_free(&rig->stats);
	rig->stats = s;
	loop_stop(rig->loop);
}

struct queue_stats *
rig_stats(struct rig *rig)
{
	queue_stats(rig->q, rig->loop, rig_counted, rig);
	loop_run(rig->loop);
	return rig->stats;
}

static void
rig_listed(void *arg, struct queue_listing *l)
{
	struct rig *rig = arg;

	queue_listing_free(&rig->listing);
	rig->listing = l;
	loop_stop(rig->loop);
}

struct queue_message_info *
rig_show(struct rig *rig, uint64_t id)
{
	must(queue_show(rig->q, id, rig->loop, rig_listed, rig) == 0);
	loop_run(rig->loop);
	must(rig->listing->result == 0);
	return rig->listing->n == 1 ? &rig->listing->v[0] : NULL;
}

int
rig_setup(void **state)
{
	static struct rig rig;

	rig_init(&rig, NULL);
	rig_open(&rig);
	rig_start(&rig);
	*state = &rig;
	return 0;
}

int
rig_teardown(void **state)
{
	rig_done(*state);
	return 0;
}
