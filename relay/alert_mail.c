#include "relay/alert_mail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_secrets.h"
#include "alert/intake.h"
#include "alert/mail_intake.h"
#include "alert/rules.h"
#include "base/xalloc.h"
#include "deliver/whole.h"
#include "mail/header.h"
#include "relay/alert_answer.h"
#include "relay/alert_silence.h"
#include "relay/alert_take.h"
#include "relay/alerts.h"
#include "relay/login.h"

/* A message on its way: on its own loop, home, in the pool, home, and back. */
struct alert_mail {
	struct relay *relay;           /* borrowed */
	struct whole *whole;           /* until the end */
	struct rules *rules;           /* a reference; NULL: not yet */
	struct alert_secrets *secrets; /* a reference */
	struct arena arena;
	struct mime_mail mail;
	struct mail_meaning meaning;
	bool read; /* MEANING is there */
	char id[QUEUE_ID_LEN];
	/* The answer. */
	int code;
	const char *dsn, *text;
	struct post post;
	struct loop_timer wait; /* on the home loop */
	struct pool_job job;
};

/* While the engine reads its records. */
#define AM_WAIT_MS 100

/* --- the end ------------------------------------------------------------------ */

/* On the message's loop. */
static void
am_end(void *arg)
{
	struct alert_mail *m = arg;

	whole_done(m->whole, m->code, m->dsn, m->text);
	if (m->read)
		alert_batch_done(&m->meaning.batch);
	alert_secrets_unref(&m->secrets);
	rules_unref(&m->rules);
	arena_done(&m->arena);
	free(m);
}

static void
am_answer(struct alert_mail *m, int code, const char *dsn, const char *text)
{
	m->code = code;
	m->dsn = dsn;
	m->text = text;
	loop_timer_done(&m->wait);
	loop_post(m->whole->loop, &m->post, am_end, m);
}

/* What the engine said. What no longer is, or was so already, is no error of a
 * mail's. */
static void
am_taken(void *arg, int result)
{
	struct alert_mail *m = arg;

	switch (result) {
	case 0:
	case -ENOENT:
	case -EALREADY:
	case -EINVAL:
		am_answer(m, 250, "2.0.0", "taken");
		return;
	case -ENOSPC:
		am_answer(m, 452, "4.3.1", "the store is full");
		return;
	default:
		am_answer(m, 451, "4.3.0", "alerts can't be taken now");
		return;
	}
}

static void
am_log(struct alert_mail *m, enum log_level level)
{
	const struct mail_meaning *what = &m->meaning;
	const char *command = what->kind == MAIL_REPLY
				      ? mail_command_names[what->command]
				      : NULL;

	log_event(&m->relay->log_root, level, "alert_mail",
		  LOG_STR("id", m->id),
		  LOG_STR("result", mail_kind_names[what->kind]),
		  LOG_STR("source",
			  what->source != NULL ? what->source->name : NULL),
		  LOG_ADDR("from", m->mail.from), LOG_STR("command", command),
		  LOG_STR("reason", *what->why != '\0' ? what->why : NULL));
}

/* --- what a person wants -------------------------------------------------------- */

static void
am_silence(struct alert_mail *m, struct engine *e)
{
	const struct mail_meaning *what = &m->meaning;
	int64_t now = loop_wall_ms(relay_home(m->relay));
	const struct engine_silence s = {
		.starts_ms = now,
		.ends_ms = now + what->silence_ms,
		.created_by = what->address,
		.comment = "by mail",
	};
	struct labels *labels;
	uint64_t *groups;
	size_t n = engine_mail_groups(e, what->token.group, what->token.seq,
				      what->address, &m->arena, &groups);

	n = alert_silence_labels(e, groups, n, &m->arena, &labels);
	alert_silence_set(e, &s, labels, n, am_taken, m);
}

static void
am_command(struct alert_mail *m, struct engine *e)
{
	static const enum engine_act acts[] = {
		[MAIL_ACK] = ENGINE_ACK,
		[MAIL_UNACK] = ENGINE_UNACK,
		[MAIL_CLOSE] = ENGINE_CLOSE,
	};
	const struct mail_meaning *what = &m->meaning;

	if (what->command == MAIL_SILENCE)
		am_silence(m, e);
	else
		engine_act_group(e, acts[what->command], what->token.group,
				 what->token.seq, what->address, "by mail",
				 am_taken, m);
}

static bool
am_is_local_address(const char *address)
{
	return strcmp(address_domain_of(address), ROUTE_ALERT_DOMAIN) == 0;
}

static bool
am_is_local(const struct alert_mail *m)
{
	return am_is_local_address(m->whole->a->rcpt[0].address);
}

/* --- at home ---------------------------------------------------------------------- */

static void
am_bounced(struct alert_mail *m, struct engine *e)
{
	const struct mail_meaning *what = &m->meaning;

	engine_bounced(e, what->token.group, what->token.seq, what->address,
		       what->status->status, what->status->words, am_taken, m);
}

