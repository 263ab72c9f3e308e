#include "relay/drop_impl.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "relay/relay.h"

/* Without news the folder is looked through so often. */
#define DROP_EVERY_MS 60000
/* After a store that was full, a file of it is tried again. */
#define DROP_FULL_MS 10000
/* So many files that it has no room for end a pass; the next one begins behind
 * them, since a smaller one may fit. */
#define DROP_FULL_MOST 16
/* News are gathered for so long; a folder that takes long to look through rests
 * ten times as long. */
#define DROP_GATHER_MS 50
#define DROP_REST      10

const char *const drop_state_names[] = {
	[DROP_IDLE] = "idle",
	[DROP_SCAN] = "scan",
	[DROP_OPEN] = "open",
	[DROP_TALK] = "talk",
	[DROP_REPORT] = "report",
	[DROP_FINISH] = "finish",
	NULL,
};

static void drop_next(struct drop *d);

void
drop_move(struct drop *d, enum drop_state next)
{
	log_event(&d->relay->log_root, LOG_DEBUG, "drop_state",
		  LOG_STR("from", drop_state_names[d->state]),
		  LOG_STR("to", drop_state_names[next]));
	d->state = next;
}

/* One line a file and hour; what is done with a file for good is always said.
 */
void
drop_log(struct drop *d, enum log_level level, const char *status,
	 const char *reason)
{
	const struct drop_file *f = &d->file;

	log_event(&d->relay->log_root, level, "drop", LOG_STR("file", f->name),
		  LOG_STR("status", status), LOG_INT("uid", f->st.st_uid),
		  LOG_ADDR("user", f->login), LOG_STR("reason", reason));
}

void
drop_log_kept(struct drop *d, const char *reason)
{
	if (drop_hour_note(&d->hour, d->file.name))
		drop_log(d, LOG_WARNING, "kept", reason);
}

/* --- the pool ------------------------------------------------------------------- */

/* When the pool is busy the file waits for the next pass. */
static bool
drop_run(struct drop *d, loop_fn *fn, loop_fn *done)
{
	d->busy = pool_run(d->relay->disk, &d->job, fn, d->loop, done, d) == 0;
	return d->busy;
}

/* --- the end of a file and of a pass ---------------------------------------------- */

static void
drop_rest(struct drop *d)
{
	int64_t now = loop_mono_ms(d->loop), wait = DROP_EVERY_MS;

	d->rest_until_mono_ms =
		now + DROP_GATHER_MS + DROP_REST * d->scan_took_ms;
	drop_move(d, DROP_IDLE);
	if (d->stopping)
		return;
	if (d->waits)
		wait = DROP_FULL_MS;
	else if (d->again)
		wait = d->rest_until_mono_ms - now;
	loop_timer_set(&d->timer, wait);
	d->again = false;
}

/* What lies there and is not taken; once an hour, and when there is more. */
static void
drop_tell_scan(struct drop *d)
{
	const struct drop_scan *s = &d->scan;

	if (s->odd > 0 && s->odd != d->hour.odd)
		log_event(&d->relay->log_root, LOG_WARNING, "drop_odd",
			  LOG_INT("entries", s->odd));
	if ((s->bad > 0 && s->bad != d->hour.bad) || s->bad_gone > 0)
		log_event(&d->relay->log_root, LOG_WARNING, "drop_bad",
			  LOG_INT("files", s->bad),
			  LOG_INT("removed", s->bad_gone));
	d->hour.odd = s->odd;
	d->hour.bad = s->bad;
	d->seen = (struct drop_seen){s->bad, d->kept, s->odd};
}

void
drop_look(const struct drop *d, struct drop_seen *ret)
{
	*ret = d->seen;
}

static void
drop_pass_over(struct drop *d)
{
	d->resume = d->full >= DROP_FULL_MOST &&
		    (d->at < d->scan.n || d->scan.dir != NULL);
	if (d->resume) {
		drop_rest(d);
		return;
	}
	drop_scan_done(&d->scan);
	drop_tell_scan(d);
	drop_rest(d);
}

static void
drop_file_over(void *arg)
{
	struct drop *d = arg;

	if (d->ended)
		return;
	drop_talk_free(&d->talk);
	drop_talk_free(&d->report);
	buf_done(&d->report_text);
	drop_file_done(&d->file);
	drop_keys_done(&d->keys);
	drop_next(d);
}

