#include "alert/mail_intake.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "alert/mail_intake_impl.h"
#include "base/ascii.h"
#include "base/conf.h"
#include "mail/address.h"

#define BOUNCE_PREFIX "b."

const char *const mail_kind_names[] = {
	[MAIL_DROPPED] = "dropped",     [MAIL_REFUSED] = "refused",
	[MAIL_MALFORMED] = "malformed", [MAIL_ALERT] = "alert",
	[MAIL_REPLY] = "reply",         [MAIL_BOUNCE] = "bounce",
};

const char *const mail_command_names[] = {
	[MAIL_ACK] = "ack",
	[MAIL_UNACK] = "unack",
	[MAIL_CLOSE] = "close",
	[MAIL_SILENCE] = "silence",
};

static void
mi_is(struct mail_meaning *m, enum mail_kind kind, const char *why)
{
	m->kind = kind;
	m->why = why;
}

/* --- who sent it ------------------------------------------------------------- */

/* It bears a mark of ours, of any time. */
static bool
mi_is_ours(const struct mail_intake *in)
{
	const char *mark = mime_field(in->mail, "X-Incident");
	struct alert_token token;
	int r;

	if (mark == NULL || in->key == NULL)
		return false;
	r = alert_token_read(in->key, ALERT_TOKEN_MARK, mark, "", in->now_ms,
			     &token);
	return r == 0 || r == -ETIME;
}

static const char *
mi_field(const struct mail_intake *in, const char *name)
{
	const char *v = mime_field(in->mail, name);

	return v != NULL ? v : "";
}

/* "auto-replied; x" begins with the word alone. */
static bool
mi_begins(const char *v, const char *word)
{
	size_t len = strlen(word);

	return strncasecmp(v, word, len) == 0 &&
	       (v[len] == '\0' || v[len] == ';' || v[len] == ' ');
}

/* A program answered: to nobody who asked (RFC 3834). */
static bool
mi_is_auto_reply(const struct mail_intake *in)
{
	return mi_begins(mi_field(in, "Auto-Submitted"), "auto-replied") ||
	       *mi_field(in, "X-Autoreply") != '\0' ||
	       *mi_field(in, "X-Autorespond") != '\0';
}

/* Why it is no person's; NULL: it may be one's. */
static const char *
mi_automatic(const struct mail_intake *in)
{
	static const char *const lists[] = {"List-Id", "List-Post",
					    "List-Unsubscribe", NULL};
	static const char *const bulk[] = {"bulk", "list", "junk", "auto_reply",
					   NULL};
	const char *how = mi_field(in, "Auto-Submitted");

	if (*in->sender == '\0')
		return "it is from the null path";
	if (*how != '\0' && !mi_begins(how, "no"))
		return "a program sent it (Auto-Submitted)";
	if (mi_is_auto_reply(in))
		return "a program answered";
	for (size_t i = 0; lists[i] != NULL; i++)
		if (*mi_field(in, lists[i]) != '\0')
			return "it came by a list";
	for (size_t i = 0; bulk[i] != NULL; i++)
		if (mi_begins(mi_field(in, "Precedence"), bulk[i]))
			return "it came by a list, or a program sent it";
	return NULL;
}

/* --- a notice that did not arrive ------------------------------------------------ */

/* Is TOKEN that of the notice to ADDRESS? An old one is none: what happened to
 * it is no longer of interest. */
static bool
mi_bounced(const struct mail_intake *in, const char *token, const char *address,
	   struct mail_meaning *m)
{
	if (*address == '\0' ||
	    alert_token_read(in->key, ALERT_TOKEN_BOUNCE, token, address,
			     in->now_ms, &m->token) < 0)
		return false;
	m->address = address;
	return true;
}

static void
mi_bounce(const struct mail_intake *in, const char *token,
	  struct mail_meaning *m)
{
	const struct mime_mail *mail = in->mail;

	mi_is(m, MAIL_DROPPED,
	      "it came to a return address and is no report "
	      "of a failure");
	if (!mail->is_report || in->key == NULL)
		return;
	for (size_t i = 0; i < mail->nstatuses; i++) {
		const struct mime_status *s = &mail->statuses[i];

		if (strcmp(s->action, "failed") != 0)
			continue;
		mi_is(m, MAIL_REFUSED,
		      "it reports a failure of a notice that was not sent");
		m->status = s;
		if (mi_bounced(in, token, s->original, m) ||
		    mi_bounced(in, token, s->recipient, m)) {
			mi_is(m, MAIL_BOUNCE, "");
			return;
		}
	}
}

/* --- an answer ----------------------------------------------------------------- */

/* The first line that is neither empty nor quoted; *RET_LEN without blanks at its
 * ends. */
static const char *
mi_first_line(const char *text, size_t *ret_len)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n"), n;

		n = len;
		while (n > 0 && (*text == ' ' || *text == '\t')) {
			text++;
			n--;
			len--;
		}
		while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
			n--;
		if (n > 0 && *text != '>') {
			*ret_len = n;
			return text;
		}
		text += len + (text[len] == '\n');
	}
	*ret_len = 0;
	return text;
}

