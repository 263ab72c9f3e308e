/*
 * OpenDKIM's settings, with tables: whatever stands in them, what is written is
 * YAML, and no key is in it or in what is said.
 *
 *	input: a table (up to a NUL), the settings; every file holds the table
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "cli/import_opendkim.h"
#include "tests/fuzz/import_yaml.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define SECRET "QzSecretzQ"

struct table {
	const char *text;
	size_t len;
};

static int
read_table(void *arg, const char *path, struct buf *ret)
{
	const struct table *t = arg;

	if (strcmp(path, "/\x01") == 0)
		return buf_append_str(ret, "k example.org:s:" SECRET "\n");
	if (path[0] == '\0')
		return -ENOENT;
	return buf_append(ret, t->text, t->len);
}

static void
check(const struct buf *settings, struct table *table)
{
	struct import_opendkim io;
	struct buf yaml;

	buf_init(&yaml, IMPORT_TEXT_MAX);
	import_opendkim_init(&io);
	if (import_opendkim(&io, "conf", buf_str(settings), settings->len,
			    read_table, table, &yaml) == 0)
		import_yaml_check(&yaml);
	else
		must(io.settings.line > 0 && io.settings.why != NULL);
	must(strstr(buf_str(&yaml), SECRET) == NULL);
	must(strstr(buf_str(&io.im.notes), SECRET) == NULL);
	import_opendkim_done(&io);
	buf_done(&yaml);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *text = (const char *)data;
	const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
	struct table table = {text, nul != NULL ? (size_t)(nul - text) : 0};
	struct buf settings;

	if (nul != NULL) {
		len -= (size_t)(nul + 1 - text);
		text = nul + 1;
	}
	/* Each of many files may name as many; and who names that table for
	 * something else has no secret. */
	if (memmem(text, len, "nclude", 6) != NULL ||
	    memmem(table.text, table.len, "nclude", 6) != NULL ||
	    memchr(text, '\x01', len) != NULL)
		return 0;
	buf_init(&settings, IMPORT_TEXT_MAX);
	must(buf_append(&settings, text, len) == 0);
	check(&settings, &table);
	must(buf_append_str(&settings, "\nKeyTable /\x01\n") == 0);
	check(&settings, &table);
	buf_done(&settings);
	return 0;
}
