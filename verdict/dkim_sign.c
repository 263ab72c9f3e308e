#include "verdict/dkim_sign.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/xalloc.h"
#include "mail/base64.h"
#include "mail/header.h"
#include "mail/mailboxes.h"
#include "verdict/dkim_body.h"

#define FIELD_NAME "DKIM-Signature"
#define FOLD_AT    72 /* octets of a folded line, about */
#define FIELD_MAX  8192

/* What is covered where it is there: RFC 6376, 5.4.1, and what a reader sees or
 * a program acts upon. */
static const char *const covered_names[] = {
	"From",
	"Sender",
	"Reply-To",
	"To",
	"Cc",
	"Subject",
	"Date",
	"Message-ID",
	"In-Reply-To",
	"References",
	"MIME-Version",
	"Content-Type",
	"Content-Transfer-Encoding",
	"Content-Disposition",
	"Auto-Submitted",
	"Resent-Date",
	"Resent-From",
	"Resent-Sender",
	"Resent-To",
	"Resent-Cc",
	"Resent-Message-ID",
	"List-Id",
	"List-Help",
	"List-Owner",
	"List-Post",
	"List-Archive",
	"List-Subscribe",
	"List-Unsubscribe",
	"List-Unsubscribe-Post",
};

#define NNAMES (sizeof(covered_names) / sizeof(covered_names[0]))

struct dkim_signing {
	struct dkim_keys *keys;       /* a reference */
	const struct dkim_rule *rule; /* of KEYS */
	time_t now;
	struct buf names;  /* h= */
	struct buf header; /* what is covered, in canonical form */
	struct dkim_body body;
};

/* A field of the header that is covered. */
struct covered {
	size_t name; /* of covered_names */
	struct header_field field;
};

/* --- the canonical form of a field (RFC 6376, 3.4.2) ------------------------------ */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* NAME and VALUE without a line end. */
static int
canonical_field(const char *name, size_t name_len, const char *value,
		size_t len, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < name_len; i++)
		r = buf_append_char(ret, ascii_lower(name[i]));
	if (r == 0)
		r = buf_append_char(ret, ':');
	for (size_t i = 0, words = 0; r == 0 && i < len;) {
		size_t start;

		if (is_blank(value[i])) {
			i++;
			continue;
		}
		for (start = i; i < len && !is_blank(value[i]); i++)
			;
		if (words++ > 0)
			r = buf_append_char(ret, ' ');
		if (r == 0)
			r = buf_append(ret, value + start, i - start);
	}
	return r;
}

/* --- the header ------------------------------------------------------------------- */

static size_t
covered_name(const struct header_field *f)
{
	size_t i = 0;

	while (i < NNAMES && !header_is(f, covered_names[i]))
		i++;
	return i;
}

/* Those to cover, in their order. -EBADMSG: there are too many. */
static int
header_covered(const char *header, size_t len,
	       struct covered ret[DKIM_COVERED_MAX], size_t *ret_n)
{
	struct header_field f;
	size_t n = 0;

	while (header_next(header, len, &f) > 0) {
		size_t name = covered_name(&f);

		header += f.raw_len;
		len -= f.raw_len;
		if (name == NNAMES)
			continue;
		if (n == DKIM_COVERED_MAX)
			return -EBADMSG;
		ret[n++] = (struct covered){.name = name, .field = f};
	}
	*ret_n = n;
	return 0;
}

/* Into h=, folded. */
static int
signing_name(struct dkim_signing *s, const char *name)
{
	size_t used = s->names.len;
	const char *line = memrchr(buf_str(&s->names), '\t', used);
	size_t column =
		line != NULL ? used - (size_t)(line - s->names.data) : used;
	int r = 0;

	if (used > 0)
		r = buf_append_char(&s->names, ':');
	if (r == 0 && column + strlen(name) > FOLD_AT)
		r = buf_append_str(&s->names, "\r\n\t");
	return r == 0 ? buf_append_str(&s->names, name) : r;
}

/* Of several with a name the last one comes first (RFC 6376, 5.4.2). */
static int
signing_cover(struct dkim_signing *s, const struct covered *covered, size_t n)
{
	int r = 0;

	for (size_t name = 0; r == 0 && name < NNAMES; name++)
		for (size_t i = n; r == 0 && i-- > 0;) {
			const struct header_field *f = &covered[i].field;

			if (covered[i].name != name)
				continue;
			r = canonical_field(f->name, f->name_len, f->value,
					    f->value_len, &s->header);
			if (r == 0)
				r = buf_append_str(&s->header, "\r\n");
			if (r == 0)
				r = signing_name(s, covered_names[name]);
		}
	/* One that is not there: nobody can add a From. */
	return r == 0 ? signing_name(s, covered_names[0]) : r;
}

static const struct dkim_rule *
rule_of(const struct dkim_keys *keys, const struct covered *covered, size_t n)
{
	const struct dkim_rule *rule = NULL;
	struct mailboxes boxes;
	struct mailbox box;
	struct address a;
	struct arena arena;
	const char *why;
	size_t i = 0;

	while (i < n && covered[i].name != 0)
		i++;
	if (i == n)
		return NULL;
	arena_init(&arena);
	mailboxes_init(&boxes, covered[i].field.value,
		       covered[i].field.value_len);
	if (mailboxes_next(&boxes, &arena, &box, &why) > 0 &&
	    address_parse(box.text, &arena, &a, &why) == 0)
		rule = dkim_keys_find(keys, &a);
	arena_done(&arena);
	return rule;
}

