#include "relay/session.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/password.h"
#include "base/xalloc.h"
#include "net/io.h"
#include "relay/session_impl.h"

/* A client that sends and reads no replies is waited for at this much. */
#define SESSION_OUTPUT_MAX (64 * 1024)
/* What a client may send ahead while it waits for a fate. */
#define SESSION_INPUT_MAX 4096
/* How long the last reply may take to leave. */
#define SESSION_LINGER_MS 5000
/* ... of who gives way to somebody who waits for the place. */
#define SESSION_LEAVE_MS 500

/* --- the end --------------------------------------------------------------- */

static void
sessions_check_stopped(struct sessions *all)
{
	loop_fn *done = all->stopped;

	if (!all->stopping || done == NULL || !TAILQ_EMPTY(&all->list))
		return;
	all->stopped = NULL;
	loop_timer_clear(&all->grace);
	done(all->stopped_arg);
}

static void
session_free(void *arg)
{
	struct session *s = arg;
	struct sessions *all = s->all;

	TAILQ_REMOVE(&all->list, s, entry);
	smtp_in_done(&s->smtp);
	must(s->draft == NULL);
	snapshot_unref(&s->snapshot);
	session_auth_free(s);
	session_tls_free(&s->tls);
	free(s->login);
	free(s->key);
	free(s->mailbox);
	free(s);
	sessions_check_stopped(all);
}

static bool
session_gives_way(const struct session *s)
{
	return s->smtp.finishing && s->smtp.finish_no == SMTP_IN_NO_IDLE;
}

/* Nothing comes behind a QUIT, nor from who was idle: no need to wait for the
 * client to close. */
static bool
session_is_silent(const struct session *s)
{
	return s->io != NULL && s->smtp.state == SMTP_IN_CLOSED &&
	       (s->smtp.verb == SMTP_QUIT || session_gives_way(s)) &&
	       evbuffer_get_length(io_input(s->io)) == 0;
}

/* The client is gone or sent away; a commit under way keeps the session. */
static void
session_hang_up(struct session *s, const char *reason)
{
	int64_t linger_ms;

	if (s->hung_up)
		return;
	s->hung_up = true;
	s->ticket = NULL;
	linger_ms = session_gives_way(s) ? SESSION_LEAVE_MS : SESSION_LINGER_MS;
	if (session_is_silent(s))
		io_close_after_write(&s->io, linger_ms);
	else
		io_hang_up(&s->io, linger_ms);
	metric_add(s->service->sessions, -1);
	log_event(&s->log, LOG_INFO, "disconnect",
		  LOG_STR("client", s->client_text), LOG_STR("reason", reason),
		  LOG_INT("messages", s->smtp.messages));
}

static void
session_end(struct session *s, const char *reason)
{
	session_hang_up(s, reason);
	if (s->smtp.state == SMTP_IN_COMMIT || s->handle == 0)
		return;
	session_forget_fate(s);
	loop_handle_free(s->all->loop, s->handle);
	s->handle = 0;
	loop_defer(s->all->loop, &s->reap, session_free, s);
}

/* --- bytes in ---------------------------------------------------------------- */

/* What an AUTH was in, before the memory is somebody else's. On the stack that
 * reads go to, in the TLS library, and in chunks that a line lay across, its
 * copies stay until something else comes there: to wipe those, every read would
 * have to. */
static void
session_wipe(struct session *s, unsigned char *data, size_t len)
{
	if (s->smtp.secret)
		password_wipe(data, len);
	s->smtp.secret = false;
}

/* Feed what is there. The first chunk of the buffer is parsed in place; only
 * a command line that lies across chunks is moved together. */
static void
session_feed(struct session *s)
{
	struct evbuffer *in = io_input(s->io);
	size_t total, line_max, len, used;
	unsigned char *data;

	while ((total = evbuffer_get_length(in)) > 0 &&
	       smtp_in_wants_input(&s->smtp) &&
	       io_output_len(s->io) < SESSION_OUTPUT_MAX) {
		len = evbuffer_get_contiguous_space(in);
		data = evbuffer_pullup(in, (ev_ssize_t)len);
		used = smtp_in_feed(&s->smtp, (char *)data, len);
		if (used == 0 && len < total) {
			/* A MAIL may just have brought other limits. */
			line_max =
				(size_t)s->service->smtp.limits->command_line;
			len = total < line_max ? total : line_max;
			data = evbuffer_pullup(in, (ev_ssize_t)len);
			used = smtp_in_feed(&s->smtp, (char *)data, len);
		}
		if (used == 0)
			return;
		session_wipe(s, data, used);
		evbuffer_drain(in, used);
	}
}

/* A command has limits.command_time as a whole: a byte now and then does not
 * move it. No deadline while the client waits for us. */
