/*
 * engine_job - how what the engine keeps changes. Private to the engine.
 *
 *	what comes (struct work) -> prepared as edits -> one job -> committed:
 *	the edits become memory -> whoever asked is answered
 *
 * One job is under way at a time and the next is prepared when it is over, so
 * what is prepared always sees what is committed. An edit is what a thing will
 * be; views and timers never look at it.
 */
#ifndef ALERT_ENGINE_JOB_H
#define ALERT_ENGINE_JOB_H

#include <sys/queue.h>

#include "alert/alert_group.h"
#include "alert/history.h"
#include "alert/incident.h"
#include "alert/notice.h"
#include "queue/teller.h"

struct rules_node;
struct engine;

/* What it would change is about to: it is prepared again for the next job. */
#define WORK_LATER 2

/* Something that will change. PREPARE makes edits in the engine's job: 0; 1:
 * there is nothing to change; WORK_LATER; -errno: refused, nothing was edited.
 * DONE has its answer, after memory changed, and frees it. */
struct work {
	STAILQ_ENTRY(work) link;
	int (*prepare)(struct engine *e, struct work *w);
	void (*done)(struct engine *e, struct work *w, int result);
	enum store_need need;
	size_t bytes; /* roughly */
	int result;
	bool goes_on; /* it is long, and part of it was done */
};
STAILQ_HEAD(work_list, work);

/* A group, and the node that leads there. */
struct route {
	struct alert_group *group;
	const struct rules_node *node;
};

struct incident_edit {
	STAILQ_ENTRY(incident_edit) link;
	struct incident *incident;
	struct incident_core c;
	char *acked_by, *note; /* owned */
	uint8_t *text;         /* owned; NULL: as before */
	uint32_t text_len;
	bool is_new, past; /* PAST: it leaves memory */
	bool worse;
	/* Where it belongs from now on; NULL: as before. In the job's arena. */
	struct route *routes;
	uint32_t nroutes;
	bool idle; /* only ROUTES change, which are no part of the record */
};

struct group_edit {
	STAILQ_ENTRY(group_edit) link;
	struct alert_group *group;
	struct group_core c;
	bool is_new, ended;
	/* Before this, and what the job wants; it may be looked at while that
	 * is out. */
	int64_t had_due_ms, want_ms;
	/* The record says that it is due then, for a life that does not know
	 * what the job left untold; 0: it leaves nothing. */
	int64_t again_ms;
	bool idle; /* what it wants comes no sooner than it was due */
	const char *receiver; /* a name: it goes there; NULL: as before */
	uint8_t old_print[GROUP_PRINT]; /* what it had when it goes */
};

struct notice_edit {
	STAILQ_ENTRY(notice_edit) link;
	struct notice *notice;
	struct notice_core c;
	uint8_t *both; /* owned */
	uint32_t n;
	bool is_new, ended;
	const char *receiver;  /* a name; NULL: as before */
	struct intent *intent; /* it is written only if this comes to pass */
};

/*
 * What a flush does with one notice: its next state, and the message that
 * leads there, if there is one. Those that one mail serves follow its LEAD.
 */
struct intent {
	struct flush_group *group;
	struct notice *notice;
	bool is_new;         /* the notice is */
	struct intent *lead; /* itself, or whose mail tells this, too */
	struct intent *next; /* of the same mail */
	uint8_t *both;       /* owned; the notice's next state, N slots */
	uint32_t n;
	bool tells;           /* there is something to publish */
	uint64_t old_message; /* to be withdrawn; 0: none */
	uint64_t message;
	struct publish *publish; /* the lead's, until the job's AFTER */
	uint8_t kind;            /* enum notice_kind */
	int64_t event_ms;        /* what is told first came to pass; 0: none */
	int unwritten;           /* the lead's letter could not be: why */
	bool dropped;            /* what it was made of is no longer so */
	bool skipped;            /* by the job: the old message is out */
	bool published;          /* the lead's PUBLISH was written */
	bool falls_back;         /* somebody else is told instead */
	bool cancelled;          /* those whose mail it is can't come along */
	bool untold;             /* ... and it was to tell something */
	bool edited;             /* the notice's next state is in the job */
	uint64_t seen_version;   /* the notice's, when this was made */
	bool critical;
	struct engine_letter *letter; /* the lead's; owned */
};

