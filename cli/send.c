#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/xalloc.h"
#include "cli/sendmail_conf.h"
#include "cli/spool.h"
#include "cli/submission.h"
#include "cli/text.h"
#include "mail/submit_header.h"
#include "queue/queue.h"

#define SEND_RCPT_MAX 1000

struct send {
	const char *from;
	const char *to[SEND_RCPT_MAX];
	size_t nto;
	bool wait;
	const char *path;
	struct arena arena;
	struct sendmail_conf conf;
	struct spool spool; /* of standard input */
	FILE *file;         /* owned when it has a name */
};

/* An answer that was not yes: 4xx is worth another try. */
static int
send_refused(const struct submit_talk *t, enum submission_step step,
	     const char *what, bool later)
{
	(void)step;
	fflush(stdout);
	fprintf(stderr, "belfry: %s: %d ", what, t->code);
	text_put(t->text, stderr);
	fputs("; nothing was submitted\n", stderr);
	return later ? SUBMISSION_LATER : CLI_WRONG;
}

/* --- belfryd is away ---------------------------------------------------------- */

/* OPENED: it was there at first. */
static int
send_gone(const struct send *s, struct submission *m, bool opened)
{
	int r = s->wait ? 0 : submission_leave(m, s->conf.drop_dir);

	if (!s->wait && r == 0) {
		printf("belfryd can't be reached; left for it in %s\n",
		       s->conf.drop_dir);
		return CLI_OK;
	}
	submission_say_gone(m, "belfry");
	if (r < 0)
		fprintf(stderr, "nor leave the message in %s: %s; ",
			s->conf.drop_dir, strerror(-r));
	if (m->unsure)
		fputs("the message may or may not have been taken (`belfry "
		      "queue list`)\n",
		      stderr);
	else
		fprintf(stderr, "%snothing was submitted\n",
			opened ? "" : "is it running? ");
	return opened ? CLI_LATER : CLI_UNREACHABLE;
}

/* --- it was taken ------------------------------------------------------------- */

/* "2.0.0 queued as ID". */
static const char *
send_id(const struct submit_talk *t)
{
	const char *as = strstr(t->text, "queued as ");

	as = as != NULL ? as + strlen("queued as ") : "";
	return text_is_id(as) ? as : NULL;
}

static int
send_wait(struct submit_talk *t, const char *id)
{
	int code;

	talk_wait(t);
	code = talk_say(t, "XOUTCOME %s", id);

	if (code == 250) {
		puts("delivered");
		return CLI_OK;
	}
	fflush(stdout);
	if (code == 0)
		fprintf(stderr,
			"belfry: belfryd went away before the fate of %s was "
			"known; it keeps the message",
			id);
	else
		fprintf(stderr, "belfry: %s: ", id);
	if (code != 0)
		text_put(t->text, stderr);
	fputc('\n', stderr);
	return code == 0 ? CLI_LATER : CLI_WRONG;
}

static int
send_taken(const struct send *s, struct submit_talk *t)
{
	char id[QUEUE_ID_LEN] = "?";
	int r;

	if (send_id(t) != NULL)
		snprintf(id, sizeof(id), "%s", send_id(t));
	printf("queued as %s\n", id);
	r = s->wait ? send_wait(t, id) : CLI_OK;
	if (t->code != 0)
		talk_say(t, "QUIT");
	return r;
}

/* --- the message -------------------------------------------------------------- */

static int
send_talk(const struct send *s, struct submission *m)
{
	struct submit_talk talk;
	int r = submission_open(m, s->conf.submit_socket, &talk);

	if (r == SUBMISSION_NOT_ALLOWED) {
		cli_say("not allowed to use %s; nothing was submitted",
			s->conf.submit_socket);
		return CLI_NOT_ALLOWED;
	}
	if (r == SUBMISSION_GONE)
		return send_gone(s, m, false);
	r = submission_say(m, &talk);
	if (r == SUBMISSION_TAKEN)
		r = send_taken(s, &talk);
	talk_close(&talk);
	if (r == SUBMISSION_GONE)
		return send_gone(s, m, true);
	if (r != SUBMISSION_UNREADABLE)
		return r;
	cli_say("can't read %s; nothing was submitted", s->path);
	return CLI_WRONG;
}

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
	m->refused = send_refused;
	r = send_talk(s, m);
	free(m);
	return r;
}

/* A pipe can be read only once. */
static int
send_open(struct send *s)
{
	int r;

	if (strcmp(s->path, "-") != 0) {
		s->file = fopen(s->path, "re");
		r = s->file != NULL ? 0 : -errno;
	} else {
		r = spool_keep(&s->spool, stdin);
		s->file = s->spool.file;
	}
	if (r == 0)
		return CLI_OK;
	cli_say("can't read %s: %s; nothing was submitted", s->path,
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
	if (s->path == NULL || s->from == NULL || s->nto == 0)
		return cli_usage(cli);
	if (s->from[0] != '\0' && !send_address(s, "--from", &s->from))
		return CLI_USAGE;
	for (size_t i = 0; i < s->nto; i++)
		if (!send_address(s, "--to", &s->to[i]))
			return CLI_USAGE;
	return sendmail_conf_get(cli, NULL, &s->arena, &s->conf);
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
			s->wait = true;
		} else if (c == 't' && s->nto < SEND_RCPT_MAX) {
			s->to[s->nto++] = optarg;
		} else {
			cli_usage(cli);
			return false;
		}
	}
	if (optind + 1 == argc)
		s->path = argv[optind];
	return true;
}

int
cli_send(const struct cli *cli, int argc, char **argv)
{
	struct send *s = xcalloc(1, sizeof(*s));
	int r = CLI_USAGE;

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
