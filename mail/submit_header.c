#include "mail/submit_header.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "mail/address.h"
#include "mail/encoded_word.h"
#include "mail/header.h"
#include "mail/mailboxes.h"

enum field_kind {
	FIELD_OTHER,
	FIELD_DROPPED,
	FIELD_ADDRESSES,
	FIELD_RCPTS, /* and they are recipients */
	FIELD_BCC,   /* likewise, and dropped */
};

/* Names and what is done with them; the resent ones are the same behind
 * "Resent-". */
static const struct {
	const char *name;
	enum field_kind kind;
} field_kinds[] = {
	{"From", FIELD_ADDRESSES},     {"Sender", FIELD_ADDRESSES},
	{"Reply-To", FIELD_ADDRESSES}, {"To", FIELD_RCPTS},
	{"Cc", FIELD_RCPTS},           {"Bcc", FIELD_BCC},
};

#define RESENT     "Resent-"
#define RESENT_LEN (sizeof(RESENT) - 1)

struct compose {
	const struct submit_who *who;
	struct arena *arena;
	struct submit_rcpts *rcpts; /* NULL: they don't count */
	struct buf *out;
	const char *why;
	bool resent;   /* there is a Resent- field */
	bool in_block; /* of the topmost Resent- fields */
	bool block_over;
	unsigned block_has; /* bits of field_kinds seen in the block */
	bool has_from;      /* From; Resent-From in the block */
	bool has_resent_from;
};

static int
compose_why(struct compose *c, const struct header_field *f, const char *text,
	    const char *why)
{
	c->why = arena_printf(c->arena, "%.*s: %s%s%s", (int)f->name_len,
			      f->name, text, text[0] != '\0' ? ": " : "", why);
	return -EINVAL;
}

const char *
submit_address(const char *text, const char *origin, struct arena *arena,
	       const char **ret_why)
{
	const char *full = text;
	struct address address;
	bool bare = strrchr(text, '@') == NULL;

	if (bare && text[0] != '\0')
		full = arena_printf(arena, "%s@%s", text,
				    origin[0] != '\0' ? origin : "origin");
	if (address_parse(full, arena, &address, ret_why) < 0)
		return NULL;
	/* Whoever knows the origin completes it. */
	if (bare && origin[0] == '\0')
		return address.local;
	return address_text(&address, arena);
}

/* --- which field it is ------------------------------------------------------ */

static bool
field_is_resent(const struct header_field *f)
{
	return f->name_len > RESENT_LEN &&
	       strncasecmp(f->name, RESENT, RESENT_LEN) == 0;
}

/* Its place in field_kinds, or -1. */
static int
field_index(const struct header_field *f)
{
	size_t skip = field_is_resent(f) ? RESENT_LEN : 0;

	for (size_t i = 0; i < sizeof(field_kinds) / sizeof(*field_kinds); i++)
		if (strlen(field_kinds[i].name) == f->name_len - skip &&
		    strncasecmp(field_kinds[i].name, f->name + skip,
				f->name_len - skip) == 0)
			return (int)i;
	return -1;
}

static enum field_kind
field_kind(const struct header_field *f)
{
	int i = field_index(f);

	if (header_is(f, "Return-Path"))
		return FIELD_DROPPED;
	return i < 0 ? FIELD_OTHER : field_kinds[i].kind;
}

/* Keep track of the topmost block: a field of another sort ends it, and so does
 * one that it has already. */
static void
compose_block(struct compose *c, const struct header_field *f)
{
	int i = field_index(f);
	unsigned bit = i >= 0 ? 1u << i : 0;

	if (!field_is_resent(f) || (c->block_has & bit) != 0) {
		c->block_over = c->block_over || c->in_block;
		c->in_block = false;
		return;
	}
	c->in_block = !c->block_over;
	c->block_has |= bit;
}

/* Do the recipients in F count? */
static bool
compose_counts(const struct compose *c, const struct header_field *f)
{
	if (c->rcpts == NULL)
		return false;
	return c->resent ? c->in_block : !field_is_resent(f);
}

/* --- one field --------------------------------------------------------------- */

static int
compose_rcpt(struct compose *c, const struct header_field *f, const char *text)
{
	const char *why = NULL, *address;

	address = submit_address(text, c->who->origin, c->arena, &why);
	if (address == NULL)
		return compose_why(c, f, text, why);
	if (c->rcpts->n == SUBMIT_RCPT_MAX)
		return -E2BIG;
	c->rcpts->v[c->rcpts->n++] = address;
	return 0;
}

