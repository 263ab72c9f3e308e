#include "verdict/dkim_body.h"

#include <string.h>

#include "base/must.h"

void
dkim_body_init(struct dkim_body *b, bool relaxed, bool hash)
{
	memset(b, 0, offsetof(struct dkim_body, piece));
	b->relaxed = relaxed;
	if (!hash)
		return;
	b->md = EVP_MD_CTX_new();
	must(b->md != NULL);
	must(EVP_DigestInit_ex(b->md, EVP_sha256(), NULL) == 1);
}

void
dkim_body_done(struct dkim_body *b)
{
	EVP_MD_CTX_free(b->md);
	b->md = NULL;
}

/* --- the canonical form ------------------------------------------------------- */

static void
body_flush(struct dkim_body *b)
{
	must(EVP_DigestUpdate(b->md, b->piece, b->held) == 1);
	b->held = 0;
}

static void
body_put(struct dkim_body *b, const char *data, size_t len)
{
	b->len += len;
	if (b->md == NULL)
		return;
	while (len > 0) {
		size_t n = sizeof(b->piece) - b->held;

		n = n < len ? n : len;
		memcpy(b->piece + b->held, data, n);
		b->held += n;
		data += n;
		len -= n;
		if (b->held == sizeof(b->piece))
			body_flush(b);
	}
}

/* Empty lines count once something is behind them. */
static void
body_put_text(struct dkim_body *b, const char *data, size_t len)
{
	for (; b->empty > 0; b->empty--)
		body_put(b, "\r\n", 2);
	if (b->blank)
		body_put(b, " ", 1);
	b->blank = false;
	b->in_line = true;
	b->line += len;
	if (b->line > b->longest)
		b->longest = b->line;
	body_put(b, data, len);
}

static void
body_end_line(struct dkim_body *b)
{
	if (b->in_line)
		body_put(b, "\r\n", 2);
	else
		b->empty++;
	b->in_line = b->blank = false;
	b->line = 0;
}

static bool
is_special(const struct dkim_body *b, char c)
{
	return c == '\r' || c == '\n' ||
	       (b->relaxed && (c == ' ' || c == '\t'));
}

static void
body_special(struct dkim_body *b, char c)
{
	bool cr = b->cr;

	b->cr = c == '\r';
	if (cr != (c == '\n'))
		b->bare = true;
	if (c == '\n')
		body_end_line(b);
	else if (c != '\r')
		b->blank = true;
}

void
dkim_body_add(struct dkim_body *b, const void *data, size_t len)
{
	const char *at = data, *end = at + len, *start;

	while (at < end) {
		if (is_special(b, *at)) {
			body_special(b, *at++);
			continue;
		}
		b->bare = b->bare || b->cr;
		b->cr = false;
		for (start = at; at < end && !is_special(b, *at); at++)
			;
		body_put_text(b, start, (size_t)(at - start));
	}
}

void
dkim_body_end(struct dkim_body *b, unsigned char *ret)
{
	b->bare = b->bare || b->cr;
	if (b->in_line)
		body_end_line(b);
	if (!b->relaxed && b->len == 0)
		body_put(b, "\r\n", 2);
	if (b->md == NULL)
		return;
	body_flush(b);
	must(EVP_DigestFinal_ex(b->md, ret, NULL) == 1);
}
