/*
 * verdict_conf - the section `verdict:` of the configuration: how inbound mail is
 * judged, and what becomes of it.
 */
#ifndef VERDICT_VERDICT_CONF_H
#define VERDICT_VERDICT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "net/sockaddr.h"

enum spf_engine { SPF_ENGINE_BELFRY, SPF_ENGINE_LIBSPF2 };

struct verdict_spf_conf {
	int engine;        /* enum spf_engine */
	bool reject_fail;  /* of MAIL FROM and of HELO */
	bool received_spf; /* the field, too */
};

/* A signature of which l= leaves something out. */
enum verdict_length_tag { VERDICT_LENGTH_FAIL, VERDICT_LENGTH_ALLOW };

struct verdict_dkim_conf {
	int body_length_tag; /* enum verdict_length_tag */
};

/* What to do with a message whose author's domain asks for it. */
enum verdict_action {
	VERDICT_DO_MARK,
	VERDICT_DO_HOLD,
	VERDICT_DO_TEMPFAIL,
	VERDICT_DO_REJECT,
	VERDICT_DO_DISCARD,
};

struct verdict_dmarc_conf {
	int method;                   /* enum dmarc_method */
	int on_reject, on_quarantine; /* enum verdict_action */
};

/* What to do where the DNS could not say whether it asks for that. */
enum verdict_on_temperror {
	VERDICT_ON_TEMPERROR_TEMPFAIL,
	VERDICT_ON_TEMPERROR_ACCEPT,
};

struct verdict_dns_conf {
	int64_t deadline_ms, lookups; /* for all of a message */
};

/* A host that judges before us, and from where it is believed. */
struct trusted_authserv {
	char *id;
	struct conf_strings networks;
	struct network_list believed; /* NETWORKS, resolved */
	struct conf_mark mark;
};

struct observed_conf {
	int64_t max_size, max_age_ms;
};

struct verdict_conf {
	struct verdict_spf_conf spf;
	struct verdict_dkim_conf dkim;
	struct verdict_dmarc_conf dmarc;
	int on_temperror; /* enum verdict_on_temperror */
	struct verdict_dns_conf dns;
	char *authserv_id;                 /* "": hostname */
	struct conf_list trusted_authserv; /* of struct trusted_authserv */
	struct observed_conf observed;
	struct conf_mark mark;
};

static inline const struct trusted_authserv *
verdict_conf_trusted(const struct verdict_conf *c, size_t i)
{
	return (const struct trusted_authserv *)c->trusted_authserv.v + i;
}

#endif
