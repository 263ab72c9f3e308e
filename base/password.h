/*
 * password - names that log in, and hashes of their passwords (libxcrypt).
 *
 * A check takes tens of milliseconds by design: never in a loop's thread. Any
 * byte but NUL may stand in a password. Thread-safe.
 */
#ifndef BASE_PASSWORD_H
#define BASE_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_MAX      511 /* bytes; what crypt(3) takes */
#define PASSWORD_HASH_MAX 384
#define PASSWORD_NAME_MAX 255

/* A name that may log in: UTF-8 without control characters, and neither empty
 * nor too long. */
bool password_name_ok(const char *name);

/* A new hash with a new salt, yescrypt. 0 or -errno. */
int password_hash(const char *password, char ret[static PASSWORD_HASH_MAX]);
/* False also for a HASH that is none. */
bool password_matches(const char *hash, const char *password);

enum password_kind {
	PASSWORD_GOOD,
	PASSWORD_WEAK, /* a method of the last century */
	PASSWORD_NONE, /* nothing that this machine's libcrypt knows */
};
enum password_kind password_kind_of(const char *hash);

/* Does not tell by its time where the two differ. */
bool password_same(const void *a, const void *b, size_t len);
/* Gone also when the compiler sees nobody read it again. */
void password_wipe(void *data, size_t len);

#endif
