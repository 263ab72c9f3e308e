#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "mail/header_rewrite.h"

/* Every address of example.org becomes "new@b.example", every bare one gets
 * "@c.example"; the kind of the field stands in front. */
static const char *
map(void *arg, enum header_mailbox field, const char *text, bool bare,
    struct arena *arena)
{
	static const char *const kind[] = {[HEADER_FROM] = "f",
					   [HEADER_SENDER] = "s",
					   [HEADER_OTHER] = "o"};

	(*(size_t *)arg)++;
	if (bare)
		return arena_printf(arena, "%s@c.example", text);
	if (strstr(text, "@example.org") == NULL)
		return NULL;
	return arena_printf(arena, "%s@b.example", kind[field]);
}

/* GIVES NULL: nothing changes. SEEN addresses are asked for. */
static const struct {
	const char *name, *header, *gives;
	size_t seen;
} rows[] = {
	{"nothing there", "Subject: a@example.org\r\n\r\n", NULL, 0},
	{"nothing to change", "From: a@x.example\r\n\r\n", NULL, 1},
	{"plain", "From: a@example.org\r\n\r\n", "From: f@b.example\r\n\r\n",
	 1},
	{"names in any case", "FROM: a@example.org\r\nsender:b@example.org\r\n",
	 "FROM: f@b.example\r\nsender:s@b.example\r\n", 2},
	{"a blank before the colon", "From : a@example.org\r\n",
	 "From : f@b.example\r\n", 1},
	{"brackets", "From: \"A\" <a@example.org> (a)\r\n",
	 "From: \"A\" <f@b.example> (a)\r\n", 1},
	{"route", "From: <@x,@y:a@example.org>\r\n",
	 "From: <@x,@y:f@b.example>\r\n", 1},
	{"comments inside it go", "From: a(b) @ (c) example.org (d)\r\n",
	 "From: f@b.example (d)\r\n", 1},
	{"quoted", "From: \"a <b@example.org>\" <\"a b\"@example.org>\r\n",
	 "From: \"a <b@example.org>\" <f@b.example>\r\n", 1},
	{"folded", "From: A\r\n <a@example.org>,\r\n\tb@x.example\r\nTo: c\r\n",
	 "From: A\r\n <f@b.example>,\r\n\tb@x.example\r\nTo: c@c.example\r\n",
	 3},
	{"group", "To: g: a, b@x.example;, c@example.org\r\n",
	 "To: g: a@c.example, b@x.example;, o@b.example\r\n", 3},
	{"all that name mailboxes",
	 "To: a\r\nCc: b\r\nBcc: c\r\nReply-To: d\r\nResent-To: e\r\n"
	 "Resent-Cc: f\r\nResent-Bcc: g\r\nResent-Reply-To: h\r\n",
	 "To: a@c.example\r\nCc: b@c.example\r\nBcc: c@c.example\r\nReply-To: "
	 "d@c.example\r\nResent-To: e@c.example\r\nResent-Cc: f@c.example\r\n"
	 "Resent-Bcc: g@c.example\r\nResent-Reply-To: h@c.example\r\n",
	 8},
	{"resent is another matter",
	 "Resent-From: a@example.org\r\nResent-Sender: b@example.org\r\n",
	 "Resent-From: o@b.example\r\nResent-Sender: o@b.example\r\n", 2},
	{"looks so, and is not",
	 "Fro: a@example.org\r\nFromm: a@example.org\r\nX-From: "
	 "a@example.org\r\nResent-: a@example.org\r\n",
	 NULL, 0},
	{"until it is no list", "From: a@example.org, b c d, e@example.org\r\n",
	 "From: f@b.example, b c d, e@example.org\r\n", 1},
	{"nobody", "To: undisclosed-recipients:;\r\nFrom: <>\r\nCc:\r\n", NULL,
	 0},
	{"twice", "From: a@example.org\r\nFrom: b@example.org\r\n",
	 "From: f@b.example\r\nFrom: f@b.example\r\n", 2},
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *want = rows[i].gives;
		struct buf out;
		size_t seen = 0;
		int r;

		buf_init(&out, 4096);
		r = header_rewrite(rows[i].header, strlen(rows[i].header), map,
				   &seen, &out);
		if (r != (want != NULL) ||
		    strcmp(buf_str(&out), want != NULL ? want : "") != 0 ||
		    seen != rows[i].seen)
			fail_msg("%s: %d, %zu seen\n%s", rows[i].name, r, seen,
				 buf_str(&out));
		buf_done(&out);
	}
}

static void
test_too_long(void **state)
{
	static const char header[] = "From: a@example.org\r\n\r\n";
	struct buf out;
	size_t seen;

	(void)state;
	for (size_t max = 0; max < strlen("From: f@b.example\r\n\r\n"); max++) {
		buf_init(&out, max);
		assert_int_equal(header_rewrite(header, sizeof(header) - 1, map,
						&seen, &out),
				 -EMSGSIZE);
		buf_done(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
