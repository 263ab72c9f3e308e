/*
 * A verdict whole: whatever the client, the message and the DNS say, it comes to
 * a result, and what we write of it keeps its place.
 *
 * The input is a line each for how it is judged, HELO, the sender and what the
 * DNS answers, in the order it is asked (N: no such name, F: failure, or the
 * text of a record), an empty line, and the message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "mail/header.h"
#include "verdict/observed.h"
#include "verdict/verdict.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define ANSWERS_MAX 16

struct input {
	char *how, *helo, *sender, *message;
	size_t nanswers, at;
	char *answers[ANSWERS_MAX];
};

static void
input_split(struct input *in, char *text)
{
	char *line;

	*in = (struct input){.nanswers = 0};
	in->how = strsep(&text, "\n");
	in->helo = strsep(&text, "\n");
	in->sender = strsep(&text, "\n");
	while ((line = strsep(&text, "\n")) != NULL && line[0] != '\0')
		if (in->nanswers < ANSWERS_MAX)
			in->answers[in->nanswers++] = line;
	in->message = text;
}

/* --- the DNS ------------------------------------------------------------------- */

static void
settle(struct answers *a, struct answer *answer, const char *text)
{
	enum answer_status status = ANSWER_OK;

	if (strcmp(text, "N") == 0)
		status = ANSWER_NO_NAME;
	else if (strcmp(text, "F") == 0)
		status = ANSWER_TEMPFAIL;
	else if (answer->type == ANSWER_A)
		answer_add(a, answer, "\xc0\0\2\1", 4, 0);
	else if (answer->type == ANSWER_AAAA)
		answer_add(a, answer, "0123456789abcdef", 16, 0);
	else
		answer_add(a, answer, text, strlen(text), 10);
	answer_settle(a, answer, status, "");
}

static void
settle_all(struct input *in, struct answers *a)
{
	struct answer *answer;
	size_t n = 0;

	for (; (answer = answers_next_open(a)) != NULL; n++)
		settle(a, answer,
		       in->nanswers > 0 ? in->answers[in->at++ % in->nanswers]
					: "N");
	must(n > 0);
}

/* --- what we write ------------------------------------------------------------- */

static void
check_field(const struct verdict_field *field)
{
	struct header_field f;
	struct buf text;

	buf_init(&text, VERDICT_FIELD_MAX + 100);
	must(buf_printf(&text, "%s:%s\r\n", field->name, field->value) == 0);
	must(header_next(text.data, text.len, &f) == 1);
	must(f.raw_len == text.len && header_is(&f, field->name));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		must(c >= ' ' || c == '\r' || c == '\n' || c == '\t');
		must(c != '\r' || text.data[i + 1] == '\n');
		must(c != '\n' || (i > 0 && text.data[i - 1] == '\r'));
	}
	buf_done(&text);
}

static void
check_line(const struct verdict_message *m, const struct verdict_result *r)
{
	struct buf line;

	buf_init(&line, OBSERVED_LINE_MAX);
	must(observed_line(m, r, &line) == 0);
	must(strchr(line.data, '\n') == line.data + line.len - 1);
	must(strlen(line.data) == line.len);
	buf_done(&line);
}

static void
check_result(const struct verdict_message *m, const struct verdict_result *r)
{
	bool says = r->disposition == VERDICT_REJECT ||
		    r->disposition == VERDICT_TEMPFAIL;

	must((r->disposition == VERDICT_NONE) == (r->reason[0] == '\0'));
	must((r->reply.code != 0) == says);
	must(strpbrk(r->reply.text, "\r\n") == NULL);
	must(strlen(r->reply.text) < 490);
	for (size_t i = 0; i < r->nfields; i++)
		check_field(&r->fields[i]);
	for (size_t i = 0; i < r->nforged; i++)
		must(r->forged[i].at + r->forged[i].len <= m->header_len);
	if (m->how == VERDICT_EVALUATE)
		check_line(m, r);
	else
		must(r->disposition == VERDICT_NONE && r->nfields == 0);
}

/* --- the message --------------------------------------------------------------- */

static void
judge_message(struct judge *judge, struct input *in,
	      const struct verdict_message *m, const char *body)
{
	struct verdict *v = verdict_new(judge, m);

	while (verdict_look(v) == -EAGAIN)
		settle_all(in, verdict_answers(v));
	verdict_body(v, body, strlen(body));
	check_result(m, verdict_end(v));
	verdict_free(&v);
}

static void
judge_by(struct input *in, const struct verdict_message *m, const char *body)
{
	char none[] = "", id[] = "edge.example";
	struct network everywhere = {.prefix = 96,
				     .addr = {[10] = 0xff, [11] = 0xff}};
	struct trusted_authserv trusted = {
		.id = id, .believed = {.n = 1, .v = &everywhere}};
	struct verdict_conf conf = {
		.spf = {.reject_fail = strchr(in->how, 's') != NULL,
			.received_spf = true},
		.dmarc = {.on_reject = strchr(in->how, 'r') != NULL
					       ? VERDICT_DO_REJECT
					       : VERDICT_DO_MARK},
		.dns = {.lookups = strchr(in->how, 'l') != NULL ? 3 : 100},
		.authserv_id = none,
		.trusted_authserv = {.n = 1, .v = &trusted},
	};
	struct judge *judge;
	const char *why;

	must(judge_new(&conf, "mx.example", &judge, &why) == 0);
	judge_message(judge, in, m, body);
	judge_unref(&judge);
}

static void
judge_input(struct input *in)
{
	struct verdict_message m = {
		.how = strchr(in->how, 't') != NULL ? VERDICT_TRUST
						    : VERDICT_EVALUATE,
		.utf8 = strchr(in->how, 'u') != NULL,
		.explain = strchr(in->how, 'e') != NULL,
		.helo = in->helo,
		.sender = in->sender,
		.header = in->message,
		.now_ms = INT64_C(1700000000000),
	};
	size_t scanned = 0, len = strlen(in->message);

	if (header_end(in->message, len, &scanned, &m.header_len) == 0)
		m.header_len = len;
	must(sockaddr_parse_ip(strchr(in->how, '6') != NULL ? "2001:db8::1"
							    : "192.0.2.1",
			       0, &m.client) == 0);
	m.peer = m.client;
	judge_by(in, &m, in->message + m.header_len);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	char *text;
	struct input in;

	if (len > 16384 || memchr(data, '\0', len) != NULL)
		return 0;
	text = strndup((const char *)data, len);
	input_split(&in, text);
	if (in.message != NULL)
		judge_input(&in);
	free(text);
	return 0;
}
