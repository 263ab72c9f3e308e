/*
 * Commands: a refusal is a 5xx of one clean line, and what is taken holds no
 * control character in an address.
 */
#include <string.h>

#include "base/must.h"
#include "mail/smtp_command.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_clean(const char *s)
{
	for (; *s != '\0'; s++)
		must(*s >= ' ' && *s <= '~');
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct smtp_command c;
	struct reply reply;
	struct arena arena;

	arena_init(&arena);
	if (smtp_command_parse((const char *)data, len, &arena, &c, &reply) <
	    0) {
		must(reply_permanent(&reply));
		must(c.verb != SMTP_UNKNOWN);
		check_clean(reply.text);
	} else {
		must(c.size >= -1);
		check_clean(address_text(&c.address, &arena));
		if (c.verb == SMTP_EHLO || c.verb == SMTP_HELO)
			check_clean(c.arg);
	}
	arena_done(&arena);
	return 0;
}
