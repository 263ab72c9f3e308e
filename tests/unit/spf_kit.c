#include "tests/unit/spf_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

#define QUESTIONS 100
#define NOW       1700000000

int
spf_kit_setup(void **state)
{
	struct spf_kit *k = calloc(1, sizeof(*k));

	zone_init(&k->zone);
	arena_init(&k->arena);
	k->questions = QUESTIONS;
	*state = k;
	return 0;
}

int
spf_kit_teardown(void **state)
{
	struct spf_kit *k = *state;

	arena_done(&k->arena);
	zone_done(&k->zone);
	free(k);
	return 0;
}

void
spf_kit_zone(struct spf_kit *k, const char *text)
{
	zone_done(&k->zone);
	zone_init(&k->zone);
	zone_load(&k->zone, text);
}

void
spf_kit_ip(const char *text, uint8_t ret[static 16])
{
	memset(ret, 0, 16);
	memset(ret + 10, 0xff, 2);
	if (inet_pton(AF_INET, text, ret + 12) != 1)
		assert_int_equal(inet_pton(AF_INET6, text, ret), 1);
}

void
spf_kit_check(struct spf_kit *k, const char *ip, const char *helo,
	      const char *sender)
{
	struct spf_question q = {.scope = sender[0] != '\0' ? SPF_MAIL_FROM
							    : SPF_HELO,
				 .helo = helo,
				 .sender = sender,
				 .receiver = "mx.receiver.example",
				 .now = NOW};
	int r;

	spf_kit_ip(ip, q.ip);
	answers_init(&k->answers, &k->arena, k->questions);
	steps_init(&k->steps, &k->arena);
	k->zone.rounds = 0;
	while ((r = spf_check(&q, &k->answers, &k->arena, &k->steps, &k->v)) ==
	       -EAGAIN)
		assert_true(zone_settle(&k->zone, &k->answers));
	assert_int_equal(r, 0);
}

void
spf_kit_smash_record(struct buf *record)
{
	buf_append_str(record, "v=spf1 exists:");
	for (int i = 0; i < 127; i++)
		buf_append_str(record, "%{i}");
	for (int i = 0; i < 4000; i++)
		buf_append_char(record, 'a');
	buf_append_str(record, ".test");
}
