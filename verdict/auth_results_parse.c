#include "verdict/auth_results.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "mail/idn.h"

/* Where we are in the value of a field. */
struct ap {
	const char *at, *end;
	struct arena *arena;
};

static bool
ap_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* comment = "(" *( ctext / quoted-pair / comment ) ")". False: it has no end. */
static bool
ap_comment(struct ap *p)
{
	size_t depth = 0;

	for (; p->at < p->end; p->at++) {
		if (*p->at == '(') {
			depth++;
		} else if (*p->at == ')' && --depth == 0) {
			p->at++;
			return true;
		} else if (*p->at == '\\' && p->at + 1 < p->end) {
			p->at++;
		}
	}
	return false;
}

/* False: a comment has no end. */
static bool
ap_skip(struct ap *p)
{
	while (p->at < p->end) {
		if (ap_is_space(*p->at))
			p->at++;
		else if (*p->at != '(')
			return true;
		else if (!ap_comment(p))
			return false;
	}
	return true;
}

static bool
ap_take(struct ap *p, char c)
{
	if (!ap_skip(p) || p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

/* What a value is made of. People write without quotes what has them in the
 * grammar (`header.b=a/b+=`), so that only the ends of a value end it. */
static bool
ap_value_char(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f &&
	       strchr("();\"", c) == NULL;
}

static bool
ap_keyword_char(char c)
{
	c = ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

/* In lower case; NULL: there is none. */
static const char *
ap_keyword(struct ap *p)
{
	const char *start;
	char *word;

	if (!ap_skip(p))
		return NULL;
	start = p->at;
	while (p->at < p->end && ap_keyword_char(*p->at))
		p->at++;
	if (p->at == start || p->at - start > AUTH_KEYWORD_MAX)
		return NULL;
	word = arena_strndup(p->arena, start, (size_t)(p->at - start));
	ascii_lower_str(word);
	return word;
}

/* How many octets a quoted string has without its quotes, which go to TO unless
 * that is NULL; -EINVAL: it has no end. Line ends that fold it are none of it. */
static int
ap_quoted(struct ap *p, char *to)
{
	int n = 0;

	for (p->at++; p->at < p->end; p->at++) {
		if (*p->at == '"') {
			p->at++;
			return n;
		}
		if (*p->at == '\\' && p->at + 1 < p->end)
			p->at++;
		else if (*p->at == '\r' || *p->at == '\n')
			continue;
		if (to != NULL)
			to[n] = *p->at;
		n++;
	}
	return -EINVAL;
}

/* Quoted strings and bare words, one behind the other ("a b"@example.org): how
 * many octets, which go to TO unless that is NULL; or -EINVAL. */
static int
ap_words(struct ap *p, bool (*is_char)(char c), char *to)
{
	int n = 0, r;

	while (p->at < p->end) {
		if (*p->at == '"') {
			r = ap_quoted(p, to != NULL ? to + n : NULL);
			if (r < 0)
				return r;
			n += r;
		} else if (is_char(*p->at)) {
			if (to != NULL)
				to[n] = *p->at;
			n++;
			p->at++;
		} else {
			break;
		}
	}
	return n;
}

/* NULL: there is nothing. Measured first: a field may hold many. */
static const char *
ap_value(struct ap *p, bool (*is_char)(char c))
{
	const char *start;
	char *value;
	int n;

	if (!ap_skip(p))
		return NULL;
	start = p->at;
	n = ap_words(p, is_char, NULL);
	if (n <= 0)
		return NULL;
	value = arena_alloc(p->arena, (size_t)n + 1);
	p->at = start;
	ap_words(p, is_char, value);
	return value;
}

/* Behind the next `;` that stands in no comment and no quotes; false: there is
 * none. */
static bool
ap_next(struct ap *p)
{
	while (ap_skip(p) && p->at < p->end) {
		char c = *p->at++;

		if (c == ';')
			return true;
		if (c != '"')
			continue;
		for (; p->at < p->end && *p->at != '"'; p->at++)
			if (*p->at == '\\' && p->at + 1 < p->end)
				p->at++;
		if (p->at < p->end)
			p->at++;
	}
	return false;
}

/* --- results ------------------------------------------------------------------- */

/* One `ptype.property=value`, or `reason=value`. False: there is none. */
static bool
ap_property(struct ap *p, struct auth_result *r)
{
	const char *type = ap_keyword(p), *name = NULL, *value;

	if (type == NULL)
		return false;
	if (ap_take(p, '.')) {
		name = ap_keyword(p);
		if (name == NULL)
			return false;
	}
	if (!ap_take(p, '='))
		return false;
	value = ap_value(p, ap_value_char);
	if (value == NULL)
		return false;
	if (name == NULL && strcmp(type, "reason") == 0)
		r->reason = value;
	else if (name != NULL && r->n < AUTH_PROPS_MAX)
		r->props[r->n++] = (struct auth_prop){type, name, value};
	return true;
}

/* method [ "/" version ] "=" result. False: there is none. */
static bool
ap_result(struct ap *p, struct auth_result *r)
{
	*r = (struct auth_result){.comment = "", .reason = ""};
	r->method = ap_keyword(p);
	if (r->method == NULL)
		return false;
	if (ap_take(p, '/') && ap_keyword(p) == NULL)
		return false;
	if (!ap_take(p, '='))
		return false;
	r->result = ap_keyword(p);
	if (r->result == NULL)
		return false;
	while (ap_property(p, r))
		;
	return true;
}

/* token of RFC 2045. */
static bool
ap_token_char(char c)
{
	return ap_value_char(c) && strchr("<>@,:\\/[]?=", c) == NULL;
}

static const char *
ap_authserv_id(const char *value, size_t len, struct arena *arena, struct ap *p)
{
	*p = (struct ap){value, value + len, arena};
	return ap_value(p, ap_token_char);
}

int
auth_results_parse(const char *value, size_t len, struct arena *arena,
		   struct auth_results *ret)
{
	struct ap p;
	const char *id = ap_authserv_id(value, len, arena, &p);

	if (id == NULL)
		return -EINVAL;
	ret->authserv_id = id;
	ret->n = 0;
	while (ret->n < AUTH_RESULTS_MAX && ap_next(&p))
		ret->n += ap_result(&p, &ret->v[ret->n]);
	return 0;
}

const struct auth_result *
auth_results_find(const struct auth_results *a, const char *method)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].method, method) == 0)
			return &a->v[i];
	return NULL;
}

