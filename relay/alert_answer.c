#include "relay/alert_answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/link.h"
#include "base/tally.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "deliver/expand.h"
#include "relay/alerts.h"
#include "relay/notify.h"
#include "verdict/dkim_sign.h"

#define ANSWER_MAX        ((size_t)4 * 1024)
#define ANSWER_SIGNED_MAX ((size_t)16 * 1024)
#define ANSWER_ID_MAX     250
#define ADDRESSES_KEPT    1000
#define MARK_MS           (INT64_C(30) * 24 * 3600 * 1000)

static const struct conf_rate answer_rate = {1, INT64_C(3600) * 1000};

/* Until it is durable. */
struct answering {
	struct relay *relay; /* borrowed */
	uint64_t handle;
	struct arena arena;
	const char *to;
	alert_answer_fn *done;
	void *arg;
};

static void
answer_end(struct answering *a, int result)
{
	struct relay *r = a->relay;

	if (result >= 0)
		tally_count(r->answered, a->to, strlen(a->to), &answer_rate,
			    loop_mono_ms(relay_home(r)));
	a->done(a->arg, result < 0 ? result : 0);
	loop_handle_free(relay_home(r), a->handle);
	arena_done(&a->arena);
	free(a);
}

static void
answer_committed(void *object, int result, uint64_t id)
{
	(void)id;
	answer_end(object, result);
}

/* --- the mail ----------------------------------------------------------------- */

/* Can it stand in a field as it is? */
static bool
answer_is_id(const char *id)
{
	size_t len = id != NULL ? strlen(id) : 0;

	if (len < 3 || len > ANSWER_ID_MAX || id[0] != '<' ||
	    strchr(id, '>') != id + len - 1)
		return false;
	for (size_t i = 0; i < len; i++)
		if (id[i] <= ' ' || id[i] > '~')
			return false;
	return true;
}

/* So that it is known for ours should it come back. */
static void
answer_mark(const struct answering *a, char ret[static ALERT_TOKEN_LEN + 1])
{
	const struct alert_token token = {
		.kind = ALERT_TOKEN_MARK,
		.expires_ms = loop_wall_ms(relay_home(a->relay)) + MARK_MS,
	};

	alert_token_make(alerts_key(a->relay->alerts), &token, "", ret);
}

static const char *
answer_text(struct answering *a, const struct alert_answer_conf *conf,
	    const char *id)
{
	const char *thread = "", *host = relay_config(a->relay)->hostname;
	char date[CLOCK_RFC5322_LEN], mark[ALERT_TOKEN_LEN + 1];

	clock_rfc5322(loop_wall_ms(relay_home(a->relay)), date);
	answer_mark(a, mark);
	if (answer_is_id(conf->message_id))
		thread = arena_printf(&a->arena,
				      "In-Reply-To: %s\r\nReferences: %s\r\n",
				      conf->message_id, conf->message_id);
	return arena_printf(
		&a->arena,
		"From: Belfry <MAILER-DAEMON@%s>\r\n"
		"To: <%s>\r\n"
		"Reply-To: <%s>\r\n"
		"Subject: Your answer to an alert did nothing\r\n"
		"Date: %s\r\n"
		"Message-ID: <%s>\r\n"
		"%s"
		"Auto-Submitted: auto-replied\r\n"
		"X-Auto-Response-Suppress: All\r\n"
		"X-Incident: %s\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=us-ascii\r\n\r\n"
		"Nothing was acknowledged, closed or silenced: %s.\r\n\r\n"
		"Answer the alert's mail, or this one, with one of these lines "
		"alone\r\nat its top:\r\n\r\n"
		"ack         I have it: no more reminders\r\n"
		"unack       nobody has it any more\r\n"
		"close       it is over\r\n"
		"silence 2h  tell nobody of it for two hours\r\n\r\n"
		"You get at most one such mail in an hour.\r\n",
		host, conf->to, conf->asked, date, id, thread, mark, conf->why);
}

