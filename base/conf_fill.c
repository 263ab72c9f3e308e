/*
 * A tree into a struct, by its table. A value that is wrong is reported and its
 * default stays in the field, so that one pass finds all mistakes; a struct's
 * own check runs only when nothing in it was wrong.
 */
#include "base/conf_private.h"

#include <string.h>

#include "base/must.h"

#define CF_OPTIONS_MAX 64

struct cf {
	struct arena *arena;
	struct conf_errors *errors;
};

static bool cf_value(struct cf *cf, const struct conf_option *o,
		     const struct conf_node *node, void *field);
static bool cf_table(struct cf *cf, const struct conf_option *o,
		     const struct conf_table *table,
		     const struct conf_node *node, const struct conf_mark *mark,
		     void *base);

/* --- scalars --------------------------------------------------------------- */

static bool
cf_is_null(const struct conf_node *node)
{
	return node->kind == CONF_SCALAR && !node->quoted &&
	       (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
		strcmp(node->text, "null") == 0);
}

static bool
cf_wants_scalar(struct cf *cf, const struct conf_option *o,
		const struct conf_node *node)
{
	static const char *const kinds[] = {"a value", "a list", "a section"};

	if (cf_is_null(node)) {
		conf_error(cf->errors, &node->mark,
			   "`%s` has no value; write one, or leave the key out",
			   o->name);
		return false;
	}
	if (node->kind != CONF_SCALAR)
		conf_error(cf->errors, &node->mark,
			   "`%s` is a single value, not %s%s", o->name,
			   kinds[node->kind],
			   node->kind == CONF_SEQUENCE
				   ? "; a value that begins with `[` needs "
				     "quotes"
				   : "");
	return node->kind == CONF_SCALAR;
}

static bool
cf_bool(struct cf *cf, const struct conf_option *o,
	const struct conf_node *node, bool *field)
{
	bool yes = strcmp(node->text, "true") == 0;

	if (!yes && strcmp(node->text, "false") != 0) {
		conf_error(cf->errors, &node->mark,
			   "`%s` is true or false, not `%s`", o->name,
			   node->text);
		return false;
	}
	*field = yes;
	return true;
}

static bool
cf_in_range(struct cf *cf, const struct conf_option *o,
	    const struct conf_node *node, int64_t v)
{
	if ((o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max))
		return true;
	conf_error(cf->errors, &node->mark,
		   "`%s` is %s, which is out of range: from %s to %s", o->name,
		   node->text, conf_number_text(o->type, o->min, cf->arena),
		   conf_number_text(o->type, o->max, cf->arena));
	return false;
}

/* INT, SIZE and TIME. */
static bool
cf_number(struct cf *cf, const struct conf_option *o,
	  const struct conf_node *node, int64_t *field)
{
	const char *what = "a whole number";
	int64_t v;
	int r;

	if (o->type == CONF_SIZE) {
		what = "a size, like 64K, 50M or 20G";
		r = conf_parse_size(node->text, &v);
	} else if (o->type == CONF_TIME) {
		what = "a time, like 500ms, 30s, 1h30m or 5d";
		r = conf_parse_time(node->text, &v);
	} else {
		r = conf_parse_int(node->text, &v);
	}
	if (r < 0) {
		conf_error(cf->errors, &node->mark, "`%s` is %s, not `%s`",
			   o->name, what, node->text);
		return false;
	}
	if (!cf_in_range(cf, o, node, v))
		return false;
	*field = v;
	return true;
}

static bool
cf_rate(struct cf *cf, const struct conf_option *o,
	const struct conf_node *node, struct conf_rate *field)
{
	if (conf_parse_rate(node->text, field) == 0)
		return true;
	conf_error(cf->errors, &node->mark,
		   "`%s` is a rate, like 10/1s or 100/1m, or `none`, not `%s`",
		   o->name, node->text);
	return false;
}

static bool
cf_float(struct cf *cf, const struct conf_option *o,
	 const struct conf_node *node, double *field)
{
	if (conf_parse_float(node->text, field) == 0)
		return true;
	conf_error(cf->errors, &node->mark,
		   "`%s` is a number, like 2 or 0.1, not `%s`", o->name,
		   node->text);
	return false;
}