/* Who thinks that it was done. */
static void
am_answer_them(struct alert_mail *m)
{
	const struct alert_answer_conf conf = {
		.to = m->meaning.address,
		.asked = m->whole->a->rcpt[0].address,
		.why = m->meaning.why,
		.message_id = mime_field(&m->mail, "Message-ID"),
	};

	alert_answer(m->relay, &conf, am_taken, m);
}

/* A person of this machine hears of it; so does who may answer notices and did so
 * in vain. What else came from elsewhere is never answered. */
static void
am_not_taken(struct alert_mail *m)
{
	bool refused = m->meaning.kind == MAIL_REFUSED;

	if (m->meaning.answer)
		am_answer_them(m);
	else if (am_is_local(m))
		am_answer(m, 554, refused ? "5.7.1" : "5.6.0", m->meaning.why);
	else
		am_taken(m, 0);
}

/* What is of no source is counted as of any. */
static void
am_count(struct alert_mail *m, enum alert_event event)
{
	alert_take_count(m->relay,
			 m->meaning.source != NULL
				 ? m->meaning.source->name
				 : source_kind_names[SOURCE_MAIL],
			 event, 1);
}

static void
am_act(struct alert_mail *m)
{
	struct engine *e = alerts_engine(m->relay->alerts);
	const struct whole *w = m->whole;

	switch (m->meaning.kind) {
	case MAIL_DROPPED:
		am_log(m, LOG_INFO);
		am_count(m, ALERT_EVENT_IGNORED);
		am_taken(m, 0);
		return;
	case MAIL_REFUSED:
		am_log(m, LOG_WARNING);
		am_count(m, ALERT_EVENT_FORBIDDEN);
		am_not_taken(m);
		return;
	case MAIL_MALFORMED:
		am_log(m, LOG_WARNING);
		alert_take_malformed(m->relay, m->meaning.source,
				     m->meaning.why, w->data, w->len);
		am_not_taken(m);
		return;
	case MAIL_ALERT:
		alert_take(m->relay, m->meaning.source, &m->meaning.batch,
			   am_taken, m);
		return;
	case MAIL_REPLY:
		am_log(m, LOG_INFO);
		am_command(m, e);
		return;
	case MAIL_BOUNCE:
		am_log(m, LOG_INFO);
		am_bounced(m, e);
		return;
	}
}

/* Is there nobody any more who could take it? Then it comes again. */
static bool
am_is_over(struct alert_mail *m)
{
	if (m->relay->alerts != NULL && !m->relay->stopping &&
	    engine_is_loaded(alerts_engine(m->relay->alerts)))
		return false;
	am_taken(m, -EAGAIN);
	return true;
}

static void
am_read(void *arg)
{
	struct alert_mail *m = arg;

	if (!am_is_over(m))
		am_act(m);
}

/* --- in the pool -------------------------------------------------------------------- */

/* "spf=pass dkim=none dmarc=pass": what the queue keeps of a verdict. */
static bool
am_passed_dmarc(const char *verdict)
{
	char dmarc[16];

	return verdict != NULL &&
	       sscanf(verdict, "spf=%*[a-z] dkim=%*[a-z] dmarc=%15[a-z]",
		      dmarc) == 1 &&
	       strcmp(dmarc, "pass") == 0;
}

/* What stands behind the DELIMITER of ADDRESS; "": nothing. */
static const char *
am_extension(const char *address, char delimiter, struct arena *a)
{
	size_t len = strcspn(address, "@");
	char *local = arena_strndup(a, address, len);
	size_t base = address_base_len(local, len, delimiter);

	return base < len ? local + base + 1 : "";
}

static void
am_mean(struct alert_mail *m)
{
	const struct attempt *a = m->whole->a;
	struct mail_intake in = {
		.mail = &m->mail,
		.sender = a->sender,
		.token = am_extension(a->rcpt[0].address, m->whole->delimiter,
				      &m->arena),
		.vouched = a->submitted || am_passed_dmarc(a->verdict),
		.key = alerts_key(m->relay->alerts),
		.now_ms = clock_wall_ms(m->relay->clock),
	};
	const char *name = alert_secrets_mail_source(m->secrets, in.token);

	in.nsources = rules_sources(m->rules, &in.sources);
	if (name != NULL)
		in.by_token = rules_source(m->rules, name);
	mail_intake(&in, &m->meaning);
	m->read = true;
}

/* --- what a program of this machine said ------------------------------------------- */

/* Of the uppermost Received, which is ours; -1: it came otherwise. What begins
 * with "by" came by no network, and has no words of others before the uid. */
static long
am_uid(const struct whole *w)
{
	static const char by[] = "by ", from[] = " (Belfry, from userid ";
	struct header_field f;
	char value[512];
	const char *at;

	if (header_next(w->data, w->len, &f) != 1 || !header_is(&f, "Received"))
		return -1;
	header_value(&f, value, sizeof(value));
	if (strncmp(value, by, sizeof(by) - 1) != 0)
		return -1;
	at = value + sizeof(by) - 1;
	at += strcspn(at, " ");
	return strncmp(at, from, sizeof(from) - 1) == 0
		       ? strtol(at + sizeof(from) - 1, NULL, 10)
		       : -1;
}

