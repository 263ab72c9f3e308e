#include "mail/base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of C, or -1. */
static int
base64_digit(char c)
{
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* How many of the last two characters are `=`. */
static size_t
base64_pad(const char *text, size_t len)
{
	size_t pad = 0;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	return pad;
}

/* Four characters, the last PAD of them `=`. 0 or an error. */
static int
base64_decode_four(const char *text, size_t pad, struct buf *out)
{
	uint32_t bits = 0;
	char bytes[3];

	for (size_t i = 0; i < 4 - pad; i++) {
		int digit = base64_digit(text[i]);

		if (digit < 0)
			return -EINVAL;
		bits |= (uint32_t)digit << (18 - 6 * i);
	}
	if (pad > 0 && (bits & ((1u << (8 * pad)) - 1)) != 0)
		return -EINVAL;
	for (size_t i = 0; i < 3; i++)
		bytes[i] = (char)(bits >> (16 - 8 * i));
	return buf_append(out, bytes, 3 - pad);
}

int
base64_decode(const char *text, size_t len, struct buf *out)
{
	size_t pad = base64_pad(text, len);
	int r;

	if (len % 4 != 0)
		return -EINVAL;
	/* It may be a secret: no piece of it is left where OUT was before. */
	r = buf_reserve(out, len / 4 * 3 - pad);
	for (size_t at = 0; r == 0 && at < len; at += 4)
		r = base64_decode_four(text + at, at + 4 == len ? pad : 0, out);
	return r;
}

int
base64_encode(const void *data, size_t len, struct buf *out)
{
	const uint8_t *bytes = data;
	int r = 0;

	for (size_t at = 0; r == 0 && at < len; at += 3) {
		size_t n = len - at < 3 ? len - at : 3;
		uint32_t bits = 0;
		char four[4];

		for (size_t i = 0; i < n; i++)
			bits |= (uint32_t)bytes[at + i] << (16 - 8 * i);
		for (size_t i = 0; i < 4; i++)
			four[i] = i <= n ? digits[bits >> (18 - 6 * i) & 63]
					 : '=';
		r = buf_append(out, four, 4);
	}
	return r;
}
