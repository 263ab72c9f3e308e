#include "mail/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "mail/idn.h"

#define LOCAL_MAX  255
#define DOMAIN_MAX 255
#define LABEL_MAX  63

/* What is still to be read, and why reading it failed. */
struct reader {
	const char *at, *end;
	const char *why;
	bool bare; /* a local part alone is taken, whatever it is */
};

static int
ar_fail(struct reader *r, const char *why)
{
	r->why = why;
	return -EINVAL;
}

static bool
ar_at(const struct reader *r, char c)
{
	return r->at < r->end && *r->at == c;
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool
is_atext(char c)
{
	return is_alnum(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* The same for every octet that no address may hold, wherever it stands. */
static const char *
ar_why_not(char c, const char *why)
{
	unsigned char u = (unsigned char)c;

	if (u >= 0x80)
		return "an address beyond ASCII is well-formed UTF-8";
	if (u < ' ' || u == 0x7f)
		return "control characters have no place in an address";
	return why;
}

/* A character beyond ASCII (RFC 6532, 3.1); no control character among them.
 */
static bool
ar_utf8(struct reader *r)
{
	uint32_t c;
	size_t n;

	if (r->at >= r->end || (unsigned char)*r->at < 0x80)
		return false;
	n = utf8_next(r->at, (size_t)(r->end - r->at), &c);
	if (n == 0 || c < 0xa0)
		return false;
	r->at += n;
	return true;
}

static bool
ar_atext(struct reader *r)
{
	if (r->at < r->end && is_atext(*r->at)) {
		r->at++;
		return true;
	}
	return ar_utf8(r);
}

/* Dot-string = Atom *("." Atom) */
static int
ar_dot_string(struct reader *r)
{
	const char *start = r->at;

	for (;;) {
		const char *atom = r->at;

		while (ar_atext(r))
			;
		if (r->at < r->end && *r->at != '.' && *r->at != '@' &&
		    *r->at != '>')
			return ar_fail(r, ar_why_not(*r->at,
						     "this character needs "
						     "\"quotes\" in the part "
						     "before the @"));
		if (r->at == atom && r->at == start && !ar_at(r, '.'))
			return ar_fail(r, "nothing stands before the @");
		if (r->at == atom)
			return ar_fail(r, "a dot begins, ends or doubles in "
					  "the part before the @");
		if (!ar_at(r, '.'))
			return 0;
		r->at++;
	}
}

/* Quoted-string = DQUOTE *( %d32-33 / %d35-91 / %d93-126 / "\" %d32-126 /
 * UTF8-non-ascii ) DQUOTE */
static int
ar_quoted_string(struct reader *r)
{
	r->at++;
	for (; r->at < r->end && *r->at != '"'; r->at++) {
		while (ar_utf8(r))
			;
		if (r->at < r->end && *r->at == '\\')
			r->at++;
		else if (r->at < r->end && *r->at == '"')
			break;
		if (r->at == r->end)
			break;
		if (*r->at < ' ' || *r->at > '~')
			return ar_fail(r, ar_why_not(*r->at, ""));
	}
	if (r->at >= r->end)
		return ar_fail(r, "the closing quote is missing");
	r->at++;
	return 0;
}

/* What the quotes at S hold, its backslashes taken out. */
static size_t
quoted_content(const char *s, size_t len, char *ret)
{
	size_t n = 0;

	for (size_t i = 1; i + 1 < len; i++) {
		if (s[i] == '\\')
			i++;
		ret[n++] = s[i];
	}
	return n;
}

/* All ways to quote a local part name one mailbox, and whoever sends takes the
 * shortest (RFC 5321, 4.1.2): "an\na" is anna. */
static const char *
quoted_canonical(const char *s, size_t len, struct arena *arena)
{
	char content[LOCAL_MAX], *out = arena_alloc(arena, len + 1);
	size_t n = quoted_content(s, len, content), at = 0;
	struct reader r = {.at = content, .end = content + n};

	if (ar_dot_string(&r) == 0 && r.at == r.end)
		return arena_strndup(arena, content, n);
	out[at++] = '"';
	for (size_t i = 0; i < n; i++) {
		if (content[i] == '"' || content[i] == '\\')
			out[at++] = '\\';
		out[at++] = content[i];
	}
	out[at++] = '"';
	out[at] = '\0';
	return out;
}

static int
ar_local(struct reader *r, struct arena *arena, const char **ret_local)
{
	const char *start = r->at;
	bool quoted = ar_at(r, '"');
	int e = quoted ? ar_quoted_string(r) : ar_dot_string(r);
	size_t len = (size_t)(r->at - start);

	if (e < 0)
		return e;
	if (len > LOCAL_MAX)
		return ar_fail(r, "the part before the @ is too long");
	*ret_local = quoted ? quoted_canonical(start, len, arena)
			    : arena_strndup(arena, start, len);
	return 0;
}

/*
 * Domain = label *("." label); a label begins and ends in a letter or digit and
 * may have hyphens between. Underscores are not in RFC 5321, but machines that
 * have them in their names send mail.
 */
static const char *
domain_why_not(const char *s, size_t len)
{
	size_t label = 0;

	if (len == 0)
		return "the domain is missing";
	if (len > DOMAIN_MAX)
		return "the domain is too long";
	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] != '.') {
			if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_')
				return ar_why_not(s[i], "this character can't "
							"stand in a domain");
			continue;
		}
		if (i == label)
			return "a dot begins, ends or doubles in the domain";
		if (i - label > LABEL_MAX)
			return "a label of the domain is too long";
		if (s[label] == '-' || s[i - 1] == '-')
			return "a hyphen begins or ends a label of the domain";
		label = i + 1;
	}
	return NULL;
}

