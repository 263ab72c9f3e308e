/*
 * engine_flush - groups that are looked at together, on their way to their
 * messages. Private to the engine.
 *
 *	looked at (engine_look.c) -> what each wants (engine_want.c), intents
 *	(engine_intent.c) -> letters (engine_letter.c) -> one job
 *	(engine_commit.c, engine_flush.c)
 */
#ifndef ALERT_ENGINE_FLUSH_H
#define ALERT_ENGINE_FLUSH_H

#include "alert/engine_impl.h"

#define FLUSH_GROUPS   1000
#define FLUSH_LOOK     4    /* what a group costs, in members */
#define FLUSH_LOOKS    8000 /* of members, in a turn: about 20 ms */
#define FLUSH_LETTERS  128  /* of one flush, and then some */
#define FLUSH_TARGETS  256
#define FLUSH_LATER_MS ENGINE_MINUTE        /* what could not be written */
#define FLUSH_RETRY_MS (10 * ENGINE_SECOND) /* an attempt was out */
#define FLUSHES_MOST   2 /* not committed: bounds the letters in memory */

/* Why a group tells. */
enum why {
	WHY_DUE = 1 << 0,
	WHY_REPEAT = 1 << 1,
	WHY_STEP = 1 << 2,    /* the escalation has come to the next receiver */
	WHY_INSTEAD = 1 << 3, /* somebody could not be told */
	WHY_AGAIN = 1 << 4,   /* a notice was due while its message was out */
	WHY_ACT = 1 << 5,     /* what a person did is news */
};

struct flush_slot {
	enum quiet quiet;
	uint32_t rises; /* of the incident */
	bool critical;
};

/* Whom a group tells now. */
struct flush_target {
	struct target to;
	const struct rules_receiver *receiver;
	uint8_t origin; /* enum notice_origin */
};

/* What Belfry says itself; all of it lies in the flush's arena. */
struct announce {
	enum notice_kind kind;
	const char *subject, *why, *who, *note;
	int64_t since_ms, until_ms, next_ms;
	const char *next_what;
	size_t nfiring, nresolved, nstale, n;
	struct render_alert *v;
};

struct flush_group {
	struct flush *flush;
	struct alert_group *g;
	uint32_t n; /* members when it was looked at */
	struct flush_slot *v;
	unsigned why;
	bool quiet;  /* some of its incidents are kept so */
	bool loud;   /* somebody is to be told of one that is open */
	bool unseen; /* nobody has acknowledged one that is open */
	size_t ntargets, targets_room;
	struct flush_target *targets; /* in the arena */
	struct intent **intents;      /* in the arena */
	size_t nintents;
	bool tells, ended, digest;
	bool is_gone;          /* with the job */
	struct throttle *rate; /* it was counted by; NULL: by none */
	int64_t had_due_ms;
	int64_t remind_ms; /* how often; 0: there is nothing to remind of */
	/* What the group will be. */
	uint8_t steps;
	int64_t clock_ms, clock_from_ms, due_ms, repeat_ms;
	const char *instead_of; /* the addresses that could not be told */
	const struct announce *announce; /* NULL: of its incidents */
};

struct flush {
	struct work work;
	struct engine *e;
	struct arena arena;
	int64_t now;
	size_t ngroups, room;
	struct flush_group **groups; /* owned array; they lie in ARENA */
	size_t nletters, nwriting;
	bool says_mute; /* as it was after so many changes */
	unsigned mute_changes;
};

/* The sooner of the two; 0 is never. */
static inline void
flush_plan_first(int64_t *first, int64_t when)
{
	if (when != 0 && (*first == 0 || when < *first))
		*first = when;
}

/* Is it not known yet whether anybody hears what its message says? */
static inline bool
notice_waits(const struct notice *n)
{
	return n->c.message != 0 && !(n->c.flags & NOTICE_REACHED);
}

/* ... and may they know it all the same? */
static inline bool
notice_is_doubted(const struct notice *n)
{
	return notice_waits(n) && (n->older || n->c.flags & NOTICE_DOUBTED);
}

/* engine_commit.c */
int flush_prepare(struct engine *e, struct work *w);

/* engine_flush.c */
/* Is one open besides IN? */
bool group_has_open(struct alert_group *g, const struct incident *in);
struct flush *flush_new(struct engine *e, int64_t now);
/* G is busy from now on. */
struct flush_group *flush_add(struct flush *f, struct alert_group *g);
void flush_start(struct flush *f);
/* A, to all of R; G is the group of Belfry's own words to it. */
void flush_announce(struct flush *f, struct alert_group *g,
		    const struct rules_receiver *r, const struct announce *a);

