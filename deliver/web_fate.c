#include "deliver/web_fate.h"

#include <stdio.h>
#include <string.h>

#include "deliver/web_hide.h"

#define WF_QUOTE     300            /* of its first line, so much */
#define WF_LINE      2048           /* of it is looked at */
#define WF_ASKED_MAX 3600000        /* more than that is not waited for */
#define WF_TOO_MANY  INT64_C(30000) /* 429 without a time */
#define WF_REDIRECT  INT64_C(60000) /* people mend that */

static bool
wf_has(const struct endpoint_codes *v, size_t n, int status)
{
	for (size_t i = 0; i < n; i++)
		if (status >= v[i].from && status <= v[i].until)
			return true;
	return false;
}

/* The first line that says anything. */
static void
wf_quote(const struct endpoint *ep, const struct fetch_answer *answer,
	 char *ret, size_t size)
{
	const char *at = answer->body + strspn(answer->body, " \t\r\n");
	size_t len = strcspn(at, "\r\n");
	char line[WF_LINE];

	snprintf(line, sizeof(line), "%.*s",
		 (int)(len < sizeof(line) ? len : sizeof(line) - 1), at);
	web_hide(ep, line);
	snprintf(ret, size, "%s%.*s", len > 0 ? ": " : "", WF_QUOTE, line);
}

static void
wf_dest_failed(struct attempt *a, const char *dsn, const char *why)
{
	a->dest_state = ATTEMPT_DEST_FAILED;
	a->rcpt[0].outcome = ATTEMPT_UNTRIED;
	reply_set(&a->dest_reply, 451, dsn, "%s", why);
}

static void
wf_settle(struct attempt *a, enum attempt_outcome outcome,
	  enum attempt_dest dest, const char *dsn, const char *why)
{
	static const int code[] = {
		[ATTEMPT_DONE] = 250,
		[ATTEMPT_LATER] = 451,
		[ATTEMPT_NEVER] = 550,
	};

	a->dest_state = dest;
	a->rcpt[0].outcome = outcome;
	a->rcpt[0].reach = ATTEMPT_DELIVERED;
	reply_set(&a->rcpt[0].reply, code[outcome], dsn, "%s", why);
}

/* It says that it can't now. */
static void
wf_away(struct attempt *a, const struct fetch_answer *answer, const char *said,
	int64_t now)
{
	int64_t after = answer->retry_after_ms;

	if (after < 0)
		after = answer->status == 429 ? WF_TOO_MANY : 0;
	if (after > WF_ASKED_MAX)
		after = WF_ASKED_MAX;
	if (after > 0)
		a->dest_not_before_ms = now + after;
	wf_dest_failed(a, "4.3.2", said);
}

static void
wf_redirect(struct attempt *a, const struct fetch_answer *answer, int64_t now)
{
	char why[WF_QUOTE * 2];

	snprintf(why, sizeof(why), "%d redirects to %s, which is not followed",
		 answer->status,
		 answer->redirect[0] != '\0' ? answer->redirect : "nowhere");
	a->dest_not_before_ms = now + WF_REDIRECT;
	wf_dest_failed(a, "4.3.5", why);
}

/* Something went wrong there, maybe after it was heard; 503 comes before. */
static bool
wf_is_doubted(int status)
{
	return status >= 500 && status != 503;
}

static void
wf_answered(struct attempt *a, const struct endpoint *ep,
	    const struct fetch_answer *answer, int64_t now)
{
	char said[WF_QUOTE + 32], quote[WF_QUOTE + 8];
	int status = answer->status;

	wf_quote(ep, answer, quote, sizeof(quote));
	snprintf(said, sizeof(said), "%d%s", status, quote);
	a->keep = true;
	if (wf_has(ep->done, ep->ndone, status))
		wf_settle(a, ATTEMPT_DONE, ATTEMPT_DEST_OK, "2.0.0", said);
	else if (wf_has(ep->dead, ep->ndead, status))
		wf_settle(a, ATTEMPT_NEVER, ATTEMPT_DEST_OK, "5.1.1", said);
	else if (status == 429 || (status >= 502 && status <= 504))
		wf_away(a, answer, said, now);
	else if (status >= 300 && status < 400)
		wf_redirect(a, answer, now);
	else if (status == 408 || status == 425 || status >= 500)
		wf_settle(a, ATTEMPT_LATER, ATTEMPT_DEST_DROPPED, "4.3.0",
			  said);
	else
		wf_settle(a, ATTEMPT_NEVER, ATTEMPT_DEST_OK,
			  status == 413 ? "5.3.4" : "5.3.0", said);
	a->rcpt[0].doubted =
		a->rcpt[0].outcome != ATTEMPT_DONE && wf_is_doubted(status);
}

void
web_fate(struct attempt *a, const struct endpoint *ep,
	 const struct fetch_answer *answer, int64_t now_wall_ms)
{
	switch (answer->end) {
	case FETCH_ANSWERED:
		wf_answered(a, ep, answer, now_wall_ms);
		return;
	case FETCH_UNSENT:
		wf_dest_failed(a, "4.4.1", answer->why);
		return;
	case FETCH_UNANSWERED:
		/* Another message soon, this one by its own back-off: what was
		 * heard is not said again and again. */
		wf_settle(a, ATTEMPT_LATER, ATTEMPT_DEST_UNKNOWN, "4.4.2",
			  answer->why);
		a->rcpt[0].doubted = true;
		return;
	}
}
