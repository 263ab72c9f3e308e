#include "mail/mime.h"

#include <errno.h>
#include <iconv.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <gmime/gmime.h>

#include "base/ascii.h"
#include "base/clean.h"
#include "base/must.h"
#include "base/xalloc.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/html_text.h"
#include "mail/mailboxes.h"

/* The library wants to be told once that it is there. */
static pthread_once_t mime_once = PTHREAD_ONCE_INIT;

/* Where in the mail we are. */
struct mime_walk {
	struct arena *arena;
	struct mime_mail *mail;
	size_t parts;
	const char *html; /* NULL: none so far */
};

/* --- fields ------------------------------------------------------------------ */

static const char *
mime_clean(struct arena *a, const char *s, size_t max)
{
	return s != NULL ? clean_line(a, s, strlen(s), max) : "";
}

/* The one address, or "". */
static const char *
mime_address(struct arena *a, const struct header_field *f)
{
	const char *why = NULL, *text;
	struct mailbox first, other;
	struct mailboxes list;
	struct address address;

	mailboxes_init(&list, f->value, f->value_len);
	if (memchr(f->value, '\0', f->value_len) != NULL ||
	    mailboxes_next(&list, a, &first, &why) != 1 ||
	    mailboxes_next(&list, a, &other, &why) != 0 || list.odd ||
	    address_parse(first.text, a, &address, &why) < 0)
		return "";
	text = address_text(&address, a);
	return *address.domain != '\0' ? text : "";
}

/* Whether it is its author's was asked of the fields that mail/header finds: the
 * library takes some for fields that are none there. */
static const char *
mime_from(struct arena *a, const char *data, size_t len)
{
	const char *from = "";
	struct header_field f;
	unsigned n = 0;

	for (; header_next(data, len, &f) == 1;
	     data += f.raw_len, len -= f.raw_len)
		if (header_is(&f, "From") && ++n == 1)
			from = mime_address(a, &f);
	return n == 1 ? from : "";
}

static void
mime_fields(struct mime_walk *w, GMimeHeaderList *list)
{
	int n = g_mime_header_list_get_count(list);
	struct mime_mail *m = w->mail;

	m->fields = arena_alloc(w->arena, MIME_FIELDS_MAX * sizeof(*m->fields));
	for (int i = 0; i < n && i < MIME_FIELDS_MAX; i++) {
		GMimeHeader *h = g_mime_header_list_get_header_at(list, i);

		m->fields[m->nfields++] = (struct mime_field){
			mime_clean(w->arena, g_mime_header_get_name(h), 100),
			mime_clean(w->arena, g_mime_header_get_value(h),
				   MIME_VALUE_MAX),
		};
	}
}

const char *
mime_field(const struct mime_mail *m, const char *name)
{
	for (size_t i = 0; i < m->nfields; i++)
		if (strcasecmp(m->fields[i].name, name) == 0)
			return m->fields[i].value;
	return NULL;
}

/* --- text --------------------------------------------------------------------- */

static const char *
mime_html(struct mime_walk *w, const char *html)
{
	const char *text;
	struct buf out;

	buf_init(&out, MIME_TEXT_MAX);
	(void)html_text(html, strlen(html), &out); /* what fits */
	text = clean_text(w->arena, buf_str(&out), out.len, MIME_TEXT_MAX);
	buf_done(&out);
	return text;
}

static void
mime_text(struct mime_walk *w, GMimeTextPart *part, bool html)
{
	char *text;

	if (*w->mail->text != '\0' || (html && w->html != NULL))
		return;
	text = g_mime_text_part_get_text(part);
	if (text == NULL)
		return;
	if (html)
		w->html = mime_html(w, text);
	else
		w->mail->text =
			clean_text(w->arena, text, strlen(text), MIME_TEXT_MAX);
	g_free(text);
}

/* --- what a report says ----------------------------------------------------------- */

/* "rfc822; anna@example.org", "smtp; 550 no": what stands behind the type. */
static const char *
mime_untyped(struct arena *a, const char *v)
{
	const char *semi = strchr(v, ';');

	return mime_clean(a, semi != NULL ? semi + 1 : v, MIME_VALUE_MAX);
}