static void
session_set_deadline(struct session *s)
{
	if (s->pace.silent || s->smtp.state == SMTP_IN_TLS)
		return;
	if (!smtp_in_wants_input(&s->smtp)) {
		io_set_deadline(s->io, 0);
		session_pace_wait(s);
		s->progress = UINT64_MAX;
		return;
	}
	if (smtp_in_in_data(&s->smtp)) {
		session_pace_data(s);
		s->progress = UINT64_MAX;
		return;
	}
	if (s->smtp.commands == s->progress)
		return;
	s->progress = s->smtp.commands;
	io_set_deadline(s->io, s->service->smtp.limits->command_time_ms);
}

/* Who waits for a fate is read from too: else a client that leaves would not be
 * missed for days. */
static bool
session_reads(const struct session *s)
{
	size_t ahead = evbuffer_get_length(io_input(s->io));

	if (s->smtp.state == SMTP_IN_OUTCOME)
		return ahead < SESSION_INPUT_MAX;
	return smtp_in_wants_input(&s->smtp) &&
	       io_output_len(s->io) < SESSION_OUTPUT_MAX;
}

static void
session_settle(struct session *s)
{
	bool waits = smtp_in_is_over(&s->smtp) || s->smtp.paused;

	if (s->smtp.state == SMTP_IN_CLOSED) {
		session_end(s, "closed");
		return;
	}
	if (s->io == NULL || (s->eof && !waits && io_output_len(s->io) == 0)) {
		session_end(s, "lost");
		return;
	}
	if (s->smtp.state == SMTP_IN_TLS)
		session_tls_settle(s);
	session_set_deadline(s);
	if (session_reads(s))
		io_resume_input(s->io);
	else
		io_pause_input(s->io);
}

void
session_run(struct session *s)
{
	bool full = true;

	/* What an uncork gives the kernel whole is not told by IO_DRAINED. */
	while (full && s->io != NULL &&
	       io_output_len(s->io) < SESSION_OUTPUT_MAX) {
		io_cork(s->io);
		session_feed(s);
		full = io_output_len(s->io) >= SESSION_OUTPUT_MAX;
		io_uncork(s->io);
	}
	session_settle(s);
}

static void
session_event(void *arg, enum io_event event)
{
	struct session *s = arg;

	if (s->pace.silent && session_pace_silent(s, event))
		return;
	if (s->smtp.state == SMTP_IN_TLS)
		session_tls_done(s, event);
	switch (event) {
	case IO_CONNECTED:
		return;
	case IO_INPUT:
	case IO_DRAINED:
		session_run(s);
		return;
	case IO_EOF:
		s->eof = true;
		session_run(s);
		return;
	case IO_DEADLINE:
		smtp_in_end(&s->smtp, session_pace_no(s));
		session_settle(s);
		return;
	case IO_FAILED:
		s->ticket = NULL;
		io_close(&s->io);
		session_end(s, "lost");
		return;
	}
}

/* Somebody else needs the connection more. */
static void
session_give_way(void *object)
{
	struct session *s = object;

	smtp_in_finish(&s->smtp, SMTP_IN_NO_IDLE);
	session_settle(s);
}

/* --- the beginning ------------------------------------------------------------ */

void
session_name_client(struct session *s)
{
	char ip[SOCKADDR_TEXT_MAX];

	sockaddr_ip(&s->peer, ip);
	snprintf(s->who, sizeof(s->who), "%s", ip);
	snprintf(s->client_text, sizeof(s->client_text), "%s[%s]",
		 s->name[0] != '\0' ? s->name : "unknown", ip);
	snprintf(s->received_ip, sizeof(s->received_ip), "%s%s",
		 strchr(ip, ':') != NULL ? "IPv6:" : "", ip);
	s->client.received_ip = s->received_ip;
}

static void
session_name(struct session *s, int64_t uid, const char *login)
{
	snprintf(s->id, sizeof(s->id), "%llx-%llx",
		 (unsigned long long)s->all->epoch,
		 (unsigned long long)s->handle);
	s->client.uid = uid;
	s->client.who = s->who;
	if (login != NULL) {
		s->login = xstrdup(login);
		s->mailbox = xasprintf("%s@%s", login, s->service->smtp.origin);
		s->client.mailbox = s->mailbox;
		snprintf(s->client_text, sizeof(s->client_text), "local");
		snprintf(s->who, sizeof(s->who), "uid:%lld", (long long)uid);
		return;
	}
	session_name_client(s);
}

static bool
session_is_in(const struct session *s, const struct network_list *list)
{
	return !s->service->submit && !s->no_trust &&
	       network_list_has(list, &s->peer);
}

static void
session_ticket_free(void *arg)
{
	struct acceptor_ticket *ticket = arg;

	acceptor_release(&ticket);
}

