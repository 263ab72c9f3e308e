/*
 * The line discipline: however the input is cut into pieces the result is the
 * same; the data end at the first CRLF.CRLF and nowhere else; what was taken
 * comes through dot-stuffing and back unchanged.
 *
 * The first octet of the input says how long the pieces are.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "mail/lines.h"

#define LINE 40

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

struct taken {
	int ended;
	size_t used, out_len;
	char *out; /* owned */
	struct lines_data d;
};

static void
feed(const char *in, size_t len, size_t step, struct taken *ret)
{
	*ret = (struct taken){.out = xmalloc(len + 2)};
	lines_data_init(&ret->d, LINE);
	while (ret->used < len && !ret->ended) {
		size_t take = len - ret->used < step ? len - ret->used : step;
		char *piece = xmalloc(take + 2);
		size_t used, n;

		ret->ended = lines_data_feed(&ret->d, in + ret->used, take,
					     piece, &used, &n);
		must(n <= take + 2 && used <= take);
		must(ret->ended || used == take);
		memcpy(ret->out + ret->out_len, piece, n);
		ret->used += used;
		ret->out_len += n;
		free(piece);
	}
}

/* The rule, said in another way. */
static void
check_rule(const char *in, size_t len, const struct taken *t)
{
	char *all = xmalloc(len + 2), *end;
	size_t want;
	bool bad = false;

	memcpy(all, "\r\n", 2);
	memcpy(all + 2, in, len);
	end = memmem(all, len + 2, "\r\n.\r\n", 5);
	want = end != NULL ? (size_t)(end - all) + 5 : len + 2;
	must(t->ended == (end != NULL));
	must(t->used == want - 2);
	for (size_t i = 2; i < want; i++) {
		if (all[i] == '\0' || (all[i] == '\n' && all[i - 1] != '\r') ||
		    (all[i] == '\r' && i + 1 < want && all[i + 1] != '\n'))
			bad = true;
	}
	must(bad ? t->d.fault != LINES_OK
		 : t->d.fault == LINES_OK || t->d.fault == LINES_TOO_LONG);
	free(all);
}

static size_t
stuff(const char *in, size_t len, size_t step, char *out)
{
	struct lines_stuff s;
	size_t n = 0;

	lines_stuff_init(&s);
	for (size_t at = 0; at < len; at += step)
		n += lines_stuff_feed(&s, in + at,
				      len - at < step ? len - at : step,
				      out + n);
	memcpy(out + n, lines_stuff_end(&s), strlen(lines_stuff_end(&s)));
	return n + strlen(lines_stuff_end(&s));
}

static void
check_round_trip(const struct taken *t, size_t step)
{
	char *wire = xmalloc(2 * t->out_len + 5);
	size_t len = stuff(t->out, t->out_len, step, wire);
	struct taken again;

	feed(wire, len, step, &again);
	must(again.ended && again.used == len);
	must(again.d.fault == LINES_OK);
	must(again.out_len == t->out_len);
	must(memcmp(again.out, t->out, t->out_len) == 0);
	free(again.out);
	free(wire);
}

/* In chunks it is the same content. */
static void
check_chunks(const struct taken *t, size_t step)
{
	char *out = xmalloc(t->out_len + 1);
	struct lines_data d;
	size_t n = 0;

	lines_data_init(&d, LINE);
	for (size_t at = 0; at < t->out_len; at += step)
		n += lines_chunk_feed(&d, t->out + at,
				      t->out_len - at < step ? t->out_len - at
							     : step,
				      out + n);
	must(!lines_chunk_end(&d) && d.fault == LINES_OK);
	must(n == t->out_len && memcmp(out, t->out, n) == 0);
	must(d.eight_bit == t->d.eight_bit);
	free(out);
}

static void
check_commands(const char *in, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n = 0, used = 0;
		enum lines_fault fault = LINES_OK;
		int r = lines_command(in + at, len - at, LINE, &n, &used,
				      &fault);

		if (r == 0)
			break;
		must(used > 0 && used <= len - at);
		must((r < 0) == (fault != LINES_OK));
		if (r == 1) {
			must(n + 2 == used && n <= LINE);
			must(memcmp(in + at + n, "\r\n", 2) == 0);
			must(memchr(in + at, '\n', n) == NULL);
			must(memchr(in + at, '\r', n) == NULL);
			must(memchr(in + at, '\0', n) == NULL);
		}
		at += used;
	}
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *in = (const char *)data + 1;
	struct taken whole, pieces;
	size_t step;

	if (len < 1)
		return 0;
	step = (size_t)data[0] % 16 + 1;
	len--;
	feed(in, len, len + 1, &whole);
	feed(in, len, step, &pieces);
	must(whole.ended == pieces.ended && whole.used == pieces.used);
	must(whole.d.fault == pieces.d.fault);
	must(whole.d.eight_bit == pieces.d.eight_bit);
	if (whole.d.fault == LINES_OK) {
		must(whole.out_len == pieces.out_len);
		must(memcmp(whole.out, pieces.out, whole.out_len) == 0);
	}
	check_rule(in, len, &whole);
	if (whole.ended && whole.d.fault == LINES_OK)
		check_round_trip(&whole, step);
	if (whole.ended && whole.d.fault == LINES_OK)
		check_chunks(&whole, step);
	check_commands(in, len);
	free(whole.out);
	free(pieces.out);
	return 0;
}
