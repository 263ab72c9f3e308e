#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "deliver/smtp_out.h"
#include "tests/unit/test.h"

/* --- a machine, a mail and what the server says -------------------------------- */

struct rig {
	struct smtp_out so;
	struct buf out;
	struct attempt a[2];
	const struct attempt *judged; /* the mail that the row is about */
};

static void
mail_init(struct attempt *a, size_t nrcpt)
{
	memset(a, 0, sizeof(*a));
	arena_init(&a->arena);
	a->sender = "anna@example.org";
	a->size = 100;
	a->nrcpt = nrcpt;
	a->rcpt = arena_alloc(&a->arena, nrcpt * sizeof(*a->rcpt));
	for (size_t i = 0; i < nrcpt; i++) {
		a->rcpt[i].n = (uint32_t)i + 1;
		a->rcpt[i].address =
			arena_printf(&a->arena, "r%zu@example.net", i);
	}
}

static void
rig_init(struct rig *g, size_t nrcpt)
{
	const struct smtp_out_conf conf = {.helo = "relay.example.org"};

	buf_init(&g->out, SMTP_OUT_MAX);
	smtp_out_init(&g->so, &conf, &g->out);
	mail_init(&g->a[0], nrcpt);
	mail_init(&g->a[1], nrcpt);
	g->judged = &g->a[0];
}

static void
rig_done(struct rig *g)
{
	buf_done(&g->out);
	arena_done(&g->a[0].arena);
	arena_done(&g->a[1].arena);
}

static void
hear(struct rig *g, const char *s)
{
	smtp_out_input(&g->so, s, strlen(s));
}

/* What was sent since the last look. */
static void
expect_sent(struct rig *g, const char *want)
{
	assert_string_equal(buf_str(&g->out), want);
	buf_clear(&g->out);
}

static void
greet(struct rig *g, const char *ehlo)
{
	hear(g, "220 mx.example.net ESMTP\r\n");
	hear(g, ehlo);
	assert_int_equal(g->so.state, SMTP_OUT_READY);
	buf_clear(&g->out);
}

#define PIPED "250-mx.example.net\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
#define PLAIN "250 mx.example.net\r\n"

/* --- the table of the documentation ---------------------------------------------- */

enum moment {
	AT_GREETING,
	AT_EHLO,
	AT_HELO,
	AT_FIRST_IDLE,
	AT_IDLE,
	AT_FIRST_MAIL,
	AT_MAIL,
	AT_RCPT,
	AT_DATA,
	AT_CONTENT,
	AT_DOT,
	AT_RSET,
	NMOMENT,
};

static const char *const moment_names[NMOMENT] = {
	"greeting",
	"EHLO",
	"HELO",
	"before the first MAIL",
	"between two mails",
	"first MAIL",
	"a later MAIL",
	"RCPT",
	"DATA",
	"content",
	"final dot",
	"RSET",
};

static const char *const said_names[] = {
	"2xx", "3xx", "354",     "4xx",     "421",
	"5xx", "552", "garbage", "silence", "close",
};
#define NSAID (sizeof(said_names) / sizeof(said_names[0]))

/* Where these two are not rows of their own they are 3xx and 5xx. */
static bool
said_belongs(size_t moment, const char *said)
{
	if (strcmp(said, "354") == 0)
		return moment == AT_DATA;
	if (strcmp(said, "552") == 0)
		return moment == AT_RCPT;
	return true;
}

