/*
 * std_fds - descriptors 0 to 2 are the standard streams and nothing else.
 *
 * A program may be started with some of them closed, and what it opens first
 * would take their numbers: its own log would go into a socket.
 */
#ifndef BASE_STD_FDS_H
#define BASE_STD_FDS_H

/* Before anything is opened: put in place of each that is closed one that takes
 * and gives nothing. Reading standard input and writing to standard output then
 * fail, as with closed ones; standard error swallows. 0 or -errno. */
int std_fds_fill(void);

#endif
