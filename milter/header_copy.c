#include "milter/header_copy.h"

#include <string.h>

void
header_copy_init(struct header_copy *h, bool raw, size_t max)
{
	*h = (struct header_copy){.raw = raw};
	buf_init(&h->text, max);
}

void
header_copy_done(struct header_copy *h)
{
	if (h != NULL)
		buf_done(&h->text);
}

/* Lines end in LF or CRLF; a CR elsewhere is the sender's. */
static int
hc_lines(struct buf *out, const char *value)
{
	int r = 0;

	while (r == 0 && value[0] != '\0') {
		size_t len = strcspn(value, "\n");
		bool more = value[len] == '\n';
		size_t text = more && len > 0 && value[len - 1] == '\r'
				      ? len - 1
				      : len;

		r = buf_append(out, value, text);
		if (r == 0 && more)
			r = buf_append_str(out, "\r\n");
		value += len + more;
	}
	return r;
}

void
header_copy_field(struct header_copy *h, const char *name, const char *value)
{
	size_t before = h->text.len;

	if (h->too_long)
		return;
	if (buf_append_str(&h->text, name) == 0 &&
	    buf_append_str(&h->text, h->raw ? ":" : ": ") == 0 &&
	    hc_lines(&h->text, value) == 0 &&
	    buf_append_str(&h->text, "\r\n") == 0)
		return;
	h->too_long = true; /* half a field is none */
	h->text.len = before;
	if (h->text.data != NULL)
		h->text.data[before] = '\0';
}

void
header_copy_end(struct header_copy *h)
{
	if (!h->too_long && buf_append_str(&h->text, "\r\n") < 0)
		h->too_long = true;
}
