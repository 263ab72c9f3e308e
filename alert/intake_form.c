#include "alert/intake_form.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char form_nul[] = "a NUL in a form",
		  form_many[] = "too many fields";

static int
form_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* NULL: there is a NUL in it. */
static const char *
form_decode(struct arena *a, const char *s, size_t len)
{
	char *out = arena_alloc(a, len + 1), *at = out;

	for (size_t i = 0; i < len; i++) {
		int hi = -1, lo = -1;
		char c = s[i] == '+' ? ' ' : s[i];

		if (c == '%' && i + 2 < len) {
			hi = form_hex(s[i + 1]);
			lo = form_hex(s[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if (c == '\0')
			return NULL;
		*at++ = c;
	}
	*at = '\0';
	return out;
}

/* Room for DOC_FIELDS comes at the first one. */
static int
form_add(struct doc *d, struct arena *a, const char *name, const char *value,
	 const char **ret_why)
{
	if (name == NULL || value == NULL || d->n == DOC_FIELDS) {
		*ret_why = d->n == DOC_FIELDS ? form_many : form_nul;
		return -EINVAL;
	}
	if (d->n == 0)
		d->field = arena_alloc(a, DOC_FIELDS * sizeof(*d->field));
	d->field[d->n++] = (struct doc_field){name, value};
	return 0;
}

int
form_read(const char *body, size_t len, struct arena *a, struct doc *ret,
	  const char **ret_why)
{
	const char *end = body + len;
	struct doc d = {0};

	/* What an editor or a shell left behind it. */
	while (end > body && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	while (body < end) {
		const char *amp = memchr(body, '&', (size_t)(end - body));
		const char *stop = amp != NULL ? amp : end;
		const char *eq = memchr(body, '=', (size_t)(stop - body));
		const char *name_end = eq != NULL ? eq : stop;
		const char *value = eq != NULL ? eq + 1 : stop;

		if (stop > body &&
		    form_add(&d, a,
			     form_decode(a, body, (size_t)(name_end - body)),
			     form_decode(a, value, (size_t)(stop - value)),
			     ret_why) < 0)
			return -EINVAL;
		body = stop + 1;
	}
	*ret = d;
	return 0;
}

/* --- multipart/form-data --------------------------------------------------------- */

/* The parameter NAME of a field's value, with or without quotes; NULL: none. In
 * A. */
static const char *
form_param(struct arena *a, const char *v, size_t len, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i + n + 1 < len; i++) {
		const char *from = v + i + n + 1, *to;

		if ((i > 0 && strchr("; \t\n", v[i - 1]) == NULL) ||
		    strncasecmp(v + i, name, n) != 0 || v[i + n] != '=')
			continue;
		if (*from == '"') {
			from++;
			to = memchr(from, '"', (size_t)(v + len - from));
			return to != NULL ? arena_strndup(a, from,
							  (size_t)(to - from))
					  : NULL;
		}
		for (to = from; to < v + len && *to != ';' && *to != ' ' &&
				*to != '\r' && *to != '\n';
		     to++)
			;
		return arena_strndup(a, from, (size_t)(to - from));
	}
	return NULL;
}

/* One part, without its boundary: fields, an empty line, the value. */
static int
form_part(struct doc *d, struct arena *a, const char *part, size_t len,
	  const char **ret_why)
{
	static const char disposition[] = "Content-Disposition:";
	const char *empty = memmem(part, len, "\r\n\r\n", 4), *name, *value;
	size_t head, value_len;

	if (empty == NULL)
		return 0;
	head = (size_t)(empty - part);
	value = empty + 4;
	value_len = len - head - 4;
	for (; head > 0; part++, head--) {
		if (head < sizeof(disposition) ||
		    strncasecmp(part, disposition, sizeof(disposition) - 1) !=
			    0)
			continue;
		name = form_param(a, part, head, "name");
		if (name == NULL ||
		    form_param(a, part, head, "filename") != NULL)
			return 0;
		if (memchr(value, '\0', value_len) != NULL)
			value = NULL;
		return form_add(d, a, name,
				value != NULL
					? arena_strndup(a, value, value_len)
					: NULL,
				ret_why);
	}
	return 0;
}

int
form_read_multipart(const char *content_type, const char *body, size_t len,
		    struct arena *a, struct doc *ret, const char **ret_why)
{
	const char *boundary =
		form_param(a, content_type, strlen(content_type), "boundary");
	const char *end = body + len, *at, *next;
	struct doc d = {0};
	size_t n;

	*ret_why = "multipart/form-data without its boundary";
	if (boundary == NULL || boundary[0] == '\0' || strlen(boundary) > 200)
		return -EINVAL;
	boundary = arena_printf(a, "--%s", boundary);
	n = strlen(boundary);
	at = memmem(body, len, boundary, n);
	if (at == NULL)
		return -EINVAL;
	for (at += n; (size_t)(end - at) >= 2 && memcmp(at, "--", 2) != 0;
	     at = next + n) {
		next = memmem(at, (size_t)(end - at), boundary, n);
		if (next == NULL || next - at < 4) {
			*ret_why = "multipart/form-data without its end";
			return -EINVAL;
		}
		/* Each boundary has a line of its own. */
		if (form_part(&d, a, at + 2, (size_t)(next - at) - 4, ret_why) <
		    0)
			return -EINVAL;
	}
	*ret = d;
	return 0;
}
