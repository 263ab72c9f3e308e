#include "verdict/spf_record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "verdict/spf_macro.h"

#define SPF_VERSION "v=spf1"

const char *const spf_result_names[] = {
	[SPF_NONE] = "none",           [SPF_NEUTRAL] = "neutral",
	[SPF_PASS] = "pass",           [SPF_FAIL] = "fail",
	[SPF_SOFTFAIL] = "softfail",   [SPF_TEMPERROR] = "temperror",
	[SPF_PERMERROR] = "permerror",
};

/* What stands behind a mechanism's name. */
enum takes { TAKES_NOTHING, TAKES_DOMAIN, MAY_TAKE_DOMAIN, TAKES_NETWORK };

static const struct mechanism {
	const char *name;
	enum takes takes;
	bool lengths; /* "/24//64" at its end */
} mechanisms[] = {
	[SPF_ALL] = {"all", TAKES_NOTHING, false},
	[SPF_INCLUDE] = {"include", TAKES_DOMAIN, false},
	[SPF_A] = {"a", MAY_TAKE_DOMAIN, true},
	[SPF_MX] = {"mx", MAY_TAKE_DOMAIN, true},
	[SPF_PTR] = {"ptr", MAY_TAKE_DOMAIN, false},
	[SPF_IP4] = {"ip4", TAKES_NETWORK, false},
	[SPF_IP6] = {"ip6", TAKES_NETWORK, false},
	[SPF_EXISTS] = {"exists", TAKES_DOMAIN, false},
};

#define NMECHANISMS (sizeof(mechanisms) / sizeof(mechanisms[0]))

