#include "mail/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"

/* What one address may cost; far more than any sensible expression needs. */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000
#define HEAP_KIB    1024

enum pattern_kind {
	PATTERN_ADDRESS,
	PATTERN_DOMAIN,
	PATTERN_SUBDOMAINS,
	PATTERN_GLOB,
	PATTERN_REGEX,
};

struct pattern {
	enum pattern_kind kind;
	char *text;       /* owned, in lower case; SUBDOMAINS: with the dot */
	char extension;   /* the delimiter, when TEXT asks for no extension */
	pcre2_code *code; /* owned; REGEX */
	pcre2_match_context *limits; /* owned; REGEX */
};

/* An address as the patterns see it: in lower case, its domain behind AT. */
struct pattern_subject {
	char text[ADDRESS_MAX];
	size_t len, local_len;
};

static void
subject_make(const struct address *a, struct pattern_subject *s)
{
	size_t local_len = strlen(a->local), domain_len = strlen(a->domain);

	must(local_len + 1 + domain_len < sizeof(s->text));
	memcpy(s->text, a->local, local_len);
	s->local_len = s->len = local_len;
	if (domain_len > 0) {
		s->text[s->len++] = '@';
		memcpy(s->text + s->len, a->domain, domain_len);
		s->len += domain_len;
	}
	s->text[s->len] = '\0';
	for (size_t i = 0; i < s->len; i++)
		s->text[i] = ascii_lower(s->text[i]);
}

/* Take "+extension" out of the local part. False when there is none. */
static bool
subject_drop_extension(struct pattern_subject *s, char delimiter)
{
	size_t base = address_base_len(s->text, s->local_len, delimiter);

	if (base == s->local_len)
		return false;
	memmove(s->text + base, s->text + s->local_len,
		s->len - s->local_len + 1);
	s->len -= s->local_len - base;
	s->local_len = base;
	return true;
}

/* A later star takes over from an earlier one, so the cost is at most the
 * product of the lengths. */
