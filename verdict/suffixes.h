/*
 * suffixes - the public suffix list (libpsl), for DMARC's method psl.
 *
 * Read once and never changed: threads may share it.
 */
#ifndef VERDICT_SUFFIXES_H
#define VERDICT_SUFFIXES_H

#include "base/arena.h"

struct suffixes;

/* The newer one of the system's list and libpsl's own. 0, or -ENOENT: there is
 * neither. */
int suffixes_open(struct suffixes **ret);
void suffixes_close(struct suffixes **suffixes);

/* The organisational domain of a canonical NAME: one label more than the public
 * suffix; NAME itself when it is one, or when the list does not know it. Points
 * into NAME. */
const char *suffixes_organisation(const struct suffixes *suffixes,
				  const char *name);

#endif
