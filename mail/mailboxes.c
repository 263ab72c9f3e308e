#include "mail/mailboxes.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define MAILBOX_MAX 1024

/* One entry of the list as far as it is read. */
struct entry {
	struct buf text;
	struct buf name; /* what was no part of it, with an @ unquoted */
	size_t start, end;
	bool angle;  /* "<" was read */
	bool closed; /* and ">" too */
	bool gap;    /* white space or a comment since the last token */
	bool phrase; /* words that only a name before "<" can be */
	bool has_at;
	const char *why;
};

static int
mb_fail(struct entry *e, const char *why)
{
	e->why = why;
	return -EINVAL;
}

/* The octets of a token, as they stand. */
static int
mb_add(struct mailboxes *m, struct entry *e, const char *s, size_t len)
{
	char last = e->text.len > 0 ? e->text.data[e->text.len - 1] : '\0';
	bool joins = *s == '@' || *s == '.' || last == '@' || last == '.';

	if (e->closed)
		return mb_fail(e, "something follows the > of an address");
	if (e->gap && last != '\0' && !joins)
		e->phrase = true;
	e->gap = false;
	if (last == '\0')
		e->start = (size_t)(s - m->start);
	if (buf_append(&e->text, s, len) < 0)
		return mb_fail(e, "an address is too long");
	e->has_at = e->has_at || *s == '@';
	m->at = s + len;
	e->end = (size_t)(m->at - m->start);
	return 0;
}

/* What was read is no part of the address: a name, a group's or a route, which
 * begins with an @. */
static void
mb_forget(struct mailboxes *m, struct entry *e)
{
	if (e->has_at && !(e->angle && e->text.data[0] == '@') &&
	    (e->name.len > 0 ||
	     buf_append(&e->name, e->text.data, e->text.len) < 0))
		m->odd = true;
	buf_clear(&e->text);
	e->gap = e->phrase = e->has_at = false;
}

/* comment = "(" *( ctext / quoted-pair / comment ) ")" */
static int
mb_comment(struct mailboxes *m, struct entry *e)
{
	size_t depth = 0;

	for (; m->at < m->end; m->at++) {
		if (*m->at == '(') {
			depth++;
		} else if (*m->at == ')' && --depth == 0) {
			m->at++;
			e->gap = true;
			return 0;
		} else if (*m->at == '\\' && m->at + 1 < m->end) {
			m->at++;
		}
	}
	return mb_fail(e, "the ) of a comment is missing");
}

/* A quoted string or a domain literal, with its delimiters. */
static int
mb_quoted(struct mailboxes *m, struct entry *e, char close)
{
	const char *start = m->at, *p;

	for (p = start + 1; p < m->end && *p != close; p++)
		if (*p == '\\' && p + 1 < m->end)
			p++;
	if (p >= m->end)
		return mb_fail(e, close == '"' ? "a closing quote is missing"
					       : "a ] is missing");
	return mb_add(m, e, start, (size_t)(p + 1 - start));
}

static int
mb_open(struct mailboxes *m, struct entry *e)
{
	if (e->angle)
		return mb_fail(e, "a comma between two addresses is missing");
	mb_forget(m, e);
	e->angle = true;
	m->at++;
	return 0;
}

static int
mb_close(struct mailboxes *m, struct entry *e)
{
	if (!e->angle || e->closed)
		return mb_fail(e, "a > without its <");
	if (e->text.len == 0)
		return mb_fail(e, "an address is empty");
	e->closed = true;
	m->at++;
	return 0;
}

/* The token at M->at, which ends no entry. */
static int
mb_token(struct mailboxes *m, struct entry *e)
{
	switch (*m->at) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		e->gap = true;
		m->at++;
		return 0;
	case '(':
		return mb_comment(m, e);
	case '"':
		return mb_quoted(m, e, '"');
	case '[':
		return mb_quoted(m, e, ']');
	case '<':
		return mb_open(m, e);
	case '>':
		return mb_close(m, e);
	case ':': /* behind a group's name, or a route */
		if (e->closed)
			return mb_fail(e, "a : follows an address");
		mb_forget(m, e);
		m->at++;
		return 0;
	default:
		return mb_add(m, e, m->at, 1);
	}
}

/* A comma inside <@a,@b:anna@example.org> belongs to the route. */
static bool
mb_at_end(const struct mailboxes *m, const struct entry *e)
{
	if (m->at == m->end)
		return true;
	if (*m->at == ',')
		return !e->angle || e->closed;
	return *m->at == ';';
}

/* 1: an address; 0: nothing stood there. */
static int
mb_end(struct mailboxes *m, struct entry *e)
{
	if (m->at < m->end)
		m->at++;
	if (e->angle && !e->closed)
		return mb_fail(e, "the > of an address is missing");
	if (e->text.len == 0)
		return 0;
	if (e->phrase)
		return mb_fail(e, "words that are no address");
	return 1;
}

void
mailboxes_init(struct mailboxes *m, const char *value, size_t len)
{
	*m = (struct mailboxes){value, value, value + len, false};
}

static int
mb_entry(struct mailboxes *m, struct entry *e)
{
	int r = 0;

	while (r == 0 && !mb_at_end(m, e))
		r = mb_token(m, e);
	if (r == 0)
		r = mb_end(m, e);
	if (e->name.len > 0 &&
	    (r != 1 || strcasecmp(buf_str(&e->name), buf_str(&e->text)) != 0))
		m->odd = true;
	return r;
}

int
mailboxes_next(struct mailboxes *m, struct arena *arena, struct mailbox *ret,
	       const char **ret_why)
{
	int r = 0;

	while (r == 0 && m->at < m->end) {
		struct entry e = {.end = 0};

		buf_init(&e.text, MAILBOX_MAX);
		buf_init(&e.name, MAILBOX_MAX);
		r = mb_entry(m, &e);
		if (r == 1)
			*ret = (struct mailbox){
				.text = arena_strndup(arena, e.text.data,
						      e.text.len),
				.bare = !e.has_at,
				.start = e.start,
				.end = e.end,
			};
		else if (r < 0)
			*ret_why = e.why;
		buf_done(&e.text);
		buf_done(&e.name);
	}
	if (r < 0)
		m->at = m->end;
	return r;
}
