#include "tests/unit/conf_kit.h"

#include <stdio.h>

#include "base/must.h"

char *
conf_kit_says(const struct conf_errors *e)
{
	char *says = NULL;
	size_t len;
	FILE *to = open_memstream(&says, &len);

	must(to != NULL);
	conf_errors_print(e, to);
	fclose(to);
	return says;
}
