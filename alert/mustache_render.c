/*
 * mustache_render - a compiled template and a tree of values, out to text.
 *
 * The frames are what sections stand on, the innermost last. A name is looked
 * for from the innermost outwards; only its first word, as what follows a dot
 * belongs to what was found.
 */
#include <errno.h>
#include <string.h>

#include "alert/mustache_impl.h"

struct frame {
	const struct mustache_value *value;
	const struct mustache_value *list; /* NULL: not an item of one */
	size_t index;                      /* in LIST */
	size_t node;                       /* the section's */
};

struct render_walk {
	const struct mustache *m;
	struct buf *out;
	enum mustache_escape escape;
	struct frame frames[MUSTACHE_DEPTH_MAX + 1];
	size_t depth; /* of frames in use; the root is the first */
};

static const struct mustache_value nothing, truth = {.kind = MUSTACHE_TRUE};

/* --- names ----------------------------------------------------------------- */

static const struct mustache_value *
object_get(const struct mustache_value *v, const char *name, size_t len)
{
	if (v->kind != MUSTACHE_OBJECT)
		return NULL;
	for (size_t i = 0; i < v->n; i++) {
		const char *field = v->fields[i].name;

		if (strncmp(field, name, len) == 0 && field[len] == '\0')
			return &v->fields[i].value;
	}
	return NULL;
}

/* -first and -last, of the innermost list. */
static const struct mustache_value *
place_in_list(const struct render_walk *w, bool first)
{
	for (size_t i = w->depth; i-- > 0;) {
		const struct frame *f = &w->frames[i];

		if (f->list != NULL)
			return f->index == (first ? 0 : f->list->n - 1)
				       ? &truth
				       : &nothing;
	}
	return &nothing;
}

static const struct mustache_value *
walk_find(const struct render_walk *w, const char *name)
{
	size_t len = strcspn(name, ".");
	const struct mustache_value *v = NULL;

	if (len == 0)
		return w->frames[w->depth - 1].value;
	if (name[0] == '-')
		return place_in_list(w, strcmp(name, "-first") == 0);
	for (size_t i = w->depth; i-- > 0 && v == NULL;)
		v = object_get(w->frames[i].value, name, len);
	while (v != NULL && name[len] == '.') {
		name += len + 1;
		len = strcspn(name, ".");
		v = object_get(v, name, len);
	}
	return v != NULL ? v : &nothing;
}

/* --- sections ------------------------------------------------------------- */

static bool
value_is_true(const struct mustache_value *v)
{
	switch (v->kind) {
	case MUSTACHE_FALSE:
		return false;
	case MUSTACHE_TRUE:
		return true;
	case MUSTACHE_TEXT:
	case MUSTACHE_LINES:
		return v->text[0] != '\0';
	case MUSTACHE_LIST:
	case MUSTACHE_OBJECT:
		return v->n > 0;
	}
	return false;
}

/* The node to go on with: the section's first, or what follows it. */
static size_t
walk_enter(struct render_walk *w, size_t at, const struct mustache_value *v)
{
	struct frame *f = &w->frames[w->depth];

	if (!value_is_true(v))
		return w->m->nodes[at].end + 1;
	*f = (struct frame){.value = v, .node = at};
	if (v->kind == MUSTACHE_LIST) {
		f->list = v;
		f->value = &v->items[0];
	}
	w->depth++;
	return at + 1;
}

/* AT is a CLOSE: round again, or out. */
static size_t
walk_leave(struct render_walk *w, size_t at)
{
	struct frame *f = &w->frames[w->depth - 1];

	if (f->list != NULL && f->index + 1 < f->list->n) {
		f->value = &f->list->items[++f->index];
		return f->node + 1;
	}
	w->depth--;
	return at + 1;
}

/* An inverted section is a frame, too, so that its CLOSE has one to leave. */
static size_t
walk_invert(struct render_walk *w, size_t at, const struct mustache_value *v)
{
	const struct mustache_value *here = w->frames[w->depth - 1].value;

	if (value_is_true(v))
		return w->m->nodes[at].end + 1;
	w->frames[w->depth++] = (struct frame){.value = here, .node = at};
	return at + 1;
}

static int
walk_value(struct render_walk *w, const char *name, enum mustache_escape escape)
{
	const struct mustache_value *v = walk_find(w, name);

	if (v->kind == MUSTACHE_LINES)
		return mustache_write_lines(v->text, escape, w->out);
	return v->kind == MUSTACHE_TEXT
		       ? mustache_write(v->text, escape, w->out)
		       : 0;
}

/* The node to go on with in *AT. */
static int
walk_step(struct render_walk *w, size_t *at)
{
	const struct mustache_node *node = &w->m->nodes[*at];

	switch (node->op) {
	case MUSTACHE_OP_TEXT:
		++*at;
		return buf_append(w->out, node->text, node->len);
	case MUSTACHE_OP_VALUE:
		++*at;
		return walk_value(w, node->text, w->escape);
	case MUSTACHE_OP_RAW:
		++*at;
		return walk_value(w, node->text, MUSTACHE_PLAIN);
	case MUSTACHE_OP_SECTION:
		*at = walk_enter(w, *at, walk_find(w, node->text));
		return 0;
	case MUSTACHE_OP_INVERTED:
		*at = walk_invert(w, *at, walk_find(w, node->text));
		return 0;
	case MUSTACHE_OP_CLOSE:
		*at = walk_leave(w, *at);
		return 0;
	}
	return 0;
}

int
mustache_render(const struct mustache *m, const struct mustache_value *root,
		enum mustache_escape escape, struct buf *out)
{
	struct render_walk w = {.m = m,
				.out = out,
				.escape = escape,
				.frames = {{.value = root}},
				.depth = 1};
	size_t steps = 0, at = 0;
	int r = 0;

	while (at < m->n && r == 0) {
		if (++steps > MUSTACHE_STEPS_MAX)
			return -E2BIG;
		r = walk_step(&w, &at);
	}
	return r;
}
