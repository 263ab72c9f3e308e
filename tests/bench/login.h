/*
 * login - SCRAM-SHA-256 (RFC 7677) for the benchmark's client. The salted
 * password is computed once for all threads, as RFC 5802 lets a client do: with
 * it a login costs the client next to nothing.
 */
#ifndef TESTS_BENCH_LOGIN_H
#define TESTS_BENCH_LOGIN_H

#include "wire.h"

/* Ends the program when the server does not take it. Not before the first one
 * has returned may there be two at a time. */
void login_scram(struct wire *w, const char *user, const char *password);

#endif
