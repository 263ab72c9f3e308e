#include "deliver/content.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* The line at *AT, which ends at END, as a field. False: it is none. */
static bool
ct_field(char *line, struct content_field *ret)
{
	char *colon = strchr(line, ':');

	if (colon == NULL || colon == line)
		return false;
	*colon++ = '\0';
	ret->name = line;
	ret->value = colon + strspn(colon, " ");
	return true;
}

/* Ends the line at AT; the next one. NULL: it has no end. */
static char *
ct_line(char *at, const char *end)
{
	char *lf = memchr(at, '\n', (size_t)(end - at));

	if (lf == NULL || memchr(at, '\0', (size_t)(lf - at)) != NULL)
		return NULL;
	*lf = '\0';
	if (lf > at && lf[-1] == '\r')
		lf[-1] = '\0';
	return lf + 1;
}

int
content_parse(struct arena *a, char *data, size_t len, struct content *ret)
{
	char *at = data, *end = data + len, *next;
	struct content c = {0};

	c.fields = arena_alloc(a, CONTENT_FIELDS_MAX * sizeof(*c.fields));
	for (;; at = next) {
		next = ct_line(at, end);
		if (next == NULL)
			return -EINVAL;
		if (*at == '\0')
			break;
		if (c.nfields == CONTENT_FIELDS_MAX ||
		    !ct_field(at, &c.fields[c.nfields++]))
			return -EINVAL;
	}
	c.body = next;
	c.body_len = (size_t)(end - next);
	*ret = c;
	return 0;
}

const char *
content_get(const struct content *c, const char *name)
{
	for (size_t i = 0; i < c->nfields; i++)
		if (strcasecmp(c->fields[i].name, name) == 0)
			return c->fields[i].value;
	return NULL;
}

static void
ct_got(void *arg, const char *data, ssize_t len)
{
	struct content_reader *r = arg;
	size_t size = (size_t)r->attempt->size;
	int result;

	if (len > 0 && (size_t)len <= size - r->len) {
		memcpy(r->data + r->len, data, (size_t)len);
		r->len += (size_t)len;
		attempt_read(r->attempt, ct_got, r);
		return;
	}
	if (len < 0)
		result = (int)len;
	else if (len > 0 || r->len < size)
		result = -EPROTO; /* it is not as long as it was */
	else
		result = content_parse(&r->attempt->arena, r->data, r->len,
				       &r->content);
	r->fn(r->arg, result);
}

void
content_read(struct content_reader *r, struct attempt *a,
	     void (*fn)(void *arg, int result), void *arg)
{
	r->attempt = a;
	r->fn = fn;
	r->arg = arg;
	if (a->size > CONTENT_MAX) {
		fn(arg, -EMSGSIZE);
		return;
	}
	r->data = arena_alloc(&a->arena, (size_t)a->size + 1);
	attempt_read(a, ct_got, r);
}
