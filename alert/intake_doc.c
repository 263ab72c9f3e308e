#include "alert/intake_doc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alert/intake_form.h"

/* --- JSON -------------------------------------------------------------------- */

struct doc_scan {
	size_t depth, deepest, values;
};

/* Behind the string that begins at S. */
static const char *
doc_skip_string(const char *s, const char *end)
{
	for (s++; s < end && *s != '"'; s++)
		if (*s == '\\' && s + 1 < end)
			s++;
	return s < end ? s + 1 : end;
}

/* How deep it goes and how much it holds, before memory is spent on it. A value
 * is what stands behind one of these; there may be fewer. */
static void
doc_scan(const char *s, size_t len, struct doc_scan *ret)
{
	const char *end = s + len;

	*ret = (struct doc_scan){0};
	while (s < end) {
		char c = *s;

		if (c == '"') {
			s = doc_skip_string(s, end);
			continue;
		}
		if (c == '{' || c == '[') {
			ret->depth++;
			ret->values++;
			if (ret->depth > ret->deepest)
				ret->deepest = ret->depth;
		} else if ((c == '}' || c == ']') && ret->depth > 0) {
			ret->depth--;
		} else if (c == ',') {
			ret->values++;
		}
		s++;
	}
}

int
doc_json(const char *body, size_t len, struct arena *a, json_t **ret,
	 const char **ret_why)
{
	struct doc_scan scan;
	json_error_t error;
	json_t *json;

	doc_scan(body, len, &scan);
	if (scan.deepest > DOC_DEPTH || scan.values > DOC_VALUES) {
		*ret_why = scan.deepest > DOC_DEPTH ? "JSON of too many levels"
						    : "JSON of too many values";
		return -EINVAL;
	}
	json = json_loadb(body, len, 0, &error);
	if (json == NULL) {
		/* The library's text quotes the input. */
		*ret_why = arena_printf(a, "no JSON, at line %d, column %d",
					error.line, error.column);
		return -EINVAL;
	}
	*ret = json;
	return 0;
}

/* One step of a pointer, with its ~0 and ~1, up to the next slash. */
static const char *
doc_step(const char *p, char *ret, size_t size)
{
	size_t n = 0;

	for (; *p != '\0' && *p != '/'; p++) {
		char c = *p;

		if (c == '~' && (p[1] == '0' || p[1] == '1')) {
			p++;
			c = *p == '0' ? '~' : '/';
		}
		if (n + 1 < size)
			ret[n++] = c;
	}
	ret[n] = '\0';
	return p;
}

static const json_t *
doc_into(const json_t *json, const char *step)
{
	unsigned long at;
	char *end;

	if (json_is_object(json))
		return json_object_get(json, step);
	if (!json_is_array(json) || *step < '0' || *step > '9')
		return NULL;
	at = strtoul(step, &end, 10);
	return *end == '\0' ? json_array_get(json, at) : NULL;
}

const json_t *
doc_pointer(const json_t *json, const char *pointer)
{
	char step[256];

	while (json != NULL && *pointer == '/') {
		pointer = doc_step(pointer + 1, step, sizeof(step));
		json = doc_into(json, step);
	}
	return *pointer == '\0' ? json : NULL;
}

const char *
doc_text(const json_t *json, struct arena *a)
{
	switch (json == NULL ? JSON_NULL : json_typeof(json)) {
	case JSON_STRING:
		return json_string_value(json);
	case JSON_INTEGER:
		return arena_printf(a, "%" JSON_INTEGER_FORMAT,
				    json_integer_value(json));
	case JSON_REAL:
		return arena_printf(a, "%.15g", json_real_value(json));
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
	case JSON_OBJECT:
	case JSON_ARRAY:
		return NULL;
	}
	return NULL;
}

const char *
doc_member(const json_t *json, const char *name, struct arena *a)
{
	return doc_text(json_object_get(json, name), a);
}

/* --- all of it ----------------------------------------------------------------- */

static char
doc_first(const char *s, size_t len)
{
	for (; len > 0; s++, len--)
		if (*s != ' ' && *s != '\t' && *s != '\r' && *s != '\n')
			return *s;
	return '\0';
}

static bool
doc_is_json(const char *s, size_t len)
{
	char first = doc_first(s, len);

	return first == '{' || first == '[';
}

static bool
doc_is_type(const struct doc_source *from, const char *type)
{
	const char *t = from->content_type != NULL ? from->content_type : "";

	return strncasecmp(t, type, strlen(type)) == 0;
}

static int
doc_form(const struct doc_source *from, struct arena *a, struct doc *ret,
	 const char **ret_why)
{
	if (doc_is_type(from, "multipart/form-data"))
		return form_read_multipart(from->content_type, from->body,
					   from->body_len, a, ret, ret_why);
	if (!doc_is_type(from, "application/x-www-form-urlencoded") &&
	    memchr(from->body, '=', from->body_len) == NULL) {
		*ret_why = "neither JSON nor a form";
		return -EINVAL;
	}
	return form_read(from->body, from->body_len, a, ret, ret_why);
}

int
doc_read(const struct doc_source *from, struct arena *a, struct doc *ret,
	 const char **ret_why)
{
	static const char *const wraps[] = {"payload", "data", NULL};
	struct doc d = {0};
	int r;

	if (doc_is_json(from->body, from->body_len)) {
		r = doc_json(from->body, from->body_len, a, &d.json, ret_why);
	} else if (doc_first(from->body, from->body_len) != '\0') {
		r = doc_form(from, a, &d, ret_why);
	} else if (from->nquery > 0) {
		d.n = from->nquery;
		d.field = arena_alloc(a, d.n * sizeof(*d.field));
		memcpy(d.field, from->query, d.n * sizeof(*d.field));
		r = 0;
	} else {
		*ret_why = "an empty body";
		return -EINVAL;
	}
	for (size_t i = 0; r == 0 && d.json == NULL && wraps[i] != NULL; i++) {
		const char *v = doc_field(&d, wraps[i]);

		if (v != NULL && doc_is_json(v, strlen(v)))
			r = doc_json(v, strlen(v), a, &d.json, ret_why);
	}
	if (r == 0)
		*ret = d;
	return r;
}

void
doc_done(struct doc *d)
{
	json_decref(d->json);
	d->json = NULL;
	d->n = 0;
}

const char *
doc_field(const struct doc *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->field[i].name, name) == 0)
			return d->field[i].value;
	return NULL;
}

const char *
doc_at(const struct doc *d, const char *pointer, struct arena *a)
{
	char name[256];

	if (d->json != NULL)
		return doc_text(doc_pointer(d->json, pointer), a);
	if (*pointer != '/' ||
	    *doc_step(pointer + 1, name, sizeof(name)) != '\0')
		return NULL;
	return doc_field(d, name);
}
