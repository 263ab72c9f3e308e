#include "cli/queue_filter.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/must.h"
#include "cli/api_client.h"
#include "cli/text.h"

#define QUERY_MAX 65536

void
queue_filter_init(struct queue_filter_args *f)
{
	memset(f, 0, sizeof(*f));
	buf_init(&f->query, QUERY_MAX);
}

void
queue_filter_done(struct queue_filter_args *f)
{
	buf_done(&f->query);
}

static int
qf_add(struct queue_filter_args *f, const char *name, const char *value)
{
	f->some = true;
	if (api_add_query(&f->query, name, value) == 0)
		return 0;
	cli_say("the filter is too long");
	return CLI_USAGE;
}

static int
qf_older(struct queue_filter_args *f, const char *text)
{
	char before[TEXT_MAX];
	int64_t ms;

	if (conf_parse_time(text, &ms) < 0 || ms >= text_now()) {
		cli_say("`%s` is no time; write for example 30m, 4h or 5d",
			text);
		return CLI_USAGE;
	}
	snprintf(before, sizeof(before), "%" PRId64, text_now() - ms);
	return qf_add(f, "before_ms", before);
}

static int
qf_once(struct queue_filter_args *f, int c)
{
	static const struct option options[] = {QUEUE_FILTER_OPTIONS,
						{NULL, 0, NULL, 0}};
	const struct option *o = options;
	size_t n = strlen(f->given);

	while (o->name != NULL && o->val != c)
		o++;
	if (o->name == NULL)
		return CLI_OK;
	if (strchr(f->given, c) != NULL) {
		cli_say("--%s can be given only once%s", o->name,
			o->has_arg == no_argument || c == 'O'
				? ""
				: "; for several values run it once for each, "
				  "or take an /expression/");
		return CLI_USAGE;
	}
	must(n + 1 < sizeof(f->given));
	f->given[n] = (char)c;
	return CLI_OK;
}

int
queue_filter_option(const struct cli *cli, struct queue_filter_args *f, int c,
		    const char *arg)
{
	if (qf_once(f, c) != CLI_OK)
		return CLI_USAGE;
	/* A variable of a script that is not set. */
	if (arg != NULL && arg[0] == '\0' && c == 'F') {
		cli_say("--from is empty; write `<>` for the null sender");
		return CLI_USAGE;
	}
	switch (c) {
	case 'T':
		return qf_add(f, "to", arg);
	case 'F':
		return qf_add(f, "sender", arg);
	case 'D':
		return qf_add(f, "dest", arg);
	case 'O':
		return qf_older(f, arg);
	case 'H':
		return qf_add(f, "held", "1");
	case 'C':
		return qf_add(f, "corrupt", "1");
	case 'A':
		f->all = true;
		return qf_add(f, "all", "1");
	default:
		return cli_usage(cli);
	}
}

int
queue_filter_or_ids(const struct cli *cli, const struct queue_filter_args *f,
		    int nids, char **ids)
{
	if (f->some == (nids > 0)) {
		if (f->some)
			cli_say("give ids or a filter, not both");
		return cli_usage(cli);
	}
	for (int i = 0; i < nids; i++) {
		if (text_is_id(ids[i]))
			continue;
		cli_say("`%s` is no id of a message; `belfry queue list` shows "
			"them",
			ids[i]);
		return CLI_USAGE;
	}
	return CLI_OK;
}

/* --- how far it is ---------------------------------------------------------- */

void
queue_progress_begin(const struct cli *cli, struct queue_progress *p,
		     const char *what)
{
	json_t *status = NULL;

	*p = (struct queue_progress){.what = what};
	p->show = isatty(STDERR_FILENO);
	if (!p->show)
		return;
	if (api_call(cli, "GET", "status", NULL, NULL, &status) == CLI_OK)
		p->all = api_int(json_object_get(status, "queue"), "messages");
	json_decref(status);
	queue_progress_show(p);
}

void
queue_progress_show(const struct queue_progress *p)
{
	if (!p->show)
		return;
	fprintf(stderr,
		"\r%" PRId64 " of %" PRId64 " messages looked at, %" PRId64
		" %s\033[K",
		p->looked, p->looked > p->all ? p->looked : p->all, p->done,
		p->what);
	fflush(stderr);
}

void
queue_progress_end(const struct queue_progress *p)
{
	if (p->show)
		fputs("\r\033[K", stderr);
}
