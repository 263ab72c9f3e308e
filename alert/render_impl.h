/*
 * render_impl - what the parts of render share; nobody else includes it.
 */
#ifndef ALERT_RENDER_IMPL_H
#define ALERT_RENDER_IMPL_H

#include <stdatomic.h>

#include "alert/mustache.h"
#include "alert/render.h"
#include "base/arena.h"

/* The texts of ours that a file may replace. */
enum render_text {
	RENDER_MAIL_TXT,
	RENDER_MAIL_HTML,
	RENDER_MESSAGE_TXT, /* short: for small screens, and the variable
			     * `message` */
	RENDER_SLACK_JSON,
	RENDER_WEBHOOK_JSON,
	RENDER_PAGERDUTY_JSON,
	RENDER_NTFY_TXT,
	RENDER_TEAMS_JSON,
	RENDER_NTEXT,
};

struct render_limits {
	const char *name; /* of the file */
	enum mustache_escape escape;
	bool json;      /* what comes out has to be that */
	size_t summary, /* at most so many characters of each of these */
		description, value;
	size_t url;    /* ... bytes; longer ones are left out */
	size_t alerts; /* shown, at most */
	size_t max;    /* bytes that may come out */
};
extern const struct render_limits render_limits[];

/* A template of an endpoint's own. */
struct render_own {
	struct render_own *next;
	const char *name; /* of the field; NULL of an argument */
	struct mustache *text;
};

struct render_entry {
	struct render_entry *next;
	const char *name;
	struct mustache *url, *body; /* NULL: none of its own */
	struct render_limits limits; /* of BODY */
	bool has_type;               /* it names a Content-Type */
	struct render_own *headers, *args;
};

struct render {
	atomic_uint refs;
	struct arena arena;
	const char *hostname, *from_name, *from, *url, *reply;
	struct mustache *texts[RENDER_NTEXT];
	struct render_entry *entries;
};

/* One rendering. */
struct render_scope {
	const struct render *render;
	const struct render_notice *notice;
	const struct render_limits *limits;
	struct zone *zone;
	size_t shown;        /* alerts */
	unsigned halved;     /* so many times what values may have */
	struct arena *arena; /* of all that comes out */
};

/* Our file's name and text, in the order of enum render_text. */
extern const char *const render_texts[];

/* --- render_words.c ---------------------------------------------------------- */

/* "45 s", "12 min", "3 h 5 min", "2 d 4 h". */
const char *render_duration(struct arena *arena, int64_t ms);
/* "2026-11-22 14:05 CET"; "" for 0. */
const char *render_when(const struct render_scope *s, int64_t wall_ms);
/* "14:05-14:12 CET", with the day where that is not the notice's. */
const char *render_span(const struct render_scope *s, int64_t from_ms,
			int64_t to_ms);
const char *render_headline(const struct render_scope *s);
/* A sentence, or "". */
const char *render_explain(const struct render_notice *n);
const char *render_severity(const struct render_notice *n);
/* Is it all over? */
bool render_is_over(const struct render_notice *n);
/* Is there something to silence? */
bool render_can_act(const struct render_notice *n);
/* Is there something that nobody has acknowledged? */
bool render_can_ack(const struct render_notice *n);
/* At most MAX characters of TEXT, "..." behind what was cut. */
const char *render_cut(const struct render_scope *s, const char *text,
		       size_t max);
/* URL where it is of http or https and not too long, what could end it as %XX;
 * else "". */
const char *render_url(const struct render_scope *s, const char *url);

/* --- render_tree.c ------------------------------------------------------------ */

/* What the templates see. ASKS is the one that will see it. */
struct mustache_value render_tree(const struct render_scope *s,
				  const struct mustache *asks);
void render_scope_init(struct render_scope *s, const struct render *r,
		       const struct render_notice *n,
		       const struct render_limits *limits);
/* Append M with the alerts that S shows. 0 or -EMSGSIZE; OUT is as it was then.
 */
int render_one(struct render_scope *s, const struct mustache *m,
	       enum mustache_escape escape, struct buf *out);
/* False: none is left. */
bool render_show_fewer(struct render_scope *s);
/* Append M with as many alerts as OUT's ceiling and LIMITS allow, and with its
 * values cut further where it is too long without any. 0 or -EMSGSIZE; OUT is as it was then. */
int render_fit(const struct render *r, const struct render_notice *n,
	       const struct render_limits *limits, const struct mustache *m,
	       enum mustache_escape escape, struct buf *out);

/* --- render_check.c ----------------------------------------------------------- */

/* Can M be rendered, whatever a notice holds; to JSON where LIMITS ask for that?
 */
bool render_check(const struct render *r, const struct mustache *m,
		  const struct render_limits *limits,
		  const struct conf_mark *mark, struct conf_errors *e);
/* TEXT as a template, all of whose names exist. NULL with an error in E, at the
 * line of MARK and of TEXT. */
struct mustache *render_compile(const char *text, size_t len,
				const struct conf_mark *mark,
				struct conf_errors *e);

#endif