static void
drop_finish_run(void *arg)
{
	drop_file_finish(&((struct drop *)arg)->file);
}

static void
drop_finished(void *arg)
{
	struct drop *d = arg;
	struct drop_file *f = &d->file;

	d->busy = false;
	if (d->ended)
		return;
	if (f->error < 0)
		drop_log_kept(d, strerror(-f->error));
	else if (f->action == DROP_UNLINK)
		drop_keys_forget(&d->keys, d->relay->queue, d->loop);
	drop_file_over(d);
}

/* Never at once: a talk may be calling, and it is freed. */
static void
drop_finish_now(struct drop *d)
{
	if (d->file.action == DROP_KEEP ||
	    !drop_run(d, drop_finish_run, drop_finished))
		loop_defer(d->loop, &d->post, drop_file_over, d);
}

/* What is too large is refused unread. */
static int64_t
drop_counts(const struct drop *d, const struct drop_found *found)
{
	int64_t most =
		relay_config(d->relay)->limits.message_size + DROP_ENVELOPE_MAX;

	return found->size <= most ? found->size : 0;
}

/* The pool may still be reading what nobody wants any more. */
void
drop_finish(struct drop *d, enum drop_action action)
{
	const struct drop_found *found = &d->scan.v[d->at - 1];

	/* One that is not there any more was removed by its owner. */
	if (action == DROP_KEEP && d->file.error != -ENOENT)
		d->kept++;
	if (action == DROP_KEEP)
		drop_hour_kept(&d->hour, found->uid);
	else
		drop_hour_count(&d->hour, found->uid, drop_counts(d, found));
	d->file.action = action;
	drop_move(d, DROP_FINISH);
	if (!d->busy)
		drop_finish_now(d);
}

/* --- a session of our own ----------------------------------------------------------- */

/* The other end of a socket pair becomes a session. The descriptor, or
 * -errno. */
static int
drop_session(struct drop *d, const char *login, const char *key)
{
	struct accepted a = {0};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       fds) < 0)
		return -errno;
	a.fd = fds[0];
	session_start(d->relay->loops[0].sessions, &a, CONFIG_SUBMIT_NAME,
		      d->file.st.st_uid, login, key);
	return fds[1];
}

struct drop_talk *
drop_talk_to(struct drop *d, const char *login, const char *key,
	     struct drop_talk_conf *conf)
{
	int fd = drop_session(d, login, key);

	if (fd < 0)
		return NULL;
	conf->arg = d;
	return drop_talk_new(d->loop, fd, conf);
}

/* --- the message ------------------------------------------------------------------------- */

static void
drop_piece_run(void *arg)
{
	drop_file_read(&((struct drop *)arg)->file);
}

static void
drop_piece_read(void *arg)
{
	struct drop *d = arg;
	const struct drop_file *f = &d->file;

	d->busy = false;
	if (d->ended)
		return;
	if (d->state == DROP_FINISH) {
		drop_finish_now(d);
		return;
	}
	if (f->error < 0 || f->changed) {
		drop_log_kept(d, f->changed ? "it changed while it was read"
					    : strerror(-f->error));
		drop_finish(d, DROP_KEEP);
		return;
	}
	drop_talk_give(d->talk, f->piece, f->piece_len);
}

static void
drop_more(void *arg)
{
	struct drop *d = arg;

	if (!drop_run(d, drop_piece_run, drop_piece_read))
		drop_finish(d, DROP_KEEP);
}

static bool
drop_some_refused(const struct drop *d)
{
	for (size_t i = 0; i < d->file.env.nrcpt; i++)
		if (drop_talk_refusal(d->talk, i) != NULL)
			return true;
	return false;
}

/* A session more, for the recipients that are left: what one message may not
 * have more of goes into another one. */
static void
drop_part(void *arg)
{
	struct drop *d = arg;
	int fd = -1;

	if (d->ended)
		return;
	d->file.at = 0;
	if (!d->stopping)
		fd = drop_session(
			d, d->file.login,
			drop_keys_part(&d->keys, d->part, d->retakes));
	if (fd < 0)
		drop_finish(d, DROP_KEEP);
	else
		drop_talk_again(d->talk, fd);
}

