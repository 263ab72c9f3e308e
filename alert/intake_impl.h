/*
 * intake_impl - what the adapters share; nobody else includes it.
 *
 * An adapter is a function that looks at IN->doc and makes alerts:
 *
 *	maker_begin(&m, in);  m.key = ...; maker_label(&m, ...); ...
 *	r = maker_end(&m);
 *
 * What it takes over of the document is cut and cleaned, so an adapter need not
 * look at lengths or characters.
 */
#ifndef ALERT_INTAKE_IMPL_H
#define ALERT_INTAKE_IMPL_H

#include "alert/intake.h"
#include "alert/intake_text.h"
#include "base/clean.h"

#define INTAKE_LABEL_MAX   200  /* bytes of a label's value */
#define INTAKE_SUMMARY_MAX 400  /* one line */
#define INTAKE_TEXT_MAX    8192 /* of an annotation */
#define INTAKE_KEY_MAX     512

struct intake {
	const struct rules_source *source;
	const struct intake_request *req;
	struct alert_batch *batch;
	struct arena *arena; /* BATCH's */
	struct doc doc;
	const char *why; /* of -EINVAL; in ARENA or static */
};

typedef int intake_fn(struct intake *in);

/* One file each. */
intake_fn intake_alertmanager, intake_sentry, intake_uptimerobot,
	intake_uptimekuma, intake_statuspage, intake_papertrail, intake_github,
	intake_generic, intake_cli;
/* DOC is an array of postable alerts. */
intake_fn intake_postable;

/* An alert that is being made. */
struct maker {
	struct intake *in; /* borrowed */
	struct labels_builder labels, annotations;
	const char *key; /* NULL: by its labels */
	enum alert_status status;
	int64_t starts_ms, ends_ms;
	const char *url;
};

void maker_begin(struct maker *m, struct intake *in);
/* One line of at most INTAKE_LABEL_MAX; NULL and "" are no label. */
void maker_label(struct maker *m, const char *name, const char *value);
bool maker_has_label(const struct maker *m, const char *name);
/* The same for annotations; "summary" is one line. */
void maker_note(struct maker *m, const char *name, const char *value);
/* Labels as the source has them, not one octet other. 0, -EINVAL or -E2BIG. */
int maker_exact_label(struct maker *m, const char *name, const char *value);
void maker_url(struct maker *m, const char *url);
/* Into the batch. 0, or -EINVAL with IN->why. */
int maker_end(struct maker *m);

/* --- looking into a document ----------------------------------------------------- */

/* -EINVAL with this reason. */
int intake_refuse(struct intake *in, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The member NAME as text, "" when it is not there, is null or has parts. */
const char *intake_get(struct intake *in, const json_t *json, const char *name);
/* The text at a pointer, likewise. */
const char *intake_at(struct intake *in, const json_t *json,
		      const char *pointer);
/* A time of RFC 3339, or seconds since 1970; 0: none. */
int64_t intake_time(const char *text);
/* A time that was said: 0 for what Go writes for none, of the year 1; 1 for
 * anything else before 1970. */
int64_t intake_time_of(int64_t wall_ms);
/* The first that is not ""; the last. */
const char *intake_either(const char *a, const char *b);
/* LIST and one more, with BETWEEN between; none longer than a label. */
const char *intake_joined(struct intake *in, const char *list,
			  const char *between, const char *one);
/* Is TEXT, letter case aside, one of these? NULL ends. */
bool intake_is_one_of(const char *text, const char *const *words);

/* Is SIGNATURE, in hexadecimal, the HMAC-SHA256 of the body? */
bool intake_is_signed(const struct intake_request *req,
		      const struct secret *secret, const char *signature);

#endif
