#include "verdict/domain.h"

#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "mail/idn.h"
#include "verdict/answers.h"

static bool
has_blank(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return true;
	return false;
}

const char *
domain_canonical(const char *s, size_t len, struct arena *arena)
{
	const char *ascii;
	char *name;

	if (memchr(s, '\0', len) != NULL)
		return NULL;
	if (utf8_has_8bit(s, len)) {
		if (idn_to_ascii(s, len, arena, &ascii) < 0)
			return NULL;
		s = ascii;
		len = strlen(ascii);
	}
	if (len > 0 && s[len - 1] == '.')
		len--;
	name = arena_strndup(arena, s, len);
	ascii_lower_str(name);
	if (len == 0 || name[len - 1] == '.' || has_blank(name))
		return NULL;
	return answers_name_ok(name) ? name : NULL;
}

bool
domain_within(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n >= d && strcmp(name + n - d, domain) == 0 &&
	       (n == d || name[n - d - 1] == '.');
}

unsigned
domain_labels(const char *name)
{
	unsigned n = 1;

	while ((name = domain_parent(name)) != NULL)
		n++;
	return n;
}

const char *
domain_parent(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot != NULL ? dot + 1 : NULL;
}
