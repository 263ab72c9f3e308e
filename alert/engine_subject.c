/*
 * engine_subject - what a mail is called, and all that follow in its thread.
 *
 * The first says what its alerts have in common; what joins them later changes
 * nothing of it.
 */
#include <string.h>

#include "alert/engine_flush.h"

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

/* "[london] DiskWillFill on db1" of what they have in common; "[london]
 * DiskWillFill and 3 more" where that has no name. */
static const char *
subject_of(const struct labels *l, const struct render_notice *n,
	   struct arena *arena)
{
	const char *w = text_of(l, subject_where),
		   *a = text_of(l, subject_what);
	const char *o = text_of(l, subject_on), *tail = "";
	size_t all = n->nfiring + n->nstale + n->nresolved;

	if (a == NULL && n->n > 0) {
		a = text_of(n->v[0].labels, subject_what);
		if (a != NULL && all > 1)
			tail = arena_printf(arena, " and %zu more", all - 1);
	}
	if (a == NULL)
		a = "Alerts";
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

const char *
letter_subject(const struct intent *lead, const struct render_notice *n,
	       struct arena *arena)
{
	const struct notice_core *c = &lead->notice->c;
	struct labels labels;

	if (c->root_seq > 0 && c->subject[0] != '\0')
		return c->subject;
	subject_labels(n, arena, &labels);
	return subject_of(&labels, n, arena);
}
