#include "tests/unit/court.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mail/header.h"
#include "tests/unit/test.h"

void
court_init(struct court *c)
{
	memset(c, 0, sizeof(*c));
	c->conf.authserv_id = c->none;
	c->conf.dns.deadline_ms = 10000;
	c->conf.dns.lookups = 100;
	c->message.helo = "mail.example.org";
	c->message.sender = "anna@example.org";
	c->message.now_ms = INT64_C(1000) * DKIM_KIT_NOW;
	assert_int_equal(sockaddr_parse_ip("192.0.2.1", 0, &c->message.client),
			 0);
	c->message.peer = c->message.client;
}

const struct verdict_result *
court_hear(struct court *c, struct dkim_kit *k, const char *text)
{
	size_t scanned = 0, len;
	const char *why;

	assert_int_equal(judge_new(&c->conf, "mx.example.net", &c->judge, &why),
			 0);
	assert_int_equal(header_end(text, strlen(text), &scanned, &len), 1);
	c->message.header = text;
	c->message.header_len = len;
	c->verdict = verdict_new(c->judge, &c->message);
	while (verdict_look(c->verdict) == -EAGAIN)
		assert_true(zone_settle(&k->zone, verdict_answers(c->verdict)));
	verdict_body(c->verdict, text + len, strlen(text) - len);
	return verdict_end(c->verdict);
}

void
court_done(struct court *c)
{
	verdict_free(&c->verdict);
	judge_unref(&c->judge);
}

void
court_trust(struct court *c, const char *id, const char *network)
{
	assert_int_equal(network_parse(network, &c->network), 0);
	snprintf(c->id, sizeof(c->id), "%s", id);
	c->trusted = (struct trusted_authserv){
		.id = c->id,
		.believed = {.n = 1, .v = &c->network},
	};
	c->conf.trusted_authserv = (struct conf_list){.n = 1, .v = &c->trusted};
}