static void
mime_status_field(struct mime_walk *w, struct mime_status *s,
		  const struct header_field *f)
{
	char value[MIME_VALUE_MAX];

	header_value(f, value, sizeof(value));
	if (header_is(f, "Final-Recipient"))
		s->recipient = mime_untyped(w->arena, value);
	else if (header_is(f, "Original-Recipient"))
		s->original = mime_untyped(w->arena, value);
	else if (header_is(f, "Diagnostic-Code"))
		s->words = mime_untyped(w->arena, value);
	else if (header_is(f, "Status"))
		s->status = mime_clean(w->arena, value, 32);
	if (!header_is(f, "Action"))
		return;
	ascii_lower_str(value);
	s->action = mime_clean(w->arena, value, 32);
}

/* One group of fields: the first is of the report itself, without an Action. */
static void
mime_status_group(struct mime_walk *w, const char *data, size_t len)
{
	struct mime_status s = {"", "", "", "", ""};
	struct mime_mail *m = w->mail;
	struct header_field f;

	for (; header_next(data, len, &f) == 1;
	     data += f.raw_len, len -= f.raw_len)
		mime_status_field(w, &s, &f);
	if (*s.action == '\0' || m->nstatuses == MIME_STATUSES_MAX)
		return;
	if (m->nstatuses == 0)
		m->statuses = arena_alloc(
			w->arena, MIME_STATUSES_MAX * sizeof(*m->statuses));
	m->statuses[m->nstatuses++] = s;
}

/* Groups are apart by empty lines; lines end in CRLF here. */
static void
mime_status_text(struct mime_walk *w, const char *data, size_t len)
{
	while (len > 0) {
		const char *end = memmem(data, len, "\r\n\r\n", 4);
		size_t n = end != NULL ? (size_t)(end - data) + 2 : len;

		mime_status_group(w, data, n);
		data += n;
		len -= n;
		while (len >= 2 && memcmp(data, "\r\n", 2) == 0) {
			data += 2;
			len -= 2;
		}
	}
}

static void
mime_statuses(struct mime_walk *w, GMimePart *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	GMimeStream *mem, *crlf;
	GMimeFilter *filter;
	GByteArray *bytes;

	if (content == NULL)
		return;
	mem = g_mime_stream_mem_new();
	crlf = g_mime_stream_filter_new(mem);
	filter = g_mime_filter_unix2dos_new(TRUE);
	g_mime_stream_filter_add(GMIME_STREAM_FILTER(crlf), filter);
	g_mime_data_wrapper_write_to_stream(content, crlf);
	g_mime_stream_flush(crlf);
	bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
	if (bytes->len > 0)
		mime_status_text(w, (const char *)bytes->data, bytes->len);
	g_object_unref(filter);
	g_object_unref(crlf);
	g_object_unref(mem);
}

/* --- parts ---------------------------------------------------------------------- */

static bool
mime_is_type(GMimeObject *o, const char *type, const char *subtype)
{
	GMimeContentType *t = g_mime_object_get_content_type(o);

	return t != NULL && g_mime_content_type_is_type(t, type, subtype);
}

static bool
mime_is_attached(GMimeObject *o)
{
	const char *how = g_mime_object_get_disposition(o);

	return how != NULL && strcasecmp(how, "attachment") == 0;
}

static void
mime_leaf(struct mime_walk *w, GMimeObject *o)
{
	if (!GMIME_IS_PART(o))
		return; /* a mail within it */
	if (mime_is_type(o, "message", "delivery-status") ||
	    mime_is_type(o, "message", "global-delivery-status")) {
		if (w->mail->is_report)
			mime_statuses(w, GMIME_PART(o));
	} else if (GMIME_IS_TEXT_PART(o) && !mime_is_attached(o)) {
		if (mime_is_type(o, "text", "html"))
			mime_text(w, GMIME_TEXT_PART(o), true);
		else if (mime_is_type(o, "text", "plain"))
			mime_text(w, GMIME_TEXT_PART(o), false);
	}
}

static void
mime_part(struct mime_walk *w, GMimeObject *o, unsigned depth)
{
	int n;

	if (o == NULL || depth > MIME_DEPTH_MAX || w->parts >= MIME_PARTS_MAX)
		return;
	w->parts++;
	if (!GMIME_IS_MULTIPART(o)) {
		mime_leaf(w, o);
		return;
	}
	n = g_mime_multipart_get_count(GMIME_MULTIPART(o));
	for (int i = 0; i < n; i++)
		mime_part(w, g_mime_multipart_get_part(GMIME_MULTIPART(o), i),
			  depth + 1);
}

