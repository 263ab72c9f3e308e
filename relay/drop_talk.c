#include "relay/drop_talk.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "mail/lines.h"
#include "net/io.h"

/* Pieces wait for the session while it has so much before it. */
#define DT_OUTPUT_MAX (128 * 1024)
#define DT_LINE_MAX   (2 * DROP_LINE_MAX + 64)

/*
 *	BANNER -> EHLO -> MAIL -> RCPT -> DATA -> CONTENT -> DOT -> OVER
 */
enum dt_state {
	DT_BANNER,
	DT_EHLO,
	DT_MAIL,
	DT_RCPT,
	DT_DATA,
	DT_CONTENT,
	DT_DOT,
	DT_OVER,
};

struct drop_talk {
	struct drop_talk_conf conf;
	struct loop *loop; /* borrowed */
	struct io *io;     /* owned */
	enum dt_state state;
	size_t rcpt_at, rcpt_ok;
	size_t rcpt_over;       /* those before it are, by an earlier session */
	struct reply **refused; /* owned, and each: by recipient; NULL */
	struct reply last;
	struct reply_parser parser;
	struct lines_stuff stuff;
	bool wants; /* a piece, when the output is less */
};

/* --- what is said --------------------------------------------------------------- */

static void
dt_say(struct drop_talk *t, const char *text)
{
	io_write(t->io, text, strlen(text));
	io_write(t->io, "\r\n", 2);
}

/* "VERB:<ADDRESS> PARAMS" */
static void
dt_say_path(struct drop_talk *t, const char *verb, const char *address,
	    const char *size, const char *params)
{
	struct buf b;

	buf_init(&b, DT_LINE_MAX);
	buf_printf(&b, "%s:<%s>%s%s%s", verb, address, size,
		   params[0] != '\0' ? " " : "", params);
	dt_say(t, buf_str(&b));
	buf_done(&b);
}

static void
dt_say_mail(struct drop_talk *t)
{
	const struct drop_envelope *env = t->conf.env;
	struct buf b;

	buf_init(&b, 64);
	buf_printf(&b, " SIZE=%lld", (long long)env->size);
	dt_say_path(t, "MAIL FROM", env->sender, buf_str(&b), env->mail_params);
	buf_done(&b);
}

static void
dt_say_rcpt(struct drop_talk *t)
{
	const struct drop_envelope *env = t->conf.env;

	dt_say_path(t, "RCPT TO", env->rcpt[t->rcpt_at], "", env->rcpt_params);
}

/* --- what is heard: each step returns the next state ----------------------------- */

static enum dt_state
dt_over(struct drop_talk *t, enum drop_fate fate)
{
	io_close(&t->io);
	t->state = DT_OVER;
	t->conf.done(t->conf.arg, fate);
	return DT_OVER;
}

/* "4.7.0 too many errors" would come each time. */
static enum dt_state
dt_refused(struct drop_talk *t)
{
	bool never = reply_permanent(&t->last) ||
		     (t->last.code == 421 && strcmp(t->last.dsn, "4.7.0") == 0);

	return dt_over(t, never ? DROP_NEVER : DROP_LATER);
}

/* As many as one message may have, and there are more. */
static bool
dt_rcpts_enough(const struct drop_talk *t)
{
	return t->rcpt_ok > 0 && t->last.code == 452 &&
	       strcmp(t->last.dsn, "4.5.3") == 0;
}

static enum dt_state
dt_heard_rcpt(struct drop_talk *t)
{
	if (dt_rcpts_enough(t)) {
		dt_say(t, "DATA");
		return DT_DATA;
	}
	if (reply_ok(&t->last)) {
		t->rcpt_ok++;
	} else if (reply_permanent(&t->last)) {
		t->refused[t->rcpt_at] = xmemdup(&t->last, sizeof(t->last));
	} else {
		return dt_refused(t);
	}
	if (++t->rcpt_at < t->conf.env->nrcpt) {
		dt_say_rcpt(t);
		return DT_RCPT;
	}
	if (t->rcpt_ok == 0)
		return dt_over(t, DROP_NEVER);
	dt_say(t, "DATA");
	return DT_DATA;
}

static enum dt_state
dt_taken(struct drop_talk *t)
{
	t->rcpt_over = t->rcpt_at;
	return dt_over(t, t->rcpt_at < t->conf.env->nrcpt ? DROP_MORE
							  : DROP_TAKEN);
}

