#include "cli/verdict.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_dns.h"
#include "cli/command.h"
#include "cli/text.h"
#include "mail/header.h"

/* Without a configuration. */
#define DEADLINE_MS 30000
#define LOOKUPS     100
#define HEADER_MAX  (1 << 20)

struct hearing {
	struct verdict_message message;
	const char *path; /* "-": standard input */
	bool json;
	FILE *file;        /* owned, but for standard input */
	struct buf header; /* with CRLF; what of the body stands behind it is
			    * the body's */
	size_t header_len;
	char *line; /* owned; of getline() */
	size_t line_size;
};

/* --- the message --------------------------------------------------------------- */

/* The next line, its end not counted; false: there is none. */
static bool
hearing_line(struct hearing *h, size_t *ret_len)
{
	ssize_t n = getline(&h->line, &h->line_size, h->file);

	if (n < 0)
		return false;
	if (n > 0 && h->line[n - 1] == '\n')
		n--;
	if (n > 0 && h->line[n - 1] == '\r')
		n--;
	*ret_len = (size_t)n;
	return true;
}

static bool
hearing_add(struct hearing *h, size_t len)
{
	return buf_append(&h->header, h->line, len) == 0 &&
	       buf_append(&h->header, "\r\n", 2) == 0;
}

/* Up to the empty line, or what is none of it. 0 or an exit status. */
static int
hearing_read_header(struct hearing *h)
{
	size_t scanned = 0, len;
	bool first = true;

	while (hearing_line(h, &len)) {
		/* As a folder of mbox has it in front of each message. */
		if (first && strncmp(h->line, "From ", 5) == 0)
			continue;
		first = false;
		if (!hearing_add(h, len)) {
			cli_say("%s: the header is over %d KiB", h->path,
				HEADER_MAX / 1024);
			return CLI_WRONG;
		}
		if (header_end(h->header.data, h->header.len, &scanned,
			       &h->header_len) > 0)
			return CLI_OK;
	}
	h->header_len = h->header.len;
	return CLI_OK;
}

static void
hearing_read_body(struct hearing *h, struct verdict *v)
{
	size_t len;

	verdict_body(v, h->header.data + h->header_len,
		     h->header.len - h->header_len);
	while (hearing_line(h, &len)) {
		verdict_body(v, h->line, len);
		verdict_body(v, "\r\n", 2);
	}
}

static int
hearing_open(struct hearing *h)
{
	h->file = strcmp(h->path, "-") == 0 ? stdin : fopen(h->path, "re");
	if (h->file == NULL) {
		cli_say("%s: %s", h->path, strerror(errno));
		return CLI_WRONG;
	}
	buf_init(&h->header, HEADER_MAX);
	return CLI_OK;
}

static void
hearing_close(struct hearing *h)
{
	if (h->file != NULL && h->file != stdin)
		fclose(h->file);
	buf_done(&h->header);
	free(h->line);
}

/* --- the verdict --------------------------------------------------------------- */

static void
settled(void *loop)
{
	loop_stop(loop);
}

static int
verdict_status(const struct verdict_result *r)
{
	if (r->disposition == VERDICT_TEMPFAIL)
		return CLI_LATER;
	return r->disposition == VERDICT_NONE ? CLI_OK : CLI_WRONG;
}

static int
hearing_judge(struct hearing *h, struct cli_dns *d, struct judge *judge)
{
	const struct verdict_result *r;
	struct verdict *v;
	int status;

	h->message.header = buf_str(&h->header);
	h->message.header_len = h->header_len;
	v = verdict_new(judge, &h->message);
	if (verdict_resolve(v, d->loop, d->dns, settled, d->loop))
		loop_run(d->loop);
	hearing_read_body(h, v);
	if (ferror(h->file)) {
		cli_say("%s: can't be read", h->path);
		verdict_free(&v);
		return CLI_WRONG;
	}
	r = verdict_end(v);
	if (h->json)
		verdict_put_json(v, r);
	else
		verdict_put_text(v, r);
	status = verdict_status(r);
	verdict_free(&v);
	return status;
}

static int
hearing_hold(struct hearing *h, struct cli_dns *d)
{
	char none[] = "";
	struct verdict_conf plain = {
		.dns = {DEADLINE_MS, LOOKUPS},
		.authserv_id = none,
	};
	struct judge *judge;
	const char *why;
	int r;

	if (judge_new(d->config != NULL ? &d->config->verdict : &plain,
		      d->config != NULL ? d->config->hostname : "localhost",
		      &judge, &why) < 0) {
		cli_say("%s", why);
		return CLI_CONFIG;
	}
	r = hearing_read_header(h);
	if (r == CLI_OK)
		r = hearing_judge(h, d, judge);
	judge_unref(&judge);
	return r;
}

int
cli_verdict(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"ip", required_argument, NULL, 'i'},
		{"helo", required_argument, NULL, 'h'},
		{"from", required_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct hearing h = {
		.message = {.helo = "",
			    .sender = "",
			    .explain = true,
			    .now_ms = text_now()},
		.path = "-",
	};
	const char *from = "";
	struct cli_dns d;
	char *sender;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'i' &&
		    sockaddr_parse_ip(optarg, 0, &h.message.client) < 0) {
			cli_say("`%s` is no address", optarg);
			return CLI_USAGE;
		}
		if (c == 'h')
			h.message.helo = optarg;
		else if (c == 'f')
			from = optarg;
		else if (c == 'j')
			h.json = true;
		else if (c != 'i')
			return cli_usage(cli);
	}
	if (argc - optind > 1)
		return cli_usage(cli);
	sender = text_sender(from);
	if (sender == NULL)
		return CLI_USAGE;
	h.message.sender = sender;
	if (optind < argc)
		h.path = argv[optind];
	h.message.peer = h.message.client;
	r = hearing_open(&h);
	if (r == CLI_OK)
		r = cli_dns_open(cli, &d);
	if (r == CLI_OK) {
		r = hearing_hold(&h, &d);
		cli_dns_close(&d);
	}
	hearing_close(&h);
	free(sender);
	return r;
}
