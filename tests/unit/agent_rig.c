#include "tests/unit/agent_rig.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define WAIT_S 10

static void
on_line(void *arg, const char *line)
{
	struct agent_rig *g = arg;

	pthread_mutex_lock(&g->lock);
	buf_append_str(&g->lines, line);
	buf_append_char(&g->lines, '\n');
	pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

/* A resolver that knows /etc/hosts; its server is dead. */
static struct dns *
dns_dead(struct loop *loop)
{
	static char *servers[] = {TEXT("127.0.0.1@1")};
	const struct dns_conf conf = {.servers = {1, servers, NULL},
				      .timeout_ms = 300,
				      .trust_anchor = TEXT("")};
	struct dns *dns = NULL;
	char *why = NULL;

	assert_int_equal(dns_new(loop, &conf, &dns, &why), 0);
	return dns;
}

void
agent_rig_init(struct agent_rig *g)
{
	memset(g, 0, sizeof(*g));
	g->conf.helo = TEXT("");
	g->conf.connections = 100;
	g->conf.per_destination.messages_per_connection = 100;
	g->conf.per_address.connections = 20;
	g->conf.dsn.max_size = 64 << 10;
	g->conf.timeouts =
		(struct delivery_timeouts){20000, 20000, 20000, 20000, 20000};
	g->conf.mx = (struct delivery_mx_conf){10, 20, 25};
	g->conf.smarthost.v = g->hops;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	buf_init(&g->lines, 64 << 20);
	g->log = log_new_capture(on_line, g);
	g->context.log = g->log;
	for (size_t i = 0; i < AGENT_LOOPS; i++) {
		g->loops[i] = loop_new(clock_system());
		g->dns[i] = dns_dead(g->loops[i]);
	}
}

void
agent_rig_hop(struct agent_rig *g, int port)
{
	size_t i = g->conf.smarthost.n++;

	assert_true(i < AGENT_HOPS);
	g->hops[i] = (struct hop){.name = TEXT(i ? "" : "dest"),
				  .host = TEXT("127.0.0.1"),
				  .port = port,
				  .helo = TEXT(""),
				  .bind = TEXT(""),
				  .mark = {"test", 1, 1}};
}

struct smtp_server *
agent_rig_serve_at(struct agent_rig *g, struct smtp_server *s)
{
	g->servers[g->nservers++] = s;
	agent_rig_hop(g, smtp_server_port(s));
	return s;
}

struct smtp_server *
agent_rig_serve(struct agent_rig *g, const struct smtp_rule *rules, bool slow)
{
	return agent_rig_serve_at(g, smtp_server_start(rules, slow));
}

void
agent_rig_serve_nobody(struct agent_rig *g)
{
	int port;

	g->nobody[g->nnobody++] = smtp_server_nobody(&port);
	agent_rig_hop(g, port);
}

struct routing *
agent_rig_routing(struct agent_rig *g)
{
	const struct routing_sources from = {
		.delivery = &g->conf,
		.routes = &g->routes,
		.hostname = "relay.example.org",
		.delimiter = '+',
	};
	struct conf_errors errors;
	struct routing *r = NULL;

	conf_errors_init(&errors);
	assert_int_equal(routing_new(&from, &errors, &r), 0);
	assert_int_equal(routing_arm(r, SECRETS_REFUSE, &errors), 0);
	conf_errors_done(&errors);
	return r;
}

void
agent_rig_open(struct agent_rig *g, struct queue *q, struct metrics *metrics)
{
	struct routing *r = agent_rig_routing(g);

	g->deliver = deliver_new(q, r, g->loops, g->dns, AGENT_LOOPS,
				 &g->context, metrics);
	if (g->disk || g->spawner)
		deliver_local(g->deliver, g->disk, g->spawner);
	routing_unref(&r);
}

void
agent_rig_run(struct agent_rig *g)
{
	for (size_t i = 0; i < AGENT_LOOPS; i++)
		assert_int_equal(loop_start(g->loops[i], "test"), 0);
}

static void
on_stopped(void *arg)
{
	struct agent_rig *g = arg;

	pthread_mutex_lock(&g->lock);
	g->stopped = true;
	pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static struct timespec
wait_end(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	return until;
}

void
agent_rig_stop(struct agent_rig *g, int64_t grace_ms)
{
	struct timespec until = wait_end();
	bool stopped;

	deliver_stop(g->deliver, grace_ms, on_stopped, g);
	pthread_mutex_lock(&g->lock);
	while (!g->stopped &&
	       pthread_cond_timedwait(&g->changed, &g->lock, &until) == 0)
		;
	stopped = g->stopped;
	pthread_mutex_unlock(&g->lock);
	assert_true(stopped);
	for (size_t i = 0; i < AGENT_LOOPS; i++) {
		loop_stop(g->loops[i]);
		loop_join(g->loops[i]);
	}
}

void
agent_rig_done(struct agent_rig *g)
{
	deliver_free(&g->deliver);
	for (size_t i = 0; i < AGENT_LOOPS; i++) {
		dns_free(&g->dns[i]);
		loop_free(&g->loops[i]);
	}
	log_close(&g->log);
	for (size_t i = 0; i < g->nservers; i++)
		smtp_server_stop(&g->servers[i]);
	for (size_t i = 0; i < g->nnobody; i++)
		close(g->nobody[i]);
	buf_done(&g->lines);
	pthread_mutex_destroy(&g->lock);
	pthread_cond_destroy(&g->changed);
}

unsigned
agent_rig_count(const char *at, const char *text)
{
	unsigned n = 0;

	while ((at = strstr(at, text))) {
		at += strlen(text);
		n++;
	}
	return n;
}

void
agent_rig_wait_logged(struct agent_rig *g, const char *text, unsigned n)
{
	struct timespec until = wait_end();
	unsigned seen;

	pthread_mutex_lock(&g->lock);
	while ((seen = agent_rig_count(buf_str(&g->lines), text)) < n &&
	       pthread_cond_timedwait(&g->changed, &g->lock, &until) == 0)
		;
	if (seen != n)
		print_error("%s", buf_str(&g->lines));
	pthread_mutex_unlock(&g->lock);
	if (seen != n)
		fail_msg("%s: %u times instead of %u", text, seen, n);
}