#define LITERAL_LEN (sizeof("[IPv6:]") + INET6_ADDRSTRLEN)

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (4.1.3); RET is its canonical form. */
static bool
literal_parse(const char *s, size_t len, char ret[static LITERAL_LEN])
{
	char text[LITERAL_LEN], ip[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	if (len < 2 || len >= sizeof(text) || s[0] != '[' || s[len - 1] != ']')
		return false;
	memcpy(text, s + 1, len - 2);
	text[len - 2] = '\0';
	if (strlen(text) != len - 2)
		return false;

	if (strncasecmp(text, "IPv6:", 5) == 0) {
		if (inet_pton(AF_INET6, text + 5, &v6) != 1)
			return false;
		inet_ntop(AF_INET6, &v6, ip, sizeof(ip));
		snprintf(ret, LITERAL_LEN, "[IPv6:%s]", ip);
	} else {
		if (inet_pton(AF_INET, text, &v4) != 1)
			return false;
		inet_ntop(AF_INET, &v4, ip, sizeof(ip));
		snprintf(ret, LITERAL_LEN, "[%s]", ip);
	}
	return true;
}

/* "1.2.3.4" reads as a domain, but whoever writes it means "[1.2.3.4]". */
static bool
is_naked_ip(const char *domain)
{
	struct in_addr v4;

	return inet_pton(AF_INET, domain, &v4) == 1;
}

static int
ar_literal(struct reader *r, struct arena *arena, const char **ret_domain)
{
	const char *close = memchr(r->at, ']', (size_t)(r->end - r->at));
	char text[LITERAL_LEN];

	if (close == NULL)
		return ar_fail(r, "the ] of the address literal is missing");
	if (!literal_parse(r->at, (size_t)(close + 1 - r->at), text))
		return ar_fail(r, "an address literal is [192.0.2.1] or "
				  "[IPv6:2001:db8::1]");
	*ret_domain = arena_strdup(arena, text);
	r->at = close + 1;
	return 0;
}

static bool
is_beyond_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return true;
	return false;
}

/* A domain is kept as the DNS has it, so that whoever looks it up or compares
 * it meets one form only. */
static int
ar_domain(struct reader *r, const char *stop, struct arena *arena,
	  const char **ret_domain)
{
	const char *start = r->at, *why, *ascii = start;
	size_t len;
	char *domain;

	if (ar_at(r, '['))
		return ar_literal(r, arena, ret_domain);
	while (r->at < r->end && (*r->at == '\0' || !strchr(stop, *r->at)))
		r->at++;
	len = (size_t)(r->at - start);
	if (is_beyond_ascii(start, len)) {
		if (idn_to_ascii(start, len, arena, &ascii) < 0)
			return ar_fail(r, "this is no internationalized "
					  "domain name");
		len = strlen(ascii);
	}
	why = domain_why_not(ascii, len);
	if (why != NULL)
		return ar_fail(r, why);

	domain = arena_strndup(arena, ascii, len);
	if (is_naked_ip(domain))
		return ar_fail(r, "an IP address as a domain needs brackets: "
				  "[192.0.2.1]");
	ascii_lower_str(domain);
	*ret_domain = domain;
	return 0;
}

/* Mailbox = Local-part "@" Domain, or a bare local part: any, or "postmaster".
 */
static int
ar_mailbox(struct reader *r, const char *stop, struct arena *arena,
	   struct address *ret)
{
	int e = ar_local(r, arena, &ret->local);

