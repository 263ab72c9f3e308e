#include "relay/alert_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alert/intake_form.h"
#include "alert/intake_text.h"
#include "alert/link.h"
#include "alert/rules.h"
#include "base/clean.h"
#include "base/xalloc.h"
#include "relay/alert_page.h"
#include "relay/alert_silence.h"
#include "relay/alerts.h"

#define TYPE_HTML "text/html; charset=utf-8"

#define LABELS_TEXT_MAX 400

/* So many that are open are looked at; of more only what their group says. */
#define LINK_LOOK 1000

/* A request with a good token. */
struct link_call {
	struct relay *relay;       /* borrowed */
	struct http_request *http; /* the answer's */
	struct arena arena;
	struct alert_token token;
	const char *recipient; /* in ARENA */
	enum page_act act;
	/* What there is now of the groups that the mail told; in ARENA. */
	const char *receiver; /* of one; NULL: there is nothing */
	size_t nincidents;
	uint64_t *incidents; /* owned */
	struct labels
		group; /* what all of them have in common, by their rule */
	struct labels common; /* of those that are not over */
	size_t nopen;
	struct labels *silences; /* by which they would be silenced */
	size_t nsilences;
	struct page_alert alerts[ALERT_PAGE_ALERTS_MAX];
	size_t nalerts;
};

static void
link_free(struct link_call *call)
{
	arena_done(&call->arena);
	free(call->incidents);
	free(call);
}

/* --- what the page is about ------------------------------------------------------- */

static bool
link_see_group(void *arg, const struct group_view *v)
{
	struct link_call *call = arg;

	call->incidents = xreallocarray(call->incidents,
					call->nincidents + v->nincidents + 1,
					sizeof(call->incidents[0]));
	memcpy(call->incidents + call->nincidents, v->incidents,
	       v->nincidents * sizeof(call->incidents[0]));
	call->nincidents += v->nincidents;
	if (call->receiver == NULL) {
		call->receiver = arena_strdup(&call->arena, v->receiver);
		labels_copy(&call->arena, v->labels, &call->group);
	} else {
		labels_keep_common(&call->group, v->labels);
	}
	return false;
}

static const char *
link_line(struct arena *a, const char *text)
{
	return text != NULL ? clean_line(a, text, strlen(text), LABELS_TEXT_MAX)
			    : "";
}

static const char *
link_labels_text(struct arena *a, const struct labels *l)
{
	const char *text = "";

	for (size_t i = 0; i < l->n && strlen(text) < LABELS_TEXT_MAX; i++)
		text = arena_printf(a, "%s%s%s=%s", text,
				    text[0] != '\0' ? ", " : "", l->v[i].name,
				    l->v[i].value);
	return link_line(a, text);
}

static const char *
link_either(const char *a, const char *b)
{
	return a != NULL && a[0] != '\0' ? a : b;
}

static void
link_add_alert(struct link_call *call, const struct incident_view *v)
{
	struct arena *a = &call->arena;
	const char *labels = link_labels_text(a, v->labels);
	const char *name =
		link_either(labels_get(v->labels, "alertname"), labels);

	call->alerts[call->nalerts++] = (struct page_alert){
		.summary = link_line(
			a, link_either(labels_get(v->annotations, "summary"),
				       name)),
		.labels = labels,
		.state = v->state,
		.starts_ms = v->starts_ms,
		.acked_by = link_line(a, v->acked_by),
		.silenced = v->nsilences > 0,
		.url = intake_url(a, v->url, ALERT_URL_MAX),
	};
}

static bool
link_see(void *arg, const struct incident_view *v)
{
	struct link_call *call = arg;

	if (call->nopen == 1)
		labels_copy(&call->arena, v->labels, &call->common);
	else
		labels_keep_common(&call->common, v->labels);
	if (call->nalerts < ALERT_PAGE_ALERTS_MAX)
		link_add_alert(call, v);
	return false;
}

/* What is so now; again after an act. */
static void
link_look(struct link_call *call)
{
	struct engine *e = relay_engine(call->relay);
	uint64_t *groups;
	size_t n;

	call->nopen = call->nalerts = call->nincidents = 0;
	call->group = call->common = (struct labels){0};
	call->receiver = NULL;
	n = engine_mail_groups(e, call->token.group, call->token.seq,
			       call->recipient, &call->arena, &groups);
	for (size_t i = 0; i < n; i++)
		engine_find_group(e, groups[i], link_see_group, call);
	for (size_t i = 0; i < call->nincidents; i++)
		if (!engine_is_over(e, call->incidents[i]) &&
		    ++call->nopen <= LINK_LOOK)
			engine_find(e, call->incidents[i], link_see, call);
	if (call->nopen > LINK_LOOK)
		call->common = call->group;
	call->nsilences = alert_silence_labels(e, groups, n, &call->arena,
					       &call->silences);
}

