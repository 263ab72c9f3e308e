/*
 * store_fs - the directory of a store: making it, locking it, and how much the
 * file system still gives. Private to queue/.
 */
#ifndef QUEUE_STORE_FS_H
#define QUEUE_STORE_FS_H

#include <stdbool.h>
#include <stdint.h>

/* Make DIR (0700) when it is not there, refuse a network file system, and take
 * the lock DIR/lock for as long as the descriptor lives. 0, or -errno with a
 * line in *RET_WHY. */
int store_fs_open(const char *dir, int *ret_lock_fd, char **ret_why);

/* The name of the network file system with this statfs(2) magic; NULL: it is
 * none. */
const char *store_fs_network_name(uint32_t magic);
/* The same for a type as /proc/self/mountinfo has it ("fuse.sshfs"). */
bool store_fs_type_is_network(const char *type);

/* Allocate space for SIZE more bytes behind the end of FD's file, where the
 * file system can. 0 or -errno. */
int store_fs_allocate(int fd, int64_t size);
/* How many bytes FD's file can still grow: what is allocated ahead (in
 * *RET_AHEAD) and what the file system has left. 0 or -errno. */
int store_fs_room(int fd, int64_t *ret_bytes, int64_t *ret_ahead);

#endif
