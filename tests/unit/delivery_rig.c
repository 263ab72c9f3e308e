#include "tests/unit/delivery_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/draft.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

static void
open_queue(struct delivery_rig *g)
{
	const struct queue_conf conf = {
		.dir = g->dir,
		.max_size = 256 << 20,
		.retry = {.first_ms = 50, .max_ms = 200, .factor = 2},
		.destination = {.connections = 20,
				.messages_per_connection = 100,
				.recipients_per_message = 1000},
		.lifetime_ms = 3600000,
		.alert_lifetime_ms = 3600000,
		.connections = 100,
	};
	char *why = NULL;

	if (queue_open(&conf, clock_system(), g->agent.loops, AGENT_LOOPS,
		       g->disk, &g->agent.context, g->metrics, &g->queue,
		       &why) < 0)
		fail_msg("%s", why);
}

void
delivery_rig_init(struct delivery_rig *g)
{
	memset(g, 0, sizeof(*g));
	snprintf(g->dir, sizeof(g->dir), "/tmp/belfry-delivery-XXXXXX");
	assert_non_null(mkdtemp(g->dir));
	agent_rig_init(&g->agent);
	g->metrics = metrics_new();
	g->disk = pool_new("disk", 2, 256);
}

struct smtp_server *
delivery_rig_serve(struct delivery_rig *g, const struct smtp_rule *rules)
{
	delivery_rig_init(g);
	return agent_rig_serve(&g->agent, rules, false);
}

void
delivery_rig_start(struct delivery_rig *g)
{
	/* The destination's name is all of their addresses. */
	g->agent.hops[0].name = TEXT("");
	open_queue(g);
	agent_rig_open(&g->agent, g->queue, g->metrics);
	queue_start(g->queue);
	agent_rig_run(&g->agent);
}

void
delivery_rig_done(struct delivery_rig *g)
{
	queue_stop(g->queue);
	agent_rig_stop(&g->agent, 5000);
	pool_end(g->disk);
	queue_close(&g->queue);
	pool_free(&g->disk);
	agent_rig_done(&g->agent);
	metrics_free(&g->metrics);
	store_kit_remove(g->dir);
}

void
delivery_rig_wait_logged(struct delivery_rig *g, const char *text, unsigned n)
{
	agent_rig_wait_logged(&g->agent, text, n);
}

/* --- mail in, as a session would --------------------------------------------------- */

struct sending {
	struct post post;
	struct delivery_rig *rig;
	struct loop *loop;
	const char *content;
	size_t len;
	size_t nrcpt;
	struct draft *draft;
	size_t written;
	uint64_t handle;
};

static void
sending_done(void *object, int result, uint64_t id)
{
	struct sending *s = object;
	struct delivery_rig *g = s->rig;

	(void)id;
	must(result == 0);
	loop_handle_free(s->loop, s->handle);
	free(s);
	pthread_mutex_lock(&g->agent.lock);
	g->answered++;
	pthread_cond_signal(&g->agent.changed);
	pthread_mutex_unlock(&g->agent.lock);
}

static void
sending_commit(struct sending *s)
{
	struct envelope_rcpt *rcpt;
	struct arena arena;
	struct envelope env = {.sender = "anna@example.org",
			       .class = QUEUE_NORMAL,
			       .flow = 1,
			       .message_id = "x@example.org",
			       .teller = 'm',
			       .nrcpt = s->nrcpt};
	char dest[128] = "";

	for (size_t i = 0; i < s->rig->agent.conf.smarthost.n; i++)
		snprintf(dest + strlen(dest), sizeof(dest) - strlen(dest),
			 "%s127.0.0.1:%d", i ? "," : "",
			 (int)s->rig->agent.hops[i].port);
	arena_init(&arena);
	rcpt = arena_alloc(&arena, s->nrcpt * sizeof(*rcpt));
	for (size_t i = 0; i < s->nrcpt; i++)
		rcpt[i] = (struct envelope_rcpt){
			.address = arena_printf(&arena, "r%zu@example.net", i),
			.agent = "smtp",
			.dest = dest,
			.route = "smarthost"};
	env.rcpt = rcpt;
	draft_commit(&s->draft, &env, sending_done);
	arena_done(&arena);
}

static void
sending_write(void *object)
{
	struct sending *s = object;
	int r = 0;

	while (r == 0 && s->written < s->len) {
		size_t n = s->len - s->written;

		n = n < 65536 ? n : 65536;
		r = draft_write(s->draft, s->content + s->written, n);
		must(r >= 0);
		s->written += n;
	}
	if (r == 0)
		sending_commit(s);
}

static void
sending_start(void *arg)
{
	struct sending *s = arg;

	s->handle = loop_handle_new(s->loop, s);
	must(draft_open(s->rig->queue, 1 << 26, STORE_NEED_MAIL, s->loop,
			s->handle, sending_write, &s->draft) == 0);
	sending_write(s);
}

#define CONTENT "Subject: x\r\n\r\nhello\r\n"

void
delivery_rig_send(struct delivery_rig *g, const char *content, size_t len,
		  size_t nrcpt)
{
	struct sending *s = xcalloc(1, sizeof(*s));
	unsigned before;

	s->rig = g;
	s->loop = g->agent.loops[0];
	s->content = content;
	s->len = len;
	s->nrcpt = nrcpt;
	pthread_mutex_lock(&g->agent.lock);
	before = g->answered;
	loop_post(s->loop, &s->post, sending_start, s);
	while (g->answered == before)
		pthread_cond_wait(&g->agent.changed, &g->agent.lock);
	pthread_mutex_unlock(&g->agent.lock);
}

void
delivery_rig_send_small(struct delivery_rig *g, size_t nrcpt)
{
	delivery_rig_send(g, CONTENT, sizeof(CONTENT) - 1, nrcpt);
}

/* --- nothing is left ---------------------------------------------------------------- */

struct looking {
	struct delivery_rig *rig;
	struct queue_stats *stats;
};

static void
on_stats(void *arg, struct queue_stats *stats)
{
	struct looking *l = arg;

	pthread_mutex_lock(&l->rig->agent.lock);
	l->stats = stats;
	pthread_cond_signal(&l->rig->agent.changed);
	pthread_mutex_unlock(&l->rig->agent.lock);
}

void
delivery_rig_expect_empty(struct delivery_rig *g)
{
	uint64_t messages = 1;

	for (int i = 0; i < 500 && messages > 0; i++) {
		struct timespec little = {0, 10 * 1000 * 1000};
		struct looking l = {g, NULL};

		if (i > 0)
			nanosleep(&little, NULL);
		queue_stats(g->queue, g->agent.loops[1], on_stats, &l);
		pthread_mutex_lock(&g->agent.lock);
		while (!l.stats)
			pthread_cond_wait(&g->agent.changed, &g->agent.lock);
		pthread_mutex_unlock(&g->agent.lock);
		messages = l.stats->messages;
		queue_stats_free(&l.stats);
	}
	assert_int_equal(messages, 0);
}
