#include "alert/matcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"

const char *const matcher_op_names[] = {"=", "!=", "=~", "!~", NULL};

/* A label's, with ":" where Prometheus allows it for its metrics. */
static bool
is_name(const char *name)
{
	char plain[LABEL_NAME_MAX + 1];
	size_t len = strlen(name);

	if (len > LABEL_NAME_MAX)
		return false;
	for (size_t i = 0; i <= len; i++)
		plain[i] = name[i] == ':' ? '_' : name[i];
	return label_name_is_valid(plain);
}

int
matcher_set(enum matcher_op op, const char *name, const char *value,
	    struct arena *arena, struct matcher *ret, char **ret_why)
{
	struct matcher m = {.op = op};

	if (!is_name(name)) {
		*ret_why = xasprintf("\"%s\" is no name of a label", name);
		return -EINVAL;
	}
	if (!utf8_is_valid(value) || strlen(value) > MATCHER_VALUE_MAX) {
		*ret_why = xasprintf("the value of %s is no UTF-8, or longer "
				     "than %d bytes",
				     name, MATCHER_VALUE_MAX);
		return -EINVAL;
	}
	if ((op == MATCHER_REGEX || op == MATCHER_NOT_REGEX) &&
	    expression_new(value, EXPRESSION_WHOLE, &m.expression, ret_why) < 0)
		return -EINVAL;
	m.name = arena_strdup(arena, name);
	m.value = arena_strdup(arena, value);
	*ret = m;
	return 0;
}

void
matcher_done(struct matcher *m)
{
	expression_free(&m->expression);
}

bool
matcher_match(const struct matcher *m, const struct labels *l, unsigned *limits)
{
	const char *value = labels_get(l, m->name);
	enum expression_result r;

	if (value == NULL)
		value = "";
	if (m->expression == NULL)
		return (strcmp(value, m->value) == 0) ==
		       (m->op == MATCHER_EQUAL);
	r = expression_match(m->expression, value, strlen(value), NULL);
	if (r == EXPRESSION_LIMIT) {
		if (limits != NULL)
			(*limits)++;
		return true;
	}
	return (r == EXPRESSION_YES) == (m->op == MATCHER_REGEX);
}

bool
matchers_match(const struct matchers *m, const struct labels *l,
	       unsigned *limits)
{
	for (size_t i = 0; i < m->n; i++)
		if (!matcher_match(&m->v[i], l, limits))
			return false;
	return true;
}

void
matchers_are_asked(struct matchers *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].expression != NULL)
			expression_is_asked(m->v[i].expression);
}

size_t
matchers_size(const struct matchers *m)
{
	size_t size = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].expression != NULL)
			size += expression_size(m->v[i].expression);
	return size;
}

bool
matchers_equal(const struct matchers *a, const struct matchers *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].op != b->v[i].op ||
		    strcmp(a->v[i].name, b->v[i].name) != 0 ||
		    strcmp(a->v[i].value, b->v[i].value) != 0)
			return false;
	return true;
}

void
matchers_pack(struct pack *p, const struct matchers *m)
{
	pack_u16(p, (uint16_t)m->n);
	for (size_t i = 0; i < m->n; i++) {
		pack_u8(p, (uint8_t)m->v[i].op);
		pack_str(p, m->v[i].name);
		pack_str(p, m->v[i].value);
	}
}

static int
unpack_one(struct unpack *u, struct arena *arena, struct matcher *ret)
{
	unsigned op = unpack_u8(u);
	const char *name = unpack_str(u, arena), *value = unpack_str(u, arena);
	char *why;
	int r;

	if (u->bad || op > MATCHER_NOT_REGEX)
		return -EBADMSG;
	r = matcher_set((enum matcher_op)op, name, value, arena, ret, &why);
	if (r == 0)
		return 0;
	free(why);
	return -EBADMSG;
}

int
matchers_unpack(struct unpack *u, struct arena *arena, struct matchers *ret)
{
	struct matchers m = {.n = 0};
	size_t n = unpack_u16(u);

	if (u->bad || n > MATCHERS_MAX)
		return -EBADMSG;
	m.v = arena_alloc(arena, n * sizeof(m.v[0]));
	for (; m.n < n; m.n++)
		if (unpack_one(u, arena, &m.v[m.n]) < 0) {
			matchers_done(&m);
			return -EBADMSG;
		}
	*ret = m;
	return 0;
}

void
matchers_done(struct matchers *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++)
		matcher_done(&m->v[i]);
	*m = (struct matchers){.n = 0};
}