int
dkim_signing_new(struct dkim_keys *keys, const char *header, size_t len,
		 time_t now, struct dkim_signing **ret)
{
	struct covered covered[DKIM_COVERED_MAX];
	const struct dkim_rule *rule;
	struct dkim_signing *s;
	size_t n = 0;
	int r;

	if (memchr(header, '\0', len) != NULL)
		return -EBADMSG;
	r = header_covered(header, len, covered, &n);
	if (r < 0)
		return r;
	*ret = NULL;
	rule = rule_of(keys, covered, n);
	if (rule == NULL)
		return 0;
	s = xcalloc(1, sizeof(*s));
	s->keys = dkim_keys_ref(keys);
	s->rule = rule;
	s->now = now;
	buf_init(&s->names, FIELD_MAX);
	buf_init(&s->header, len + 2 * DKIM_COVERED_MAX);
	dkim_body_init(&s->body, true, true);
	r = signing_cover(s, covered, n);
	if (r < 0) {
		dkim_signing_free(&s);
		return -EBADMSG;
	}
	*ret = s;
	return 0;
}

void
dkim_signing_body(struct dkim_signing *s, const void *data, size_t len)
{
	dkim_body_add(&s->body, data, len);
}

/* --- the signature ------------------------------------------------------------------ */

/* All but the octets of b=. */
static int
signature_begin(const struct dkim_signing *s, const struct dkim_selector *sel,
		const struct buf *body_hash, struct buf *ret)
{
	return buf_printf(ret,
			  FIELD_NAME ": v=1; a=%s; c=relaxed/relaxed;\r\n"
				     "\td=%s; s=%s;\r\n\tt=%lld;\r\n\th=%s;\r\n"
				     "\tbh=%s;\r\n\tb=",
			  dkim_algorithm_names[dkim_key_algorithm(sel->key)],
			  s->rule->domain, sel->name, (long long)s->now,
			  buf_str(&s->names), buf_str(body_hash));
}

static int
signature_hash(const struct dkim_signing *s, const struct buf *field,
	       unsigned char ret[SHA256_DIGEST_LENGTH])
{
	const size_t name = strlen(FIELD_NAME);
	struct buf canonical;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int r;

	buf_init(&canonical, FIELD_MAX);
	r = canonical_field(field->data, name, field->data + name + 1,
			    field->len - name - 1, &canonical);
	if (r == 0 &&
	    (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1 ||
	     EVP_DigestUpdate(md, buf_str(&s->header), s->header.len) != 1 ||
	     EVP_DigestUpdate(md, canonical.data, canonical.len) != 1 ||
	     EVP_DigestFinal_ex(md, ret, NULL) != 1))
		r = -EIO;
	EVP_MD_CTX_free(md);
	buf_done(&canonical);
	return r;
}

/* In lines. */
static int
signature_put(const struct buf *text, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < text->len; i += FOLD_AT) {
		size_t n = text->len - i;

		n = n < FOLD_AT ? n : FOLD_AT;
		if (i > 0)
			r = buf_append_str(ret, "\r\n\t");
		if (r == 0)
			r = buf_append(ret, text->data + i, n);
	}
	return r == 0 ? buf_append_str(ret, "\r\n") : r;
}

static int
signing_sign(const struct dkim_signing *s, const struct dkim_selector *sel,
	     const struct buf *body_hash, struct buf *ret)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	struct buf field, text;
	int r;

	buf_init(&field, FIELD_MAX);
	buf_init(&text, FIELD_MAX);
	r = signature_begin(s, sel, body_hash, &field);
	if (r == 0)
		r = signature_hash(s, &field, hash);
	if (r == 0)
		r = dkim_key_sign(sel->key, hash, &text);
	if (r == 0)
		r = signature_put(&text, &field);
	if (r == 0)
		r = buf_append(ret, field.data, field.len);
	buf_done(&text);
	buf_done(&field);
	return r;
}

int
dkim_signing_end(struct dkim_signing *s, struct buf *ret)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	struct buf body_hash;
	int r;

	dkim_body_end(&s->body, hash);
	if (s->body.bare)
		return -EBADMSG;
	buf_init(&body_hash, 64);
	r = base64_encode(hash, sizeof(hash), &body_hash);
	for (size_t i = 0; r == 0 && i < s->rule->n; i++)
		r = signing_sign(s, &s->rule->selectors[i], &body_hash, ret);
	buf_done(&body_hash);
	return r;
}

int
dkim_sign_message(struct dkim_keys *keys, const char *message, size_t len,
		  time_t now, struct buf *ret)
{
	struct dkim_signing *s = NULL;
	size_t end = 0, scanned = 0;
	int r;

	if (header_end(message, len, &scanned, &end) != 1)
		return -EBADMSG;
	r = dkim_signing_new(keys, message, end, now, &s);
	if (r == 0 && s != NULL) {
		dkim_signing_body(s, message + end, len - end);
		r = dkim_signing_end(s, ret);
		dkim_signing_free(&s);
	}
	return r;
}

const struct dkim_rule *
dkim_signing_rule(const struct dkim_signing *s)
{
	return s->rule;
}

void
dkim_signing_free(struct dkim_signing **s)
{
	if (*s == NULL)
		return;
	dkim_body_done(&(*s)->body);
	buf_done(&(*s)->header);
	buf_done(&(*s)->names);
	dkim_keys_unref(&(*s)->keys);
	free(*s);
	*s = NULL;
}
