/*
 * postfix_settings - what `postconf -n` prints, or a main.cf, as names and
 * values.
 *
 *	file    = *( comment / blank / setting )
 *	setting = name "=" value *( newline blank value )
 *
 * In a value $name, ${name}, $(name) are other settings, ${name?text} is TEXT if
 * NAME is set and ${name:text} if it is not. Strings live as long as the
 * settings.
 */
#ifndef CLI_POSTFIX_SETTINGS_H
#define CLI_POSTFIX_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define POSTFIX_SETTINGS_MAX 2000
#define POSTFIX_VALUE_MAX    ((size_t)64 * 1024) /* once it is expanded */

struct postfix_setting {
	const char *name, *value; /* as written */
	bool seen;                /* somebody asked for it */
};

struct postfix_settings {
	struct arena arena;
	size_t n;
	struct postfix_setting *v; /* of ARENA */
};

/* 0; -EINVAL: a line is no setting, and *RET_LINE is its number; -E2BIG: too
 * many. S is to be freed in either case. */
int postfix_settings_parse(const char *text, size_t len,
			   struct postfix_settings *s, size_t *ret_line);
void postfix_settings_done(struct postfix_settings *s);

/* What NAME is set to, expanded; NULL: nothing. */
const char *postfix_get(struct postfix_settings *s, const char *name);
/* TEXT, expanded; what is too long or leads to itself ends there. */
const char *postfix_expand(struct postfix_settings *s, const char *text);

/* The words of a list: between blanks and commas, those in {} are one. */
struct postfix_list {
	size_t n;
	const char **v;
};
struct postfix_list postfix_list(struct arena *a, const char *text);

#endif