/* engine_mute.c */
/* Is what F says still so? 0, WORK_LATER, -ECANCELED. */
int mute_may_say(const struct engine *e, const struct flush *f);
void mute_put_said(struct engine *e);
void mute_was_said(struct engine *e, int result);

/* engine_look.c */
void look_group(struct flush_group *fg);
/* Whom FG tells. */
void look_targets(struct flush_group *fg);
/* When the escalation comes to the step that follows STEPS, by its clock; 0:
 * never. */
int64_t group_step_at(const struct engine *e, const struct alert_group *g,
		      uint8_t steps, int64_t clock_ms, int64_t clock_from_ms);
/* Nobody has anything to hear of it any more. */
bool slot_is_done(const struct flush_group *fg, uint32_t slot);
bool slot_is_over(const struct flush_group *fg, uint32_t slot);
/* Nobody can be told there any more: its receiver is in no rules. */
bool group_is_gone(const struct engine *e, const struct alert_group *g);
/* Nobody has anything to hear of any of those that were looked at. */
bool fg_is_ended(const struct flush_group *fg);

/* Who was told that it fires hears who sees to it, but for them. PagerDuty has
 * one incident for all of the group: somebody has to see to all. */
bool slot_says_acked(const struct flush_group *fg, const struct notice *n,
		     uint32_t slot);
/* Is N to hear what a person did, before its turn? */
bool notice_hears_of_act(const struct flush_group *fg, const struct notice *n);

/* 0: never. */
int64_t notice_fallback_at(const struct engine *e, const struct notice *n);

/* engine_route.c */
/* One that leads to G what has LABELS, and tells it at NOW; NULL: none. */
const struct rules_node *route_awake(struct engine *e,
				     const struct alert_group *g,
				     const struct labels *labels, int64_t now);
/* Is what comes by A told sooner, and to more people, than by B? */
bool node_presses(const struct rules_node *a, const struct rules_node *b);

/* The group at NODE of what has LABELS; NULL: there is none yet. */
struct alert_group *route_known(struct engine *e, const struct rules_node *node,
				const struct labels *labels,
				struct labels *ret_group,
				uint8_t ret_print[static GROUP_PRINT]);

/* engine_move.c: while all are routed anew, the group of IN that comes to NODE,
 * as GROUP, with all that was told there; NULL: none does. */
struct alert_group *route_moved(struct engine *e, const struct incident *in,
				const struct rules_node *node,
				const struct labels *group,
				const uint8_t *print);
/* Whose receiver is no more, and who is told by another one now, is that one's;
 * a start finds that out anew. */
void look_followed(struct flush_group *fg);
/* N is about to be made, and its group went to another receiver meanwhile. */
void notice_follow(struct engine *e, struct notice *n);

/* engine_throttle.c: the receiver's rate. What is above it waits for the
 * digest. */
void throttle_look(struct flush_group *fg);
/* What it let FG tell did not come to pass: it lets it tell that again. */
void throttle_again(struct flush_group *fg);

/* engine_want.c */
/* Told as over without a word. */
#define WANT_FORGET (TOLD_MASK + 1)
#define WANT_LATER  (TOLD_MASK + 2) /* when people are told again */

/* What a notice's recipient is to be told of one member. */
struct wanted {
	const struct flush_group *fg;
	const struct notice *notice;
	uint32_t slot;
	uint8_t both; /* told, and pending: see intents_hold() */
	bool current; /* it is one that the group tells now */
	bool send_resolved;
	bool again; /* only since the outcome of its message came */
};

/* What W's recipient is to be told: an enum told, or one of the above. */
int want(const struct wanted *w);
/* What the message says that is in the queue. */
enum told wanted_said(const struct wanted *w);

/* engine_intent.c */
void intents_make(struct flush_group *fg);
void intents_announce(struct flush_group *fg, const struct rules_receiver *r);
/* Nothing is published. What each was to hear is pending without a message, so
 * that what ends before the digest is told there; who has a message in the queue
 * keeps that. */
void intents_hold(struct flush_group *fg);
/* N's message, which tells others, too, is to be taken back: FG, its group's,
 * says anew what it said. */
bool intent_join_recall(struct flush_group *fg, struct notice *n);
void intent_free(struct intent *it);

/* engine_recall.c: whose message is to be taken back, and tells others, too. */
void flush_recall(struct flush *f);

/* engine_letter.c */
void letters_write(struct flush *f);
void letter_free(struct engine_letter **l);

/* engine_subject.c */
const char *letter_subject(const struct intent *lead,
			   const struct render_notice *n, struct arena *arena);

#endif