static bool
mime_is_report(GMimeObject *o)
{
	const char *type;

	if (o == NULL || !mime_is_type(o, "multipart", "report"))
		return false;
	type = g_mime_object_get_content_type_parameter(o, "report-type");
	return type != NULL && strcasecmp(type, "delivery-status") == 0;
}

/* --- charsets -------------------------------------------------------------------- */

static const char *const mime_charset_names[] = {
	"ISO-8859-1",   "ISO-8859-2",   "ISO-8859-3",   "ISO-8859-4",
	"ISO-8859-5",   "ISO-8859-6",   "ISO-8859-7",   "ISO-8859-8",
	"ISO-8859-9",   "ISO-8859-10",  "ISO-8859-13",  "ISO-8859-14",
	"ISO-8859-15",  "ISO-8859-16",  "WINDOWS-1250", "WINDOWS-1251",
	"WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255",
	"WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258", "KOI8-R",
	"KOI8-U",       "CP850",        "CP866",        "MACINTOSH",
	"TIS-620",      "GB18030",      "GBK",          "GB2312",
	"BIG5",         "EUC-JP",       "SHIFT_JIS",    "ISO-2022-JP",
	"EUC-KR",       "ISO-2022-KR",  "CP949",        "UTF-7",
	"UTF-16",       "UTF-32",
};
#define MIME_NCHARSET                                                          \
	(sizeof(mime_charset_names) / sizeof(mime_charset_names[0]))

struct mime_charsets {
	iconv_t v[MIME_NCHARSET]; /* owned; (iconv_t)-1: not there */
};

struct mime_charsets *
mime_charsets_open(void)
{
	struct mime_charsets *c = xcalloc(1, sizeof(*c));

	for (size_t i = 0; i < MIME_NCHARSET; i++)
		c->v[i] = iconv_open("UTF-8", mime_charset_names[i]);
	must(pthread_once(&mime_once, g_mime_init) == 0);
	return c;
}

void
mime_charsets_close(struct mime_charsets **cp)
{
	struct mime_charsets *c = *cp;

	*cp = NULL;
	for (size_t i = 0; c != NULL && i < MIME_NCHARSET; i++)
		if (c->v[i] != (iconv_t)-1)
			iconv_close(c->v[i]);
	free(c);
}

/* --- the face -------------------------------------------------------------------- */

/* Each boundary costs an object: where there are too many the mail ends. */
static size_t
mime_cut(const char *data, size_t len)
{
	size_t parts = 0;

	if (len > MIME_SIZE_MAX)
		len = MIME_SIZE_MAX;
	for (size_t i = 0; i + 3 <= len; i++)
		if (memcmp(data + i, "\n--", 3) == 0 &&
		    ++parts > 2 * MIME_PARTS_MAX)
			return i + 1;
	return len;
}

static GMimeMessage *
mime_parse(const char *data, size_t len)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(data, len);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);

	g_object_unref(parser);
	g_object_unref(stream);
	return message;
}

int
mime_read(const char *data, size_t len, struct arena *a, struct mime_mail *ret)
{
	struct mime_walk w = {.arena = a, .mail = ret};
	GMimeMessage *message;
	const char *subject;
	GMimeObject *body;

	must(pthread_once(&mime_once, g_mime_init) == 0);
	message = mime_parse(data, mime_cut(data, len));
	if (message == NULL)
		return -EBADMSG;
	*ret = (struct mime_mail){
		.from = mime_from(a, data, len),
		.subject = "",
		.text = "",
	};
	mime_fields(&w, g_mime_object_get_header_list(GMIME_OBJECT(message)));
	body = g_mime_message_get_mime_part(message);
	ret->is_report = mime_is_report(body);
	mime_part(&w, body, 0);
	g_object_unref(message);
	if (*ret->text == '\0' && w.html != NULL)
		ret->text = w.html;
	subject = mime_field(ret, "Subject");
	ret->subject = subject != NULL ? subject : "";
	return 0;
}
