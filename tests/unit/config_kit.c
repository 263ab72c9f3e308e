#include "tests/unit/config_kit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

void
config_check_rows(const struct config_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *says = config_complaints(rows[i].text);

		if (strcmp(says, rows[i].says) != 0)
			fail_msg("%s:\n%s", rows[i].name, says);
		free(says);
	}
}
