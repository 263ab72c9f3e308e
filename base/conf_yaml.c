/*
 * libyaml's events into a tree with marks, refusing what a configuration does
 * not need: anchors and aliases (a few lines that grow into gigabytes), tags,
 * further documents, keys given twice.
 */
#include "base/conf_private.h"

#include <string.h>
#include <yaml.h>

struct cy {
	yaml_parser_t parser;
	const char *file; /* in the arena */
	const char *text, *end;
	bool env;
	struct arena *arena;
	struct conf_errors *errors;
};

static struct conf_mark
cy_mark(const struct cy *cy, const yaml_mark_t *m)
{
	return (struct conf_mark){cy->file, (int)m->line + 1,
				  (int)m->column + 1};
}

/* Is the line indented with one? libyaml says so only of some. */
static bool
cy_is_tab(const struct cy *cy)
{
	const yaml_parser_t *p = &cy->parser;
	const char *at = cy->text;

	for (size_t n = 0; at != NULL && n < p->problem_mark.line; n++) {
		at = memchr(at, '\n', (size_t)(cy->end - at));
		at = at != NULL ? at + 1 : NULL;
	}
	while (at != NULL && at < cy->end && *at == ' ')
		at++;
	return at != NULL && at < cy->end && *at == '\t';
}

static void
cy_syntax_error(struct cy *cy)
{
	const yaml_parser_t *p = &cy->parser;
	struct conf_mark mark = cy_mark(cy, &p->problem_mark);

	if (p->error == YAML_READER_ERROR) {
		conf_error(cy->errors, &mark, "not readable as UTF-8: %s",
			   p->problem);
		return;
	}
	conf_error(cy->errors, &mark, "not valid YAML: %s%s%s; %s",
		   p->context != NULL ? p->context : "",
		   p->context != NULL ? ", " : "",
		   p->problem != NULL ? p->problem : "unknown error",
		   cy_is_tab(cy) ? "indent with spaces, not with tabs"
				 : "a value that begins with `*`, `@`, `[` or "
				   "`:` needs quotes");
}

/* The next event; false after reporting. */
static bool
cy_next(struct cy *cy, yaml_event_t *ev)
{
	if (yaml_parser_parse(&cy->parser, ev))
		return true;
	cy_syntax_error(cy);
	return false;
}

static struct conf_node *
cy_node(struct cy *cy, enum conf_kind kind, const yaml_event_t *ev)
{
	struct conf_node *node = arena_alloc(cy->arena, sizeof(*node));

	node->kind = kind;
	node->mark = cy_mark(cy, &ev->start_mark);
	node->last = &node->first;
	return node;
}

void
conf_node_append(struct conf_node *parent, struct conf_node *child)
{
	child->next = NULL;
	*parent->last = child;
	parent->last = &child->next;
	parent->n++;
}

struct conf_node *
conf_node_find(const struct conf_node *map, const char *key)
{
	struct conf_node *child = map->first;

	while (child != NULL && strcmp(child->key, key) != 0)
		child = child->next;
	return child;
}

/* Anchors and tags hang on values of every kind. */
static bool
cy_is_plain(struct cy *cy, const struct conf_mark *mark,
	    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		conf_error(cy->errors, mark,
			   "anchors (`&`) are not supported; a value that "
			   "begins with `&` needs quotes");
	else if (tag != NULL)
		conf_error(cy->errors, mark,
			   "tags (`!`) are not supported; a value that begins "
			   "with `!` needs quotes");
	return anchor == NULL && tag == NULL;
}

static struct conf_node *
cy_scalar(struct cy *cy, const yaml_event_t *ev)
{
	struct conf_node *node = cy_node(cy, CONF_SCALAR, ev);
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;

	if (!cy_is_plain(cy, &node->mark, ev->data.scalar.anchor,
			 ev->data.scalar.tag))
		return NULL;
	if (memchr(text, '\0', len) != NULL || len > CONF_VALUE_MAX) {
		conf_error(cy->errors, &node->mark,
			   "a value holds no NUL and at most %d bytes",
			   CONF_VALUE_MAX);
		return NULL;
	}
	node->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->text = arena_strndup(cy->arena, text, len);
	return node;
}

static struct conf_node *cy_value(struct cy *cy, const yaml_event_t *ev,
				  int depth);

static bool
cy_sequence(struct cy *cy, struct conf_node *node, int depth)
{
	for (;;) {
		struct conf_node *child;
		yaml_event_t ev;
		bool end;

		if (!cy_next(cy, &ev))
			return false;
		end = ev.type == YAML_SEQUENCE_END_EVENT;
		child = end ? NULL : cy_value(cy, &ev, depth);
		yaml_event_delete(&ev);
		if (child == NULL)
			return end;
		conf_node_append(node, child);
	}
}

