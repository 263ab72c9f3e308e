#include "cli/sendmail.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/xalloc.h"

void
sendmail_say(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("sendmail: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int
sendmail_run(struct sendmail *sm)
{
	switch (sm->mode) {
	case SENDMAIL_SUBMIT:
		if (sm->rcpts.n == 0 && !sm->of_header)
			return sendmail_nobody(sm);
		return sendmail_submit(sm);
	case SENDMAIL_SMTP:
		return sendmail_smtp(sm);
	case SENDMAIL_LIST:
		return sendmail_list(sm);
	case SENDMAIL_FLUSH:
		return sendmail_flush(sm);
	}
	abort();
}

int
cli_sendmail(const struct cli *cli, int argc, char **argv)
{
	struct sendmail *sm = xcalloc(1, sizeof(*sm));
	int r;

	sm->cli = cli;
	arena_init(&sm->arena);
	r = sendmail_options(sm, argc, argv);
	if (r == 0)
		r = sendmail_conf_get(cli, sm->conf_path, &sm->arena,
				      &sm->conf);
	if (r == 0)
		r = sendmail_run(sm);
	spool_done(&sm->spool);
	buf_done(&sm->header);
	arena_done(&sm->arena);
	free(sm);
	return r;
}
