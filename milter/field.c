#include "milter/field.h"

#include <string.h>

#include "mail/header.h"

/* Of 980 that libmilter takes. */
#define REPLY_MAX 900

char *
milter_value(const char *value, size_t len, bool raw, struct arena *arena)
{
	char *text, *to;

	if (!raw && len > 0 && value[0] == ' ') {
		value++;
		len--;
	}
	text = to = arena_alloc(arena, len + 1);
	for (size_t i = 0; i < len; i++)
		if (value[i] != '\r' || i + 1 == len || value[i + 1] != '\n')
			*to++ = value[i];
	return text;
}

bool
milter_next_field(const char *fields, size_t len, size_t *at, bool raw,
		  struct arena *arena, char **ret_name, char **ret_value)
{
	struct header_field f;

	if (header_next(fields + *at, len - *at, &f) == 0)
		return false;
	*at += f.raw_len;
	*ret_name = arena_strndup(arena, f.name, f.name_len);
	*ret_value = milter_value(f.value, f.value_len, raw, arena);
	return true;
}

char *
milter_reply_text(const struct reply *r, struct arena *arena)
{
	char *text = arena_alloc(arena, REPLY_MAX + 3), *to = text;

	for (const char *s = r->text; *s != '\0' && to - text < REPLY_MAX;
	     s++) {
		*to++ = *s == '\n' || *s == '\r' ? ' ' : *s;
		if (*s == '%')
			*to++ = '%';
	}
	return text;
}
