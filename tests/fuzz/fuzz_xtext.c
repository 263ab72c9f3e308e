/*
 * xtext and the forms of RFC 6533: what is written is xtext, and reads again as
 * it was; what was read is written in one form only.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"
#include "mail/xtext.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define TEXT_MAX (1 << 20)

static bool
is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* xchar, and the "+" of a hexchar. */
static void
check_form(const char *s)
{
	for (; *s != '\0'; s++)
		must(*s > ' ' && *s <= '~' && *s != '=');
}

/* S -> xtext -> S. */
static void
encode(const char *s, struct arena *arena)
{
	const char *again = NULL;
	struct buf out;

	buf_init(&out, TEXT_MAX);
	must(xtext_encode(s, &out) == 0);
	check_form(buf_str(&out));
	if (xtext_decode(buf_str(&out), out.len, arena, &again) == 0)
		must(strcmp(again, s) == 0);
	else
		must(!is_printable(s));
	buf_done(&out);
}

/* What can be read goes on as the same. */
static void
decode(const char *s, size_t len, struct arena *arena)
{
	const char *text;

	if (xtext_decode(s, len, arena, &text) < 0)
		return;
	must(strlen(text) <= len && is_printable(text));
	encode(text, arena);
}

/* FORM is the canonical one: it stays as it is. */
static void
check_utf8_form(const struct buf *form)
{
	struct buf again;

	check_form(buf_str(form));
	must(memchr(buf_str(form), '+', form->len) == NULL);
	buf_init(&again, TEXT_MAX);
	must(xtext_to_utf8_form(buf_str(form), form->len, &again) == 0);
	must(strcmp(buf_str(&again), buf_str(form)) == 0);
	buf_done(&again);
}

static bool
has_control(const char *s)
{
	size_t len = strlen(s), n;
	uint32_t c;

	for (; len > 0; s += n, len -= n) {
		n = utf8_next(s, len, &c);
		if (n == 0)
			n = 1;
		else if (c < ' ' || (c >= 0x7f && c < 0xa0))
			return true;
	}
	return false;
}

static void
encode_utf8(const char *s)
{
	struct buf form;

	buf_init(&form, TEXT_MAX);
	must(xtext_encode_utf8(s, &form) == 0);
	check_form(buf_str(&form));
	if (!has_control(s))
		check_utf8_form(&form);
	buf_done(&form);
}

static void
to_utf8_form(const char *s, size_t len)
{
	struct buf form;

	buf_init(&form, TEXT_MAX);
	if (xtext_to_utf8_form(s, len, &form) == 0)
		check_utf8_form(&form);
	buf_done(&form);
	/* A ceiling that is too low is told, and nothing written behind it. */
	buf_init(&form, len / 2);
	must(xtext_to_utf8_form(s, len, &form) <= 0 && form.len <= len / 2);
	buf_done(&form);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *in = (const char *)data, *text;
	struct arena arena;

	if (len > TEXT_MAX / 16)
		return 0;
	arena_init(&arena);
	decode(in, len, &arena);
	to_utf8_form(in, len);
	text = arena_strndup(&arena, in, len);
	encode(text, &arena);
	encode_utf8(text);
	arena_done(&arena);
	return 0;
}
