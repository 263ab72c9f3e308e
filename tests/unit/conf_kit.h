/*
 * conf_kit - what is wrong in a configuration, as people read it.
 */
#ifndef TESTS_UNIT_CONF_KIT_H
#define TESTS_UNIT_CONF_KIT_H

#include "base/conf.h"

/* A line for each of E; the caller's. */
char *conf_kit_says(const struct conf_errors *e);

#endif
