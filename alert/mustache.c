/*
 * mustache - from text to a list of nodes. A section knows where it closes, so
 * that whoever renders needs no second look at the text.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/mustache_impl.h"
#include "base/utf8.h"
#include "base/xalloc.h"

struct compile {
	struct mustache *m;
	const char *start, *at, *end;
	int line;                        /* of AT */
	size_t open[MUSTACHE_DEPTH_MAX]; /* sections not closed yet */
	size_t nopen;
	struct mustache_error *error;
};

/* One tag: "{{" and what follows. */
struct tag {
	const char *start, *end; /* with its braces */
	char kind;               /* '#' '^' '/' '!' '{' '&', or 0: a value */
	const char *name;        /* trimmed */
	size_t len;
	int line;
};

static int compile_fail(struct compile *c, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int
compile_fail(struct compile *c, int line, const char *fmt, ...)
{
	va_list ap;

	c->error->line = line;
	va_start(ap, fmt);
	vsnprintf(c->error->why, sizeof(c->error->why), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static struct mustache_node *
compile_add(struct compile *c, enum mustache_op op, const char *text,
	    size_t len, int line)
{
	struct mustache *m = c->m;
	struct mustache_node *node;

	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 32 : m->cap * 2;
		m->nodes = xrealloc(m->nodes, m->cap * sizeof(*m->nodes));
	}
	node = &m->nodes[m->n++];
	*node = (struct mustache_node){
		.op = op,
		.line = line,
		.text = arena_strndup(&m->arena, text, len),
		.len = len,
	};
	return node;
}

/* --- tags ---------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int
count_lines(const char *s, const char *end)
{
	int n = 0;

	for (; s < end; s++)
		n += *s == '\n';
	return n;
}

/* The tag at C->at, which is "{{". */
static int
tag_read(struct compile *c, struct tag *t)
{
	const char *s = c->at + 2, *close = "}}", *end;

	*t = (struct tag){.start = c->at, .line = c->line};
	if (s < c->end && strchr("#^/!{&>=", *s) != NULL && *s != '\0')
		t->kind = *s++;
	if (t->kind == '{')
		close = "}}}";
	end = memmem(s, (size_t)(c->end - s), close, strlen(close));
	if (end == NULL)
		return compile_fail(c, c->line, "a tag without its \"%s\"",
				    close);
	t->end = end + strlen(close);
	while (s < end && (is_blank(*s) || *s == '\n' || *s == '\r'))
		s++;
	while (end > s && (is_blank(end[-1]) || strchr("\r\n", end[-1])))
		end--;
	t->name = s;
	t->len = (size_t)(end - s);
	return 0;
}

static bool
name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* "." or words between dots. */
static bool
name_is_good(const char *s, size_t len)
{
	if (len == 1 && s[0] == '.')
		return true;
	if (len == 0 || len > MUSTACHE_NAME_MAX || s[0] == '.' ||
	    s[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] == '.' ? s[i - 1] == '.' : !name_char(s[i]))
			return false;
	return true;
}

static int
tag_check(struct compile *c, const struct tag *t)
{
	if (t->kind == '!')
		return 0;
	if (t->kind == '>')
		return compile_fail(c, t->line,
				    "{{> }}: a template can't take "
				    "in another one");
	if (t->kind == '=')
		return compile_fail(c, t->line,
				    "{{= }}: the braces can't be "
				    "changed");
	if (!name_is_good(t->name, t->len))
		return compile_fail(c, t->line,
				    "\"%.*s\" is no name of a variable, like "
				    "{{title}} or {{labels.team}}",
				    (int)(t->len < 60 ? t->len : 60), t->name);
	return 0;
}

/* Alone on its line: the line is [*RET_START, *RET_END) then. */
static bool
tag_is_alone(const struct compile *c, const struct tag *t,
	     const char **ret_start, const char **ret_end)
{
	const char *s = t->start, *e = t->end;

	if (t->kind == 0 || t->kind == '{' || t->kind == '&')
		return false;
	while (s > c->start && is_blank(s[-1]))
		s--;
	while (e < c->end && is_blank(*e))
		e++;
	if (e + 1 < c->end && e[0] == '\r' && e[1] == '\n')
		e++;
	if ((s > c->start && s[-1] != '\n') || (e < c->end && *e != '\n'))
		return false;
	*ret_start = s;
	*ret_end = e < c->end ? e + 1 : e;
	return true;
}

static int
compile_close(struct compile *c, const struct tag *t)
{
	struct mustache_node *open;

	if (c->nopen == 0)
		return compile_fail(c, t->line, "{{/%.*s}} closes nothing",
				    (int)t->len, t->name);
	open = &c->m->nodes[c->open[--c->nopen]];
	if (open->len != t->len || memcmp(open->text, t->name, t->len) != 0)
		return compile_fail(c, t->line,
				    "{{/%.*s}}, but what is open is \"%.60s\" "
				    "of line %d",
				    (int)(t->len < 60 ? t->len : 60), t->name,
				    open->text, open->line);
	open->end = c->m->n;
	compile_add(c, MUSTACHE_OP_CLOSE, "", 0, t->line);
	return 0;
}

static int
compile_tag(struct compile *c, const struct tag *t)
{
	enum mustache_op op = MUSTACHE_OP_VALUE;

	if (t->kind == '!')
		return 0;
	if (t->kind == '/')
		return compile_close(c, t);
	if (t->kind == '#' || t->kind == '^') {
		op = t->kind == '#' ? MUSTACHE_OP_SECTION
				    : MUSTACHE_OP_INVERTED;
		if (c->nopen == MUSTACHE_DEPTH_MAX)
			return compile_fail(c, t->line,
					    "more than %d sections within "
					    "each other",
					    MUSTACHE_DEPTH_MAX);
		c->open[c->nopen++] = c->m->n;
	} else if (t->kind != 0) {
		op = MUSTACHE_OP_RAW;
	}
	compile_add(c, op, t->name, t->len, t->line);
	return 0;
}

/* --- the whole ------------------------------------------------------------ */

static void
compile_text(struct compile *c, const char *until)
{
	if (until > c->at)
		compile_add(c, MUSTACHE_OP_TEXT, c->at, (size_t)(until - c->at),
			    c->line);
}

/* Up to and with the next tag. 1: there may be more; 0: the end. */
static int
compile_step(struct compile *c)
{
	const char *tag = memmem(c->at, (size_t)(c->end - c->at), "{{", 2);
	const char *text_end, *next;
	struct tag t;
	int r;

	if (tag == NULL) {
		compile_text(c, c->end);
		return 0;
	}
	/* "{{{{x}}}" is a brace and a value; the last two of a run count, the
	 * third for what stays as it is. */
	while (tag + 3 < c->end && tag[2] == '{' && tag[3] == '{')
		tag++;
	compile_text(c, tag);
	c->line += count_lines(c->at, tag);
	c->at = tag;
	r = tag_read(c, &t);
	if (r == 0)
		r = tag_check(c, &t);
	if (r < 0)
		return r;
	next = t.end;
	if (tag_is_alone(c, &t, &text_end, &next) && c->m->n > 0 &&
	    c->m->nodes[c->m->n - 1].op == MUSTACHE_OP_TEXT)
		c->m->nodes[c->m->n - 1].len -= (size_t)(tag - text_end);
	r = compile_tag(c, &t);
	if (r < 0)
		return r;
	c->line += count_lines(c->at, next);
	c->at = next;
	return 1;
}

static int
compile_all(struct compile *c)
{
	size_t len = (size_t)(c->end - c->start);
	int r;

	if (len > MUSTACHE_TEXT_MAX)
		return compile_fail(c, 1, "longer than %d bytes",
				    MUSTACHE_TEXT_MAX);
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t ch;

		n = utf8_next(c->start + i, len - i, &ch);
		if (n == 0 || ch == 0)
			return compile_fail(
				c, 1 + count_lines(c->start, c->start + i),
				n == 0 ? "an octet that is no UTF-8" : "a NUL");
	}
	do
		r = compile_step(c);
	while (r > 0);
	if (r == 0 && c->nopen > 0) {
		struct mustache_node *open =
			&c->m->nodes[c->open[c->nopen - 1]];

		return compile_fail(
			c, open->line,
			"\"%.60s\" is never closed, with {{/%.60s}}",
			open->text, open->text);
	}
	return r;
}

int
mustache_new(const char *text, size_t len, struct mustache **ret,
	     struct mustache_error *ret_error)
{
	struct mustache *m = xcalloc(1, sizeof(*m));
	struct compile c = {.m = m,
			    .start = text,
			    .at = text,
			    .end = text + len,
			    .line = 1,
			    .error = ret_error};
	int r;

	arena_init(&m->arena);
	r = compile_all(&c);
	if (r < 0) {
		mustache_free(&m);
		return r;
	}
	*ret = m;
	return 0;
}

void
mustache_free(struct mustache **m)
{
	if (m == NULL || *m == NULL)
		return;
	free((*m)->nodes);
	arena_done(&(*m)->arena);
	free(*m);
	*m = NULL;
}

/* --- looking -------------------------------------------------------------- */

void
mustache_each_name(const struct mustache *m, mustache_name_fn *fn, void *arg)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct mustache_node *node = &m->nodes[i];

		if (node->op != MUSTACHE_OP_TEXT &&
		    node->op != MUSTACHE_OP_CLOSE &&
		    !fn(arg, node->text, node->line))
			return;
	}
}

struct uses {
	const char *name;
	bool found;
};

static bool
uses_this(void *arg, const char *name, int line)
{
	struct uses *u = arg;
	size_t len = strlen(u->name);

	(void)line;
	u->found = strncmp(name, u->name, len) == 0 &&
		   (name[len] == '\0' || name[len] == '.');
	return !u->found;
}

bool
mustache_uses(const struct mustache *m, const char *name)
{
	struct uses u = {.name = name};

	mustache_each_name(m, uses_this, &u);
	return u.found;
}

size_t
mustache_fixed_len(const struct mustache *m)
{
	return m->n > 0 && m->nodes[0].op == MUSTACHE_OP_TEXT ? m->nodes[0].len
							      : 0;
}
