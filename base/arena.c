#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"

#define ARENA_BLOCK_SIZE 2048
#define ARENA_ALIGN      _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a)
{
	a->blocks = NULL;
}

void
arena_done(struct arena *a)
{
	struct arena_block *b;

	if (a == NULL)
		return;
	while ((b = a->blocks) != NULL) {
		a->blocks = b->next;
		free(b);
	}
}

void
arena_wipe(struct arena *a)
{
	if (a == NULL)
		return;
	for (struct arena_block *b = a->blocks; b != NULL; b = b->next)
		explicit_bzero(b->data, b->used);
	arena_done(a);
}

static struct arena_block *
arena_grow(struct arena *a, size_t size)
{
	size_t room = size > ARENA_BLOCK_SIZE ? size : ARENA_BLOCK_SIZE;
	struct arena_block *b = xmalloc(sizeof(*b) + room);

	b->next = a->blocks;
	b->used = 0;
	b->size = room;
	a->blocks = b;
	return b;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;
	size_t need = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	void *p;

	must(need >= size);
	if (b == NULL || b->size - b->used < need)
		b = arena_grow(a, need);
	p = b->data + b->used;
	b->used += need;
	return memset(p, 0, size);
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *
arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	memcpy(p, s, len);
	return p;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int len;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	must(len >= 0);
	p = arena_alloc(a, (size_t)len + 1);
	vsnprintf(p, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return p;
}
