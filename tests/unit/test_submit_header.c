#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/submit_header.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

struct find_row {
	const char *name, *in;
	size_t start, end;
};

static const struct find_row find_rows[] = {
	{"empty", "", 0, 0},
	{"header and body", "A: b\r\n\r\nbody\r\n", 0, 8},
	{"no body", "A: b\r\n", 0, 6},
	{"no header", "body\r\n", 0, 0},
	{"no empty line", "A: b\r\nbody\r\n", 0, 6},
	{"only the empty line", "\r\nbody\r\n", 0, 2},
	{"mbox", "From anna Thu\r\nA: b\r\n\r\nx\r\n", 15, 23},
	{"quoted mbox", ">From anna Thu\r\nA: b\r\n\r\nx\r\n", 16, 24},
	{"mbox alone", "From anna Thu\r\n", 15, 15},
};

static void
test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(find_rows); i++) {
		const struct find_row *row = &find_rows[i];
		size_t start;

		print_message("%s\n", row->name);
		assert_int_equal(
			submit_header_find(row->in, strlen(row->in), &start),
			row->end);
		assert_int_equal(start, row->start);
	}
}

struct row {
	const char *name, *sender, *full_name, *origin, *in;
	const char *out, *rcpts; /* OUT NULL: refused, RCPTS is why */
};

#define FROM "From: a@b\r\n"

static const struct row rows[] = {
	{"From is made", "root@x", "", "x", "To: b@c\r\n",
	 "From: root@x\r\nTo: b@c\r\n\r\n", "b@c"},
	{"with a name", "root@x", "Cron Daemon", "x", "",
	 "From: Cron Daemon <root@x>\r\n\r\n", ""},
	{"quoted name", "r@x", "A. \"B\" C", "x", "",
	 "From: \"A. \\\"B\\\" C\" <r@x>\r\n\r\n", ""},
	{"encoded name", "r@x", "J\xc3\xbcrgen", "x", "",
	 "From: =?UTF-8?B?SsO8cmdlbg==?= <r@x>\r\n\r\n", ""},
	{"long encoded name", "r@x",
	 "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
	 "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
	 "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc",
	 "x", "",
	 "From: =?UTF-8?B?w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zDvMO8w7zD"
	 "vMO8w7w=?=\r\n =?UTF-8?B?w7zDvA==?= <r@x>\r\n\r\n",
	 ""},
	{"no field out of a name", "r@x", "A\r\nBcc: b@c", "x", "",
	 "From: =?UTF-8?B?QQ0KQmNjOiBiQGM=?= <r@x>\r\n\r\n", ""},
	{"the null sender", "", "", "x", "", "From: MAILER-DAEMON@x\r\n\r\n",
	 ""},
	{"From stays", "root@x", "", "x", FROM, FROM "\r\n", ""},
	{"all of To, Cc, Bcc", "", "", "x",
	 FROM "To: a@b, Ben <b@c>\r\nCc: c@d\r\nBcc: d@e\r\nSubject: s\r\n",
	 FROM "To: a@b, Ben <b@c>\r\nCc: c@d\r\nSubject: s\r\n\r\n",
	 "a@b|b@c|c@d|d@e"},
	{"Bcc goes, folded", "", "", "x",
	 FROM "bcc:\r\n d@e,\r\n f@g\r\nTo: x@y\r\n", FROM "To: x@y\r\n\r\n",
	 "d@e|f@g|x@y"},
	{"Return-Path goes", "", "", "x", "Return-Path: <a@b>\r\n" FROM,
	 FROM "\r\n", ""},
	{"bare ones get a domain", "", "", "x.org",
	 "From: root (Cron)\r\nTo: anna, Ben <ben>,\r\n c@d\r\n",
	 "From: root@x.org (Cron)\r\nTo: anna@x.org, Ben <ben@x.org>,\r\n "
	 "c@d\r\n\r\n",
	 "anna@x.org|ben@x.org|c@d"},
	{"no origin", "", "", "", "From: root\r\nTo: anna\r\n",
	 "From: root\r\nTo: anna\r\n\r\n", "anna"},
	{"Reply-To gets one too", "", "", "x", FROM "Reply-To: me\r\n",
	 FROM "Reply-To: me@x\r\n\r\n", ""},
	{"what is only shown may be wrong", "", "", "x",
	 FROM "Reply-To: me, not an address\r\n",
	 FROM "Reply-To: me@x, not an address\r\n\r\n", ""},
	{"Resent", "", "", "x",
	 "Resent-From: r@s\r\nResent-To: t@u\r\nResent-Bcc: v@w\r\n" FROM
	 "To: b@c\r\nBcc: d@e\r\n",
	 "Resent-From: r@s\r\nResent-To: t@u\r\n" FROM "To: b@c\r\n\r\n",
	 "t@u|v@w"},
	{"Resent, the topmost block", "", "", "x",
	 "Resent-From: r@s\r\nResent-To: t@u\r\nResent-From: q@s\r\n"
	 "Resent-To: old@u\r\n" FROM,
	 "Resent-From: r@s\r\nResent-To: t@u\r\nResent-From: q@s\r\n"
	 "Resent-To: old@u\r\n" FROM "\r\n",
	 "t@u"},
	{"Resent, blocks with a field between", "", "", "x",
	 "Resent-From: r@s\r\nResent-To: t@u\r\nReceived: x\r\n"
	 "Resent-Cc: old@u\r\n" FROM,
	 "Resent-From: r@s\r\nResent-To: t@u\r\nReceived: x\r\n"
	 "Resent-Cc: old@u\r\n" FROM "\r\n",
	 "t@u"},
	{"Resent-From is made", "me@x", "", "x", "Resent-To: t@u\r\n" FROM,
	 "Resent-From: me@x\r\nResent-To: t@u\r\n" FROM "\r\n", "t@u"},
	{"To is wrong", "", "", "x", FROM "To: a@b, Anna Smith\r\n", NULL,
	 "To: words that are no address"},
	{"a recipient is wrong", "", "", "x", FROM "Cc: a..b@c\r\n", NULL,
	 "Cc: a..b@c: a dot begins, ends or doubles in the part before the @"},
	{"no CR gets into an address", "", "", "x",
	 FROM "To: \"a\r\n b\"@c\r\n", NULL,
	 "To: \"a\r\n b\"@c: control characters have no place in an address"},
};

