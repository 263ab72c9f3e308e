/*
 * received_spf - the field Received-SPF (RFC 7208, 9.1).
 */
#ifndef VERDICT_RECEIVED_SPF_H
#define VERDICT_RECEIVED_SPF_H

#include <stdbool.h>

#include "base/buf.h"
#include "verdict/spf.h"

#define RECEIVED_SPF_NAME "Received-SPF"

struct received_spf {
	const struct spf_verdict *verdict;
	enum spf_scope scope;
	const char *client_ip; /* "192.0.2.1" */
	const char *helo, *sender;
	const char *receiver; /* our host name */
};

/* Its value: begins with a space, folded, without an end. 0 or -EMSGSIZE. */
int received_spf_write(const struct received_spf *r, bool utf8,
		       struct buf *out);

#endif
