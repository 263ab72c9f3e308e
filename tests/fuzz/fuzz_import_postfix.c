/*
 * Postfix's settings, with tables: whatever stands in them, what is written is
 * YAML, and no password is in it or in what is said.
 *
 *	input: a table (up to a NUL), the settings; every file holds the table
 */
#include <string.h>

#include "base/must.h"
#include "cli/import_postfix.h"
#include "tests/fuzz/import_yaml.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define SECRET  "QzSecretzQ"
#define SETTING "smtp_sasl_password_maps"
#define LINE    "\nsmtp_sasl_auth_enable = yes\n" SETTING " = hash:/\x01\n"

struct table {
	const char *text;
	size_t len;
};

static int
read_table(void *arg, const char *path, struct buf *ret)
{
	const struct table *t = arg;

	if (strcmp(path, "/\x01") == 0)
		return buf_append_str(ret, "[smtp.example.net]:587 u:" SECRET
					   "\nsmtp.example.net u:" SECRET "\n");
	return buf_append(ret, t->text, t->len);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *text = (const char *)data;
	const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
	struct table table = {text, nul != NULL ? (size_t)(nul - text) : 0};
	struct import im;
	struct buf yaml, settings;
	size_t line;

	if (nul != NULL) {
		len -= (size_t)(nul + 1 - text);
		text = nul + 1;
	}
	/* Who names that table, or its setting, for something else has no
	 * secret. */
	if (memmem(text, len, SETTING, strlen(SETTING)) != NULL ||
	    memchr(text, '\x01', len) != NULL)
		return 0;
	buf_init(&yaml, IMPORT_TEXT_MAX);
	buf_init(&settings, IMPORT_TEXT_MAX);
	must(buf_append(&settings, text, len) == 0 &&
	     buf_append_str(&settings, LINE) == 0);
	import_init(&im, read_table, &table);
	if (import_postfix(&im, buf_str(&settings), settings.len, &yaml,
			   &line) == 0)
		import_yaml_check(&yaml);
	must(strstr(buf_str(&yaml), SECRET) == NULL);
	must(strstr(buf_str(&im.notes), SECRET) == NULL);
	import_done(&im);
	buf_done(&settings);
	buf_done(&yaml);
	return 0;
}
