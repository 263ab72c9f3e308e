/*
 * http_framing - where the body of a request ends.
 *
 * Where two readers could see two different ends there is a second request for
 * one of them (RFC 9112, 6.3): such a request is refused. So is a body that is
 * compressed (RFC 9110, 15.5.16).
 */
#ifndef NET_HTTP_FRAMING_H
#define NET_HTTP_FRAMING_H

#include <microhttpd.h>

/* When the header is there. 0 and what it says of the length (0: nothing), or
 * the status that refuses the request. */
int http_framing_check(struct MHD_Connection *mhd, const char *version,
		       unsigned long long *ret_length);

#endif
