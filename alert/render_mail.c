/*
 * render_mail - a notice as a mail (RFC 5322, RFC 2045): text first, and a light
 * HTML part. Whatever a notice holds, the header is ASCII and each field one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alert/render_impl.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/utf8.h"
#include "mail/base64.h"
#include "mail/encoded_word.h"
#include "mail/quoted_printable.h"

#define LINE_MAX_7BIT 900 /* of RFC 5322's 998 */
#define SUBJECT_MAX   200 /* characters */

/* What OUT refuses is remembered. */
struct mail {
	struct buf *out;
	int error;
};

static void
put(struct mail *m, const char *s)
{
	int r = buf_append_str(m->out, s);

	if (r < 0 && m->error == 0)
		m->error = r;
}

/* VALUE is ours or an address: printable ASCII, and else "?". */
static void
put_clean(struct mail *m, const char *value)
{
	for (; *value != '\0'; value++) {
		char c[2] = {*value > ' ' && *value <= '~' ? *value : '?', 0};

		put(m, c);
	}
}

static void
put_text_field(struct mail *m, const char *name, const char *value)
{
	struct buf line;
	int r;

	put(m, name);
	put(m, ": ");
	buf_init(&line, RENDER_MAIL_MAX);
	r = mustache_write(value, MUSTACHE_LINE, &line);
	if (r == 0)
		r = encoded_word_text(buf_str(&line), strlen(name) + 2, m->out);
	if (r < 0 && m->error == 0)
		m->error = r;
	buf_done(&line);
	put(m, "\r\n");
}

static void
put_id(struct mail *m, const char *name, const char *id)
{
	put(m, name);
	put(m, ": <");
	put_clean(m, id);
	put(m, ">\r\n");
}

/* --- the header ----------------------------------------------------------------- */

static void
put_from(struct mail *m, const struct render *r)
{
	int err;

	put(m, "From: ");
	if (r->from_name[0] != '\0') {
		err = encoded_word_phrase(r->from_name, m->out);
		if (err < 0 && m->error == 0)
			m->error = err;
		put(m, " ");
	}
	put(m, "<");
	put_clean(m, r->from);
	put(m, ">\r\n");
}

/* A name for machines (RFC 2919): what else stands in it becomes a hyphen. */
static void
put_list_id(struct mail *m, const struct render *r, const char *receiver)
{
	put(m, "List-Id: <");
	for (; *receiver != '\0'; receiver++) {
		char c = ascii_lower(*receiver);
		char s[2] = {(c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
				     ? c
				     : '-',
			     0};

		put(m, s);
	}
	put(m, ".alerts.");
	put_clean(m, r->hostname);
	put(m, ">\r\n");
}

static void
put_thread(struct mail *m, const struct render *r,
	   const struct render_notice *n)
{
	put_id(m, "Message-ID", n->message_id);
	if (n->root_id != NULL) {
		put_id(m, "In-Reply-To", n->root_id);
		put_id(m, "References", n->root_id);
	}
	if (n->reply_token != NULL && r->reply[0] != '\0') {
		put(m, "Reply-To: <alert+");
		put_clean(m, n->reply_token);
		put(m, "@");
		put_clean(m, r->reply);
		put(m, ">\r\n");
	}
}

/* For programs, and for people who sort their mail. */
static void
put_marks(struct mail *m, const struct render *r, const struct render_notice *n)
{
	const char *severity = render_severity(n);

	put(m, "Auto-Submitted: auto-generated\r\n"
	       "X-Auto-Response-Suppress: All\r\n");
	put_list_id(m, r, n->receiver != NULL ? n->receiver : "");
	if (n->critical && !render_is_over(n))
		put(m, "Importance: high\r\n");
	if (n->mark != NULL) {
		put(m, "X-Incident: ");
		put_clean(m, n->mark);
		put(m, "\r\n");
	}
	if (n->nfiring + n->nresolved + n->nstale > 0)
		put_text_field(m, "X-Alert-Status",
			       render_is_over(n) ? "resolved" : "firing");
	put_text_field(m, "X-Alert-Kind", notice_kind_names[n->kind]);
	if (severity[0] != '\0')
		put_text_field(m, "X-Alert-Severity", severity);
}

static void
put_header(struct mail *m, const struct render *r,
	   const struct render_notice *n, const char *to)
{
	const char *subject = n->group_subject != NULL ? n->group_subject : "";
	char date[CLOCK_RFC5322_LEN];
	struct render_scope s = {.limits = &render_limits[RENDER_MAIL_TXT]};
	struct arena arena;

	arena_init(&arena);
	s.arena = &arena;
	put_from(m, r);
	put(m, "To: <");
	if (utf8_is_valid(to) && strpbrk(to, "\r\n<>") == NULL)
		put(m, to); /* RFC 6532, where it is beyond ASCII */
	else
		put_clean(m, to);
	put(m, ">\r\n");
	subject = render_cut(&s, subject, SUBJECT_MAX);
	put_text_field(m, "Subject",
		       n->root_id != NULL
			       ? arena_printf(&arena, "Re: %s", subject)
			       : subject);
	clock_rfc5322(n->now_ms, date);
	put(m, "Date: ");
	put(m, date);
	put(m, "\r\n");
	put_thread(m, r, n);
	put_marks(m, r, n);
	arena_done(&arena);
}

/* --- the parts -------------------------------------------------------------------- */

/* Lines that end in CRLF, without blanks at their end but for that of "-- ". */
static int
crlf(const char *text, struct buf *out)
{
	int r = 0;

	while (*text != '\0' && r == 0) {
		size_t len = strcspn(text, "\n"), keep = len;

		while (keep > 0 && text[keep - 1] == ' ' &&
		       !(keep == 3 && text[0] == '-' && text[1] == '-'))
			keep--;
		r = buf_append(out, text, keep);
		if (r == 0)
			r = buf_append_str(out, "\r\n");
		text += len + (text[len] == '\n');
	}
	return r;
}

static bool
has_long_line(const char *text)
{
	for (; *text != '\0'; text += strspn(text, "\r\n")) {
		size_t len = strcspn(text, "\r\n");

		if (len > LINE_MAX_7BIT)
			return true;
		text += len;
	}
	return false;
}

static int
base64_lines(const char *data, size_t len, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i += 57) {
		r = base64_encode(data + i, len - i < 57 ? len - i : 57, out);
		if (r == 0)
			r = buf_append_str(out, "\r\n");
	}
	return r;
}

