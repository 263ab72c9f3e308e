#include "mail/quoted_printable.h"

#include <stdbool.h>

/* With "=" behind it a line stays within 76. */
#define COLUMN_MOST 72

static bool
stays(const char *data, size_t len, size_t i)
{
	unsigned char c = (unsigned char)data[i];
	bool at_end = i + 1 == len || data[i + 1] == '\r';

	if (c == ' ' || c == '\t')
		return !at_end;
	return c > ' ' && c <= '~' && c != '=';
}

int
quoted_printable_encode(const char *data, size_t len, struct buf *out)
{
	size_t column = 0;
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++) {
		if (data[i] == '\r' || data[i] == '\n') {
			column = data[i] == '\n' ? 0 : column;
			r = buf_append_char(out, data[i]);
			continue;
		}
		if (column > COLUMN_MOST) {
			column = 0;
			r = buf_append_str(out, "=\r\n");
		}
		if (r < 0)
			break;
		if (stays(data, len, i)) {
			column++;
			r = buf_append_char(out, data[i]);
		} else {
			column += 3;
			r = buf_printf(out, "=%02X", (unsigned char)data[i]);
		}
	}
	return r;
}
