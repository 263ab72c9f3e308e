#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "verdict/observed.h"

/* Of one text: long enough for each that is in order. */
#define TEXT_MAX 2048

/* A line as it grows. */
struct ol {
	struct buf *buf;
	bool full; /* something did not fit */
};

static void
ol_put(struct ol *out, const char *s, size_t len)
{
	if (buf_append(out->buf, s, len) < 0)
		out->full = true;
}

static void
ol_put_str(struct ol *out, const char *s)
{
	ol_put(out, s, strlen(s));
}

static void
ol_put_char(struct ol *out, char c)
{
	ol_put(out, &c, 1);
}

static void
ol_put_control(struct ol *out, uint32_t c)
{
	char text[8];

	snprintf(text, sizeof(text), "\\u%04x", (unsigned)c & 0xff);
	ol_put_str(out, text);
}

static void
ol_char(struct ol *out, const char *s, size_t width, uint32_t c)
{
	if (width == 0)
		ol_put_str(out, "\\ufffd");
	else if (c == '"' || c == '\\')
		ol_put(out, (char[]){'\\', (char)c}, 2);
	else if (c < ' ' || c == 0x7f)
		ol_put_control(out, c);
	else
		ol_put(out, s, width);
}

/* S as a string of JSON, cut at TEXT_MAX. */
static void
ol_string(struct ol *out, const char *s)
{
	size_t len = strnlen(s, TEXT_MAX), plain;
	uint32_t c;

	ol_put_char(out, '"');
	while (len > 0) {
		size_t width;

		for (plain = 0; plain < len && s[plain] >= ' ' &&
				s[plain] < 0x7f && s[plain] != '"' &&
				s[plain] != '\\';)
			plain++;
		ol_put(out, s, plain);
		s += plain;
		len -= plain;
		if (len == 0)
			break;
		width = utf8_next(s, len, &c);
		ol_char(out, s, width, c);
		s += width > 0 ? width : 1;
		len -= width > 0 ? width : 1;
	}
	ol_put_char(out, '"');
}

/* `"name":"value"`, behind a comma unless it is the first of an object. */
static void
ol_member(struct ol *out, const char *name, const char *value)
{
	const struct buf *b = out->buf;

	ol_put_str(out, b->data[b->len - 1] == '{' ? "\"" : ",\"");
	ol_put_str(out, name);
	ol_put_str(out, "\":");
	ol_string(out, value);
}

static void
ol_from(struct ol *out, const struct author *author)
{
	ol_put_str(out, ",\"from\":[");
	for (size_t i = 0; i < author->n; i++) {
		if (i > 0)
			ol_put_char(out, ',');
		ol_string(out, author->domains[i]);
	}
	ol_put_char(out, ']');
}

static void
ol_spf(struct ol *out, const struct verdict_result *r)
{
	enum spf_scope scope = r->mail_from != NULL ? SPF_MAIL_FROM : SPF_HELO;
	const struct spf_verdict *v =
		r->mail_from != NULL ? r->mail_from : r->helo;

	if (v == NULL)
		return;
	ol_put_str(out, ",\"spf\":{");
	ol_member(out, "scope", spf_scope_names[scope]);
	ol_member(out, "domain", r->spf_domain);
	ol_member(out, "result", spf_result_names[v->result]);
	ol_put_char(out, '}');
}

static void
ol_dkim(struct ol *out, const struct dkim_verdict *v)
{
	ol_put_str(out, ",\"dkim\":[");
	for (size_t i = 0; i < v->n; i++) {
		const struct dkim_signature *s = &v->signatures[i];

		ol_put_str(out, i > 0 ? ",{" : "{");
		ol_member(out, "d", s->domain);
		ol_member(out, "s", s->selector);
		ol_member(out, "result", dkim_result_names[s->result]);
		ol_put_char(out, '}');
	}
	ol_put_char(out, ']');
}

static void
ol_record(struct ol *out, const struct dmarc_verdict *v)
{
	const struct dmarc_record *r = &v->record;

	ol_member(out, "domain", v->policy_domain);
	ol_member(out, "p", dmarc_policy_names[r->p]);
	ol_member(out, "sp", dmarc_policy_names[r->sp]);
	ol_member(out, "np", dmarc_policy_names[r->np]);
	ol_member(out, "t", r->testing ? "y" : "n");
	ol_member(out, "psd", dmarc_psd_names[r->psd]);
	ol_member(out, "adkim", r->adkim_strict ? "s" : "r");
	ol_member(out, "aspf", r->aspf_strict ? "s" : "r");
	ol_member(out, "rua", r->rua);
	ol_member(out, "tag", dmarc_tag_names[v->tag]);
}

static void
ol_dmarc(struct ol *out, const struct dmarc_verdict *v, size_t ndkim)
{
	const char *comma = "";
	char text[16];

	ol_put_str(out, ",\"dmarc\":{");
	ol_member(out, "result", dmarc_result_names[v->result]);
	ol_member(out, "from", v->author);
	if (v->policy_domain[0] != '\0')
		ol_record(out, v);
	ol_put_str(out, v->spf_aligned ? ",\"spf\":true" : ",\"spf\":false");
	ol_put_str(out, ",\"dkim\":[");
	for (size_t i = 0; i < ndkim && i < DMARC_DKIM_MAX; i++)
		if ((v->dkim_aligned & (UINT32_C(1) << i)) != 0) {
			snprintf(text, sizeof(text), "%s%zu", comma, i);
			ol_put_str(out, text);
			comma = ",";
		}
	ol_put_str(out, "]}");
}

/* Does DISPOSITION do what was asked? */
static bool
ol_obeyed(enum dmarc_policy asked, enum verdict_disposition disposition)
{
	if (asked == DMARC_POLICY_REJECT)
		return disposition == VERDICT_REJECT;
	if (asked == DMARC_POLICY_QUARANTINE)
		return disposition == VERDICT_MARK ||
		       disposition == VERDICT_HOLD;
	return disposition == VERDICT_NONE;
}

static void
ol_outcome(struct ol *out, const struct verdict_result *r)
{
	const struct dmarc_verdict *v = r->dmarc;
	const char *override = "";

	if (!ol_obeyed(v->asked, r->disposition))
		override = "local_policy";
	else if (v->result == DMARC_FAIL && v->asked != v->policy)
		override = "policy_test_mode";
	ol_member(out, "asked", dmarc_policy_names[v->asked]);
	ol_member(out, "disposition",
		  verdict_disposition_names[r->disposition]);
	ol_member(out, "override", override);
}

int
observed_line(const struct verdict_message *m, const struct verdict_result *r,
	      struct buf *buf)
{
	struct ol out = {.buf = buf};
	size_t before = buf->len;
	char ip[SOCKADDR_TEXT_MAX], text[64];

	snprintf(text, sizeof(text), "{\"v\":1,\"time\":%" PRId64,
		 m->now_ms / 1000);
	if (buf_append_str(buf, text) < 0)
		return -EMSGSIZE;
	sockaddr_ip(&m->client, ip);
	ol_member(&out, "ip", ip);
	ol_member(&out, "helo", m->helo);
	ol_member(&out, "sender", m->sender);
	ol_from(&out, r->author);
	ol_spf(&out, r);
	ol_dkim(&out, r->dkim);
	ol_dmarc(&out, r->dmarc, r->dkim->n);
	ol_outcome(&out, r);
	ol_put_str(&out, "}\n");
	if (!out.full)
		return 0;
	buf->len = before;
	buf->data[before] = '\0';
	return -EMSGSIZE;
}
