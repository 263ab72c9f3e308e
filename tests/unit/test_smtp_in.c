#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/proto/backend.h"

static const char transaction[] = "EHLO c.example.org\r\n";
#define ENVELOPE                                                               \
	"MAIL FROM:<a@example.org>\r\n"                                        \
	"RCPT TO:<b@example.net>\r\n"
static const char envelope[] = ENVELOPE "DATA\r\n";

static void
say(struct backend *b, const char *text)
{
	backend_feed(b, text, strlen(text));
}

static bool
said(struct backend *b, const char *text)
{
	bool yes = strstr(buf_str(&b->out), text) != NULL;

	buf_clear(&b->out);
	return yes;
}

static void
begin(struct backend *b)
{
	backend_init(b);
	backend_start(b);
	say(b, transaction);
}

/* --- the end from outside, in every state ------------------------------------ */

static const struct end_row {
	const char *name, *before;
	enum smtp_in_state state;
	size_t abandoned;
} end_rows[] = {
	{"ready", "", SMTP_IN_READY, 0},
	{"mail", "MAIL FROM:<>\r\n", SMTP_IN_MAIL, 0},
	{"header", envelope, SMTP_IN_HEADER, 1},
	{"refused", NULL, SMTP_IN_REFUSED, 1},
	{"body", NULL, SMTP_IN_BODY, 1},
	{"in a chunk", ENVELOPE "BDAT 9 LAST\r\nabc", SMTP_IN_HEADER, 1},
	{"in a refused chunk", ENVELOPE "BDAT 9 LAST\r\na\n", SMTP_IN_REFUSED,
	 1},
	{"between chunks", ENVELOPE "BDAT 3\r\na\r\n", SMTP_IN_CHUNKS, 1},
	{"between refused chunks", ENVELOPE "BDAT 3\r\na\n\n", SMTP_IN_CHUNKS,
	 1},
};

/* What of the data leads there. */
static const char *const end_data[] = {
	[SMTP_IN_BODY] = "Subject: x\r\n\r\ny\r\n",
	[SMTP_IN_REFUSED] = "Subject: x\n",
};

static void
ends_in_every_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(end_rows) / sizeof(end_rows[0]); i++) {
		const struct end_row *row = &end_rows[i];
		struct backend b;

		print_message("  %s\n", row->name);
		begin(&b);
		say(&b, row->before != NULL ? row->before : envelope);
		if (row->before == NULL)
			say(&b, end_data[row->state]);
		assert_int_equal(b.si.state, row->state);
		buf_clear(&b.out);
		smtp_in_end(&b.si, SMTP_IN_NO_SHUTDOWN);
		assert_int_equal(b.si.state, SMTP_IN_CLOSED);
		assert_true(said(&b, "421 4.3.2 "));
		smtp_in_end(&b.si, SMTP_IN_NO_TIME);
		assert_int_equal(b.out.len, 0);
		smtp_in_done(&b.si);
		assert_int_equal(b.nabandoned, row->abandoned);
		b.si.calls = NULL;
		backend_done(&b);
	}
}

/* While a commit is under way nothing is said and nothing is taken. */
static void
waits_for_the_commit(void **state)
{
	static const char rest[] = "Subject: x\r\n\r\ny\r\n.\r\nNOOP\r\n";
	struct backend b;
	size_t used;

	(void)state;
	begin(&b);
	say(&b, envelope);
	buf_clear(&b.out);
	used = smtp_in_feed(&b.si, rest, sizeof(rest) - 1);
	assert_int_equal(used, sizeof(rest) - 1 - strlen("NOOP\r\n"));
	assert_int_equal(b.si.state, SMTP_IN_COMMIT);
	assert_int_equal(b.out.len, 0);
	assert_false(smtp_in_wants_input(&b.si));
	assert_int_equal(smtp_in_feed(&b.si, "QUIT\r\n", 6), 0);
	smtp_in_end(&b.si, SMTP_IN_NO_SHUTDOWN);
	assert_int_equal(b.si.state, SMTP_IN_COMMIT);
	/* the backend settles it with the next bytes */
	backend_feed(&b, "NOOP\r\n", 6);
	assert_int_equal(b.nmessages, 1);
	assert_true(said(&b, "250 2.0.0 queued as "));
	backend_done(&b);
}

