/*
 * mustache - texts with names in them, and no logic: a subset of mustache.
 *
 *	{{x}}            the value, escaped for where it goes
 *	{{{x}}} {{&x}}   the value as it is
 *	{{a.b}}          a field of an object
 *	{{.}}            the value that a section stands on
 *	{{#x}}...{{/x}}  once for each item of a list; once where x is true, a
 *	                 text that is not empty or an object that is not empty;
 *	                 names inside are looked for in x first, then around it
 *	{{^x}}...{{/x}}  where {{#x}} would say nothing
 *	{{-first}} {{-last}}  within a list: true at its first and last item
 *	{{! ... }}       says nothing
 *
 * A line that holds nothing but a section's tag or a comment leaves with it.
 * What is not there is empty. Partials, other delimiters and lambdas are errors
 * of the template.
 *
 * In a value line ends become blanks, but for those of MUSTACHE_LINES; so do
 * control characters but for the tab; and what turns the direction of the rest
 * (utf8_is_turn()) goes. So nobody's words begin a line that the template does
 * not begin with them.
 *
 * A template is compiled once and immutable: many threads may render it. What
 * comes out is UTF-8 whatever the values hold: octets that are none become
 * U+FFFD.
 */
#ifndef ALERT_MUSTACHE_H
#define ALERT_MUSTACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define MUSTACHE_TEXT_MAX  (64 * 1024)
#define MUSTACHE_DEPTH_MAX 16
#define MUSTACHE_NAME_MAX  128
/* Tags and texts that one rendering passes through, at most. */
#define MUSTACHE_STEPS_MAX 1000000

enum mustache_escape {
	MUSTACHE_PLAIN, /* text */
	MUSTACHE_LINE,  /* one line, without tabs */
	MUSTACHE_HTML,  /* & < > " ' too */
	MUSTACHE_JSON,  /* within a string of JSON */
	MUSTACHE_SLACK, /* ... whose & < > Slack would read */
	MUSTACHE_URL,   /* all but RFC 3986's unreserved characters as %XX */
	MUSTACHE_NESCAPE,
};

enum mustache_kind {
	MUSTACHE_FALSE,
	MUSTACHE_TRUE,  /* says nothing by itself */
	MUSTACHE_TEXT,  /* TEXT: one line, whatever stands in it */
	MUSTACHE_LINES, /* TEXT whose line ends stay, where there may be some */
	MUSTACHE_LIST,  /* N ITEMS */
	MUSTACHE_OBJECT, /* N FIELDS */
};

/* All borrowed. A zeroed one is false. */
struct mustache_value {
	enum mustache_kind kind;
	size_t n;
	union {
		const char *text;
		const struct mustache_value *items;
		const struct mustache_field *fields;
	};
};

struct mustache_field {
	const char *name;
	struct mustache_value value;
};

struct mustache_error {
	int line; /* from 1 */
	char why[200];
};

struct mustache;

/* Compile LEN bytes. 0, or -EINVAL with *RET_ERROR. */
int mustache_new(const char *text, size_t len, struct mustache **ret,
		 struct mustache_error *ret_error);
void mustache_free(struct mustache **m);

/* Every name that M asks for, with its line, as it stands there. False ends. */
typedef bool mustache_name_fn(void *arg, const char *name, int line);
void mustache_each_name(const struct mustache *m, mustache_name_fn *fn,
			void *arg);
/* Does it ask for NAME or a field of it? */
bool mustache_uses(const struct mustache *m, const char *name);
/* How many bytes of its own text stand before the first tag. */
size_t mustache_fixed_len(const struct mustache *m);

/* Append to OUT. 0; -EMSGSIZE: OUT's ceiling; -E2BIG: more than
 * MUSTACHE_STEPS_MAX. OUT holds rubbish then. */
int mustache_render(const struct mustache *m, const struct mustache_value *root,
		    enum mustache_escape escape, struct buf *out);

/* Append TEXT as a value of one line would be. 0 or -EMSGSIZE. */
int mustache_write(const char *text, enum mustache_escape escape,
		   struct buf *out);
/* ... of MUSTACHE_LINES. */
int mustache_write_lines(const char *text, enum mustache_escape escape,
			 struct buf *out);

#endif
