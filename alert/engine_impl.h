/*
 * engine_impl - what the parts of the engine share; nobody else includes it.
 *
 *	what comes (struct work) -> prepared as edits -> one job -> committed:
 *	the edits become memory -> whoever asked is answered
 *
 * One job is under way at a time and the next is prepared when it is over, so
 * what is prepared always sees what is committed. An edit is what a thing will
 * be; views and timers never look at it.
 */
#ifndef ALERT_ENGINE_IMPL_H
#define ALERT_ENGINE_IMPL_H

#include <sys/queue.h>

#include <uthash.h>

#include "alert/alert_group.h"
#include "alert/due_heap.h"
#include "alert/engine.h"
#include "alert/history.h"
#include "alert/incident.h"
#include "alert/notice.h"
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

enum due_kind { DUE_INCIDENT, DUE_GROUP, DUE_TICK };

struct alert_group;
struct incident_edit;
struct group_edit;
struct notice_edit;

/* Where an incident stands in a group. */
struct link {
	struct alert_group *group;
	uint32_t slot;
};

struct source {
	UT_hash_handle hh;
	int64_t heard_ms; /* the last post that this process saw */
	uint32_t nopen;   /* incidents */
	bool silent;      /* was told as such */
	char name[];
};

struct incident {
	UT_hash_handle by_id, by_print;
	uint64_t id;
	struct incident_core c;
	struct source *source;
	char *acked_by; /* owned; NULL: nobody */
	uint8_t *text;  /* owned; see incident.h */
	uint32_t text_len;
	uint32_t pages; /* of the text in the store */
	uint64_t version;
	int64_t expires_ms; /* C's are coarse */
	int64_t heard_ms;
	uint16_t nhistory; /* entries of this life */
	uint16_t nlinks;
	struct link *links; /* owned */
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
	const struct rules_node *node; /* NULL: routing has no more for it */
	uint32_t n, cap;
	struct member *v; /* owned */
	uint32_t nnotices;
	struct notice **notices; /* owned */
	uint64_t version;
	bool busy;  /* a flush of it is being written or committed */
	bool held;  /* its receiver's rate is used up: waits for the digest */
	bool alone; /* its last flush failed: the next is without others */
	int64_t look_ms; /* 0: no need to */
	struct due_node due;
	struct group_edit *edit;
};

struct name {
	UT_hash_handle hh;
	char text[];
};

/* --- the job ------------------------------------------------------------- */

struct engine;

/* Something that will change. PREPARE makes edits in the engine's job: 0; 1:
 * there is nothing to change; -errno: refused, nothing was edited. DONE has its
 * answer, after memory changed, and frees it. */
struct work {
	STAILQ_ENTRY(work) link;
	int (*prepare)(struct engine *e, struct work *w);
	void (*done)(struct engine *e, struct work *w, int result);
	enum store_need need;
	size_t bytes; /* roughly */
	int result;
};
STAILQ_HEAD(work_list, work);

struct incident_edit {
	STAILQ_ENTRY(incident_edit) link;
	struct incident *incident;
	struct incident_core c;
	char *acked_by; /* owned */
	uint8_t *text;  /* owned; NULL: as before */
	uint32_t text_len;
	bool is_new, past; /* PAST: it leaves memory */
	bool silent;       /* nothing of its record changes */
};

struct group_edit {
	STAILQ_ENTRY(group_edit) link;
	struct alert_group *group;
	struct group_core c;
	bool is_new, ended;
};

struct notice_edit {
	STAILQ_ENTRY(notice_edit) link;
	struct notice *notice;
	struct notice_core c;
	uint8_t *both; /* owned */
	uint32_t n;
	bool is_new, ended;
};

struct join {
	STAILQ_ENTRY(join) link;
	struct incident *incident;
	struct alert_group *group;
	bool leaves;
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
	uint64_t version;      /* what it became */
	uint64_t *ret_version; /* in memory; NULL: nobody asks */
	uint32_t *ret_pages;
	enum { PUT_RECORD, PUT_DELETE, PUT_PRUNE } what;
};

struct job {
	struct store_job store;
	bool out; /* under way */
	struct work_list works;
	STAILQ_HEAD(, incident_edit) incidents;
	STAILQ_HEAD(, group_edit) groups;
	STAILQ_HEAD(, notice_edit) notices;
	STAILQ_HEAD(, join) joins;
	struct put *v; /* owned */
	size_t n, cap;
	struct buf bytes;
	struct arena arena;
};