/* --- answers ------------------------------------------------------------------------- */

static void
link_answer(struct http_request *http, int status,
	    const struct alert_page *page)
{
	char policy[ALERT_PAGE_POLICY_MAX];
	const struct http_field fields[] = {
		{"Cache-Control", "no-store"},
		{"Content-Security-Policy", policy},
		{"Referrer-Policy", "no-referrer"},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "DENY"},
		{"X-Robots-Tag", "noindex"},
		{NULL, NULL},
	};
	struct buf out;

	alert_page_policy(policy);
	buf_init(&out, ALERT_PAGE_MAX);
	if (alert_page_write(page, &out) < 0) {
		status = 500;
		buf_clear(&out);
	}
	http_answer_fields(http, status, TYPE_HTML, fields, buf_str(&out),
			   out.len);
	buf_done(&out);
}

/* A page that only says what is wrong. */
static void
link_refuse(struct http_request *http, int status, const char *wrong)
{
	struct alert_page page = {
		.title = "Belfry alerts",
		.said = "",
		.wrong = wrong,
	};

	zone_open("", &page.zone);
	link_answer(http, status, &page);
}

/* Whose link it is reads times as they are there. */
static struct zone *
link_zone(const struct link_call *call)
{
	const struct conf_list *people =
		&relay_config(call->relay)->alerts.people;
	const struct alert_person_conf *v = people->v;
	struct zone *zone = NULL;

	for (size_t i = 0; i < people->n && zone == NULL; i++)
		if (strcmp(v[i].mail, call->recipient) == 0)
			zone_open(v[i].time_zone.text, &zone);
	if (zone == NULL)
		zone_open("", &zone);
	return zone;
}

static const char *
link_title(struct link_call *call)
{
	const char *name = labels_get(&call->common, "alertname");

	if (call->nopen == 1)
		return call->alerts[0].summary;
	if (call->nopen == 0)
		return "Nothing of this is open any more";
	return arena_printf(&call->arena, "%zu alert%s: %s", call->nopen,
			    call->nopen == 1 ? "" : "s",
			    link_either(name, call->receiver));
}

/* The page, and CALL is over. */
static void
link_show(struct link_call *call, int status, const char *said,
	  const char *wrong)
{
	struct alert_page page = {
		.said = said,
		.wrong = wrong,
		.n = call->nalerts,
		.more = call->nopen - call->nalerts,
		.v = call->alerts,
		.form = call->nopen > 0,
		.silence = call->nsilences > 0,
		.first = call->token.action == ALERT_LINK_SILENCE
				 ? PAGE_SILENCE_1H
				 : PAGE_ACK,
		.zone = link_zone(call),
	};

	page.title = link_title(call);
	link_answer(call->http, status, &page);
	link_free(call);
}

/* --- acts -------------------------------------------------------------------------------- */

static const char *
link_said(enum page_act act)
{
	switch (act) {
	case PAGE_ACK:
		return "Acknowledged. It stays quiet until something new "
		       "joins or it is over.";
	case PAGE_UNACK:
		return "The acknowledgement was taken back.";
	case PAGE_CLOSE:
		return "Closed.";
	case PAGE_SILENCE_1H:
	case PAGE_SILENCE_4H:
	case PAGE_SILENCE_1D:
	case PAGE_SILENCE_MONDAY:
	case PAGE_NACT:
		break;
	}
	return "Silenced.";
}

static void
link_done(void *arg, int result)
{
	struct link_call *call = arg;

	if (relay_engine(call->relay) == NULL) {
		link_refuse(call->http, 503, "Belfry stops; try again.");
		link_free(call);
		return;
	}
	link_look(call);
	if (result == 0)
		link_show(call, 200, link_said(call->act), "");
	else if (result == -EALREADY)
		link_show(call, 200, "It was so already.", "");
	else if (result == -ENOENT || result == -EINVAL)
		link_show(call, 200, "",
			  "There was nothing to be done: it is "
			  "over.");
	else
		link_show(call, 503, "", "It could not be stored; try again.");
}

