#include "mail/smtp_reply.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Replies are ASCII until SMTPUTF8 is offered. What a server says beyond that
 * would break a terminal, a JSON listing or a DSN's header, so it becomes "?".
 */
static char
reply_clean_char(char c)
{
	unsigned char u = (unsigned char)c;

	if (u >= 0x80)
		return '?';
	return u < ' ' || u == 0x7f ? ' ' : c;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* How long the enhanced code at S is (RFC 3463, 2: class "." subject "."
 * detail), 0 when there is none. It ends in a space or the end of the text. */
static size_t
reply_dsn_len(const char *s)
{
	size_t at = 2;

	if ((s[0] != '2' && s[0] != '4' && s[0] != '5') || s[1] != '.')
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		while (digits < 3 && is_digit(s[at + digits]))
			digits++;
		if (digits == 0)
			return 0;
		at += digits;
		if (part == 0 && s[at++] != '.')
			return 0;
	}
	return s[at] == ' ' || s[at] == '\0' ? at : 0;
}

static void
reply_set_dsn(struct reply *r, const char *dsn, size_t len)
{
	if (len >= sizeof(r->dsn))
		len = 0;
	memcpy(r->dsn, dsn, len);
	r->dsn[len] = '\0';
}

void
reply_set(struct reply *r, int code, const char *dsn, const char *fmt, ...)
{
	va_list ap;

	r->code = code;
	r->ours = true;
	r->of_content = false;
	reply_set_dsn(r, dsn, strlen(dsn));
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	for (char *p = r->text; *p != '\0'; p++) {
		if (*p != '\n')
			*p = reply_clean_char(*p);
	}
}

void
reply_copy(struct reply *to, const struct reply *from)
{
	to->code = from->code;
	to->ours = from->ours;
	to->of_content = from->of_content;
	memcpy(to->dsn, from->dsn, sizeof(to->dsn));
	memcpy(to->text, from->text, strlen(from->text) + 1);
}

bool
reply_ok(const struct reply *r)
{
	return r->code / 100 == 2;
}

bool
reply_temporary(const struct reply *r)
{
	return r->code / 100 == 4;
}

bool
reply_permanent(const struct reply *r)
{
	return r->code / 100 == 5;
}

const char *
reply_dsn(const struct reply *r, char ret[static REPLY_DSN_MAX])
{
	/* What is neither yes nor no is worth another try. */
	char class = reply_ok(r) ? '2' : reply_permanent(r) ? '5' : '4';

	if (r->dsn[0] == class)
		memcpy(ret, r->dsn, sizeof(r->dsn));
	else
		snprintf(ret, REPLY_DSN_MAX, "%c.0.0", class);
	return ret;
}

void
reply_line(const struct reply *r, char *ret, size_t size)
{
	char code[16] = "";

	if (r->code != 0)
		snprintf(code, sizeof(code), "%d ", r->code);
	snprintf(ret, size, "%s%s%s%s", code, r->dsn,
		 r->dsn[0] != '\0' && r->text[0] != '\0' ? " " : "", r->text);
	for (char *p = ret; size > 0 && *p != '\0'; p++) {
		if (*p == '\n')
			*p = ' ';
	}
}

void
reply_parser_init(struct reply_parser *p)
{
	memset(p, 0, sizeof(*p));
}

/* Text after what the earlier lines said; what does not fit is cut. */
static void
reply_add_text(struct reply_parser *p, const char *text)
{
	size_t have = strlen(p->reply.text);

	snprintf(p->reply.text + have, sizeof(p->reply.text) - have, "%s%s",
		 p->lines > 0 ? "\n" : "", text);
}

/*
 * One line without its end is in P->line:
 *
 *	Reply-line = code [ ( SP / "-" ) [ dsn SP ] text ]
 *
 * 1: it was the last one, 0: more follow, or as reply_parse().
 */
static int
reply_take_line(struct reply_parser *p)
{
	char *line = p->line, *text;
	bool last;
	int code;

	if (p->len < 3 || line[0] < '2' || line[0] > '5' ||
	    !is_digit(line[1]) || !is_digit(line[2]))
		return -EPROTO;
	if (p->len > 3 && line[3] != ' ' && line[3] != '-')
		return -EPROTO;
	for (size_t i = 0; i < p->len; i++)
		line[i] = reply_clean_char(line[i]);
	line[p->len] = '\0';

	code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
	last = line[3] != '-';
	text = line + (p->len > 3 ? 4 : 3);
	if (p->lines == 0) {
		p->reply.code = code;
		reply_set_dsn(&p->reply, text, reply_dsn_len(text));
		p->reply.text[0] = '\0';
	} else if (code != p->reply.code) {
		return -EPROTO;
	}

	text += reply_dsn_len(text);
	if (*text == ' ')
		text++;
	reply_add_text(p, text);
	if (p->on_line != NULL)
		p->on_line(p->arg, code, text);
	p->len = 0;
	p->lines = last ? 0 : p->lines + 1;
	return last ? 1 : p->lines < REPLY_LINES_MAX ? 0 : -EMSGSIZE;
}

int
reply_parse(struct reply_parser *p, const char *data, size_t len,
	    size_t *ret_used)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < len) {
		const char *nl = memchr(data + at, '\n', len - at);
		size_t take = nl != NULL ? (size_t)(nl - data) - at : len - at;

		if (take >= sizeof(p->line) - p->len) {
			r = -EMSGSIZE;
			break;
		}
		memcpy(p->line + p->len, data + at, take);
		p->len += take;
		at += take;
		if (nl == NULL)
			break;
		at++;
		if (p->len > 0 && p->line[p->len - 1] == '\r')
			p->len--;
		r = reply_take_line(p);
	}
	*ret_used = at;
	return r;
}