static bool
cf_enum(struct cf *cf, const struct conf_option *o,
	const struct conf_node *node, int *field)
{
	const char *words = "", *nearest;
	int n = 0;

	for (; o->names[n] != NULL; n++) {
		if (strcmp(o->names[n], node->text) == 0) {
			*field = n;
			return true;
		}
		words = arena_printf(cf->arena, "%s%s%s", words,
				     n > 0 ? ", " : "", o->names[n]);
	}
	nearest = conf_nearest(node->text, o->names, (size_t)n);
	conf_error(cf->errors, &node->mark, "`%s` can't be `%s`; %s%s%s",
		   o->name, node->text,
		   nearest != NULL ? "did you mean `"
		   : n == 1        ? "only "
				   : "one of ",
		   nearest != NULL ? nearest : words,
		   nearest != NULL ? "`?"
		   : n == 1        ? " is known"
				   : "");
	return false;
}

/* --- lists ----------------------------------------------------------------- */

/* "; write for example `O: ...`"; of a section the first key that it has to
 * have, or just its first. */
static const char *
cf_for_example(struct cf *cf, const struct conf_option *o)
{
	const struct conf_option *in;

	if (o == NULL)
		return "";
	if (o->example != NULL)
		return arena_printf(cf->arena, "; write for example `%s: %s`",
				    o->name, o->example);
	if (o->type != CONF_TABLE)
		return "";
	in = o->table->options;
	while (in->name != NULL && (in->dflt != NULL || in->unset != NULL))
		in++;
	if (in->name == NULL)
		in = o->table->options;
	if (in->example == NULL && in->dflt == NULL)
		return "";
	return arena_printf(cf->arena, "; write for example `%s: {%s: %s}`",
			    o->name, in->name,
			    in->example != NULL ? in->example : in->dflt);
}

static bool
cf_strings(struct cf *cf, const char *name, const struct conf_node *node,
	   struct conf_strings *field)
{
	struct conf_strings s = {0};
	bool ok = true;

	if (node->kind != CONF_SEQUENCE) {
		conf_error(cf->errors, &node->mark,
			   "`%s` is a list: write `%s: [%s]`", name, name,
			   node->kind == CONF_SCALAR ? node->text : "...");
		return false;
	}
	s.v = arena_alloc(cf->arena, (node->n + 1) * sizeof(*s.v));
	s.marks = arena_alloc(cf->arena, (node->n + 1) * sizeof(*s.marks));
	for (const struct conf_node *c = node->first; c != NULL; c = c->next) {
		if (c->kind == CONF_SCALAR && !cf_is_null(c)) {
			ok = ok && !c->broken;
			s.marks[s.n] = c->mark;
			s.v[s.n++] = arena_strdup(cf->arena, c->text);
			continue;
		}
		conf_error(cf->errors, &c->mark,
			   "an item of `%s` is a single value; one that begins "
			   "with `[` needs quotes",
			   name);
		ok = false;
	}
	if (ok)
		*field = s;
	return ok;
}

static bool
cf_map(struct cf *cf, const struct conf_option *o, const struct conf_node *node,
       struct conf_map *field)
{
	struct conf_map m = {0};
	bool ok = true;

	if (node->kind != CONF_MAPPING) {
		conf_error(cf->errors, &node->mark,
			   "`%s` is a section of names, each with a list%s",
			   o->name, cf_for_example(cf, o));
		return false;
	}
	m.names = arena_alloc(cf->arena, (node->n + 1) * sizeof(*m.names));
	m.marks = arena_alloc(cf->arena, (node->n + 1) * sizeof(*m.marks));
	m.v = arena_alloc(cf->arena, (node->n + 1) * sizeof(*m.v));
	for (const struct conf_node *c = node->first; c != NULL; c = c->next) {
		m.marks[m.n] = c->key_mark;
		m.names[m.n] = arena_strdup(cf->arena, c->key);
		ok = cf_strings(cf, c->key, c, &m.v[m.n++]) && ok;
	}
	if (ok)
		*field = m;
	return ok;
}

