#include "base/log_line.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/log_find.h"
#include "base/must.h"
#include "base/utf8.h"

/* Room for ` cut=true`, the closing brace and the newline. */
#define LOG_LINE_TAIL 24

const char *const log_level_names[] = {"debug", "info", "warning", "error",
				       NULL};
const char *const log_format_names[] = {"logfmt", "json", NULL};
const char *const log_addresses_names[] = {"plain", "hash", "domain", NULL};

void
log_line_init(struct log_line *l, enum log_format format,
	      enum log_addresses addresses)
{
	l->format = format;
	l->addresses = addresses;
	l->cut = false;
	l->len = 0;
}

static bool
ll_put(struct log_line *l, const char *s, size_t len)
{
	if (len > LOG_LINE_MAX - LOG_LINE_TAIL - l->len)
		return false;
	memcpy(l->data + l->len, s, len);
	l->len += len;
	return true;
}

/* Needs no quotes in logfmt and no escape in either format. */
static bool
ll_is_bare(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

/* Stays as it is between quotes. C1 controls and the two line separators are
 * escaped: some readers end a line there. */
static bool
ll_is_quotable(uint32_t c)
{
	if (c < 0x7f)
		return c >= ' ' && c != '"' && c != '\\';
	return c > 0x9f && c != 0x2028 && c != 0x2029;
}

static bool
ll_put_escape(struct log_line *l, uint32_t c)
{
	char text[8];
	int n;

	if (c == '"' || c == '\\')
		n = snprintf(text, sizeof(text), "\\%c", (char)c);
	else if (c == '\n')
		n = snprintf(text, sizeof(text), "\\n");
	else if (c == '\r')
		n = snprintf(text, sizeof(text), "\\r");
	else if (c == '\t')
		n = snprintf(text, sizeof(text), "\\t");
	else
		n = snprintf(text, sizeof(text), "\\u%04x", c & 0xffff);
	return ll_put(l, text, (size_t)n);
}

static bool
ll_put_quoted(struct log_line *l, const char *s, size_t len, bool cut)
{
	bool ok = ll_put(l, "\"", 1);

	for (size_t i = 0, n; ok && i < len; i += n) {
		uint32_t c;

		n = utf8_next(s + i, len - i, &c);
		if (n == 0) {
			n = 1;
			c = 0xfffd;
			ok = ll_put_escape(l, c);
		} else if (ll_is_quotable(c)) {
			ok = ll_put(l, s + i, n);
		} else {
			ok = ll_put_escape(l, c);
		}
	}
	if (cut)
		ok = ok && ll_put(l, "...", 3);
	return ok && ll_put(l, "\"", 1);
}

static bool
ll_put_str(struct log_line *l, const char *s)
{
	size_t len = strnlen(s, LOG_VALUE_MAX), bare = 0;
	bool cut = s[len] != '\0';

	while (bare < len && ll_is_bare((unsigned char)s[bare]))
		bare++;
	if (bare < len || len == 0 || cut)
		return ll_put_quoted(l, s, len, cut);
	if (l->format == LOG_LOGFMT)
		return ll_put(l, s, len);
	return ll_put(l, "\"", 1) && ll_put(l, s, len) && ll_put(l, "\"", 1);
}

static bool
ll_put_int(struct log_line *l, int64_t num)
{
	char text[24], *at = text + sizeof(text);
	uint64_t u = num < 0 ? -(uint64_t)num : (uint64_t)num;

	do
		*--at = (char)('0' + u % 10);
	while ((u /= 10) > 0);
	if (num < 0)
		*--at = '-';
	return ll_put(l, at, (size_t)(text + sizeof(text) - at));
}

#define LL_HASH_LEN 17 /* with the NUL */

/* The first 64 bits of the SHA-256 of the address in lower case: the same
 * address has the same text, in every process. */
static void
ll_hash(const char *address, size_t len, char *ret_hex)
{
	unsigned char lower[LOG_VALUE_MAX], digest[EVP_MAX_MD_SIZE];
	size_t n;

	if (len > sizeof(lower))
		len = sizeof(lower);
	for (size_t i = 0; i < len; i++)
		lower[i] = (unsigned char)ascii_lower(address[i]);
	must(EVP_Q_digest(NULL, "SHA256", NULL, lower, len, digest, &n));
	for (size_t i = 0; i < 8; i++)
		snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

/* What is a name without a domain, or a path, shows nothing of it. */
static bool
ll_put_addr(struct log_line *l, const char *address)
{
	char hex[LL_HASH_LEN];
	const char *at;

	switch (address[0] == '\0' ? LOG_ADDR_PLAIN : l->addresses) {
	case LOG_ADDR_PLAIN:
		return ll_put_str(l, address);
	case LOG_ADDR_HASH:
		ll_hash(address, strlen(address), hex);
		return ll_put_str(l, hex);
	case LOG_ADDR_DOMAIN:
		at = strrchr(address, '@');
		if (at == NULL || strchr(at, '/') != NULL)
			at = "@";
		return ll_put_str(l, at);
	}
	return false;
}

/* As much of the LEN bytes at S as there is room for behind the *N of TEXT,
 * which has LOG_VALUE_MAX + 1: with all of them it is cut, and says so. */
static void
ll_append(char *text, size_t *n, const char *s, size_t len)
{
	if (len > LOG_VALUE_MAX + 1 - *n)
		len = LOG_VALUE_MAX + 1 - *n;
	memcpy(text + *n, s, len);
	*n += len;
}

/* Text that others wrote, with the addresses in it as they are to be shown. */
static bool
ll_put_text(struct log_line *l, const char *s)
{
	char text[LOG_VALUE_MAX + 2], hex[LL_HASH_LEN];
	struct log_found found;
	size_t n = 0;

	if (l->addresses == LOG_ADDR_PLAIN || !log_find_address(s, &found))
		return ll_put_str(l, s);
	do {
		ll_append(text, &n, s, (size_t)(found.begin - s));
		if (l->addresses == LOG_ADDR_HASH) {
			ll_hash(found.begin, (size_t)(found.end - found.begin),
				hex);
			ll_append(text, &n, hex, sizeof(hex) - 1);
		} else {
			ll_append(text, &n, found.at,
				  (size_t)(found.end - found.at));
		}
		s = found.end;
	} while (n <= LOG_VALUE_MAX && log_find_address(s, &found));
	ll_append(text, &n, s, strlen(s));
	text[n] = '\0';
	return ll_put_str(l, text);
}

static bool
ll_put_key(struct log_line *l, const char *key)
{
	if (l->format == LOG_LOGFMT)
		return (l->len == 0 || ll_put(l, " ", 1)) &&
		       ll_put(l, key, strlen(key)) && ll_put(l, "=", 1);
	return ll_put(l, l->len == 0 ? "\"" : ",\"", l->len == 0 ? 1 : 2) &&
	       ll_put(l, key, strlen(key)) && ll_put(l, "\":", 2);
}

static bool
ll_put_value(struct log_line *l, const struct log_field *f)
{
	switch (f->type) {
	case LOG_TYPE_STR:
		return ll_put_text(l, f->str);
	case LOG_TYPE_EXACT:
		return ll_put_str(l, f->str);
	case LOG_TYPE_INT:
		return ll_put_int(l, f->num);
	case LOG_TYPE_ADDR:
		return ll_put_addr(l, f->str);
	case LOG_END:
		break;
	}
	return false;
}

/* All of the field or nothing of it. */
static void
ll_field(struct log_line *l, const struct log_field *f)
{
	size_t before = l->len;

	if (f->type == LOG_END || f->key == NULL ||
	    (f->type != LOG_TYPE_INT && f->str == NULL))
		return;
	if (ll_put_key(l, f->key) && ll_put_value(l, f))
		return;
	l->len = before;
	l->cut = true;
}

/* Contexts are a few deep: listener, session, message. */
static void
ll_context(struct log_line *l, const struct log_context *ctx)
{
	if (ctx == NULL)
		return;
	ll_context(l, ctx->parent);
	ll_field(l, &ctx->field);
}

static void
ll_end(struct log_line *l)
{
	static const char cut_logfmt[] = " cut=true",
			  cut_json[] = ",\"cut\":true";
	const char *cut = l->format == LOG_LOGFMT ? cut_logfmt : cut_json;
	size_t n = strlen(cut);

	if (l->cut) {
		memcpy(l->data + l->len, cut, n);
		l->len += n;
	}
	if (l->format == LOG_JSON)
		l->data[l->len++] = '}';
	l->data[l->len++] = '\n';
}

void
log_line_make(struct log_line *l, const struct log_context *ctx,
	      enum log_level level, const char *event,
	      const struct log_field *fields)
{
	ll_field(l, &LOG_STR("level", log_level_names[level]));
	ll_field(l, &LOG_STR("event", event));
	ll_context(l, ctx);
	for (const struct log_field *f = fields; f->type != LOG_END; f++)
		ll_field(l, f);
	ll_end(l);
}
