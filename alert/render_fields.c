#include "alert/render_fields.h"

#include <string.h>

#include "base/clock.h"
#include "base/must.h"

void
fields_add(struct fields *f, const char *name, struct mustache_value value)
{
	must(f->n < FIELDS_MAX);
	f->v[f->n++] = (struct mustache_field){name, value};
}

struct mustache_value
fields_text_value(const char *text)
{
	return (struct mustache_value){.kind = MUSTACHE_TEXT,
				       .text = text != NULL ? text : ""};
}

void
fields_text(struct fields *f, const char *name, const char *text)
{
	fields_add(f, name, fields_text_value(text));
}

void
fields_lines(struct fields *f, const char *name, const char *text)
{
	fields_add(
		f, name,
		(struct mustache_value){.kind = MUSTACHE_LINES, .text = text});
}

void
fields_flag(struct fields *f, const char *name, bool is)
{
	fields_add(f, name,
		   (struct mustache_value){.kind = is ? MUSTACHE_TRUE
						      : MUSTACHE_FALSE});
}

void
fields_number(struct fields *f, const char *name, struct arena *arena,
	      uint64_t n)
{
	fields_text(f, name,
		    arena_printf(arena, "%llu", (unsigned long long)n));
}

struct mustache_value
fields_object(struct arena *arena, const struct fields *f)
{
	struct mustache_field *v = arena_alloc(arena, f->n * sizeof(*v));

	memcpy(v, f->v, f->n * sizeof(*v));
	return (struct mustache_value){
		.kind = MUSTACHE_OBJECT, .n = f->n, .fields = v};
}

struct mustache_value
fields_list(const struct mustache_value *items, size_t n)
{
	return (struct mustache_value){
		.kind = MUSTACHE_LIST, .n = n, .items = items};
}

/* --- labels ------------------------------------------------------------------ */

static const struct labels no_labels;

const struct labels *
render_labels(const struct labels *l)
{
	return l != NULL ? l : &no_labels;
}

/* What programs read stays as it is: JSON has room for line ends. */
static struct mustache_value
label_value(const struct render_scope *s, const char *value)
{
	return (struct mustache_value){
		.kind = s->limits->escape == MUSTACHE_JSON ? MUSTACHE_LINES
							   : MUSTACHE_TEXT,
		.text = render_cut(s, value, s->limits->value),
	};
}

static struct mustache_value
labels_object(const struct render_scope *s, const struct labels *l)
{
	struct mustache_field *v;

	l = render_labels(l);
	v = arena_alloc(s->arena, (l->n + 1) * sizeof(*v));
	for (size_t i = 0; i < l->n; i++)
		v[i] = (struct mustache_field){l->v[i].name,
					       label_value(s, l->v[i].value)};
	return (struct mustache_value){
		.kind = MUSTACHE_OBJECT, .n = l->n, .fields = v};
}

/* OBJECT's fields, each an object with name and value. */
static struct mustache_value
named_list(const struct render_scope *s, struct mustache_value of)
{
	struct mustache_value *items =
		arena_alloc(s->arena, (of.n + 1) * sizeof(*items));

	for (size_t i = 0; i < of.n; i++) {
		struct mustache_field *pair =
			arena_alloc(s->arena, 2 * sizeof(*pair));

		pair[0] = (struct mustache_field){
			"name", fields_text_value(of.fields[i].name)};
		pair[1] = (struct mustache_field){"value", of.fields[i].value};
		items[i] = (struct mustache_value){
			.kind = MUSTACHE_OBJECT, .n = 2, .fields = pair};
	}
	return fields_list(items, of.n);
}

void
fields_labels(struct fields *f, const struct render_scope *s, const char *name,
	      const char *list_name, const struct labels *l)
{
	struct mustache_value v = labels_object(s, l);

	if (name != NULL)
		fields_add(f, name, v);
	fields_add(f, list_name, named_list(s, v));
}

static const struct labels *
labels_of(const struct render_alert *a, bool annotations)
{
	return render_labels(annotations ? a->annotations : a->labels);
}

/* What all alerts that are shown have with one value. */
struct labels
render_common(const struct render_scope *s, bool annotations)
{
	const struct render_alert *v = s->notice->v;
	const struct labels *first;
	struct labels ret = {0};

	if (s->shown == 0)
		return ret;
	first = labels_of(&v[0], annotations);
	ret.v = arena_alloc(s->arena, (first->n + 1) * sizeof(*ret.v));
	for (size_t i = 0; i < first->n; i++) {
		size_t k = 1;

		for (; k < s->shown; k++) {
			const char *other =
				labels_get(labels_of(&v[k], annotations),
					   first->v[i].name);

			if (other == NULL ||
			    strcmp(other, first->v[i].value) != 0)
				break;
		}
		if (k == s->shown)
			ret.v[ret.n++] = first->v[i];
	}
	return ret;
}

/* --- what alerts and notices share ---------------------------------------- */

const char *
render_label(const struct labels *l, const char *name)
{
	const char *value = labels_get(render_labels(l), name);

	return value != NULL ? value : "";
}

/* Where it is: the first of the labels that usually say so. */
const char *
render_where(const struct labels *l, const char **ret_name)
{
	static const char *const names[] = {"instance", "host",    "hostname",
					    "node",     "service", "job"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = render_label(l, names[i]);

		if (value[0] != '\0') {
			*ret_name = names[i];
			return value;
		}
	}
	*ret_name = "";
	return "";
}

const char *
render_rfc3339(const struct render_scope *s, int64_t wall_ms)
{
	char date[CLOCK_RFC3339_LEN];

	if (wall_ms == 0)
		return "";
	clock_rfc3339(wall_ms, date);
	return arena_strdup(s->arena, date);
}
