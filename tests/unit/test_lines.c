#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mail/lines.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))
#define STR(s)  (s), sizeof(s) - 1

/* --- commands ------------------------------------------------------------ */

static const struct {
	const char *name, *in;
	size_t in_len;
	int result;
	size_t len, used;
	enum lines_fault fault;
} commands[] = {
	{"plain", STR("NOOP\r\nQUIT\r\n"), 1, 4, 6, 0},
	{"empty", STR("\r\n"), 1, 0, 2, 0},
	{"nothing", STR(""), 0, 0, 0, 0},
	{"no end yet", STR("NOOP"), 0, 0, 0, 0},
	{"CR at the end of what came", STR("NOOP\r"), 0, 0, 0, 0},
	{"bare LF", STR("NOOP\nX"), -EINVAL, 0, 5, LINES_BARE_LF},
	{"LF alone", STR("\n"), -EINVAL, 0, 1, LINES_BARE_LF},
	{"CR inside", STR("NO\rOP\r\nX"), -EINVAL, 0, 7, LINES_BARE_CR},
	{"two CR", STR("NOOP\r\r\n"), -EINVAL, 0, 7, LINES_BARE_CR},
	{"NUL", STR("NO\0OP\r\n"), -EINVAL, 0, 7, LINES_NUL},
	{"as long as may be", STR("0123456789\r\n"), 1, 10, 12, 0},
	{"one too long", STR("0123456789a\r\nX"), -EINVAL, 0, 13,
	 LINES_TOO_LONG},
	{"too long, end not in sight", STR("0123456789ab"), -EINVAL, 0, 12,
	 LINES_TOO_LONG},
	{"long, end may be near", STR("0123456789\r"), 0, 0, 0, 0},
};

static void
test_commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(commands); i++) {
		size_t len = 0, used = 0;
		enum lines_fault fault = LINES_OK;
		int r = lines_command(commands[i].in, commands[i].in_len, 10,
				      &len, &used, &fault);

		print_message("%s\n", commands[i].name);
		assert_int_equal(r, commands[i].result);
		assert_int_equal(len, commands[i].len);
		assert_int_equal(used, commands[i].used);
		assert_int_equal(fault, commands[i].fault);
	}
}

/* --- data ---------------------------------------------------------------- */

struct data_row {
	const char *name, *in;
	size_t in_len;
	const char *out; /* NULL: does not end */
	size_t used;
	enum lines_fault fault;
};

#define REST "MAIL FROM:<a@b>\r\n"

