/*
 * route_test - who would be told of an alert, when and why, by the rules alone.
 *
 * What is open, silenced or acknowledged now is not looked at; nothing is sent.
 */
#ifndef CLI_ROUTE_TEST_H
#define CLI_ROUTE_TEST_H

#include <jansson.h>
#include <stdint.h>

#include "alert/alert.h"
#include "alert/rules.h"

struct route_test {
	const struct rules *rules;
	const struct alerts_conf *conf; /* what RULES were made of */
	int64_t at_ms;
	struct arena *arena;
};

/* All that is known, as an object; the caller's. */
json_t *route_test_json(const struct route_test *rt, const struct alert *a);
/* The same for people, from that object. */
void route_test_print(const json_t *object);

#endif
