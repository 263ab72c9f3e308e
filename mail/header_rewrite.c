#include "mail/header_rewrite.h"

#include <string.h>
#include <strings.h>

#include "mail/header.h"
#include "mail/mailboxes.h"

struct hr {
	header_rewrite_fn *fn;
	void *arg;
	const char *copied; /* so far all of the header is in OUT */
	struct buf *out;
	struct arena arena;
	int result;
};

#define HR_RESENT "Resent-"

/* The kind of F; false: it names no mailboxes. */
static bool
hr_kind(const struct header_field *f, enum header_mailbox *ret)
{
	static const struct {
		const char *name;
		enum header_mailbox kind;
	} kinds[] = {
		{"From", HEADER_FROM}, {"Sender", HEADER_SENDER},
		{"To", HEADER_OTHER},  {"Cc", HEADER_OTHER},
		{"Bcc", HEADER_OTHER}, {"Reply-To", HEADER_OTHER},
	};
	const size_t resent = sizeof(HR_RESENT) - 1;
	const char *name = f->name;
	size_t len = f->name_len;
	bool again = len > resent && strncasecmp(name, HR_RESENT, resent) == 0;

	if (again) {
		name += resent;
		len -= resent;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len &&
		    strncasecmp(kinds[i].name, name, len) == 0) {
			*ret = again ? HEADER_OTHER : kinds[i].kind;
			return true;
		}
	return false;
}

static void
hr_put(struct hr *hr, const char *data, size_t len)
{
	if (hr->result >= 0)
		hr->result = buf_append(hr->out, data, len);
}

static void
hr_field(struct hr *hr, const struct header_field *f, enum header_mailbox kind)
{
	struct mailboxes m;
	struct mailbox box;
	const char *why, *with;

	mailboxes_init(&m, f->value, f->value_len);
	while (mailboxes_next(&m, &hr->arena, &box, &why) == 1) {
		with = hr->fn(hr->arg, kind, box.text, box.bare, &hr->arena);
		if (with == NULL)
			continue;
		hr_put(hr, hr->copied,
		       (size_t)(f->value + box.start - hr->copied));
		hr_put(hr, with, strlen(with));
		hr->copied = f->value + box.end;
	}
}

int
header_rewrite(const char *header, size_t len, header_rewrite_fn *fn, void *arg,
	       struct buf *out)
{
	struct hr hr = {.fn = fn, .arg = arg, .copied = header, .out = out};
	const char *end = header + len, *at = header;
	enum header_mailbox kind;
	struct header_field f;

	arena_init(&hr.arena);
	while (header_next(at, (size_t)(end - at), &f) == 1) {
		if (hr_kind(&f, &kind))
			hr_field(&hr, &f, kind);
		at += f.raw_len;
	}
	arena_done(&hr.arena);
	if (hr.copied == header)
		return 0;
	hr_put(&hr, hr.copied, (size_t)(end - hr.copied));
	return hr.result < 0 ? hr.result : 1;
}