static const struct data_row data_rows[] = {
	{"plain", STR("a\r\nb\r\n.\r\n" REST), "a\r\nb\r\n", 9, 0},
	{"nothing at all", STR(".\r\n" REST), "", 3, 0},
	{"an empty line", STR("\r\n.\r\n"), "\r\n", 5, 0},
	{"dot-stuffed", STR("..\r\n...\r\n.a\r\n.\r\n"), ".\r\n..\r\na\r\n", 16,
	 0},
	{"dot at the end of a line", STR("a.\r\n.\r\n"), "a.\r\n", 7, 0},
	{"dot inside", STR("a\r\nb.c\r\n.\r\n"), "a\r\nb.c\r\n", 11, 0},
	{"tab and escape are text", STR("\t\033[m\r\n.\r\n"), "\t\033[m\r\n", 9,
	 0},
	{"8 bit", STR("\xc3\xa4\xff\r\n.\r\n"), "\xc3\xa4\xff\r\n", 8, 0},
	{"cut off", STR("a\r\nb"), NULL, 4, 0},
	{"cut off before the last LF", STR("a\r\n.\r"), NULL, 5, 0},
	/* What must not end the data; a real end follows. */
	{"LF.LF", STR("a\n.\nX\r\n.\r\n"), "", 10, LINES_BARE_LF},
	{"LF.CRLF", STR("a\n.\r\nX\r\n.\r\n"), "", 11, LINES_BARE_LF},
	{"CR.CR", STR("a\r.\rX\r\n.\r\n"), "", 10, LINES_BARE_CR},
	{"CR.CRLF", STR("a\r.\r\nX\r\n.\r\n"), "", 11, LINES_BARE_CR},
	{"CR.LF", STR("a\r.\nX\r\n.\r\n"), "", 10, LINES_BARE_CR},
	{"CRLF.LF", STR("a\r\n.\nX\r\n.\r\n"), "", 11, LINES_BARE_LF},
	{"CRLF.CR", STR("a\r\n.\rX\r\n.\r\n"), "", 11, LINES_BARE_CR},
	{"LF.CR", STR("a\n.\rX\r\n.\r\n"), "", 10, LINES_BARE_LF},
	{"CRCRLF.CRCRLF", STR("a\r\r\n.\r\r\nX\r\n.\r\n"), "", 14,
	 LINES_BARE_CR},
	{"CRLF.CRCRLF", STR("a\r\n.\r\r\nX\r\n.\r\n"), "", 13, LINES_BARE_CR},
	{"CRLF.NULCRLF", STR("a\r\n.\0\r\nX\r\n.\r\n"), "", 13, LINES_NUL},
	{"CRLFNUL.CRLF", STR("a\r\n\0.\r\nX\r\n.\r\n"), "", 13, LINES_NUL},
	{"CRNULLF.CRLF", STR("a\r\0\n.\r\nX\r\n.\r\n"), "", 13, LINES_BARE_CR},
	{"CRLF.CRNULLF", STR("a\r\n.\r\0\nX\r\n.\r\n"), "", 13, LINES_BARE_CR},
	{"CRLF .CRLF", STR("a\r\n .\r\n.\r\n"), "a\r\n .\r\n", 10, 0},
	{"CRLF. CRLF", STR("a\r\n. \r\n.\r\n"), "a\r\n \r\n", 10, 0},
	{"CRLF..CRLF", STR("a\r\n..\r\n.\r\n"), "a\r\n.\r\n", 10, 0},
	{"LFCR.LFCR", STR("a\n\r.\n\rX\r\n.\r\n"), "", 12, LINES_BARE_LF},
	{"first LF of all", STR("\n.\r\nX\r\n.\r\n"), "", 10, LINES_BARE_LF},
	{"first dot and LF", STR(".\nX\r\n.\r\n"), "", 8, LINES_BARE_LF},
	{"NUL", STR("a\r\nb\0c\r\n.\r\n"), "", 11, LINES_NUL},
	{"NUL in a long run", STR("0123456789abcdef\0\r\n.\r\n"), "", 22,
	 LINES_NUL},
	{"the first fault is kept", STR("\0\n\r.\r\n.\r\n"), "", 9, LINES_NUL},
	{"as long as may be", STR("0123456789abcdefghij\r\n.\r\n"),
	 "0123456789abcdefghij\r\n", 25, 0},
	{"its dot does not count", STR("..123456789abcdefghij\r\n.\r\n"),
	 ".123456789abcdefghij\r\n", 26, 0},
	{"too long", STR("0123456789abcdefghijk\r\n.\r\n"), "", 26,
	 LINES_TOO_LONG},
};

/* --- chunks --------------------------------------------------------------- */

static const struct chunk_row {
	const char *name, *in;
	size_t in_len;
	bool open; /* the last line has no end */
	enum lines_fault fault;
} chunk_rows[] = {
	{"nothing", STR(""), false, 0},
	{"lines", STR("a\r\n\r\nb\r\n"), false, 0},
	{"dots are text", STR(".\r\n..\r\n.a\r\n"), false, 0},
	{"no end", STR("a\r\nb"), true, 0},
	{"8 bit", STR("\xff\r\n"), false, 0},
	{"bare LF", STR("a\nb\r\n"), false, LINES_BARE_LF},
	{"bare CR", STR("a\rb\r\n"), false, LINES_BARE_CR},
	{"bare CR at the end", STR("a\r\n\r"), false, LINES_BARE_CR},
	{"CRCRLF", STR("a\r\r\n"), false, LINES_BARE_CR},
	{"NUL", STR("a\0b\r\n"), false, LINES_NUL},
	{"too long", STR("0123456789abcdefghijk\r\n"), false, LINES_TOO_LONG},
};

