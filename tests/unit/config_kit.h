/*
 * config_kit - what is said of a configuration that stands in a test.
 */
#ifndef TESTS_UNIT_CONFIG_KIT_H
#define TESTS_UNIT_CONFIG_KIT_H

/* What config_load_text() says of TEXT, a line each; "" is fine. The caller
 * frees it. */
char *config_complaints(const char *text);

#endif
