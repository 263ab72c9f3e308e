/*
 * buf - bytes that grow up to a ceiling.
 *
 * What a peer can grow is born with a limit: buf_init(&b, SMTP_LINE_MAX). A
 * write that would pass the limit changes nothing and returns -EMSGSIZE; out of
 * memory ends the process. The content is always followed by a NUL that does
 * not count, so buf_str() is a C string.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data; /* owned; NULL until the first write */
	size_t len;
	size_t cap;
	size_t max; /* the most that LEN may become */
};

void buf_init(struct buf *b, size_t max);
/* Release; the buf may be used again with the same limit. NULL is fine. */
void buf_done(struct buf *b);
/* The same, and what it holds is wiped before. */
void buf_wipe(struct buf *b);

/* Room for LEN more bytes: appending as many moves nothing, and leaves nothing
 * behind where it was. 0 or -EMSGSIZE. */
int buf_reserve(struct buf *b, size_t len);
/* 0 or -EMSGSIZE. */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_append_str(struct buf *b, const char *s);
int buf_append_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* Drop LEN bytes (at most what is there) at the front. */
void buf_consume(struct buf *b, size_t len);
/* Empty it, keep the memory. */
void buf_clear(struct buf *b);
/* The content as a C string; "" when empty. Borrowed until the next write. */
const char *buf_str(const struct buf *b);
/* Give the content away as a C string that the caller frees; the buf is empty
 * afterwards. */
char *buf_take(struct buf *b);

#endif