/* As all mail of ours: signed where there is a key, and without where that
 * fails. */
static int
answer_write(const struct answering *a, struct draft *draft, const char *text)
{
	time_t now = (time_t)(loop_wall_ms(relay_home(a->relay)) / 1000);
	size_t len = strlen(text);
	struct buf fields;
	int result = 0;

	buf_init(&fields, ANSWER_SIGNED_MAX);
	if (dkim_sign_message(a->relay->snapshot->keys, text, len, now,
			      &fields) == 0 &&
	    fields.len > 0)
		result = draft_write(draft, fields.data, fields.len);
	buf_done(&fields);
	return result < 0 ? result : draft_write(draft, text, len);
}

static void
answer_commit(struct answering *a, struct draft **draft, const char *id,
	      const struct expansion *to)
{
	struct envelope_rcpt *rcpt =
		arena_alloc(&a->arena, to->n * sizeof(*rcpt));
	const struct envelope env = {
		.sender = "",
		.class = QUEUE_ALERT,
		.flow = queue_flow("alert", NULL),
		.message_id = id,
		.teller = NOTIFY_TELLER,
		.nrcpt = to->n,
		.rcpt = rcpt,
	};

	for (size_t i = 0; i < to->n; i++)
		rcpt[i] = (struct envelope_rcpt){
			.address = to->v[i].address,
			.copy = to->v[i].copy,
			.agent = to->v[i].route.agent,
			.dest = to->v[i].route.dest,
			.route = to->v[i].route.rule,
		};
	draft_commit(draft, &env, answer_committed);
}

/* --- who gets one -------------------------------------------------------------- */

static bool
answer_find(struct answering *a, struct expansion *ret)
{
	struct address to;
	const char *why;

	return address_parse(a->to, &a->arena, &to, &why) == 0 &&
	       utf8_is_ascii(a->to) &&
	       expand_rcpt(a->relay->snapshot->routing, "", &to, true,
			   &a->arena, ret) == EXPAND_OK;
}

static bool
answer_is_due(struct relay *r, const char *to)
{
	if (r->answered == NULL)
		r->answered = tally_new(ADDRESSES_KEPT);
	return tally_has_room(r->answered, to, strlen(to), &answer_rate,
			      loop_mono_ms(relay_home(r)));
}

static void
answer_send(struct answering *a, const struct alert_answer_conf *conf)
{
	struct loop *home = relay_home(a->relay);
	char name[QUEUE_ID_LEN];
	struct expansion to;
	struct draft *draft;
	const char *id;
	int result;

	/* There is no way to them: nothing would be gained by trying again. */
	if (!answer_is_due(a->relay, a->to) || !answer_find(a, &to)) {
		answer_end(a, 0);
		return;
	}
	result = draft_open(a->relay->queue, ANSWER_MAX + ANSWER_SIGNED_MAX,
			    STORE_NEED_NOTICE, home, a->handle, NULL, &draft);
	if (result < 0) {
		answer_end(a, result);
		return;
	}
	queue_id_text(draft_id(draft), name);
	id = arena_printf(&a->arena, "%s@%s", name,
			  relay_config(a->relay)->hostname);
	result = answer_write(a, draft, answer_text(a, conf, id));
	if (result < 0) {
		draft_abandon(&draft);
		answer_end(a, result);
		return;
	}
	answer_commit(a, &draft, id, &to);
}

void
alert_answer(struct relay *r, const struct alert_answer_conf *conf,
	     alert_answer_fn *done, void *arg)
{
	struct answering *a = xcalloc(1, sizeof(*a));

	a->relay = r;
	a->handle = loop_handle_new(relay_home(r), a);
	arena_init(&a->arena);
	a->to = arena_strdup(&a->arena, conf->to);
	a->done = done;
	a->arg = arg;
	answer_send(a, conf);
}