/* How many octets quoted-printable would write as three. */
static size_t
count_odd(const char *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += (unsigned char)data[i] >= 0x80 || data[i] == '=';
	return n;
}

static void
put_part(struct mail *m, const char *boundary, const char *type,
	 const struct buf *text)
{
	const char *s = buf_str(text);
	int r;

	put(m, "--");
	put(m, boundary);
	put(m, "\r\nContent-Type: ");
	put(m, type);
	put(m, "; charset=utf-8\r\nContent-Transfer-Encoding: ");
	if (utf8_is_ascii(s) && !has_long_line(s)) {
		put(m, "7bit\r\n\r\n");
		r = buf_append(m->out, s, text->len);
	} else if (count_odd(s, text->len) < text->len / 6) {
		put(m, "quoted-printable\r\n\r\n");
		r = quoted_printable_encode(s, text->len, m->out);
	} else {
		put(m, "base64\r\n\r\n");
		r = base64_lines(s, text->len, m->out);
	}
	if (r < 0 && m->error == 0)
		m->error = r;
	put(m, "\r\n");
}

#define BOUNDARY_LEN 40

/* Deterministic, and in neither part. */
static void
boundary_find(const struct render_notice *n, const char *text, const char *html,
	      char ret[static BOUNDARY_LEN])
{
	uint32_t crc = crc32c(0, n->message_id, strlen(n->message_id));

	do {
		snprintf(ret, BOUNDARY_LEN, "=_belfry_%08x", crc);
		crc = crc32c(crc, ret, strlen(ret));
	} while (strstr(text, ret) != NULL || strstr(html, ret) != NULL);
}

static int
part_render(struct render_scope *s, enum render_text which, struct buf *out)
{
	const struct render_limits *b = &render_limits[which];
	struct buf raw;
	int r;

	buf_init(&raw, b->max);
	s->limits = b;
	r = render_one(s, s->render->texts[which], b->escape, &raw);
	if (r == 0)
		r = crlf(buf_str(&raw), out);
	buf_done(&raw);
	return r;
}

/* All of the mail with the alerts that S shows. */
static int
mail_try(struct render_scope *s, const char *to, struct buf *out)
{
	struct buf text, html;
	struct mail m = {.out = out};
	char boundary[BOUNDARY_LEN];

	buf_init(&text, RENDER_MAIL_MAX);
	buf_init(&html, RENDER_MAIL_MAX);
	m.error = part_render(s, RENDER_MAIL_TXT, &text);
	if (m.error == 0)
		m.error = part_render(s, RENDER_MAIL_HTML, &html);
	if (m.error == 0) {
		boundary_find(s->notice, buf_str(&text), buf_str(&html),
			      boundary);
		put_header(&m, s->render, s->notice, to);
		put(&m, "MIME-Version: 1.0\r\n"
			"Content-Type: multipart/alternative;\r\n"
			"\tboundary=\"");
		put(&m, boundary);
		put(&m, "\"\r\n\r\n");
		put_part(&m, boundary, "text/plain", &text);
		put_part(&m, boundary, "text/html", &html);
		put(&m, "--");
		put(&m, boundary);
		put(&m, "--\r\n");
	}
	buf_done(&text);
	buf_done(&html);
	return m.error;
}

int
render_mail(const struct render *r, const struct render_notice *n,
	    const char *to, struct buf *ret)
{
	size_t before = ret->len, ceiling = ret->max;
	struct render_scope s;
	int err;

	render_scope_init(&s, r, n, &render_limits[RENDER_MAIL_TXT]);
	if (ceiling - before > RENDER_MAIL_MAX)
		ret->max = before + RENDER_MAIL_MAX;
	do {
		ret->len = before;
		err = mail_try(&s, to, ret);
	} while (err == -EMSGSIZE && render_show_fewer(&s));
	if (err < 0)
		ret->len = before;
	ret->max = ceiling;
	return err;
}
