/*
 * xalloc - memory that is there, or the process ends.
 *
 * Out of memory ends the process: the store makes that safe, and no caller
 * needs a path that is never tested. Sizes that a peer can grow are bounded by
 * the caller (see buf).
 */
#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
/* N elements of SIZE bytes; an overflow of the product ends the process. */
void *xreallocarray(void *p, size_t n, size_t size)
	__attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t len)
	__attribute__((malloc, returns_nonnull));
void *xmemdup(const void *p, size_t len)
	__attribute__((malloc, returns_nonnull));
/* A formatted string, owned by the caller. */
char *xasprintf(const char *fmt, ...)
	__attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

#endif
