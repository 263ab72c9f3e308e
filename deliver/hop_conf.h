/*
 * hop_conf - the keys of a next hop, as the sections with next hops see them.
 */
#ifndef DELIVER_HOP_CONF_H
#define DELIVER_HOP_CONF_H

#include "base/conf.h"
#include "deliver/tls_policy.h"

struct hop;

/* A name for EHLO, or "". */
bool hop_check_helo(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors);

/* Is HOST a socket of this machine, "unix:/path"? Only its own: what the DNS
 * names may look like that too. */
bool hop_is_unix(const struct hop *hop);
/* It is none: for where nothing but LMTP speaks through one. */
bool hop_check_no_unix(const struct hop *hop, struct conf_errors *errors);

/* What `tls` and `implicit_tls` come to. */
enum tls_level hop_tls_level(const struct hop *hop);
bool hop_is_implicit(const struct hop *hop);

#endif
