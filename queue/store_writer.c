/*
 * store_writer - the store thread: batches, commits, and what happens when one
 * fails.
 *
 *	jobs -> batch -> turn, every FN -> commit -> AFTER, DONE
 *	                                     |
 *	                     no space, EIO   v
 *	                  each FN in a transaction of its own, results first:
 *	                  committed, or -ENOSPC; or the process ends
 *
 * The process ends rather than go on with an engine that said "EIO" twice or
 * anything that is not understood: nothing was acknowledged, and the next start
 * opens what is really on the disk.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "base/thread.h"
#include "queue/store_guard.h"
#include "queue/store_impl.h"

#define ST_BATCH_BYTES (16 << 20)
#define ST_JOB_BYTES   1024 /* what a job costs at least */
#define ST_READERS_MS  60000
#define ST_PATIENCE_NS 1000000
#define ST_GATHER_JOBS 4
#define ST_GATHER_NS   400000

static int64_t
st_now(void)
{
	return clock_mono_ms(clock_system());
}

/* The line goes to stderr as well: the log's own thread may not live to write
 * it. */
static _Noreturn void
st_die(struct store *s, const char *what, int r)
{
	log_event(s->conf.log, LOG_ERROR, "store_failed",
		  LOG_STR("doing", what), LOG_STR("error", strerror(-r)));
	if (r == -EUCLEAN)
		store_guard_end("LMDB found something in it that can't be");
	dprintf(STDERR_FILENO, "store: %s failed: %s; ending\n", what,
		strerror(-r));
	_exit(1);
}

/* --- one transaction ------------------------------------------------------- */

static void
st_observe(struct store *s, const struct timespec *t0)
{
	struct timespec t1;

	if (s->commit_seconds == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t1);
	metric_observe(s->commit_seconds,
		       (double)(t1.tv_sec - t0->tv_sec) +
			       (double)(t1.tv_nsec - t0->tv_nsec) / 1e9);
}

/* Somebody removed the file: what was committed now is nowhere, and nobody may
 * be told that it is. */
static void
st_check_there(struct store *s)
{
	struct stat st;

	if (fstat(engine_fd(s->engine), &st) == 0 && st.st_nlink > 0)
		return;
	log_event(s->conf.log, LOG_ERROR, "store_failed",
		  LOG_STR("doing", "a commit"),
		  LOG_STR("error", "the data file was removed"));
	dprintf(STDERR_FILENO,
		"store: %s/data.mdb was removed while it was in use; ending\n",
		s->conf.dir);
	_exit(STORE_GUARD_EXIT);
}

static int
st_commit(struct store *s, struct store_txn *txn)
{
	bool wrote = txn->writes > 0;
	struct timespec t0;
	int r;

	if (wrote || atomic_load(&s->want_counters))
		(void)store_counters_keep(txn, false);
	if (txn->writes == 0) {
		store_txn_abort(txn);
		return txn->error;
	}
	clock_gettime(CLOCK_MONOTONIC, &t0);
	r = store_txn_commit(txn); /* knows of an error above */
	if (r == 0) {
		st_check_there(s);
		st_observe(s, &t0);
		atomic_fetch_add(&s->commits, 1);
	}
	/* No job asked for it, so no job hears of it. */
	if (!wrote && store_is_full_error(r))
		return 0;
	return r;
}

/* 0, or the errno that makes the whole transaction worth nothing. A job that
 * says no before it writes leaves it alone. */
static int
st_run_job(struct store_txn *txn, struct store_job *job)
{
	uint64_t writes = txn->writes;

	job->result = job->fn(txn, job->arg);
	if (txn->error < 0)
		return txn->error;
	if (job->result < 0 && txn->writes > writes)
		return -ECANCELED;
	return 0;
}

static size_t
st_cost(const struct store_job *job)
{
	return job->bytes + ST_JOB_BYTES;
}

/* AFTER may free a job that has no loop. */
static void
st_done_cb(void *arg)
{
	struct store_job *job = arg;

	if (job->done != NULL)
		job->done(job->arg, job->result);
}

static void
st_finish(struct store_job *job)
{
	struct loop *loop = job->loop;

	if (job->after != NULL)
		job->after(job->arg, job->result);
	if (loop != NULL)
		loop_post(loop, &job->post, st_done_cb, job);
}

/* --- one by one -------------------------------------------------------------- */

/* 0, or the errno of the transaction. */
static int
st_try_single(struct store *s, struct store_job *job)
{
	struct store_txn txn;
	int r;

	r = store_txn_begin(s, true, &txn);
	if (r < 0)
		st_die(s, "beginning a transaction", r);
	r = st_run_job(&txn, job);
	if (r == 0)
		return st_commit(s, &txn);
	store_txn_abort(&txn);
	return r;
}