static void
link_silence(struct link_call *call, const char *note)
{
	int64_t now_ms = loop_wall_ms(relay_home(call->relay));
	const struct engine_silence s = {
		.starts_ms = now_ms,
		.ends_ms = alert_page_silence_until(call->act, link_zone(call),
						    now_ms),
		.created_by = call->recipient,
		.comment = note,
	};

	if (call->nsilences == 0)
		link_show(call, 422, "",
			  "These alerts have nothing in common by which they "
			  "could be silenced.");
	else
		alert_silence_set(relay_engine(call->relay), &s, call->silences,
				  call->nsilences, link_done, call);
}

static void
link_log(const struct link_call *call, const char *note)
{
	log_event(&call->relay->log_root, LOG_INFO, "operator",
		  LOG_STR("action", page_act_names[call->act]),
		  LOG_ADDR("user", call->recipient), LOG_STR("detail", note));
}

static void
link_act(struct link_call *call, const char *note)
{
	struct engine *e = relay_engine(call->relay);
	enum engine_act act = call->act == PAGE_ACK     ? ENGINE_ACK
			      : call->act == PAGE_UNACK ? ENGINE_UNACK
							: ENGINE_CLOSE;

	link_log(call, note);
	switch (call->act) {
	case PAGE_ACK:
	case PAGE_UNACK:
	case PAGE_CLOSE:
		engine_act_group(e, act, call->token.group, call->token.seq,
				 call->recipient, note, link_done, call);
		return;
	case PAGE_SILENCE_1H:
	case PAGE_SILENCE_4H:
	case PAGE_SILENCE_1D:
	case PAGE_SILENCE_MONDAY:
		link_silence(call, note);
		return;
	case PAGE_NACT:
		break;
	}
	abort();
}

static void
link_post(struct link_call *call)
{
	const char *why, *act, *note, *body;
	struct doc form = {0};
	size_t len;

	body = http_request_body(call->http, &len);
	act = form_read(body, len, &call->arena, &form, &why) == 0
		      ? doc_field(&form, "act")
		      : NULL;
	while (act != NULL && call->act < PAGE_NACT &&
	       strcmp(page_act_names[call->act], act) != 0)
		call->act++;
	if (act == NULL || call->act == PAGE_NACT) {
		link_show(call, 400, "", "Nothing was chosen.");
		return;
	}
	note = doc_field(&form, "note");
	link_act(call, note != NULL
			       ? clean_line(&call->arena, note, strlen(note),
					    ALERT_PAGE_NOTE_MAX)
			       : "");
}

/* --- requests ------------------------------------------------------------------------------ */

/* NULL: it was answered. */
static struct link_call *
link_call_new(struct relay *r, struct http_request *http)
{
	const char *text = http_request_path(http) + strlen(ALERT_PAGE_PATH);
	const char *to = http_request_query(http, "to");
	struct link_call *call = xcalloc(1, sizeof(*call));
	int result;

	call->relay = r;
	call->http = http;
	arena_init(&call->arena);
	call->recipient = arena_strdup(&call->arena, to != NULL ? to : "");
	result = alert_token_read(alerts_key(r->alerts), ALERT_TOKEN_LINK, text,
				  call->recipient, loop_wall_ms(relay_home(r)),
				  &call->token);
	if (result == 0)
		return call;
	link_refuse(http, 403,
		    result == -ETIME
			    ? "This link is too old. A newer mail, or `belfry "
			      "alert list`, says what is open."
			    : "This link is not one of ours, or it was cut on "
			      "its way. Open it from the mail again.");
	link_free(call);
	return NULL;
}

void
alert_link_handle(struct relay *r, struct http_request *http,
		  const struct http_who *who)
{
	const char *method = http_request_method(http);
	bool post = strcmp(method, "POST") == 0;
	struct link_call *call;

	(void)who;
	if (!post && strcmp(method, "GET") != 0 &&
	    strcmp(method, "HEAD") != 0) {
		link_refuse(http, 405, "Open the page, and press a button.");
		return;
	}
	if (relay_engine(r) == NULL) {
		link_refuse(http, 404, "There are no alerts here.");
		return;
	}
	call = link_call_new(r, http);
	if (call == NULL)
		return;
	link_look(call);
	if (post)
		link_post(call);
	else
		link_show(call, 200, "", "");
}
