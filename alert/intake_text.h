/*
 * intake_text - what a source sent, as text that may stand anywhere: UTF-8,
 * without control characters, no longer than it may be.
 *
 * Octets that are no UTF-8 become U+FFFD, control characters blanks. What is too
 * long is cut at a character and ends in "...".
 */
#ifndef ALERT_INTAKE_TEXT_H
#define ALERT_INTAKE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* One line, runs of blanks as one, none at its ends. MAX is at least 4. In A. */
const char *intake_line(struct arena *a, const char *s, size_t len, size_t max);
/* Lines stay, with "\n" between, and tabs; blanks and empty lines at the ends
 * go. */
const char *intake_text(struct arena *a, const char *s, size_t len, size_t max);
/* "http://" or "https://", a host, and no blank, control character, quote or angle
 * bracket, at most MAX; else "". */
const char *intake_url(struct arena *a, const char *s, size_t max);
/* A label's name: what may not stand in it is "_", and a digit is not its
 * first. */
const char *intake_name(struct arena *a, const char *s, size_t max);

#endif