/* What stands behind the header, as a post of the source `cli`. */
static int
am_local_read(struct alert_mail *m, long uid, char **ret_why)
{
	const struct whole *w = m->whole;
	char *login = login_of((uid_t)uid);
	const struct doc_field who[] = {
		{"user", login},
		{"uid", arena_printf(&m->arena, "%ld", uid)},
	};
	struct intake_request req = {
		.nquery = 2,
		.query = who,
		.now_ms = clock_wall_ms(m->relay->clock),
	};
	size_t scanned = 0, header = 0;
	int r;

	if (header_end(w->data, w->len, &scanned, &header) != 1)
		header = w->len;
	req.body = w->data + header;
	req.body_len = w->len - header;
	r = intake_read(m->meaning.source, &req, NULL, &m->meaning.batch,
			ret_why);
	free(login);
	return r;
}

static void
am_local(struct alert_mail *m)
{
	long uid = am_uid(m->whole);
	char *why = NULL;

	m->mail = (struct mime_mail){.from = "", .subject = "", .text = ""};
	m->meaning = (struct mail_meaning){.kind = MAIL_REFUSED, .address = ""};
	alert_batch_init(&m->meaning.batch);
	m->read = true;
	m->meaning.why = "nobody knows whose it is";
	m->meaning.source =
		rules_source(m->rules, source_kind_names[SOURCE_CLI]);
	if (uid < 0 || m->meaning.source == NULL)
		return;
	if (am_local_read(m, uid, &why) == 0) {
		m->meaning.kind = MAIL_ALERT;
		m->meaning.why = "";
		return;
	}
	m->meaning.kind = MAIL_MALFORMED;
	m->meaning.why = arena_strdup(&m->arena, why != NULL ? why : "");
	free(why);
}

static void
am_run(void *arg)
{
	struct alert_mail *m = arg;

	if (am_is_local(m)) {
		am_local(m);
		return;
	}
	if (mime_read(m->whole->data, m->whole->len, &m->arena, &m->mail) < 0)
		m->mail = (struct mime_mail){
			.from = "", .subject = "", .text = ""};
	am_mean(m);
}

/* --- the start ------------------------------------------------------------------------ */

/* On the home loop, which knows the rules of now. */
static void
am_look(void *arg)
{
	struct alert_mail *m = arg;
	struct relay *r = m->relay;

	/* Right after a start: in the queue it would wait for its next try. */
	if (r->alerts != NULL && !r->stopping &&
	    !engine_is_loaded(alerts_engine(r->alerts))) {
		loop_timer_set(&m->wait, AM_WAIT_MS);
		return;
	}
	if (am_is_over(m))
		return;
	/* A program's user hears of it; mail waits for who configures alerts. */
	if (!alerts_is_on(r->alerts)) {
		am_answer(m, am_is_local(m) ? 554 : 451,
			  am_is_local(m) ? "5.3.5" : "4.3.5",
			  "no alerts are configured here");
		return;
	}
	m->rules = rules_ref(r->snapshot->rules);
	m->secrets = alert_secrets_ref(r->snapshot->alert_secrets);
	if (pool_run(r->cpu, &m->job, am_run, relay_home(r), am_read, m) < 0)
		am_taken(m, -EAGAIN);
}

static void
am_begin(void *arg)
{
	struct alert_mail *m = arg;

	loop_timer_init(&m->wait, relay_home(m->relay), am_look, m);
	am_look(m);
}

static void
am_whole(void *ctx, struct whole *w)
{
	struct alert_mail *m = xcalloc(1, sizeof(*m));

	m->relay = ctx;
	m->whole = w;
	arena_init(&m->arena);
	queue_id_text(w->a->id, m->id);
	loop_post(relay_home(m->relay), &m->post, am_begin, m);
}

/* --- at RCPT ---------------------------------------------------------------------- */

static bool
am_is_agents(const struct route *route, const char *address)
{
	return strcmp(route->agent, "alert") == 0 &&
	       !am_is_local_address(address);
}

bool
alert_mail_takes(const struct snapshot *s, const struct expansion *to)
{
	char delimiter = routing_delimiter(s->routing);
	struct arena a;
	bool ok = true;

	arena_init(&a);
	for (size_t i = 0; ok && i < to->n; i++)
		if (am_is_agents(&to->v[i].route, to->v[i].address))
			ok = mail_intake_takes(
				s->alert_secrets,
				am_extension(to->v[i].address, delimiter, &a));
	arena_done(&a);
	return ok;
}

const char *
alert_mail_shown(const struct snapshot *s, const char *address, struct arena *a)
{
	struct address to;
	struct route route;
	const char *why;

	if (address != NULL && address_parse(address, a, &to, &why) == 0 &&
	    route_find(s->routing, "", &to, &route) == 0 &&
	    am_is_agents(&route, address))
		return mail_intake_shown(address, a);
	return address;
}

void
alert_mail_init(struct relay *r)
{
	deliver_whole(r->deliver, "alert", MIME_SIZE_MAX, am_whole, r);
	/* Who says that it is down, and then that it is up, is heard so. */
	queue_serial_agent(r->queue, "alert");
	/* alert+TOKEN@ */
	queue_secret_agent(r->queue, "alert");
}
