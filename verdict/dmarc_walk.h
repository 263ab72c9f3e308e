/*
 * dmarc_walk - DMARC's records from a domain upwards (RFC 9989, 4.10), and what
 * they say about whose domain it is. Not for others than dmarc*.c.
 *
 * The names asked are the domain, then with eight labels or more the last seven
 * of it, then each time one label less, down to the top level. Records with
 * psd=n or psd=y end the walk; several records at one name are none.
 */
#ifndef VERDICT_DMARC_WALK_H
#define VERDICT_DMARC_WALK_H

#include "verdict/answers.h"
#include "verdict/dmarc_record.h"
#include "verdict/steps.h"

#define DMARC_WALK_MAX 8

enum dmarc_found { DMARC_NOTHING, DMARC_RECORD, DMARC_FAILED };

struct dmarc_level {
	const char *domain; /* points into the one walked from */
	enum dmarc_found found;
	const struct answer_record *text; /* of a DMARC_RECORD */
	struct dmarc_record record;
	const char *why; /* of a DMARC_FAILED */
};

struct dmarc_walk {
	size_t n;
	struct dmarc_level level[DMARC_WALK_MAX]; /* the domain's own first */
	/* Points into the domain; NULL: the DNS failed at the last level. */
	const char *organisation;
};

/* What is found at one name: 0 or -EAGAIN. The record lives in ARENA. */
int dmarc_look(const char *domain, struct answers *answers, struct arena *arena,
	       struct steps *steps, struct dmarc_level *ret);
/* The walk from DOMAIN, which is canonical and outlives *RET: 0 or -EAGAIN. */
int dmarc_walk(const char *domain, struct answers *answers, struct arena *arena,
	       struct steps *steps, struct dmarc_walk *ret);
/* What stands at DOMAIN, or NULL. */
const struct dmarc_level *dmarc_walk_at(const struct dmarc_walk *walk,
					const char *domain);

#endif
