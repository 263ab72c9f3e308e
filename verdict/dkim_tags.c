#include "verdict/dkim_tags.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define SPACE " \t\r\n"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_name(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (!first && ((c >= '0' && c <= '9') || c == '_'));
}

static int
tags_fail(const char *why, const char **ret_why)
{
	*ret_why = why;
	return -EINVAL;
}

/* One tag, all of LEN. */
static int
tag_parse(const char *text, size_t len, struct arena *arena,
	  struct dkim_tag *ret, const char **ret_why)
{
	size_t name = 0, at;

	while (name < len && is_name(text[name], name == 0))
		name++;
	at = name;
	while (at < len && is_space(text[at]))
		at++;
	if (name == 0 || at == len || text[at] != '=')
		return tags_fail("a tag is a name, = and a value", ret_why);
	at++;
	while (at < len && is_space(text[at]))
		at++;
	ret->name = arena_strndup(arena, text, name);
	ret->value = arena_strndup(arena, text + at, len - at);
	return 0;
}

/* libopendkim takes names in any case. */
static bool
tags_have(const struct dkim_tags *tags, const char *name)
{
	for (size_t i = 0; i < tags->n; i++)
		if (strcasecmp(tags->v[i].name, name) == 0)
			return true;
	return false;
}

static int
tags_add(struct dkim_tags *tags, const char *text, size_t len,
	 struct arena *arena, const char **ret_why)
{
	struct dkim_tag tag;
	int r;

	if (tags->n == DKIM_TAGS_MAX)
		return tags_fail("there are more than 64 tags", ret_why);
	r = tag_parse(text, len, arena, &tag, ret_why);
	if (r < 0)
		return r;
	if (tags_have(tags, tag.name))
		return tags_fail("a tag is there twice", ret_why);
	tags->v[tags->n++] = tag;
	return 0;
}

int
dkim_tags_parse(const char *text, size_t len, struct arena *arena,
		struct dkim_tags *ret, const char **ret_why)
{
	const char *end = text + len;
	int r = 0;

	ret->n = 0;
	for (size_t i = 0; i < len; i++)
		if (!is_space(text[i]) && (text[i] < '!' || text[i] > '~'))
			return tags_fail("something in it is not ASCII that "
					 "can be printed",
					 ret_why);
	while (r == 0 && text < end) {
		const char *stop = memchr(text, ';', (size_t)(end - text));
		const char *last;

		if (stop == NULL)
			stop = end;
		for (; text < stop && is_space(*text); text++)
			;
		for (last = stop; last > text && is_space(last[-1]); last--)
			;
		if (last > text || stop < end)
			r = tags_add(ret, text, (size_t)(last - text), arena,
				     ret_why);
		text = stop + 1;
	}
	return r;
}

const char *
dkim_tags_find(const struct dkim_tags *tags, const char *name)
{
	for (size_t i = 0; i < tags->n; i++)
		if (strcmp(tags->v[i].name, name) == 0)
			return tags->v[i].value;
	return NULL;
}

const char *
dkim_tag_collapse(const char *value, struct arena *arena)
{
	char *text = arena_strdup(arena, value), *to = text;

	for (; *value != '\0'; value++)
		if (!is_space(*value))
			*to++ = *value;
	*to = '\0';
	return text;
}

bool
dkim_tag_has_word(const char *list, const char *word)
{
	size_t want = strlen(word);

	while (*list != '\0') {
		size_t len;

		list += strspn(list, SPACE ":");
		len = strcspn(list, SPACE ":");
		if (len == want && memcmp(list, word, len) == 0)
			return true;
		list += len;
	}
	return false;
}
