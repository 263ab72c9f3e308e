#include "base/run_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a word ----------------------------------------------------------------- */

enum rl_kind { RL_END, RL_LITERAL, RL_ANY };

/* What stands at *AT, which moves behind it. A brace that nothing closes is one
 * of itself. */
static enum rl_kind
rl_next(const char **at, const char *end, char *ret_literal)
{
	const char *close;

	if (*at == end)
		return RL_END;
	*ret_literal = **at;
	if (**at == '{' && end - *at > 1 && (*at)[1] == '{') {
		*at += 2;
		return RL_LITERAL;
	}
	close = **at == '{' ? memchr(*at, '}', (size_t)(end - *at)) : NULL;
	*at = close != NULL ? close + 1 : *at + 1;
	return close != NULL ? RL_ANY : RL_LITERAL;
}

/* Where it fails behind a `{name}`, that takes one more character. */
static bool
rl_word_has(const char *at, const char *end, const char *arg, bool options)
{
	const char *any_at = NULL, *any_arg = NULL, *was = at;
	enum rl_kind kind;
	char literal;

	if (options && rl_next(&was, end, &literal) == RL_ANY && arg[0] == '-')
		return false;
	for (;;) {
		was = at;
		kind = rl_next(&at, end, &literal);
		if (kind == RL_ANY) {
			any_at = at;
			any_arg = arg;
			continue;
		}
		if (kind == RL_END && arg[0] == '\0')
			return true;
		if (kind == RL_LITERAL && arg[0] == literal) {
			arg++;
			continue;
		}
		if (any_at == NULL || any_arg[0] == '\0')
			return false;
		at = any_at;
		arg = ++any_arg;
	}
}

/* --- a line ------------------------------------------------------------------- */

/* False at the end of the line, or where a quote is not closed. */
static bool
rl_next_word(const char **at, const char **ret_word, const char **ret_end)
{
	*at += strspn(*at, " \t\r\n");
	if (**at == '\0' || **at == '#')
		return false;
	if (**at == '"') {
		*ret_word = *at + 1;
		*ret_end = strchr(*ret_word, '"');
		if (*ret_end == NULL)
			return false;
		*at = *ret_end + 1;
		return true;
	}
	*ret_word = *at;
	*at += strcspn(*at, " \t\r\n\"#");
	*ret_end = *at;
	return true;
}

bool
run_line_has(const char *line, const char *const *argv)
{
	const char *word, *end;
	bool options = true;
	size_t n = 0;

	while (rl_next_word(&line, &word, &end)) {
		if (argv[n] == NULL)
			return false;
		if (n == 0 ? strlen(argv[0]) != (size_t)(end - word) ||
				     memcmp(argv[0], word, strlen(argv[0])) != 0
			   : !rl_word_has(word, end, argv[n], options))
			return false;
		if (end - word == 2 && memcmp(word, "--", 2) == 0)
			options = false;
		n++;
	}
	/* What is left of the line is a comment, or not understood. */
	return n > 0 && argv[n] == NULL && argv[0][0] == '/' &&
	       (line[0] == '\0' || line[0] == '#');
}

/* --- the file ------------------------------------------------------------------- */

static int
rl_check(FILE *file)
{
	struct stat st;

	if (fstat(fileno(file), &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return -EPERM;
	return 0;
}

int
run_list_has(const char *path, const char *const *argv)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int r;

	if (file == NULL)
		return -errno;
	r = rl_check(file);
	while (r == 0 && (len = getline(&line, &size, file)) > 0)
		r = memchr(line, '\0', (size_t)len) == NULL &&
		    run_line_has(line, argv);
	if (r == 0 && ferror(file))
		r = -EIO;
	free(line);
	fclose(file);
	return r;
}
