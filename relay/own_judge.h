/*
 * own_judge - which alerts Belfry raises of itself, by what it knows.
 *
 *	queue_stuck    something that could be delivered waits for longer than
 *	               `delivery.warn_after`, at two looks in a row: not what is
 *	               being tried; at a domain's own hosts only when much
 *	               does, since some of them are always down
 *	double_bounce  mail could not be returned in the last hour
 *	certificate    one ends within 14 days, critical within 3
 *	store          it is nearly full, critical when mail is refused soon
 *	paused         for a quarter of an hour
 *	refused        what a source said in the last hour was not understood,
 *	               was too large or came too often
 *
 * The endpoints of alerts are left out of the first: that one can't be told is
 * an alert of the engine's own, and must not feed another.
 *
 * Pure. What is said while it lasts is what was said first, so that it is one
 * alert and no news.
 */
#ifndef RELAY_OWN_JUDGE_H
#define RELAY_OWN_JUDGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "alert/source.h"
#include "queue/queue.h"

/* As engine_own(). */
typedef void own_say_fn(void *ctx, const char *kind, const char *key,
			bool firing, const char *summary, const char *severity);

struct own_certificate {
	const char *file;
	int64_t not_after_ms;
};

struct own_facts {
	int64_t now_ms;
	const struct queue_stats *stats;
	int64_t warn_after_ms; /* 0: nothing is ever late */
	bool smarthost;        /* mail goes to hosts that are named */
	uint64_t double_bounces;
	size_t ncertificates;
	const struct own_certificate *certificates;
	size_t nsources;
	const struct rules_source *sources;
};

struct own_entry;
struct own_refused;
struct own_judge {
	LIST_HEAD(, own_entry) open;      /* owned */
	LIST_HEAD(, own_refused) refused; /* owned; of the last hour */
	bool stuck;                       /* the queue was at the look before */
	uint64_t bounces;
	int64_t bounce_ms; /* when there were more last */
};

void own_judge_init(struct own_judge *j, int64_t now_ms);
void own_judge_done(struct own_judge *j);
/* What SOURCE said was refused at NOW_MS, for WHY: the next looks know. HELP, for
 * who mends it, is a constant. */
void own_judge_refused(struct own_judge *j, const char *source, const char *why,
		       const char *help, int64_t now_ms);
/* That an earlier life said SUMMARY, by its "KIND KEY": before the first look. */
void own_judge_said(struct own_judge *j, const char *key, const char *summary,
		    int64_t now_ms);
/* Say what is so, again too, and once what is no more. */
void own_judge_look(struct own_judge *j, const struct own_facts *f,
		    own_say_fn *say, void *ctx);

#endif
