/*
 * opendkim_settings - an opendkim.conf as names and values, and the data sets
 * that values name (opendkim.conf(5), opendkim(8)).
 *
 *	file    = *( name 1*blank value [ comment ] / comment / blank )
 *	dataset = [ "csl:" ] item *( "," item ) / [ "file:" ] path /
 *	          "refile:" path
 *
 * A "#" begins a comment anywhere. Names have no letter case. What is written
 * later counts. Include is followed. All of it lives as long as the settings.
 */
#ifndef CLI_OPENDKIM_SETTINGS_H
#define CLI_OPENDKIM_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "cli/postfix_map.h"

#define OPENDKIM_SETTINGS_MAX 500
#define OPENDKIM_ENTRIES_MAX  10000

struct opendkim_setting {
	const char *name, *value;
	bool known; /* whoever reads it says so */
};

struct opendkim_settings {
	struct arena arena;
	postfix_read_fn *read;
	void *read_arg;
	size_t n;
	struct opendkim_setting *v; /* of ARENA */
	/* Of a mistake: where, and what. */
	const char *path;
	size_t line;
	const char *why;
};

/* TEXT is that of PATH. 0, or -EINVAL with PATH, LINE and WHY in S, which is to
 * be freed in either case. READ gets what the settings name. */
int opendkim_settings_parse(const char *path, const char *text, size_t len,
			    postfix_read_fn *read, void *read_arg,
			    struct opendkim_settings *s);
void opendkim_settings_done(struct opendkim_settings *s);
/* NULL: it is not set. */
const char *opendkim_get(const struct opendkim_settings *s, const char *name);
/* yes, true, on, 1 */
bool opendkim_is_yes(const char *value);

struct opendkim_entry {
	const char *key, *value; /* VALUE is "" where there is none */
	size_t line;             /* of the file; 0: none */
};

struct opendkim_dataset {
	bool patterns; /* a refile: the keys have stars, their order counts */
	const char *path; /* NULL: it stands in the setting */
	const char *why;  /* it can't be read; NULL: it can */
	size_t n;
	struct opendkim_entry *v;
};

void opendkim_dataset(struct opendkim_settings *s, const char *value,
		      struct opendkim_dataset *ret);

#endif
