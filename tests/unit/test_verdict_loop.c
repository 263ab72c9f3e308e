/*
 * A verdict whose questions a resolver answers, on a loop: as a relay has it,
 * whose sessions live on that loop, and as a milter, whose don't.
 */
#include <arpa/nameser.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dns_server.h"
#include "tests/unit/test.h"
#include "verdict/verdict.h"

#define HEADER "From: anna@example.org\r\n\r\n"
#define MUTE   "From: anna@mute.test\r\n\r\n"

static const struct dns_row rows[] = {
	{"example.org", ns_t_txt, DNS_DATA("\x19v=spf1 ip4:192.0.2.1 -all"), 0},
	{"_dmarc.example.org", ns_t_txt, DNS_DATA("\x12v=DMARC1; p=reject"), 0},
	{"mail.example.org", 0, NULL, 0, 0},
	{"org", 0, NULL, 0, 0},
	{"_dmarc.mute.test", 0, NULL, 0, DNS_ROW_MUTE},
	{"mute.test", 0, NULL, 0, DNS_ROW_MUTE},
};

struct fixture {
	struct loop *loop;
	struct dns *dns;
	struct dns_server server;
	struct verdict_conf conf;
	char none[1];
	struct judge *judge;
	struct verdict *verdict;
	struct loop_timer timer;
	bool free_it; /* from its own callback */
	int calls;

	/* of a milter's thread */
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct post post;
	bool ready;
	enum verdict_disposition disposition;
	enum dmarc_result dmarc;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *why;

	f->loop = loop_new(clock_system());
	dns_server_init(&f->server, f->loop, rows,
			sizeof(rows) / sizeof(rows[0]));
	f->dns = dns_server_resolver(&f->server, f->loop, 20000);
	f->conf.authserv_id = f->none;
	f->conf.dns.deadline_ms = 10000;
	f->conf.dns.lookups = 100;
	assert_int_equal(judge_new(&f->conf, "mx.example.net", &f->judge, &why),
			 0);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->done, NULL);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	verdict_free(&f->verdict);
	judge_unref(&f->judge);
	loop_timer_done(&f->timer);
	dns_free(&f->dns);
	dns_server_done(&f->server);
	loop_free(&f->loop);
	pthread_cond_destroy(&f->done);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static struct verdict *
verdict_on(struct fixture *f, const char *header, const char *sender)
{
	struct verdict_message m = {
		.helo = "mail.example.org",
		.sender = sender,
		.header = header,
		.header_len = strlen(header),
		.now_ms = 1000,
	};

	assert_int_equal(sockaddr_parse_ip("192.0.2.1", 0, &m.client), 0);
	m.peer = m.client;
	return verdict_new(f->judge, &m);
}

static void
settled(void *arg)
{
	struct fixture *f = arg;

	f->calls++;
	if (f->free_it)
		verdict_free(&f->verdict);
	loop_stop(f->loop);
}

static void
stop(void *arg)
{
	struct fixture *f = arg;

	loop_stop(f->loop);
}

static void
test_resolved(void **state)
{
	struct fixture *f = *state;
	const struct verdict_result *r;

	f->verdict = verdict_on(f, HEADER, "anna@example.org");
	assert_true(verdict_resolve(f->verdict, f->loop, f->dns, settled, f));
	loop_run(f->loop);
	assert_int_equal(f->calls, 1);
	verdict_body(f->verdict, "hello\r\n", 7);
	r = verdict_end(f->verdict);
	assert_int_equal(r->disposition, VERDICT_NONE);
	assert_int_equal(r->mail_from->result, SPF_PASS);
	assert_int_equal(r->dmarc->result, DMARC_PASS);
	assert_int_equal(r->questions, f->server.port.asked);
}

