/*
 * Addresses: what is taken holds no control character and reads back as itself.
 */
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"
#include "mail/address.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_taken(const struct address *a, struct arena *arena)
{
	const char *text = address_text(a, arena), *why;
	struct address again;

	must(strlen(text) < ADDRESS_MAX);
	for (const char *p = text; *p != '\0'; p++)
		must((unsigned char)*p >= ' ' && *p != 0x7f);
	must(utf8_is_valid(text) && utf8_is_ascii(a->domain));
	must(strcmp(address_domain_of(text), a->domain) == 0);
	must(a->domain[0] == '\0' ||
	     address_is_domain(a->domain, strlen(a->domain)));
	if (address_is_null(a))
		return;
	must(address_parse_bare(text, arena, &again, &why) == 0);
	must(strcmp(again.local, a->local) == 0);
	must(strcmp(again.domain, a->domain) == 0);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *s = (const char *)data, *why = NULL;
	struct address a;
	struct arena arena;
	size_t used;

	arena_init(&arena);
	if (address_parse_path(s, len, true, &arena, &a, &used, &why) == 0) {
		must(used <= len && s[used - 1] == '>');
		check_taken(&a, &arena);
	} else {
		must(why != NULL);
	}
	address_is_domain(s, len);
	s = arena_strndup(&arena, s, len);
	if (address_parse(s, &arena, &a, &why) == 0)
		check_taken(&a, &arena);
	arena_done(&arena);
	return 0;
}
