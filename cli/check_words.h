/*
 * check_words - what `belfry check` looks at of the words in which people are
 * told of alerts, in templates and URLs; an import looks at its own, too.
 */
#ifndef CLI_CHECK_WORDS_H
#define CLI_CHECK_WORDS_H

#include "config/config.h"

/* C was taken by config_load(). A finding is an error. */
void check_words(const struct config *c, struct conf_errors *e);

#endif
