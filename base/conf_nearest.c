#include "base/conf_private.h"

#include <string.h>

#define CN_MAX 48 /* longer words get no suggestion */

static size_t
cn_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits from A to B: insert, delete, replace, or swap two neighbours. */
static size_t
cn_distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t d[CN_MAX + 1][CN_MAX + 1];

	for (size_t i = 0; i <= alen; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= blen; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= alen; i++) {
		for (size_t j = 1; j <= blen; j++) {
			size_t cost = a[i - 1] != b[j - 1];

			d[i][j] = cn_min(d[i - 1][j - 1] + cost,
					 cn_min(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = cn_min(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[alen][blen];
}

/* A longer one: `url` where there is `url_file`. NULL: none is. */
static const char *
cn_longer(const char *s, size_t len, const char *const *names, size_t n)
{
	for (size_t i = 0; len >= 3 && i < n; i++)
		if (strncmp(s, names[i], len) == 0)
			return names[i];
	return NULL;
}

/* At most a third of the word may be wrong, or its end missing. */
const char *
conf_nearest(const char *s, const char *const *names, size_t n)
{
	size_t len = strlen(s), best = len < 3 ? 1 : len / 3;
	const char *nearest = NULL;

	if (len > CN_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t nlen = strlen(names[i]), d;

		if (nlen > CN_MAX)
			continue;
		d = cn_distance(s, len, names[i], nlen);
		if (d < len && (d < best || (d == best && nearest == NULL))) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest != NULL ? nearest : cn_longer(s, len, names, n);
}
