#include "alert/intake_text.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"

const char *
intake_url(struct arena *a, const char *s, size_t max)
{
	const char *host = NULL;

	if (s != NULL && strncasecmp(s, "http://", 7) == 0)
		host = s + 7;
	else if (s != NULL && strncasecmp(s, "https://", 8) == 0)
		host = s + 8;
	if (host == NULL || *host == '\0' || *host == '/' || strlen(s) > max ||
	    !utf8_is_valid(s))
		return "";
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '<' ||
		    *p == '>' || *p == '"')
			return "";
	return arena_strdup(a, s);
}

static bool
name_may(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

const char *
intake_name(struct arena *a, const char *s, size_t max)
{
	size_t len = strnlen(s, max);
	char *name;

	if (len == 0)
		return "_";
	if (len < max && *s >= '0' && *s <= '9')
		name = arena_printf(a, "_%.*s", (int)len, s);
	else
		name = arena_strndup(a, s, len);
	for (char *p = name; *p != '\0'; p++)
		if (!name_may(*p, p == name))
			*p = '_';
	return name;
}
