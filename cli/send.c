#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/xalloc.h"
#include "cli/drop_leave.h"
#include "cli/sendmail_conf.h"
#include "cli/submit_talk.h"
#include "cli/text.h"
#include "mail/address.h"
#include "queue/queue.h"

#define SEND_RCPT_MAX 1000

struct send {
	const char *from;
	const char *to[SEND_RCPT_MAX];
	size_t nto;
	bool wait;
	const char *path;
	FILE *file;
};

/* An answer that was not yes: 4xx is worth another try. */
static int
send_refused(const struct submit_talk *t, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "belfry: %s: ", what);
	if (t->code > 0)
		fprintf(stderr, "%d ", t->code);
	text_put(t->text, stderr);
	fputs("; nothing was submitted\n", stderr);
	if (t->code == 0 || t->code / 100 == 4)
		return CLI_LATER;
	return CLI_WRONG;
}

static int
send_envelope(const struct send *s, struct submit_talk *t)
{
	if (t->code != 220)
		return send_refused(t, "belfryd's greeting");
	if (talk_say(t, "EHLO localhost") != 250)
		return send_refused(t, "EHLO");
	if (talk_say(t, "MAIL FROM:<%s>", s->from) != 250)
		return send_refused(t, s->from[0] != '\0' ? s->from : "<>");
	for (size_t i = 0; i < s->nto; i++)
		if (talk_say(t, "RCPT TO:<%s>", s->to[i]) / 100 != 2)
			return send_refused(t, s->to[i]);
	if (talk_say(t, "DATA") != 354)
		return send_refused(t, "DATA");
	return CLI_OK;
}

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
send_message(const struct send *s, struct submit_talk *t)
{
	char id[QUEUE_ID_LEN] = "?";
	int r = send_envelope(s, t);

	if (r != CLI_OK)
		return r;
	r = talk_message(t, s->file, NULL);
	if (r < 0) {
		cli_say("can't read %s; nothing was submitted", s->path);
		return CLI_WRONG;
	}
	if (r == 0) {
		cli_say("belfryd went away before it answered; the message may "
			"or may not have been taken (`belfry queue list`)");
		return CLI_LATER;
	}
	if (r != 250)
		return send_refused(t, "the message");
	if (send_id(t) != NULL)
		snprintf(id, sizeof(id), "%s", send_id(t));
	printf("queued as %s\n", id);
	r = s->wait ? send_wait(t, id) : CLI_OK;
	if (t->code != 0)
		talk_say(t, "QUIT");
	return r;
}

/* Belfryd can't be reached, as ERROR says: it finds the message later. */
static int
send_leave(const struct send *s, const struct sendmail_conf *conf, int error)
{
	const struct drop_envelope env = {
		.sender = s->from,
		.mail_params = "",
		.rcpt_params = "",
		.nrcpt = s->nto,
		.rcpt = s->to,
	};
	int r = drop_leave(conf->drop_dir, &env, NULL, s->file);

	if (r == 0) {
		printf("belfryd can't be reached; left for it in %s\n",
		       conf->drop_dir);
		return CLI_OK;
	}
	cli_say("can't reach belfryd at %s: %s; is it running? Nor can the "
		"message be left in %s: %s; nothing was submitted",
		conf->submit_socket, strerror(-error), conf->drop_dir,
		strerror(-r));
	return CLI_UNREACHABLE;
}

static int
send_connect(const struct cli *cli, const struct send *s, struct arena *arena)
{
	struct sendmail_conf conf;
	const char *path;
	struct submit_talk talk;
	int r;

	r = sendmail_conf_get(cli, NULL, arena, &conf);
	if (r != CLI_OK)
		return r;
	path = conf.submit_socket;
	r = talk_open(&talk, path);
	if (r < 0 && r != -EACCES && !s->wait) {
		r = send_leave(s, &conf, r);
	} else if (r == 0) {
		r = send_message(s, &talk);
		talk_close(&talk);
	} else if (r == -EACCES) {
		cli_say("not allowed to use %s", path);
		r = CLI_NOT_ALLOWED;
	} else {
		cli_say("can't reach belfryd at %s: %s; is it running? Nothing "
			"was submitted",
			path, strerror(-r));
		r = CLI_UNREACHABLE;
	}
	return r;
}

/* Said here, with the option's name, rather than by the far end. */
static bool
send_address_ok(const char *option, const char *text, bool null_ok)
{
	const char *why = NULL;
	struct address address;
	struct arena arena;
	int r = 0;

	arena_init(&arena);
	if (text[0] != '\0' || !null_ok)
		r = address_parse(text, &arena, &address, &why);
	if (r < 0)
		cli_say("%s %s is no address: %s", option, text,
			why != NULL ? why : "not understood");
	arena_done(&arena);
	return r == 0;
}

static int
send_check(const struct cli *cli, const struct send *s)
{
	if (s->path == NULL || s->from == NULL || s->nto == 0)
		return cli_usage(cli);
	if (!send_address_ok("--from", s->from, true))
		return CLI_USAGE;
	for (size_t i = 0; i < s->nto; i++)
		if (!send_address_ok("--to", s->to[i], false))
			return CLI_USAGE;
	return CLI_OK;
}

static int
send_with(const struct cli *cli, const struct send *s)
{
	struct arena arena;
	int r;

	arena_init(&arena);
	r = send_connect(cli, s, &arena);
	arena_done(&arena);
	return r;
}

static int
send_file(const struct cli *cli, struct send *s)
{
	int r;

	if (strcmp(s->path, "-") == 0) {
		s->file = stdin;
		return send_with(cli, s);
	}
	s->file = fopen(s->path, "re");
	if (s->file == NULL) {
		cli_say("can't read %s: %s", s->path, strerror(errno));
		return CLI_USAGE;
	}
	r = send_with(cli, s);
	fclose(s->file);
	return r;
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

	if (send_options(cli, argc, argv, s))
		r = send_check(cli, s);
	if (r == CLI_OK)
		r = send_file(cli, s);
	free(s);
	return r;
}
