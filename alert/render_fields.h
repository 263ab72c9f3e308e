/*
 * render_fields - objects for templates in the making, and what of labels goes
 * into them. Of render alone.
 */
#ifndef ALERT_RENDER_FIELDS_H
#define ALERT_RENDER_FIELDS_H

#include "alert/render_impl.h"

#define FIELDS_MAX 64 /* of one object of ours */

struct fields {
	struct mustache_field v[FIELDS_MAX];
	size_t n;
};

void fields_add(struct fields *f, const char *name,
		struct mustache_value value);
/* TEXT NULL is empty. It is shown as one line. */
void fields_text(struct fields *f, const char *name, const char *text);
/* ... with its line ends, where there may be some. */
void fields_lines(struct fields *f, const char *name, const char *text);
void fields_flag(struct fields *f, const char *name, bool is);
void fields_number(struct fields *f, const char *name, struct arena *arena,
		   uint64_t n);
/* L as an object, unless NAME is NULL, and as a list of names and values. */
void fields_labels(struct fields *f, const struct render_scope *s,
		   const char *name, const char *list_name,
		   const struct labels *l);

struct mustache_value fields_object(struct arena *arena,
				    const struct fields *f);
struct mustache_value fields_list(const struct mustache_value *items, size_t n);
struct mustache_value fields_text_value(const char *text);

/* L; none where it is NULL. */
const struct labels *render_labels(const struct labels *l);
/* "" for one that is not there. */
const char *render_label(const struct labels *l, const char *name);
/* Where it is: the first of the labels that usually say so; "". */
const char *render_where(const struct labels *l, const char **ret_name);
/* What all alerts that are shown have with one value. */
struct labels render_common(const struct render_scope *s, bool annotations);
/* "" for 0. */
const char *render_rfc3339(const struct render_scope *s, int64_t wall_ms);

/* --- render_alert.c ---------------------------------------------------------- */

const char *render_runbook(const struct render_scope *s,
			   const struct render_alert *a);
/* SHARED is what render_common() found of the labels. */
struct mustache_value render_alert_tree(const struct render_scope *s,
					const struct render_alert *a,
					const struct labels *shared);

#endif
