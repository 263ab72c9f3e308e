/*
 * queue_act - what is done with messages: those that are named, or all that a
 * filter means, a page at a time.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/api_client.h"
#include "cli/queue_filter.h"
#include "cli/text.h"

struct qa {
	const struct cli *cli;
	const char *action, *done; /* "hold", "held" */
	struct queue_filter_args filter;
	bool json, yes;
	/* By a filter: sums of all pages. */
	int64_t looked, matched, recipients;
	int64_t n_done, already, held, busy, gone, kept, failed;
	char error[128]; /* of the last that failed */
};

/* --- by id ------------------------------------------------------------------ */

static int
qa_one(struct qa *qa, const char *id)
{
	bool remove = strcmp(qa->action, "remove") == 0;
	char *path = remove ? xasprintf("queue/%s", id)
			    : xasprintf("queue/%s/%s", id, qa->action);
	json_t *answer = NULL;
	int r = api_call(qa->cli, remove ? "DELETE" : "POST", path, NULL, id,
			 &answer);

	if (r == CLI_OK && qa->json)
		api_print_line(answer);
	else if (r == CLI_OK)
		printf("%s: %s%s\n", id,
		       strcmp(api_str(answer, "result"), "already") == 0
			       ? "already "
			       : "",
		       qa->done);
	json_decref(answer);
	free(path);
	return r;
}

/* All of them; the first that goes wrong gives the exit status. */
static int
qa_ids(struct qa *qa, int n, char **ids)
{
	int status = CLI_OK;

	for (int i = 0; i < n; i++) {
		int r = qa_one(qa, ids[i]);

		if (status == CLI_OK)
			status = r;
		if (r == CLI_UNREACHABLE || r == CLI_NOT_ALLOWED ||
		    r == CLI_CONFIG)
			break; /* the others would only say it again */
	}
	return status;
}

/* --- by a filter ------------------------------------------------------------ */

static void
qa_add_page(struct qa *qa, const json_t *page)
{
	qa->looked += api_int(page, "looked");
	qa->matched += api_int(page, "matched");
	qa->recipients += api_int(page, "recipients");
	qa->n_done += api_int(page, "done");
	qa->already += api_int(page, "already");
	qa->held += api_int(page, "held");
	qa->busy += api_int(page, "busy");
	qa->gone += api_int(page, "gone");
	qa->kept += api_int(page, "kept");
	qa->failed += api_int(page, "failed");
	if (api_int(page, "failed") > 0)
		snprintf(qa->error, sizeof(qa->error), "%s",
			 api_str(page, "error"));
}

static int
qa_pages(struct qa *qa, const char *action, struct queue_progress *p)
{
	char *from = xstrdup("");
	int r = CLI_OK;

	while (from != NULL && r == CLI_OK) {
		json_t *page = NULL;
		const char *next;
		char *path = xasprintf("queue?action=%s%s%s", action, from,
				       buf_str(&qa->filter.query));

		r = api_call(qa->cli, "POST", path, NULL, NULL, &page);
		free(path);
		free(from);
		qa_add_page(qa, page);
		p->looked = qa->looked;
		p->done =
			strcmp(action, "count") == 0 ? qa->matched : qa->n_done;
		queue_progress_show(p);
		next = api_str(page, "next");
		from = next[0] != '\0' ? xasprintf("&from=%s", next) : NULL;
		json_decref(page);
	}
	free(from);
	queue_progress_end(p);
	return r;
}

static void
qa_say(const struct qa *qa)
{
	printf("%" PRId64 " message%s %s", qa->n_done,
	       qa->n_done == 1 ? "" : "s", qa->done);
	if (qa->already > 0)
		printf("; %" PRId64 " already %s", qa->already, qa->done);
	if (qa->held > 0)
		printf("; %" PRId64 " held, which must be released first",
		       qa->held);
	if (qa->gone > 0)
		printf("; %" PRId64 " gone meanwhile", qa->gone);
	if (qa->kept > 0)
		printf("; %" PRId64 " over, which are only kept", qa->kept);
	printf(" (%" PRId64 " looked at)\n", qa->looked);
}

static void
qa_print_json(const struct qa *qa)
{
	json_t *json = json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"action", qa->action, "looked", (json_int_t)qa->looked,
		"matched", (json_int_t)qa->matched, "recipients",
		(json_int_t)qa->recipients, "done", (json_int_t)qa->n_done,
		"already", (json_int_t)qa->already, "held",
		(json_int_t)qa->held, "busy", (json_int_t)qa->busy, "gone",
		(json_int_t)qa->gone, "kept", (json_int_t)qa->kept, "failed",
		(json_int_t)qa->failed);

	api_print_line(json);
	json_decref(json);
}

