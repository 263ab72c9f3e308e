/*
 * acceptor_counts - the part of acceptor that counts, and that decides who may
 * come in and who gives way.
 *
 * Tickets are given back from any thread, so there is a lock; it is never held
 * over a system call. It lives until nobody is left who would give something
 * back.
 */
#ifndef NET_ACCEPTOR_COUNTS_H
#define NET_ACCEPTOR_COUNTS_H

#include "net/acceptor.h"

struct acceptor_counts;

struct acceptor_counts *counts_new(void);
void counts_set_limits(struct acceptor_counts *c,
		       const struct acceptor_limits *limits);
/* The acceptor needs them no more. */
void counts_close(struct acceptor_counts *c);

/* One more, by FD of PEER. NULL when that is too many, with the limit's name.
 */
struct acceptor_ticket *counts_admit(struct acceptor_counts *c, int fd,
				     const struct sockaddr_any *peer,
				     enum acceptor_peer who, int64_t now,
				     const char **ret_limit);

/* One that was refused may be heard out; then counts_lingered(). */
bool counts_may_linger(struct acceptor_counts *c);
void counts_lingered(void *counts);

#endif