static void
say(struct rig *g, const char *said)
{
	static const struct {
		const char *said, *line;
	} row[] = {
		{"2xx", "250 2.0.0 fine\r\n"}, {"3xx", "334 go on\r\n"},
		{"354", "354 go on\r\n"},      {"4xx", "450 4.2.1 not now\r\n"},
		{"421", "421 4.3.2 bye\r\n"},  {"5xx", "550 5.7.1 no\r\n"},
		{"552", "552 too many\r\n"},   {"garbage", "HTTP/1.1 400\r\n"},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (strcmp(said, row[i].said) == 0)
			hear(g, row[i].line);
	if (strcmp(said, "silence") == 0)
		smtp_out_silent(&g->so);
	if (strcmp(said, "close") == 0)
		smtp_out_closed(&g->so);
}

/* The table's words. */
static const char *const outcome_words[] = {
	[ATTEMPT_UNTRIED] = "untried", [ATTEMPT_DONE] = "done",
	[ATTEMPT_LATER] = "later",     [ATTEMPT_NEVER] = "never",
	[ATTEMPT_MOVED] = "moved",
};

/* One mail all the way, so that the connection has carried one. */
static void
carry_one(struct rig *g)
{
	smtp_out_mail(&g->so, &g->a[0]);
	hear(g, "250 ok\r\n");
	hear(g, "250 ok\r\n");
	hear(g, "354 go on\r\n");
	smtp_out_body(&g->so, "x\r\n", 3);
	smtp_out_body_end(&g->so);
	hear(g, "250 ok\r\n");
	assert_int_equal(smtp_out_take(&g->so), SMTP_OUT_SETTLED);
	assert_int_equal(g->so.state, SMTP_OUT_READY);
	g->judged = &g->a[1];
}

static void
bring_to_hello(struct rig *g, enum moment m)
{
	if (m == AT_GREETING)
		return;
	hear(g, "220 mx.example.net\r\n");
	if (m == AT_HELO)
		hear(g, "502 what?\r\n");
}

/* Lead the machine to the moment; what is still awaited from commands sent
 * ahead is heard in settle_down(). */
static void
bring_to(struct rig *g, enum moment m, const char *ehlo)
{
	if (m == AT_GREETING || m == AT_EHLO || m == AT_HELO) {
		bring_to_hello(g, m);
		return;
	}
	greet(g, ehlo);
	if (m == AT_FIRST_IDLE)
		return;
	if (m == AT_IDLE || m == AT_MAIL)
		carry_one(g);
	if (m == AT_IDLE)
		return;
	smtp_out_mail(&g->so, &g->a[g->judged == &g->a[1]]);
	if (m == AT_FIRST_MAIL || m == AT_MAIL)
		return;
	hear(g, "250 sender\r\n");
	if (m == AT_RCPT)
		return;
	if (m == AT_RSET) {
		hear(g, "550 no\r\n");
		if (g->so.piped)
			hear(g, "554 no recipients\r\n");
		assert_int_equal(g->so.state, SMTP_OUT_RSET);
		return;
	}
	hear(g, "250 recipient\r\n");
	if (m == AT_DATA)
		return;
	hear(g, "354 go on\r\n");
	smtp_out_body(&g->so, "x\r\n", 3);
	if (m == AT_DOT)
		smtp_out_body_end(&g->so);
}

/* After a refusal: replies to what was sent ahead, and RSET. */
static void
settle_down(struct rig *g)
{
	if (g->so.fate != SMTP_OUT_SETTLED)
		return;
	while (g->so.state == SMTP_OUT_RCPT || g->so.state == SMTP_OUT_DATA)
		hear(g, "503 out of order\r\n");
	if (g->so.state == SMTP_OUT_RSET)
		hear(g, "250 reset\r\n");
}

static const char *
seen_recipients(const struct rig *g, enum moment m)
{
	if (m == AT_RSET)
		return "–";
	if (g->so.fate == SMTP_OUT_SETTLED)
		return outcome_words[g->judged->rcpt[0].outcome];
	if (g->so.state == SMTP_OUT_CLOSED)
		return "untried";
	return "–";
}

static const char *
seen_destination(const struct rig *g, enum moment m)
{
	if (m == AT_RSET)
		return "–";
	if (g->so.fate == SMTP_OUT_SETTLED)
		switch (g->judged->dest_state) {
		case ATTEMPT_DEST_OK:
			return "ok";
		case ATTEMPT_DEST_DROPPED:
			return "dropped";
		case ATTEMPT_DEST_UNKNOWN:
		case ATTEMPT_DEST_FAILED:
			return "wrong";
		}
	if (g->so.state == SMTP_OUT_CLOSED)
		return g->so.failed ? "failed" : "unknown";
	return "–";
}

static const char *
seen_connection(const struct rig *g, enum moment m)
{
	if (g->so.state == SMTP_OUT_CLOSED)
		return "closed";
	if (g->so.state == SMTP_OUT_READY &&
	    (g->so.fate == SMTP_OUT_SETTLED || m == AT_RSET))
		return "kept";
	return "goes on";
}

struct table_row {
	char recipients[16], destination[16], connection[16];
	int line;
};

/* The words that are kept must be a reason: no "deferred, since 250 ok". */
static void
check_words(const struct rig *g, enum moment m, const char *said)
{
	const struct reply *reply = NULL;
	bool done = false;

	if (m != AT_RSET && g->so.fate == SMTP_OUT_SETTLED) {
		reply = &g->judged->rcpt[0].reply;
		done = g->judged->rcpt[0].outcome == ATTEMPT_DONE;
	} else if (g->so.state == SMTP_OUT_CLOSED) {
		reply = &g->so.why;
	}
	if (reply && reply_ok(reply) != done)
		fail_msg("%s, %s: %d %s", moment_names[m], said, reply->code,
			 reply->text);
	if (reply && !done && !reply_temporary(reply) &&
	    !reply_permanent(reply))
		fail_msg("%s, %s: %d %s", moment_names[m], said, reply->code,
			 reply->text);
}

static void
check_row(enum moment m, const char *said, const char *ehlo,
	  const struct table_row *want)
{
	struct rig g;
	bool same;

	rig_init(&g, 1);
	bring_to(&g, m, ehlo);
	if (m == AT_RSET)
		assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	say(&g, said);
	settle_down(&g);
	same = strcmp(seen_recipients(&g, m), want->recipients) == 0 &&
	       strcmp(seen_destination(&g, m), want->destination) == 0 &&
	       strcmp(seen_connection(&g, m), want->connection) == 0;
	if (!same)
		fail_msg("docs/delivery.md:%d: %s, %s: the table says %s, %s, "
			 "%s; the machine %s, %s, %s",
			 want->line, moment_names[m], said, want->recipients,
			 want->destination, want->connection,
			 seen_recipients(&g, m), seen_destination(&g, m),
			 seen_connection(&g, m));
	check_words(&g, m, said);
	rig_done(&g);
}

/* The next cell of a table's line, trimmed. */
static char *
cell(char **line)
{
	char *at = *line, *end = strchr(at, '|');

	assert_non_null(end);
	*line = end + 1;
	while (*at == ' ')
		at++;
	while (end > at && end[-1] == ' ')
		end--;
	*end = '\0';
	return at;
}

static void
copy(char *to, size_t size, const char *from)
{
	assert_true(strlen(from) < size);
	memcpy(to, from, strlen(from) + 1);
}

static int
index_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

static void
check_line(char *line, int number, bool seen[NMOMENT][NSAID])
{
	struct table_row want = {.line = number};
	char *moment = cell(&line), *said = cell(&line), *save = NULL;
	int m = index_of(moment_names, NMOMENT, moment);

	if (m < 0)
		fail_msg("docs/delivery.md:%d: no such moment: %s", number,
			 moment);
	copy(want.recipients, sizeof(want.recipients), cell(&line));
	copy(want.destination, sizeof(want.destination), cell(&line));
	copy(want.connection, sizeof(want.connection), cell(&line));
	said[strcspn(said, ":")] = '\0'; /* a remark follows */
	for (char *s = strtok_r(said, ", ", &save); s;
	     s = strtok_r(NULL, ", ", &save)) {
		int i = index_of(said_names, NSAID, s);

		if (i < 0 || !said_belongs((size_t)m, s) || seen[m][i])
			fail_msg("docs/delivery.md:%d: %s is wrong or there "
				 "twice",
				 number, s);
		seen[m][i] = true;
		check_row((enum moment)m, s, PLAIN, &want);
		check_row((enum moment)m, s, PIPED, &want);
	}
}

static void
test_table(void **state)
{
	bool seen[NMOMENT][NSAID] = {0};
	FILE *f = fopen(SOURCE_DIR "/docs/delivery.md", "re");
	char line[512];
	bool inside = false;
	int number = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		number++;
		if (strncmp(line, "| Moment | The server |", 23) == 0)
			inside = true;
		else if (line[0] != '|')
			inside = false;
		else if (inside && line[1] == ' ')
			check_line(line + 1, number, seen);
	}
	fclose(f);
	for (size_t m = 0; m < NMOMENT; m++)
		for (size_t s = 0; s < NSAID; s++)
			if (said_belongs(m, said_names[s]) && !seen[m][s])
				fail_msg("docs/delivery.md has no row: %s, %s",
					 moment_names[m], said_names[s]);
}

