/* The passes over the folder. */
#include "relay/drop_impl.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
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

void
drop_move(struct drop *d, enum drop_state next)
{
	log_event(&d->relay->log_root, LOG_DEBUG, "drop_state",
		  LOG_STR("from", drop_state_names[d->state]),
		  LOG_STR("to", drop_state_names[next]));
	d->state = next;
}

/* --- the pool ------------------------------------------------------------------- */

bool
drop_run(struct drop *d, loop_fn *fn, loop_fn *done)
{
	d->busy = pool_run(d->relay->disk, &d->job, fn, d->loop, done, d) == 0;
	return d->busy;
}

/* --- what of a user is taken ------------------------------------------------------- */

/* What is too large is refused unread. */
static int64_t
drop_counts(const struct drop *d, const struct drop_found *found)
{
	int64_t most =
		relay_config(d->relay)->limits.message_size + DROP_ENVELOPE_MAX;

	return found->size <= most ? found->size : 0;
}

void
drop_account(struct drop *d, enum drop_action action)
{
	const struct drop_found *found = &d->scan.v[d->at - 1];

	/* One that is not there any more was removed by its owner. */
	if (action == DROP_KEEP && d->file.error != -ENOENT)
		d->kept++;
	if (action == DROP_KEEP)
		drop_hour_kept(&d->hour, found->uid);
	else
		drop_hour_count(&d->hour, found->uid, drop_counts(d, found));
}

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

/* --- the end of a pass --------------------------------------------------------------- */

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

/* --- a pass -------------------------------------------------------------------------------- */

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
void
drop_next(struct drop *d)
{
	while (d->at < d->scan.n && d->full < DROP_FULL_MOST && !d->stopping) {
		const struct drop_found *found = &d->scan.v[d->at++];

		if (!drop_quota(d, found))
			continue;
		if (drop_take(d, found))
			return;
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
