/*
 * config_kit - what is said of a configuration that stands in a test.
 */
#ifndef TESTS_UNIT_CONFIG_KIT_H
#define TESTS_UNIT_CONFIG_KIT_H

#include <stddef.h>

/* What config_load_text() says of TEXT, a line each; "" is fine. The caller
 * frees it. */
char *config_complaints(const char *text);

struct config_row {
	const char *name, *text, *says;
};

/* Of each TEXT it says what the row says. */
void config_check_rows(const struct config_row *rows, size_t n);

#endif
