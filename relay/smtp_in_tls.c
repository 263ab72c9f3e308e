#include "relay/smtp_in_tls.h"

#include "base/must.h"
#include "relay/smtp_in_data.h"
#include "relay/smtp_in_refuse.h"

bool
si_offers_tls(const struct smtp_in *si)
{
	return si->tls == NULL && (si->conf->tls == CONFIG_TLS_STARTTLS ||
				   si->conf->tls == CONFIG_TLS_REQUIRED);
}

bool
si_lacks_tls(const struct smtp_in *si)
{
	return si->tls == NULL && si->conf->tls == CONFIG_TLS_REQUIRED;
}

/* What BDAT announces comes all the same, and is no command. */
enum smtp_in_state
si_refuse_clear(struct smtp_in *si)
{
	return si_refuse(si, SMTP_IN_NO_TLS,
			 si->verb == SMTP_BDAT ? SMTP_IN_CLOSED : si->state);
}

/* Nothing came behind it, the verb table sees to that: it would be in clear,
 * and somebody else's perhaps. */
enum smtp_in_state
si_starttls(struct smtp_in *si, const struct smtp_command *cmd)
{
	(void)cmd;
	if (si->tls != NULL)
		return si_refuse(si, SMTP_IN_NO_TLS_AGAIN, si->state);
	if (!si_offers_tls(si))
		return si_refuse(si, SMTP_IN_NO_TLS_HERE, si->state);
	if (si->client->user != NULL)
		return si_refuse(si, SMTP_IN_NO_TLS_LATE, si->state);
	si_say(si, "220 2.0.0 go ahead");
	return SMTP_IN_TLS;
}

void
smtp_in_start_in_tls(struct smtp_in *si)
{
	si->greets = true;
	si_move(si, SMTP_IN_TLS);
}

/* What the client said until now anybody may have changed. */
void
smtp_in_secured(struct smtp_in *si, const char *what)
{
	must(si->state == SMTP_IN_TLS);
	si->tls = what;
	si->helo[0] = '\0';
	si->esmtp = false;
	si_reset(si);
	si_move(si, SMTP_IN_GREET);
	if (si->greets)
		smtp_in_start(si);
	si->greets = false;
}
