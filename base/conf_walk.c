#include "base/conf_private.h"

#include <string.h>

#include "base/buf.h"
#include "base/xalloc.h"

struct walk {
	struct arena arena;
	conf_walk_fn *fn;
	void *arg;
};

static void
walk_table(struct walk *w, const struct conf_table *table, const char *prefix)
{
	for (const struct conf_option *o = table->options; o->name; o++) {
		const char *path =
			arena_printf(&w->arena, "%s%s%s", prefix,
				     prefix[0] != '\0' ? "." : "", o->name);
		const char *brackets = o->type == CONF_LIST    ? "[]"
				       : o->type == CONF_NAMED ? "{}"
							       : "";

		w->fn(w->arg, path, o);
		if (o->table != NULL && o->table != table)
			walk_table(w, o->table,
				   arena_printf(&w->arena, "%s%s", path,
						brackets));
	}
}

void
conf_walk(const struct conf_table *table, conf_walk_fn *fn, void *arg)
{
	struct walk w = {.fn = fn, .arg = arg};

	arena_init(&w.arena);
	walk_table(&w, table, "");
	arena_done(&w.arena);
}

bool
conf_is_required(const struct conf_option *option)
{
	return option->dflt == NULL && option->unset == NULL;
}

static char *
walk_enum_name(const struct conf_option *o)
{
	struct buf b;

	buf_init(&b, CONF_VALUE_MAX);
	for (size_t i = 0; o->names[i] != NULL; i++)
		buf_printf(&b, "%s%s", i > 0 ? "|" : "", o->names[i]);
	return buf_take(&b);
}

char *
conf_type_name(const struct conf_option *o)
{
	switch (o->type) {
	case CONF_STRING:
	case CONF_TEXT:
		return xstrdup("string");
	case CONF_BOOL:
		return xstrdup("true|false");
	case CONF_INT:
		return xstrdup("integer");
	case CONF_FLOAT:
		return xstrdup("number");
	case CONF_SIZE:
		return xstrdup("size");
	case CONF_TIME:
		return xstrdup("time");
	case CONF_RATE:
		return xstrdup("rate");
	case CONF_ENUM:
		return walk_enum_name(o);
	case CONF_STRINGS:
		return xstrdup("list of strings");
	case CONF_TABLE:
		return xstrdup("section");
	case CONF_LIST:
		return xstrdup("list of sections");
	case CONF_MAP:
		return xstrdup("names, each with a list");
	case CONF_PAIRS:
		return xstrdup("names, each with a string");
	case CONF_NAMED:
		return xstrdup("names, each with a section");
	}
	return NULL;
}

char *
conf_range_name(const struct conf_option *o)
{
	struct arena arena;
	char *name;

	if (o->min == 0 && o->max == 0)
		return NULL;
	arena_init(&arena);
	name = xasprintf("%s to %s", conf_number_text(o->type, o->min, &arena),
			 conf_number_text(o->type, o->max, &arena));
	arena_done(&arena);
	return name;
}
