/*
 * Header fields: the end is found at the same place however the header arrives,
 * and the fields before it cover it without a gap.
 */
#include <string.h>

#include "base/must.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_fields(const char *in, size_t len)
{
	struct header_field f;
	struct header_facts facts;
	char value[32];
	size_t at = 0;

	while (header_next(in + at, len - at, &f) == 1) {
		must(f.raw_len > 0 && f.raw_len <= len - at);
		must(f.name == in + at && f.name_len > 0);
		must(f.value + f.value_len <= in + at + f.raw_len);
		header_value(&f, value, sizeof(value));
		for (const char *p = value; *p != '\0'; p++)
			must((unsigned char)*p >= ' ' && *p != 0x7f);
		at += f.raw_len;
	}
	/* Only the empty line may be left. */
	must(len - at == 0 || (len - at == 1 && in[at] == '\n') ||
	     (len - at == 2 && memcmp(in + at, "\r\n", 2) == 0));
	header_facts(in, len, &facts);
	must(strlen(facts.message_id) < sizeof(facts.message_id));
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *in = (const char *)data;
	size_t scanned = 0, end = 0, scanned_slow = 0, end_slow = 0;
	int r = header_end(in, len, &scanned, &end), slow = 0;

	for (size_t have = 1; have <= len && slow == 0; have++)
		slow = header_end(in, have, &scanned_slow, &end_slow);
	must(r == slow);
	must(end == end_slow && end <= len);
	if (r == 1)
		check_fields(in, end);
	return 0;
}
