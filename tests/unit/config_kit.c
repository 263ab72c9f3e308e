#include "tests/unit/config_kit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "tests/unit/test.h"

char *
config_complaints(const char *text)
{
	struct conf_errors e;
	struct config *c = NULL;
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);
	int r;

	conf_errors_init(&e);
	r = config_load_text("t", text, strlen(text), &c, &e);
	assert_int_equal(r, e.total > 0 ? -EINVAL : 0);
	assert_int_equal(c != NULL, r == 0);
	conf_errors_print(&e, f);
	fclose(f);
	config_unref(&c);
	conf_errors_done(&e);
	return out;
}
