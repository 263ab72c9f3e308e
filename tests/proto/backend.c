#include "tests/proto/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "tests/proto/backend_seal.h"

#define BACKEND_MAX (256 * 1024 * 1024)

static void
be_say(void *arg, const char *data, size_t len)
{
	struct backend *b = arg;

	must(buf_append(&b->out, data, len) == 0);
}

static const struct smtp_in_conf *
be_begin(void *arg, bool *ret_trusted)
{
	struct backend *b = arg;

	*ret_trusted = b->client.trusted || b->client.user != NULL;
	return &b->conf;
}

/* secret, in two ways; each with another wish. */
#define BE_KEYS                                                                \
	"scram: {iterations: 4096, salt: \"W22ZaJ0SNY7soEsUEjb6gQ==\", "       \
	"stored: \"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=\", "           \
	"server: \"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\"}"
static const char users_text[] =
	"anna: {" BE_KEYS "}\n"
	"app: {" BE_KEYS ", senders: [app.example, a@b.example], class: bulk}\n"
	"few: {" BE_KEYS ", rate: 2/1h}\n"
	"daily: {" BE_KEYS ", daily: 2}\n";
static struct users *be_users; /* made once */

/* "busy" and "later" are users for these answers; the password of all others is
 * pencil. */
static enum smtp_in_login_result
be_login(void *arg, const struct smtp_in_login *login)
{
	struct backend *b = arg;
	const struct user *user =
		login->user != NULL ? users_find(be_users, login->user) : NULL;
	bool right = login->password != NULL
			     ? strcmp(login->password, "pencil") == 0
			     : login->proved;

	if (login->mech == SASL_IN_EXTERNAL) {
		user = users_find(be_users, "app");
		right = login->user == NULL || strcmp(login->user, "app") == 0;
	}
	must(!b->authenticating && b->si.state != SMTP_IN_AUTH_CHECK);
	if (login->user != NULL && strcmp(login->user, "busy") == 0)
		return SMTP_IN_LOGIN_BUSY;
	b->login_result = SMTP_IN_LOGIN_WRONG;
	if (login->user != NULL && strcmp(login->user, "later") == 0)
		b->login_result = SMTP_IN_LOGIN_LATER;
	if (user != NULL && right) {
		b->client.user = user;
		b->login_result = SMTP_IN_LOGIN_OK;
		b->left = user->rate.n + user->daily;
	}
	if (login->password == NULL && right && user != NULL)
		return SMTP_IN_LOGIN_OK;
	b->authenticating = true;
	return SMTP_IN_LOGIN_ASKED;
}

/* Who is not there has the keys of anna, and fails all the same. */
static void
be_scram(void *arg, const char *name, struct scram_keys *ret)
{
	(void)arg;
	(void)name;
	*ret = users_find(be_users, "anna")->scram;
}

static enum logins_quota
be_take(void *arg)
{
	struct backend *b = arg;

	must(b->client.user != NULL);
	if (b->left-- > 0)
		return LOGINS_QUOTA_OK;
	return b->client.user->daily > 0 ? LOGINS_QUOTA_DAILY
					 : LOGINS_QUOTA_RATE;
}

static bool
be_room(void *arg)
{
	struct backend *b = arg;

	return !b->full;
}

/* Who is in 10/8 is trusted; 192.0.2.99 has too many connections. */
static bool
be_xclient(void *arg, const struct xclient *x, bool *ret_trusted)
{
	struct backend *b = arg;
	const char *ip = x->value[XCLIENT_ADDR];

	if (strcmp(ip, "192.0.2.99") == 0)
		return false;
	b->client.trusted = strncmp(ip, "10.", 3) == 0;
	*ret_trusted = b->client.trusted;
	return true;
}

static bool
be_rate(void *arg, enum smtp_verb verb)
{
	struct backend *b = arg;
	int64_t *left = verb == SMTP_MAIL ? &b->rate_mail : &b->rate_rcpt;

	must(verb == SMTP_MAIL || verb == SMTP_RCPT);
	return (*left)-- > 0;
}

static enum expand_result
be_expand(void *arg, const struct address *rcpt, bool trusted,
	  struct arena *arena, struct expansion *ret)
{
	struct backend *b = arg;

	return expand_rcpt(b->routing, "", rcpt, trusted, arena, ret);
}

