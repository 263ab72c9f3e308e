/*
 * alert_page - the page behind the links of an alert's mail, as HTML.
 *
 * Pure. One page that works without scripts and pictures, in light and dark: what
 * the mail was about, and a form with what can be done about it. Whatever alerts
 * say is escaped.
 */
#ifndef RELAY_ALERT_PAGE_H
#define RELAY_ALERT_PAGE_H

#include "alert/engine.h"
#include "alert/zone.h"
#include "base/buf.h"

#define ALERT_PAGE_MAX        (256 * 1024)
#define ALERT_PAGE_ALERTS_MAX 50 /* shown */
#define ALERT_PAGE_NOTE_MAX   500

/* What a form can ask for. */
enum page_act {
	PAGE_ACK,
	PAGE_UNACK,
	PAGE_SILENCE_1H,
	PAGE_SILENCE_4H,
	PAGE_SILENCE_1D,
	PAGE_SILENCE_MONDAY,
	PAGE_CLOSE,
	PAGE_NACT
};
extern const char *const page_act_names[]; /* as `act` has them */

struct page_alert {
	const char *summary, *labels; /* one line each */
	enum incident_state state;
	int64_t starts_ms;
	const char *acked_by; /* "": nobody */
	bool silenced;
	const char *url; /* where its source shows it; "" none */
};

/* Strings are "" where there is nothing to say. */
struct alert_page {
	const char *title;
	const char *said;  /* what came of an act */
	const char *wrong; /* why nothing did */
	size_t n, more;    /* alerts, and those that are not shown */
	const struct page_alert *v;
	bool form;           /* is there anything to be done? */
	bool silence;        /* also that */
	enum page_act first; /* what the link was for */
	struct zone *zone;
};

/* Append it to OUT, whose ceiling is ALERT_PAGE_MAX. 0 or -EMSGSIZE. */
int alert_page_write(const struct alert_page *page, struct buf *out);

/* Where the page is for RECIPIENT of a notice, whose address the token does not
 * hold but is made for: behind BASE, which is `alerts.url`. Appended to OUT. 0
 * or -EMSGSIZE. */
#define ALERT_PAGE_PATH "/alert/"
int alert_page_url(const char *base, const char *token, const char *recipient,
		   struct buf *out);

/* The value of Content-Security-Policy that lets the page look as it should. */
#define ALERT_PAGE_POLICY_MAX 256
void alert_page_policy(char ret[static ALERT_PAGE_POLICY_MAX]);

/* When a silence that begins at NOW ends; a Monday's begins at 8 in ZONE. */
int64_t alert_page_silence_until(enum page_act act, struct zone *zone,
				 int64_t now_ms);

#endif
