/*
 * places - the folders that belfryd makes at its start.
 *
 * Who may write to a folder can put a link where root is about to work. So what
 * lies in folders of the account that belfryd becomes, or of a group, is made by
 * that account, and as root only what neither has a hand in.
 */
#ifndef BASE_PLACES_H
#define BASE_PLACES_H

#include <sys/stat.h>

struct place_owner {
	const char *user; /* "": the caller stays who it is */
	uid_t uid;
	gid_t gid;
};

/* Make DIR, which becomes OWNER's, with MODE, and what is missing above it. One
 * that is there stays as it is. 0 or -errno. */
int place_make_dir(const char *dir, mode_t mode, const struct place_owner *o);

/* As root: go on as OWNER, with GID as the group, where DIR is in its hands. 1:
 * until place_leave(); 0: nothing changed; -errno. */
int place_enter(const char *dir, const struct place_owner *o, gid_t gid);
void place_leave(int entered);

#endif
