#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

void
must_failed(const char *cond, const char *file, int line)
{
	fprintf(stderr, "%s:%d: must(%s) failed\n", file, line, cond);
	abort();
}
