#include "mail/idn.h"

#include <errno.h>
#include <idn2.h>
#include <string.h>

/* More would not fit into a domain anyway. */
#define IDN_MAX 1024

int
idn_to_ascii(const char *s, size_t len, struct arena *arena, const char **ret)
{
	char *ascii = NULL;
	int r;

	if (len > IDN_MAX || memchr(s, '\0', len) != NULL)
		return -EINVAL;
	r = idn2_to_ascii_8z(arena_strndup(arena, s, len), &ascii,
			     IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (r != IDN2_OK)
		return -EINVAL;
	*ret = arena_strdup(arena, ascii);
	idn2_free(ascii);
	return 0;
}
