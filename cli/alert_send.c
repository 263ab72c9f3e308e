/*
 * alert_send - an alert of a program or person on this machine: submitted like a
 * message, and left for belfryd while it is away.
 */
#include <getopt.h>
#include <jansson.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert/labels.h"
#include "base/arena.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "cli/send_out.h"
#include "cli/text.h"
#include "deliver/route.h"
#include "mail/submit_header.h"

#define AS_TEXT_MAX 8000 /* bytes of a value */
#define AS_RCPT     "alert@" ROUTE_ALERT_DOMAIN

struct as {
	const struct cli *cli;
	json_t *alert, *labels; /* owned; LABELS is of ALERT */
	bool wait;
	struct arena arena;
};

/* True, or why not was said. */
static bool
as_is_text(const char *option, const char *value)
{
	if (utf8_is_valid(value) && strlen(value) <= AS_TEXT_MAX)
		return true;
	cli_say("--%s is no UTF-8, or longer than %d bytes", option,
		AS_TEXT_MAX);
	return false;
}

static bool
as_label(struct as *as, char *text)
{
	char *value = strchr(text, '=');

	if (value != NULL)
		*value++ = '\0';
	if (value == NULL || !label_name_is_valid(text)) {
		cli_say("--label wants NAME=VALUE, and a NAME of letters, "
			"digits and `_`");
		return false;
	}
	if (!as_is_text("label", value))
		return false;
	json_object_set_new(as->labels, text, json_string(value));
	return true;
}

static bool
as_set(struct as *as, const char *option, const char *value)
{
	if (!as_is_text(option, value))
		return false;
	json_object_set_new(as->alert, option, json_string(value));
	return true;
}

static bool
as_has(const struct as *as, const char *option)
{
	const char *text =
		json_string_value(json_object_get(as->alert, option));

	return text != NULL && text[0] != '\0';
}

static int
as_options(struct as *as, int argc, char **argv)
{
	static const struct option options[] = {
		{"title", required_argument, NULL, 's'},
		{"text", required_argument, NULL, 's'},
		{"severity", required_argument, NULL, 's'},
		{"key", required_argument, NULL, 's'},
		{"url", required_argument, NULL, 's'},
		{"source", required_argument, NULL, 's'},
		{"label", required_argument, NULL, 'l'},
		{"resolve", no_argument, NULL, 'r'},
		{"wait", no_argument, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	int c, at = 0;

	while ((c = getopt_long(argc, argv, "", options, &at)) != -1) {
		if (c == 's' && !as_set(as, options[at].name, optarg))
			return CLI_USAGE;
		if (c == 'l' && !as_label(as, optarg))
			return CLI_USAGE;
		if (c == 'r')
			as_set(as, "status", "resolved");
		if (c == 'w')
			as->wait = true;
		if (c == '?')
			return cli_usage(as->cli);
	}
	if (optind != argc)
		return cli_extra(as->cli, argv[optind]);
	if (as_has(as, "title") || as_has(as, "key"))
		return CLI_OK;
	cli_say("say what it is about, with --title");
	return cli_usage(as->cli);
}

/* Who hears of it when it can't be taken; belfryd completes the name. */
static const char *
as_sender(struct as *as, const char *origin)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *why, *address = NULL;

	if (pw != NULL)
		address = submit_address(pw->pw_name, origin, &as->arena, &why);
	return address != NULL ? address : "";
}

static int
as_submit(struct as *as, FILE *content)
{
	const char *rcpt = AS_RCPT;
	struct submission *m = xcalloc(1, sizeof(*m));
	struct send_out out = {
		.noun = "alert",
		.done = "taken",
		.path = "the alert",
		.wait = as->wait,
	};
	int r = sendmail_conf_get(as->cli, NULL, &as->arena, &out.conf);

	m->env = (struct drop_envelope){
		.sender = r == CLI_OK ? as_sender(as, out.conf.origin) : "",
		.mail_params = "",
		.rcpt_params = "",
		.nrcpt = 1,
		.rcpt = &rcpt,
	};
	m->body = content;
	if (r == CLI_OK)
		r = send_out(&out, m);
	free(m);
	return r;
}

static int
as_send(struct as *as)
{
	FILE *content = tmpfile();
	int r;

	if (content == NULL) {
		cli_say("can't make a file in the folder for temporary ones");
		return CLI_WRONG;
	}
	fputs("Content-Type: application/json\n\n", content);
	json_dumpf(as->alert, content,
		   JSON_INDENT(1) | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
	putc('\n', content);
	r = fflush(content) == 0 ? as_submit(as, content) : CLI_WRONG;
	fclose(content);
	return r;
}

int
cli_alert_send(const struct cli *cli, int argc, char **argv)
{
	struct as as = {
		.cli = cli,
		.alert = json_object(),
		.labels = json_object(),
	};
	int r;

	arena_init(&as.arena);
	json_object_set_new(as.alert, "labels", as.labels);
	r = as_options(&as, argc, argv);
	if (r == CLI_OK)
		r = as_send(&as);
	json_decref(as.alert);
	arena_done(&as.arena);
	return r;
}