/* --- what goes out ----------------------------------------------------------------- */

static void
test_plain_dialogue(void **state)
{
	struct rig g;

	(void)state;
	rig_init(&g, 2);
	expect_sent(&g, "");
	hear(&g, "220-mx\r\n220 hello\r\n");
	expect_sent(&g, "EHLO relay.example.org\r\n");
	hear(&g, "500 what?\r\n");
	expect_sent(&g, "HELO relay.example.org\r\n");
	hear(&g, "250 mx\r\n");
	smtp_out_mail(&g.so, &g.a[0]);
	expect_sent(&g, "MAIL FROM:<anna@example.org>\r\n");
	hear(&g, "250 ok\r\n");
	expect_sent(&g, "RCPT TO:<r0@example.net>\r\n");
	hear(&g, "250 ok\r\n");
	expect_sent(&g, "RCPT TO:<r1@example.net>\r\n");
	hear(&g, "250 ok\r\n");
	expect_sent(&g, "DATA\r\n");
	hear(&g, "354 go\r\n");
	expect_sent(&g, "");
	assert_int_equal(g.so.state, SMTP_OUT_BODY);
	smtp_out_body(&g.so, "a\r\n.b\r\n.\r", 9);
	smtp_out_body(&g.so, "\n.", 2);
	smtp_out_body_end(&g.so);
	expect_sent(&g, "a\r\n..b\r\n..\r\n..\r\n.\r\n");
	hear(&g, "250 2.0.0 queued\r\n");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.a[0].rcpt[1].outcome, ATTEMPT_DONE);
	assert_string_equal(g.a[0].rcpt[1].reply.text, "queued");
	smtp_out_quit(&g.so);
	expect_sent(&g, "QUIT\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_CLOSED);
	rig_done(&g);
}

