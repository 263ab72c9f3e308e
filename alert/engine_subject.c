/*
 * engine_subject - what a mail is called, and all that follow in its thread.
 *
 * The first says what its alerts have in common; what joins them later changes
 * nothing of it.
 */
#include <string.h>

#include "alert/engine_flush.h"
#include "base/utf8.h"

static const char *
text_of(const struct labels *l, const char *const *names)
{
	for (; *names != NULL; names++) {
		const char *value = labels_get(l, *names);

		if (value != NULL)
			return value;
	}
	return NULL;
}

static const char *const subject_where[] = {"site",    "location", "region",
					    "cluster", "env",      NULL};
static const char *const subject_what[] = {"alertname", "summary", NULL};
static const char *const subject_on[] = {"instance", "host",   "hostname",
					 "node",     "device", "service",
					 "job",      NULL};

/* Whoever speaks as Alertmanager gives alerts the names of rules. What all
 * others say bears the label `source`, and may only be named after what is
 * watched, or after the source itself: its summary says what is wrong. */
static const char *
subject_source(const struct render_alert *v)
{
	return labels_get(v->annotations, "summary") != NULL
		       ? labels_get(v->labels, "source")
		       : NULL;
}

/* "backup: no space left". */
static const char *
subject_says(const struct render_alert *v, struct arena *arena)
{
	const char *said = labels_get(v->annotations, "summary");
	const char *name = text_of(v->labels, subject_what);

	if (subject_source(v) == NULL)
		return name;
	if (name == NULL || strcmp(name, subject_source(v)) == 0 ||
	    strstr(said, name) != NULL)
		return said;
	return arena_printf(arena, "%s: %s", name, said);
}

/* "[london] DiskWillFill on db1" of what they have in common; "[london]
 * DiskWillFill and 3 more" where that has no name, or other words. */
static const char *
subject_of(const struct labels *l, const struct render_notice *n,
	   struct arena *arena)
{
	const char *w = text_of(l, subject_where),
		   *a = text_of(l, subject_what);
	const char *o = text_of(l, subject_on), *tail = "";
	size_t all = n->nfiring + n->nstale + n->nresolved;

	if (n->n > 0 && subject_source(&n->v[0]) != NULL)
		a = NULL; /* there are better words */
	if (a == NULL && n->n > 0) {
		a = subject_says(&n->v[0], arena);
		if (a != NULL && all > 1)
			tail = arena_printf(arena, " and %zu more", all - 1);
	}
	if (a == NULL)
		a = "Alerts";
	if (o != NULL && strstr(a, o) != NULL)
		o = NULL;
	return arena_printf(arena, "%s%s%s%s%s%s%s", w != NULL ? "[" : "",
			    w != NULL ? w : "", w != NULL ? "] " : "", a,
			    o != NULL ? " on " : "", o != NULL ? o : "", tail);
}

/* The labels that all of N's alerts have; those of the group, where not all of
 * them are shown. */
static void
subject_labels(const struct render_notice *n, struct arena *arena,
	       struct labels *ret)
{
	struct labels all = {0};

	if (n->n == 0 || n->nfiring + n->nstale + n->nresolved > n->n) {
		*ret = *n->group_labels;
		return;
	}
	labels_copy(arena, n->v[0].labels, &all);
	*ret = (struct labels){.v = all.v};
	for (size_t i = 0; i < all.n; i++) {
		bool common = true;

		for (size_t k = 1; common && k < n->n; k++) {
			const char *value =
				labels_get(n->v[k].labels, all.v[i].name);

			common = value != NULL &&
				 strcmp(value, all.v[i].value) == 0;
		}
		if (common)
			ret->v[ret->n++] = all.v[i];
	}
}

/* As much as is kept of it, so that the next ones have the same. */
static const char *
subject_cut(const char *text, struct arena *arena)
{
	static const char dots[] = "...";
	char cut[NOTICE_SUBJECT_MAX];

	if (strlen(text) < sizeof(cut))
		return text;
	utf8_copy(text, cut, sizeof(cut) - strlen(dots));
	return arena_printf(arena, "%s%s", cut, dots);
}

const char *
letter_subject(const struct intent *lead, const struct render_notice *n,
	       struct arena *arena)
{
	const struct notice_core *c = &lead->notice->c;
	struct labels labels;

	if (c->root_seq > 0 && c->subject[0] != '\0')
		return c->subject;
	subject_labels(n, arena, &labels);
	return subject_cut(subject_of(&labels, n, arena), arena);
}
