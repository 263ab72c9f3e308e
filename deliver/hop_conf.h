/*
 * hop_conf - the keys of a next hop, as the sections with next hops see them.
 */
#ifndef DELIVER_HOP_CONF_H
#define DELIVER_HOP_CONF_H

#include "base/conf.h"

/* A name for EHLO, or "". */
bool hop_check_helo(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors);

#endif