static void
test_piped_at_once(void **state)
{
	struct rig g;

	(void)state;
	rig_init(&g, 2);
	greet(&g,
	      "250-mx\r\n250-SIZE 1000\r\n250-pipelining\r\n250 8BITMIME\r\n");
	g.a[0].eight_bit = true;
	smtp_out_mail(&g.so, &g.a[0]);
	expect_sent(&g,
		    "MAIL FROM:<anna@example.org> SIZE=100 BODY=8BITMIME\r\n"
		    "RCPT TO:<r0@example.net>\r\n"
		    "RCPT TO:<r1@example.net>\r\n"
		    "DATA\r\n");
	assert_false(g.so.sent_8bit);
	hear(&g, "250 ok\r\n250 ok\r\n450 4.2.0 full\r\n354 go\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_BODY);
	smtp_out_body(&g.so, "x\r\n", 3);
	smtp_out_body_end(&g.so);
	expect_sent(&g, "x\r\n.\r\n");
	hear(&g, "250 ok\r\n");
	assert_int_equal(smtp_out_take(&g.so), SMTP_OUT_SETTLED);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_DONE);
	assert_int_equal(g.a[0].rcpt[1].outcome, ATTEMPT_LATER);
	assert_int_equal(g.a[0].rcpt[1].reply.code, 450);
	/* The next one follows at once. */
	smtp_out_mail(&g.so, &g.a[1]);
	assert_int_equal(g.so.state, SMTP_OUT_MAIL);
	smtp_out_closed(&g.so);
	rig_done(&g);
}

/* --- commands sent ahead (RFC 2920) -------------------------------------------------- */

