/*
 * engine_impl - what the parts of the engine share; nobody else includes it.
 * How what they keep changes is in engine_job.h.
 */
#ifndef ALERT_ENGINE_IMPL_H
#define ALERT_ENGINE_IMPL_H

#include <sys/queue.h>

#include <uthash.h>

#include "alert/alert_group.h"
#include "alert/due_heap.h"
#include "alert/engine.h"
#include "alert/engine_job.h"
#include "alert/id_index.h"
#include "alert/incident.h"
#include "alert/inhibit.h"
#include "alert/notice.h"
#include "alert/render.h"
#include "alert/rules.h"
#include "alert/silence.h"
#include "queue/teller.h"

#define ENGINE_SECOND 1000
#define ENGINE_MINUTE (60 * INT64_C(1000))
#define ENGINE_HOUR   (60 * ENGINE_MINUTE)
#define ENGINE_DAY    (24 * ENGINE_HOUR)

/* The stored expiry is rewritten at most so often. */
#define ENGINE_COARSE_MS (10 * ENGINE_MINUTE)
/* What is resolved stays in memory for so long at least. */
#define ENGINE_LINGER_MS ENGINE_HOUR
/* What the store would not take is tried again. */
#define ENGINE_AGAIN_MS (5 * ENGINE_SECOND)

/* --- memory -------------------------------------------------------------- */

enum due_kind { DUE_INCIDENT, DUE_GROUP, DUE_SILENCE };

struct alert_group;

/* Where an incident stands in a group. */
struct link {
	struct alert_group *group;
	uint32_t slot;
};

struct source {
	UT_hash_handle hh;
	int64_t heard_ms; /* the last post that this process saw */
	int64_t back_ms;  /* when it was heard after a silence */
	uint32_t nopen;   /* incidents */
	bool silent;      /* was told as such */
	char name[];
};

struct incident {
	UT_hash_handle by_id, by_print;
	uint64_t id;
	struct incident_core c;
	struct source *source;
	char *acked_by; /* owned, or who closed it; NULL: nobody */
	char *note;     /* owned: what they said; NULL: nothing */
	uint8_t *text;  /* owned; see incident.h */
	uint32_t text_len;
	uint32_t pages; /* of the text in the store */
	uint64_t version;
	int64_t expires_ms; /* C's are coarse */
	int64_t heard_ms;
	uint16_t nhistory; /* entries of this life */
	uint32_t nlinks;
	struct link *links;       /* owned */
	struct rules_sides sides; /* of inhibit_rules */
	uint32_t rises;           /* how often it became worse */
	bool inhibits;            /* it stands in the index of those that do */
	bool suppressed;          /* nobody is told, as when last looked at */
	struct due_node due;
	struct incident_edit *edit; /* while a job is prepared or out */
};

enum member_flag {
	MEMBER_LEFT = 1 << 0,      /* routing no longer says so: only its end
				    * is told */
	MEMBER_INHIBITED = 1 << 1, /* when it was looked at last */
};

struct member {
	struct incident *incident;
	const struct rules_node *node; /* by which it came; NULL: not known */
	uint32_t seq; /* of the notice that told it first; 0: none did */
	uint8_t flags;
};

struct notice {
	struct alert_group *group;
	struct notice_core c;
	uint8_t channel;                                     /* enum channel */
	const char *address, *person, *time_zone, *receiver; /* names */
	uint32_t n, pages;
	uint8_t *both; /* owned; by slot, N of them; what is behind is 0 */
	uint64_t version;
	struct notice *same; /* a ring of those of one message; NULL: alone */
	bool deferred;       /* it was due while MESSAGE was out */
	bool older; /* MESSAGE was there at the start: a try of it may have been
		     * cut off by the end before */
	struct notice_edit *edit;
};

struct alert_group {
	UT_hash_handle by_id, by_print;
	uint64_t id;
	uint8_t print[GROUP_PRINT];
	struct group_core c;
	const char *receiver; /* a name */
	uint8_t *labels;      /* owned, packed */
	uint32_t labels_len;
	/* Of the most pressing of its members, by whose times it escalates;
	 * NULL: routing has no more for it. */
	const struct rules_node *node;
	uint32_t n, cap;
	struct member *v; /* owned */
	uint32_t open_at; /* where one that is open was found last */
	uint32_t nnotices;
	struct notice **notices; /* owned */
	uint64_t version;
	struct flush_group *flushed; /* where it is busy */
	bool busy;  /* a flush of it is being written or committed */
	bool alone; /* its last flush failed: the next is without others */
	uint32_t joining; /* so many join, or stay, with the job */
	int64_t look_ms;  /* 0: no need to */
	int64_t later_ms; /* its last flush failed: not before then */
	int64_t held_ms;  /* its receiver's rate is used up: the digest; 0 */
	struct due_node due;
	struct group_edit *edit;
};

