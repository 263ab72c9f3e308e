#include "verdict/dkim_field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "verdict/answers.h"
#include "verdict/dkim_tags.h"

#define START_LEN     8
#define TIME_DIGITS   12
#define LENGTH_DIGITS 18
#define CLOCK_SKEW_S  3600
#define TIME_FIRST    1000000000 /* in 2001; the library's clock is set so */
#define LETTERS       "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS        "0123456789"

const char *const dkim_algorithm_names[] = {
	[DKIM_RSA_SHA256] = "rsa-sha256",
	[DKIM_ED25519_SHA256] = "ed25519-sha256",
};

struct reading {
	const struct dkim_tags *tags;
	struct arena *arena;
	struct dkim_field *field;
	const char *why; /* NULL: nothing is wrong so far */
	bool sha1;
};

/* The first reason is the one that is told. */
static void
wrong(struct reading *r, const char *why)
{
	if (r->why == NULL)
		r->why = why;
}

/* "" where it is not there. */
static const char *
collapsed(struct reading *r, const char *name)
{
	const char *value = dkim_tags_find(r->tags, name);

	return value != NULL ? dkim_tag_collapse(value, r->arena) : "";
}

static bool
is_only(const char *s, const char *chars)
{
	return s[strspn(s, chars)] == '\0';
}

/* The characters that libopendkim takes for a domain. */
static bool
is_domain(const char *s)
{
	return answers_name_ok(s) &&
	       is_only(s, LETTERS CAPITALS DIGITS "-_.") &&
	       s[strlen(s) - 1] != '.';
}

static bool
is_base64(const char *s)
{
	size_t len = strspn(s, LETTERS CAPITALS DIGITS "+/");

	return len > 0 && strspn(s + len, "=") == strlen(s + len) &&
	       strlen(s + len) <= 2;
}

static bool
is_number(const char *s, size_t digits)
{
	size_t len = strlen(s);

	return len > 0 && len <= digits && is_only(s, DIGITS);
}

/* --- the tags --------------------------------------------------------------- */

static void
read_version(struct reading *r)
{
	if (strcmp(collapsed(r, "v"), "1") != 0)
		wrong(r, "it is not of version 1");
}

static void
read_algorithm(struct reading *r)
{
	const char *name = collapsed(r, "a");

	r->field->algorithm_name = name;
	if (strcmp(name, dkim_algorithm_names[DKIM_RSA_SHA256]) == 0)
		r->field->algorithm = DKIM_RSA_SHA256;
	else if (strcmp(name, dkim_algorithm_names[DKIM_ED25519_SHA256]) == 0)
		r->field->algorithm = DKIM_ED25519_SHA256;
	else if (strcmp(name, "rsa-sha1") == 0)
		r->sha1 = true;
	else
		wrong(r, name[0] == '\0' ? "it has no algorithm (a=)"
					 : "its algorithm (a=) is unknown");
}

static void
read_domain(struct reading *r)
{
	const char *domain = collapsed(r, "d");
	const char *selector = collapsed(r, "s");

	if (is_domain(domain)) {
		char *lower = arena_strdup(r->arena, domain);

		ascii_lower_str(lower);
		r->field->domain = lower;
	} else {
		wrong(r, "its domain (d=) is missing, or is none");
	}
	if (is_domain(selector))
		r->field->selector = selector;
	else
		wrong(r, "its selector (s=) is missing, or is none");
	if (!answers_name_ok(dkim_key_name(selector, domain, r->arena)))
		wrong(r, "the name of its key is too long");
}

static int
hex_digit(char c)
{
	const char *at = c != '\0' ? strchr(DIGITS "ABCDEF", c) : NULL;

	return at != NULL ? (int)(at - (DIGITS "ABCDEF")) : -1;
}

/* dkim-quoted-printable (RFC 6376, 2.11). NULL: it is malformed. */
static char *
decode_identity(const char *text, struct arena *arena)
{
	char *decoded = arena_strdup(arena, text), *to = decoded;

	for (; *text != '\0'; text++) {
		int high, low;

		if (*text != '=') {
			*to++ = *text;
			continue;
		}
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0)
			return NULL;
		*to++ = (char)(high << 4 | low);
		text += 2;
	}
	*to = '\0';
	return decoded;
}

/* DOMAIN, or a name below it. */
static bool
is_within(const char *name, const char *domain)
{
	size_t len = strlen(name), want = strlen(domain);

	return len >= want && strcasecmp(name + len - want, domain) == 0 &&
	       (len == want || name[len - want - 1] == '.');
}

static bool
is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < '!' || *s > '~')
			return false;
	return true;
}

static void
read_identity(struct reading *r)
{
	const char *text = collapsed(r, "i");
	const char *decoded, *at;

	r->field->identity = arena_printf(r->arena, "@%s", r->field->domain);
	if (dkim_tags_find(r->tags, "i") == NULL)
		return;
	if (strlen(text) > DKIM_IDENTITY_MAX) {
		wrong(r, "its identity (i=) is over 200 octets");
		return;
	}
	decoded = decode_identity(text, r->arena);
	at = decoded != NULL ? strchr(decoded, '@') : NULL;
	if (at == NULL || strchr(at + 1, '@') != NULL || !is_domain(at + 1)) {
		wrong(r, "its identity (i=) is malformed");
		return;
	}
	r->field->identity = is_printable(decoded) ? decoded : text;
	if (!is_within(at + 1, r->field->domain))
		wrong(r, "its identity (i=) is not within its domain (d=)");
}

