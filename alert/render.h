/*
 * render - words for people: a notice as a mail, and as what the other channels
 * take.
 *
 * Pure: a notice in, text out. The texts are templates (mustache.h), which a
 * file of the same name in the folder `templates` replaces; their variables
 * stand in render_names.h and docs/alerts-mail.md. What a notice holds comes
 * from anywhere: nothing of it makes a header field, a tag, an object of JSON or
 * a link of its own.
 *
 * A struct render is immutable once its endpoints are added, shared by
 * references and safe from every thread.
 */
#ifndef ALERT_RENDER_H
#define ALERT_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/channel.h"
#include "alert/incident_state.h"
#include "alert/labels.h"
#include "base/buf.h"
#include "base/conf.h"

#define RENDER_ALERTS_MAX 50 /* shown */
#define RENDER_MAIL_MAX   100000
#define RENDER_BODY_MAX   ((size_t)512 * 1024) /* of the other channels */
#define RENDER_ARGS_MAX   64

enum notice_kind {
	NOTICE_FIRING,
	NOTICE_MORE, /* others joined */
	NOTICE_REMINDER,
	NOTICE_ESCALATION,
	NOTICE_FALLBACK,
	NOTICE_RECOVERY,
	NOTICE_PARTLY,   /* some recovered */
	NOTICE_WAS_DOWN, /* it began and ended before it could be told */
	NOTICE_STALE,
	NOTICE_FLAPPING,
	NOTICE_DIGEST,
	NOTICE_MUTE_BEGIN,
	NOTICE_MUTE_END,
	NOTICE_CLOSED,
	NOTICE_ACKED,
	NOTICE_NKIND,
};
extern const char *const notice_kind_names[]; /* "firing", "more", ... */

/* Strings of both may be NULL where there is nothing to say. */
struct render_alert {
	const struct labels *labels, *annotations;
	enum incident_state state;
	const char *url;     /* where its source shows it */
	const char *runbook; /* NULL: the annotation or label runbook_url */
	int64_t starts_ms, ends_ms; /* ENDS_MS: when resolved */
	bool is_new;                /* changed since they were last told */
	bool critical, flapping;
	const char *acked_by;
	uint64_t incident;
};

struct render_notice {
	enum notice_kind kind;
	const char *group_subject; /* "[london] DiskWillFill on db1": the same
				    * in all mails of a group */
	const struct labels *group_labels;
	const char *receiver, *route; /* why they get it */
	const char *person;           /* NULL: a mere address */
	uint32_t seq;
	size_t nfiring, nresolved, nstale; /* all, shown or not */
	size_t n;                          /* at most RENDER_ALERTS_MAX */
	const struct render_alert *v;
	int64_t now_ms, since_ms;
	int64_t until_ms; /* when it was over; of a mute: when it ends; 0 none */
	int64_t next_ms;  /* 0: nothing is planned */
	const char *next_what; /* "reminder", "escalation to boss" */
	const char *ack_url, *silence_url, *show_url;
	const char *reply_token; /* of Reply-To; NULL: no answer is taken */
	const char *message_id;  /* "id@host" */
	const char *root_id;     /* NULL: this is the first of its thread */
	const char *key;         /* of the group: PagerDuty's dedup_key */
	const char *mark;        /* value of X-Incident: a token that marks */
	const char *time_zone;   /* NULL or "": the machine's */
	const char *who;  /* acknowledged, closed or muted it; of a fallback:
			   * the receiver that could not be told */
	const char *note; /* ... and said this */
	bool critical;
};

struct render;

struct render_conf {
	const char *hostname;
	const char *from;      /* "Name <address>"; "": Belfry
				* <alerts@HOSTNAME> */
	const char *url;       /* base of links; "" none */
	const char *reply;     /* domain of Reply-To; "" none */
	const char *templates; /* the folder; "" none */
};

/* MARK is where errors that have no better place stand. 0, or -EINVAL with at
 * least one error in E: a template that can't be read or is wrong. */
int render_new(const struct render_conf *conf, const struct conf_mark *mark,
	       struct conf_errors *e, struct render **ret);
/* The same by the section `alerts`, with all of its endpoints. */
struct rules;
int render_new_by_rules(const struct rules *rules, struct conf_errors *e,
			struct render **ret);
struct render *render_ref(struct render *r);
void render_unref(struct render **r);

/* --- mail ------------------------------------------------------------------- */

/* Append the whole message to RET, whose ceiling is at least RENDER_MAIL_MAX: of
 * 7 bits, lines end in CRLF. TO is the address; one beyond ASCII stands in the
 * header as it is (RFC 6532). 0; -EMSGSIZE: even without a
 * single alert it is too long. */
int render_mail(const struct render *r, const struct render_notice *n,
		const char *to, struct buf *ret);

/* --- the other channels ----------------------------------------------------- */

struct render_field {
	const char *name, *value; /* VALUE is a template */
};

/* What a receiver's entry says of its own; all may be left out. */
struct render_endpoint {
	enum channel channel;
	const char *url;  /* webhook: with tags in it, behind its host */
	const char *body; /* webhook: a template */
	const struct render_field *headers; /* webhook */
	size_t nheaders;
	const char *const *args; /* exec: with {names}, its program the first */
	size_t nargs;
};

/* Check and compile what NAME, as struct target has it, says; before R is
 * shared. 0 or -EINVAL as above. */
int render_add_endpoint(struct render *r, const char *name,
			const struct render_endpoint *ep,
			const struct conf_mark *mark, struct conf_errors *e);

/* Append to RET what is to be sent to the endpoint NAME of CHANNEL (not of
 * mail), as a header of one-line fields, an empty line and the body:
 *
 *	Belfry-URL: URL       instead of the endpoint's, where that has tags
 *	Belfry-Argument: ARG  of a program, but for its own name: one field each,
 *			      in order
 *	NAME: VALUE           of the request: Content-Type, Idempotency-Key, ...
 *
 * A program's body is for its standard input. PagerDuty's lacks the routing key,
 * which is a secret: whoever sends it puts "routing_key" in behind the first
 * brace. 0 or -EMSGSIZE. */
int render_body(const struct render *r, enum channel channel, const char *name,
		const struct render_notice *n, struct buf *ret);

#endif