/* Asked for "slow...", else known at once. */
static enum verify_result
be_verify(void *arg, const struct expanded *r)
{
	struct backend *b = arg;

	must(!b->verifying && !r->copy);
	b->nverified++;
	if (strncmp(r->address, "slow", 4) == 0) {
		b->verifying = true;
		b->verified = strncmp(r->address, "slow.no", 7) == 0
				      ? VERIFY_NOBODY
			      : strncmp(r->address, "slow.later", 10) == 0
				      ? VERIFY_LATER
				      : VERIFY_GOOD;
		return VERIFY_ASKED;
	}
	if (strncmp(r->address, "no", 2) == 0)
		return VERIFY_NOBODY;
	return strncmp(r->address, "later", 5) == 0 ? VERIFY_LATER
						    : VERIFY_GOOD;
}

/* A relay for all but BACKEND_DOMAIN_NOWHERE. */
static const char relay_text[] =
	"hostname: relay.example.org\n"
	"delivery: {only_recipients: ['/(?<!@nowhere.example)$/'], smarthost: "
	"[{name: hub, host: 127.0.0.1}]}\n";

/* The same with domains of its own; inner.example is handed on whole. */
static const char inbound_text[] =
	"hostname: relay.example.org\n"
	"domains: [ours.example, inner.example, asked.example]\n"
	"origin: Origin.example\n"
	"postmaster: no@asked.example\n"
	"aliases:\n"
	"  team: [anna@inner.example, ben@elsewhere.example, anna]\n"
	"  anna: [anna@inner.example]\n"
	"  info@ours.example: [team, info@inner.example]\n"
	"  copy: [copy@inner.example, team]\n"
	"  boss: [boss@inner.example]\n"
	"  dead: [x@nowhere.example]\n"
	"  'per%cent': [anna]\n"
	"rewrite:\n"
	"  - {match: .int.example, from: noreply@ours.example, envelope: "
	"'{local}@ours.example'}\n"
	"  - {match: int.example, sender: robot@ours.example}\n"
	"  - {match: host.int.example, sender: '{local}@ours.example'}\n"
	"  - {match: utf8.example, from: '{local}@b\xc3\xbc"
	"cher.example', "
	"envelope: noreply@b\xc3\xbc"
	"cher.example}\n"
	"routes:\n"
	"  - {match: sales@ours.example, deliver: smtp, via: [{name: sales, "
	"host: 127.0.0.1}]}\n"
	"  - {match: watched@ours.example, deliver: smtp, via: [{name: sales, "
	"host: 127.0.0.1}], bcc: [archive@elsewhere.example, boss]}\n"
	"  - {match: asked.example, deliver: smtp, via: [{name: inner, host: "
	"127.0.0.1}], verify: {cache: 1d}, bcc: [archive@elsewhere.example]}\n"
	"  - {match: inner.example, deliver: smtp, via: [{name: inner, host: "
	"127.0.0.1}]}\n"
	"delivery: {only_recipients: ['/(?<!@nowhere.example)$/'], smarthost: "
	"[{name: hub, host: 127.0.0.1}]}\n";

struct be_tables {
	struct config *config; /* owned: REWRITE borrows it */
	struct routing *routing;
	struct rewrite *rewrite;
};

static struct be_tables *
be_tables(const char *text)
{
	struct be_tables *t = xcalloc(1, sizeof(*t));
	struct routing_sources from;
	struct conf_errors e;
	struct config *c;

	conf_errors_init(&e);
	if (config_load_text("backend", text, strlen(text), &c, &e) < 0)
		conf_errors_print(&e, stderr);
	must(e.total == 0);
	from = config_routing(c);
	must(routing_new(&from, &e, &t->routing) == 0);
	must(rewrite_new(c, &e, &t->rewrite) == 0);
	t->config = c;
	conf_errors_done(&e);
	return t;
}

/* Made once: a fuzzer makes many backends. */
static void
be_use(struct backend *b, const char *text)
{
	static struct be_tables *relay, *inbound;
	struct be_tables **t = text == inbound_text ? &inbound : &relay;

	if (*t == NULL)
		*t = be_tables(text);
	b->routing = (*t)->routing;
	b->conf.rewrite = (*t)->rewrite;
	b->conf.origin = routing_origin(b->routing);
}

void
backend_inbound(struct backend *b)
{
	be_use(b, inbound_text);
	b->conf.role = CONFIG_INBOUND;
	b->client.trusted = false;
}

void
backend_auth(struct backend *b, enum config_auth auth)
{
	struct conf_errors e;
	struct config *c;

	b->conf.auth = auth;
	b->conf.auth_in_clear = true;
	b->client.trusted = false;
	b->client.sasl = b->sasl = sasl_context_new();
	if (be_users != NULL)
		return;
	conf_errors_init(&e);
	must(config_load_text("backend", relay_text, strlen(relay_text), &c,
			      &e) == 0);
	if (users_load_text(c, "users", users_text, strlen(users_text), &e,
			    &be_users) < 0)
		conf_errors_print(&e, stderr);
	must(be_users != NULL);
	config_unref(&c);
	conf_errors_done(&e);
}

