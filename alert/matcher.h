/*
 * matcher - what labels must be like: one of = != =~ !~, or a list of them.
 *
 *	matchers  ["{"] matcher *("," matcher) [","] ["}"]
 *	matcher   name op value
 *	value     quoted, or bare up to the comma; \" \\ \n
 *
 * The language of Alertmanager 0.25. A label that is not there has the value "".
 * =~ and !~ compare the whole value. Immutable; from any thread. What they
 * point to lies in the arena given, but the compiled expressions, which
 * matchers_done() frees.
 */
#ifndef ALERT_MATCHER_H
#define ALERT_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/expression.h"
#include "alert/labels.h"
#include "base/arena.h"
#include "base/pack.h"

#define MATCHERS_MAX      64 /* in one list */
#define MATCHER_VALUE_MAX EXPRESSION_MAX
/* Of all of a list: every byte of a value may take a backslash. */
#define MATCHERS_TEXT_MAX                                                      \
	(MATCHERS_MAX * (LABEL_NAME_MAX + 2 * MATCHER_VALUE_MAX + 8))

enum matcher_op {
	MATCHER_EQUAL,
	MATCHER_NOT_EQUAL,
	MATCHER_REGEX,
	MATCHER_NOT_REGEX,
};
extern const char *const matcher_op_names[]; /* "=", "!=", "=~", "!~" */

struct matcher {
	enum matcher_op op;
	const char *name; /* as a label's, and ":" */
	const char *value;
	struct expression *expression; /* owned; REGEX and NOT_REGEX */
};

struct matchers {
	size_t n;
	struct matcher *v;
};

/* One matcher. 0, or -EINVAL with a reason that the caller frees. */
int matcher_parse(const char *text, struct arena *arena, struct matcher *ret,
		  char **ret_why);
/* From its parts, which are copied. 0 or -EINVAL as above. */
int matcher_set(enum matcher_op op, const char *name, const char *value,
		struct arena *arena, struct matcher *ret, char **ret_why);
void matcher_done(struct matcher *m);
/* As it is written, quoted; in ARENA. */
const char *matcher_text(const struct matcher *m, struct arena *arena);
/* An expression that hits a limit counts as a match, either way round, and is
 * counted in *LIMITS (NULL: nobody asks): better an alert too many. */
bool matcher_match(const struct matcher *m, const struct labels *l,
		   unsigned *limits);

/* A list; "" and "{}" are an empty one. 0 or -EINVAL as above. */
int matchers_parse(const char *text, struct arena *arena, struct matchers *ret,
		   char **ret_why);
/* Every matcher matches; true for an empty list. */
bool matchers_match(const struct matchers *m, const struct labels *l,
		    unsigned *limits);
/* As expression_is_asked(). */
void matchers_are_asked(struct matchers *m);
bool matchers_equal(const struct matchers *a, const struct matchers *b);
/* Joined by ", "; in ARENA. */
const char *matchers_text(const struct matchers *m, struct arena *arena);

void matchers_pack(struct pack *p, const struct matchers *m);
/* 0; or -EBADMSG for what matchers_pack() does not write. */
int matchers_unpack(struct unpack *u, struct arena *arena,
		    struct matchers *ret);
/* What their expressions take of memory. */
size_t matchers_size(const struct matchers *m);
/* Leaves an empty list. NULL is fine. */
void matchers_done(struct matchers *m);

#endif
