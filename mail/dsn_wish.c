#include "mail/dsn_wish.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "mail/xtext.h"

#define ENVID_MAX    100 /* RFC 3461, 4.4, and 4.2 */
#define ORCPT_MAX    500
#define ORCPT_RFC822 "rfc822"
#define ORCPT_UTF8   "utf-8"

const char *const dsn_ret_names[] = {
	[DSN_RET_NONE] = NULL,
	[DSN_RET_FULL] = "FULL",
	[DSN_RET_HDRS] = "HDRS",
};

static const struct {
	enum dsn_notify bit;
	const char *word;
} notify_words[] = {
	{DSN_NOTIFY_NEVER, "NEVER"},
	{DSN_NOTIFY_SUCCESS, "SUCCESS"},
	{DSN_NOTIFY_FAILURE, "FAILURE"},
	{DSN_NOTIFY_DELAY, "DELAY"},
};
#define NWORDS (sizeof(notify_words) / sizeof(notify_words[0]))

static bool
word_is(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(s, word, len) == 0;
}

int
dsn_ret_parse(const char *s, size_t len, enum dsn_ret *ret)
{
	for (int i = DSN_RET_FULL; i < DSN_NRET; i++) {
		if (word_is(s, len, dsn_ret_names[i])) {
			*ret = (enum dsn_ret)i;
			return 0;
		}
	}
	return -EINVAL;
}

static uint8_t
notify_bit(const char *s, size_t len)
{
	for (size_t i = 0; i < NWORDS; i++) {
		if (word_is(s, len, notify_words[i].word))
			return (uint8_t)notify_words[i].bit;
	}
	return 0;
}

bool
dsn_notify_is_sound(uint8_t notify)
{
	return (notify & ~DSN_NOTIFY_ALL) == 0 &&
	       (!(notify & DSN_NOTIFY_NEVER) || notify == DSN_NOTIFY_NEVER);
}

/* notify-esmtp-value = "NEVER" / 1#notify-list-element; a list may have
 * nothing between two commas, but not nothing at all. */
int
dsn_notify_parse(const char *s, size_t len, uint8_t *ret)
{
	const char *end = s + len, *comma;
	uint8_t bits = 0, bit;

	if (len == 0)
		return -EINVAL;
	for (; s <= end; s = comma + 1) {
		comma = memchr(s, ',', (size_t)(end - s));
		if (comma == NULL)
			comma = end;
		if (comma == s)
			continue;
		bit = notify_bit(s, (size_t)(comma - s));
		if (bit == 0)
			return -EINVAL;
		bits |= bit;
	}
	if (bits == 0 || !dsn_notify_is_sound(bits))
		return -EINVAL;
	*ret = bits;
	return 0;
}

int
dsn_envid_parse(const char *s, size_t len, struct arena *arena,
		const char **ret)
{
	if (len == 0 || len > ENVID_MAX)
		return -EINVAL;
	return xtext_decode(s, len, arena, ret);
}

static bool
is_atom(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] <= ' ' || s[i] > '~' ||
		    strchr("()<>@,;:\\\".[]", s[i]) != NULL)
			return false;
	}
	return len > 0;
}

static int
orcpt_parse_utf8(const char *s, size_t len, struct arena *arena,
		 const char **ret)
{
	struct buf form;
	int r = len > 0 ? 0 : -EINVAL;

	buf_init(&form, ORCPT_MAX - sizeof(ORCPT_UTF8));
	if (r == 0)
		r = xtext_to_utf8_form(s, len, &form);
	if (r == 0)
		*ret = arena_printf(arena, ORCPT_UTF8 ";%s", buf_str(&form));
	buf_done(&form);
	return r < 0 ? -EINVAL : 0;
}

/* An address beyond ASCII as Postfix (3.7) has it: of type rfc822, its octets
 * as xtext. To refuse it would be to refuse the recipient; it becomes what it
 * should have been, one of type utf-8. */
static int
orcpt_parse_octets(const char *s, size_t len, struct arena *arena,
		   const char **ret)
{
	struct buf form;
	const char *text;
	int r = xtext_decode_utf8(s, len, arena, &text);

	buf_init(&form, ORCPT_MAX);
	if (r == 0)
		r = xtext_encode_utf8(text, &form);
	if (r == 0)
		r = orcpt_parse_utf8(form.data, form.len, arena, ret);
	buf_done(&form);
	return r < 0 ? -EINVAL : 0;
}

/* original-recipient-address = addr-type ";" xtext, addr-type = atom */
int
dsn_orcpt_parse(const char *s, size_t len, struct arena *arena,
		const char **ret)
{
	const char *semicolon = len > 0 ? memchr(s, ';', len) : NULL;
	const char *text, *address;
	size_t type_len, text_len;

	if (semicolon == NULL || len > ORCPT_MAX)
		return -EINVAL;
	type_len = (size_t)(semicolon - s);
	text = semicolon + 1;
	text_len = len - type_len - 1;
	if (word_is(s, type_len, ORCPT_UTF8))
		return orcpt_parse_utf8(text, text_len, arena, ret);
	if (!is_atom(s, type_len) || text_len == 0)
		return -EINVAL;
	if (xtext_decode(text, text_len, arena, &address) < 0)
		return word_is(s, type_len, ORCPT_RFC822)
			       ? orcpt_parse_octets(text, text_len, arena, ret)
			       : -EINVAL;
	*ret = arena_printf(arena, "%.*s;%s", (int)type_len, s, address);
	return 0;
}

int
dsn_notify_write(uint8_t notify, struct buf *out)
{
	const char *comma = "";
	int r = 0;

	for (size_t i = 0; i < NWORDS && r == 0; i++) {
		if (!(notify & notify_words[i].bit))
			continue;
		r = buf_printf(out, "%s%s", comma, notify_words[i].word);
		comma = ",";
	}
	return r;
}

int
dsn_orcpt_write(const char *orcpt, struct buf *out)
{
	size_t type_len = strcspn(orcpt, ";");
	bool utf8 = word_is(orcpt, type_len, ORCPT_UTF8);
	int r = utf8 ? 0 : buf_append(out, orcpt, type_len);

	if (utf8) /* it is in its form already */
		return buf_append_str(out, orcpt);
	if (r == 0)
		r = buf_append_char(out, ';');
	if (r == 0 && orcpt[type_len] == ';')
		r = xtext_encode(orcpt + type_len + 1, out);
	return r;
}
