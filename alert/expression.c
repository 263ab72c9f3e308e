#include "alert/expression.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"

/* What one look may cost; far more than any sensible expression needs. */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 10000
#define HEAP_KIB    8192
/* ... of somebody who only asks: about 0.1 ms. */
#define ASKED_MATCH_LIMIT 10000

struct expression {
	pcre2_code *code;            /* owned */
	pcre2_match_context *limits; /* owned */
};

static int
ex_compile(struct expression *e, const char *text, uint32_t options,
	   char **ret_why)
{
	PCRE2_UCHAR words[128];
	PCRE2_SIZE at;
	int code;

	e->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
				options, &code, &at, NULL);
	if (e->code != NULL)
		return 0;
	pcre2_get_error_message(code, words, sizeof(words));
	*ret_why = xasprintf("the regular expression is wrong: %s",
			     (const char *)words);
	return -EINVAL;
}

static void
ex_limit(struct expression *e)
{
	e->limits = pcre2_match_context_create(NULL);
	must(e->limits != NULL);
	pcre2_set_match_limit(e->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(e->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(e->limits, HEAP_KIB);
}

int
expression_new(const char *text, unsigned flags, struct expression **ret,
	       char **ret_why)
{
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
			   PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
	bool whole = (flags & EXPRESSION_WHOLE) != 0;
	struct expression *e;
	char *wrapped;
	int r;

	if (strlen(text) > EXPRESSION_MAX) {
		*ret_why = xasprintf("the regular expression is longer than "
				     "%d bytes",
				     EXPRESSION_MAX);
		return -EINVAL;
	}
	if ((flags & EXPRESSION_CASELESS) != 0)
		options |= PCRE2_CASELESS;
	e = xcalloc(1, sizeof(*e));
	wrapped = xasprintf(whole ? "^(?:%s)$" : "%s", text);
	r = ex_compile(e, wrapped, options, ret_why);
	free(wrapped);
	if (r < 0) {
		expression_free(&e);
		return r;
	}
	/* Refused where no memory may be both written and run: belfryd's
	 * filter of system calls is such a place. */
	pcre2_jit_compile(e->code, PCRE2_JIT_COMPLETE);
	ex_limit(e);
	*ret = e;
	return 0;
}

void
expression_is_asked(struct expression *e)
{
	pcre2_set_match_limit(e->limits, ASKED_MATCH_LIMIT);
}

size_t
expression_size(const struct expression *e)
{
	size_t size = 0;

	must(pcre2_pattern_info(e->code, PCRE2_INFO_SIZE, &size) == 0);
	return size;
}

void
expression_free(struct expression **e)
{
	if (e == NULL || *e == NULL)
		return;
	pcre2_code_free((*e)->code);
	pcre2_match_context_free((*e)->limits);
	free(*e);
	*e = NULL;
}

static void
ex_groups(pcre2_match_data *data, size_t n, struct expression_groups *ret)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);

	for (size_t i = 0; i < EXPRESSION_GROUPS; i++) {
		bool there = i < n && at[2 * i] != PCRE2_UNSET;

		ret->v[i].start = there ? (ptrdiff_t)at[2 * i] : -1;
		ret->v[i].end = there ? (ptrdiff_t)at[2 * i + 1] : -1;
	}
}

enum expression_result
expression_match(const struct expression *e, const char *subject, size_t len,
		 struct expression_groups *ret_groups)
{
	pcre2_match_data *data =
		pcre2_match_data_create(EXPRESSION_GROUPS, NULL);
	enum expression_result result = EXPRESSION_LIMIT;
	int r;

	must(data != NULL);
	r = pcre2_match(e->code, (PCRE2_SPTR)subject, len, 0, 0, data,
			e->limits);
	/* The compiled form has little stack; the interpreter takes the heap. */
	if (r == PCRE2_ERROR_JIT_STACKLIMIT)
		r = pcre2_match(e->code, (PCRE2_SPTR)subject, len, 0,
				PCRE2_NO_JIT, data, e->limits);
	if (r >= 0) {
		result = EXPRESSION_YES;
		if (ret_groups != NULL)
			ex_groups(data, r == 0 ? EXPRESSION_GROUPS : (size_t)r,
				  ret_groups);
	} else if (r == PCRE2_ERROR_NOMATCH) {
		result = EXPRESSION_NO;
	}
	pcre2_match_data_free(data);
	return result;
}
