#include "base/conf_private.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct conf_unit {
	const char *name;
	int64_t factor;
};

/* The largest first: a time names each at most once, in this order. */
static const struct conf_unit conf_times[] = {
	{"w", 7 * 86400000LL}, {"d", 86400000}, {"h", 3600000}, {"m", 60000},
	{"s", 1000},           {"ms", 1},       {NULL, 0},
};

static const struct conf_unit conf_sizes[] = {
	{"T", 1LL << 40}, {"G", 1LL << 30}, {"M", 1LL << 20},
	{"K", 1LL << 10}, {"", 1},          {NULL, 0},
};

/* Digits without a sign, at most 18 of them, so that nothing overflows; how
 * many there were. */
static size_t
conf_digits(const char *s, int64_t *ret)
{
	size_t n = 0;
	int64_t v = 0;

	for (; isdigit((unsigned char)s[n]) && n < 18; n++)
		v = v * 10 + (s[n] - '0');
	*ret = v;
	return isdigit((unsigned char)s[n]) ? 0 : n;
}

/* A leading zero would be octal to some readers. */
int
conf_parse_int(const char *s, int64_t *ret)
{
	bool minus = s[0] == '-';
	int64_t v;
	size_t n = conf_digits(s + minus, &v);

	if (n == 0 || s[minus + n] != '\0' || (n > 1 && s[minus] == '0'))
		return -EINVAL;
	*ret = minus ? -v : v;
	return 0;
}

/* DIGITS [ "." DIGITS ], whatever the locale. */
int
conf_parse_float(const char *s, double *ret)
{
	int64_t whole, part = 0;
	size_t n = conf_digits(s, &whole), digits = 0;
	double scale = 1;

	if (n == 0)
		return -EINVAL;
	if (s[n] == '.') {
		digits = conf_digits(s + n + 1, &part);
		if (digits == 0)
			return -EINVAL;
		n += 1 + digits;
	}
	if (s[n] != '\0')
		return -EINVAL;
	while (digits-- > 0)
		scale *= 10;
	*ret = (double)whole + (double)part / scale;
	return 0;
}

int
conf_parse_size(const char *s, int64_t *ret_bytes)
{
	const struct conf_unit *u = conf_sizes;
	int64_t v;
	size_t n = conf_digits(s, &v);

	while (u->name != NULL && strcmp(u->name, s + n) != 0)
		u++;
	if (n == 0 || u->name == NULL || v > INT64_MAX / u->factor)
		return -EINVAL;
	*ret_bytes = v * u->factor;
	return 0;
}

/* The unit at S, which runs to the next digit; NULL when it is none of those
 * from U on. */
static const struct conf_unit *
conf_time_unit(const char *s, const struct conf_unit *u, size_t *ret_len)
{
	size_t len = 0;

	while (isalpha((unsigned char)s[len]))
		len++;
	for (; u->name != NULL; u++)
		if (strlen(u->name) == len && strncmp(u->name, s, len) == 0) {
			*ret_len = len;
			return u;
		}
	return NULL;
}

int
conf_parse_time(const char *s, int64_t *ret_ms)
{
	const struct conf_unit *u = conf_times;
	int64_t sum = 0;

	if (strcmp(s, "0") == 0) {
		*ret_ms = 0;
		return 0;
	}
	do {
		int64_t v;
		size_t n = conf_digits(s, &v), len;

		if (n == 0)
			return -EINVAL;
		u = conf_time_unit(s + n, u, &len);
		if (u == NULL || v > (INT64_MAX - sum) / u->factor)
			return -EINVAL;
		sum += v * u->factor;
		s += n + len;
		u++;
	} while (*s != '\0');
	*ret_ms = sum;
	return 0;
}

int
conf_parse_rate(const char *s, struct conf_rate *ret)
{
	struct conf_rate rate = {0};
	size_t digits = conf_digits(s, &rate.n);

	rate.none = strcmp(s, "none") == 0;
	if (s[0] == '\0' || rate.none) {
		*ret = rate;
		return 0;
	}
	if (digits == 0 || s[0] == '0' || s[digits] != '/' ||
	    rate.n > CONF_RATE_MAX ||
	    conf_parse_time(s + digits + 1, &rate.period_ms) < 0 ||
	    rate.period_ms == 0 || rate.period_ms > CONF_RATE_PERIOD_MAX_MS)
		return -EINVAL;
	*ret = rate;
	return 0;
}

const char *
conf_size_text(int64_t bytes, struct arena *arena)
{
	const struct conf_unit *u = conf_sizes;

	while (u->factor > 1 && (bytes == 0 || bytes % u->factor != 0))
		u++;
	return arena_printf(arena, "%" PRId64 "%s", bytes / u->factor, u->name);
}

const char *
conf_time_text(int64_t ms, struct arena *arena)
{
	const char *text = "";

	if (ms == 0)
		return "0s";
	for (const struct conf_unit *u = conf_times; u->name != NULL; u++) {
		if (ms / u->factor == 0)
			continue;
		text = arena_printf(arena, "%s%" PRId64 "%s", text,
				    ms / u->factor, u->name);
		ms %= u->factor;
	}
	return text;
}

const char *
conf_number_text(enum conf_type type, int64_t v, struct arena *arena)
{
	if (type == CONF_SIZE)
		return conf_size_text(v, arena);
	if (type == CONF_TIME)
		return conf_time_text(v, arena);
	return arena_printf(arena, "%" PRId64, v);
}

bool
conf_check_path(void *field, const struct conf_mark *mark,
		struct conf_errors *errors)
{
	const char *path = *(char **)field;

	if (path[0] == '/')
		return true;
	conf_error(errors, mark, "a path begins with `/`; `%s` doesn't", path);
	return false;
}