/* The value behind KEY. */
static bool
cy_pair(struct cy *cy, struct conf_node *node, const struct conf_node *key,
	int depth)
{
	struct conf_node *child, *twin;
	yaml_event_t ev;

	if (!cy_next(cy, &ev))
		return false;
	child = cy_value(cy, &ev, depth);
	yaml_event_delete(&ev);
	if (child == NULL)
		return false;
	if (node->n == CONF_KEYS_MAX) {
		conf_error(cy->errors, &key->mark,
			   "more than %d keys in one mapping", CONF_KEYS_MAX);
		return false;
	}
	child->key = key->text;
	child->key_mark = key->mark;
	twin = conf_node_find(node, key->text);
	if (twin == NULL)
		conf_node_append(node, child);
	else
		conf_error(cy->errors, &key->mark,
			   "`%s` is given twice; the first is in line %d",
			   key->text, twin->key_mark.line);
	return true;
}

static bool
cy_mapping(struct cy *cy, struct conf_node *node, int depth)
{
	for (;;) {
		struct conf_node *key = NULL;
		yaml_event_t ev;
		bool end;

		if (!cy_next(cy, &ev))
			return false;
		end = ev.type == YAML_MAPPING_END_EVENT;
		if (ev.type == YAML_SCALAR_EVENT) {
			key = cy_scalar(cy, &ev);
		} else if (!end) {
			struct conf_mark mark = cy_mark(cy, &ev.start_mark);

			conf_error(cy->errors, &mark,
				   "a key is a word; a value that begins with "
				   "`*`, `@`, `[` or `:` needs quotes");
		}
		yaml_event_delete(&ev);
		if (key == NULL)
			return end;
		if (!cy_pair(cy, node, key, depth))
			return false;
	}
}

static struct conf_node *
cy_collection(struct cy *cy, const yaml_event_t *ev, int depth)
{
	bool map = ev->type == YAML_MAPPING_START_EVENT;
	struct conf_node *node =
		cy_node(cy, map ? CONF_MAPPING : CONF_SEQUENCE, ev);

	if (depth == CONF_DEPTH_MAX) {
		conf_error(cy->errors, &node->mark,
			   "nested deeper than %d levels", CONF_DEPTH_MAX);
		return NULL;
	}
	if (map ? !cy_is_plain(cy, &node->mark, ev->data.mapping_start.anchor,
			       ev->data.mapping_start.tag)
		: !cy_is_plain(cy, &node->mark, ev->data.sequence_start.anchor,
			       ev->data.sequence_start.tag))
		return NULL;
	if (map ? !cy_mapping(cy, node, depth + 1)
		: !cy_sequence(cy, node, depth + 1))
		return NULL;
	return node;
}

/* The value that EV begins, or NULL after reporting. */
static struct conf_node *
cy_value(struct cy *cy, const yaml_event_t *ev, int depth)
{
	struct conf_mark mark = cy_mark(cy, &ev->start_mark);
	struct conf_node *node;

	if (ev->type == YAML_ALIAS_EVENT) {
		conf_error(cy->errors, &mark,
			   "aliases are not supported; a value that begins "
			   "with `*` needs quotes");
		return NULL;
	}
	if (ev->type != YAML_SCALAR_EVENT)
		return cy_collection(cy, ev, depth);
	node = cy_scalar(cy, ev);
	if (node == NULL || !cy->env || strchr(node->text, '$') == NULL)
		return node;
	node->quoted = true;
	node->text = conf_env_expand(node->text, &mark, cy->arena, cy->errors);
	if (node->text == NULL) { /* go on: find the other mistakes too */
		node->text = "";
		node->broken = true;
	}
	return node;
}

static struct conf_node *
cy_document(struct cy *cy)
{
	struct conf_node *root = NULL;
	yaml_event_t ev;
	bool more = true;

	while (more) {
		struct conf_mark mark;

		if (!cy_next(cy, &ev))
			return NULL;
		mark = cy_mark(cy, &ev.start_mark);
		if (ev.type == YAML_STREAM_END_EVENT) {
			more = false;
			if (root == NULL)
				root = cy_node(cy, CONF_MAPPING, &ev);
		} else if (ev.type == YAML_DOCUMENT_START_EVENT && root) {
			conf_error(cy->errors, &mark,
				   "a second document begins here; write one "
				   "document a file");
			root = NULL;
			more = false;
		} else if (ev.type != YAML_STREAM_START_EVENT &&
			   ev.type != YAML_DOCUMENT_START_EVENT &&
			   ev.type != YAML_DOCUMENT_END_EVENT) {
			root = cy_value(cy, &ev, 0);
			more = root != NULL;
		}
		yaml_event_delete(&ev);
	}
	return root;
}

struct conf_node *
conf_yaml_parse(const char *file, const char *text, size_t len, bool env,
		struct arena *arena, struct conf_errors *e)
{
	struct cy cy = {
		.text = text,
		.end = text + len,
		.env = env,
		.arena = arena,
		.errors = e,
	};
	struct conf_mark mark = {file, 0, 0};
	struct conf_node *root;

	cy.file = arena_strdup(arena, file);
	if (!yaml_parser_initialize(&cy.parser)) {
		conf_error(e, &mark, "out of memory");
		return NULL;
	}
	yaml_parser_set_input_string(&cy.parser, (const unsigned char *)text,
				     len);
	root = cy_document(&cy);
	yaml_parser_delete(&cy.parser);
	return root;
}
