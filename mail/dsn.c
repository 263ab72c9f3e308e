#include "mail/dsn.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/utf8.h"
#include "mail/dsn_impl.h"
#include "mail/xtext.h"

/*
 * Everything that comes from elsewhere (addresses, a server's words) passes
 * through dsn_words(): printable ASCII only, or UTF-8 where that is allowed,
 * wrapped, each line of it behind a blank. So it can make no field, no boundary
 * and no line of its own.
 */

#define LINE_WISH 76   /* where text is wrapped at a blank */
#define LINE_HARD 900  /* where it is wrapped in any case; below the 998 */
#define SHOWN_MAX 2048 /* an address in its ASCII form */

static const struct dsn_phrase {
	const char *action;   /* RFC 3464, 2.3.3 */
	const char *subject;  /* these two: in front of */
	const char *sentence; /* the recipient */
	const char *next;     /* what will happen now */
} phrases[] = {
	[DSN_FAILED] = {"failed", "Subject: Not delivered to ",
			"Your message could not be delivered to ",
			"It will not be tried again."},
	[DSN_DELAYED] = {"delayed", "Subject: Still not delivered to ",
			 "Your message has not yet been delivered to ",
			 "It goes on being tried; there is no need to send it "
			 "again."},
	[DSN_RELAYED] = {"relayed", "Subject: Passed on to ",
			 "Your message was passed on for ",
			 "The next server does not report any further."},
	[DSN_DELIVERED] = {"delivered", "Subject: Delivered to ",
			   "Your message was delivered to ",
			   "There is nothing left to do."},
	[DSN_EXPANDED] = {"expanded", "Subject: Sent on to all of ",
			  "Your message was sent on to all of ",
			  "What becomes of it there is not reported, unless it "
			  "fails."},
};

#define NPHRASES (sizeof(phrases) / sizeof(phrases[0]))

void
dsn_put(struct dsn_out *o, const char *data, size_t len)
{
	int r = buf_append(o->buf, data, len);

	if (r < 0 && o->error == 0)
		o->error = r;
}

void
dsn_str(struct dsn_out *o, const char *s)
{
	dsn_put(o, s, strlen(s));
}

static char
dsn_clean(char c, bool utf8)
{
	if (c == '\n' || c == '\r' || c == '\t')
		return ' ';
	if (utf8 && (unsigned char)c >= 0x80)
		return c;
	return c >= ' ' && c <= '~' ? c : '?';
}

/* How much of S goes on a line with room for WISH: up to the last blank there;
 * when there is none to the first one behind it, or LINE_HARD. */
