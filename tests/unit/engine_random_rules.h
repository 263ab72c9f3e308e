/*
 * engine_random_rules - the alerts, the people and the rules that
 * test_engine_random draws from.
 */
#ifndef TESTS_UNIT_ENGINE_RANDOM_RULES_H
#define TESTS_UNIT_ENGINE_RANDOM_RULES_H

#include <stdbool.h>
#include <stddef.h>

#define NALERTS 8

struct random_alert {
	const char *name, *host, *team;
};
extern const struct random_alert alerts[NALERTS];

/* "list" stands for x and y; boss is whom an escalation tells, rest the
 * fallback. */
enum who { ANNA, DORA, X, Y, BOSS, REST, NWHO };

extern const char *const names[NWHO];

#define BIT(who)   (1u << (who))
#define OPS_ARE    (BIT(ANNA) | BIT(X) | BIT(Y))
#define DB_ARE     BIT(DORA)
#define OTHERS_ARE (BIT(BOSS) | BIT(REST))

/* How alerts are routed. */
enum form {
	FORM_PLAIN,
	FORM_RENAMED, /* "ops" is called "team" */
	FORM_BY_HOST,
	FORM_SWAPPED, /* "ops" and "db" */
	FORM_NO_DB,
	NFORM,
};

struct ruleset {
	enum form form;
	bool inhibits, escalates, falls_back, rates, holds;
	unsigned web, db; /* whom alerts of these teams are told */
	char name[80], yaml[1500];
};

/* The rest of R by the first two lines of it. */
void ruleset_make(struct ruleset *r);
/* Whom R tells of alert I, without those who are told later. */
unsigned told_by(const struct ruleset *r, size_t i);
/* RECEIVER ("name: ops") is in the rules LAST, and not in NEXT. */
bool is_gone(const struct ruleset *last, const struct ruleset *next,
	     const char *receiver);
/* They differ in names at most: groups of one are groups of the other. */
bool is_same_form(enum form a, enum form b);

#endif
