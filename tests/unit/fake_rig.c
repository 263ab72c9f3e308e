#include "tests/unit/fake_rig.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

#define CONTENT "Subject: x\r\n\r\n.dot\r\n"

void
fake_rig_init(struct fake_rig *g)
{
	agent_rig_init(&g->agent);
	g->queue = fake_queue_new();
	g->mail = (struct fake_mail){.content = CONTENT,
				     .len = sizeof(CONTENT) - 1,
				     .class = QUEUE_NORMAL,
				     .dest = "dest",
				     .rcpt = {"a@example.net"}};
}

struct smtp_server *
fake_rig_serve(struct fake_rig *g, const struct smtp_rule *rules)
{
	fake_rig_init(g);
	return agent_rig_serve(&g->agent, rules, false);
}

void
fake_rig_start(struct fake_rig *g)
{
	agent_rig_open(&g->agent, g->queue, NULL);
	agent_rig_run(&g->agent);
}

void
fake_rig_done(struct fake_rig *g)
{
	if (!g->agent.stopped)
		agent_rig_stop(&g->agent, 5000);
	agent_rig_done(&g->agent);
	fake_queue_free(&g->queue);
}

struct fake_result *
fake_rig_take(struct fake_rig *g)
{
	struct fake_result *r = fake_queue_take(g->queue);

	assert_non_null(r);
	return r;
}

struct fake_result *
fake_rig_send(struct fake_rig *g)
{
	fake_queue_give(g->queue, g->agent.loops[0], &g->mail);
	return fake_rig_take(g);
}

void
fake_rig_expect(struct fake_rig *g, enum attempt_outcome outcome,
		enum attempt_dest dest, const char *dsn)
{
	struct fake_result *r = fake_rig_send(g);
	const struct reply *reply = dest == ATTEMPT_DEST_FAILED
					    ? &r->dest_reply
					    : &r->rcpt[0].reply;

	if (r->rcpt[0].outcome != outcome || r->dest_state != dest ||
	    strcmp(reply->dsn, dsn) != 0)
		fail_msg("%s, dest %d, %s %s",
			 attempt_outcome_names[r->rcpt[0].outcome],
			 (int)r->dest_state, reply->dsn, reply->text);
	free(r);
}

void
fake_rig_expect_done(struct fake_rig *g)
{
	fake_rig_expect(g, ATTEMPT_DONE, ATTEMPT_DEST_OK, "2.0.0");
}

void
fake_rig_expect_seen(struct smtp_server *s, unsigned connections,
		     unsigned mails)
{
	struct smtp_seen seen = smtp_server_counts(s);

	assert_int_equal(seen.connections, connections);
	assert_int_equal(seen.mails, mails);
}
