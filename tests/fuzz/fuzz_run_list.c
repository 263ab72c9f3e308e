/*
 * A line of a list, and arguments that somebody asks for: never more than the
 * line has.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/run_list.h"
#include "base/xalloc.h"

#define ARGS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The line, then arguments, each behind a NUL. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = xmalloc(size + 1), *at;
	const char *argv[ARGS_MAX + 1] = {NULL};
	size_t n = 0;

	memcpy(copy, data, size);
	copy[size] = '\0';
	for (at = copy + strlen(copy); at < copy + size && n < ARGS_MAX;
	     at += strlen(at))
		argv[n++] = ++at;
	if (n > 0 && run_line_has(copy, argv))
		must(argv[0][0] == '/' && strstr(copy, argv[0]) != NULL);
	free(copy);
	return 0;
}
