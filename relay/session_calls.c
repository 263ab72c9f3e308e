/* What smtp_in asks of its session: replies, drafts, routes, fates, the log. */
#include <errno.h>

#include "base/must.h"
#include "net/io.h"
#include "relay/alert_mail.h"
#include "relay/alert_take.h"
#include "relay/session_impl.h"
#include "relay/session_seal.h"

static void
session_say(void *arg, const char *data, size_t len)
{
	struct session *s = arg;

	if (s->io != NULL)
		io_write(s->io, data, len);
}

bool
session_trusted(const struct session *s)
{
	return s->service->submit || s->client.user != NULL ||
	       session_is_certified(s) ||
	       (!s->no_trust &&
		network_list_has(s->service->trusted, &s->peer));
}

/* A reload is taken over between transactions; a listener that is gone from
 * the configuration goes on with what it had. */
static const struct smtp_in_conf *
session_begin(void *arg, bool *ret_trusted)
{
	struct session *s = arg;
	struct snapshot *now = s->all->snapshot;
	const struct service *service;

	if (now != s->snapshot) {
		service = snapshot_service(now, s->service->name);
		if (service != NULL) {
			snapshot_unref(&s->snapshot);
			s->snapshot = snapshot_ref(now);
			s->service = service;
			s->client.user = session_find_user(s);
		}
	}
	s->client.certified = session_is_certified(s);
	*ret_trusted = session_trusted(s);
	return &s->service->smtp;
}

static bool
session_room(void *arg)
{
	struct session *s = arg;

	return store_has_room(queue_store(s->all->queue), STORE_NEED_MAIL);
}

static const char *
session_user(const struct session *s)
{
	return s->client.user != NULL ? s->client.user->name : s->login;
}

/* Who is in `trust` has no rates by address, nor has the drop folder any. */
static bool
session_rate(void *arg, enum smtp_verb verb)
{
	struct session *s = arg;
	const char *user = s->client.user != NULL ? s->client.user->name
			   : s->login != NULL     ? s->who
						  : NULL;
	const char *name;

	if (s->key != NULL)
		return true;
	name = rates_take(s->all->rates, &s->service->smtp.limits->rates,
			  verb == SMTP_MAIL ? RATES_MESSAGES : RATES_RECIPIENTS,
			  session_trusted(s) ? NULL : &s->peer, user,
			  loop_mono_ms(s->all->loop));
	if (name != NULL)
		log_event(&s->log, LOG_INFO, "rate", LOG_STR("limit", name),
			  LOG_STR("client", s->client_text),
			  LOG_ADDR("user", session_user(s)));
	return name == NULL;
}

/* As who posts with a wrong token is told of. */
static void
session_guessed(struct session *s)
{
	const char *source = source_kind_names[SOURCE_MAIL];
	const char *result = alert_event_names[ALERT_EVENT_UNAUTHORIZED];

	metric_add(metric_cell(s->service->alert_events, source, result, NULL),
		   1);
	log_event(&s->log, LOG_WARNING, "alert_refused",
		  LOG_STR("source", source), LOG_STR("client", s->client_text),
		  LOG_INT("status", 550), LOG_STR("reason", "token"));
}

static enum expand_result
session_expand(void *arg, const struct address *rcpt, bool trusted,
	       struct arena *arena, struct expansion *ret)
{
	struct session *s = arg;
	enum expand_result result;

	result = expand_rcpt(s->snapshot->routing, s->smtp.sender, rcpt,
			     trusted, arena, ret);
	if (result != EXPAND_OK || alert_mail_takes(s->snapshot, ret))
		return result;
	session_guessed(s);
	return EXPAND_UNKNOWN;
}

static void
session_verified(void *object, enum verify_result result)
{
	struct session *s = object;

	if (s->smtp.state != SMTP_IN_VERIFY)
		return; /* it was sent away meanwhile */
	if (s->io != NULL)
		io_cork(s->io);
	smtp_in_verified(&s->smtp, result);
	session_run(s);
}

/* An address that needs SMTPUTF8 is not asked for: the host might refuse it for
 * that alone. */
static enum verify_result
session_verify(void *arg, const struct expanded *r)
{
	struct session *s = arg;

	for (const char *c = r->address; *c != '\0'; c++)
		if ((unsigned char)*c > 127)
			return VERIFY_GOOD;
	return verifier_ask(s->all->verifier, s->snapshot->routing, &r->route,
			    r->address, s->handle, session_verified);
}

static void
session_draft_ready(void *object)
{
	struct session *s = object;

	smtp_in_resume(&s->smtp);
	session_run(s);
}

static int
session_open(void *arg, size_t max_bytes, uint64_t *ret_id)
{
	struct session *s = arg;
	int r;

	r = draft_open(s->all->queue, max_bytes, STORE_NEED_MAIL, s->all->loop,
		       s->handle, session_draft_ready, &s->draft);
	if (r == 0)
		*ret_id = draft_id(s->draft);
	return r;
}

static int
session_write(void *arg, const void *data, size_t len)
{
	struct session *s = arg;

	return draft_write(s->draft, data, len);
}

static void
session_content(void *arg)
{
	struct session *s = arg;

	draft_begin_content(s->draft);
}

static void
session_committed(void *object, int result, uint64_t id)
{
	struct session *s = object;

	if (s->io != NULL)
		io_cork(s->io);
	smtp_in_committed(&s->smtp, result, id);
	session_run(s);
}

static void
session_commit(void *arg, const struct envelope *env)
{
	struct session *s = arg;

	draft_commit(&s->draft, env, session_committed);
}

