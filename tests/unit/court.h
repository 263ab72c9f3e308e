/*
 * court - a judge by some configuration, and what it says of a message.
 */
#ifndef TESTS_UNIT_COURT_H
#define TESTS_UNIT_COURT_H

#include "tests/unit/dkim_kit.h"
#include "verdict/verdict.h"

/* MESSAGE and CONF may be changed before it is heard. */
struct court {
	struct verdict_conf conf;
	struct trusted_authserv trusted;
	struct network network;
	char id[64], none[1];
	struct judge *judge;
	struct verdict_message message;
	struct verdict *verdict;
};

/* Of mx.example.net, all by default; mail from 192.0.2.1, mail.example.org and
 * anna@example.org. */
void court_init(struct court *c);
void court_done(struct court *c);
/* ID is believed from NETWORK. */
void court_trust(struct court *c, const char *id, const char *network);
/* The result for TEXT, with the zone of K; until court_done(). */
const struct verdict_result *court_hear(struct court *c, struct dkim_kit *k,
					const char *text);

#endif