static int
be_open(void *arg, size_t max_bytes, uint64_t *ret_id)
{
	struct backend *b = arg;

	must(!b->drafting && !b->committing);
	if (b->open_result < 0)
		return b->open_result;
	b->drafting = true;
	buf_done(&b->draft);
	buf_init(&b->draft, max_bytes);
	*ret_id = ++b->last_id;
	return 0;
}

static int
be_write(void *arg, const void *data, size_t len)
{
	struct backend *b = arg;

	must(b->drafting && len > 0);
	if (b->write_result < 0)
		return b->write_result;
	if (buf_append(&b->draft, data, len) < 0)
		return -EMSGSIZE;
	b->due = b->slow;
	return b->slow ? 1 : 0;
}

static char *
be_rcpts(const struct envelope *env)
{
	struct buf text;

	buf_init(&text, BACKEND_MAX);
	for (size_t i = 0; i < env->nrcpt; i++) {
		must(env->rcpt[i].agent != NULL && env->rcpt[i].dest != NULL);
		buf_printf(&text, "%s%s", i > 0 ? "," : "",
			   env->rcpt[i].address);
	}
	return buf_take(&text);
}

static const char *
be_or_dash(const char *s)
{
	return s != NULL ? s : "-";
}

/* "-" stands for what was not said. */
static char *
be_wishes(const struct envelope *env)
{
	struct buf text;

	buf_init(&text, BACKEND_MAX);
	buf_printf(&text, "%s %s", be_or_dash(dsn_ret_names[env->ret]),
		   be_or_dash(env->envid));
	for (size_t i = 0; i < env->nrcpt; i++) {
		const struct envelope_rcpt *rcpt = &env->rcpt[i];

		buf_append_str(&text, rcpt->expanded ? "; expanded " : "; ");
		if (rcpt->notify != 0)
			dsn_notify_write(rcpt->notify, &text);
		else
			buf_append_char(&text, '-');
		buf_printf(&text, " %s", be_or_dash(rcpt->orcpt));
	}
	return buf_take(&text);
}

static void
be_commit(void *arg, const struct envelope *env)
{
	struct backend *b = arg;

	must(b->drafting && !b->committing && env->nrcpt > 0);
	b->drafting = false;
	b->committing = true;
	b->pending = (struct backend_message){
		.id = b->last_id,
		.sender = xstrdup(env->sender),
		.rcpts = be_rcpts(env),
		.message_id = xstrdup(env->message_id),
		.wishes = be_wishes(env),
		.held = env->held,
		.verdict = xstrdup(env->verdict != NULL ? env->verdict : ""),
		.class = env->class,
		.flow = env->flow,
		.eight_bit = env->eight_bit,
		.smtputf8 = env->smtputf8,
		.utf8_header = env->utf8_header,
		.content = b->draft,
	};
	buf_init(&b->draft, BACKEND_MAX);
}

static void
be_abandon(void *arg)
{
	struct backend *b = arg;

	must(b->drafting);
	b->drafting = false;
	b->due = false; /* a draft that is gone tells nothing more */
	b->nabandoned++;
}

static int
be_outcome(void *arg, uint64_t id)
{
	struct backend *b = arg;

	must(!b->asking);
	if (id != b->last_id)
		return -ENOENT;
	b->asking = true;
	return 0;
}

static int64_t
be_now_ms(void *arg)
{
	(void)arg;
	return BACKEND_NOW_MS;
}

/* Nothing leads out of closed, and no state comes after itself. */
static void
be_moved(void *arg, enum smtp_in_state from, enum smtp_in_state to)
{
	struct backend *b = arg;

	must(from != SMTP_IN_CLOSED && from != to && b->si.state == to);
}

static void
be_accepted(void *arg, uint64_t id, const struct envelope *env, int64_t size)
{
	struct backend *b = arg;

	must(env->nrcpt > 0 && id == b->last_id);
	must(size == (int64_t)b->messages[b->nmessages - 1].content.len);
	b->naccepted++;
}

static void
be_refused(void *arg, const struct smtp_in_refused *r)
{
	struct backend *b = arg;

	must(r->code >= 400 && r->code < 600);
	b->nrefused++;
	b->last_no = r->no;
}

