/*
 * Commands: a refusal is a 5xx of one clean line, and what is taken holds no
 * control character in an address.
 */
#include <string.h>

#include "base/must.h"
#include "mail/smtp_command.h"
#include "mail/xtext.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_clean(const char *s)
{
	for (; *s != '\0'; s++)
		must(*s >= ' ' && *s <= '~');
}

/* What DSN parameters were taken go out as parameters that mean the same. */
static void
check_wishes(const struct smtp_command *c, struct arena *arena)
{
	const char *again;
	struct buf out;
	uint8_t notify;

	buf_init(&out, 4096);
	must(dsn_notify_is_sound(c->notify));
	if (c->notify != 0) {
		must(dsn_notify_write(c->notify, &out) == 0);
		must(dsn_notify_parse(out.data, out.len, &notify) == 0);
		must(notify == c->notify);
	}
	if (c->orcpt != NULL) {
		check_clean(c->orcpt);
		buf_clear(&out);
		must(dsn_orcpt_write(c->orcpt, &out) == 0);
		must(dsn_orcpt_parse(out.data, out.len, arena, &again) == 0);
		must(strcmp(again, c->orcpt) == 0);
	}
	if (c->envid != NULL) {
		check_clean(c->envid);
		buf_clear(&out);
		must(xtext_encode(c->envid, &out) == 0);
		must(dsn_envid_parse(out.data, out.len, arena, &again) == 0);
		must(strcmp(again, c->envid) == 0);
	}
	buf_done(&out);
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
		if (!c.utf8)
			check_clean(address_text(&c.address, &arena));
		if (c.verb == SMTP_EHLO || c.verb == SMTP_HELO)
			check_clean(c.arg);
		check_wishes(&c, &arena);
	}
	arena_done(&arena);
	return 0;
}
