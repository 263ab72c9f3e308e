/*
 * Any bytes as a template, and any as a value in one. What comes out is harmless
 * where it goes: JSON reads as the value, HTML has no tag, a line no end.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "alert/mustache.h"
#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define OUT_MAX (256 * 1024)

static void
check_output(const struct buf *out, enum mustache_escape escape)
{
	const char *s = buf_str(out);

	must(strlen(s) == out->len && utf8_is_valid(s));
	if (escape == MUSTACHE_HTML)
		must(strpbrk(s, "<>\"'") == NULL);
	if (escape == MUSTACHE_SLACK)
		must(strpbrk(s, "<>") == NULL);
	if (escape == MUSTACHE_LINE)
		must(strpbrk(s, "\r\n\t") == NULL);
	if (escape == MUSTACHE_JSON || escape == MUSTACHE_SLACK) {
		char *quoted = xasprintf("[\"%s\"]", s);
		json_t *j = json_loads(quoted, 0, NULL);

		must(j != NULL && json_array_size(j) == 1);
		json_decref(j);
		free(quoted);
	}
}

/* No control character but the tab, no line end, nothing that turns text. */
static void
check_line(const char *s)
{
	size_t len = strlen(s), n;
	uint32_t c;

	for (; len > 0; s += n, len -= n) {
		n = utf8_next(s, len, &c);
		must(n > 0 && !utf8_is_turn(c));
		must((c >= ' ' || c == '\t') && (c < 0x7f || c > 0x9f));
		must(c != 0x2028 && c != 0x2029);
	}
}

static void
check_value(const char *text)
{
	for (int e = 0; e < MUSTACHE_NESCAPE; e++) {
		struct buf out;

		buf_init(&out, OUT_MAX * 8);
		must(mustache_write(text, (enum mustache_escape)e, &out) == 0);
		check_output(&out, (enum mustache_escape)e);
		check_line(buf_str(&out));
		buf_done(&out);
		buf_init(&out, OUT_MAX * 8);
		must(mustache_write_lines(text, (enum mustache_escape)e,
					  &out) == 0);
		check_output(&out, (enum mustache_escape)e);
		buf_done(&out);
	}
}

static void
check_template(const char *text, size_t len, const char *value)
{
	const struct mustache_value words[] = {
		{.kind = MUSTACHE_TEXT, .text = value},
		{.kind = MUSTACHE_TEXT, .text = ""}};
	const struct mustache_field inner[] = {
		{"b", {.kind = MUSTACHE_TEXT, .text = "b"}},
		{"w", {.kind = MUSTACHE_LIST, .n = 2, .items = words}}};
	const struct mustache_field fields[] = {
		{"a", {.kind = MUSTACHE_OBJECT, .n = 2, .fields = inner}},
		{"w", {.kind = MUSTACHE_LIST, .n = 2, .items = words}},
		{"x", {.kind = MUSTACHE_TEXT, .text = value}}};
	const struct mustache_value root = {
		.kind = MUSTACHE_OBJECT, .n = 3, .fields = fields};
	struct mustache_error e = {0};
	struct mustache *m;
	struct buf out;
	int r;

	if (mustache_new(text, len, &m, &e) < 0) {
		must(e.line >= 1 && e.why[0] != '\0');
		return;
	}
	buf_init(&out, OUT_MAX);
	r = mustache_render(m, &root, MUSTACHE_PLAIN, &out);
	must(r == 0 || r == -EMSGSIZE || r == -E2BIG);
	if (r == 0)
		must(utf8_is_valid(buf_str(&out)));
	buf_done(&out);
	mustache_free(&m);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *in = (const char *)data, *nul = memchr(in, '\0', len);
	size_t text_len = nul != NULL ? (size_t)(nul - in) : len;
	char *value = xstrndup(in + text_len + (nul != NULL),
			       len - text_len - (nul != NULL));

	if (len <= MUSTACHE_TEXT_MAX * 2) {
		check_value(value);
		check_template(in, text_len, value);
		check_template(in, len, value);
	}
	free(value);
	return 0;
}
