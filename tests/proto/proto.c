/*
 * proto - plays a dialogue of tests/proto/NAME.smtp against smtp_in.
 *
 *	# a comment
 *	limit NAME N      recipients, message_size, ... before the first C or S;
 *	                  rate_mail, rate_rcpt: so many are let through
 *	set NAME VALUE    role inbound, trusted no, submit MAILBOX, full yes,
 *	                  xclient yes (and XFORWARD),
 *	                  slow yes, open|write|commit -ERRNO, fate no,
 *	                  class bulk|normal, auth optional|required (with the
 *	                  users of backend.c), clear no, shows yes,
 *	                  tls starttls|required|implicit,
 *	                  verdict ACTION (of on_reject), trusts ACTION (the
 *	                  field of edge.example; see backend.c), sign yes,
 *	                  front|signed -ERRNO
 *	T.                a TLS handshake, which succeeds
 *	whole             only in one piece (else also byte by byte)
 *	C: text           the client says text and CRLF
 *	C> text           ... without CRLF
 *	C* N text         ... N times, each with CRLF
 *	Cx N text         ... N times, without
 *	S: text           a reply line begins with text; lines `NNN-` before it
 *	                  may be anything
 *	S~ regex          ... or matches an extended regular expression
 *	S* N text         N replies begin with text
 *	S.                nothing more was said
 *	= STATE           the machine's state
 *	N: n              so many messages were stored
 *	M: SENDER RCPT[,RCPT] [bulk] [8bit] [utf8]   of the last one
 *	V: DISPOSITION    its verdict; "held" behind it
 *	D: RET ENVID; [expanded] NOTIFY ORCPT; ...   its wishes, "-" for
 *						none
 *	B: text           what the client sent ends the stored content; several
 *	                  lines are joined
 *	H~ regex          a line of the stored content
 *	H! regex          no line of it
 *
 * Lines C that follow one another are sent in one piece. Escapes in text: \r \n
 * \t \0 \\ \xHH.
 */
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "tests/proto/backend.h"

struct play {
	const char *path;
	int line;
	struct backend b;
	bool started;
	struct buf send; /* gathered, not yet sent */
	struct buf body; /* gathered lines B */
};

static _Noreturn void __attribute__((format(printf, 2, 3)))
play_fail(struct play *p, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d (in pieces of %zu): ", p->path, p->line,
		p->b.step);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void
play_unescape(struct play *p, const char *text, struct buf *out)
{
	static const char from[] = "rnt0\\", to[] = "\r\n\t\0\\";
	unsigned byte;
	int used;

	for (; *text != '\0'; text++) {
		const char *at;

		if (*text != '\\') {
			buf_append_char(out, *text);
			continue;
		}
		text++;
		at = *text != '\0' ? strchr(from, *text) : NULL;
		if (at != NULL) {
			buf_append_char(out, to[at - from]);
		} else if (sscanf(text, "x%2x%n", &byte, &used) == 1) {
			buf_append_char(out, (char)byte);
			text += used - 1;
		} else {
			play_fail(p, "unknown escape \\%s", text);
		}
	}
}

static void
play_flush(struct play *p)
{
	if (!p->started)
		backend_start(&p->b);
	p->started = true;
	if (p->send.len == 0)
		return;
	backend_feed(&p->b, p->send.data, p->send.len);
	buf_clear(&p->send);
}

static bool
play_matches(const char *pattern, const char *text)
{
	regex_t re;
	bool yes;

	must(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) == 0);
	yes = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
}

/* The next reply line that is wanted; lines that go on may be skipped. */
static void
play_expect(struct play *p, const char *text, bool regex)
{
	char line[2048];

	for (;;) {
		const char *end =
			p->b.out.len > 0 ? strstr(p->b.out.data, "\r\n") : NULL;
		size_t len;
		bool yes;

		if (end == NULL)
			play_fail(p, "nothing said; expected: %s", text);
		len = (size_t)(end - p->b.out.data);
		must(len < sizeof(line));
		memcpy(line, p->b.out.data, len);
		line[len] = '\0';
		buf_consume(&p->b.out, len + 2);
		yes = regex ? play_matches(text, line)
			    : strncmp(line, text, strlen(text)) == 0;
		if (yes)
			return;
		if (len < 4 || line[3] != '-')
			play_fail(p, "said: %s\n  expected: %s", line, text);
	}
}

static struct backend_message *
play_last(struct play *p)
{
	if (p->b.nmessages == 0)
		play_fail(p, "nothing was stored");
	return &p->b.messages[p->b.nmessages - 1];
}

