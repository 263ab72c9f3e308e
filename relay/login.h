/*
 * login - the name of a user of this machine, as the part of an address before
 * the @.
 */
#ifndef RELAY_LOGIN_H
#define RELAY_LOGIN_H

#include <sys/types.h>

/* Of UID; a name that can't be in an address, or none at all, becomes
 * "uid1000". Owned by the caller. May take as long as a directory service does:
 * for the pool. */
char *login_of(uid_t uid);

#endif
