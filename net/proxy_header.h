/*
 * proxy_header - what a proxy says in front of a connection about who is at its
 * other side: the PROXY protocol, versions 1 and 2. No I/O.
 *
 *	v1	"PROXY" SP ("TCP4" / "TCP6") SP source SP destination
 *			SP source-port SP destination-port CRLF
 *		"PROXY" SP "UNKNOWN" [anything] CRLF, 107 octets at most
 *	v2	12 octets of signature
 *		1 version and command, 1 family and transport, 2 length
 *		the addresses, then fields of 1 type, 2 length, the value
 *
 * Numbers are in network order. Of the fields only the checksum (CRC32C) is
 * looked at: it must be right where it is there.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include <stdbool.h>

#include "net/sockaddr.h"

/* Longer ones are refused. */
#define PROXY_HEADER_MAX 4096

struct proxy_header {
	/* False: LOCAL, UNKNOWN, or no TCP: the proxy speaks for itself, or
	 * doesn't know for whom; the addresses are empty. */
	bool known;
	struct sockaddr_any client, server;
};

/* 1: whole, and *RET_USED octets long; 0: more is needed, and all of DATA
 * belongs to it, so who has taken LEN octets from a socket has not taken any of
 * what follows; -EINVAL: this is none. */
int proxy_header_parse(const void *data, size_t len, struct proxy_header *ret,
		       size_t *ret_used);

#endif
