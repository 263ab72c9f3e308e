#include "base/conf_private.h"

#include <string.h>

#include "base/buf.h"
#include "base/xalloc.h"

static void
walk_table(const struct conf_table *table, const char *prefix,
	   struct arena *arena, conf_walk_fn *fn, void *arg)
{
	for (const struct conf_option *o = table->options; o->name; o++) {
		const char *path =
			arena_printf(arena, "%s%s%s", prefix,
				     prefix[0] != '\0' ? "." : "", o->name);

		fn(arg, path, o);
		if (o->type == CONF_TABLE)
			walk_table(o->table, path, arena, fn, arg);
		else if (o->type == CONF_LIST)
			walk_table(o->table, arena_printf(arena, "%s[]", path),
				   arena, fn, arg);
	}
}

void
conf_walk(const struct conf_table *table, conf_walk_fn *fn, void *arg)
{
	struct arena arena;

	arena_init(&arena);
	walk_table(table, "", &arena, fn, arg);
	arena_done(&arena);
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
