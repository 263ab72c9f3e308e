#include "config/config_impl.h"

#include <string.h>
#include <strings.h>

static bool
dc_is_domain(const char *text)
{
	return text[0] != '[' && address_is_domain(text, strlen(text)) &&
	       text[strspn(text, "0123456789.")] != '\0';
}

bool
config_check_domains(void *field, const struct conf_mark *mark,
		     struct conf_errors *errors)
{
	const struct conf_strings *s = field;

	(void)mark;
	for (size_t i = 0; i < s->n; i++) {
		if (dc_is_domain(s->v[i]) &&
		    strcasecmp(s->v[i], "localhost") != 0)
			continue;
		conf_error(errors, &s->marks[i],
			   "`domains` lists names like example.org, each of "
			   "them written out, not `%s`",
			   s->v[i]);
		return false;
	}
	return true;
}

bool
config_check_origin(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors)
{
	const char *origin = *(char **)field;

	if (origin[0] == '\0' || dc_is_domain(origin))
		return true;
	conf_error(errors, mark,
		   "`origin` is a domain like example.org, not "
		   "`%s`",
		   origin);
	return false;
}

bool
config_check_postmaster(void *field, const struct conf_mark *mark,
			struct conf_errors *errors)
{
	const char *text = *(char **)field, *why = NULL;
	struct address a = {0};
	struct arena arena;
	bool ok = true;

	arena_init(&arena);
	if (text[0] != '\0' && (address_parse(text, &arena, &a, &why) < 0 ||
				a.domain[0] == '\0')) {
		conf_error(errors, mark,
			   "`postmaster` is an address like anna@example.org, "
			   "not `%s`",
			   text);
		ok = false;
	}
	arena_done(&arena);
	return ok;
}

bool
config_check_delimiter(void *field, const struct conf_mark *mark,
		       struct conf_errors *errors)
{
	const char *text = *(char **)field;

	if (text[0] == '\0' ||
	    (text[1] == '\0' && strchr("#$&*+-=?^_|~", text[0]) != NULL))
		return true;
	conf_error(errors, mark,
		   "`recipient_delimiter` is one character, like \"+\" or "
		   "\"-\", or empty; not `%s`",
		   text);
	return false;
}