static enum dt_state
dt_heard(struct drop_talk *t)
{
	bool ok = reply_ok(&t->last);

	switch (t->state) {
	case DT_BANNER:
		if (!ok)
			return dt_over(t, DROP_LATER);
		dt_say(t, "EHLO localhost");
		return DT_EHLO;
	case DT_EHLO:
		if (!ok)
			return dt_over(t, DROP_LATER);
		dt_say_mail(t);
		return DT_MAIL;
	case DT_MAIL:
		if (!ok)
			return dt_refused(t);
		dt_say_rcpt(t);
		return DT_RCPT;
	case DT_RCPT:
		return dt_heard_rcpt(t);
	case DT_DATA:
		if (t->last.code != 354)
			return dt_refused(t);
		lines_stuff_init(&t->stuff);
		t->conf.more(t->conf.arg);
		return DT_CONTENT;
	case DT_CONTENT: /* nothing was asked: a 421 */
		return dt_over(t, DROP_LATER);
	case DT_DOT:
		return ok ? dt_taken(t) : dt_refused(t);
	case DT_OVER:
		return DT_OVER;
	}
	abort();
}

static void
dt_input(struct drop_talk *t)
{
	struct evbuffer *in = io_input(t->io);

	while (t->state != DT_OVER && evbuffer_get_length(in) > 0) {
		size_t len = evbuffer_get_contiguous_space(in), used;
		const char *data = (char *)evbuffer_pullup(in, (ssize_t)len);
		int r = reply_parse(&t->parser, data, len, &used);

		evbuffer_drain(in, used);
		if (r == 0)
			continue;
		if (r < 0) {
			dt_over(t, DROP_LATER);
			return;
		}
		reply_copy(&t->last, &t->parser.reply);
		t->state = dt_heard(t);
	}
}

static void
dt_event(void *arg, enum io_event event)
{
	struct drop_talk *t = arg;

	switch (event) {
	case IO_CONNECTED:
	case IO_DEADLINE:
		return;
	case IO_INPUT:
		dt_input(t);
		return;
	case IO_DRAINED:
		if (t->wants) {
			t->wants = false;
			t->conf.more(t->conf.arg);
		}
		return;
	case IO_EOF:
	case IO_FAILED:
		dt_over(t, DROP_LATER);
		return;
	}
}

/* --- the face ---------------------------------------------------------------------- */

struct drop_talk *
drop_talk_new(struct loop *loop, int fd, const struct drop_talk_conf *conf)
{
	struct drop_talk *t = xcalloc(1, sizeof(*t));

	t->conf = *conf;
	t->loop = loop;
	t->refused = xcalloc(conf->env->nrcpt, sizeof(struct reply *));
	drop_talk_again(t, fd);
	return t;
}

void
drop_talk_again(struct drop_talk *t, int fd)
{
	for (size_t i = t->rcpt_over; i < t->conf.env->nrcpt; i++) {
		free(t->refused[i]);
		t->refused[i] = NULL;
	}
	t->state = DT_BANNER;
	t->rcpt_at = t->rcpt_over;
	t->rcpt_ok = 0;
	t->wants = false;
	reply_parser_init(&t->parser);
	t->io = io_new(t->loop, fd, dt_event, t);
}

void
drop_talk_free(struct drop_talk **tp)
{
	struct drop_talk *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	if (t->io != NULL)
		io_close(&t->io);
	for (size_t i = 0; i < t->conf.env->nrcpt; i++)
		free(t->refused[i]);
	free(t->refused);
	free(t);
}

void
drop_talk_give(struct drop_talk *t, const char *data, size_t len)
{
	char *out;

	if (t->state != DT_CONTENT)
		return;
	if (len == 0) {
		const char *end = lines_stuff_end(&t->stuff);

		t->state = DT_DOT;
		io_write(t->io, end, strlen(end));
		return;
	}
	out = xmalloc(2 * len);
	io_write(t->io, out, lines_stuff_feed(&t->stuff, data, len, out));
	free(out);
	t->wants = io_output_len(t->io) > DT_OUTPUT_MAX;
	if (!t->wants)
		t->conf.more(t->conf.arg);
}

const struct reply *
drop_talk_refusal(const struct drop_talk *t, size_t i)
{
	if (t->refused[i] != NULL)
		return t->refused[i];
	return i < t->rcpt_over || reply_ok(&t->last) ? NULL : &t->last;
}

const struct reply *
drop_talk_last(const struct drop_talk *t)
{
	return &t->last;
}