static void
play_check_body(struct play *p)
{
	struct backend_message *m;

	if (p->body.len == 0)
		return;
	m = play_last(p);
	if (m->content.len < p->body.len ||
	    memcmp(m->content.data + m->content.len - p->body.len, p->body.data,
		   p->body.len) != 0)
		play_fail(p, "stored:\n%s", m->content.data);
	buf_clear(&p->body);
}

static void
play_header(struct play *p, const char *regex, bool wanted)
{
	struct backend_message *m = play_last(p);
	char *copy = xstrdup(buf_str(&m->content)), *rest = copy, *line;
	bool found = false;

	while ((line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		found = found || play_matches(regex, line);
	}
	free(copy);
	if (found != wanted)
		play_fail(p, "%s:\n%s", wanted ? "no such line" : "has it",
			  m->content.data);
}

/* GOT is WHAT as the script has it, unescaped. */
static void
play_compare(struct play *p, const char *what, const char *got,
	     const char *text)
{
	struct buf wanted;

	buf_init(&wanted, 64 * 1024);
	play_unescape(p, text, &wanted);
	if (strcmp(got, buf_str(&wanted)) != 0)
		play_fail(p, "%s: %s", what, got);
	buf_done(&wanted);
}

static void
play_message(struct play *p, const char *text)
{
	struct backend_message *m = play_last(p);
	char *got = xasprintf(
		"%s %s%s%s%s", m->sender[0] != '\0' ? m->sender : "<>",
		m->rcpts, m->class == QUEUE_BULK ? " bulk" : "",
		m->eight_bit ? " 8bit" : "", m->smtputf8 ? " utf8" : "");

	play_compare(p, "stored", got, text);
	free(got);
}

static void
play_verdict(struct play *p, const char *text)
{
	struct backend_message *m = play_last(p);
	char *got = xasprintf("%s%s", m->verdict, m->held ? " held" : "");

	play_compare(p, "verdict", got, text);
	free(got);
}

static void
play_limit(struct play *p, const char *name, int64_t n)
{
	struct limits_conf *l = &p->b.limits;
	const struct {
		const char *name;
		int64_t *value;
	} limits[] = {
		{"message_size", &l->message_size},
		{"header_size", &l->header_size},
		{"text_line", &l->text_line},
		{"command_line", &l->command_line},
		{"recipients", &l->recipients},
		{"messages_per_connection", &l->messages_per_connection},
		{"errors", &l->errors},
		{"unknown_recipients", &l->unknown_recipients},
		{"received_fields", &l->received_fields},
		{"rate_mail", &p->b.rate_mail},
		{"rate_rcpt", &p->b.rate_rcpt},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (strcmp(limits[i].name, name) == 0) {
			*limits[i].value = n;
			return;
		}
	play_fail(p, "no such limit");
}

static enum config_tls
play_tls(struct play *p, const char *value)
{
	for (int i = 0; config_tls_names[i] != NULL; i++)
		if (strcmp(config_tls_names[i], value) == 0)
			return (enum config_tls)i;
	play_fail(p, "no such kind of TLS");
}

static void
play_set(struct play *p, const char *name, const char *value)
{
	bool yes = strcmp(value, "yes") == 0;

	if (strcmp(name, "trusted") == 0)
		p->b.client.trusted = yes;
	else if (strcmp(name, "xclient") == 0)
		p->b.client.xclient = p->b.client.xforward = yes;
	else if (strcmp(name, "submit") == 0)
		backend_submit(&p->b, xstrdup(value));
	else if (strcmp(name, "auth") == 0)
		backend_auth(&p->b, strcmp(value, "required") == 0
					    ? CONFIG_AUTH_REQUIRED
					    : CONFIG_AUTH_OPTIONAL);
	else if (strcmp(name, "shows") == 0)
		p->b.client.shows_user = yes;
	else if (strcmp(name, "clear") == 0)
		p->b.conf.auth_in_clear = yes;
	else if (strcmp(name, "role") == 0 && strcmp(value, "inbound") == 0)
		backend_inbound(&p->b);
	else if (strcmp(name, "full") == 0)
		p->b.full = yes;
	else if (strcmp(name, "slow") == 0)
		p->b.slow = yes;
	else if (strcmp(name, "fate") == 0)
		p->b.fate_delivered = yes;
	else if (strcmp(name, "open") == 0)
		p->b.open_result = atoi(value);
	else if (strcmp(name, "write") == 0)
		p->b.write_result = atoi(value);
	else if (strcmp(name, "commit") == 0)
		p->b.commit_result = atoi(value);
	else if (strcmp(name, "tls") == 0)
		p->b.conf.tls = play_tls(p, value);
	else if (strcmp(name, "verdict") == 0)
		backend_judge(&p->b, VERDICT_EVALUATE, value);
	else if (strcmp(name, "trusts") == 0)
		backend_judge(&p->b, VERDICT_TRUST, value);
	else if (strcmp(name, "sign") == 0)
		backend_sign(&p->b);
	else if (strcmp(name, "front") == 0)
		p->b.front_result = atoi(value);
	else if (strcmp(name, "signed") == 0)
		p->b.sign_result = atoi(value);
	else if (strcmp(name, "class") == 0)
		p->b.conf.class = strcmp(value, "bulk") == 0
					  ? CONFIG_CLASS_BULK
					  : CONFIG_CLASS_NORMAL;
	else
		play_fail(p, "no such setting");
}

static void
play_client(struct play *p, char kind, const char *text)
{
	long n = 1;
	char *rest;

	if (kind == '*' || kind == 'x') {
		n = strtol(text, &rest, 10);
		must(*rest == ' ');
		text = rest + 1;
	}
	while (n-- > 0) {
		play_unescape(p, text, &p->send);
		if (kind == ':' || kind == '*')
			buf_append_str(&p->send, "\r\n");
	}
}

static void
play_server(struct play *p, char kind, const char *text)
{
	char *rest;
	long n;

	switch (kind) {
	case '.':
		if (p->b.out.len > 0)
			play_fail(p, "said: %s", p->b.out.data);
		return;
	case '*':
		n = strtol(text, &rest, 10);
		must(*rest == ' ');
		while (n-- > 0)
			play_expect(p, rest + 1, false);
		return;
	default:
		play_expect(p, text, kind == '~');
	}
}

static void
play_line(struct play *p, char *line)
{
	char name[64], value[256];
	const char *text = strlen(line) > 3 ? line + 3 : "";
	long long n;

	if (line[0] == '\0' || line[0] == '#' || strcmp(line, "whole") == 0)
		return;
	if (sscanf(line, "limit %63s %lld", name, &n) == 2) {
		play_limit(p, name, n);
		return;
	}
	if (sscanf(line, "set %63s %255s", name, value) == 2) {
		if (p->send.len > 0)
			play_flush(p);
		play_set(p, name, value);
		return;
	}
	if (line[0] == 'C') {
		play_check_body(p);
		play_client(p, line[1], text);
		return;
	}
	play_flush(p);
	if (line[0] != 'B')
		play_check_body(p);
	if (line[0] == 'S')
		play_server(p, line[1], text);
	else if (strcmp(line, "T.") == 0)
		backend_secure(&p->b);
	else if (line[0] == 'B')
		play_unescape(p, text, &p->body);
	else if (line[0] == 'H')
		play_header(p, text, line[1] == '~');
	else if (line[0] == 'M')
		play_message(p, text);
	else if (line[0] == 'V')
		play_verdict(p, text);
	else if (line[0] == 'D')
		play_compare(p, "wishes", play_last(p)->wishes, text);
	else if (line[0] == 'N' && (size_t)atol(text) != p->b.nmessages)
		play_fail(p, "%zu stored", p->b.nmessages);
	else if (line[0] == '=' &&
		 strcmp(smtp_in_state_names[p->b.si.state], line + 2) != 0)
		play_fail(p, "state %s", smtp_in_state_names[p->b.si.state]);
	else if (strchr("N=", line[0]) == NULL)
		play_fail(p, "not understood: %s", line);
}

/* True: the script may also be played in pieces. */
static bool
play_once(const char *path, size_t step)
{
	struct play p = {.path = path};
	char *line = NULL;
	bool pieces = true;
	size_t cap = 0;
	ssize_t len;
	FILE *f = fopen(path, "r");

	must(f != NULL);
	backend_init(&p.b);
	p.b.step = step;
	buf_init(&p.send, 256 * 1024 * 1024);
	buf_init(&p.body, 1024 * 1024);
	while ((len = getline(&line, &cap, f)) > 0) {
		p.line++;
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (strcmp(line, "whole") == 0)
			pieces = false;
		play_line(&p, line);
	}
	play_flush(&p);
	play_check_body(&p);
	must(p.line > 0);
	if (p.b.out.len > 0)
		play_fail(&p, "said at the end: %s", p.b.out.data);
	if (p.b.client.received_ip == NULL)
		free((void *)(uintptr_t)p.b.client.mailbox);
	p.b.client.mailbox = NULL;
	backend_done(&p.b);
	buf_done(&p.send);
	buf_done(&p.body);
	free(line);
	fclose(f);
	return pieces;
}

int
main(int argc, char **argv)
{
	must(argc == 2);
	if (play_once(argv[1], 0)) {
		play_once(argv[1], 1);
		play_once(argv[1], 7);
	}
	return 0;
}