/* A resolver that says nothing holds nobody for longer than the deadline. */
static void
test_deadline(void **state)
{
	struct fixture *f = *state;
	const struct verdict_result *r;
	const char *why;

	judge_unref(&f->judge);
	f->conf.dns.deadline_ms = 100;
	assert_int_equal(judge_new(&f->conf, "mx.example.net", &f->judge, &why),
			 0);
	f->verdict = verdict_on(f, MUTE, "anna@mute.test");
	assert_true(verdict_resolve(f->verdict, f->loop, f->dns, settled, f));
	loop_run(f->loop);
	assert_int_equal(f->calls, 1);
	r = verdict_end(f->verdict);
	assert_int_equal(r->disposition, VERDICT_TEMPFAIL);
	assert_int_equal(r->dmarc->result, DMARC_TEMPERROR);
	assert_int_equal(r->reply.code, 451);
}

/* Freed while it is resolved: nobody is called any more. */
static void
test_given_up(void **state)
{
	struct fixture *f = *state;

	f->verdict = verdict_on(f, HEADER, "anna@example.org");
	assert_true(verdict_resolve(f->verdict, f->loop, f->dns, settled, f));
	verdict_free(&f->verdict);
	loop_timer_init(&f->timer, f->loop, stop, f);
	loop_timer_set(&f->timer, 100);
	loop_run(f->loop);
	assert_int_equal(f->calls, 0);
}

static void
test_freed_by_its_callback(void **state)
{
	struct fixture *f = *state;

	f->free_it = true;
	f->verdict = verdict_on(f, HEADER, "anna@example.org");
	assert_true(verdict_resolve(f->verdict, f->loop, f->dns, settled, f));
	loop_run(f->loop);
	assert_int_equal(f->calls, 1);
}

/* Nothing in it that the DNS could know of. */
static void
test_nothing_to_ask(void **state)
{
	struct fixture *f = *state;
	struct verdict_message m = {.helo = "",
				    .sender = "",
				    .header = "X: y\r\n",
				    .header_len = 6};
	const struct verdict_result *r;

	f->verdict = verdict_new(f->judge, &m);
	assert_false(verdict_resolve(f->verdict, f->loop, f->dns, settled, f));
	r = verdict_end(f->verdict);
	assert_int_equal(r->disposition, VERDICT_NONE);
	assert_int_equal(r->dmarc->result, DMARC_PERMERROR);
	assert_int_equal(r->questions, 0);
}

/* --- as a milter has it -------------------------------------------------------- */

static void
milter_ready(void *arg)
{
	struct fixture *f = arg;

	pthread_mutex_lock(&f->lock);
	f->ready = true;
	pthread_cond_signal(&f->done);
	pthread_mutex_unlock(&f->lock);
}

static void
milter_resolve(void *arg)
{
	struct fixture *f = arg;

	if (!verdict_resolve(f->verdict, f->loop, f->dns, milter_ready, f))
		milter_ready(f);
}

static void *
milter_main(void *arg)
{
	struct fixture *f = arg;
	const struct verdict_result *r;

	f->verdict = verdict_on(f, HEADER, "anna@example.org");
	loop_post(f->loop, &f->post, milter_resolve, f);
	pthread_mutex_lock(&f->lock);
	while (!f->ready)
		pthread_cond_wait(&f->done, &f->lock);
	pthread_mutex_unlock(&f->lock);
	verdict_body(f->verdict, "hello\r\n", 7);
	r = verdict_end(f->verdict);
	f->disposition = r->disposition;
	f->dmarc = r->dmarc->result;
	verdict_free(&f->verdict);
	loop_stop(f->loop);
	return NULL;
}

static void
test_lent(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, milter_main, f), 0);
	loop_run(f->loop);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(f->disposition, VERDICT_NONE);
	assert_int_equal(f->dmarc, DMARC_PASS);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_resolved),       CASE(test_deadline),
		CASE(test_given_up),       CASE(test_freed_by_its_callback),
		CASE(test_nothing_to_ask), CASE(test_lent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