static size_t
wrap_len(const char *s, size_t wish)
{
	size_t len = strnlen(s, LINE_HARD), blank = 0;

	if (len <= wish)
		return len;
	for (size_t i = 1; i < len; i++) {
		if (dsn_clean(s[i], true) != ' ')
			continue;
		if (i > wish && blank > 0)
			break;
		blank = i;
	}
	if (blank > 0)
		return blank;
	while (len > 1 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--; /* not within a character */
	return len;
}

/* S, made harmless, from column AT on, its later lines behind INDENT. */
static void
dsn_words(struct dsn_out *o, const char *s, size_t at, const char *indent)
{
	bool utf8 = o->utf8 && utf8_is_valid(s);

	for (;;) {
		size_t len = wrap_len(s, at < LINE_WISH ? LINE_WISH - at : 0);

		for (size_t i = 0; i < len; i++) {
			char c = dsn_clean(s[i], utf8);

			dsn_put(o, &c, 1);
		}
		s += len;
		while (*s != '\0' && dsn_clean(*s, utf8) == ' ')
			s++;
		if (*s == '\0')
			return;
		dsn_str(o, "\r\n");
		dsn_str(o, indent);
		at = strlen(indent);
	}
}

/* A line of text: LEAD, which is ours, and S. */
static void
dsn_line(struct dsn_out *o, const char *lead, const char *s, const char *indent)
{
	dsn_str(o, lead);
	dsn_words(o, s, strlen(lead), indent);
	dsn_str(o, "\r\n");
}

/* "Name: type; value". */
static void
dsn_field(struct dsn_out *o, const char *name, const char *value)
{
	dsn_line(o, name, value, "\t");
}

static void
dsn_date(struct dsn_out *o, const char *name, int64_t wall_ms)
{
	char date[CLOCK_RFC5322_LEN];

	clock_rfc5322(wall_ms, date);
	dsn_field(o, name, date);
}

/* --- for people ---------------------------------------------------------- */

/* The recipients of ACTION: how many, and the first one. */
static size_t
dsn_count(const struct dsn *d, enum dsn_action action,
	  const struct dsn_recipient **ret_first)
{
	size_t n = 0;

	for (size_t i = 0; i < d->nrcpt; i++) {
		if (d->rcpt[i].action == action && n++ == 0)
			*ret_first = &d->rcpt[i];
	}
	return n;
}

/* ADDRESS as this part of the report may hold it. */
static const char *
dsn_show(const struct dsn_out *o, const char *address,
	 char ret[static SHOWN_MAX])
{
	struct buf form;

	if (o->utf8 || utf8_is_ascii(address))
		return address;
	buf_init(&form, SHOWN_MAX - 1);
	(void)xtext_encode_utf8(address, &form);
	snprintf(ret, SHOWN_MAX, "%s", buf_str(&form));
	buf_done(&form);
	return ret;
}

/* The address that the sender knows. */
static const char *
dsn_known_address(const struct dsn_recipient *r)
{
	return r->original != NULL ? r->original : r->final;
}

/* "LEAD anna@example.org and 2 others" and TAIL. The later lines begin with a
 * blank: in the text, so that none can look like a boundary. */
static void
dsn_say_who(struct dsn_out *o, const char *lead,
	    const struct dsn_recipient *first, size_t n, const char *tail)
{
	char words[SHOWN_MAX + 80], others[64] = "", shown[SHOWN_MAX];

	if (n > 1)
		snprintf(others, sizeof(others), " and %zu other%s", n - 1,
			 n > 2 ? "s" : "");
	snprintf(words, sizeof(words), "%s%s%s",
		 dsn_show(o, dsn_known_address(first), shown), others, tail);
	dsn_line(o, lead, words, "  ");
}

static void
dsn_subject(struct dsn_out *o, const struct dsn *d)
{
	const struct dsn_recipient *first = NULL;

	for (size_t a = 0; a < NPHRASES; a++) {
		size_t n = dsn_count(d, (enum dsn_action)a, &first);

		if (n > 0) {
			dsn_say_who(o, phrases[a].subject, first, n, "");
			return;
		}
	}
}

static void
dsn_sentences(struct dsn_out *o, const struct dsn *d)
{
	const struct dsn_recipient *first = NULL;

	for (size_t a = 0; a < NPHRASES; a++) {
		size_t n = dsn_count(d, (enum dsn_action)a, &first);

		if (n == 0)
			continue;
		dsn_say_who(o, phrases[a].sentence, first, n, ".");
		dsn_str(o, phrases[a].next);
		dsn_str(o, "\r\n\r\n");
	}
}

static void
dsn_explain(struct dsn_out *o, const struct dsn_recipient *r)
{
	dsn_line(o, "  ", dsn_known_address(r), "  ");
	if (r->original != NULL && strcmp(r->original, r->final) != 0)
		dsn_line(o, "    which leads to ", r->final, "    ");
	if (r->reason != NULL)
		dsn_line(o, "    ", r->reason, "    ");
	if (r->reply != NULL) {
		dsn_line(o, "    The last answer, from ",
			 r->remote_mta != NULL ? r->remote_mta
					       : "this server itself",
			 "    ");
		dsn_line(o, "        ", r->reply, "        ");
	}
	dsn_str(o, "\r\n");
}

static bool
dsn_has_utf8(const struct dsn *d)
{
	for (size_t i = 0; i < d->nrcpt; i++)
		if (!utf8_is_ascii(d->rcpt[i].final) ||
		    !utf8_is_ascii(dsn_known_address(&d->rcpt[i])))
			return true;
	return false;
}

static void
dsn_text(struct dsn_out *o, const struct dsn *d)
{
	o->utf8 = dsn_has_utf8(d);
	dsn_str(o, o->utf8 ? "Content-Type: text/plain; charset=utf-8\r\n"
			     "Content-Transfer-Encoding: 8bit\r\n\r\n"
			   : "Content-Type: text/plain; "
			     "charset=us-ascii\r\n\r\n");
	dsn_sentences(o, d);
	dsn_str(o, "Each recipient, and what was said there:\r\n\r\n");
	for (size_t i = 0; i < d->nrcpt; i++)
		dsn_explain(o, &d->rcpt[i]);
	dsn_line(o, "This report comes from the mail server ", d->reporting_mta,
		 "  ");
	dsn_line(o, "where your message has the number ", d->queue_id, "  ");
	dsn_date(o, "and arrived on ", d->arrival_ms);
	if (d->original_len > 0)
		dsn_str(o,
			d->original_whole ? DSN_SAYS_WHOLE : DSN_SAYS_HEADER);
	o->utf8 = o->global;
}

/* --- for programs: RFC 3464 ----------------------------------------------- */

/* The host's name without the address and port that we add to it: the field
 * wants a name (RFC 3464, 2.3.5). */
static void
dsn_remote_mta(struct dsn_out *o, const char *remote)
{
	char name[256];
	size_t len = strcspn(remote, "[");

	if (len == 0)
		len = strcspn(remote, "]") + 1;
	len = strnlen(remote, len < sizeof(name) ? len : sizeof(name) - 1);
	memcpy(name, remote, len);
	name[len] = '\0';
	dsn_field(o, "Remote-MTA: dns; ", name);
}

/* "NAME: rfc822; ADDRESS", or of type utf-8 (RFC 6533, 3). */
static void
dsn_address_field(struct dsn_out *o, const char *name, const char *address)
{
	char shown[SHOWN_MAX];

	dsn_str(o, name);
	dsn_field(o, utf8_is_ascii(address) ? ": rfc822; " : ": utf-8; ",
		  dsn_show(o, address, shown));
}

static void
dsn_status_of(struct dsn_out *o, const struct dsn_recipient *r)
{
	dsn_str(o, "\r\n");
	if (r->orcpt != NULL)
		dsn_field(o, "Original-Recipient: ", r->orcpt);
	else if (r->original != NULL)
		dsn_address_field(o, "Original-Recipient", r->original);
	dsn_address_field(o, "Final-Recipient", r->final);
	dsn_field(o, "Action: ", phrases[r->action].action);
	dsn_field(o, "Status: ", r->status);
	if (r->remote_mta != NULL)
		dsn_remote_mta(o, r->remote_mta);
	if (r->reply != NULL)
		dsn_field(o,
			  r->remote_mta != NULL ? "Diagnostic-Code: smtp; "
						: "Diagnostic-Code: x-belfry; ",
			  r->reply);
	if (r->last_attempt_ms != 0)
		dsn_date(o, "Last-Attempt-Date: ", r->last_attempt_ms);
	if (r->retry_until_ms != 0)
		dsn_date(o, "Will-Retry-Until: ", r->retry_until_ms);
}

static void
dsn_status(struct dsn_out *o, const struct dsn *d)
{
	dsn_str(o, o->global
			   ? "Content-Type: message/global-delivery-status\r\n"
			     "Content-Transfer-Encoding: 8bit\r\n\r\n"
			   : "Content-Type: message/delivery-status\r\n\r\n");
	dsn_field(o, "Reporting-MTA: dns; ", d->reporting_mta);
	if (d->envid != NULL)
		dsn_field(o, "Original-Envelope-Id: ", d->envid);
	dsn_field(o, "X-Belfry-Queue-ID: ", d->queue_id);
	dsn_date(o, "Arrival-Date: ", d->arrival_ms);
	for (size_t i = 0; i < d->nrcpt; i++)
		dsn_status_of(o, &d->rcpt[i]);
}

/* --- the whole -------------------------------------------------------------
 */

#define BOUNDARY_MAX 40

/* A boundary that the original does not hold. The other parts can't: none of
 * their lines begins with two hyphens. */
static void
dsn_boundary(const struct dsn *d, char ret[static BOUNDARY_MAX])
{
	uint32_t crc = crc32c(0, d->message_id, strlen(d->message_id));

	do {
		snprintf(ret, BOUNDARY_MAX, "=_belfry_%08x", crc);
		crc = crc32c(crc, ret, strlen(ret));
	} while (d->original_len > 0 && memmem(d->original, d->original_len,
					       ret, strlen(ret)) != NULL);
}

static void
dsn_header(struct dsn_out *o, const struct dsn *d, const char *boundary,
	   enum dsn_encoding e)
{
	dsn_str(o, "From: \"Mail Delivery\" <MAILER-DAEMON@");
	dsn_words(o, d->reporting_mta, 37, "\t");
	dsn_str(o, ">\r\nTo: <");
	dsn_words(o, d->to, 5, "\t");
	dsn_str(o, ">\r\n");
	dsn_subject(o, d);
	dsn_date(o, "Date: ", d->now_ms);
	dsn_str(o, "Message-ID: <");
	dsn_words(o, d->message_id, 13, "\t");
	dsn_str(o, ">\r\nAuto-Submitted: auto-replied\r\n"
		   "MIME-Version: 1.0\r\n"
		   "Content-Type: multipart/report; "
		   "report-type=delivery-status;\r\n\tboundary=\"");
	dsn_str(o, boundary);
	dsn_str(o, "\"\r\n");
	if (e == DSN_8BIT || o->global || dsn_has_utf8(d))
		dsn_str(o, "Content-Transfer-Encoding: 8bit\r\n");
	dsn_str(o, "\r\n");
}

static void
dsn_part(struct dsn_out *o, const char *boundary, const char *end)
{
	dsn_str(o, "\r\n--");
	dsn_str(o, boundary);
	dsn_str(o, end);
	dsn_str(o, "\r\n");
}

int
dsn_compose(const struct dsn *d, struct buf *out)
{
	bool global = !utf8_is_ascii(d->to);
	struct dsn_out o = {out, 0, global, global};
	enum dsn_encoding e = dsn_encoding(d, global);
	char boundary[BOUNDARY_MAX];

	dsn_boundary(d, boundary);
	dsn_header(&o, d, boundary, e);
	dsn_str(&o, "This is a delivery report in MIME format.\r\n");
	dsn_part(&o, boundary, "");
	dsn_text(&o, d);
	dsn_part(&o, boundary, "");
	dsn_status(&o, d);
	if (d->original_len > 0) {
		dsn_part(&o, boundary, "");
		dsn_original(&o, d, e);
	}
	dsn_part(&o, boundary, "--");
	return o.error;
}
