#include "relay/alert_answer.h"

#include <stdlib.h>
#include <string.h>

#include "alert/link.h"
#include "base/tally.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "relay/alerts.h"
#include "relay/own_mail.h"

#define ANSWER_ID_MAX  250
#define ADDRESSES_KEPT 1000
#define MARK_MS        (INT64_C(30) * 24 * 3600 * 1000)

static const struct conf_rate answer_rate = {.n = 1,
					     .period_ms = INT64_C(3600) * 1000};

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

/* --- who gets one -------------------------------------------------------------- */

static bool
answer_is_due(struct relay *r, const char *to)
{
	if (r->answered == NULL)
		r->answered = tally_new(ADDRESSES_KEPT);
	return tally_has_room(r->answered, to, strlen(to), &answer_rate,
			      loop_mono_ms(relay_home(r)));
}

/* 0: answer_committed() follows; else it is over, and what DONE gets. */
static int
answer_send(struct answering *a, const struct alert_answer_conf *conf)
{
	struct address to;
	struct own_mail mail = {
		.relay = a->relay,
		.arena = &a->arena,
		.to = &to,
		.class = QUEUE_ALERT,
		.flow = "alert",
		.handle = a->handle,
	};
	const char *why, *text;
	int result;

	/* There is no way to them: nothing would be gained by trying again. */
	if (!answer_is_due(a->relay, a->to) || !utf8_is_ascii(a->to) ||
	    address_parse(a->to, &a->arena, &to, &why) < 0)
		return 1;
	result = own_mail_begin(&mail);
	if (result != 0)
		return result;
	text = answer_text(a, conf, mail.message_id);
	return own_mail_send(&mail, text, strlen(text), answer_committed);
}

void
alert_answer(struct relay *r, const struct alert_answer_conf *conf,
	     alert_answer_fn *done, void *arg)
{
	struct answering *a = xcalloc(1, sizeof(*a));
	int result;

	a->relay = r;
	a->handle = loop_handle_new(relay_home(r), a);
	arena_init(&a->arena);
	a->to = arena_strdup(&a->arena, conf->to);
	a->done = done;
	a->arg = arg;
	result = answer_send(a, conf);
	if (result != 0)
		answer_end(a, result);
}
