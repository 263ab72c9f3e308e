#include "mail/drop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DROP_FIRST "belfry-drop 1"

/* --- writing ---------------------------------------------------------------- */

static bool
drop_text_ok(const char *text)
{
	size_t len = strlen(text);

	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return len < DROP_LINE_MAX - 32;
}

static int
drop_line(struct buf *out, const char *name, const char *text)
{
	if (!drop_text_ok(text))
		return -EINVAL;
	return buf_printf(out, "%s %s\n", name, text);
}

void
drop_size_text(int64_t size, char ret[static DROP_SIZE_DIGITS + 1])
{
	char text[32];

	snprintf(text, sizeof(text), "%0*" PRId64, DROP_SIZE_DIGITS, size);
	memcpy(ret, text, DROP_SIZE_DIGITS);
	ret[DROP_SIZE_DIGITS] = '\0';
}

int
drop_write(const struct drop_envelope *env, struct buf *out,
	   size_t *ret_size_at)
{
	char digits[DROP_SIZE_DIGITS + 1];
	int r = buf_append_str(out, DROP_FIRST "\n");

	if (r == 0)
		r = drop_line(out, "sender", env->sender);
	if (r == 0 && env->mail_params[0] != '\0')
		r = drop_line(out, "mail-parameters", env->mail_params);
	for (size_t i = 0; i < env->nrcpt && r == 0; i++)
		r = drop_line(out, "recipient", env->rcpt[i]);
	if (r == 0 && env->rcpt_params[0] != '\0')
		r = drop_line(out, "rcpt-parameters", env->rcpt_params);
	if (r == 0)
		r = buf_append_str(out, "size ");
	*ret_size_at = out->len;
	drop_size_text(env->size, digits);
	if (r == 0)
		r = buf_printf(out, "%s\n\n", digits);
	return r;
}

/* --- reading ----------------------------------------------------------------- */

struct drop_reader {
	const char *at, *end;
	struct arena *arena;
	bool more; /* the data end too early */
	const char *why;
};

/* What stands behind NAME and a blank in the next line, in the arena; NULL when
 * the line is another one. */
static const char *
drop_read(struct drop_reader *r, const char *name)
{
	size_t left = (size_t)(r->end - r->at), len, n = strlen(name);
	const char *lf = memchr(r->at, '\n', left), *text;

	if (lf == NULL) {
		r->more = left < DROP_LINE_MAX;
		return NULL;
	}
	len = (size_t)(lf - r->at);
	if (len < n + 1 || len >= DROP_LINE_MAX ||
	    memcmp(r->at, name, n) != 0 || r->at[n] != ' ' ||
	    memchr(r->at, '\0', len) != NULL)
		return NULL;
	text = arena_strndup(r->arena, r->at + n + 1, len - n - 1);
	if (!drop_text_ok(text))
		return NULL;
	r->at = lf + 1;
	return text;
}

static int
drop_wrong(struct drop_reader *r, const char *why)
{
	if (r->more)
		return 0;
	r->why = why;
	return -EINVAL;
}

static int
drop_read_rcpts(struct drop_reader *r, struct drop_envelope *env)
{
	const char **rcpt;
	const char *text;

	rcpt = arena_alloc(r->arena, DROP_RCPT_MAX * sizeof(*rcpt));
	while ((text = drop_read(r, "recipient")) != NULL) {
		if (env->nrcpt == DROP_RCPT_MAX)
			return drop_wrong(r, "too many recipients");
		if (text[0] == '\0')
			return drop_wrong(r, "an empty recipient");
		rcpt[env->nrcpt++] = text;
	}
	env->rcpt = rcpt;
	if (env->nrcpt == 0)
		return drop_wrong(r, "no recipient");
	return 1;
}

static int
drop_read_size(struct drop_reader *r, struct drop_envelope *env)
{
	const char *text = drop_read(r, "size");

	if (text == NULL)
		return drop_wrong(r, "a line that is not known or out of "
				     "order");
	if (strlen(text) != DROP_SIZE_DIGITS ||
	    strspn(text, "0123456789") != DROP_SIZE_DIGITS)
		return drop_wrong(r, "a size that is no number");
	env->size = 0;
	for (; *text != '\0'; text++)
		env->size = env->size * 10 + (*text - '0');
	if (r->at == r->end) {
		r->more = true;
		return 0;
	}
	if (*r->at++ != '\n')
		return drop_wrong(r, "no empty line behind the size");
	return 1;
}

static int
drop_read_all(struct drop_reader *r, struct drop_envelope *env)
{
	const char *text;
	int e;

	text = drop_read(r, "belfry-drop");
	if (text == NULL)
		return drop_wrong(r, "not a file of ours");
	if (strcmp(text, "1") != 0)
		return drop_wrong(r, "a version that is not known");
	env->sender = drop_read(r, "sender");
	if (env->sender == NULL)
		return drop_wrong(r, "no sender");
	text = drop_read(r, "mail-parameters");
	env->mail_params = text != NULL ? text : "";
	if (r->more)
		return 0;
	e = drop_read_rcpts(r, env);
	if (e <= 0)
		return e;
	text = drop_read(r, "rcpt-parameters");
	env->rcpt_params = text != NULL ? text : "";
	return r->more ? 0 : drop_read_size(r, env);
}

int
drop_parse(const char *data, size_t len, struct arena *arena,
	   struct drop_envelope *ret, size_t *ret_len, const char **ret_why)
{
	struct drop_reader r = {data, data + len, arena, false, NULL};
	struct drop_envelope env = {0};
	int e = drop_read_all(&r, &env);

	if (e == 0 && len >= DROP_ENVELOPE_MAX) {
		e = -EINVAL;
		r.why = "the envelope is too large";
	}
	if (e < 0)
		*ret_why = r.why;
	if (e <= 0)
		return e;
	*ret = env;
	*ret_len = (size_t)(r.at - data);
	return 1;
}

/* --- names --------------------------------------------------------------------- */

void
drop_name(const unsigned char random[static DROP_NAME_LEN / 2],
	  char ret[static DROP_NAME_LEN + 1])
{
	for (size_t i = 0; i < DROP_NAME_LEN / 2; i++)
		snprintf(ret + 2 * i, 3, "%02x", random[i]);
}

static bool
drop_begins_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == DROP_NAME_LEN;
}

bool
drop_is_name(const char *name)
{
	return drop_begins_name(name) && name[DROP_NAME_LEN] == '\0';
}

bool
drop_is_tmp(const char *name)
{
	return drop_begins_name(name) &&
	       strcmp(name + DROP_NAME_LEN, DROP_TMP) == 0;
}