static void
test_piped_settlement(void **state)
{
	static const struct {
		const char *name, *replies, *sent;
		enum attempt_outcome first, second;
		enum smtp_out_state end;
	} row[] = {
		{"all refused, 354: a lone dot",
		 "250 ok\r\n550 a\r\n450 b\r\n354 go\r\n", ".\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_DOT},
		{"all refused, the lone dot refused",
		 "250 ok\r\n550 a\r\n450 b\r\n354 go\r\n554 no\r\n", ".\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_READY},
		{"all refused, the lone dot accepted",
		 "250 ok\r\n550 a\r\n450 b\r\n354 go\r\n250 ok\r\n", ".\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_READY},
		{"all refused, the lone dot answered 421",
		 "250 ok\r\n550 a\r\n450 b\r\n354 go\r\n421 bye\r\n", ".\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_CLOSED},
		{"all refused, DATA too",
		 "250 ok\r\n550 a\r\n450 b\r\n554 none\r\n", "RSET\r\n",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_RSET},
		{"MAIL refused, 354: no dot",
		 "550 a\r\n250 b\r\n250 b\r\n354 go\r\n", "", ATTEMPT_NEVER,
		 ATTEMPT_NEVER, SMTP_OUT_CLOSED},
		{"MAIL refused, the rest out of order",
		 "450 a\r\n503 b\r\n503 b\r\n503 b\r\n", "", ATTEMPT_LATER,
		 ATTEMPT_LATER, SMTP_OUT_READY},
		{"MAIL refused, then a close by 421", "550 a\r\n421 b\r\n", "",
		 ATTEMPT_NEVER, ATTEMPT_NEVER, SMTP_OUT_CLOSED},
		{"421 in the middle of RCPT", "250 a\r\n550 b\r\n421 c\r\n", "",
		 ATTEMPT_NEVER, ATTEMPT_LATER, SMTP_OUT_CLOSED},
		{"DATA refused for the one that was left",
		 "250 a\r\n450 b\r\n250 c\r\n554 no\r\n", "RSET\r\n",
		 ATTEMPT_LATER, ATTEMPT_NEVER, SMTP_OUT_RSET},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct rig g;

		rig_init(&g, 2);
		greet(&g, PIPED);
		smtp_out_mail(&g.so, &g.a[0]);
		buf_clear(&g.out);
		/* Byte by byte: it must not depend on packets. */
		for (const char *p = row[i].replies; *p; p++)
			smtp_out_input(&g.so, p, 1);
		if (g.so.state != row[i].end || g.so.fate != SMTP_OUT_SETTLED ||
		    g.a[0].rcpt[0].outcome != row[i].first ||
		    g.a[0].rcpt[1].outcome != row[i].second ||
		    strcmp(buf_str(&g.out), row[i].sent) != 0)
			fail_msg("%s: %s, %s, %s, sent %s", row[i].name,
				 smtp_out_state_names[g.so.state],
				 outcome_words[g.a[0].rcpt[0].outcome],
				 outcome_words[g.a[0].rcpt[1].outcome],
				 buf_str(&g.out));
		rig_done(&g);
	}
}

static void
test_recipients_decided_before(void **state)
{
	struct rig g;

	(void)state;
	rig_init(&g, 3);
	greet(&g, PIPED);
	g.a[0].rcpt[1].outcome = ATTEMPT_MOVED;
	smtp_out_mail(&g.so, &g.a[0]);
	expect_sent(&g, "MAIL FROM:<anna@example.org>\r\n"
			"RCPT TO:<r0@example.net>\r\n"
			"RCPT TO:<r2@example.net>\r\nDATA\r\n");
	hear(&g, "250 a\r\n250 a\r\n550 b\r\n354 c\r\n");
	smtp_out_body_end(&g.so);
	hear(&g, "250 ok\r\n");
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_DONE);
	assert_int_equal(g.a[0].rcpt[1].outcome, ATTEMPT_MOVED);
	assert_int_equal(g.a[0].rcpt[2].outcome, ATTEMPT_NEVER);
	rig_done(&g);
}

static void
test_unfit(void **state)
{
	static const struct {
		const char *name, *ehlo;
		int64_t size;
		bool eight_bit, strict;
		const char *dsn; /* "": it is sent */
		bool sent_8bit;
	} row[] = {
		{"fits", "250-mx\r\n250 SIZE 100\r\n", 100, false, false, "",
		 false},
		{"too large", "250-mx\r\n250 SIZE 99\r\n", 100, false, false,
		 "5.3.4", false},
		{"no limit named", "250-mx\r\n250 SIZE\r\n", 1 << 30, false,
		 false, "", false},
		{"limit 0 is none", "250-mx\r\n250 SIZE 0\r\n", 1 << 30, false,
		 false, "", false},
		{"a limit that is no number", "250-mx\r\n250 SIZE big\r\n",
		 1 << 30, false, false, "", false},
		{"a keyword that only begins so", "250-mx\r\n250 SIZEX 1\r\n",
		 100, false, false, "", false},
		{"the server's name is no keyword",
		 "250-SIZE 1\r\n250 HELP\r\n", 100, false, false, "", false},
		{"8 bit offered", "250-mx\r\n250 8BITMIME\r\n", 100, true, true,
		 "", false},
		{"8 bit not offered, strict", "250 mx\r\n", 100, true, true,
		 "5.6.3", false},
		{"8 bit not offered", "250 mx\r\n", 100, true, false, "", true},
		{"7 bit, strict", "250 mx\r\n", 100, false, true, "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct rig g;
		bool refused = row[i].dsn[0] != '\0';

		rig_init(&g, 1);
		g.so.conf.strict_8bit = row[i].strict;
		greet(&g, row[i].ehlo);
		g.a[0].size = row[i].size;
		g.a[0].eight_bit = row[i].eight_bit;
		smtp_out_mail(&g.so, &g.a[0]);
		if ((g.so.fate == SMTP_OUT_SETTLED) != refused ||
		    (g.so.state == SMTP_OUT_READY) != refused ||
		    (g.out.len == 0) != refused ||
		    g.so.sent_8bit != row[i].sent_8bit ||
		    strcmp(g.a[0].rcpt[0].reply.dsn, row[i].dsn) != 0)
			fail_msg("%s", row[i].name);
		rig_done(&g);
	}
}

static void
test_break_sends_no_dot(void **state)
{
	struct reply our = {0};
	struct rig g;

	(void)state;
	rig_init(&g, 1);
	greet(&g, PLAIN);
	smtp_out_mail(&g.so, &g.a[0]);
	hear(&g, "250 a\r\n250 b\r\n354 c\r\n");
	buf_clear(&g.out);
	smtp_out_body(&g.so, "x\r\n", 3);
	reply_set(&our, 451, "4.3.0", "damaged");
	smtp_out_break(&g.so, &our);
	expect_sent(&g, "x\r\n");
	assert_int_equal(g.so.state, SMTP_OUT_CLOSED);
	assert_int_equal(g.a[0].rcpt[0].outcome, ATTEMPT_LATER);
	assert_int_equal(g.a[0].dest_state, ATTEMPT_DEST_OK);
	rig_done(&g);
}

static void
test_patience(void **state)
{
	static const struct delivery_timeouts t = {1, 2, 3, 4, 5};
	static const struct {
		enum smtp_out_state state;
		int64_t ms;
	} row[] = {
		{SMTP_OUT_BANNER, 2}, {SMTP_OUT_EHLO, 3}, {SMTP_OUT_MAIL, 3},
		{SMTP_OUT_RCPT, 3},   {SMTP_OUT_DATA, 3}, {SMTP_OUT_BODY, 4},
		{SMTP_OUT_DOT, 5},    {SMTP_OUT_RSET, 3},
	};
	struct smtp_out so = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		so.state = row[i].state;
		assert_int_equal(smtp_out_patience(&so, &t), row[i].ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_plain_dialogue),
		cmocka_unit_test(test_piped_at_once),
		cmocka_unit_test(test_piped_settlement),
		cmocka_unit_test(test_recipients_decided_before),
		cmocka_unit_test(test_unfit),
		cmocka_unit_test(test_break_sends_no_dot),
		cmocka_unit_test(test_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
