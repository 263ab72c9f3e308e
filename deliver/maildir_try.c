/*
 * maildir_try - an attempt on its way into a Maildir.
 *
 *	ROUTE -> READ -> WORK -> back to the queue
 *	          ^        |
 *	          +--------+  while there is more
 *
 * The content comes in pieces from the queue, on the loop; each is written in
 * the disk pool, the last one also synced and put into new/. A small message is
 * one piece, and so one job.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "deliver/deliver_impl.h"
#include "deliver/local_names.h"
#include "deliver/maildir.h"
#include "deliver/routes_conf.h"

/* The disk pool is full: the job waits. */
#define MT_AGAIN_MS 50
/* tmp/ of one Maildir is looked through so often by a loop. */
#define MT_CLEAN_MS (INT64_C(6) * 60 * 60 * 1000)
#define MT_SEEN_MAX 1000

/* Lives in its attempt's arena. */
struct maildir_try {
	struct deliver_loop *dl; /* borrowed */
	struct attempt *a;       /* owned until handed back */
	struct routing *routing; /* a reference */
	const char *path, *prefix;
	size_t fixed;
	struct maildir box;
	bool open, clean, sync, last;
	const char *piece; /* borrowed from the queue */
	size_t piece_len;
	int64_t read_bytes, now_ms;
	int result;
	char id[QUEUE_ID_LEN];
	struct pool_job job;
	struct loop_timer again;
};

/* --- which were seen ------------------------------------------------------------ */

struct maildir_seen {
	int64_t clean_mono_ms; /* when next */
	bool synced;           /* its folders, since the start */
	UT_hash_handle hh;
	char path[];
};

void
maildir_seen_done(struct deliver_loop *dl)
{
	struct maildir_seen *s, *next;

	HASH_ITER(hh, dl->maildirs, s, next)
	{
		HASH_DEL(dl->maildirs, s);
		free(s);
	}
}

static struct maildir_seen *
mt_seen(struct deliver_loop *dl, const char *path)
{
	struct maildir_seen *s;
	size_t len = strlen(path);

	HASH_FIND_STR(dl->maildirs, path, s);
	if (s != NULL)
		return s;
	if (HASH_COUNT(dl->maildirs) >= MT_SEEN_MAX)
		maildir_seen_done(dl);
	s = xcalloc(1, sizeof(*s) + len + 1);
	memcpy(s->path, path, len);
	s->clean_mono_ms = loop_mono_ms(dl->loop);
	HASH_ADD_STR(dl->maildirs, path, s);
	return s;
}

/* What is due for T's Maildir. Its folders are synced until one delivery came
 * through: others at the same time don't know how far that one is. */
static void
mt_look(struct maildir_try *t)
{
	int64_t now = loop_mono_ms(t->dl->loop);
	struct maildir_seen *s = mt_seen(t->dl, t->path);

	t->sync = !s->synced;
	t->clean = now >= s->clean_mono_ms;
	if (t->clean)
		s->clean_mono_ms = now + MT_CLEAN_MS;
}

/* --- back to the queue ------------------------------------------------------------ */

static void
mt_finish(struct maildir_try *t)
{
	loop_timer_done(&t->again);
	deliver_hand_back(t->dl, t->a, t->routing); /* T is gone with it */
}

static void
mt_settle(struct maildir_try *t, enum attempt_outcome outcome, int code,
	  const char *dsn, const char *text)
{
	struct attempt_rcpt *rcpt = &t->a->rcpt[0];

	rcpt->outcome = outcome;
	rcpt->relay = t->path;
	rcpt->reach = ATTEMPT_DELIVERED;
	t->a->dest_state = ATTEMPT_DEST_OK;
	reply_set(&rcpt->reply, code, dsn, "%s", text);
}

/* What the disk said. The sender learns what it means for the mail, the log
 * which call's words it was. */
static void
mt_settle_error(struct maildir_try *t, int error)
{
	bool full = error == -ENOSPC || error == -EDQUOT;

	log_event(t->dl->deliver->log, LOG_WARNING, "maildir_failed",
		  LOG_STR("id", t->id), LOG_ADDR("path", t->path),
		  LOG_STR("error", strerror(-error)));
	if (full)
		mt_settle(t, ATTEMPT_LATER, 452, "4.2.2",
			  "no room in the mailbox");
	else
		mt_settle(t, ATTEMPT_LATER, 451, "4.3.0",
			  "the mailbox can't be written now");
}

/* --- the work ----------------------------------------------------------------------- */

/* In the disk pool. */
static int
mt_open(struct maildir_try *t)
{
	const struct maildir_name name = {
		.arrival_ms = t->a->arrival_ms,
		.id = t->id,
		.n = t->a->rcpt[0].n,
		.host = routing_hostname(t->routing),
	};
	int r = maildir_open(&t->box, t->path, t->fixed, t->sync, &name);

	if (r < 0)
		return r;
	t->open = true;
	if (t->clean)
		maildir_clean(&t->box, name.host, t->now_ms);
	return maildir_write(&t->box, t->prefix, strlen(t->prefix));
}

