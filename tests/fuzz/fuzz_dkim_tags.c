/*
 * A list of tags, whatever its octets: as a signature, and as the record of a key.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "verdict/answers.h"
#include "verdict/dkim_record.h"
#include "verdict/dkim_tags.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static bool
is_text(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < '!' || *s > '~')
			return false;
	return true;
}

/* What libopendkim is going to see. */
static void
check_field(const char *text, size_t len, struct arena *arena)
{
	struct dkim_field f;
	const char *why = NULL;
	int r = dkim_field_parse(text, len, arena, &f, &why);

	must(r == 0 || why != NULL);
	must(is_text(f.domain) && is_text(f.selector) && is_text(f.identity));
	if (r < 0)
		return;
	must(len <= DKIM_FIELD_MAX);
	must(memchr(text, '\0', len) == NULL);
	must(strlen(f.identity) <= DKIM_IDENTITY_MAX + 256);
	must(strchr(f.identity, '@') != NULL);
	must(answers_name_ok(dkim_key_name(f.selector, f.domain, arena)));
	must(f.start[0] != '\0');
	(void)dkim_field_time_wrong(&f, 1700000000);
}

static void
check_record(const char *text, size_t len, struct arena *arena)
{
	struct dkim_field f = {.domain = "example.org",
			       .identity = "@sub.example.org"};
	struct dkim_record r;
	const char *why = NULL;
	int result = dkim_record_parse(text, len, arena, &r, &why);

	must(result == 0 || why != NULL);
	if (result < 0)
		return;
	must(dkim_record_is(text, len));
	must(is_text(r.key));
	must(r.revoked == (r.key[0] == '\0'));
	must(!r.revoked || dkim_record_bits(&r) == 0);
	(void)dkim_record_wrong(&r, &f);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *text = (const char *)data;
	struct dkim_tags tags;
	const char *why = NULL;
	struct arena arena;
	int r;

	arena_init(&arena);
	r = dkim_tags_parse(text, len, &arena, &tags, &why);
	must(tags.n <= DKIM_TAGS_MAX && (r == 0 || why != NULL));
	for (size_t i = 0; i < tags.n; i++) {
		must(dkim_tags_find(&tags, tags.v[i].name) == tags.v[i].value);
		must(is_text(dkim_tag_collapse(tags.v[i].value, &arena)));
	}
	check_field(text, len, &arena);
	check_record(text, len, &arena);
	arena_done(&arena);
	return 0;
}
