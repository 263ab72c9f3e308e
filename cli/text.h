/*
 * text - values as people read them.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_MAX 32

/* "45s", "12m", "2h03m", "3d4h". */
void text_age(int64_t ms, char ret[static TEXT_MAX]);
/* "980B", "4.1K", "1.2G". */
void text_size(int64_t bytes, char ret[static TEXT_MAX]);
/* "2026-11-21 09:55", local time. */
void text_time(int64_t wall_ms, char ret[static TEXT_MAX]);
/* "2026-11-21 09:55:06", local time. */
void text_time_exactly(int64_t wall_ms, char ret[static TEXT_MAX]);
/* Now, in ms since 1970. */
int64_t text_now(void);
/* S with whatever could steer a terminal as `?`; what peers said is printed by
 * this. */
void text_put(const char *s, FILE *out);
/* LEN bytes of several lines: these stay, and no more than text. */
void text_put_lines(const char *data, size_t len, FILE *out);
/* What text_put() writes, as a string, which the caller frees. */
char *text_clean(const char *s);
/* S as MAIL FROM would have it, with or without its brackets: what SPF is asked
 * of, without them, or "" for the null path, `<>`. The caller frees it. NULL,
 * after it was said: it is no address with a domain. */
char *text_sender(const char *s);
/* Does S look like a message's id? Whether it is one, belfryd knows. */
bool text_is_id(const char *s);

#endif
