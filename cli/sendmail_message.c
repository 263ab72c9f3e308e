/* From standard input and the command line to an envelope and a header. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/sendmail.h"
#include "mail/mailboxes.h"

int
sendmail_read(struct sendmail *sm)
{
	int r = spool_read(&sm->spool, stdin, !sm->no_dot);

	if (r == 0)
		return 0;
	sendmail_say("can't keep the message while it is read: %s",
		     strerror(-r));
	return EX_IOERR;
}

/* --- who sends --------------------------------------------------------------- */

/* The kernel's word, as belfryd sees it too; not LOGNAME's. */
static void
sm_look_up(struct sendmail *sm)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *gecos =
		pw != NULL && pw->pw_gecos != NULL ? pw->pw_gecos : "";

	if (pw == NULL)
		sm->login = arena_printf(&sm->arena, "uid%lu",
					 (unsigned long)getuid());
	else
		sm->login = arena_strdup(&sm->arena, pw->pw_name);
	sm->gecos = arena_strndup(&sm->arena, gecos, strcspn(gecos, ",&"));
}

/* "anna@example.org", "<anna@example.org>", "Anna <anna@example.org>", "<>" and
 * "" are all given to -f. */
static int
sm_sender(struct sendmail *sm, const char *origin)
{
	const char *text = sm->from != NULL ? sm->from : sm->login;
	const char *why = "";
	struct mailboxes list;
	struct mailbox box;

	sm->sender = "";
	if (text[0] == '\0' || strcmp(text, "<>") == 0)
		return 0;
	mailboxes_init(&list, text, strlen(text));
	if (mailboxes_next(&list, &sm->arena, &box, &why) == 1)
		text = box.text;
	else if (why[0] == '\0')
		why = "there is none";
	if (why[0] == '\0')
		sm->sender = submit_address(text, origin, &sm->arena, &why);
	if (why[0] == '\0')
		return 0;
	sendmail_say("the sender %s is no address: %s", text, why);
	return EX_USAGE;
}

/* Who the caller is need not be whom -f names. */
static const char *
sm_full_name(const struct sendmail *sm)
{
	size_t len = strlen(sm->login);

	if (sm->full_name != NULL)
		return sm->full_name;
	if (strncmp(sm->sender, sm->login, len) != 0 ||
	    (sm->sender[len] != '\0' && sm->sender[len] != '@'))
		return "";
	return sm->gecos;
}

/* --- to whom ------------------------------------------------------------------ */

static int
sm_too_many(void)
{
	sendmail_say("more than %d recipients; nothing was sent",
		     SUBMIT_RCPT_MAX);
	return EX_USAGE;
}

/* A word of the command line may hold several, with commas between. */
static int
sm_rcpt_word(struct sendmail *sm, const char *word, const char *origin)
{
	const char *why = NULL, *address = NULL;
	struct mailboxes list;
	struct mailbox box;
	int r;

	mailboxes_init(&list, word, strlen(word));
	while ((r = mailboxes_next(&list, &sm->arena, &box, &why)) == 1) {
		address = submit_address(box.text, origin, &sm->arena, &why);
		if (address == NULL)
			break;
		if (sm->rcpts.n == SUBMIT_RCPT_MAX)
			return sm_too_many();
		sm->rcpts.v[sm->rcpts.n++] = address;
	}
	if (r == 0 && address != NULL)
		return 0;
	sendmail_say("the recipient %s is no address: %s; nothing was sent",
		     word, why != NULL ? why : "it is empty");
	return EX_USAGE;
}

static int
sm_rcpts(struct sendmail *sm, const char *origin)
{
	struct submit_rcpts words = sm->rcpts;
	int r = 0;

	sm->rcpts.n = 0;
	for (size_t i = 0; i < words.n && r == 0; i++)
		r = sm_rcpt_word(sm, words.v[i], origin);
	return r;
}

/* --- the header ---------------------------------------------------------------- */

static int
sm_header_failed(int r, const char *why)
{
	if (r == -E2BIG)
		return sm_too_many();
	if (r == -EMSGSIZE)
		sendmail_say("the header is too large; nothing was sent");
	else
		sendmail_say("%s; nothing was sent", why);
	return EX_DATAERR;
}

static int
sm_header(struct sendmail *sm, const char *origin)
{
	const struct submit_who who = {
		.sender = sm->sender,
		.full_name = sm_full_name(sm),
		.origin = origin,
	};
	const char *why = "";
	size_t len, start;
	char *front = spool_front(&sm->spool, &len);
	int r;

	if (front == NULL) {
		sendmail_say("the message can't be read back");
		return EX_IOERR;
	}
	sm->body_at = submit_header_find(front, len, &start);
	if (sm->body_at == len && len < sm->spool.size)
		r = -EMSGSIZE;
	else
		r = submit_header_compose(
			front + start, sm->body_at - start, &who, &sm->arena,
			sm->of_header ? &sm->rcpts : NULL, &sm->header, &why);
	free(front);
	return r < 0 ? sm_header_failed(r, why) : 0;
}

int
sendmail_nobody(const struct sendmail *sm)
{
	if (sm->of_header)
		sendmail_say("no recipient in To, Cc and Bcc; nothing was "
			     "sent");
	else
		sendmail_say("no recipient; name one, or say -t to take those "
			     "of the header");
	return sm->of_header ? EX_DATAERR : EX_USAGE;
}

int
sendmail_compose(struct sendmail *sm)
{
	const char *origin = sm->conf.origin;
	int r;

	buf_init(&sm->header, 2 * SPOOL_HEADER_MAX);
	sm_look_up(sm);
	r = sm_sender(sm, origin);
	if (r == 0)
		r = sm_rcpts(sm, origin);
	if (r == 0)
		r = sm_header(sm, origin);
	if (r == 0 && sm->rcpts.n == 0)
		r = sendmail_nobody(sm);
	return r;
}
