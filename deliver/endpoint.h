/*
 * endpoint - where the agents `web` and `exec` take an alert: URLs and programs
 * by name, with what is secret of them.
 *
 * Immutable once made, shared by references from any thread; a reload makes new
 * ones. The address of a recipient of these agents is the endpoint's name. What
 * its message holds is in deliver/content.h.
 */
#ifndef DELIVER_ENDPOINT_H
#define DELIVER_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

enum endpoint_kind { ENDPOINT_WEB, ENDPOINT_EXEC };

struct endpoint_header {
	const char *name, *value; /* as fetch_check_header() has them */
};

/* Answers of HTTP: FROM to UNTIL, both count. */
struct endpoint_codes {
	int from, until;
};

struct endpoint {
	const char *name;
	enum endpoint_kind kind;
	int64_t time_ms; /* for one try */

	/* A URL. */
	const char *method, *url; /* as fetch_check_method(), _url() */
	size_t nheaders;
	const struct endpoint_header *headers;
	const char *sign;   /* key of the signature, HMAC-SHA256 of the body in
			   * hex: `Belfry-Signature: sha256=...`; NULL none */
	const char *insert; /* goes behind the first brace of the body; NULL */
	size_t ndone;
	const struct endpoint_codes *done; /* it has arrived */
	size_t ndead;
	const struct endpoint_codes *dead; /* there is nothing at this URL any
					    * more: the address is bad */
	const char *ca_file; /* whom to believe; NULL: the system's */

	/* A program. */
	const char *const *argv; /* NULL ends; what the content names as
				  * arguments takes the place of all but the
				  * first */
	int64_t output_max;
};

struct endpoints;

/* N of V, which are copied; their names differ. One reference. */
struct endpoints *endpoints_new(const struct endpoint *v, size_t n);
struct endpoints *endpoints_ref(struct endpoints *e);
/* Leaves NULL; NULL is fine. What it held is wiped with the last. */
void endpoints_unref(struct endpoints **e);
/* NULL: there is none. */
const struct endpoint *endpoints_find(const struct endpoints *e,
				      const char *name);

#endif
