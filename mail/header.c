#include "mail/header.h"

#include <string.h>
#include <strings.h>

/* The line at DATA with its LF; all of LEN when there is none. */
static size_t
line_len(const char *data, size_t len)
{
	const char *nl = memchr(data, '\n', len);

	return nl != NULL ? (size_t)(nl - data) + 1 : len;
}

/* LEN without the end of the line. */
static size_t
without_end(const char *line, size_t len)
{
	if (len > 0 && line[len - 1] == '\n')
		len--;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	return len;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* How long the name of the field at LINE is, 0 when it is none. Blanks before
 * the colon are an old custom (RFC 5322, 4.5.3). *RET_COLON is where it stands.
 */
static size_t
field_name(const char *line, size_t len, size_t *ret_colon)
{
	size_t name = 0, colon;

	while (name < len && line[name] > ' ' && line[name] < 0x7f &&
	       line[name] != ':')
		name++;
	colon = name;
	while (colon < len && is_blank(line[colon]))
		colon++;
	if (colon == len || line[colon] != ':')
		return 0;
	*ret_colon = colon;
	return name;
}

static bool
is_continuation(const char *line, size_t len)
{
	return len > 0 && is_blank(line[0]);
}

int
header_end(const char *data, size_t len, size_t *scanned, size_t *ret_len)
{
	const char *lf = *scanned > 0 ? memrchr(data, '\n', *scanned) : NULL;
	size_t start = lf != NULL ? (size_t)(lf - data) + 1 : 0, colon;

	for (size_t from = *scanned; from < len;) {
		const char *nl = memchr(data + from, '\n', len - from);
		size_t next, end;

		if (nl == NULL)
			break;
		next = (size_t)(nl - data) + 1;
		end = start + without_end(data + start, next - start);
		if (end == start) {
			*ret_len = next;
			return 1;
		}
		if (!(start > 0 &&
		      is_continuation(data + start, end - start)) &&
		    field_name(data + start, end - start, &colon) == 0) {
			*ret_len = start;
			return 1;
		}
		start = from = next;
	}
	*scanned = len;
	return 0;
}

int
header_next(const char *data, size_t len, struct header_field *ret)
{
	size_t line = len > 0 ? line_len(data, len) : 0, colon, at;
	size_t name = field_name(data, without_end(data, line), &colon);

	if (name == 0)
		return 0;
	for (at = line; at < len && is_blank(data[at]);)
		at += line_len(data + at, len - at);
	*ret = (struct header_field){
		.name = data,
		.name_len = name,
		.value = data + colon + 1,
		.value_len = without_end(data, at) - colon - 1,
		.raw_len = at,
	};
	return 1;
}

bool
header_is(const struct header_field *f, const char *name)
{
	return f->name_len == strlen(name) &&
	       strncasecmp(f->name, name, f->name_len) == 0;
}

char *
header_value(const struct header_field *f, char *ret, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < f->value_len && n + 1 < size; i++) {
		unsigned char c = (unsigned char)f->value[i];

		if (c == '\r' || c == '\n')
			continue;
		if (c < ' ' || c == 0x7f)
			c = ' ';
		if (c == ' ' && n == 0)
			continue;
		ret[n++] = (char)c;
	}
	while (n > 0 && ret[n - 1] == ' ')
		n--;
	if (size > 0)
		ret[n] = '\0';
	return ret;
}

static bool
is_bulk(const struct header_field *f)
{
	char value[8];

	header_value(f, value, sizeof(value));
	return strcasecmp(value, "bulk") == 0 ||
	       strcasecmp(value, "list") == 0 || strcasecmp(value, "junk") == 0;
}

void
header_facts(const char *data, size_t len, struct header_facts *ret)
{
	struct header_field f;

	memset(ret, 0, sizeof(*ret));
	for (size_t at = 0; header_next(data + at, len - at, &f) == 1;
	     at += f.raw_len) {
		if (header_is(&f, "Received")) {
			ret->received++;
		} else if (header_is(&f, "Date")) {
			ret->has_date = true;
		} else if (header_is(&f, "From")) {
			ret->has_from = true;
		} else if (header_is(&f, "Sender")) {
			ret->has_sender = true;
		} else if (header_is(&f, "List-Id")) {
			ret->bulk = true;
		} else if (header_is(&f, "Precedence")) {
			ret->bulk |= is_bulk(&f);
		} else if (header_is(&f, "Message-ID")) {
			if (!ret->has_message_id)
				header_value(&f, ret->message_id,
					     sizeof(ret->message_id));
			ret->has_message_id = true;
		}
	}
}
