#include "cli/queue_body.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/api_client.h"
#include "cli/text.h"
#include "queue/queue.h"

#define BODY_PIECE_MAX (4 << 20)

/* *RET_LEN 0, or *RET_CUT: that was the end. */
static int
qb_piece(const struct cli *cli, const char *id, uint64_t page,
	 queue_body_fn *fn, void *arg, size_t *ret_len, bool *ret_cut,
	 int *ret_error)
{
	char *path = xasprintf("queue/%s/body?page=%" PRIu64, id, page);
	struct buf piece;
	int r;

	buf_init(&piece, BODY_PIECE_MAX);
	r = api_fetch(cli, path, id, &piece, ret_cut);
	if (r == CLI_OK && piece.len > 0)
		*ret_error = fn(arg, buf_str(&piece), piece.len);
	*ret_len = piece.len;
	buf_done(&piece);
	free(path);
	return r;
}

int
queue_body_get(const struct cli *cli, const json_t *m, queue_body_fn *fn,
	       void *arg, int *ret_error)
{
	const char *id = api_str(m, "queue_id");
	int64_t size = api_int(m, "message_size"), got = 0;
	uint64_t page = 0;
	bool cut = false;
	size_t len = 1;

	*ret_error = 0;
	while (got < size && len > 0 && !cut && *ret_error == 0) {
		int r = qb_piece(cli, id, page, fn, arg, &len, &cut, ret_error);

		if (r != CLI_OK)
			return r;
		got += (int64_t)len;
		page += QUEUE_PIECE_PAGES;
	}
	if (got == size || *ret_error != 0)
		return CLI_OK;
	cli_say("%s: %" PRId64 " bytes instead of %" PRId64
		": what is stored is damaged",
		id, got, size);
	return CLI_WRONG;
}

/* --- show ------------------------------------------------------------------- */

static int
qb_print(void *arg, const char *data, size_t len)
{
	(void)arg;
	return fwrite(data, 1, len, stdout) == len ? 0 : -EIO;
}

static int
qb_print_text(void *arg, const char *data, size_t len)
{
	(void)arg;
	text_put_lines(data, len, stdout);
	return ferror(stdout) ? -EIO : 0;
}

int
queue_body_show(const struct cli *cli, const char *id)
{
	json_t *m = NULL;
	char *path;
	int error, r;

	if (!text_is_id(id)) {
		cli_say("`%s` is no id of a message; `belfry queue list` shows "
			"them",
			id);
		return CLI_USAGE;
	}
	path = xasprintf("queue/%s", id);
	r = api_call(cli, "GET", path, NULL, id, &m);
	free(path);
	if (r != CLI_OK)
		return r;
	r = queue_body_get(cli, m,
			   isatty(STDOUT_FILENO) ? qb_print_text : qb_print,
			   NULL, &error);
	json_decref(m);
	return r == CLI_OK && error < 0 ? CLI_WRONG : r;
}
