/*
 * dkim_tags - a list of tags, as signatures, keys and policies have it
 * (RFC 6376, 3.2): "name = value; name = value".
 */
#ifndef VERDICT_DKIM_TAGS_H
#define VERDICT_DKIM_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define DKIM_TAGS_MAX 64

struct dkim_tag {
	const char *name;
	const char *value; /* without the white space around it and, folded,
			    * within it only blanks */
};

struct dkim_tags {
	size_t n;
	struct dkim_tag v[DKIM_TAGS_MAX];
};

/* Names and values in ARENA. 0, or -EINVAL with a reason in *RET_WHY: anything
 * but printable ASCII and folded white space, a tag without a name or `=`, a name
 * twice, or too many. *RET has those before the mistake. */
int dkim_tags_parse(const char *text, size_t len, struct arena *arena,
		    struct dkim_tags *ret, const char **ret_why);
/* NULL: not there. Names are compared with regard to case. */
const char *dkim_tags_find(const struct dkim_tags *tags, const char *name);
/* VALUE without any white space; in ARENA. */
const char *dkim_tag_collapse(const char *value, struct arena *arena);
/* Is WORD in LIST, whose words have colons between them? */
bool dkim_tag_has_word(const char *list, const char *word);

#endif
