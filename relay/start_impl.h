/*
 * start_impl - what the parts of start share; nobody else includes it.
 */
#ifndef RELAY_START_IMPL_H
#define RELAY_START_IMPL_H

#include "relay/relay.h"

/* start_root.c: a step of the start, up to the identity that stays. */
int start_as_root(struct relay *r);

/* start_dirs.c: for `user`, by whoever starts us. 0 or the exit code. */
int start_make_dirs(const struct config *config);

#endif