/* --- whose it is --------------------------------------------------------------- */

/* A host's name without a final dot and, where it can be had, as the DNS has
 * it. */
static const char *
ap_host(const char *s, struct arena *arena)
{
	size_t len = strlen(s);
	const char *ascii;

	if (len > 1 && s[len - 1] == '.')
		len--;
	if (utf8_has_8bit(s, len) && idn_to_ascii(s, len, arena, &ascii) == 0)
		return ascii;
	return arena_strndup(arena, s, len);
}

bool
auth_results_of(const struct header_field *f, const char *authserv_id)
{
	struct arena arena;
	struct ap p;
	const char *id;
	bool of;

	if (!header_is(f, AUTH_RESULTS_NAME))
		return false;
	arena_init(&arena);
	id = ap_authserv_id(f->value, f->value_len, &arena, &p);
	of = id == NULL ||
	     strcasecmp(ap_host(id, &arena), ap_host(authserv_id, &arena)) == 0;
	arena_done(&arena);
	return of;
}

/* Longer names are nobody's. */
#define AP_NAME_MAX 1024

/* With a final dot or without. */
static bool
ap_is_host(const struct buf *name, const char *host)
{
	size_t len = strlen(host);

	return name->len >= len && name->len <= len + 1 &&
	       strncasecmp(name->data, host, len) == 0 &&
	       (name->len == len || name->data[len] == '.');
}

/* The same of a name beyond ASCII. */
static bool
ap_becomes_host(struct buf *name, const char *host, struct arena *arena)
{
	return name->len > 0 && utf8_has_8bit(name->data, name->len) &&
	       strcasecmp(ap_host(buf_str(name), arena), host) == 0;
}

/* Are the words in front HOST's name, or those of them up to some place? */
static bool
ap_joins_to(struct ap *p, const char *host, struct buf *name)
{
	const char *word;
	bool ended = false;

	while ((word = ap_value(p, ap_token_char)) != NULL &&
	       buf_append_str(name, word) == 0) {
		if (ap_is_host(name, host))
			return true;
		(void)ap_skip(p);
		if (ended || name->data[name->len - 1] == '.' ||
		    (p->at < p->end && *p->at == '.'))
			continue;
		/* What follows is a version, if it is anything. Once: it costs
		 * more. */
		ended = true;
		if (ap_becomes_host(name, host, p->arena))
			return true;
	}
	return !ended && ap_becomes_host(name, host, p->arena);
}

bool
auth_results_claims(const struct header_field *f, const char *authserv_id)
{
	struct arena arena;
	struct buf name;
	struct ap p;
	bool claims = auth_results_of(f, authserv_id);

	if (claims || !header_is(f, AUTH_RESULTS_NAME))
		return claims;
	arena_init(&arena);
	buf_init(&name, AP_NAME_MAX);
	p = (struct ap){f->value, f->value + f->value_len, &arena};
	claims = ap_joins_to(&p, ap_host(authserv_id, &arena), &name);
	buf_done(&name);
	arena_done(&arena);
	return claims;
}
