/*
 *	value    = *( "$${" | variable | other )
 *	variable = "${" NAME [ ":-" default ] "}"
 *
 * As in a shell, the default also stands in for a variable that is empty.
 */
#include "base/conf_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static bool
env_name_ok(const char *name)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz_";
	static const char more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz_0123456789";

	return name[0] != '\0' && strchr(first, name[0]) != NULL &&
	       name[strspn(name, more)] == '\0';
}

/* What stands for INNER, the text between the braces; NULL after reporting. */
static const char *
env_value(char *inner, const struct conf_mark *mark, struct conf_errors *e)
{
	char *dflt = strstr(inner, ":-");
	const char *value;

	if (dflt != NULL) {
		*dflt = '\0';
		dflt += 2;
	}
	if (!env_name_ok(inner)) {
		conf_error(e, mark,
			   "`${%s}` is no name of a variable; a literal `${` "
			   "is written `$${`",
			   inner);
		return NULL;
	}
	value = getenv(inner);
	if (dflt != NULL && (value == NULL || value[0] == '\0'))
		return dflt;
	if (value == NULL)
		conf_error(e, mark,
			   "the environment variable %s is not set; set it, or "
			   "write `${%s:-default}`",
			   inner, inner);
	return value;
}

/* The variable at S ("${..."): put in; where it ends, or NULL. */
static const char *
env_variable(const char *s, const struct conf_mark *mark, struct arena *arena,
	     struct conf_errors *e, struct buf *out)
{
	const char *end = strchr(s, '}'), *value;

	if (end == NULL) {
		conf_error(e, mark,
			   "`${` without `}`; a literal `${` is written `$${`");
		return NULL;
	}
	value = env_value(arena_strndup(arena, s + 2, (size_t)(end - s - 2)),
			  mark, e);
	if (value == NULL)
		return NULL;
	if (buf_append_str(out, value) < 0) {
		conf_error(e, mark, "the value is longer than %d bytes",
			   CONF_VALUE_MAX);
		return NULL;
	}
	return end + 1;
}

static bool
env_expand(const char *s, const struct conf_mark *mark, struct arena *arena,
	   struct conf_errors *e, struct buf *out)
{
	while (*s != '\0') {
		size_t n = strcspn(s + 1, "$") + 1;

		if (strncmp(s, "${", 2) == 0) {
			s = env_variable(s, mark, arena, e, out);
			if (s == NULL)
				return false;
			continue;
		}
		if (strncmp(s, "$${", 3) == 0) {
			s++; /* one dollar less */
			n = 2;
		}
		if (buf_append(out, s, n) < 0) {
			conf_error(e, mark, "the value is longer than %d bytes",
				   CONF_VALUE_MAX);
			return false;
		}
		s += n;
	}
	return true;
}

const char *
conf_env_expand(const char *text, const struct conf_mark *mark,
		struct arena *arena, struct conf_errors *e)
{
	const char *value = NULL;
	struct buf out;

	buf_init(&out, CONF_VALUE_MAX);
	if (env_expand(text, mark, arena, e, &out))
		value = arena_strndup(arena, buf_str(&out), out.len);
	buf_done(&out);
	return value;
}