/* The key of the part is taken, by what it was under another configuration,
 * before something ended belfryd or kept the file: some may get it twice, but
 * nobody is left out. */
static bool
drop_may_retake(struct drop *d, enum drop_fate fate)
{
	return fate == DROP_NEVER && d->retakes < DROP_RETAKES_MAX &&
	       strcmp(drop_talk_last(d->talk)->dsn, "5.5.0") == 0;
}

static void
drop_talked(void *arg, enum drop_fate fate)
{
	struct drop *d = arg;
	const struct reply *last = drop_talk_last(d->talk);
	char line[REPLY_TEXT_MAX + 32];

	if (d->state != DROP_TALK)
		return;
	reply_line(last, line, sizeof(line));
	if (fate == DROP_MORE) {
		drop_log(d, LOG_INFO, "part", line);
		d->part++;
		d->retakes = 0;
		loop_defer(d->loop, &d->post, drop_part, d);
	} else if (fate == DROP_LATER) {
		if (strcmp(last->dsn, "4.3.1") == 0) {
			d->full++;
			d->waits = true;
		}
		drop_log_kept(d, line);
		drop_finish(d, DROP_KEEP);
	} else if (drop_may_retake(d, fate)) {
		drop_log(d, LOG_WARNING, "again", line);
		d->retakes++;
		loop_defer(d->loop, &d->post, drop_part, d);
	} else if (fate == DROP_NEVER || drop_some_refused(d)) {
		drop_return(d);
	} else {
		drop_log(d, LOG_INFO, "taken", line);
		drop_finish(d, DROP_UNLINK);
	}
}

static void
drop_opened(void *arg)
{
	struct drop *d = arg;
	struct drop_file *f = &d->file;
	struct drop_talk_conf conf = {
		.env = &f->env,
		.more = drop_more,
		.done = drop_talked,
	};

	d->busy = false;
	if (d->ended)
		return;
	if (f->error < 0 || d->stopping) {
		if (f->error < 0 && f->error != -ENOENT)
			drop_log_kept(d, strerror(-f->error));
		drop_finish(d, DROP_KEEP);
		return;
	}
	if (f->bad != NULL) {
		drop_log(d, LOG_ERROR, "bad", f->bad);
		drop_finish(d, DROP_ASIDE);
		return;
	}
	drop_keys_init(&d->keys, f);
	d->part = 1;
	d->retakes = 0;
	drop_move(d, DROP_TALK);
	d->talk = drop_talk_to(d, f->login, drop_keys_part(&d->keys, 1, 0),
			       &conf);
	if (d->talk == NULL)
		drop_finish(d, DROP_KEEP);
}

static void
drop_open_run(void *arg)
{
	drop_file_open(&((struct drop *)arg)->file);
}

/* --- a pass -------------------------------------------------------------------------------- */

static bool
drop_quota(struct drop *d, const struct drop_found *found)
{
	bool first = false;

	if (drop_hour_may(&d->hour, found->uid, drop_counts(d, found), &first))
		return true;
	d->kept++;
	if (first)
		log_event(&d->relay->log_root, LOG_WARNING, "drop_quota",
			  LOG_INT("uid", found->uid),
			  LOG_INT("files", d->hour.most_files),
			  LOG_INT("bytes", d->hour.most_bytes));
	return false;
}

static void
drop_scan_run(void *arg)
{
	drop_scan_turn(&((struct drop *)arg)->scan);
}

static void
drop_scanned(void *arg)
{
	struct drop *d = arg;

	d->busy = false;
	if (d->ended)
		return;
	if (d->scan.error < 0)
		log_event(&d->relay->log_root, LOG_ERROR, "drop_scan",
			  LOG_STR("error", strerror(-d->scan.error)));
	d->scan_took_ms += loop_mono_ms(d->loop) - d->scan_mono_ms;
	d->at = 0;
	drop_next(d);
}

static void
drop_scan_more(struct drop *d)
{
	drop_move(d, DROP_SCAN);
	d->scan.now_ms = loop_wall_ms(d->loop);
	d->scan_mono_ms = loop_mono_ms(d->loop);
	if (!drop_run(d, drop_scan_run, drop_scanned))
		drop_pass_over(d);
}