struct put {
	struct store_key key;
	struct store_place place;
	uint64_t blob;
	uint32_t old_pages;  /* of the text before */
	size_t at, len;      /* of the value, in the job's bytes */
	const uint8_t *text; /* in pages: borrowed until the job is over */
	size_t text_len;
	uint32_t pages;        /* it will have */
	uint64_t expect;       /* version; 0: there is none yet */
	bool any;              /* whatever its version */
	uint64_t version;      /* what it became */
	uint64_t *ret_version; /* in memory; NULL: nobody asks */
	uint32_t *ret_pages;
	struct intent *intent; /* only if it comes to pass; NULL: always */
	enum { PUT_RECORD, PUT_DELETE, PUT_PRUNE } what;
};

struct job {
	struct store_job store;
	bool out; /* under way */
	struct work_list works;
	STAILQ_HEAD(, incident_edit) incidents;
	STAILQ_HEAD(, group_edit) groups;
	STAILQ_HEAD(, notice_edit) notices;
	struct put *v; /* owned */
	size_t n, cap;
	struct buf bytes;
	struct intent **intents; /* owned array of borrowed leads */
	size_t nintents, intents_cap;
	struct arena arena;
};

/* --- engine_job.c: edits, records ------------------------------------------- */

void job_init(struct engine *e);
void job_done(struct engine *e);
/* Prepare and begin the next job, unless one is under way. */
void job_step(struct engine *e);
struct incident_edit *job_incident(struct engine *e, struct incident *in);
struct group_edit *job_group(struct engine *e, struct alert_group *g);
/* It is to be looked at, at WHEN at the latest. */
void job_group_want(struct engine *e, struct alert_group *g, int64_t when);
/* With at least SLOTS. */
struct notice_edit *job_notice(struct engine *e, struct notice *n,
			       uint32_t slots);
/* What it will be. */
const struct incident_core *job_core(const struct incident *in);
const struct group_core *job_group_core(const struct alert_group *g);
struct incident *job_new_incident(struct engine *e, const uint8_t *print);
/* Only where it belongs changes. */
struct incident_edit *job_incident_routes(struct engine *e,
					  struct incident *in);
void job_intent(struct engine *e, struct intent *lead);
struct alert_group *job_new_group(struct engine *e, const char *receiver,
				  const struct labels *labels, uint8_t flags,
				  const uint8_t *print);
/* G, with all that was told there, is RECEIVER's from now on. */
void job_move_group(struct engine *e, struct alert_group *g,
		    const char *receiver, const uint8_t *print);

/* --- engine_put.c: records -------------------------------------------------- */

/* All edits become puts. */
void job_seal(struct engine *e);
store_fn job_fn;
/* Only if IT comes to pass. */
void job_history_if(struct engine *e, struct intent *it, struct incident *in,
		    enum history_what what, const char *who, const char *fmt,
		    ...) __attribute__((format(printf, 6, 7)));
void job_history(struct engine *e, struct incident *in, enum history_what what,
		 const char *who, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The value is appended to the job's bytes; then put_seal(). */
struct put *job_put(struct engine *e, struct store_key key);
void put_seal(struct engine *e, struct put *p);
struct store_key engine_key(uint8_t kind, uint64_t a);
/* The number in KEY's bytes from AT on. */
uint64_t engine_key_part(const struct store_key *key, size_t at);
struct store_key engine_key_2(uint8_t kind, uint64_t a, uint64_t b);
void put_text(struct put *p, uint64_t blob, const uint8_t *text, size_t len,
	      uint32_t old_pages);

#endif