static bool
cf_pairs(struct cf *cf, const struct conf_option *o,
	 const struct conf_node *node, struct conf_pairs *field)
{
	struct conf_pairs p = {0};
	bool ok = true;

	if (node->kind != CONF_MAPPING) {
		conf_error(cf->errors, &node->mark,
			   "`%s` is a section of names, each with a value%s",
			   o->name, cf_for_example(cf, o));
		return false;
	}
	p.names = arena_alloc(cf->arena, (node->n + 1) * sizeof(*p.names));
	p.v = arena_alloc(cf->arena, (node->n + 1) * sizeof(*p.v));
	for (const struct conf_node *c = node->first; c != NULL; c = c->next) {
		if (c->kind != CONF_SCALAR || cf_is_null(c)) {
			conf_error(cf->errors, &c->mark,
				   "`%s` of `%s` is a single value", c->key,
				   o->name);
			ok = false;
			continue;
		}
		ok = ok && !c->broken;
		p.names[p.n] = arena_strdup(cf->arena, c->key);
		p.v[p.n++] = (struct conf_text){
			arena_strdup(cf->arena, c->text), c->mark};
	}
	if (ok)
		*field = p;
	return ok;
}

static bool
cf_named(struct cf *cf, const struct conf_option *o,
	 const struct conf_node *node, struct conf_list *field)
{
	struct conf_list l = {0};
	bool ok = true;

	if (node->kind != CONF_MAPPING) {
		conf_error(cf->errors, &node->mark,
			   "`%s` is a section of names, each with a section%s",
			   o->name, cf_for_example(cf, o));
		return false;
	}
	l.v = arena_alloc(cf->arena, (node->n + 1) * o->table->size);
	for (const struct conf_node *c = node->first; c != NULL; c = c->next) {
		char *base = (char *)l.v + l.n++ * o->table->size;

		ok = cf_table(cf, o, o->table, c, &c->key_mark, base) && ok;
		*(char **)(base + o->table->name_offset) =
			arena_strdup(cf->arena, c->key);
	}
	if (ok)
		*field = l;
	return ok;
}

static bool
cf_list(struct cf *cf, const struct conf_option *o,
	const struct conf_node *node, struct conf_list *field)
{
	struct conf_list l = {0};
	bool ok = true;

	if (node->kind != CONF_SEQUENCE) {
		conf_error(cf->errors, &node->mark,
			   "`%s` is a list: each entry begins with `- `%s",
			   o->name, cf_for_example(cf, o));
		return false;
	}
	l.v = arena_alloc(cf->arena, (node->n + 1) * o->table->size);
	for (const struct conf_node *c = node->first; c != NULL; c = c->next)
		ok = cf_table(cf, o, o->table, c, &c->mark,
			      (char *)l.v + l.n++ * o->table->size) &&
		     ok;
	if (ok)
		*field = l;
	return ok;
}

/* --- tables ---------------------------------------------------------------- */

static bool
cf_value(struct cf *cf, const struct conf_option *o,
	 const struct conf_node *node, void *field)
{
	if (node->broken)
		return false;
	switch (o->type) {
	case CONF_STRINGS:
		return cf_strings(cf, o->name, node, field);
	case CONF_TABLE:
		return cf_table(cf, o, o->table, node, &node->mark, field);
	case CONF_LIST:
		return cf_list(cf, o, node, field);
	case CONF_MAP:
		return cf_map(cf, o, node, field);
	case CONF_PAIRS:
		return cf_pairs(cf, o, node, field);
	case CONF_NAMED:
		return cf_named(cf, o, node, field);
	case CONF_STRING:
	case CONF_TEXT:
	case CONF_BOOL:
	case CONF_INT:
	case CONF_FLOAT:
	case CONF_SIZE:
	case CONF_TIME:
	case CONF_RATE:
	case CONF_ENUM:
		break;
	}
	if (!cf_wants_scalar(cf, o, node))
		return false;
	if (o->type == CONF_STRING)
		*(char **)field = arena_strdup(cf->arena, node->text);
	else if (o->type == CONF_TEXT)
		*(struct conf_text *)field = (struct conf_text){
			arena_strdup(cf->arena, node->text), node->mark};
	else if (o->type == CONF_BOOL)
		return cf_bool(cf, o, node, field);
	else if (o->type == CONF_FLOAT)
		return cf_float(cf, o, node, field);
	else if (o->type == CONF_RATE)
		return cf_rate(cf, o, node, field);
	else if (o->type == CONF_ENUM)
		return cf_enum(cf, o, node, field);
	else
		return cf_number(cf, o, node, field);
	return true;
}

/* No file is called so. */
#define CF_DEFAULT "(default)"

