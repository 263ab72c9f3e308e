/*
 * utf8 - one step through bytes that ought to be UTF-8 (RFC 3629).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the character at S and its code point in *RET; 0 when
 * the bytes are none: overlong, a surrogate, above U+10FFFF, cut off. LEN is at
 * least 1. */
size_t utf8_next(const char *s, size_t len, uint32_t *ret);

/* Is there an octet above 127? */
bool utf8_has_8bit(const char *s, size_t len);
/* Nothing above 127? */
bool utf8_is_ascii(const char *s);
/* All of it UTF-8? */
bool utf8_is_valid(const char *s);

/* One of those that turn the direction of all that follows them (UAX #9:
 * embeddings, overrides, isolates): U+202E makes "gpj.exe" of "exe.jpg". The
 * marks U+200E and U+200F do no more than a letter does, and are none. */
bool utf8_is_turn(uint32_t c);

/* As much of S, which is UTF-8, as fits into SIZE with a NUL; no character is
 * cut. */
void utf8_copy(const char *s, char *ret, size_t size);

#endif
