/*
 * field_text - the value of a header field as it grows: words with folding
 * between them, in which nothing that a peer said can break out of its place.
 */
#ifndef VERDICT_FIELD_TEXT_H
#define VERDICT_FIELD_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Of one value or comment; what is longer is cut. Also where each octet needs a
 * backslash, its line stays below 998. */
#define FIELD_TEXT_MAX  400
#define FIELD_VALUE_MAX (2 * FIELD_TEXT_MAX + 2)

struct field_text {
	struct buf *buf; /* borrowed */
	bool utf8;       /* what is beyond ASCII may stand there */
	bool fresh;      /* nothing stands in the line yet */
	size_t column;
	size_t before; /* what BUF had */
	int error;     /* -EMSGSIZE: BUF is full */
};

/* The value of a field NAME, behind what is in BUF. */
void field_text_init(struct field_text *t, const char *name, bool utf8,
		     struct buf *buf);
/* 0; or -EMSGSIZE, and BUF is as it was. */
int field_text_end(struct field_text *t);

/* As they are: letters of ours. Behind a space, or in a new line; or right behind
 * what is there. */
void field_text_word(struct field_text *t, const char *word);
void field_text_join(struct field_text *t, const char *s);
void field_text_fold(struct field_text *t);
/* Anybody's: the words of TEXT. */
void field_text_words(struct field_text *t, const char *text);
/* Anybody's: TEXT in parentheses, without those that are in it; "": nothing. */
void field_text_comment(struct field_text *t, const char *text);

/* S as a value: as it is where IS_PLAIN says so, otherwise in quotes. Octets that
 * can't stand there became `?`. */
void field_value(const struct field_text *t, const char *s,
		 bool (*is_plain)(const char *s),
		 char ret[static FIELD_VALUE_MAX + 1]);

#endif
