/*
 * dmarc_record - the text of a DMARC policy record (RFC 9989, 4.7 and 4.8).
 *
 *	record = "v" "=" "DMARC1" *( ";" tag "=" value ) [ ";" ]
 *
 * White space may stand around "=" and ";", and nothing before the "v". A tag
 * that is not known does not count; one that is known, and wrong or given twice,
 * is as good as absent, but that it was there is kept of p, sp and np: see
 * dmarc_record.broken.
 */
#ifndef VERDICT_DMARC_RECORD_H
#define VERDICT_DMARC_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum dmarc_policy {
	DMARC_POLICY_NONE,
	DMARC_POLICY_QUARANTINE,
	DMARC_POLICY_REJECT,
	DMARC_POLICY_ABSENT, /* the tag is not there, or is not valid */
};

/* "none", "quarantine", "reject", "" */
extern const char *const dmarc_policy_names[];

enum dmarc_psd { DMARC_PSD_UNKNOWN, DMARC_PSD_YES, DMARC_PSD_NO };

extern const char *const dmarc_psd_names[]; /* "u", "y", "n" */

struct dmarc_record {
	const char *text; /* as published; anything may stand in it */
	enum dmarc_policy p, sp, np;
	bool adkim_strict, aspf_strict;
	bool testing; /* t=y */
	enum dmarc_psd psd;
	const char *rua; /* as published; "" when absent */
	bool rua_valid;  /* with at least one URI */
	/* p is absent or one of p, sp, np is not valid: with a valid rua it
	 * stands for p=none, without one the record says nothing (4.10.1). */
	bool broken;
};

/* A record of more octets is none. */
#define DMARC_RECORD_MAX 16384

/* True for a TXT record that is one of DMARC, whatever its tags are. */
bool dmarc_record_is(const char *text, size_t len);
/* A text of which dmarc_record_is() is true. What *RET points to lives in ARENA. */
void dmarc_record_parse(const char *text, size_t len, struct arena *arena,
			struct dmarc_record *ret);
/* POLICY as t=y asks for it: one level softer (4.7). */
enum dmarc_policy dmarc_policy_softer(enum dmarc_policy policy);

#endif