static int
qa_filter(struct qa *qa)
{
	struct queue_progress p;
	int r;

	queue_progress_begin(qa->cli, &p, qa->done);
	r = qa_pages(qa, qa->action, &p);
	/* What was done is said, whatever came then. */
	if (qa->json)
		qa_print_json(qa);
	else if (r == CLI_OK || qa->looked > 0)
		qa_say(qa);
	if (qa->failed > 0)
		cli_say("%" PRId64 " could not be %s: %s; `belfry queue list "
			"--corrupt` shows what is damaged",
			qa->failed, qa->done, qa->error);
	if (qa->busy > 0)
		cli_say("%" PRId64 " could not be %s, since a delivery is "
			"under way; try again, or hold them first",
			qa->busy, qa->done);
	if (r == CLI_OK && qa->failed > 0)
		r = CLI_WRONG;
	return r == CLI_OK && qa->busy > 0 ? CLI_LATER : r;
}

/* --- asked first ------------------------------------------------------------ */

static bool
qa_confirmed(int64_t messages, int64_t recipients)
{
	char answer[16];

	printf("Remove %" PRId64 " message%s", messages,
	       messages == 1 ? "" : "s");
	if (recipients > 0)
		printf(" (%" PRId64 " recipient%s)", recipients,
		       recipients == 1 ? "" : "s");
	printf(" for good, without telling the sender? [y/N] ");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

/* On a terminal; elsewhere --yes must say it. */
static int
qa_confirm(struct qa *qa, int nids)
{
	struct qa count = *qa;
	struct queue_progress p;
	int r;

	if (!isatty(STDIN_FILENO)) {
		cli_say("say --yes to remove without being asked");
		return CLI_USAGE;
	}
	if (nids > 0)
		return qa_confirmed(nids, 0) ? CLI_OK : CLI_USAGE;
	queue_progress_begin(qa->cli, &p, "meant");
	r = qa_pages(&count, "count", &p);
	if (r != CLI_OK)
		return r;
	if (count.matched > 0 && !qa_confirmed(count.matched, count.recipients))
		return CLI_USAGE;
	return CLI_OK;
}

/* --- the commands ----------------------------------------------------------- */

static int
qa_options(struct qa *qa, int argc, char **argv)
{
	static const struct option options[] = {
		QUEUE_FILTER_OPTIONS,
		{"json", no_argument, NULL, 'j'},
		{"yes", no_argument, NULL, 'y'}, /* the last: of remove */
		{NULL, 0, NULL, 0},
	};
	bool remove = strcmp(qa->action, "remove") == 0;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j') {
			qa->json = true;
		} else if (c == 'y' && remove) {
			qa->yes = true;
		} else {
			r = queue_filter_option(qa->cli, &qa->filter, c,
						optarg);
			if (r != CLI_OK)
				return r;
		}
	}
	r = queue_filter_or_ids(qa->cli, &qa->filter, argc - optind,
				argv + optind);
	if (r == CLI_OK && remove && !qa->yes)
		r = qa_confirm(qa, argc - optind);
	return r;
}

static int
qa_command(const struct cli *cli, int argc, char **argv, const char *action,
	   const char *done)
{
	struct qa qa = {.cli = cli, .action = action, .done = done};
	int r;

	queue_filter_init(&qa.filter);
	r = qa_options(&qa, argc, argv);
	if (r == CLI_OK && qa.filter.some)
		r = qa_filter(&qa);
	else if (r == CLI_OK)
		r = qa_ids(&qa, argc - optind, argv + optind);
	queue_filter_done(&qa.filter);
	return r;
}

int
cli_queue_hold(const struct cli *cli, int argc, char **argv)
{
	return qa_command(cli, argc, argv, "hold", "held");
}

int
cli_queue_release(const struct cli *cli, int argc, char **argv)
{
	return qa_command(cli, argc, argv, "release", "released");
}

int
cli_queue_flush(const struct cli *cli, int argc, char **argv)
{
	return qa_command(cli, argc, argv, "flush", "tried now");
}

int
cli_queue_requeue(const struct cli *cli, int argc, char **argv)
{
	return qa_command(cli, argc, argv, "requeue", "made ready");
}

int
cli_queue_remove(const struct cli *cli, int argc, char **argv)
{
	return qa_command(cli, argc, argv, "remove", "removed");
}