static void
join(const struct submit_rcpts *rcpts, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < rcpts->n && n < size; i++)
		n += (size_t)snprintf(ret + n, size - n, "%s%s",
				      n > 0 ? "|" : "", rcpts->v[i]);
}

static void
check(const struct row *row, bool gather)
{
	const struct submit_who who = {row->sender, row->full_name,
				       row->origin};
	struct submit_rcpts *rcpts = calloc(1, sizeof(*rcpts));
	size_t len = strlen(row->in);
	char *in = malloc(len + 1), found[256];
	const char *why = NULL;
	struct arena arena;
	struct buf out;
	int r;

	memcpy(in, row->in, len);
	in = realloc(in, len > 0 ? len : 1);
	arena_init(&arena);
	buf_init(&out, 4096);
	r = submit_header_compose(in, len, &who, &arena, gather ? rcpts : NULL,
				  &out, &why);
	if (row->out == NULL && gather) {
		assert_int_equal(r, -EINVAL);
		assert_string_equal(why, row->rcpts);
	} else {
		assert_int_equal(r, 0);
		if (row->out != NULL)
			assert_string_equal(buf_str(&out), row->out);
		join(rcpts, found, sizeof(found));
		assert_string_equal(found, gather ? row->rcpts : "");
	}
	buf_done(&out);
	arena_done(&arena);
	free(rcpts);
	free(in);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].name);
		check(&rows[i], true);
		check(&rows[i], false);
	}
}

static void
test_limits(void **state)
{
	static const struct submit_who who = {"a@b", "", "x"};
	struct submit_rcpts *rcpts = calloc(1, sizeof(*rcpts));
	const char *why = NULL;
	struct arena arena;
	struct buf in, out;

	(void)state;
	arena_init(&arena);
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_append_str(&in, "To: a@b");
	for (int i = 0; i < SUBMIT_RCPT_MAX; i++)
		buf_printf(&in, ",\r\n a%d@b", i);
	buf_append_str(&in, "\r\n");
	assert_int_equal(submit_header_compose(in.data, in.len, &who, &arena,
					       rcpts, &out, &why),
			 -E2BIG);
	buf_done(&out);
	buf_init(&out, 100);
	assert_int_equal(submit_header_compose(in.data, in.len, &who, &arena,
					       NULL, &out, &why),
			 -EMSGSIZE);
	buf_done(&out);
	buf_done(&in);
	arena_done(&arena);
	free(rcpts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
