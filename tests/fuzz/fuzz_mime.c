/*
 * A mail as people see it: whatever comes in, what comes out is UTF-8 without
 * control characters and within its limits.
 */
#include "mail/mime.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
check_line(const char *s, size_t max)
{
	must(strlen(s) <= max);
	must(utf8_is_valid(s));
	for (; *s != '\0'; s++)
		must((unsigned char)*s >= ' ' && *s != 0x7f);
}

static void
check_text(const char *s)
{
	must(strlen(s) <= MIME_TEXT_MAX);
	must(utf8_is_valid(s));
	for (; *s != '\0'; s++)
		must((unsigned char)*s >= ' ' || *s == '\n' || *s == '\t');
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct mime_mail m;
	struct arena a;

	arena_init(&a);
	if (mime_read((const char *)data, size, &a, &m) == 0) {
		must(m.nfields <= MIME_FIELDS_MAX);
		for (size_t i = 0; i < m.nfields; i++)
			check_line(m.fields[i].value, MIME_VALUE_MAX);
		check_line(m.from, 512);
		check_line(m.subject, MIME_VALUE_MAX);
		check_text(m.text);
		must(m.nstatuses <= MIME_STATUSES_MAX);
		must(m.nstatuses == 0 || m.is_report);
		for (size_t i = 0; i < m.nstatuses; i++) {
			check_line(m.statuses[i].recipient, MIME_VALUE_MAX);
			check_line(m.statuses[i].words, MIME_VALUE_MAX);
		}
	}
	arena_done(&a);
	return 0;
}
