/*
 * intake_doc - what a source posted: JSON, or the names and values of a form.
 *
 *	{...} [...]                         JSON, whatever Content-Type says
 *	application/x-www-form-urlencoded   a=b&c=d, also without a Content-Type
 *	multipart/form-data                 its fields; files are left out
 *	nothing                             the names and values of the URL
 *
 * A form whose field `payload` or `data` holds JSON counts as that JSON:
 * Papertrail, Slack, GitHub and Uptime Kuma know that way. Limits: DOC_DEPTH
 * levels, DOC_VALUES values, DOC_FIELDS fields of a form.
 */
#ifndef ALERT_INTAKE_DOC_H
#define ALERT_INTAKE_DOC_H

#include <jansson.h>
#include <stddef.h>

#include "base/arena.h"

#define DOC_DEPTH  40
#define DOC_VALUES 500000
#define DOC_FIELDS 1000

struct doc_field {
	const char *name, *value; /* as sent, but without NUL */
};

struct doc {
	json_t *json; /* owned; NULL: FIELD */
	size_t n;
	struct doc_field *field; /* in the arena */
};

struct doc_source {
	const char *content_type; /* NULL: not said */
	const char *body;
	size_t body_len;
	size_t nquery; /* of the URL */
	const struct doc_field *query;
};

/* 0, or -EINVAL with a reason in *RET_WHY (in A). */
int doc_read(const struct doc_source *from, struct arena *a, struct doc *ret,
	     const char **ret_why);
void doc_done(struct doc *d);

/* BODY as JSON alone: 0 with a reference in *RET, or -EINVAL. */
int doc_json(const char *body, size_t len, struct arena *a, json_t **ret,
	     const char **ret_why);
/* The JSON pointer (RFC 6901) below JSON; NULL: nothing is there. Borrowed. */
const json_t *doc_pointer(const json_t *json, const char *pointer);
/* A value as text: a string as it is, a number, true or false; NULL for null, and
 * for what has parts. In A or borrowed. */
const char *doc_text(const json_t *json, struct arena *a);
/* What stands at the pointer: of a form its field "/name". NULL: nothing. */
const char *doc_at(const struct doc *d, const char *pointer, struct arena *a);
/* The member NAME of an object as text; NULL also where JSON is none. */
const char *doc_member(const json_t *json, const char *name, struct arena *a);
/* The first field of this name; NULL: none. */
const char *doc_field(const struct doc *d, const char *name);

#endif