static void
read_canonical(struct reading *r)
{
	const char *text = collapsed(r, "c"), *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	const char *body = slash != NULL ? slash + 1 : "simple";

	if (dkim_tags_find(r->tags, "c") == NULL)
		return;
	if ((strncmp(text, "simple", len) == 0 && len == 6) ||
	    (strncmp(text, "relaxed", len) == 0 && len == 7))
		if (strcmp(body, "simple") == 0 ||
		    strcmp(body, "relaxed") == 0) {
			r->field->relaxed_body = body[0] == 'r';
			return;
		}
	wrong(r, "its canonical form (c=) is unknown");
}

/* From has to be covered. */
static void
read_names(struct reading *r)
{
	const char *text = collapsed(r, "h");
	bool from = false;
	size_t n = 0;

	if (text[0] == '\0')
		wrong(r, "it covers no field (h=)");
	if (strlen(text) > DKIM_NAMES_TEXT)
		wrong(r, "the list of what it covers (h=) is too long");
	for (const char *at = text; *at != '\0';) {
		size_t len = strcspn(at, ":");

		from = from || (len == 4 && strncasecmp(at, "from", 4) == 0);
		n += len > 0;
		at += len + (at[len] == ':');
	}
	if (n > DKIM_NAMES_MAX)
		wrong(r, "it covers over 200 fields (h=)");
	if (!from)
		wrong(r, "it does not cover From (h=)");
}

static void
read_hashes(struct reading *r)
{
	const char *signature = collapsed(r, "b");

	if (is_base64(signature))
		r->field->start =
			arena_printf(r->arena, "%.*s", START_LEN, signature);
	else
		wrong(r, "the signature (b=) is missing, or is no base64");
	if (!is_base64(collapsed(r, "bh")))
		wrong(r, "the hash of the body (bh=) is missing, or is no "
			 "base64");
}

static bool
read_number(struct reading *r, const char *name, size_t digits, uint64_t *ret,
	    const char *why)
{
	const char *text = collapsed(r, name);

	if (dkim_tags_find(r->tags, name) == NULL)
		return false;
	if (!is_number(text, digits)) {
		wrong(r, why);
		return false;
	}
	*ret = strtoull(text, NULL, 10);
	return true;
}

static void
read_numbers(struct reading *r)
{
	struct dkim_field *f = r->field;

	f->has_length = read_number(r, "l", LENGTH_DIGITS, &f->length,
				    "the length of the body (l=) is none");
	f->has_time = read_number(r, "t", TIME_DIGITS, &f->time,
				  "its time (t=) is none");
	f->has_expiry = read_number(r, "x", TIME_DIGITS, &f->expiry,
				    "its end (x=) is none");
	if (f->has_time && f->has_expiry && f->expiry < f->time)
		wrong(r, "it ends (x=) before it was made (t=)");
}

static void
read_query(struct reading *r)
{
	const char *text = collapsed(r, "q");

	if (text[0] != '\0' && !dkim_tag_has_word(text, "dns/txt"))
		wrong(r, "its key is not in the DNS (q=)");
}

int
dkim_field_parse(const char *value, size_t len, struct arena *arena,
		 struct dkim_field *ret, const char **ret_why)
{
	struct dkim_tags tags;
	struct reading r = {.tags = &tags, .arena = arena, .field = ret};
	const char *why = NULL;

	*ret = (struct dkim_field){
		.domain = "",
		.selector = "",
		.identity = "",
		.algorithm_name = "",
		.start = "",
	};
	if (len > DKIM_FIELD_MAX) {
		*ret_why = "it is over 16 KiB";
		return -EINVAL;
	}
	if (dkim_tags_parse(value, len, arena, &tags, &why) < 0)
		wrong(&r, why);
	read_version(&r);
	read_algorithm(&r);
	read_domain(&r);
	read_identity(&r);
	read_canonical(&r);
	read_names(&r);
	read_hashes(&r);
	read_numbers(&r);
	read_query(&r);
	if (r.why == NULL && !r.sha1)
		return 0;
	*ret_why = r.why != NULL ? r.why : "rsa-sha1 proves nothing any more";
	return r.why != NULL ? -EINVAL : -EKEYREJECTED;
}

const char *
dkim_field_time_wrong(const struct dkim_field *f, time_t now)
{
	uint64_t at = now > 0 ? (uint64_t)now : 0;

	if (f->has_expiry && f->expiry <= at)
		return "it is expired (x=)";
	if (f->has_time && f->time > at + CLOCK_SKEW_S)
		return "it was made in the future (t=)";
	if (f->has_time && f->time < TIME_FIRST)
		return "it was made before there was DKIM (t=)";
	return NULL;
}

const char *
dkim_key_name(const char *selector, const char *domain, struct arena *arena)
{
	return arena_printf(arena, "%s._domainkey.%s", selector, domain);
}