static bool
glob_match(const char *glob, const char *s)
{
	const char *star = NULL, *again = NULL;

	while (*s != '\0') {
		if (*glob == '*') {
			star = ++glob;
			again = s;
		} else if (*glob == *s) {
			glob++;
			s++;
		} else if (star != NULL) {
			glob = star;
			s = ++again;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

static bool
text_match(const struct pattern *p, const struct pattern_subject *s)
{
	if (p->kind == PATTERN_GLOB)
		return glob_match(p->text, s->text);
	return strcmp(p->text, s->text) == 0;
}

static bool
regex_match(const struct pattern *p, const struct pattern_subject *s)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int r;

	must(data != NULL);
	r = pcre2_match(p->code, (PCRE2_SPTR)s->text, s->len, 0, 0, data,
			p->limits);
	pcre2_match_data_free(data);
	return r >= 0;
}

static bool
subdomain_match(const char *suffix, const char *domain)
{
	size_t n = strlen(suffix), len = strlen(domain);

	return len > n && strcmp(domain + len - n, suffix) == 0;
}

bool
pattern_match(const struct pattern *p, const struct address *a)
{
	struct pattern_subject s;

	switch (p->kind) {
	case PATTERN_DOMAIN:
		return strcasecmp(a->domain, p->text) == 0;
	case PATTERN_SUBDOMAINS:
		return subdomain_match(p->text, a->domain);
	case PATTERN_REGEX:
		subject_make(a, &s);
		return regex_match(p, &s);
	case PATTERN_ADDRESS:
	case PATTERN_GLOB:
		subject_make(a, &s);
		return text_match(p, &s) ||
		       (subject_drop_extension(&s, p->extension) &&
			text_match(p, &s));
	}
	return false;
}

static int
pt_regex(struct pattern *p, const char *text, char **ret_why)
{
	size_t len = strlen(text);
	PCRE2_UCHAR words[128];
	PCRE2_SIZE at;
	int code;

	if (len < 3 || text[len - 1] != '/') {
		*ret_why = xstrdup("a regular expression stands between two "
				   "slashes: /expression/");
		return -EINVAL;
	}
	p->code = pcre2_compile((PCRE2_SPTR)text + 1, len - 2,
				PCRE2_CASELESS | PCRE2_DOLLAR_ENDONLY |
					PCRE2_NEVER_BACKSLASH_C,
				&code, &at, NULL);
	if (p->code == NULL) {
		pcre2_get_error_message(code, words, sizeof(words));
		*ret_why = xasprintf("at character %zu of the regular "
				     "expression: %s",
				     at + 1, (const char *)words);
		return -EINVAL;
	}
	p->limits = pcre2_match_context_create(NULL);
	must(p->limits != NULL);
	pcre2_set_match_limit(p->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(p->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(p->limits, HEAP_KIB);
	return 0;
}

static int
pt_address(struct pattern *p, const char *text, char **ret_why)
{
	struct arena arena;
	struct address a;
	const char *why;
	int r;

	if (text[0] == '@') {
		*ret_why = xasprintf("everyone at a domain is written without "
				     "the @: %s",
				     text + 1);
		return -EINVAL;
	}
	arena_init(&arena);
	r = address_parse(text, &arena, &a, &why);
	if (r == 0)
		p->text = xstrdup(address_text(&a, &arena));
	else
		*ret_why = xasprintf("%s is no address: %s", text, why);
	arena_done(&arena);
	return r;
}

/* Whatever stands behind the @, or where there is none behind the last star, is
 * compared with a domain, and those are ASCII. */
static int
pt_glob(const char *text, char **ret_why)
{
	const char *at = strrchr(text, '@');

	if (utf8_is_ascii(at != NULL ? at : strrchr(text, '*')))
		return 0;
	*ret_why = xasprintf("the domain of a glob is written as the DNS has "
			     "it, xn--...: %s",
			     text);
	return -EINVAL;
}

static int
pt_domain(const char *domain, char **ret_why)
{
	if (address_is_domain(domain, strlen(domain)))
		return 0;
	*ret_why = xasprintf("%s is no domain", domain);
	return -EINVAL;
}

/* The kind that TEXT looks like, and whether it is a good one. */
static int
pt_set(struct pattern *p, const char *text, char **ret_why)
{
	if (text[0] == '/') {
		p->kind = PATTERN_REGEX;
		return pt_regex(p, text, ret_why);
	}
	if (strlen(text) >= ADDRESS_MAX || text[0] == '\0') {
		*ret_why = xstrdup(text[0] == '\0' ? "a pattern can't be empty"
						   : "the pattern is too long");
		return -EINVAL;
	}
	if (strchr(text, '*') != NULL) {
		p->kind = PATTERN_GLOB;
		return pt_glob(text, ret_why);
	}
	if (strchr(text, '@') != NULL) {
		p->kind = PATTERN_ADDRESS;
		return pt_address(p, text, ret_why);
	}
	p->kind = text[0] == '.' ? PATTERN_SUBDOMAINS : PATTERN_DOMAIN;
	return pt_domain(text + (text[0] == '.'), ret_why);
}

int
pattern_new(const char *text, char delimiter, struct pattern **ret,
	    char **ret_why)
{
	struct pattern *p = xcalloc(1, sizeof(*p));
	int r = pt_set(p, text, ret_why);

	if (r < 0) {
		pattern_free(&p);
		return r;
	}
	if (p->text == NULL)
		p->text = xstrdup(text);
	ascii_lower_str(p->text);
	if (memchr(p->text, delimiter, strcspn(p->text, "@")) == NULL)
		p->extension = delimiter;
	*ret = p;
	return 0;
}

void
pattern_free(struct pattern **p)
{
	if (p == NULL || *p == NULL)
		return;
	pcre2_code_free((*p)->code);
	pcre2_match_context_free((*p)->limits);
	free((*p)->text);
	free(*p);
	*p = NULL;
}