static bool
is_alpha(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool
spf_record_is(const char *text, size_t len)
{
	size_t n = strlen(SPF_VERSION);

	return len >= n && strncasecmp(text, SPF_VERSION, n) == 0 &&
	       (len == n || text[n] == ' ');
}

/* The qualifier in front of a mechanism; none is "+". */
static enum spf_result
term_effect(struct spf_text *t)
{
	static const char marks[] = "+-~?";
	static const enum spf_result effects[] = {SPF_PASS, SPF_FAIL,
						  SPF_SOFTFAIL, SPF_NEUTRAL};
	const char *mark = t->len > 0 ? memchr(marks, t->s[0], 4) : NULL;

	if (mark == NULL)
		return SPF_PASS;
	t->s++, t->len--;
	return effects[mark - marks];
}

/* A prefix length that T ends with, behind SLASHES: taken off. 1; 0: there is
 * none; -EINVAL: it is over MOST, or has a zero in front. */
static int
cut_prefix(struct spf_text *t, const char *slashes, unsigned most,
	   unsigned *ret)
{
	size_t at = t->len, n = strlen(slashes);
	unsigned value = 0;

	while (at > 0 && is_digit(t->s[at - 1]))
		at--;
	if (at == t->len || at < n || memcmp(t->s + at - n, slashes, n) != 0)
		return 0;
	if (t->len - at > 3 || (t->s[at] == '0' && t->len - at > 1))
		return -EINVAL;
	for (size_t i = at; i < t->len; i++)
		value = value * 10 + (unsigned)(t->s[i] - '0');
	if (value > most)
		return -EINVAL;
	t->len = at - n;
	*ret = value;
	return 1;
}

/* "/24//64", "/24" or "//64" at the end of T. */
static int
term_lengths(struct spf_term *term, struct spf_text *t)
{
	int r;

	r = cut_prefix(t, "//", 128, &term->prefix6);
	if (r >= 0)
		r = cut_prefix(t, "/", 32, &term->prefix4);
	return r < 0 ? r : 0;
}

/* T is "ADDRESS" or "ADDRESS/LENGTH". */
static int
term_network(struct spf_term *term, struct spf_text t)
{
	bool v4 = term->mechanism == SPF_IP4;
	char text[INET6_ADDRSTRLEN];
	int r;

	r = v4 ? cut_prefix(&t, "/", 32, &term->prefix4)
	       : cut_prefix(&t, "/", 128, &term->prefix6);
	if (r < 0 || t.len >= sizeof(text))
		return -EINVAL;
	memcpy(text, t.s, t.len);
	text[t.len] = '\0';
	if (strlen(text) != t.len ||
	    inet_pton(v4 ? AF_INET : AF_INET6, text, term->ip) != 1)
		return -EINVAL;
	return 0;
}

/* T is what stands behind the name, from ":" or "/" on. */
static int
term_argument(struct spf_term *term, struct spf_text t)
{
	const struct mechanism *m = &mechanisms[term->mechanism];
	bool given;

	if (m->lengths && term_lengths(term, &t) < 0)
		return -EINVAL;
	given = t.len > 0;
	if (given && t.s[0] != ':')
		return -EINVAL;
	if (given)
		t.s++, t.len--;
	switch (m->takes) {
	case TAKES_NOTHING:
		return given ? -EINVAL : 0;
	case TAKES_NETWORK:
		return given ? term_network(term, t) : -EINVAL;
	case MAY_TAKE_DOMAIN:
		if (!given)
			return 0;
		break;
	case TAKES_DOMAIN:
		break;
	}
	if (!given || !spf_domain_ok(t.s, t.len))
		return -EINVAL;
	term->domain = t;
	return 0;
}

static int
term_parse(struct spf_term *term, struct spf_text t)
{
	size_t n = 0;

	term->text = t;
	term->prefix4 = 32;
	term->prefix6 = 128;
	term->effect = term_effect(&t);
	while (n < t.len && t.s[n] != ':' && t.s[n] != '/')
		n++;
	for (size_t i = 0; i < NMECHANISMS; i++)
		if (strlen(mechanisms[i].name) == n &&
		    strncasecmp(mechanisms[i].name, t.s, n) == 0) {
			term->mechanism = (enum spf_mechanism)i;
			return term_argument(
				term, (struct spf_text){t.s + n, t.len - n});
		}
	return -EINVAL;
}

/* The length of the name of a modifier, which T is; 0: it is none. */
static size_t
modifier_name_len(struct spf_text t)
{
	size_t n = 0;

	if (t.len == 0 || !is_alpha(t.s[0]))
		return 0;
	while (n < t.len && (is_alpha(t.s[n]) || is_digit(t.s[n]) ||
			     memchr("-_.", t.s[n], 3) != NULL))
		n++;
	return n < t.len && t.s[n] == '=' ? n : 0;
}

static bool
modifier_is(struct spf_text t, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(t.s, name, n) == 0;
}

static int
modifier_parse(struct spf_record *r, struct spf_text t, size_t n)
{
	struct spf_text value = {t.s + n + 1, t.len - n - 1};
	struct spf_text *place = modifier_is(t, n, "redirect") ? &r->redirect
				 : modifier_is(t, n, "exp")    ? &r->exp
							       : NULL;

	if (place == NULL)
		return spf_macro_ok(value.s, value.len, false) ? 0 : -EINVAL;
	if (place->s != NULL || !spf_domain_ok(value.s, value.len))
		return -EINVAL;
	*place = value;
	return 0;
}

static int
record_add(struct spf_record *r, struct spf_text t, struct arena *arena)
{
	size_t n = modifier_name_len(t);
	struct spf_term *term;

	if (n > 0)
		return modifier_parse(r, t, n);
	term = arena_alloc(arena, sizeof(*term));
	STAILQ_INSERT_TAIL(&r->terms, term, link);
	return term_parse(term, t);
}

int
spf_record_parse(const char *text, size_t len, struct arena *arena,
		 struct spf_record *ret, const char **ret_why)
{
	const char *end = text + len, *at = text + strlen(SPF_VERSION);

	*ret = (struct spf_record){.redirect = {NULL, 0}};
	STAILQ_INIT(&ret->terms);
	if (len > SPF_RECORD_MAX) {
		*ret_why = arena_printf(arena, "it has over %d octets",
					SPF_RECORD_MAX);
		return -EINVAL;
	}
	while (at < end) {
		const char *space = memchr(at, ' ', (size_t)(end - at));
		const char *stop = space != NULL ? space : end;
		struct spf_text t = {at, (size_t)(stop - at)};

		if (t.len > 0 && record_add(ret, t, arena) < 0) {
			*ret_why = arena_printf(
				arena, "\"%.*s\" is no term",
				(int)(t.len > 200 ? 200 : t.len), t.s);
			return -EINVAL;
		}
		at = stop + 1;
	}
	return 0;
}
