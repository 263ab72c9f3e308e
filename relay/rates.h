/*
 * rates - limits.rates of messages and recipients.
 *
 * One object for all loops, for an address must be counted in one place
 * whatever loop its sessions are on. From any thread; its lock is held for a
 * look into a table and never over a system call, and is not touched where no
 * rate is set.
 */
#ifndef RELAY_RATES_H
#define RELAY_RATES_H

#include "config/config.h"

/* Addresses, networks and users, each, that are remembered. */
#define RATES_MAX 16384

struct rates;

enum rates_what { RATES_MESSAGES, RATES_RECIPIENTS };

struct rates *rates_new(void);
void rates_free(struct rates **r);
/* One more, by CLIENT (NULL: rates of addresses don't concern it) and USER
 * (NULL: none), at NOW (monotonic). NULL, and it is counted; or the name of the
 * rate that is used up. */
const char *rates_take(struct rates *r, const struct rates_conf *conf,
		       enum rates_what what, const struct sockaddr_any *client,
		       const char *user, int64_t now);

#endif