struct silence {
	struct engine_silence s; /* strings in ARENA */
	struct arena arena;
	uint64_t id; /* of the record */
	uint64_t version;
	struct due_node due;
};

struct mute {
	int64_t until_ms; /* 0: none */
	int64_t since_ms;
	bool said;  /* that it began */
	bool ended; /* at UNTIL; only that is still to be said */
	char reason[256], who[128];
};

/* Why nobody is told of an incident. */
enum quiet {
	QUIET_NOT,
	QUIET_MUTE,
	QUIET_INTERVAL,
	QUIET_MAINTENANCE,
	QUIET_SILENCE,
	QUIET_INHIBITED,
};

struct name {
	UT_hash_handle hh;
	char text[];
};

/* --- the engine ---------------------------------------------------------- */

struct engine {
	struct engine_deps deps;
	struct store *store;
	struct rules *rules; /* a reference */
	/* A reference; NULL: none. What is under way was prepared by the others
	 * and points into them. */
	struct rules *next_rules;
	bool started, loaded, stopping, losing;
	struct load *load;

	struct incident *incidents, *incidents_by_print;
	struct id_index in_order; /* the same incidents */
	struct alert_group *groups, *groups_by_print;
	struct id_index groups_in_order;
	struct source *sources;
	struct name *names;
	uint64_t count[INCIDENT_NSTATE];
	/* Incidents; notices whose message is in the queue, and those that took
	 * nothing. */
	uint64_t nacked, nflapping, nsuppressed, nout, nfailed;
	/* Those that a job is about to make. */
	struct incident *fresh_incidents;
	struct alert_group *fresh_groups;

	struct silence **silences; /* owned */
	size_t nsilences;
	struct mute mute;
	struct {
		unsigned changes; /* of MUTE so far */
		bool edited;      /* a job is about to change it */
		bool ending, saying;
		int64_t later_mono_ms; /* it failed: not before then */
	} muting;
	struct inhibit *inhibit;
	bool look_all;
	unsigned nreroutes; /* under way */
	bool routed;        /* all were, since the start */
	size_t nflushes;    /* under way */

	struct due_heap dues, group_dues;
	struct throttle *throttles;
	char *hostname; /* owned */
	struct suspended *suspended;
	struct own_word *own_words;   /* not taken yet */
	STAILQ_HEAD(, outcome) early; /* came before all was read */
	struct malformed_place {
		uint64_t blob;
		uint32_t pages;
	} malformed[ENGINE_MALFORMED_MAX];
	unsigned next_malformed, nmalformed_waiting;
	int64_t newest_malformed_ms;
	bool clock_known, clock_doubt;
	int64_t doubt_mono_ms, marks_ms;
	uint64_t limits_hit; /* of RULES, as logged */
	struct metric_cell *incidents_cell[INCIDENT_NSTATE], *latency_cell;
	struct metric_cell *bytes_cell, *full_cell;
	struct metric_cell *outcome_cell[CHANNEL_NCHANNEL][2];
	struct loop_timer timer;
	struct post turn_post;
	bool turn_posted;
	int64_t awake_since_ms, wall_minus_mono_ms, reroute_ms;

	struct job job;
	struct work_list waiting;
	struct work_list reroutes;     /* again at REROUTE_MS, monotonic */
	size_t nwaiting, waiting_text; /* alerts; bytes */
	size_t held_bytes;             /* of all incidents ... */
	size_t fresh_bytes;            /* ... and that a job adds to them */
	bool full;                     /* as logged */
	bool step_posted;
	struct post step_post;
	struct arena scratch; /* within one call */
};

/* --- engine.c: the frame, names, what is where ----------------------------- */