static void
session_abandon(void *arg)
{
	struct session *s = arg;

	draft_abandon(&s->draft);
}

void
session_forget_fate(struct session *s)
{
	if (s->fate_handle != 0)
		loop_handle_free(s->all->loop, s->fate_handle);
	s->fate_handle = 0;
}

static void
session_fate(void *object, bool delivered, const struct reply *last)
{
	struct session *s = object;

	session_forget_fate(s);
	if (s->smtp.state != SMTP_IN_OUTCOME)
		return;
	smtp_in_outcome(&s->smtp, delivered, last);
	session_run(s);
}

/* Only the last one, and only who sent it. The queue remembers for a while what
 * is over already. */
static int
session_outcome(void *arg, uint64_t id)
{
	struct session *s = arg;
	struct loop *loop = s->all->loop;

	if (s->last_id == 0 || s->last_id != id)
		return -ENOENT;
	must(s->fate_handle == 0);
	s->fate_handle = loop_handle_new(loop, s);
	queue_watch(s->all->queue, id, loop, s->fate_handle, session_fate);
	return 0;
}

static int64_t
session_now_ms(void *arg)
{
	struct session *s = arg;

	return loop_wall_ms(s->all->loop);
}

/* Idle is who neither sends a message nor waits for us. A sign of life is what
 * leads on to a message, once for each: MAIL and RSET for ever are none, nor is
 * NOOP. Those we trust never are idle. */
void
session_note_idle(struct session *s)
{
	enum smtp_in_state state = s->smtp.state;
	bool ours = s->smtp.trusted || s->client.user != NULL;
	bool busy = ours || smtp_in_in_data(&s->smtp) ||
		    (state != SMTP_IN_TLS && !smtp_in_wants_input(&s->smtp));

	if (!busy && (int)state <= s->reached)
		return;
	s->reached = busy || state == SMTP_IN_TLS ? -1 : (int)state;
	acceptor_idle(s->ticket, busy ? INT64_MAX : loop_mono_ms(s->all->loop));
}

static void
session_moved(void *arg, enum smtp_in_state from, enum smtp_in_state to)
{
	struct session *s = arg;

	session_note_idle(s);
	session_pace_moved(s);
	log_event(&s->log, LOG_DEBUG, "smtp_in",
		  LOG_STR("from", smtp_in_state_names[from]),
		  LOG_STR("to", smtp_in_state_names[to]));
}

static void
session_accepted(void *arg, uint64_t id, const struct envelope *env,
		 int64_t size)
{
	struct session *s = arg;
	const struct xclient *x = s->smtp.forward;
	char text[QUEUE_ID_LEN], origin[SESSION_ORIGIN_MAX];
	struct arena scratch;

	arena_init(&scratch);
	s->last_id = id;
	queue_id_text(id, text);
	metric_add(s->service->accepted[env->class], 1);
	log_event(
		&s->log, LOG_INFO, "accept", LOG_STR("id", text),
		LOG_STR("client", s->client_text),
		LOG_ADDR("user", session_user(s)),
		LOG_ADDR("from",
			 alert_mail_shown(s->snapshot, env->sender, &scratch)),
		LOG_INT("nrcpt", env->nrcpt), LOG_INT("size", size),
		LOG_EXACT("msgid", env->message_id),
		LOG_STR("origin", session_origin(s, origin, sizeof(origin))),
		LOG_STR("origin_id",
			x != NULL ? x->value[XCLIENT_IDENT] : NULL),
		LOG_STR("listener", s->service->name),
		LOG_STR("tls", s->tls != NULL ? s->tls->info.version : NULL),
		LOG_STR("cipher", s->tls != NULL ? s->tls->info.cipher : NULL));
	arena_done(&scratch);
}

static void
session_refused(void *arg, const struct smtp_in_refused *r)
{
	struct session *s = arg;
	char origin[SESSION_ORIGIN_MAX];
	struct arena scratch;

	arena_init(&scratch);
	metric_add(s->service->refused[r->no], 1);
	log_event(&s->log, LOG_INFO, "refuse",
		  LOG_STR("client", s->client_text),
		  LOG_STR("verb", smtp_verb_names[r->verb]),
		  LOG_INT("code", r->code), LOG_STR("dsn", r->dsn),
		  LOG_STR("reason", smtp_in_refusals[r->no].reason),
		  LOG_ADDR("from",
			   alert_mail_shown(s->snapshot, r->from, &scratch)),
		  LOG_ADDR("to",
			   alert_mail_shown(s->snapshot, r->rcpt, &scratch)),
		  LOG_STR("origin", session_origin(s, origin, sizeof(origin))),
		  LOG_STR("listener", s->service->name));
	arena_done(&scratch);
}

const struct smtp_in_calls session_calls = {
	.say = session_say,
	.begin = session_begin,
	.login = session_login,
	.scram = session_scram,
	.take = session_take,
	.xclient = session_xclient,
	.knows = session_knows,
	.room = session_room,
	.rate = session_rate,
	.expand = session_expand,
	.verify = session_verify,
	.open = session_open,
	.write = session_write,
	.content = session_content,
	.judge = session_judge,
	.resolve = session_resolve,
	.judged = session_judged,
	.sign = session_sign,
	.not_signed = session_not_signed,
	.reserve = session_reserve,
	.front = session_front,
	.commit = session_commit,
	.abandon = session_abandon,
	.outcome = session_outcome,
	.now_ms = session_now_ms,
	.moved = session_moved,
	.accepted = session_accepted,
	.refused = session_refused,
};