static void
mt_work(void *arg)
{
	struct maildir_try *t = arg;
	int r = t->result;

	if (r == 0 && !t->open)
		r = mt_open(t);
	if (r == 0)
		r = maildir_write(&t->box, t->piece, t->piece_len);
	if (r == 0 && t->last) {
		t->open = false;
		r = maildir_commit(&t->box);
	}
	if (r < 0 && t->open) {
		t->open = false;
		maildir_abandon(&t->box);
	}
	t->result = r;
}

static void mt_read(struct maildir_try *t);

static void
mt_worked(void *arg)
{
	struct maildir_try *t = arg;

	if (t->a->rcpt[0].outcome != ATTEMPT_UNTRIED) {
		mt_finish(t); /* the content was at fault */
		return;
	}
	if (t->result == 0 && !t->last) {
		mt_read(t);
		return;
	}
	/* Folders may have gone and come again. */
	mt_seen(t->dl, t->path)->synced = t->result == 0;
	if (t->result < 0)
		mt_settle_error(t, t->result);
	else
		mt_settle(t, ATTEMPT_DONE, 250, "2.0.0",
			  "delivered to the Maildir");
	mt_finish(t);
}

static void
mt_run(void *arg)
{
	struct maildir_try *t = arg;

	if (pool_run(t->dl->deliver->disk, &t->job, mt_work, t->dl->loop,
		     mt_worked, t) < 0)
		loop_timer_set(&t->again, MT_AGAIN_MS);
}

static void
mt_damaged(struct maildir_try *t, ssize_t why)
{
	mt_settle(t, ATTEMPT_LATER, 451, "4.3.0",
		  arena_printf(&t->a->arena, "the stored content %s",
			       deliver_unread(why)));
	t->result = -EBADMSG;
	if (t->open)
		mt_run(t); /* which takes the file away */
	else
		mt_finish(t);
}

static void
mt_got(void *arg, const char *data, ssize_t len)
{
	struct maildir_try *t = arg;

	if (len > 0)
		t->read_bytes += len;
	if (len < 0 || t->read_bytes > t->a->size ||
	    (len == 0 && t->read_bytes < t->a->size)) {
		mt_damaged(t, len);
		return;
	}
	t->piece = data;
	t->piece_len = (size_t)len;
	t->last = t->read_bytes == t->a->size;
	mt_run(t);
}

static void
mt_read(struct maildir_try *t)
{
	attempt_read(t->a, mt_got, t);
}

/* --- the start ------------------------------------------------------------------------ */

/* Up to the last slash before what the recipient names: that is the operator's,
 * and must be there. */
static size_t
mt_fixed(const char *text, struct arena *arena)
{
	const char *path = template_fixed(text, arena);
	size_t n = strlen(path);

	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 0 && path[n - 1] == '/')
		n--;
	return n;
}

static bool
mt_set_path(struct maildir_try *t, const struct route_rule *rule)
{
	struct attempt *a = t->a;
	struct template_values values;

	template_values_init(&values, a->sender, a->rcpt[0].address,
			     routing_delimiter(t->routing), &a->arena);
	t->path = local_path(rule->path, &values, &a->arena);
	t->fixed = mt_fixed(rule->path, &a->arena);
	return t->path != NULL;
}

static void
mt_begin(struct maildir_try *t, const struct route_rule *rule)
{
	struct attempt *a = t->a;

	if (!mt_set_path(t, rule)) {
		t->path = "";
		mt_settle(t, ATTEMPT_NEVER, 550, "5.1.3",
			  "no mailbox can have this address's name");
		mt_finish(t);
		return;
	}
	queue_id_text(a->id, t->id);
	t->prefix =
		arena_printf(&a->arena, "Return-Path: <%s>\nDelivered-To: %s\n",
			     a->sender, a->rcpt[0].address);
	mt_look(t);
	t->now_ms = loop_wall_ms(t->dl->loop);
	mt_read(t);
}

void
maildir_try_start(struct deliver_loop *dl, struct attempt *a)
{
	struct maildir_try *t = arena_alloc(&a->arena, sizeof(*t));
	struct route route;

	must(a->nrcpt == 1);
	t->dl = dl;
	t->a = a;
	t->routing = deliver_routing(dl->deliver);
	loop_timer_init(&t->again, dl->loop, mt_run, t);
	dl->under_way++;
	if (dl->stopping ||
	    !attempt_route_rcpt(a, &a->rcpt[0], t->routing, &route))
		mt_finish(t);
	else
		mt_begin(t, route.entry);
}
