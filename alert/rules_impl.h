/*
 * rules_impl - what the files of rules share.
 */
#ifndef ALERT_RULES_IMPL_H
#define ALERT_RULES_IMPL_H

#include <stdatomic.h>

#include "alert/rota.h"
#include "alert/rules.h"
#include "alert/time_interval.h"

struct rules_inhibit {
	struct matchers source, target;
	size_t nequal;
	const char *const *equal;
};

struct rules_maintenance {
	const char *name;
	struct matchers matchers;
	int64_t from_ms, until_ms; /* where NINTERVALS is 0 */
	size_t nintervals;
	const struct time_intervals *const *intervals;
};

struct rules {
	struct arena arena; /* of everything here */
	atomic_uint refs;
	atomic_ullong *limits; /* how often one was hit */
	struct rules_settings settings;
	struct matchers critical;
	size_t nsources;
	struct rules_source *sources;
	size_t npeople;
	struct rules_person *people;
	size_t nschedules;
	struct rota **schedules;
	size_t nreceivers;
	struct rules_receiver *receivers;
	size_t nintervals;
	struct time_intervals *intervals;
	struct rules_node root; /* its receiver is NULL: off */
	size_t ninhibit;
	struct rules_inhibit *inhibit;
	size_t nmaintenance;
	struct rules_maintenance *maintenance;
};

/* Rules that are being made. The parts may be made in any order that has what
 * they name before them; each reports what is wrong, leaves what is half in a
 * state that rules_unref() takes, and goes on. */
struct rules_maker {
	const struct alerts_conf *conf;
	struct rules *rules;
	struct arena *arena; /* that of RULES */
	struct conf_errors *errors;
};

/* rules_sources.c */
void rules_make_sources(struct rules_maker *m);
void rules_free_sources(struct rules *r);
/* rules_receivers.c: people, schedules, receivers */
void rules_make_receivers(struct rules_maker *m);
/* rules_tree.c: intervals, the route, inhibition, maintenance */
void rules_make_tree(struct rules_maker *m);
void rules_free_tree(struct rules *r);

/* --- what they share --------------------------------------------------------- */

/* N pointers' or structs' room, never NULL. */
#define RULES_ROOM(m, type, n)                                                 \
	((type *)arena_alloc((m)->arena, ((n) + 1) * sizeof(type)))

/* A deep copy, in the rules' arena. */
struct conf_mark *rules_copy_mark(struct rules_maker *m,
				  const struct conf_mark *mark);
const char *const *rules_copy_strings(struct rules_maker *m,
				      const struct conf_strings *s);
/* All of TEXTS as one list; what is wrong is reported as KEY's. */
void rules_matchers(struct rules_maker *m, const char *key,
		    const struct conf_strings *texts, struct matchers *ret);
/* Two of a KIND have the same name: reported at the second's MARK. */
void rules_twice(struct rules_maker *m, const char *kind, const char *name,
		 const struct conf_mark *mark);
/* LIST has no KIND called NAME: reported, with the one that may be meant. Its
 * entries have SIZE bytes, and a name at AT. */
void rules_unknown(struct rules_maker *m, const char *kind,
		   const struct conf_list *list, size_t size, size_t at,
		   const char *name, const struct conf_mark *mark);
#define RULES_UNKNOWN(m, kind, list, type, name_, mark)                        \
	rules_unknown((m), (kind), &(m)->conf->list, sizeof(type),             \
		      offsetof(type, name), (name_), (mark))

struct rules_receiver *rules_find_receiver(const struct rules *r,
					   const char *name);
/* Adds to the rules' count, and gives back whether M matches. */
bool rules_match(const struct rules *r, const struct matchers *m,
		 const struct labels *labels);

#endif