/* COMMAND [TIME], in any letter case, perhaps with a full stop; nothing else. */
static bool
mi_command(const char *line, size_t len, struct mail_meaning *m)
{
	char text[64], *time;

	while (len > 0 && (line[len - 1] == '.' || line[len - 1] == '!'))
		len--;
	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	ascii_lower_str(text);
	time = strchr(text, ' ');
	if (time != NULL) {
		*time++ = '\0';
		time += strspn(time, " ");
	}
	for (int i = MAIL_ACK; i <= MAIL_SILENCE; i++) {
		if (strcmp(text, mail_command_names[i]) != 0)
			continue;
		m->command = (enum mail_command)i;
		if (i != MAIL_SILENCE)
			return time == NULL;
		return time != NULL &&
		       conf_parse_time(time, &m->silence_ms) == 0 &&
		       m->silence_ms > 0 &&
		       m->silence_ms <= MAIL_SILENCE_MAX_MS;
	}
	return false;
}

/* True: it is an answer to a notice, or wants to be one. */
static bool
mi_reply(const struct mail_intake *in, struct mail_meaning *m)
{
	const char *why, *line;
	size_t len;
	int r;

	if (in->key == NULL || *in->mail->from == '\0')
		return false;
	r = alert_token_read(in->key, ALERT_TOKEN_REPLY, in->token,
			     in->mail->from, in->now_ms, &m->token);
	if (r < 0 && r != -ETIME)
		return false;
	why = mi_automatic(in);
	line = mi_first_line(in->mail->text, &len);
	m->address = in->mail->from;
	if (why != NULL)
		mi_is(m, MAIL_DROPPED, why);
	else if (!in->vouched)
		mi_is(m, MAIL_REFUSED, "nobody vouches for its From");
	else if (r == -ETIME)
		mi_is(m, MAIL_REFUSED, "the notice it answers is too old");
	else if (!mi_command(line, len, m))
		mi_is(m, MAIL_REFUSED,
		      "its first line is no command: ack, unack, close, or "
		      "silence 2h");
	else
		mi_is(m, MAIL_REPLY, "");
	m->answer = in->vouched && m->kind == MAIL_REFUSED;
	return true;
}

/* --- the address --------------------------------------------------------------- */

bool
mail_intake_takes(const struct alert_secrets *secrets, const char *token)
{
	size_t prefix = strlen(BOUNCE_PREFIX);

	if (*token == '\0')
		return true;
	if (strncasecmp(token, BOUNCE_PREFIX, prefix) == 0)
		return alert_token_may_be(ALERT_TOKEN_BOUNCE, token + prefix);
	return alert_token_may_be(ALERT_TOKEN_REPLY, token) ||
	       alert_secrets_mail_source(secrets, token) != NULL;
}

const char *
mail_intake_shown(const char *address, struct arena *a)
{
	size_t len = strcspn(address, "@"), prefix = strlen(BOUNCE_PREFIX);
	size_t base = address_base_len(address, len, '+');

	if (base == len)
		return address;
	base++;
	if (strncasecmp(address + base, BOUNCE_PREFIX, prefix) == 0)
		base += prefix;
	return arena_printf(a, "%.*s*%s", (int)base, address, address + len);
}

/* --- a source ------------------------------------------------------------------- */

static const struct rules_source *
mi_by_domain(const struct mail_intake *in)
{
	const char *domain = address_domain_of(in->mail->from);

	if (!in->vouched || *domain == '\0')
		return NULL;
	for (size_t i = 0; i < in->nsources; i++)
		for (size_t k = 0; k < in->sources[i].ndomains; k++)
			if (strcasecmp(in->sources[i].domains[k], domain) == 0)
				return &in->sources[i];
	return NULL;
}

void
mail_intake(const struct mail_intake *in, struct mail_meaning *ret)
{
	size_t prefix = strlen(BOUNCE_PREFIX);

	*ret = (struct mail_meaning){.why = "", .address = ""};
	alert_batch_init(&ret->batch);
	if (mi_is_ours(in)) {
		mi_is(ret, MAIL_DROPPED, "it is one of our own");
		return;
	}
	if (strncasecmp(in->token, BOUNCE_PREFIX, prefix) == 0) {
		mi_bounce(in, in->token + prefix, ret);
		return;
	}
	if (*in->token != '\0' && in->by_token == NULL && mi_reply(in, ret))
		return;
	ret->source = in->by_token != NULL ? in->by_token : mi_by_domain(in);
	if (ret->source == NULL)
		mi_is(ret, MAIL_REFUSED,
		      "no token, and no domain that is listed and vouched for");
	else if (*in->sender == '\0' || mi_is_auto_reply(in))
		mi_is(ret, MAIL_DROPPED, "a report or an automatic answer");
	else
		mail_intake_source(in, ret);
}
