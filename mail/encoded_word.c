#include "mail/encoded_word.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mail/base64.h"

#define FRAME     12 /* "=?UTF-8?B?" and "?=" */
#define LINE_MOST 76 /* of a line with an encoded word (RFC 2047, 2) */
#define LINE_WISH 78 /* of another one (RFC 5322, 2.1.1) */
#define PIECE_MAX 45 /* octets in a word of at most 75 characters */

/* How many octets fit into a word behind COLUMN others; at least a character.
 */
static size_t
piece_room(size_t column)
{
	size_t room =
		column + FRAME < LINE_MOST ? LINE_MOST - column - FRAME : 0;
	size_t n = room / 4 * 3;

	if (n > PIECE_MAX)
		n = PIECE_MAX;
	return n > 3 ? n : 4;
}

static int
word_write(const char *s, size_t len, struct buf *out)
{
	int r = buf_append_str(out, "=?UTF-8?B?");

	if (r == 0)
		r = base64_encode(s, len, out);
	return r < 0 ? r : buf_append_str(out, "?=");
}

static int
words_write(const char *text, size_t column, struct buf *out)
{
	size_t len = strlen(text);
	int r = 0;

	while (len > 0 && r == 0) {
		size_t room = piece_room(column), n = len < room ? len : room;

		while (n > 1 && n < len &&
		       ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		r = word_write(text, n, out);
		text += n;
		len -= n;
		column = 1;
		if (r == 0 && len > 0)
			r = buf_append_str(out, "\r\n ");
	}
	return r;
}

static bool
is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

/* --- phrases ---------------------------------------------------------------- */

static bool
is_atoms(const char *s)
{
	for (; *s != '\0'; s++) {
		char c = *s;

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') &&
		    strchr(" !#$%&'*+-/=?^_`{|}~", c) == NULL)
			return false;
	}
	return true;
}

int
encoded_word_phrase(const char *name, struct buf *out)
{
	int r;

	if (is_atoms(name))
		return buf_append_str(out, name);
	if (!is_printable(name))
		return words_write(name, 1, out);
	r = buf_append_char(out, '"');
	for (; *name != '\0' && r == 0; name++) {
		if (*name == '"' || *name == '\\')
			r = buf_append_char(out, '\\');
		if (r == 0)
			r = buf_append_char(out, *name);
	}
	return r < 0 ? r : buf_append_char(out, '"');
}

/* --- text ------------------------------------------------------------------- */

/* Where to break S, which has printable ASCII: at the last blank within ROOM,
 * or the first behind it. Its length when there is none. A break is followed by
 * more than blanks, so that no line is empty. */
static size_t
fold_at(const char *s, size_t room)
{
	size_t len = strlen(s), best = len;

	if (len <= room)
		return len;
	for (size_t i = 1; i < len; i++) {
		if (s[i] != ' ' || s[i - 1] == ' ' ||
		    s[i + strspn(s + i, " ")] == '\0')
			continue;
		if (i > room && best < len)
			break;
		best = i;
		if (i > room)
			break;
	}
	return best;
}

static int
folded_write(const char *s, size_t column, struct buf *out)
{
	int r = 0;

	while (*s != '\0' && r == 0) {
		size_t room = column < LINE_WISH ? LINE_WISH - column : 0;
		size_t n = fold_at(s, room);

		r = buf_append(out, s, n);
		s += n;
		column = 0;
		if (r == 0 && *s != '\0')
			r = buf_append_str(out, "\r\n");
	}
	return r;
}

static bool
has_long_word(const char *s)
{
	for (s += strspn(s, " "); *s != '\0'; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		if (n > 900)
			return true;
		s += n;
	}
	return false;
}

int
encoded_word_text(const char *text, size_t column, struct buf *out)
{
	size_t len = strlen(text);
	struct buf clean;
	int r;

	buf_init(&clean, len);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		(void)buf_append_char(&clean,
				      c < ' ' || c == 0x7f ? ' ' : text[i]);
	}
	text = buf_str(&clean);
	if (is_printable(text) && strstr(text, "=?") == NULL &&
	    !has_long_word(text))
		r = folded_write(text, column, out);
	else
		r = words_write(text, column, out);
	buf_done(&clean);
	return r;
}
