/*
 * start_impl - what the parts of start share; nobody else includes it.
 */
#ifndef RELAY_START_IMPL_H
#define RELAY_START_IMPL_H

#include "relay/relay.h"

/* Say why belfryd can't start, before there is a log; EXIT_CODE. */
int start_failed(int exit_code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* start_root.c: a step of the start, up to the identity that stays. */
int start_as_root(struct relay *r);

/* start_dirs.c: for `user`, by whoever starts us. 0 or the exit code. */
int start_make_dirs(const struct config *config);

#endif
