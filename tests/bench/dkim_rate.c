/*
 * dkim_rate ours|library|openssl MILLISECONDS THREADS - RSA-2048 signatures a
 * second of a message of 4 KiB.
 *
 * `ours` as the programs do it: a loop that reads, a pool of THREADS that signs;
 * `library`: as many threads that do nothing but libopendkim's calls, from
 * dkim_sign() to dkim_getsighdr_d(); `openssl`: nothing but RSA.
 */
#include <opendkim/dkim.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "net/pool.h"
#include "verdict/dkim_lib.h"
#include "verdict/dkim_sign.h"

#define THREADS_MAX 64
#define JOBS_EACH   4 /* on their way, for each thread of the pool */
#define BODY_LINES  60
#define BITS        2048

static const char *const fields[] = {
	"From: Anna <anna@example.org>",
	"To: Ben <ben@example.net>",
	"Subject: A message of the usual kind",
	"Date: Sat, 21 Nov 2026 10:00:00 +0000",
	"Message-ID: <20261121100000.1@relay1.example.org>",
	"MIME-Version: 1.0",
	"Content-Type: text/plain; charset=utf-8",
};

#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

static struct {
	struct dkim_keys *keys;
	const struct dkim_key *key;
	struct buf header, body, pem;
	struct timespec end;
	_Atomic unsigned long count;
} bench;

static bool
is_over(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > bench.end.tv_sec ||
	       (now.tv_sec == bench.end.tv_sec &&
		now.tv_nsec >= bench.end.tv_nsec);
}

static void
setup(long ms)
{
	struct dkim_key *key = NULL;
	struct pattern *match = NULL;
	char *why = NULL;

	must(dkim_key_generate(DKIM_RSA_SHA256, BITS, &key) == 0);
	must(pattern_new("example.org", '\0', &match, &why) == 0);
	bench.keys = dkim_keys_new();
	dkim_rule_add(dkim_keys_add(bench.keys, match, "example.org"), "s1",
		      key);
	bench.key = key;
	buf_init(&bench.pem, 65536);
	buf_init(&bench.header, 65536);
	buf_init(&bench.body, 65536);
	must(dkim_key_write(key, &bench.pem) == 0);
	for (size_t i = 0; i < NFIELDS; i++)
		must(buf_printf(&bench.header, "%s\r\n", fields[i]) == 0);
	for (int i = 0; i < BODY_LINES; i++)
		must(buf_printf(&bench.body,
				"Line %d of a text that is about as long as "
				"lines of texts are.\r\n",
				i) == 0);
	clock_gettime(CLOCK_MONOTONIC, &bench.end);
	bench.end.tv_sec += ms / 1000;
	bench.end.tv_nsec += ms % 1000 * 1000000;
	if (bench.end.tv_nsec >= 1000000000) {
		bench.end.tv_sec++;
		bench.end.tv_nsec -= 1000000000;
	}
}

/* --- ours ----------------------------------------------------------------------- */

struct job {
	struct pool_job job;
	struct pool *pool;
	struct loop *loop;
	struct dkim_signing *signing;
	struct buf out;
	unsigned *left;
};

static void
job_sign(void *arg)
{
	struct job *j = arg;

	must(dkim_signing_end(j->signing, &j->out) == 0);
}

static void job_done(void *arg);

static void
job_start(void *arg)
{
	struct job *j = arg;

	must(dkim_signing_new(bench.keys, bench.header.data, bench.header.len,
			      time(NULL), &j->signing) == 0);
	dkim_signing_body(j->signing, bench.body.data, bench.body.len);
	must(pool_run(j->pool, &j->job, job_sign, j->loop, job_done, j) == 0);
}

static void
job_done(void *arg)
{
	struct job *j = arg;

	buf_clear(&j->out);
	dkim_signing_free(&j->signing);
	atomic_fetch_add(&bench.count, 1);
	if (!is_over())
		job_start(j);
	else if (--*j->left == 0)
		loop_stop(j->loop);
}

static void
run_ours(unsigned threads)
{
	unsigned n = threads * JOBS_EACH, left = n;
	struct loop *loop = loop_new(clock_system());
	struct pool *pool = pool_new("sign", threads, n);
	struct job *jobs = xcalloc(n, sizeof(*jobs));

	for (unsigned i = 0; i < n; i++) {
		jobs[i] =
			(struct job){.pool = pool, .loop = loop, .left = &left};
		buf_init(&jobs[i].out, DKIM_SIGNING_MAX);
		job_start(&jobs[i]);
	}
	loop_run(loop);
	pool_free(&pool);
	loop_free(&loop);
	for (unsigned i = 0; i < n; i++)
		buf_done(&jobs[i].out);
	free(jobs);
}

/* --- libopendkim, and OpenSSL: once at least, as ours ------------------------------ */

static void
library_sign(DKIM_LIB *lib)
{
	unsigned char *text;
	DKIM_STAT status;
	size_t len;
	DKIM *dkim =
		dkim_sign(lib, dkim_octets("-"), NULL,
			  dkim_octets(bench.pem.data), dkim_octets("s1"),
			  dkim_octets("example.org"), DKIM_CANON_RELAXED,
			  DKIM_CANON_RELAXED, DKIM_SIGN_RSASHA256, -1, &status);

	must(dkim != NULL);
	for (size_t i = 0; i < NFIELDS; i++)
		must(dkim_header(dkim, dkim_octets(fields[i]),
				 strlen(fields[i])) == DKIM_STAT_OK);
	must(dkim_eoh(dkim) == DKIM_STAT_OK);
	must(dkim_body(dkim, dkim_octets(bench.body.data), bench.body.len) ==
	     DKIM_STAT_OK);
	must(dkim_eom(dkim, NULL) == DKIM_STAT_OK);
	must(dkim_getsighdr_d(dkim, 16, &text, &len) == DKIM_STAT_OK);
	dkim_free(dkim);
}

static void *
library_thread(void *lib)
{
	do {
		library_sign(lib);
		atomic_fetch_add(&bench.count, 1);
	} while (!is_over());
	return NULL;
}

static void *
openssl_thread(void *arg)
{
	static const unsigned char hash[32];
	struct buf out;

	(void)arg;
	buf_init(&out, 4096);
	do {
		must(dkim_key_sign(bench.key, hash, &out) == 0);
		buf_clear(&out);
		atomic_fetch_add(&bench.count, 1);
	} while (!is_over());
	buf_done(&out);
	return NULL;
}

static void
run_threads(unsigned n, void *(*fn)(void *), void *arg)
{
	pthread_t threads[THREADS_MAX];

	for (unsigned i = 0; i < n; i++)
		must(pthread_create(&threads[i], NULL, fn, arg) == 0);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

int
main(int argc, char **argv)
{
	long ms = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
	long threads = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
	DKIM_LIB *lib;

	if (ms <= 0 || threads <= 0 || threads > THREADS_MAX)
		return 64;
	setup(ms);
	if (strcmp(argv[1], "ours") == 0) {
		run_ours((unsigned)threads);
	} else if (strcmp(argv[1], "library") == 0) {
		lib = dkim_init(NULL, NULL);
		must(lib != NULL);
		run_threads((unsigned)threads, library_thread, lib);
		dkim_close(lib);
	} else {
		run_threads((unsigned)threads, openssl_thread, NULL);
	}
	printf("%.1f\n", (double)bench.count * 1000 / (double)ms);
	dkim_keys_unref(&bench.keys);
	buf_done(&bench.header);
	buf_done(&bench.body);
	buf_wipe(&bench.pem);
	return 0;
}
