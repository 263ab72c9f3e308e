/*
 * expression - a regular expression over words of others, which may not cost
 * more than it is worth.
 *
 * PCRE2 on UTF-8; `.` is no newline, `$` the end only. Compiled for the
 * processor where the process may make memory executable, else interpreted.
 * Immutable; from any thread.
 */
#ifndef ALERT_EXPRESSION_H
#define ALERT_EXPRESSION_H

#include <stddef.h>

#define EXPRESSION_MAX    4096 /* bytes of its text */
#define EXPRESSION_GROUPS 10   /* $0 to $9 */

struct expression;

enum expression_flag {
	EXPRESSION_WHOLE = 1,    /* all of the subject: ^(?:...)$ */
	EXPRESSION_CASELESS = 2, /* letter case does not matter */
};

enum expression_result {
	EXPRESSION_NO,
	EXPRESSION_YES,
	EXPRESSION_LIMIT, /* it took too much to know */
};

/* Where the groups lie in the subject; -1: not part of the match. */
struct expression_groups {
	struct {
		ptrdiff_t start, end;
	} v[EXPRESSION_GROUPS];
};

/* FLAGS are enum expression_flag. 0, or -EINVAL with a reason that the caller
 * frees. */
int expression_new(const char *text, unsigned flags, struct expression **ret,
		   char **ret_why);
/* It is not the configuration's, but a question's, and is looked at for every
 * alert: it may cost a tenth. Before others have it. */
void expression_is_asked(struct expression *e);
/* What it takes of memory; it may be far more than its text. */
size_t expression_size(const struct expression *e);
/* NULL is fine, and is left. */
void expression_free(struct expression **e);
/* RET_GROUPS is set at EXPRESSION_YES; NULL: nobody asks. */
enum expression_result expression_match(const struct expression *e,
					const char *subject, size_t len,
					struct expression_groups *ret_groups);

#endif