/* Every address of F; those without a domain get one in the copy. A field that
 * only stands there is copied as it is from where it is not understood. */
static int
compose_addresses(struct compose *c, const struct header_field *f, bool counts,
		  bool keep)
{
	const char *start = f->name, *value = f->value, *why = NULL;
	struct mailboxes list;
	struct mailbox box;
	int r, e = 0;

	mailboxes_init(&list, value, f->value_len);
	while ((r = mailboxes_next(&list, c->arena, &box, &why)) == 1 &&
	       e == 0) {
		if (counts)
			e = compose_rcpt(c, f, box.text);
		if (e < 0 || !keep || !box.bare || c->who->origin[0] == '\0')
			continue;
		e = buf_append(c->out, start,
			       (size_t)(value + box.end - start));
		if (e == 0)
			e = buf_printf(c->out, "@%s", c->who->origin);
		start = value + box.end;
	}
	if (r < 0 && counts)
		e = compose_why(c, f, "", why);
	if (e == 0 && keep)
		e = buf_append(c->out, start,
			       (size_t)(f->name + f->raw_len - start));
	return e;
}

static int
compose_field(struct compose *c, const struct header_field *f)
{
	switch (field_kind(f)) {
	case FIELD_DROPPED:
		return 0;
	case FIELD_ADDRESSES:
		return compose_addresses(c, f, false, true);
	case FIELD_RCPTS:
		return compose_addresses(c, f, compose_counts(c, f), true);
	case FIELD_BCC:
		return compose_addresses(c, f, compose_counts(c, f), false);
	case FIELD_OTHER:
		break;
	}
	return buf_append(c->out, f->name, f->raw_len);
}

/* --- From --------------------------------------------------------------------- */

/* Bounces come from <>, but people must see somebody. */
static int
compose_from(struct compose *c, const char *name)
{
	const struct submit_who *who = c->who;
	int r = buf_printf(c->out, "%s: ", name);

	if (r == 0 && who->sender[0] == '\0')
		return buf_printf(c->out, "MAILER-DAEMON%s%s\r\n",
				  who->origin[0] != '\0' ? "@" : "",
				  who->origin);
	if (r < 0 || who->full_name[0] == '\0')
		return r < 0 ? r : buf_printf(c->out, "%s\r\n", who->sender);
	r = encoded_word_phrase(who->full_name, c->out);
	return r < 0 ? r : buf_printf(c->out, " <%s>\r\n", who->sender);
}

/* --- the whole ------------------------------------------------------------------ */

size_t
submit_header_find(const char *data, size_t len, size_t *ret_start)
{
	size_t start = 0, scanned = 0, end = 0;
	const char *lf = NULL;

	if ((len >= 5 && memcmp(data, "From ", 5) == 0) ||
	    (len >= 6 && memcmp(data, ">From ", 6) == 0))
		lf = memchr(data, '\n', len);
	if (lf != NULL)
		start = (size_t)(lf - data) + 1;
	*ret_start = start;
	if (header_end(data + start, len - start, &scanned, &end) == 0)
		return len;
	return start + end;
}

static void
compose_look(struct compose *c, const char *header, size_t len)
{
	struct header_field f;

	for (size_t at = 0; header_next(header + at, len - at, &f) == 1;
	     at += f.raw_len) {
		compose_block(c, &f);
		c->resent = c->resent || field_is_resent(&f);
		c->has_from = c->has_from || header_is(&f, "From");
		c->has_resent_from =
			c->has_resent_from ||
			(c->in_block && header_is(&f, RESENT "From"));
	}
	c->in_block = c->block_over = false;
	c->block_has = 0;
}

int
submit_header_compose(const char *header, size_t len,
		      const struct submit_who *who, struct arena *arena,
		      struct submit_rcpts *rcpts, struct buf *out,
		      const char **ret_why)
{
	struct compose c = {
		.who = who,
		.arena = arena,
		.rcpts = rcpts,
		.out = out,
	};
	struct header_field f;
	int r = 0;

	compose_look(&c, header, len);
	if (c.resent && !c.has_resent_from)
		r = compose_from(&c, RESENT "From");
	if (r == 0 && !c.has_from)
		r = compose_from(&c, "From");
	for (size_t at = 0;
	     r == 0 && header_next(header + at, len - at, &f) == 1;
	     at += f.raw_len) {
		compose_block(&c, &f);
		r = compose_field(&c, &f);
	}
	if (r == 0)
		r = buf_append_str(out, "\r\n");
	if (r == -EINVAL)
		*ret_why = c.why;
	return r;
}
