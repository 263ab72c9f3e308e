/*
 * Replies: byte by byte they read as they do whole, and their words are clean.
 */
#include <string.h>

#include "base/must.h"
#include "mail/smtp_reply.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_clean(const char *s)
{
	for (; *s != '\0'; s++)
		must((*s >= ' ' && *s <= '~') || *s == '\n');
}

static void
count_line(void *arg, int code, const char *text)
{
	unsigned *lines = arg;

	must(code >= 200 && code <= 599);
	must(strchr(text, '\n') == NULL);
	check_clean(text);
	++*lines;
}

/* Byte by byte up to where the reply ends. */
static int
parse_slowly(struct reply_parser *p, const char *in, size_t len,
	     size_t *ret_used)
{
	int r = 0;
	size_t used;

	*ret_used = 0;
	while (r == 0 && *ret_used < len) {
		r = reply_parse(p, in + *ret_used, 1, &used);
		*ret_used += used;
	}
	return r;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *in = (const char *)data;
	struct reply_parser whole, slow;
	unsigned lines = 0, slow_lines = 0;
	size_t at = 0, used, slow_used;
	int r = 1;

	reply_parser_init(&whole);
	reply_parser_init(&slow);
	whole.on_line = slow.on_line = count_line;
	whole.arg = &lines;
	slow.arg = &slow_lines;
	while (r == 1 && at < len) {
		char dsn[REPLY_DSN_MAX], line[64];

		r = reply_parse(&whole, in + at, len - at, &used);
		must(parse_slowly(&slow, in + at, len - at, &slow_used) == r);
		must(r < 0 || used == slow_used);
		must(lines == slow_lines);
		must(strcmp(whole.reply.text, slow.reply.text) == 0);
		must(strcmp(whole.reply.dsn, slow.reply.dsn) == 0);
		check_clean(whole.reply.text);
		reply_line(&whole.reply, line, sizeof(line));
		must(strchr(line, '\n') == NULL);
		must(strlen(reply_dsn(&whole.reply, dsn)) >= 5);
		at += used;
	}
	return 0;
}
