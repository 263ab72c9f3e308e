/*
 * intake_text - names and addresses that a source sent, so that they may stand
 * where they belong. What is only text: base/clean.h.
 */
#ifndef ALERT_INTAKE_TEXT_H
#define ALERT_INTAKE_TEXT_H

#include <stddef.h>

#include "base/arena.h"

/* "http://" or "https://", a host, and no blank, control character, quote or angle
 * bracket, at most MAX; else "". */
const char *intake_url(struct arena *a, const char *s, size_t max);
/* A label's name: what may not stand in it is "_", and a digit is not its
 * first. */
const char *intake_name(struct arena *a, const char *s, size_t max);

#endif