void
session_start(struct sessions *all, const struct accepted *accepted,
	      const char *service_name, int64_t uid, const char *login,
	      const char *key)
{
	const struct service *service =
		snapshot_service(all->snapshot, service_name);
	struct acceptor_ticket *ticket = accepted->ticket;
	bool proxied = accepted->proxy.len > 0;
	char proxy[SOCKADDR_TEXT_MAX];
	struct session *s;

	if (service == NULL || all->stopping) {
		close(accepted->fd);
		acceptor_release(&ticket);
		return;
	}
	s = xcalloc(1, sizeof(*s));
	s->all = all;
	s->snapshot = snapshot_ref(all->snapshot);
	s->service = service;
	s->peer = accepted->peer;
	s->no_trust = accepted->no_trust;
	s->progress = UINT64_MAX;
	s->reached = -1;
	s->handle = loop_handle_new(all->loop, s);
	session_name(s, uid, login);
	if (key != NULL)
		s->client.key = s->key = xstrdup(key);
	s->client.trusted = session_trusted(s);
	s->client.xclient = session_is_in(s, service->xclients);
	s->client.xforward = session_is_in(s, service->xforwards);
	s->client.sasl = all->sasl;
	s->log = (struct log_context){
		.log = all->log->log,
		.parent = all->log,
		.field = LOG_STR("session", s->id),
	};
	TAILQ_INSERT_TAIL(&all->list, s, entry);
	metric_add(service->sessions, 1);
	if (proxied)
		sockaddr_ip(&accepted->proxy, proxy);
	log_event(&s->log, LOG_INFO, "connect",
		  LOG_STR("client", s->client_text), LOG_ADDR("user", s->login),
		  LOG_STR("proxy", proxied ? proxy : NULL),
		  LOG_STR("listener", service->name));

	s->io = io_new(all->loop, accepted->fd, session_event, s);
	io_on_close(s->io, session_ticket_free, ticket);
	s->ticket = ticket;
	acceptor_owned(ticket, all->loop, s->handle, session_give_way);
	smtp_in_init(&s->smtp, &session_calls, s, &service->smtp, &s->client);
	if (service->smtp.tls == CONFIG_TLS_IMPLICIT)
		smtp_in_start_in_tls(&s->smtp);
	else
		session_greet(s);
	session_note_idle(s);
	session_settle(s);
}

/* --- all of a loop ------------------------------------------------------------- */

/* Who is hung up on between the dot and its answer sends the message again,
 * and it arrives twice: the disk gets a grace of its own. */
static void
sessions_grace_over(void *arg)
{
	struct sessions *all = arg;
	bool commits = false;
	struct session *s;

	TAILQ_FOREACH (s, &all->list, entry) {
		if (s->smtp.state == SMTP_IN_COMMIT && !all->grace_again) {
			commits = true;
			continue;
		}
		smtp_in_end(&s->smtp, SMTP_IN_NO_SHUTDOWN);
		session_end(s, "shutdown");
	}
	all->grace_again = true;
	if (commits)
		loop_timer_set(&all->grace, all->grace_ms);
}

struct sessions *
sessions_new(struct loop *loop, struct queue *queue, struct verifier *verifier,
	     struct snapshot *snapshot, struct rates *rates,
	     const struct log_context *log)
{
	struct sessions *all = xcalloc(1, sizeof(*all));

	all->loop = loop;
	all->queue = queue;
	all->verifier = verifier;
	all->snapshot = snapshot_ref(snapshot);
	all->rates = rates;
	all->log = log;
	all->epoch = (uint64_t)clock_wall_ms(loop_clock(loop)) / 1000;
	TAILQ_INIT(&all->list);
	loop_timer_init(&all->grace, loop, sessions_grace_over, all);
	return all;
}

void
sessions_free(struct sessions **allp)
{
	struct sessions *all = *allp;

	*allp = NULL;
	if (all == NULL)
		return;
	must(TAILQ_EMPTY(&all->list));
	sasl_context_free(&all->sasl);
	tls_tickets_free(&all->tickets);
	loop_timer_done(&all->grace);
	snapshot_unref(&all->snapshot);
	free(all);
}

void
sessions_set_logins(struct sessions *all, struct logins *logins)
{
	all->logins = logins;
	all->sasl = sasl_context_new();
}

void
sessions_set_tickets(struct sessions *all, struct tls_tickets *tickets)
{
	all->tickets = tickets;
}

void
sessions_set_seal(struct sessions *all, struct dns *dns, struct pool *cpu,
		  struct observed *observed)
{
	all->dns = dns;
	all->cpu = cpu;
	all->observed = observed;
}

void
sessions_set_snapshot(struct sessions *all, struct snapshot *snapshot)
{
	snapshot_unref(&all->snapshot);
	all->snapshot = snapshot_ref(snapshot);
}

void
sessions_stop(struct sessions *all, int64_t grace_ms, loop_fn *done, void *arg)
{
	struct session *s;

	all->stopping = true;
	all->stopped = done;
	all->stopped_arg = arg;
	all->grace_ms = grace_ms;
	loop_timer_set(&all->grace, grace_ms);
	TAILQ_FOREACH (s, &all->list, entry) {
		smtp_in_finish(&s->smtp, SMTP_IN_NO_SHUTDOWN);
		session_settle(s);
	}
	sessions_check_stopped(all);
}
