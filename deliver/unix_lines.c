#include "deliver/unix_lines.h"

size_t
unix_lines_feed(struct unix_lines *u, const char *data, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (u->cr && data[i] != '\n')
			out[n++] = '\r';
		u->cr = data[i] == '\r';
		if (!u->cr)
			out[n++] = data[i];
	}
	return n;
}

const char *
unix_lines_end(const struct unix_lines *u)
{
	return u->cr ? "\r" : "";
}
