#include "verdict/dmarc_record.h"

#include <string.h>
#include <strings.h>

const char *const dmarc_policy_names[] = {
	[DMARC_POLICY_NONE] = "none",
	[DMARC_POLICY_QUARANTINE] = "quarantine",
	[DMARC_POLICY_REJECT] = "reject",
	[DMARC_POLICY_ABSENT] = "",
};

const char *const dmarc_psd_names[] = {
	[DMARC_PSD_UNKNOWN] = "u",
	[DMARC_PSD_YES] = "y",
	[DMARC_PSD_NO] = "n",
};

enum tag {
	TAG_ADKIM,
	TAG_ASPF,
	TAG_NP,
	TAG_P,
	TAG_PSD,
	TAG_RUA,
	TAG_SP,
	TAG_T,
	TAG_UNKNOWN,
};

static const char *const tag_names[TAG_UNKNOWN] = {
	[TAG_ADKIM] = "adkim", [TAG_ASPF] = "aspf", [TAG_NP] = "np",
	[TAG_P] = "p",         [TAG_PSD] = "psd",   [TAG_RUA] = "rua",
	[TAG_SP] = "sp",       [TAG_T] = "t",
};

/* Octets of the record. */
struct piece {
	const char *s; /* NULL: there is none */
	size_t len;
};

struct tag_value {
	struct piece value;
	bool bad; /* given twice, or of octets that no value has */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct piece
trim(struct piece p)
{
	while (p.len > 0 && is_blank(p.s[0])) {
		p.s++;
		p.len--;
	}
	while (p.len > 0 && is_blank(p.s[p.len - 1]))
		p.len--;
	return p;
}

/* What stands before the next SEPARATOR, which with it leaves REST. */
static struct piece
take(struct piece *rest, char separator)
{
	const char *end = memchr(rest->s, separator, rest->len);
	struct piece p = {rest->s, rest->len};

	if (end != NULL)
		p.len = (size_t)(end - rest->s);
	rest->s += p.len + (end != NULL);
	rest->len -= p.len + (end != NULL);
	return trim(p);
}

static bool
piece_is(struct piece p, const char *word)
{
	return p.len == strlen(word) && strncasecmp(p.s, word, p.len) == 0;
}

bool
dmarc_record_is(const char *text, size_t len)
{
	struct piece rest = {text, len}, version, name;

	if (len == 0 || len > DMARC_RECORD_MAX || is_blank(text[0]))
		return false;
	version = take(&rest, ';');
	name = take(&version, '=');
	version = trim(version);
	return piece_is(name, "v") && version.len == 6 &&
	       memcmp(version.s, "DMARC1", 6) == 0;
}

static bool
is_printing(struct piece p)
{
	for (size_t i = 0; i < p.len; i++)
		if (p.s[i] < ' ' || p.s[i] > '~')
			return false;
	return p.len > 0;
}

static void
tags_add(struct tag_value tags[static TAG_UNKNOWN], struct piece part)
{
	struct piece name = take(&part, '='), value = trim(part);

	for (size_t i = 0; i < TAG_UNKNOWN; i++)
		if (piece_is(name, tag_names[i])) {
			tags[i].bad =
				tags[i].value.s != NULL || !is_printing(value);
			tags[i].value = value;
		}
}

/* The index among N words; -1: the tag is not there, -2: it is not valid. */
static int
tag_choose(const struct tag_value *tag, const char *const words[], int n)
{
	if (tag->value.s == NULL)
		return -1;
	for (int i = 0; i < n && !tag->bad; i++)
		if (piece_is(tag->value, words[i]))
			return i;
	return -2;
}

static enum dmarc_policy
tag_policy(const struct tag_value *tag, bool *broken)
{
	int i = tag_choose(tag, dmarc_policy_names, DMARC_POLICY_ABSENT);

	*broken = *broken || i == -2;
	return i < 0 ? DMARC_POLICY_ABSENT : (enum dmarc_policy)i;
}

static bool
tag_is(const struct tag_value *tag, const char *word)
{
	return tag_choose(tag, &word, 1) == 0;
}

static enum dmarc_psd
tag_psd(const struct tag_value *tag)
{
	int i = tag_choose(tag, dmarc_psd_names, 3);

	return i < 0 ? DMARC_PSD_UNKNOWN : (enum dmarc_psd)i;
}

/* uri = scheme ":" rest [ "!" size ]; what a mailto leads to has a domain. */
static bool
uri_is_valid(struct piece uri)
{
	struct piece rest = take(&uri, '!'), scheme;

	if (!is_printing(rest) || memchr(rest.s, ' ', rest.len) != NULL ||
	    memchr(rest.s, ':', rest.len) == NULL)
		return false;
	scheme = take(&rest, ':');
	for (size_t i = 0; i < scheme.len; i++) {
		char c = scheme.s[i];
		bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!alpha && (i == 0 || ((c < '0' || c > '9') &&
					  strchr("+-.", c) == NULL)))
			return false;
	}
	if (scheme.len == 0 || rest.len == 0)
		return false;
	return !piece_is(scheme, "mailto") ||
	       (rest.s[0] != '@' && rest.s[rest.len - 1] != '@' &&
		memchr(rest.s, '@', rest.len) != NULL);
}

static bool
has_valid_uri(struct piece list)
{
	while (list.len > 0)
		if (uri_is_valid(take(&list, ',')))
			return true;
	return false;
}

void
dmarc_record_parse(const char *text, size_t len, struct arena *arena,
		   struct dmarc_record *ret)
{
	struct tag_value tags[TAG_UNKNOWN] = {0};
	struct piece rest = {text, len}, rua;
	bool broken = false;

	take(&rest, ';'); /* the version */
	while (rest.len > 0)
		tags_add(tags, take(&rest, ';'));
	rua = tags[TAG_RUA].value;
	if (rua.s == NULL || tags[TAG_RUA].bad)
		rua = (struct piece){"", 0};
	*ret = (struct dmarc_record){
		.text = arena_strndup(arena, text, len),
		.p = tag_policy(&tags[TAG_P], &broken),
		.sp = tag_policy(&tags[TAG_SP], &broken),
		.np = tag_policy(&tags[TAG_NP], &broken),
		.adkim_strict = tag_is(&tags[TAG_ADKIM], "s"),
		.aspf_strict = tag_is(&tags[TAG_ASPF], "s"),
		.testing = tag_is(&tags[TAG_T], "y"),
		.psd = tag_psd(&tags[TAG_PSD]),
		.rua = arena_strndup(arena, rua.s, rua.len),
		.rua_valid = has_valid_uri(rua),
	};
	ret->broken = broken || ret->p == DMARC_POLICY_ABSENT;
}

enum dmarc_policy
dmarc_policy_softer(enum dmarc_policy policy)
{
	switch (policy) {
	case DMARC_POLICY_REJECT:
		return DMARC_POLICY_QUARANTINE;
	case DMARC_POLICY_QUARANTINE:
		return DMARC_POLICY_NONE;
	case DMARC_POLICY_NONE:
	case DMARC_POLICY_ABSENT:
		return policy;
	}
	return policy;
}
