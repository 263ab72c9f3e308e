/*
 * mail_intake - what a mail to the alert address means.
 *
 *	alert+b.TOKEN@   the return address of a notice: a report that it failed
 *	alert+TOKEN@     the address to answer a notice, or a source's own
 *	alert@           a source whose domain is listed
 *
 * Pure, from any thread: a mail and what is known of who sent it in, its meaning
 * out. Mail that a program sent (Auto-Submitted, a list, the null path) never
 * acts, but may be an alert. A mail that bears our own mark is dropped, so that
 * no two gateways talk to each other for ever.
 */
#ifndef ALERT_MAIL_INTAKE_H
#define ALERT_MAIL_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert.h"
#include "alert/alert_secrets.h"
#include "alert/link.h"
#include "alert/source.h"
#include "mail/mime.h"

#define MAIL_SILENCE_MAX_MS (INT64_C(30) * 24 * 3600 * 1000)

struct mail_intake {
	const struct mime_mail *mail;
	const char *sender; /* of the envelope; "" the null path */
	const char *token;  /* the extension of the recipient; "" none */
	/* From is who it says: it passed DMARC, came by a login or from where
	 * that is not needed, or who is trusted to know said so. */
	bool vouched;
	const struct rules_source
		*by_token; /* whose TOKEN is; NULL: nobody's */
	size_t nsources;
	const struct rules_source *sources;
	const struct alert_link_key *key; /* of our tokens; NULL: none yet */
	int64_t now_ms;                   /* wall */
};

enum mail_kind {
	MAIL_DROPPED,   /* ours, or sent by a program; WHY */
	MAIL_REFUSED,   /* it may not do what it wants; WHY */
	MAIL_MALFORMED, /* of a source, and not understood; WHY */
	MAIL_ALERT,     /* BATCH has it */
	MAIL_REPLY,     /* COMMAND on the notice of TOKEN */
	MAIL_BOUNCE,    /* the notice of TOKEN did not arrive: STATUS */
};
extern const char *const mail_kind_names[]; /* "dropped", ... */

enum mail_command { MAIL_ACK, MAIL_UNACK, MAIL_CLOSE, MAIL_SILENCE };
extern const char *const mail_command_names[];

struct mail_meaning {
	enum mail_kind kind;
	const char *why; /* one line; static or in BATCH */
	bool answer; /* REFUSED: of who is ADDRESS and means it; they think that
		      * it did something */
	const struct rules_source *source; /* ALERT, MALFORMED */
	enum mail_command command;         /* REPLY */
	int64_t silence_ms;                /* with MAIL_SILENCE */
	struct alert_token token;          /* REPLY, BOUNCE */
	const struct mime_status *status;  /* BOUNCE; of the mail */
	const char *address; /* REPLY: who; BOUNCE: whom it did not reach */
	struct alert_batch batch; /* always the caller's to be done */
};

/* Is mail taken to an address with the extension TOKEN? Not by one that can be no
 * token of ours and is no source's: whoever guesses hears so at once. */
bool mail_intake_takes(const struct alert_secrets *secrets, const char *token);
/* ADDRESS as it may be shown, without its token: `alert+*@`, `alert+b.*@`. In A,
 * or itself. */
const char *mail_intake_shown(const char *address, struct arena *a);

void mail_intake(const struct mail_intake *in, struct mail_meaning *ret);

#endif