static void
chunk_check(const struct chunk_row *row, size_t step)
{
	struct lines_data d;
	char out[128];
	size_t n = 0;

	lines_data_init(&d, 20);
	for (size_t at = 0; at < row->in_len; at += step) {
		size_t len = row->in_len - at < step ? row->in_len - at : step;
		char *in = malloc(len), *piece = malloc(len + 1);
		size_t written;

		memcpy(in, row->in + at, len);
		written = lines_chunk_feed(&d, in, len, piece);
		assert_in_range(written, 0, len + 1);
		memcpy(out + n, piece, written);
		n += written;
		free(in);
		free(piece);
	}
	assert_int_equal(lines_chunk_end(&d), row->open);
	assert_int_equal(d.fault, row->fault);
	if (row->fault == LINES_OK) {
		assert_int_equal(n, row->in_len);
		assert_memory_equal(out, row->in, n);
	}
}

static void
test_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(chunk_rows); i++) {
		print_message("%s\n", chunk_rows[i].name);
		for (size_t step = 1; step < 20; step++)
			chunk_check(&chunk_rows[i], step);
	}
}

/* Feed ROW in pieces that end at FIRST and then every STEP bytes. Pieces are
 * copies of their own size, so that a sanitizer sees a step too far. What was
 * written before a fault does not count. */
static void
data_check(const struct data_row *row, size_t first, size_t step)
{
	struct lines_data d;
	char out[128];
	size_t at = 0, out_len = 0, next = first;
	int r = 0;

	lines_data_init(&d, 20);
	while (r == 0 && at < row->in_len) {
		size_t len = next < row->in_len ? next - at : row->in_len - at;
		size_t used, n;
		char *in = malloc(len), *piece = malloc(len + 2);

		memcpy(in, row->in + at, len);
		r = lines_data_feed(&d, in, len, piece, &used, &n);
		assert_in_range(n, 0, len + 2);
		memcpy(out + out_len, piece, n);
		free(piece);
		free(in);
		out_len += n;
		at += used;
		next = at + step;
		if (r == 0)
			assert_int_equal(used, len);
	}
	assert_int_equal(r, row->out != NULL ? 1 : 0);
	assert_int_equal(at, row->used);
	assert_int_equal(d.fault, row->fault);
	if (row->out == NULL || row->fault != LINES_OK)
		return;
	assert_int_equal(out_len, strlen(row->out));
	assert_memory_equal(out, row->out, out_len);
}

static void
test_data_whole_and_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(data_rows); i++) {
		const struct data_row *row = &data_rows[i];

		print_message("%s\n", row->name);
		data_check(row, row->in_len, row->in_len);
		data_check(row, 1, 1);
		data_check(row, 2, 3);
		for (size_t at = 1; at < row->in_len; at++)
			data_check(row, at, row->in_len);
	}
}

/* Every string of up to seven octets of what matters, against the rule itself:
 * the data end at the first CRLF.CRLF (the first CRLF being that of DATA), and
 * are refused when a CR, LF or NUL stands elsewhere. */
