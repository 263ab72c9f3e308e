/*
 * queue_export - messages as files: ID.eml as it is stored, ID.json as the API
 * lists it.
 *
 * A file gets its name when all of it is written, the envelope after the
 * content; what can be read of a damaged one is ID.damaged.eml. What a page
 * brought is on the disk before the next one is asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/api_client.h"
#include "cli/queue_body.h"
#include "cli/queue_filter.h"
#include "cli/text.h"

struct qe {
	const struct cli *cli;
	const char *dir;
	int dir_fd;
	bool json;
	struct queue_filter_args filter;
	struct queue_progress progress;
	int64_t exported, bytes, damaged, gone, failed;
	int status; /* of the first that went wrong */
};

/* --- a file ----------------------------------------------------------------- */

static int
qe_write(void *arg, const char *data, size_t len)
{
	const int *fd = arg;

	while (len > 0) {
		ssize_t n = write(*fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int
qe_failed(struct qe *qe, const char *name, int error)
{
	cli_say("%s/%s: %s", qe->dir, name, strerror(-error));
	return CLI_WRONG;
}

/* NAME appears; not when it is NULL, or what was begun is not all there. */
static int
qe_end(struct qe *qe, int fd, const char *part, const char *name)
{
	int error = 0, r = CLI_OK;

	if (close(fd) < 0)
		error = -errno;
	if (name != NULL && error == 0 &&
	    renameat(qe->dir_fd, part, qe->dir_fd, name) < 0)
		error = -errno;
	if (name != NULL && error < 0)
		r = qe_failed(qe, name, error);
	if (name == NULL || r != CLI_OK)
		unlinkat(qe->dir_fd, part, 0);
	return r;
}

/* A file of that name that is not ours to write is never followed. */
static int
qe_begin(struct qe *qe, const char *part)
{
	int fd;

	unlinkat(qe->dir_fd, part, 0);
	fd = openat(qe->dir_fd, part,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		qe_failed(qe, part, -errno);
	return fd;
}

/* Of a damaged one what can be read, under another name: *RET_DAMAGED. */
static int
qe_content(struct qe *qe, const json_t *m, const char *id, bool *ret_damaged)
{
	char *part = xasprintf("%s.eml.part", id), *name = NULL;
	int fd = qe_begin(qe, part), r = CLI_WRONG, error, end;

	if (fd >= 0) {
		r = queue_body_get(qe->cli, m, qe_write, &fd, &error);
		*ret_damaged = r == CLI_WRONG;
		if (r == CLI_OK && error < 0)
			r = qe_failed(qe, part, error);
		else if (r == CLI_OK || r == CLI_WRONG)
			name = xasprintf("%s%s.eml", id,
					 r == CLI_OK ? "" : ".damaged");
		end = qe_end(qe, fd, part, name);
		*ret_damaged = *ret_damaged && end == CLI_OK;
		r = r != CLI_OK ? r : end;
	}
	free(name);
	free(part);
	return r;
}

static int
qe_envelope(struct qe *qe, const json_t *m, const char *id)
{
	char *name = xasprintf("%s.json", id);
	char *part = xasprintf("%s.json.part", id);
	char *text = json_dumps(m, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	int fd = qe_begin(qe, part), r = CLI_WRONG, error;

	if (fd >= 0) {
		error = qe_write(&fd, text, strlen(text));
		if (error == 0)
			error = qe_write(&fd, "\n", 1);
		r = error < 0 ? qe_failed(qe, part, error) : CLI_OK;
		if (qe_end(qe, fd, part, r == CLI_OK ? name : NULL) != CLI_OK)
			r = CLI_WRONG;
	}
	free(text);
	free(name);
	free(part);
	return r;
}

/* --- a message -------------------------------------------------------------- */

/* False: the others would fail alike. */
static bool
qe_message(struct qe *qe, const json_t *m)
{
	const char *id = api_str(m, "queue_id");
	bool damaged = false;
	int r = qe_content(qe, m, id, &damaged);

	if (r == CLI_OK)
		r = qe_envelope(qe, m, id);
	else if (damaged && qe_envelope(qe, m, id) != CLI_OK)
		damaged = false;
	if (damaged) {
		qe->damaged++;
	} else if (r == CLI_OK) {
		qe->exported++;
		qe->bytes += api_int(m, "message_size");
	} else if (r == CLI_NO_ID) {
		qe->gone++;
	} else {
		qe->failed++;
	}
	if (qe->status == CLI_OK && r != CLI_NO_ID)
		qe->status = r;
	return r != CLI_NOT_ALLOWED && r != CLI_UNREACHABLE &&
	       r != CLI_CONFIG && r != CLI_LATER;
}

/* All that was written so far, and its names. */
static void
qe_sync(struct qe *qe)
{
	if (syncfs(qe->dir_fd) == 0)
		return;
	qe_failed(qe, ".", -errno);
	qe->status = CLI_WRONG;
}

static void
qe_ids(struct qe *qe, int n, char **ids)
{
	bool more = true;

	for (int i = 0; i < n && more; i++) {
		char *path = xasprintf("queue/%s?whole=1", ids[i]);
		json_t *m = NULL;
		int r = api_call(qe->cli, "GET", path, NULL, ids[i], &m);

		free(path);
		if (r == CLI_OK)
			more = qe_message(qe, m);
		else if (qe->status == CLI_OK)
			qe->status = r;
		json_decref(m);
	}
	qe_sync(qe);
}

static bool
qe_page(struct qe *qe, const json_t *page)
{
	const json_t *m;
	bool more = true;
	size_t i;

	json_array_foreach(json_object_get(page, "messages"), i, m)
	{
		more = more && qe_message(qe, m);
		qe->progress.done = qe->exported;
		queue_progress_show(&qe->progress);
	}
	qe_sync(qe);
	qe->progress.looked += api_int(page, "looked");
	queue_progress_show(&qe->progress);
	return more;
}

static void
qe_pages(struct qe *qe)
{
	const char *query = buf_str(&qe->filter.query);
	char *path = xasprintf("queue?whole=1&limit=1000%s", query);
	bool more = true;

	queue_progress_begin(qe->cli, &qe->progress, "exported");
	while (path != NULL && more) {
		json_t *page = NULL;
		const char *next;
		int r = api_call(qe->cli, "GET", path, NULL, NULL, &page);

		free(path);
		if (r != CLI_OK && qe->status == CLI_OK)
			qe->status = r;
		more = r == CLI_OK && qe_page(qe, page);
		next = api_str(page, "next");
		path = next[0] != '\0'
			       ? xasprintf("queue?whole=1&limit=1000&from=%s%s",
					   next, query)
			       : NULL;
		json_decref(page);
	}
	free(path);
	queue_progress_end(&qe->progress);
}

/* --- the command ------------------------------------------------------------ */

static void
qe_say(const struct qe *qe)
{
	char size[TEXT_MAX];

	text_size(qe->bytes, size);
	printf("%" PRId64 " message%s exported to ", qe->exported,
	       qe->exported == 1 ? "" : "s");
	text_put(qe->dir, stdout);
	printf(", %s", size);
	if (qe->damaged > 0)
		printf("; %" PRId64 " DAMAGED, what can be read of %s",
		       qe->damaged, qe->damaged == 1 ? "it" : "them");
	if (qe->gone > 0)
		printf("; %" PRId64 " gone meanwhile", qe->gone);
	if (qe->failed > 0)
		printf("; %" PRId64 " FAILED", qe->failed);
	putchar('\n');
}

static void
qe_print_json(const struct qe *qe)
{
	json_t *json = json_pack(
		"{s:I, s:I, s:I, s:I, s:I}", "exported",
		(json_int_t)qe->exported, "bytes", (json_int_t)qe->bytes,
		"damaged", (json_int_t)qe->damaged, "gone",
		(json_int_t)qe->gone, "failed", (json_int_t)qe->failed);

	api_print_line(json);
	json_decref(json);
}

/* Others must not read mail there. */
static int
qe_open_dir(struct qe *qe)
{
	if (mkdir(qe->dir, 0700) < 0 && errno != EEXIST) {
		cli_say("%s: %s", qe->dir, strerror(errno));
		return CLI_WRONG;
	}
	qe->dir_fd = open(qe->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (qe->dir_fd >= 0)
		return CLI_OK;
	cli_say("%s: %s", qe->dir, strerror(errno));
	return CLI_WRONG;
}

static int
qe_options(struct qe *qe, int argc, char **argv)
{
	static const struct option options[] = {
		QUEUE_FILTER_OPTIONS,
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int c, r = CLI_OK;

	while (r == CLI_OK &&
	       (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			qe->json = true;
		else
			r = queue_filter_option(qe->cli, &qe->filter, c,
						optarg);
	}
	if (r != CLI_OK)
		return r;
	if (optind == argc)
		return cli_usage(qe->cli);
	qe->dir = argv[optind++];
	return queue_filter_or_ids(qe->cli, &qe->filter, argc - optind,
				   argv + optind);
}

int
cli_queue_export(const struct cli *cli, int argc, char **argv)
{
	struct qe qe = {.cli = cli, .dir_fd = -1};
	int r;

	queue_filter_init(&qe.filter);
	r = qe_options(&qe, argc, argv);
	if (r == CLI_OK)
		r = qe_open_dir(&qe);
	if (r == CLI_OK) {
		if (qe.filter.some)
			qe_pages(&qe);
		else
			qe_ids(&qe, argc - optind, argv + optind);
		if (qe.json)
			qe_print_json(&qe);
		else
			qe_say(&qe);
		close(qe.dir_fd);
		r = qe.status;
	}
	queue_filter_done(&qe.filter);
	return r;
}
