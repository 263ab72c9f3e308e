/*
 * proxy_in - waits for the header that a proxy sends in front of a connection,
 * and takes its octets from the socket and not one more: what follows, TLS or
 * not, is for who reads next.
 *
 * On one loop, from which the callback comes, once and never from within
 * proxy_in_start(); then all is freed. The descriptor stays the caller's.
 */
#ifndef NET_PROXY_IN_H
#define NET_PROXY_IN_H

#include "net/loop.h"
#include "net/proxy_header.h"

/* RESULT 0 with HEADER, which is valid during the call; or -EINVAL: something
 * else came; -ETIMEDOUT: not within the time; -ECONNRESET: the peer hung up;
 * -ECANCELED: the loop is freed. */
typedef void proxy_in_fn(void *arg, int result,
			 const struct proxy_header *header);

/* FD is non-blocking. The whole header has WITHIN_MS. */
void proxy_in_start(struct loop *loop, int fd, int64_t within_ms,
		    proxy_in_fn *fn, void *arg);

#endif