/* What is being sent is taken to its end, and nothing behind it. */
static void
finishes_the_message(void **state)
{
	static const struct {
		const char *name, *first, *rest, *says;
		int messages;
	} row[] = {
		{"in the header", "Subject: x\r\n", "\r\ny\r\n.\r\n",
		 "250 2.0.0 queued as ", 1},
		{"in the body", "Subject: x\r\n\r\ny\r\n", "z\r\n.\r\n",
		 "250 2.0.0 queued as ", 1},
		{"what is refused", "Subject: x\r\n\r\ny\rz\r\n", ".\r\n",
		 "554 5.6.0 ", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct backend b;

		print_message("  %s\n", row[i].name);
		begin(&b);
		say(&b, envelope);
		say(&b, row[i].first);
		buf_clear(&b.out);
		smtp_in_finish(&b.si, SMTP_IN_NO_SHUTDOWN);
		assert_true(smtp_in_in_data(&b.si));
		assert_int_equal(b.out.len, 0);
		say(&b, row[i].rest);
		say(&b, "MAIL FROM:<a@example.org>\r\n");
		assert_int_equal(b.si.state, SMTP_IN_CLOSED);
		assert_int_equal(b.nmessages, row[i].messages);
		assert_int_equal(strncmp(buf_str(&b.out), row[i].says,
					 strlen(row[i].says)),
				 0);
		assert_non_null(strstr(buf_str(&b.out), "\r\n421 4.3.2 "));
		assert_null(strstr(buf_str(&b.out), "sender ok"));
		backend_done(&b);
	}
}

/* A line that never ends costs no memory, whatever the pieces. */
static void
takes_no_endless_line(void **state)
{
	char piece[1000];
	struct backend b;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	begin(&b);
	for (int i = 0; i < 1000; i++)
		backend_feed(&b, piece, sizeof(piece)); /* it bounds b.in */
	buf_clear(&b.out);
	say(&b, "\r\nNOOP\r\n");
	assert_int_equal(b.last_no, SMTP_IN_NO_LONG);
	assert_int_equal(b.nrefused, 1);
	assert_true(said(&b, "250 2.0.0 ok"));
	backend_done(&b);
}

/* One long folded field of LEN bytes, without its last LF. */
static char *
long_field(size_t len)
{
	char *field = malloc(len);

	assert_non_null(field);
	memset(field, 'x', len);
	memcpy(field, "X: ", 3);
	for (size_t at = 100; at + 100 < len; at += 100)
		memcpy(field + at, "\r\n ", 3);
	field[len - 1] = '\r';
	return field;
}

/* A header that goes on at its limit is refused, in whatever pieces it comes:
 * none of them is left out. */
static void
refuses_a_header_above_its_limit(void **state)
{
	static const struct {
		const char *name;
		size_t below, next;
	} row[] = {
		{"the largest piece at the limit", 0, 16384},
		{"and one byte below", 1, 16384},
		{"a small piece at the limit", 0, 4},
		{"a piece across the limit", 8000, 16384},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct backend b;
		char *first, *next;
		size_t len;

		print_message("  %s\n", row[i].name);
		begin(&b);
		say(&b, envelope);
		/* The last CR is kept back until it is known what follows. */
		len = (size_t)b.limits.header_size - row[i].below + 1;
		first = long_field(len);
		next = long_field(row[i].next);
		memcpy(next, "\n ", 2);
		memcpy(next + row[i].next - 2, "\r\n", 2);
		backend_feed(&b, first, len);
		assert_int_equal(b.si.state, SMTP_IN_HEADER);
		backend_feed(&b, next, row[i].next);
		buf_clear(&b.out);
		say(&b, ".\r\n");
		assert_true(said(&b, "552 5.3.4 header too big"));
		assert_int_equal(b.nmessages, 0);
		free(first);
		free(next);
		backend_done(&b);
	}
}

/* Refused recipients and idle commands keep nothing in the transaction. */
static void
keeps_no_refused_recipient(void **state)
{
	struct backend b;

	(void)state;
	begin(&b);
	say(&b, "MAIL FROM:<a@example.org>\r\n");
	say(&b, "RCPT TO:<b@nowhere.example>\r\n");
	for (int i = 0; i < 10000; i++) {
		const void *blocks = b.si.arena.blocks;

		say(&b, "RCPT TO:<b@nowhere.example>\r\nNOOP x\r\n");
		assert_ptr_equal(b.si.arena.blocks, blocks);
	}
	assert_int_equal(b.si.nrcpt, 0);
	backend_done(&b);
}

/* Flows: a client's are told apart by the sender's domain, a uid's are one. */
/* What came with an AUTH is said to be a secret, the rest is not. */
static void
secrets_are_said(void **state)
{
	static const struct {
		const char *line;
		bool secret;
	} row[] = {
		{"EHLO c.example.org\r\n", false},
		{"AUTH PLAIN AGFubmEAcGVuY2ls\r\n", true},
		{"AUTH PLAIN !\r\n", true},
		{"NOOP\r\n", false},
	};
	struct backend b;

	(void)state;
	begin(&b);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s", row[i].line);
		b.si.secret = false;
		smtp_in_feed(&b.si, row[i].line, strlen(row[i].line));
		assert_int_equal(b.si.secret, row[i].secret);
	}
	backend_done(&b);
}