static void
test_data_exhaustive(void **state)
{
	static const char letters[] = {'\r', '\n', '.', 'a', '\0'};
	char in[2 + 7];
	unsigned ended = 0;

	(void)state;
	memcpy(in, "\r\n", 2);
	for (unsigned code = 0; code < 5 * 5 * 5 * 5 * 5 * 5 * 5; code++) {
		struct lines_data d;
		char out[16], *end;
		size_t used, n, want;
		bool bad = false;

		for (unsigned i = 0, c = code; i < 7; i++, c /= 5)
			in[2 + i] = letters[c % 5];
		end = memmem(in, sizeof(in), "\r\n.\r\n", 5);
		want = end != NULL ? (size_t)(end - in) + 5 : sizeof(in);
		for (size_t i = 0; i < want; i++) {
			if (in[i] == '\0' ||
			    (in[i] == '\n' && in[i - 1] != '\r') ||
			    (in[i] == '\r' && i + 1 < want &&
			     in[i + 1] != '\n'))
				bad = true;
		}

		lines_data_init(&d, 100);
		assert_int_equal(lines_data_feed(&d, in + 2, 7, out, &used, &n),
				 end != NULL);
		assert_int_equal(used, want - 2);
		assert_int_equal(d.fault != LINES_OK, bad);
		ended += end != NULL && !bad;
	}
	assert_true(ended > 10);
}

static void
test_data_notes(void **state)
{
	struct lines_data d;
	char in[1200], out[1202];
	size_t used, n;

	(void)state;
	memset(in, 'x', sizeof(in));
	lines_data_init(&d, 65536);
	memcpy(in + 998, "\r\n", 2);
	lines_data_feed(&d, in, 1000, out, &used, &n);
	assert_false(d.long_lines);
	assert_false(d.eight_bit);
	lines_data_feed(&d, in + 1, 998, out, &used, &n);
	lines_data_feed(&d, in, 1, out, &used, &n);
	assert_false(d.long_lines);
	memset(in, 'x', sizeof(in));
	lines_data_feed(&d, in, 999, out, &used, &n);
	assert_true(d.long_lines);
	for (size_t at = 0; at < 20; at++) {
		lines_data_init(&d, 65536);
		in[at] = '\x80';
		lines_data_feed(&d, in, 20, out, &used, &n);
		assert_true(d.eight_bit);
		assert_int_equal(n, 20);
		in[at] = 'x';
	}
}

/* --- the other way ------------------------------------------------------- */

static const struct {
	const char *name, *content, *wire;
} stuff_rows[] = {
	{"nothing", "", ".\r\n"},
	{"plain", "a\r\nb\r\n", "a\r\nb\r\n.\r\n"},
	{"no end of line", "a", "a\r\n.\r\n"},
	{"a dot alone", ".", "..\r\n.\r\n"},
	{"dots", ".\r\n..\r\na.\r\n.b\r\n", "..\r\n...\r\na.\r\n..b\r\n.\r\n"},
	{"dot behind an empty line", "\r\n.\r\n", "\r\n..\r\n.\r\n"},
	{"dot behind a LF of no line", "a\n.b\r\n", "a\n.b\r\n.\r\n"},
};

static void
stuff_check(const char *content, const char *wire, size_t split, size_t step)
{
	struct lines_stuff s;
	char out[128];
	size_t at = 0, n = 0, len = strlen(content), next = split;

	lines_stuff_init(&s);
	n += lines_stuff_feed(&s, content, 0, out);
	while (at < len) {
		size_t take = next < len ? next - at : len - at;
		char *in = malloc(take);

		memcpy(in, content + at, take);
		n += lines_stuff_feed(&s, in, take, out + n);
		free(in);
		at += take;
		next = at + step;
	}
	memcpy(out + n, lines_stuff_end(&s), strlen(lines_stuff_end(&s)) + 1);
	assert_string_equal(out, wire);
}

static void
test_stuff(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(stuff_rows); i++) {
		size_t len = strlen(stuff_rows[i].content);

		print_message("%s\n", stuff_rows[i].name);
		stuff_check(stuff_rows[i].content, stuff_rows[i].wire, 1, 1);
		for (size_t at = 1; at <= len; at++)
			stuff_check(stuff_rows[i].content, stuff_rows[i].wire,
				    at, len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_data_whole_and_split),
		cmocka_unit_test(test_data_exhaustive),
		cmocka_unit_test(test_data_notes),
		cmocka_unit_test(test_stuff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