bool
conf_mark_is_default(const struct conf_mark *m)
{
	return m->file != NULL && strcmp(m->file, CF_DEFAULT) == 0;
}

/* A list that nobody gave is as the struct was born. */
static void
cf_unset(const struct conf_option *o, void *field)
{
	if (o->type != CONF_STRINGS && o->type != CONF_LIST)
		*(int64_t *)field = -1;
}

/* A default is ours: a wrong one is a bug of the table. */
static void
cf_default(struct cf *cf, const struct conf_option *o,
	   const struct conf_mark *mark, void *field)
{
	struct conf_node *node;

	if (o->unset != NULL)
		cf_unset(o, field);
	if (o->dflt == NULL)
		return;
	if (o->type == CONF_TABLE) {
		cf_table(cf, o, o->table, NULL, mark, field);
		return;
	}
	node = conf_yaml_parse(CF_DEFAULT, o->dflt, strlen(o->dflt), false,
			       cf->arena, cf->errors);
	must(node != NULL);
	must(cf_value(cf, o, node, field));
}

static bool
cf_option(struct cf *cf, const struct conf_option *o,
	  const struct conf_node *node, const struct conf_mark *mark,
	  void *field)
{
	struct conf_node *child = NULL;
	bool ok = true;

	if (node != NULL)
		child = conf_node_find(node, o->name);
	if (child == NULL && conf_is_required(o)) {
		if (o->example != NULL)
			conf_error(cf->errors, mark,
				   "`%s` is missing; write for example "
				   "`%s: %s`",
				   o->name, o->name, o->example);
		else
			conf_error(cf->errors, mark, "`%s` is missing",
				   o->name);
		return false;
	}
	if (child == NULL || o->type != CONF_TABLE)
		cf_default(cf, o, mark, field);
	if (child != NULL)
		ok = cf_value(cf, o, child, field);
	if (ok && o->check != NULL && (child != NULL || o->unset == NULL))
		ok = o->check(field, child != NULL ? &child->mark : mark,
			      cf->errors);
	return ok;
}

static bool
cf_known_keys(struct cf *cf, const struct conf_table *table,
	      const struct conf_node *node)
{
	const char *names[CF_OPTIONS_MAX], *nearest;
	size_t n = 0;
	bool ok = true;

	for (const struct conf_option *o = table->options; o->name; o++) {
		must(n < CF_OPTIONS_MAX);
		names[n++] = o->name;
	}
	for (const struct conf_node *c = node->first; c != NULL; c = c->next) {
		size_t i = 0;

		while (i < n && strcmp(names[i], c->key) != 0)
			i++;
		if (i < n)
			continue;
		ok = false;
		nearest = conf_nearest(c->key, names, n);
		conf_error(cf->errors, &c->key_mark, "unknown key `%s`%s%s%s",
			   c->key, nearest != NULL ? "; did you mean `" : "",
			   nearest != NULL ? nearest : "",
			   nearest != NULL ? "`?" : "");
	}
	return ok;
}

/* One of O's; NULL: the whole. */
static bool
cf_table(struct cf *cf, const struct conf_option *o,
	 const struct conf_table *table, const struct conf_node *node,
	 const struct conf_mark *mark, void *base)
{
	bool ok = true;

	if (node != NULL && node->kind != CONF_MAPPING) {
		if (cf_is_null(node))
			conf_error(cf->errors, mark,
				   "an empty section; leave it out");
		else
			conf_error(cf->errors, mark,
				   "a section of `key: value` lines belongs "
				   "here%s",
				   cf_for_example(cf, o));
		return false;
	}
	if (table->mark_offset != 0)
		memcpy((char *)base + table->mark_offset, mark, sizeof(*mark));
	if (node != NULL)
		ok = cf_known_keys(cf, table, node);
	for (const struct conf_option *in = table->options; in->name; in++)
		ok = cf_option(cf, in, node, mark, (char *)base + in->offset) &&
		     ok;
	if (ok && table->check != NULL)
		ok = table->check(base, mark, cf->errors);
	return ok;
}

void
conf_fill(const struct conf_table *table, const struct conf_node *node,
	  const struct conf_mark *mark, struct arena *arena,
	  struct conf_errors *e, void *base)
{
	struct cf cf = {arena, e};

	memset(base, 0, table->size);
	cf_table(&cf, NULL, table, node, mark, base);
}
