#include "base/conf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void
conf_errors_init(struct conf_errors *e)
{
	memset(e, 0, sizeof(*e));
	arena_init(&e->arena);
}

void
conf_errors_done(struct conf_errors *e)
{
	if (e == NULL)
		return;
	arena_done(&e->arena);
	memset(e, 0, sizeof(*e));
	arena_init(&e->arena);
}

/* What came from the file is shown on a terminal. */
static void
conf_make_printable(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

static void __attribute__((format(printf, 4, 0)))
conf_verror(struct conf_errors *e, bool warning, const struct conf_mark *mark,
	    const char *fmt, va_list ap)
{
	struct conf_error *err;
	char text[1024];

	if (warning)
		e->warnings++;
	else
		e->total++;
	if (e->n == CONF_ERRORS_MAX)
		return;
	if (e->v == NULL)
		e->v = arena_alloc(&e->arena, CONF_ERRORS_MAX * sizeof(*e->v));
	err = &e->v[e->n++];
	err->mark = *mark;
	err->mark.file = arena_strdup(&e->arena, mark->file);
	err->warning = warning;
	vsnprintf(text, sizeof(text), fmt, ap);
	conf_make_printable(text);
	err->text = arena_strdup(&e->arena, text);
}

void
conf_error(struct conf_errors *e, const struct conf_mark *mark, const char *fmt,
	   ...)
{
	va_list ap;

	va_start(ap, fmt);
	conf_verror(e, false, mark, fmt, ap);
	va_end(ap);
}

void
conf_warning(struct conf_errors *e, const struct conf_mark *mark,
	     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	conf_verror(e, true, mark, fmt, ap);
	va_end(ap);
}

static int
conf_error_compare(const struct conf_error *a, const struct conf_error *b)
{
	int r = strcmp(a->mark.file, b->mark.file);

	if (r == 0)
		r = (a->mark.line > b->mark.line) -
		    (a->mark.line < b->mark.line);
	if (r == 0)
		r = (a->mark.column > b->mark.column) -
		    (a->mark.column < b->mark.column);
	return r;
}

/* By insertion: there are at most 100, and equal ones keep their order. */
void
conf_errors_sort(struct conf_errors *e)
{
	for (size_t i = 1; i < e->n; i++) {
		struct conf_error err = e->v[i];
		size_t at = i;

		for (; at > 0 && conf_error_compare(&e->v[at - 1], &err) > 0;
		     at--)
			e->v[at] = e->v[at - 1];
		e->v[at] = err;
	}
}

void
conf_errors_print(const struct conf_errors *e, FILE *out)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct conf_error *err = &e->v[i];

		fputs(err->mark.file, out);
		if (err->mark.line > 0)
			fprintf(out, ":%d:%d", err->mark.line,
				err->mark.column);
		fprintf(out, ": %s%s\n", err->warning ? "warning: " : "",
			err->text);
	}
	if (e->total + e->warnings > e->n)
		fprintf(out, "... and %zu more\n",
			e->total + e->warnings - e->n);
}
