/*
 * engine_random_rules - the alerts, the people and the rules that
 * test_engine_random draws from.
 */
#ifndef TESTS_UNIT_ENGINE_RANDOM_RULES_H
#define TESTS_UNIT_ENGINE_RANDOM_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define NALERTS 8

static const struct {
	const char *name, *host, *team;
} alerts[NALERTS] = {
	{"Disk", "h0", "web"}, {"Disk", "h1", "web"}, {"Disk", "h2", "db"},
	{"Load", "h3", "web"}, {"Load", "h4", "db"},  {"Load", "h5", "db"},
	{"Net", "h6", "web"},  {"Net", "h7", "db"},
};

/* "list" stands for x and y. */
enum who { ANNA, DORA, X, Y, NWHO };

static const char *const names[NWHO] = {"anna", "dora", "x", "y"};

#define BIT(who) (1u << (who))
#define OPS_ARE  (BIT(ANNA) | BIT(X) | BIT(Y))
#define DB_ARE   BIT(DORA)

#define OPS(name)                                                              \
	"- {name: " name ", mail: [anna@example.org, list@example.org]}\n"
#define DB   "- {name: db, mail: [dora@example.org]}\n"
#define HEAD "own: []\nreceivers:\n"
#define TREE(name, more, web, db)                                              \
	"route:\n  receiver: " web "\n  repeat_interval: 3d\n" more            \
	"  routes:\n  - {matchers: ['team=\"db\"'], receiver: " db "}\n"

static const struct ruleset {
	const char *name, *yaml;
	unsigned web, db; /* whom alerts of these teams are told */
	char form;        /* rules of the same differ in names only */
	bool inhibits;
} rulesets[] = {
	{"plain", HEAD OPS("ops") DB TREE("", "", "ops", "db"), OPS_ARE, DB_ARE,
	 'p', false},
	{"renamed", HEAD OPS("team") DB TREE("", "", "team", "db"), OPS_ARE,
	 DB_ARE, 'p', false},
	{"by host",
	 HEAD OPS("ops") DB TREE("", "  group_by: [host]\n", "ops", "db"),
	 OPS_ARE, DB_ARE, 'h', false},
	{"swapped", HEAD OPS("ops") DB TREE("", "", "db", "ops"), DB_ARE,
	 OPS_ARE, 's', false},
	{"db is gone", HEAD OPS("ops") TREE("", "", "ops", "ops"), OPS_ARE,
	 OPS_ARE, 'o', false},
	{"inhibited",
	 HEAD OPS("ops") DB TREE(
		 "", "", "ops",
		 "db") "inhibit_rules:\n- {source_matchers: ['host=\"h0\"'], "
		       "target_matchers: ['alertname=~\"Disk|Load\"']}\n",
	 OPS_ARE, DB_ARE, 'p', true},
};

#define NRULESETS (sizeof(rulesets) / sizeof(rulesets[0]))

enum heard { HEARD_NOTHING, HEARD_FIRING, HEARD_STALE, HEARD_OVER };

static const char *const heard_names[] = {"nothing", "firing", "stale", "over"};

/* Whom the rules AT tell of alert I. */
static inline unsigned
told_by(size_t at, size_t i)
{
	return alerts[i].team[0] == 'd' ? rulesets[at].db : rulesets[at].web;
}

/* RECEIVER is only in the rules LAST, and not in NEXT. */
static inline bool
is_gone(size_t last, size_t next, const char *receiver)
{
	return strstr(rulesets[last].yaml, receiver) != NULL &&
	       strstr(rulesets[next].yaml, receiver) == NULL;
}

#endif
