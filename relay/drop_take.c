/* The life of one file: it is read into a session of our own, and what is left
 * to do with it is done. */
#include "relay/drop_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "relay/relay.h"

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

/* --- the end -------------------------------------------------------------------------- */

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

/* The pool may still be reading what nobody wants any more. */
void
drop_finish(struct drop *d, enum drop_action action)
{
	drop_account(d, action);
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

bool
drop_take(struct drop *d, const struct drop_found *found)
{
	drop_move(d, DROP_OPEN);
	drop_file_init(&d->file, d->dir_fd, found->name);
	if (drop_run(d, drop_open_run, drop_opened))
		return true;
	drop_file_done(&d->file);
	return false;
}