struct engine {
	struct engine_deps deps;
	struct store *store;
	struct rules *rules; /* a reference */
	bool started, loaded, stopping;
	struct load *load;

	struct incident *incidents, *incidents_by_print;
	struct alert_group *groups, *groups_by_print;
	struct source *sources;
	struct name *names;
	uint64_t count[INCIDENT_NSTATE];
	/* Those that a job is about to make. */
	struct incident *fresh_incidents;
	struct alert_group *fresh_groups;

	struct due_heap dues;
	struct loop_timer timer;
	struct post turn_post;
	bool turn_posted;
	int64_t awake_since_ms, wall_minus_mono_ms;

	struct job job;
	struct work_list waiting;
	size_t nwaiting; /* alerts */
	bool step_posted;
	struct post step_post;
	struct arena scratch; /* within one call */
};

/* --- engine.c: the frame, names, what is where ----------------------------- */

const char *engine_name(struct engine *e, const char *text);
int64_t engine_now(const struct engine *e);
/* W waits for the next job; it is answered. */
void engine_submit(struct engine *e, struct work *w);
struct source *engine_source(struct engine *e, const char *name);
/* Of what is, or is about to be. */
struct incident *engine_find_print(struct engine *e, const uint8_t *print);
struct incident *engine_find_id(struct engine *e, uint64_t id);
void engine_turn_soon(struct engine *e);
void engine_count(struct engine *e, const struct incident *in);
void engine_uncount(struct engine *e, const struct incident *in);
/* IN leaves memory; it stands in no group. */
void engine_forget(struct engine *e, struct incident *in);
void incident_free(struct incident *in);
/* In ARENA. What could be read when it came can be read now. */
void incident_get_text(const struct incident *in, struct arena *arena,
		       struct incident_text *ret);
int64_t engine_retention(const struct engine *e);

/* --- engine_job.c: edits, records ------------------------------------------- */

void job_init(struct engine *e);
void job_done(struct engine *e);
/* Prepare and begin the next job, unless one is under way. */
void job_step(struct engine *e);
struct incident_edit *job_incident(struct engine *e, struct incident *in);
struct group_edit *job_group(struct engine *e, struct alert_group *g);
/* With at least SLOTS. */
struct notice_edit *job_notice(struct engine *e, struct notice *n,
			       uint32_t slots);
/* What it will be. */
const struct incident_core *job_core(const struct incident *in);
const struct group_core *job_group_core(const struct alert_group *g);
struct incident *job_new_incident(struct engine *e, const uint8_t *print);
struct alert_group *job_new_group(struct engine *e, const char *receiver,
				  const struct labels *labels, uint8_t flags,
				  const uint8_t *print);
void job_join(struct engine *e, struct incident *in, struct alert_group *g,
	      bool leaves);

/* --- engine_put.c: records -------------------------------------------------- */

/* All edits become puts. */
void job_seal(struct engine *e);
store_fn job_fn;
void job_history(struct engine *e, struct incident *in, enum history_what what,
		 const char *who, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The value is appended to the job's bytes; then put_seal(). */
struct put *job_put(struct engine *e, struct store_key key);
void put_seal(struct engine *e, struct put *p);
struct store_key engine_key(uint8_t kind, uint64_t a);
struct store_key engine_key_2(uint8_t kind, uint64_t a, uint64_t b);

/* --- engine_group.c: groups and notices in memory ---------------------------- */

void group_free(struct alert_group *g);
void group_forget(struct engine *e, struct alert_group *g);
void group_apply(struct engine *e, struct group_edit *ed);
void group_apply_join(struct engine *e, struct join *j);
/* When it is looked at next. */
void group_plan(struct engine *e, struct alert_group *g);
void group_get_labels(const struct alert_group *g, struct arena *arena,
		      struct labels *ret);
struct alert_group *group_find_print(struct engine *e, const uint8_t *print);
struct alert_group *group_find_id(struct engine *e, uint64_t id);
struct link *incident_link(const struct incident *in,
			   const struct alert_group *g);
struct link *group_add_member(struct alert_group *g, struct incident *in);
void group_remove_member(struct alert_group *g, uint32_t slot);
void notice_free(struct notice *n);
void notice_apply(struct engine *e, struct notice_edit *ed);
void group_add_notice(struct alert_group *g, struct notice *n);
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

/* --- engine_time.c ------------------------------------------------------------ */

/* When something happens to IN by itself. */
void engine_plan(struct engine *e, struct incident *in);

#endif