const char *engine_name(struct engine *e, const char *text);
int64_t engine_now(const struct engine *e);
/* The next job is begun in a turn of its own. */
void engine_step_soon(struct engine *e);
/* W waits for the next job; it is answered. */
void engine_submit(struct engine *e, struct work *w);
/* The same, before what waits already. */
void engine_submit_first(struct engine *e, struct work *w);
struct source *engine_source(struct engine *e, const char *name);
/* Of what is, or is about to be. */
struct incident *engine_find_print(struct engine *e, const uint8_t *print);
struct incident *engine_find_id(struct engine *e, uint64_t id);
void engine_turn_soon(struct engine *e);
/* What one takes of memory that says TEXT_LEN bytes. */
size_t incident_bytes(size_t text_len);
/* The next rules, if there are any, and no job is out. */
void engine_adopt_rules(struct engine *e);
void engine_count(struct engine *e, const struct incident *in);
void engine_uncount(struct engine *e, const struct incident *in);
/* IN leaves memory; it stands in no group. */
void engine_forget(struct engine *e, struct incident *in);
void incident_free(struct incident *in);
/* In ARENA. What could be read when it came can be read now. */
void incident_get_text(const struct incident *in, struct arena *arena,
		       struct incident_text *ret);
/* With what a job will make of it. */
void incident_next_text(const struct incident *in, struct arena *arena,
			struct incident_text *ret);
int64_t engine_retention(const struct engine *e);

/* --- engine_group.c: groups and notices in memory ---------------------------- */

void group_free(struct alert_group *g);
/* Is it T that N tells? */
bool notice_is_to(const struct notice *n, const struct target *t);
void group_forget(struct engine *e, struct alert_group *g);
void group_apply(struct engine *e, struct group_edit *ed);
/* When it is looked at next. */
void group_plan(struct engine *e, struct alert_group *g);
void group_get_labels(const struct alert_group *g, struct arena *arena,
		      struct labels *ret);
/* One that the job is about to make. */
struct alert_group *group_find_fresh(struct engine *e, const uint8_t *print);
struct alert_group *group_find_print(struct engine *e, const uint8_t *print);
struct alert_group *group_find_id(struct engine *e, uint64_t id);
struct link *incident_link(const struct incident *in,
			   const struct alert_group *g);
struct link *group_add_member(struct alert_group *g, struct incident *in);
/* Its groups are those of V; those that it was in before, it has left. */
void incident_apply_routes(struct incident *in, const struct route *v,
			   size_t n);
/* They are of rules that go. */
void group_forget_nodes(struct alert_group *g);
void group_remove_member(struct alert_group *g, uint32_t slot);
void notice_free(struct notice *n);
void notice_apply(struct engine *e, struct notice_edit *ed);
void group_add_notice(struct engine *e, struct alert_group *g,
		      struct notice *n);
/* N's message is MESSAGE no longer shared with the others. */
void notice_unshare(struct notice *n);
void notice_share(struct notice *a, struct notice *b);
uint8_t notice_both(const struct notice *n, uint32_t slot);

/* --- engine_load.c ------------------------------------------------------------ */

void engine_load_start(struct engine *e);
void engine_load_free(struct engine *e);
/* All is read. */
void engine_loaded(struct engine *e);

/* --- engine_view.c ------------------------------------------------------------ */

/* What a record has, into a struct of the caller's, whose text lies in ARENA;
 * what is only of memory is not set. 0 or -EBADMSG, ... */
int incident_read(struct store_txn *txn, const struct store_rec *rec,
		  struct arena *arena, struct incident *ret);

/* --- engine_past.c ------------------------------------------------------------ */

/* Mark what is over and not in memory; as engine_act(). */
void past_mark_noise(struct engine *e, uint64_t id, const char *who,
		     const char *note, engine_done_fn *done, void *arg);

/* --- engine_route.c: where, and when ---------------------------------------- */

int64_t group_due_for_new(const struct route *r, bool critical, int64_t now);
void engine_incident_opened(struct engine *e, struct incident *in);
/* How long a recovery of M has to last: where routing has left its group, as in
 * those that it leads to. */
int64_t member_hold(const struct member *m);
/* It stays where it is, and is as new to who has not been told. */
void engine_incident_anew(struct engine *e, struct incident *in);
/* HOLDS: it may come back soon. */
void engine_incident_over(struct engine *e, struct incident *in, bool holds);
/* Who was told that it fires is told so again; what is on its way to them says
 * too little, too. */
void incident_is_worse(struct engine *e, struct incident *in);
bool incident_is_critical(struct engine *e, const struct incident *in);
void engine_reroute(struct engine *e);
void reroute_turn(struct engine *e);
void reroutes_free(struct engine *e);

