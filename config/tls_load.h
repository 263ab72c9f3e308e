/*
 * tls_load - the certificates and keys of a configuration, read.
 *
 * Apart from config_load(), since only the user who reloads can read the keys.
 */
#ifndef CONFIG_TLS_LOAD_H
#define CONFIG_TLS_LOAD_H

#include "config/config.h"
#include "net/tls.h"

/* One a listener, NULL where it speaks no TLS; ALL has every certificate, and
 * is NULL where there is none. References of the caller. */
struct tls_loaded {
	size_t n;
	struct tls_server **listeners; /* owned */
	struct tls_server *all;        /* owned */
};

/* USERS_SHOW: where clients may log in they are asked for a certificate. 0, or
 * -EINVAL with errors in E. */
int config_tls_load(const struct config *c, bool users_show,
		    struct conf_errors *e, struct tls_loaded *ret);
void config_tls_done(struct tls_loaded *tls);
/* For `belfry check`, where who asks may not be who will read them: what can't
 * be read is then no mistake unless STRICTLY. */
void config_tls_look(const struct config *c, bool strictly,
		     struct conf_errors *e);

/* The certificates in their order: 0 is that of `tls`, then `more`. */
size_t config_tls_npairs(const struct config *c);
const struct tls_pair_conf *config_tls_pair(const struct config *c, size_t i);

#endif