/* The next file of the batch, the next batch, or the end of the pass. */
static void
drop_next(struct drop *d)
{
	while (d->at < d->scan.n && d->full < DROP_FULL_MOST && !d->stopping) {
		const struct drop_found *found = &d->scan.v[d->at++];

		if (!drop_quota(d, found))
			continue;
		drop_move(d, DROP_OPEN);
		drop_file_init(&d->file, d->dir_fd, found->name);
		if (drop_run(d, drop_open_run, drop_opened))
			return;
		drop_file_done(&d->file);
		break;
	}
	if (d->at < d->scan.n || d->full >= DROP_FULL_MOST || d->scan.end ||
	    d->scan.error < 0)
		drop_pass_over(d);
	else
		drop_scan_more(d);
}

static void
drop_begin(void *arg)
{
	struct drop *d = arg;
	const struct drop_conf *conf = &relay_config(d->relay)->drop;

	must(d->state == DROP_IDLE);
	d->scan_took_ms = 0;
	d->hour.most_files = conf->messages;
	d->hour.most_bytes = conf->bytes;
	d->scan.keep_bad_ms = conf->keep_bad_ms;
	drop_hour_check(&d->hour, loop_mono_ms(d->loop));
	d->full = 0;
	if (d->resume) {
		drop_next(d);
		return;
	}
	d->waits = false;
	d->kept = 0;
	drop_hour_pass(&d->hour);
	drop_scan_more(d);
}

static void
drop_news(evutil_socket_t fd, short what, void *arg)
{
	struct drop *d = arg;
	char events[4096];
	int64_t wait;

	(void)what;
	while (read(fd, events, sizeof(events)) > 0)
		;
	d->again = true;
	if (d->state != DROP_IDLE || d->stopping || d->waits)
		return;
	d->again = false;
	wait = d->rest_until_mono_ms - loop_mono_ms(d->loop);
	loop_timer_set(&d->timer,
		       wait > DROP_GATHER_MS ? wait : DROP_GATHER_MS);
}

/* --- the face -------------------------------------------------------------------------------- */

static void
drop_watch(struct drop *d, const char *dir)
{
	d->news_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (d->news_fd < 0)
		return; /* once a minute will do */
	if (inotify_add_watch(d->news_fd, dir, IN_MOVED_TO | IN_ONLYDIR) < 0) {
		close(d->news_fd);
		d->news_fd = -1;
		return;
	}
	d->news = event_new(loop_base(d->loop), d->news_fd,
			    EV_READ | EV_PERSIST, drop_news, d);
	event_add(d->news, NULL);
}

int
drop_new(struct relay *r, struct drop **ret_drop)
{
	const char *dir = relay_config(r)->drop_dir;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct drop *d;
	int result;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		result = -errno;
		close(fd);
		return result;
	}
	d = xcalloc(1, sizeof(*d));
	d->relay = r;
	d->loop = relay_home(r);
	d->dir_fd = d->scan.dir_fd = fd;
	d->news_fd = -1;
	d->file.fd = -1;
	d->hour.since_mono_ms = clock_mono_ms(r->clock);
	loop_timer_init(&d->timer, d->loop, drop_begin, d);
	drop_watch(d, dir);
	loop_timer_set(&d->timer, DROP_GATHER_MS);
	*ret_drop = d;
	return 0;
}

void
drop_stop(struct drop *d)
{
	if (d == NULL)
		return;
	d->stopping = true;
	loop_timer_clear(&d->timer);
}

void
drop_end(struct drop *d)
{
	if (d == NULL || d->ended)
		return;
	d->ended = true;
	loop_timer_done(&d->timer);
	if (d->news != NULL)
		event_free(d->news);
	drop_talk_free(&d->talk);
	drop_talk_free(&d->report);
}

void
drop_free(struct drop **dp)
{
	struct drop *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	drop_scan_done(&d->scan);
	if (d->file.fd >= 0 || d->file.front != NULL)
		drop_file_done(&d->file);
	buf_done(&d->report_text);
	drop_hour_done(&d->hour);
	if (d->news_fd >= 0)
		close(d->news_fd);
	close(d->dir_fd);
	drop_keys_done(&d->keys);
	free(d);
}