static const struct smtp_in_calls backend_calls = {
	.say = be_say,
	.begin = be_begin,
	.login = be_login,
	.scram = be_scram,
	.take = be_take,
	.xclient = be_xclient,
	.room = be_room,
	.rate = be_rate,
	.expand = be_expand,
	.verify = be_verify,
	.open = be_open,
	.write = be_write,
	BE_SEAL_CALLS,
	.commit = be_commit,
	.abandon = be_abandon,
	.outcome = be_outcome,
	.now_ms = be_now_ms,
	.moved = be_moved,
	.accepted = be_accepted,
	.refused = be_refused,
};

void
backend_init(struct backend *b)
{
	*b = (struct backend){
		.conf = {.hostname = "relay.example.org"},
		.limits =
			{
				.message_size = 50 * 1024 * 1024,
				.header_size = 256 * 1024,
				.text_line = 64 * 1024,
				.command_line = 4096,
				.recipients = 1000,
				.messages_per_connection = 1000,
				.errors = 20,
				.unknown_recipients = 20,
				.received_fields = 50,
			},
		.client =
			{
				.received_ip = "192.0.2.1",
				.uid = -1,
				.who = "192.0.2.1",
				.trusted = true,
			},
		.rate_mail = INT64_MAX,
		.rate_rcpt = INT64_MAX,
		.fate_delivered = true,
	};
	b->conf.limits = &b->limits;
	be_use(b, relay_text);
	buf_init(&b->in, BACKEND_MAX);
	buf_init(&b->out, BACKEND_MAX);
	buf_init(&b->draft, BACKEND_MAX);
}

static void
message_done(struct backend_message *m)
{
	free(m->sender);
	free(m->rcpts);
	free(m->message_id);
	free(m->wishes);
	free(m->verdict);
	buf_done(&m->content);
}

void
backend_done(struct backend *b)
{
	smtp_in_done(&b->si);
	sasl_context_free(&b->sasl);
	must(!b->drafting);
	be_seal_done(b);
	if (b->committing)
		message_done(&b->pending);
	for (size_t i = 0; i < b->nmessages; i++)
		message_done(&b->messages[i]);
	free(b->messages);
	buf_done(&b->in);
	buf_done(&b->out);
	buf_done(&b->draft);
}

void
backend_submit(struct backend *b, const char *mailbox)
{
	b->client = (struct smtp_in_client){
		.uid = 1000,
		.mailbox = mailbox,
		.who = "uid:1000",
		.trusted = true,
	};
}

void
backend_start(struct backend *b)
{
	smtp_in_init(&b->si, &backend_calls, b, &b->conf, &b->client);
	if (b->conf.tls == CONFIG_TLS_IMPLICIT)
		smtp_in_start_in_tls(&b->si);
	else
		smtp_in_start(&b->si);
}

void
backend_secure(struct backend *b)
{
	must(b->si.state == SMTP_IN_TLS);
	buf_clear(&b->in);
	smtp_in_secured(&b->si, "TLSv1.3, SOME_CIPHER, 256 bits");
}

static void
backend_settle(struct backend *b)
{
	static const struct reply no = {
		.code = 550, .dsn = "5.1.1", .text = "no such user"};

	be_settle_seal(b);
	if (b->committing) {
		b->committing = false;
		if (b->commit_result >= 0) {
			b->messages =
				xreallocarray(b->messages, b->nmessages + 1,
					      sizeof(*b->messages));
			b->messages[b->nmessages++] = b->pending;
		} else {
			message_done(&b->pending);
		}
		smtp_in_committed(&b->si, b->commit_result, b->last_id);
	}
	if (b->verifying) {
		b->verifying = false;
		smtp_in_verified(&b->si, b->verified);
	}
	if (b->authenticating) {
		b->authenticating = false;
		smtp_in_authenticated(&b->si, b->login_result);
	}
	if (b->asking) {
		b->asking = false;
		smtp_in_outcome(&b->si, b->fate_delivered, &no);
	}
	if (b->due)
		smtp_in_resume(&b->si);
	b->due = false;
}

/* As a session does: what is left of a line comes again with what follows. */
void
backend_feed(struct backend *b, const char *data, size_t len)
{
	size_t at = 0, n, used;

	while (at < len) {
		n = b->step > 0 && b->step < len - at ? b->step : len - at;
		must(buf_append(&b->in, data + at, n) == 0);
		at += n;
		do {
			used = smtp_in_feed(&b->si, b->in.data, b->in.len);
			must(used <= b->in.len);
			buf_consume(&b->in, used);
			backend_settle(b);
		} while (used > 0 && b->in.len > 0);
		must(b->in.len <= (size_t)b->limits.command_line ||
		     b->si.state == SMTP_IN_CLOSED);
		if (b->si.state == SMTP_IN_CLOSED)
			return;
	}
}
