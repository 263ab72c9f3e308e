/*
 * spf_kit - questions of SPF to a table of records.
 */
#ifndef TESTS_UNIT_SPF_KIT_H
#define TESTS_UNIT_SPF_KIT_H

#include "base/buf.h"
#include "tests/unit/zone.h"
#include "verdict/spf.h"

#define CLIENT "192.0.2.1"

struct spf_kit {
	struct zone zone;
	struct arena arena;
	struct answers answers; /* of the last question */
	struct steps steps;
	struct spf_verdict v;
	unsigned questions; /* may be asked */
};

/* Of cmocka; *STATE is a struct spf_kit. */
int spf_kit_setup(void **state);
int spf_kit_teardown(void **state);

/* Have these records, and no others. */
void spf_kit_zone(struct spf_kit *k, const char *text);
/* An address as struct spf_question has it. */
void spf_kit_ip(const char *text, uint8_t ret[static 16]);
/* "v=spf1 exists:", a macro 127 times, and 4000 octets under .test: a known
 * record that makes another library write beyond its stack. RECORD is ready. */
void spf_kit_smash_record(struct buf *record);
/* Ask; the zone answers. */
void spf_kit_check(struct spf_kit *k, const char *ip, const char *helo,
		   const char *sender);

#endif