static void
st_run_single(struct store *s, struct store_job *job)
{
	int r;

	r = st_try_single(s, job);
	if (r == 0) {
		store_room_spend(s, st_cost(job));
		return;
	}
	if (r == -ECANCELED) /* undone; the job's own result stands */
		return;
	if (!store_room_explains(s, r))
		st_die(s, "a commit", r);
	store_room_full(s, r);
	job->result = -ENOSPC;
}

/* The jobs of BATCH that ask for NEED; returns how many were refused. */
static int
st_retry_need(struct store *s, struct store_job *batch, enum store_need need)
{
	int refused = 0;

	for (struct store_job *job = batch; job != NULL; job = job->next) {
		if (job->need != need)
			continue;
		st_run_single(s, job);
		if (job->result == -ENOSPC)
			refused++;
	}
	return refused;
}

static void
st_retry(struct store *s, struct store_job *batch, int r)
{
	static const enum store_need order[] = {
		STORE_NEED_RESULT, STORE_NEED_NOTICE, STORE_NEED_ALERT,
		STORE_NEED_MAIL};
	int refused = 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		refused += st_retry_need(s, batch, order[i]);
	if (r == -ECANCELED)
		return;
	log_event(s->conf.log, LOG_WARNING, "store_retry",
		  LOG_STR("error", strerror(-r)), LOG_INT("refused", refused));
	store_room_look(s);
}

static void
st_time_from_now(int64_t ns, struct timespec *ret)
{
	clock_gettime(CLOCK_MONOTONIC, ret);
	ns += ret->tv_nsec;
	ret->tv_sec += ns / 1000000000;
	ret->tv_nsec = ns % 1000000000;
}

/* --- a batch --------------------------------------------------------------- */

/*
 * A batch of several jobs says that as many clients are at work, and that their
 * next jobs are on the way: a commit costs nearly the same for one as for all,
 * so it is worth a moment. Who is alone never waits.
 */
static void
st_gather(struct store *s)
{
	struct timespec until;
	int r = 0;

	if (s->last_jobs < ST_GATHER_JOBS)
		return;
	st_time_from_now(ST_GATHER_NS, &until);
	pthread_mutex_lock(&s->mutex);
	s->want = 2 * s->last_jobs;
	while (s->waiting < s->want && !s->stop && r == 0)
		r = pthread_cond_timedwait(&s->cond, &s->mutex, &until);
	s->want = 0;
	pthread_mutex_unlock(&s->mutex);
}

/* What waits, in order, up to the ceiling; at least one. */
static struct store_job *
st_take(struct store *s, size_t *ret_bytes)
{
	struct store_job *batch, **end;
	size_t bytes = 0, jobs = 0;

	pthread_mutex_lock(&s->mutex);
	batch = s->first;
	for (end = &s->first; *end != NULL; end = &(*end)->next) {
		if (bytes > 0 && bytes + st_cost(*end) > ST_BATCH_BYTES)
			break;
		bytes += st_cost(*end);
		jobs++;
		s->urgent -= !(*end)->patient;
	}
	s->waiting -= jobs;
	s->last_jobs = jobs;
	s->first = *end;
	if (s->first == NULL)
		s->last = &s->first;
	if (batch == s->first)
		batch = NULL;
	else
		*end = NULL;
	pthread_mutex_unlock(&s->mutex);
	*ret_bytes = bytes;
	return batch;
}

/* Sees what is committed, since nothing was written yet; what it submits is in
 * the batch that follows. */
static void
st_turn(struct store *s, struct store_txn *txn)
{
	store_turn_fn *fn;
	int64_t due;
	void *arg;

	pthread_mutex_lock(&s->mutex);
	s->poked = false;
	fn = s->stop ? NULL : s->turn;
	arg = s->turn_arg;
	pthread_mutex_unlock(&s->mutex);
	if (fn == NULL)
		return;
	due = fn(txn, arg);
	must(txn->writes == 0);
	pthread_mutex_lock(&s->mutex);
	s->turn_due = due;
	pthread_mutex_unlock(&s->mutex);
}

static void
st_batch(struct store *s)
{
	struct store_job *batch, *job, *next;
	struct store_txn txn;
	size_t bytes;
	int r;

	r = store_txn_begin(s, true, &txn);
	if (r < 0)
		st_die(s, "beginning a transaction", r);
	st_turn(s, &txn);
	st_gather(s);
	r = txn.error;
	batch = st_take(s, &bytes);
	for (job = batch; job != NULL && r == 0; job = job->next)
		r = st_run_job(&txn, job);
	if (r == 0)
		r = st_commit(s, &txn);
	else
		store_txn_abort(&txn);

	if (r == 0)
		store_room_spend(s, bytes);
	else if (r == -ECANCELED || r == -EIO || store_is_full_error(r))
		st_retry(s, batch, r);
	else
		st_die(s, "a commit", r);
	for (job = batch; job != NULL; job = next) {
		next = job->next;
		st_finish(job);
	}
}