static uint32_t
flow_of(struct backend *b, const char *mail)
{
	say(b, mail);
	say(b, "RCPT TO:<b@example.net>\r\nDATA\r\n");
	say(b, ".\r\n");
	assert_true(b->nmessages > 0);
	return b->messages[b->nmessages - 1].flow;
}

static void
names_flows(void **state)
{
	struct backend b, s;

	(void)state;
	begin(&b);
	assert_int_equal(flow_of(&b, "MAIL FROM:<a@example.org>\r\n"),
			 flow_of(&b, "MAIL FROM:<b@example.org>\r\n"));
	assert_int_not_equal(flow_of(&b, "MAIL FROM:<a@example.org>\r\n"),
			     flow_of(&b, "MAIL FROM:<a@example.com>\r\n"));
	backend_done(&b);

	backend_init(&s);
	backend_submit(&s, "anna@relay.example.org");
	backend_start(&s);
	say(&s, transaction);
	assert_int_equal(flow_of(&s, "MAIL FROM:<a@example.org>\r\n"),
			 flow_of(&s, "MAIL FROM:<a@example.com>\r\n"));
	backend_done(&s);
}

/* docs/smtp.md has every refusal, word for word, with its reason. */
static void
is_documented(void **state)
{
	size_t cap = 256 * 1024, len;
	char *docs = malloc(cap);
	FILE *f = fopen(SMTP_DOCS, "r");

	(void)state;
	assert_non_null(f);
	assert_non_null(docs);
	len = fread(docs, 1, cap - 1, f);
	docs[len] = '\0';
	fclose(f);
	for (int i = 0; i < SMTP_IN_NNO; i++) {
		const struct smtp_in_refusal *row = &smtp_in_refusals[i];
		const char *at, *end;
		char text[256];

		assert_non_null(row->reason);
		/* The parser and the verdict bring the words. */
		if (i == SMTP_IN_NO_SYNTAX || i == SMTP_IN_NO_VERDICT)
			continue;
		snprintf(text, sizeof(text), "| `%d %s %s` | %s |", row->code,
			 row->dsn, row->text, row->reason);
		at = strstr(docs, text);
		if (at == NULL)
			fail_msg("docs/smtp.md has no row: %s", text);
		end = strchr(at, '\n');
		if (row->closes)
			assert_non_null(
				memmem(at, (size_t)(end - at), "closes", 6));
		else
			assert_int_equal(row->error,
					 memmem(at, (size_t)(end - at),
						"| error |", 9) != NULL);
	}
	free(docs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_in_every_state),
		cmocka_unit_test(waits_for_the_commit),
		cmocka_unit_test(secrets_are_said),
		cmocka_unit_test(finishes_the_message),
		cmocka_unit_test(takes_no_endless_line),
		cmocka_unit_test(refuses_a_header_above_its_limit),
		cmocka_unit_test(keeps_no_refused_recipient),
		cmocka_unit_test(names_flows),
		cmocka_unit_test(is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