/* --- engine_marks.c: who is kept quiet ---------------------------------------- */

bool engine_is_muted(const struct engine *e, int64_t now);
size_t silences_of(const struct engine *e, const struct labels *labels,
		   int64_t now, const char **ret, size_t max);
enum quiet engine_quiet(const struct engine *e, const struct incident *in,
			const struct labels *labels,
			const struct rules_node *node, int64_t now);
/* IN was looked at, and this was found of it. */
void incident_note_quiet(struct engine *e, struct incident *in, bool quiet);
/* Look at IN: it is new, or became another. */
void incident_look(struct engine *e, struct incident *in);
void inhibit_set_sides(struct engine *e, struct incident *in);
void inhibit_update(struct engine *e, struct incident *in);
void inhibit_off(struct engine *e, struct incident *in);
/* By other rules: nobody inhibits until looked at. */
void inhibit_begin(struct engine *e);
void inhibit_renew(struct engine *e, struct incident *in);

/* --- engine_flush.c: who is told what ----------------------------------------- */

struct flush;
void engine_look_all(struct engine *e);
void group_look_soon(struct engine *e, struct alert_group *g);
void throttle_free(struct engine *e);
/* Groups that are due, until there are enough letters. */
void flush_begin(struct engine *e, int64_t now);
/* Which of them come to pass; then each is run. */
void intents_check(struct engine *e, struct store_txn *txn,
		   struct intent *const *v, size_t n);
int intent_run(struct engine *e, struct store_txn *txn, struct intent *lead);
void intent_after(struct intent *lead, int result);

/* --- engine_time.c ------------------------------------------------------------- */

/* When something happens to IN by itself. */
void engine_plan(struct engine *e, struct incident *in);
void engine_replan_all(struct engine *e);
/* While a job is prepared: its state changes. */
void engine_note_change(struct engine *e, struct incident *in);

/* --- engine_outcome.c, engine_suspend.c ------------------------------------------ */

queue_teller_fn outcome_tell;
void outcomes_early(struct engine *e);
/* MESSAGE is no more, and nobody says what became of it. */
void outcome_lost(struct engine *e, uint64_t message);
void lost_begin(struct engine *e);
void outcomes_drop(struct engine *e);
/* Is ADDRESS suspended, even if its day is over? */
bool suspend_knows(const struct engine *e, enum channel channel,
		   const char *address);
/* Is it left alone at NOW? */
bool suspend_skips(const struct engine *e, enum channel channel,
		   const char *address, int64_t now);
/* A message goes there: while its fate is not known no other does. */
void suspend_probes(struct engine *e, const struct notice *n);
/* While a job is prepared. */
void suspend_failed(struct engine *e, struct notice *n, const char *dsn,
		    const char *words);
void suspend_worked(struct engine *e, struct notice *n);
/* The job where one of them worked is over. */
void suspends_done(struct engine *e, int result);
int suspend_load(struct engine *e, uint64_t id, const void *value, size_t len);
size_t suspend_count(const struct engine *e);
/* The rules are new: those that are in no receiver any more go. */
void suspend_rules(struct engine *e);
/* What was wrong may be mended: each is tried once. */
void suspends_probe(struct engine *e);
void suspend_free(struct engine *e);

/* --- engine_say.c ------------------------------------------------------------------ */

/* Until it is taken. Takes over ARENA, where A and its key lie. */
void own_say(struct engine *e, const struct alert *a, struct arena *arena);
void own_turn(struct engine *e);
void own_words_free(struct engine *e);

/* --- engine_silence.c, engine_mute.c, engine_malformed.c, engine_metric.c ----------- */

int silence_load(struct engine *e, uint64_t id, uint64_t version,
		 const void *value, size_t len);
void silence_due(struct engine *e, struct silence *s);
void silences_free(struct engine *e);
int mute_load(struct engine *e, const void *value, size_t len);
void mute_turn(struct engine *e, int64_t now);
/* Is IN, which is over, to be looked at when the mute ends? */
bool mute_waits_for(const struct engine *e, const struct incident *in);
void malformed_load(struct engine *e, uint8_t at, uint64_t blob, uint32_t pages,
		    const void *value, size_t len);
void metric_init(struct engine *e);
void metric_full(struct engine *e);
void metric_outcome(struct engine *e, const struct notice *n, bool accepted);

int engine_channel(const char *name); /* -1: none */

#endif
