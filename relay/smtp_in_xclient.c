#include "relay/smtp_in_xclient.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/xalloc.h"
#include "relay/smtp_in_data.h"
#include "relay/smtp_in_refuse.h"

#define EHLO_XCLIENT  "250-XCLIENT " XCLIENT_OFFER "\r\n"
#define EHLO_XFORWARD "250-XFORWARD " XFORWARD_OFFER "\r\n"

const char *
si_xclient_ehlo(const struct smtp_in *si)
{
	if (si->client->xclient && si->client->xforward)
		return EHLO_XCLIENT EHLO_XFORWARD;
	if (si->client->xclient)
		return EHLO_XCLIENT;
	return si->client->xforward ? EHLO_XFORWARD : "";
}

/* As after the banner, which is said once more; but who told HELO need not
 * greet again. */
static enum smtp_in_state
si_begin_anew(struct smtp_in *si, const struct xclient *x)
{
	si_reset(si);
	si->esmtp = xclient_has(x, XCLIENT_PROTO) &&
		    strcasecmp(x->value[XCLIENT_PROTO], "ESMTP") == 0;
	snprintf(si->helo, sizeof(si->helo), "%s", x->value[XCLIENT_HELO]);
	smtp_in_start(si);
	return si->helo[0] != '\0' ? SMTP_IN_READY : SMTP_IN_GREET;
}

enum smtp_in_state
si_xclient(struct smtp_in *si, const struct smtp_command *cmd)
{
	struct xclient x = {.given = 0};
	struct reply reply;

	if (!si->client->xclient)
		return si_refuse(si, SMTP_IN_NO_XCLIENT, si->state);
	if (xclient_parse(cmd->arg, false, &x, &reply) < 0)
		return si_refuse_syntax(si, &reply);
	if (!si->calls->xclient(si->arg, &x, &si->trusted))
		return si_refuse(si, SMTP_IN_NO_CONNECTIONS, SMTP_IN_CLOSED);
	return si_begin_anew(si, &x);
}

void
si_xforward_heard(struct smtp_in *si)
{
	if (si->client->xforward && si->forward == NULL)
		si->forward = xcalloc(1, sizeof(*si->forward));
}

void
si_xforward_overheard(struct smtp_in *si, const char *line, size_t len)
{
	const char *verb = smtp_verb_names[SMTP_XFORWARD];
	size_t n = strlen(verb);

	if (len >= n && strncasecmp(line, verb, n) == 0)
		si_xforward_heard(si);
}

/* Kept until the end of the transaction; several commands add up. */
enum smtp_in_state
si_xforward(struct smtp_in *si, const struct smtp_command *cmd)
{
	struct reply reply;

	if (!si->client->xforward)
		return si_refuse(si, SMTP_IN_NO_XCLIENT, si->state);
	if (xclient_parse(cmd->arg, true, si->forward, &reply) < 0)
		return si_refuse_syntax(si, &reply);
	si_say(si, "250 2.0.0 ok");
	return si->state;
}
