/*
 * arena - data that dies together is born together.
 *
 * One per SMTP transaction, per report, per listing. Memory comes aligned for
 * any type and is released all at once; single pieces are never freed. Not
 * thread-safe. The owner bounds what a peer can grow (limits of the
 * configuration).
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena {
	struct arena_block *blocks; /* owned; newest first */
};

void arena_init(struct arena *a);
/* Release everything; the arena may be used again. NULL is fine. */
void arena_done(struct arena *a);
/* The same, and what it holds is wiped before. */
void arena_wipe(struct arena *a);

/* SIZE zeroed bytes. */
void *arena_alloc(struct arena *a, size_t size)
	__attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s)
	__attribute__((returns_nonnull));
/* LEN bytes of S and a NUL. */
char *arena_strndup(struct arena *a, const char *s, size_t len)
	__attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((returns_nonnull, format(printf, 2, 3)));

#endif
