/*
 * auth_results - the field Authentication-Results (RFC 8601), made and read.
 *
 *	payload    = [CFWS] authserv-id [ CFWS version ] ( ";" "none" / 1*result )
 *	result     = ";" method [ "/" version ] "=" word [ "reason" "=" value ]
 *	             *( ptype "." property "=" value )
 *
 * Comments and folding may stand between all tokens. Who reads believes nobody:
 * whether a field may be trusted is told by its authserv-id and by who handed
 * the message over, see auth_results_of().
 */
#ifndef VERDICT_AUTH_RESULTS_H
#define VERDICT_AUTH_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mail/header.h"

#define AUTH_RESULTS_NAME "Authentication-Results"
/* Of one field; more are left out, also of what is read. */
#define AUTH_RESULTS_MAX 32
#define AUTH_PROPS_MAX   8
#define AUTH_KEYWORD_MAX 63 /* octets of a method, result, ptype, property */

struct auth_prop {
	const char *type;  /* "smtp", "header", "policy" */
	const char *name;  /* "mailfrom" */
	const char *value; /* as it means, without quotes */
};

struct auth_result {
	const char *method;  /* "spf", "dkim", "dmarc" */
	const char *result;  /* "pass" */
	const char *comment; /* stands behind the result; "" or NULL: none.
			      * Never read */
	const char *reason;  /* "" or NULL: none */
	size_t n;
	struct auth_prop props[AUTH_PROPS_MAX];
};

struct auth_results {
	const char *authserv_id;
	size_t n; /* 0: "none" */
	struct auth_result v[AUTH_RESULTS_MAX];
};

/* The value of a field that says A: it begins with a space, is folded by CRLF
 * and TAB, and has no end. Nothing in A can break out of its place; octets that
 * can't stand there become `?`, those beyond ASCII too unless UTF8. 0 or
 * -EMSGSIZE. */
int auth_results_write(const struct auth_results *a, bool utf8,
		       struct buf *out);

/* Read VALUE, folded or not; method, result, ptype and property come in lower
 * case. A result that is none is passed over. 0, or -EINVAL: not even the
 * authserv-id can be read. */
int auth_results_parse(const char *value, size_t len, struct arena *arena,
		       struct auth_results *ret);
/* The first result of METHOD; NULL: none. */
const struct auth_result *auth_results_find(const struct auth_results *a,
					    const char *method);

/* Does the field F speak in the name of AUTHSERV_ID? Letter case, comments,
 * quotes and a version make no difference. So does one whose authserv-id can't
 * be read: who is more lenient than we are might take it for that one. */
bool auth_results_of(const struct header_field *f, const char *authserv_id);
/* Might somebody say so? True also where comments or blanks stand within the name,
 * which is none for us. */
bool auth_results_claims(const struct header_field *f, const char *authserv_id);

#endif
