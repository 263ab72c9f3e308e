/*
 * `belfry dkim record`: what the DNS is to have for a key.
 */
#include <jansson.h>
#include <string.h>

#include "cli/dkim_entry.h"

#define STRING_MAX 200 /* octets; a TXT takes 255 in one string */

/* As a zone file has it: of several strings, one behind the other. */
static void
put_zone(const char *name, const char *record)
{
	size_t len = strlen(record);

	printf("%s. IN TXT (", name);
	for (size_t i = 0; i < len; i += STRING_MAX)
		printf("\n\t\"%.*s\"", STRING_MAX, record + i);
	puts(" )");
}

static json_t *
json_strings(const char *record)
{
	json_t *strings = json_array();
	size_t len = strlen(record);

	for (size_t i = 0; i < len; i += STRING_MAX) {
		size_t n = len - i < STRING_MAX ? len - i : STRING_MAX;

		json_array_append_new(strings, json_stringn(record + i, n));
	}
	return strings;
}

static void
put_json(const char *name, const char *record)
{
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:o}", "name", name, "type", "TXT",
			  "value", record, "strings", json_strings(record));

	json_dumpf(json, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(json);
}

int
cli_dkim_record(const struct cli *cli, int argc, char **argv)
{
	struct dkim_entries entries;
	struct dkim_choice choice;
	int r;

	if (!dkim_choice_parse(argc, argv, &choice))
		return cli_usage(cli);
	r = dkim_entries_load(cli, &choice, &entries);
	if (r != CLI_OK)
		return r;
	for (size_t i = 0; i < entries.n; i++) {
		const struct dkim_entry *e = &entries.v[i];
		const char *name =
			dkim_key_name(e->selector, e->domain, &entries.arena);
		const char *record;

		if (e->key == NULL) {
			cli_say("%s: %s", name, e->why);
			r = CLI_WRONG;
			continue;
		}
		record = dkim_entry_record(e, choice.testing, &entries.arena);
		if (choice.json)
			put_json(name, record);
		else
			put_zone(name, record);
	}
	dkim_entries_free(&entries);
	return r;
}
