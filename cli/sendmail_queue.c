/* -bp and -q, through the admin socket: who may is the operator. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/xalloc.h"
#include "cli/api_client.h"
#include "cli/sendmail.h"
#include "cli/text.h"

#define SQ_PAGE 500
/* The columns of Postfix's listing with long ids; reasons end at the edge. */
#define SQ_ROW   "%-17s %8s %-19s "
#define SQ_WIDTH 80

struct sq_sum {
	size_t messages;
	int64_t bytes;
};

typedef int sq_each_fn(struct sendmail *sm, struct sq_sum *sum,
		       const json_t *message);

/* Page after page; 0 or the exit status. */
static int
sq_walk(struct sendmail *sm, struct sq_sum *sum, sq_each_fn *each)
{
	char *path = xasprintf("queue?limit=%d", SQ_PAGE);
	int r = 0;

	while (r == 0 && path != NULL) {
		json_t *page = NULL;
		const char *next;
		const json_t *m;
		size_t i;

		r = api_call(sm->cli, "GET", path, NULL, NULL, &page);
		free(path);
		path = NULL;
		json_array_foreach(json_object_get(page, "messages"), i, m)
		{
			if (r == 0)
				r = each(sm, sum, m);
		}
		next = api_str(page, "next");
		if (next[0] != '\0')
			path = xasprintf("queue?from=%s&limit=%d", next,
					 SQ_PAGE);
		json_decref(page);
	}
	free(path);
	return r;
}

/* --- -bp: as scripts read Postfix's ------------------------------------------ */

static void
sq_print_rcpt(const json_t *rcpt, const char **last)
{
	const char *reason = api_str(rcpt, "delay_reason");
	int pad = SQ_WIDTH - 2 - (int)strlen(reason);

	if (reason[0] != '\0' && strcmp(reason, *last) != 0) {
		printf("%*s(", pad > 0 ? pad : 0, "");
		text_put(reason, stdout);
		puts(")");
	}
	*last = reason;
	printf(SQ_ROW, "", "", "");
	text_put(api_str(rcpt, "address"), stdout);
	putchar('\n');
}

/* "*" is on its way, "!" is held. */
static const char *
sq_mark(const json_t *m)
{
	const char *queue = api_str(m, "queue_name");

	if (strcmp(queue, "hold") == 0)
		return "!";
	return strcmp(queue, "active") == 0 ? "*" : "";
}

static void
sq_print(const json_t *m)
{
	time_t arrival = (time_t)api_int(m, "arrival_time");
	const json_t *rcpts = json_object_get(m, "recipients"), *rcpt;
	const char *sender = api_str(m, "sender"), *last = "";
	char id[TEXT_MAX], size[TEXT_MAX], when[TEXT_MAX] = "?";
	struct tm tm;
	size_t i;

	if (localtime_r(&arrival, &tm) != NULL)
		strftime(when, sizeof(when), "%a %b %e %H:%M:%S", &tm);
	snprintf(id, sizeof(id), "%s%s", api_str(m, "queue_id"), sq_mark(m));
	snprintf(size, sizeof(size), "%" PRId64, api_int(m, "message_size"));
	printf(SQ_ROW, id, size, when);
	text_put(sender[0] != '\0' ? sender : "MAILER-DAEMON", stdout);
	putchar('\n');
	json_array_foreach(rcpts, i, rcpt) sq_print_rcpt(rcpt, &last);
	putchar('\n');
}

static int
sq_list_one(struct sendmail *sm, struct sq_sum *sum, const json_t *m)
{
	(void)sm;
	if (strcmp(api_str(m, "queue_name"), "kept") == 0)
		return 0; /* it is over */
	if (sum->messages++ == 0)
		printf(SQ_ROW "%s\n", "----Queue ID-----", "--Size--",
		       "---Arrival Time----", "--Sender/Recipient------");
	sum->bytes += api_int(m, "message_size");
	sq_print(m);
	return 0;
}

int
sendmail_list(struct sendmail *sm)
{
	struct sq_sum sum = {0};
	int r = sq_walk(sm, &sum, sq_list_one);

	if (r != 0)
		return r;
	if (sum.messages == 0)
		puts("Mail queue is empty");
	else
		printf("-- %" PRId64 " Kbytes in %zu Request%s.\n",
		       sum.bytes / 1024, sum.messages,
		       sum.messages == 1 ? "" : "s");
	return 0;
}

/* --- -q ------------------------------------------------------------------------- */

/* One that went away meanwhile needs no flush. */
static int
sq_flush_one(struct sendmail *sm, struct sq_sum *sum, const json_t *m)
{
	const char *id = api_str(m, "queue_id");
	json_t *answer = NULL;
	char *path;
	int r;

	if (strcmp(api_str(m, "queue_name"), "deferred") != 0)
		return 0;
	path = xasprintf("queue/%s/flush", id);
	r = api_call(sm->cli, "POST", path, NULL, id, &answer);
	json_decref(answer);
	free(path);
	sum->messages += r == CLI_OK;
	return r == CLI_NO_ID || r == CLI_LATER ? 0 : r;
}

int
sendmail_flush(struct sendmail *sm)
{
	struct sq_sum sum = {0};
	int r = sq_walk(sm, &sum, sq_flush_one);

	if (r == 0 && sm->verbose)
		fprintf(stderr, "%zu message%s tried now\n", sum.messages,
			sum.messages == 1 ? "" : "s");
	return r;
}
