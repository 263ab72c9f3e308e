/*
 * A file of the drop folder: what it names can't leave its line of SMTP, the
 * envelope is the same however much of the file is there, and it is written
 * again as it was read.
 */
#include <string.h>

#include "base/must.h"
#include "mail/drop.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_text(const char *text)
{
	must(strlen(text) < DROP_LINE_MAX);
	for (; *text != '\0'; text++)
		must((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void
check(const struct drop_envelope *env, const char *in, size_t len)
{
	size_t at;
	struct buf b;

	check_text(env->sender);
	check_text(env->mail_params);
	check_text(env->rcpt_params);
	must(env->nrcpt > 0 && env->nrcpt <= DROP_RCPT_MAX && env->size >= 0);
	for (size_t i = 0; i < env->nrcpt; i++) {
		must(env->rcpt[i][0] != '\0');
		check_text(env->rcpt[i]);
	}
	buf_init(&b, 2 * DROP_ENVELOPE_MAX);
	must(drop_write(env, &b, &at) == 0);
	/* Empty parameters are read and not written. */
	if (env->mail_params[0] != '\0' && env->rcpt_params[0] != '\0')
		must(b.len == len && memcmp(b.data, in, len) == 0);
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *in = (const char *)data, *why = NULL;
	struct drop_envelope env, part;
	size_t used = 0, part_used = 0;
	struct arena arena;
	int r;

	arena_init(&arena);
	r = drop_parse(in, len, &arena, &env, &used, &why);
	must(r < 0 ? why != NULL : used <= len);
	if (r == 1) {
		check(&env, in, used);
		must(drop_parse(in, used, &arena, &part, &part_used, &why) ==
		     1);
		must(part_used == used && part.nrcpt == env.nrcpt);
		must(drop_parse(in, used / 2, &arena, &part, &part_used,
				&why) == 0);
	}
	arena_done(&arena);
	return 0;
}
