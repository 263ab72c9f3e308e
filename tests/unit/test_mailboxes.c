#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/mailboxes.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

/* What is found, joined by "|"; a bare one with "!" behind it, and "?" at the end
 * when another address stands where a name does. Then why the rest is not
 * understood, or NULL. */
struct row {
	const char *name, *in, *found, *why;
};

static const struct row rows[] = {
	{"nothing", "", "", NULL},
	{"blanks", " \r\n\t ", "", NULL},
	{"one", "anna@example.org", "anna@example.org", NULL},
	{"two", " a@b , c@d ", "a@b|c@d", NULL},
	{"in angles", "Anna <anna@example.org>", "anna@example.org", NULL},
	{"only angles", "<a@b>", "a@b", NULL},
	{"folded", "Anna\r\n <a@b>,\r\n\tc@d", "a@b|c@d", NULL},
	{"quoted name", "\"Ben, the \\\"other\\\" <x@y>\" <a@b>", "a@b", NULL},
	{"quoted local part", "\"a b\"@c", "\"a b\"@c", NULL},
	{"quoted at", "\"a@b\"", "\"a@b\"!", NULL},
	{"comments", "(a, b) a@b (c (d) \\) e), (f) c@d", "a@b|c@d", NULL},
	{"comment inside", "a(x)@(y)b", "a@b", NULL},
	{"blanks around at and dot", "a . b @ c . d", "a.b@c.d", NULL},
	{"empty entries", ",, a@b,, c@d,", "a@b|c@d", NULL},
	{"semicolons", "a@b; c@d;", "a@b|c@d", NULL},
	{"group", "friends: a@b, Carl <c@d>; e@f", "a@b|c@d|e@f", NULL},
	{"empty group", "undisclosed-recipients:;", "", NULL},
	{"route", "<@x,@y:a@b>, c@d", "a@b|c@d", NULL},
	{"literal", "a@[192.0.2.1], b@[IPv6:2001:db8::1]",
	 "a@[192.0.2.1]|b@[IPv6:2001:db8::1]", NULL},
	{"bare", "root, Anna <anna>", "root!|anna!", NULL},
	{"encoded word", "=?utf-8?q?J=C3=BCrgen?= <j@x>", "j@x", NULL},
	{"8-bit name", "J\xc3\xbcrgen <j@x>", "j@x", NULL},
	{"words", "a@b, Anna Smith", "a@b", "words that are no address"},
	{"two in a row", "a@b c@d", "", "words that are no address"},
	{"no comma", "<a@b> <c@d>", "",
	 "a comma between two addresses is missing"},
	{"text behind", "<a@b> x", "", "something follows the > of an address"},
	{"colon behind", "<a@b>: c@d", "", "a : follows an address"},
	{"open angle", "<a@b", "", "the > of an address is missing"},
	{"open angle, comma", "a@b, <c@d, e@f", "a@b",
	 "the > of an address is missing"},
	{"closing angle", "a@b>", "", "a > without its <"},
	{"empty angles", "<>", "", "an address is empty"},
	{"open quote", "\"a@b", "", "a closing quote is missing"},
	{"open comment", "a@b (x", "", "the ) of a comment is missing"},
	{"open literal", "a@[1.2", "", "a ] is missing"},
	{"its own name", "a@b <A@B>", "A@B", NULL},
	{"named as another", "c@d <a@b>", "a@b?", NULL},
	{"and more words", "a@b Anna <a@b>", "a@b?", NULL},
	{"group named as one", "c@d: a@b;", "a@b?", NULL},
	{"empty group named as one", "a@b, c@d:;", "a@b?", NULL},
	{"both names", "a@b: c@d <a@b>;", "a@b?", NULL},
	{"no route", "<c@d:a@b>", "a@b?", NULL},
};

static void
check(const struct row *row)
{
	size_t len = strlen(row->in), at = 0;
	char *in = malloc(len > 0 ? len : 1), found[256] = "";
	const char *why = NULL;
	struct mailboxes m;
	struct mailbox box;
	struct arena arena;
	int r;

	memcpy(in, row->in, len);
	arena_init(&arena);
	mailboxes_init(&m, in, len);
	while ((r = mailboxes_next(&m, &arena, &box, &why)) == 1) {
		size_t n = strlen(found);

		snprintf(found + n, sizeof(found) - n, "%s%s%s",
			 n > 0 ? "|" : "", box.text, box.bare ? "!" : "");
		assert_true(box.end > at && box.end <= len);
		assert_int_equal(in[box.end - 1],
				 box.text[strlen(box.text) - 1]);
		at = box.end;
	}
	if (m.odd)
		snprintf(found + strlen(found), 2, "?");
	assert_string_equal(found, row->found);
	assert_int_equal(r, row->why != NULL ? -EINVAL : 0);
	if (row->why != NULL)
		assert_string_equal(why, row->why);
	assert_int_equal(mailboxes_next(&m, &arena, &box, &why), 0);
	arena_done(&arena);
	free(in);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].name);
		check(&rows[i]);
	}
}

static void
test_too_long(void **state)
{
	char in[3000];
	const char *why = NULL;
	struct mailboxes m;
	struct mailbox box;
	struct arena arena;

	(void)state;
	memset(in, 'a', sizeof(in));
	arena_init(&arena);
	mailboxes_init(&m, in, sizeof(in));
	assert_int_equal(mailboxes_next(&m, &arena, &box, &why), -EINVAL);
	assert_string_equal(why, "an address is too long");
	arena_done(&arena);
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
