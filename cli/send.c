#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/xalloc.h"
#include "cli/send_out.h"
#include "cli/spool.h"
#include "mail/submit_header.h"

#define SEND_RCPT_MAX 1000

struct send {
	const char *from;
	const char *to[SEND_RCPT_MAX];
	size_t nto;
	struct send_out out;
	struct arena arena;
	struct spool spool; /* of standard input */
	FILE *file;         /* owned when it has a name */
};

/* --- the message -------------------------------------------------------------- */

static int
send_message(struct send *s)
{
	struct submission *m = xcalloc(1, sizeof(*m));
	int r;

	m->env = (struct drop_envelope){
		.sender = s->from,
		.mail_params = "",
		.rcpt_params = "",
		.nrcpt = s->nto,
		.rcpt = s->to,
	};
	m->body = s->file;
	r = send_out(&s->out, m);
	free(m);
	return r;
}

/* A pipe can be read only once. */
static int
send_open(struct send *s)
{
	int r;

	if (strcmp(s->out.path, "-") != 0) {
		s->file = fopen(s->out.path, "re");
		r = s->file != NULL ? 0 : -errno;
	} else {
		r = spool_keep(&s->spool, stdin);
		s->file = s->spool.file;
	}
	if (r == 0)
		return CLI_OK;
	cli_say("can't read %s: %s; nothing was submitted", s->out.path,
		strerror(-r));
	return CLI_USAGE;
}

/* *TEXT as it is sent: a domain has its ASCII form. Said here, with the
 * option's name, rather than by the far end. */
static bool
send_address(struct send *s, const char *option, const char **text)
{
	const char *why = "", *address;

	address = submit_address(*text, "", &s->arena, &why);
	if (address == NULL) {
		cli_say("%s %s is no address: %s", option, *text, why);
		return false;
	}
	*text = address;
	return true;
}

static int
send_check(const struct cli *cli, struct send *s)
{
	if (s->out.path == NULL || s->from == NULL || s->nto == 0)
		return cli_usage(cli);
	if (s->from[0] != '\0' && !send_address(s, "--from", &s->from))
		return CLI_USAGE;
	for (size_t i = 0; i < s->nto; i++)
		if (!send_address(s, "--to", &s->to[i]))
			return CLI_USAGE;
	return sendmail_conf_get(cli, NULL, &s->arena, &s->out.conf);
}

/* False: the usage was shown. */
static bool
send_options(const struct cli *cli, int argc, char **argv, struct send *s)
{
	static const struct option options[] = {
		{"from", required_argument, NULL, 'f'},
		{"to", required_argument, NULL, 't'},
		{"wait", no_argument, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f') {
			s->from = optarg;
		} else if (c == 'w') {
			s->out.wait = true;
		} else if (c == 't' && s->nto < SEND_RCPT_MAX) {
			s->to[s->nto++] = optarg;
		} else {
			cli_usage(cli);
			return false;
		}
	}
	if (optind + 1 == argc)
		s->out.path = argv[optind];
	return true;
}

int
cli_send(const struct cli *cli, int argc, char **argv)
{
	struct send *s = xcalloc(1, sizeof(*s));
	int r = CLI_USAGE;

	s->out.noun = "message";
	s->out.done = "delivered";
	arena_init(&s->arena);
	if (send_options(cli, argc, argv, s))
		r = send_check(cli, s);
	if (r == CLI_OK)
		r = send_open(s);
	if (r == CLI_OK)
		r = send_message(s);
	if (s->file != NULL && s->file != s->spool.file)
		fclose(s->file);
	spool_done(&s->spool);
	arena_done(&s->arena);
	free(s);
	return r;
}
