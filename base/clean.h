/*
 * clean - what somebody else wrote, as text that may stand anywhere: UTF-8,
 * without control characters, no longer than it may be.
 *
 * Octets that are no UTF-8 become U+FFFD, control characters blanks; what turns
 * the direction of the rest (utf8_is_turn()) goes. What is too long is cut at a
 * character and ends in "...".
 */
#ifndef BASE_CLEAN_H
#define BASE_CLEAN_H

#include <stddef.h>

#include "base/arena.h"

/* One line, runs of blanks as one, none at its ends. MAX is at least 4. In A. */
const char *clean_line(struct arena *a, const char *s, size_t len, size_t max);
/* Lines stay, with "\n" between, and tabs; blanks and empty lines at the ends
 * go. */
const char *clean_text(struct arena *a, const char *s, size_t len, size_t max);

#endif
