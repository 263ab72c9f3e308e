#include "verdict/steps.h"

#include <stdarg.h>
#include <stdio.h>

void
steps_init(struct steps *s, struct arena *arena)
{
	s->arena = arena;
	steps_clear(s);
}

void
steps_clear(struct steps *s)
{
	if (s == NULL)
		return;
	s->depth = 0;
	STAILQ_INIT(&s->list);
}

void
steps_say(struct steps *s, const char *fmt, ...)
{
	struct step *step;
	char text[1024];
	va_list ap;

	if (s == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	step = arena_alloc(s->arena, sizeof(*step));
	step->depth = s->depth;
	step->text = arena_strdup(s->arena, text);
	STAILQ_INSERT_TAIL(&s->list, step, link);
}

void
steps_enter(struct steps *s)
{
	if (s != NULL)
		s->depth++;
}

void
steps_leave(struct steps *s)
{
	if (s != NULL)
		s->depth--;
}