	if (e < 0)
		return e;
	if (ar_at(r, '@')) {
		r->at++;
		return ar_domain(r, stop, arena, &ret->domain);
	}
	ret->domain = "";
	if (strcasecmp(ret->local, "postmaster") == 0)
		return 0;
	if (r->at < r->end && *r->at != '>')
		return ar_fail(r, ar_why_not(*r->at, "an @ is missing"));
	if (r->bare)
		return 0;
	return ar_fail(r, "the domain is missing");
}

/* A-d-l = "@" Domain *( "," "@" Domain ) ":". RFC 5321, appendix C: read, and
 * forgotten. */
static int
ar_source_route(struct reader *r, struct arena *arena)
{
	const char *domain;

	while (ar_at(r, '@')) {
		r->at++;
		if (ar_domain(r, ",:>", arena, &domain) < 0)
			return -EINVAL;
		if (ar_at(r, ':')) {
			r->at++;
			return 0;
		}
		if (!ar_at(r, ','))
			break;
		r->at++;
	}
	return ar_fail(r, "the source route does not end in a colon");
}

/* Behind "<", up to and with ">". */
static int
ar_path(struct reader *r, bool null_ok, struct arena *arena,
	struct address *ret)
{
	if (ar_at(r, '>') && !null_ok)
		return ar_fail(r, "the address is empty");
	if (ar_at(r, '>')) {
		r->at++;
		*ret = (struct address){"", ""};
		return 0;
	}
	if (ar_at(r, '@') && ar_source_route(r, arena) < 0)
		return -EINVAL;
	if (ar_mailbox(r, ">", arena, ret) < 0)
		return -EINVAL;
	if (!ar_at(r, '>'))
		return ar_fail(r, "the closing > is missing");
	r->at++;
	return 0;
}

int
address_parse_path(const char *s, size_t len, bool null_ok, struct arena *arena,
		   struct address *ret, size_t *ret_used, const char **ret_why)
{
	struct reader r = {.at = s, .end = s + len, .bare = true};
	struct address a;
	int e;

	if (ar_at(&r, '<')) {
		r.at++;
		e = ar_path(&r, null_ok, arena, &a);
	} else {
		e = ar_fail(&r, "the address needs <angle brackets>");
	}
	if (e < 0) {
		*ret_why = r.why;
		return e;
	}
	*ret = a;
	*ret_used = (size_t)(r.at - s);
	return 0;
}

static int
ar_parse(const char *s, bool bare, struct arena *arena, struct address *ret,
	 const char **ret_why)
{
	struct reader r = {.at = s, .end = s + strlen(s), .bare = bare};
	struct address a;
	int e;

	if (*s == '\0')
		e = ar_fail(&r, "the address is empty");
	else
		e = ar_mailbox(&r, "", arena, &a);
	if (e == 0 && r.at < r.end)
		e = ar_fail(&r, ar_why_not(*r.at, "something follows the "
						  "address"));
	if (e < 0) {
		*ret_why = r.why;
		return e;
	}
	*ret = a;
	return 0;
}

int
address_parse(const char *s, struct arena *arena, struct address *ret,
	      const char **ret_why)
{
	return ar_parse(s, false, arena, ret, ret_why);
}

int
address_parse_bare(const char *s, struct arena *arena, struct address *ret,
		   const char **ret_why)
{
	return ar_parse(s, true, arena, ret, ret_why);
}

const char *
address_text(const struct address *a, struct arena *arena)
{
	if (a->domain[0] == '\0')
		return arena_strdup(arena, a->local);
	return arena_printf(arena, "%s@%s", a->local, a->domain);
}

size_t
address_base_len(const char *local, size_t len, char delimiter)
{
	const char *at;

	if (delimiter == '\0' || len == 0 || local[0] == '"')
		return len;
	at = memchr(local + 1, delimiter, len - 1);
	return at != NULL ? (size_t)(at - local) : len;
}

void
address_local_key(const char *local, char *ret, size_t size)
{
	bool quoted = local[0] == '"';
	size_t n = 0;

	for (const char *s = local + quoted; *s != '\0' && n + 1 < size; s++) {
		if (quoted && *s == '"')
			break;
		if (quoted && *s == '\\' && s[1] != '\0')
			s++;
		ret[n++] = ascii_lower(*s);
	}
	ret[n] = '\0';
}

bool
address_is_null(const struct address *a)
{
	return a->local[0] == '\0';
}

const char *
address_domain_of(const char *text)
{
	const char *at = strrchr(text, '@');

	/* Behind the @ of a quoted local part that stands alone is none. */
	if (at == NULL || at[strlen(at) - 1] == '"')
		return "";
	return at + 1;
}

bool
address_is_domain(const char *s, size_t len)
{
	char text[LITERAL_LEN];

	if (len > 0 && s[0] == '[')
		return literal_parse(s, len, text);
	return domain_why_not(s, len) == NULL;
}