/* --- the thread ------------------------------------------------------------ */

/* Milliseconds until something is due; 0: now. Under the mutex. */
static int64_t
st_delay(struct store *s, bool *ret_turn)
{
	int64_t now = st_now(), delay = s->readers_due - now, turn;

	if (s->look_due != INT64_MAX && s->look_due - now < delay)
		delay = s->look_due - now;
	*ret_turn = false;
	if (s->turn != NULL && !s->stop && s->turn_due != INT64_MAX) {
		turn = s->turn_due - clock_mono_ms(s->conf.clock);
		*ret_turn = turn <= 0;
		if (turn < delay)
			delay = turn;
	}
	return delay > 0 ? delay : 0;
}

static void
st_sleep(struct store *s, int64_t delay_ms)
{
	struct timespec until;

	st_time_from_now(delay_ms * 1000000, &until);
	pthread_cond_timedwait(&s->cond, &s->mutex, &until);
}

enum st_wake { ST_WAKE_BATCH, ST_WAKE_TEND, ST_WAKE_END };

/* Only jobs that nobody waits for: the next one of a client may share their
 * commit. Under the mutex. */
static void
st_be_patient(struct store *s)
{
	struct timespec until;
	int r = 0;

	st_time_from_now(ST_PATIENCE_NS, &until);
	while (s->urgent == 0 && !s->poked && !s->stop && r == 0)
		r = pthread_cond_timedwait(&s->cond, &s->mutex, &until);
}

static enum st_wake
st_wait(struct store *s)
{
	enum st_wake wake = ST_WAKE_TEND;
	int64_t delay = -1;
	bool turn = false;

	pthread_mutex_lock(&s->mutex);
	do {
		if (delay > 0)
			st_sleep(s, delay);
		delay = st_delay(s, &turn);
	} while (delay > 0 && s->first == NULL && !s->poked && !s->stop);
	if (s->first != NULL && !turn)
		st_be_patient(s);
	if (s->first != NULL || turn || (s->poked && !s->stop))
		wake = ST_WAKE_BATCH;
	else if (s->stop)
		wake = ST_WAKE_END;
	pthread_mutex_unlock(&s->mutex);
	return wake;
}

static void
st_tend(struct store *s)
{
	int64_t now = st_now();

	if (s->look_due <= now)
		store_room_look(s);
	if (s->readers_due <= now) {
		(void)engine_check_readers(s->engine);
		s->readers_due = now + ST_READERS_MS;
	}
}

static void *
st_main(void *arg)
{
	struct store *s = arg;
	enum st_wake wake;

	while ((wake = st_wait(s)) != ST_WAKE_END) {
		st_tend(s);
		if (wake == ST_WAKE_BATCH)
			st_batch(s);
	}
	return NULL;
}

void
store_run(struct store *store, struct store_job *job)
{
	bool wake;

	job->store = store;
	job->next = NULL;
	pthread_mutex_lock(&store->mutex);
	*store->last = job;
	store->last = &job->next;
	store->waiting++;
	store->urgent += !job->patient;
	wake = store->want > 0 ? store->waiting == store->want
			       : store->waiting == 1 ||
					 (!job->patient && store->urgent == 1);
	pthread_mutex_unlock(&store->mutex);
	if (wake)
		pthread_cond_signal(&store->cond);
}

void
store_set_turn(struct store *store, store_turn_fn *fn, void *arg)
{
	pthread_mutex_lock(&store->mutex);
	store->turn = fn;
	store->turn_arg = arg;
	store->poked = true;
	pthread_mutex_unlock(&store->mutex);
	pthread_cond_signal(&store->cond);
}

void
store_poke(struct store *store)
{
	bool wake;

	pthread_mutex_lock(&store->mutex);
	wake = !store->poked;
	store->poked = true;
	pthread_mutex_unlock(&store->mutex);
	if (wake)
		pthread_cond_signal(&store->cond);
}

/* --- begin and end --------------------------------------------------------- */

void
store_writer_init(struct store *s)
{
	s->last = &s->first;
	s->turn_due = INT64_MAX;
	s->readers_due = st_now() + ST_READERS_MS;
	must(pthread_mutex_init(&s->mutex, NULL) == 0);
	cond_init_monotonic(&s->cond);
}

int
store_writer_start(struct store *s)
{
	return thread_start("store", st_main, s, &s->thread);
}

void
store_writer_stop(struct store *s)
{
	pthread_mutex_lock(&s->mutex);
	s->stop = true;
	pthread_mutex_unlock(&s->mutex);
	pthread_cond_signal(&s->cond);
	pthread_join(s->thread, NULL);
}

void
store_writer_done(struct store *s)
{
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->mutex);
}
