/*
 * jail - what the process gives up for good, and what it may hold.
 *
 * Called at the start, while there is one thread: identities and capabilities
 * belong to threads.
 */
#ifndef BASE_JAIL_H
#define BASE_JAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Look the account NAME up. 0; -ENOENT: there is none; other -errno. */
int jail_find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid);
/* The gid of group NAME. As above. */
int jail_find_group(const char *name, gid_t *ret_gid);

/* As root: until jail_return() files are looked up and made as NAME does, with
 * GID as the group. 0 or -errno. */
int jail_borrow(const char *name, gid_t gid);
void jail_return(void);

/* As root: become NAME with its groups, keeping nothing but
 * CAP_NET_BIND_SERVICE. 0 or -errno; after a failure only exit is safe. */
int jail_become(const char *name);
/* Whoever we are: keep no capability but CAP_NET_BIND_SERVICE, and that not for
 * programs; with BIND false not that either. 0 or -errno. */
int jail_capabilities(bool bind);
/* No program that is started from here on gains privileges; none of the same
 * user may look into our memory, and no core is written of it. 0 or -errno. */
int jail_close(void);

/* Raise the soft limit of descriptors to the hard one. 0; -EMFILE when NEED is
 * more than that, *RET_LIMIT says how many there are. */
int jail_raise_files(uint64_t need, uint64_t *ret_limit);

#endif
