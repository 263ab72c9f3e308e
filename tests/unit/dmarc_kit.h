/*
 * dmarc_kit - rows of records, authors and what vouches for them, and the
 * verdict that they come to.
 */
#ifndef TESTS_UNIT_DMARC_KIT_H
#define TESTS_UNIT_DMARC_KIT_H

#include "tests/unit/zone.h"
#include "verdict/dmarc.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

#define REJECT "TXT v=DMARC1; p=reject"
#define RUA    "; rua=mailto:r@example.org"

#define EXAMPLE "_dmarc.example.org " REJECT "\n"
#define STRICT  "_dmarc.example.org " REJECT "; adkim=s; aspf=s\n"

/* VOUCH: what SPF and DKIM say, words of "spf:DOMAIN" or "dkim:DOMAIN", with "!"
 * in front when it failed, "?" when the DNS did. FROM: the authors' domains.
 * VERDICT: the result; what is asked for, unless it is none; "by TAG=POLICY at
 * DOMAIN", if there is a record; "of ORGANISATION"; who is aligned. */
struct dmarc_row {
	const char *name, *zone, *from, *vouch, *verdict;
};

struct dmarc_asked {
	struct arena arena;
	struct author author;
	struct dmarc_identifier dkim[DMARC_DKIM_MAX];
	struct dmarc_question question;
};

/* As ROW asks; by LIST, or NULL: by tree walks. */
void dmarc_ask_init(struct dmarc_asked *q, const struct dmarc_row *row,
		    const struct suffixes *list);
void dmarc_ask_vouch(struct dmarc_asked *q, const char *vouch);
/* Settles what is asked until there is a verdict. */
void dmarc_answer(struct zone *zone, struct answers *answers,
		  const struct dmarc_question *q, struct arena *arena,
		  struct steps *steps, struct dmarc_verdict *ret);
void dmarc_check_rows(const struct dmarc_row rows[], size_t n,
		      const struct suffixes *list);

#endif
