/*
 * encoded_word - text beyond ASCII in a header (RFC 2047).
 *
 * What is plain stands as it is; the rest becomes encoded words of UTF-8 in
 * base64, none of which cuts a character in two, on lines of at most 76 octets.
 */
#ifndef MAIL_ENCODED_WORD_H
#define MAIL_ENCODED_WORD_H

#include <stddef.h>

#include "base/buf.h"

/* The name in front of an address: as it is, quoted or encoded, whatever it
 * takes. 0 or -EMSGSIZE. */
int encoded_word_phrase(const char *name, struct buf *out);

/* The value of an unstructured field, such as Subject, of which COLUMN octets
 * stand on the line already: folded at its blanks; encoded where it is not
 * printable ASCII or could be taken for an encoded word. Control characters
 * become blanks. 0 or -EMSGSIZE. */
int encoded_word_text(const char *text, size_t column, struct buf *out);

#endif
