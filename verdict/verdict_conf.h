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

enum spf_engine { SPF_ENGINE_BELFRY };

/* What to do with a message whose author's domain asks for it. */
enum verdict_action {
	VERDICT_DO_MARK,
	VERDICT_DO_HOLD,
	VERDICT_DO_TEMPFAIL,
	VERDICT_DO_REJECT,
	VERDICT_DO_DISCARD,
};

enum verdict_on_temperror {
	VERDICT_TEMPERROR_TEMPFAIL,
	VERDICT_TEMPERROR_ACCEPT
};

/* A host that judges before us, and from which networks it is believed. */
struct trusted_authserv {
	char *id;
	struct conf_strings networks;
	struct network_list believed; /* NETWORKS, resolved */
	struct conf_mark mark;
};

struct verdict_conf {
	struct {
		int engine; /* enum spf_engine */
		bool reject_fail, received_spf;
	} spf;
	struct {
		int body_length_tag; /* 0: fail, 1: allow */
	} dkim;
	struct {
		int method;                   /* enum dmarc_method */
		int on_reject, on_quarantine; /* enum verdict_action */
	} dmarc;
	int on_temperror; /* enum verdict_on_temperror */
	struct {
		int64_t deadline_ms;
		int64_t lookups;
	} dns;
	char *authserv_id;                 /* "": hostname */
	struct conf_list trusted_authserv; /* of struct trusted_authserv */
	struct {
		int64_t max_size; /* bytes */
		int64_t max_age_ms;
	} observed;
	struct conf_mark mark;
};

static inline const struct trusted_authserv *
verdict_conf_trusted(const struct verdict_conf *c, size_t i)
{
	return (const struct trusted_authserv *)c->trusted_authserv.v + i;
}

#endif
