/*
 * Every row of the table in docs/delivery.md, against the machine.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/so_rig.h"
#include "tests/unit/test.h"

enum moment {
	AT_GREETING,
	AT_EHLO,
	AT_HELO,
	AT_STARTTLS,
	AT_HANDSHAKE,
	AT_LOGIN,
	AT_FIRST_IDLE,
	AT_IDLE,
	AT_FIRST_MAIL,
	AT_MAIL,
	AT_RCPT,
	AT_DATA,
	AT_CONTENT,
	AT_DOT_UNSENT,
	AT_DOT,
	AT_RSET,
	NMOMENT,
};

static const char *const moment_names[NMOMENT] = {
	"greeting",
	"EHLO",
	"HELO",
	"STARTTLS",
	"TLS handshake",
	"login",
	"before the first MAIL",
	"between two mails",
	"first MAIL",
	"a later MAIL",
	"RCPT",
	"DATA",
	"content",
	"final dot not sent yet",
	"final dot",
	"RSET",
};

static const char *const said_names[] = {
	"2xx", "3xx", "354",     "4xx",     "421",
	"5xx", "552", "garbage", "silence", "close",
};
#define NSAID (sizeof(said_names) / sizeof(said_names[0]))

/* The server is gone and said nothing. */
static bool
is_end(const char *said)
{
	return strcmp(said, "silence") == 0 || strcmp(said, "close") == 0;
}

/* Where these two are not rows of their own they are 3xx and 5xx. */
static bool
said_belongs(size_t moment, const char *said)
{
	if (strcmp(said, "354") == 0)
		return moment == AT_DATA;
	if (strcmp(said, "552") == 0)
		return moment == AT_RCPT;
	if (moment == AT_HANDSHAKE) /* what is said there is not SMTP */
		return is_end(said) || strcmp(said, "garbage") == 0;
	return true;
}

static void
say(struct so_rig *g, const char *said)
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
			so_rig_hear(g, row[i].line);
	if (strcmp(said, "silence") == 0)
		smtp_out_silent(&g->so);
	if (strcmp(said, "close") == 0)
		smtp_out_closed(&g->so);
}

static struct smtp_login login = {
	.user = "anna",
	.any = true,
};

/* One mail all the way, so that the connection has carried one. */
static void
carry_one(struct so_rig *g)
{
	smtp_out_mail(&g->so, &g->a[0]);
	so_rig_hear(g, "250 ok\r\n");
	so_rig_hear(g, "250 ok\r\n");
	if (!g->so.chunked)
		so_rig_hear(g, "354 go on\r\n");
	smtp_out_body(&g->so, "x\r\n", 3);
	smtp_out_body_end(&g->so);
	assert_true(smtp_out_left(&g->so));
	so_rig_hear(g, "250 ok\r\n");
	assert_int_equal(smtp_out_take(&g->so), SMTP_OUT_SETTLED);
	assert_int_equal(g->so.state, SMTP_OUT_READY);
	g->judged = &g->a[1];
}

static void
bring_to_hello(struct so_rig *g, enum moment m)
{
	if (m == AT_GREETING)
		return;
	so_rig_hear(g, "220 mx.example.net\r\n");
	if (m == AT_HELO)
		so_rig_hear(g, "502 what?\r\n");
	if (m < AT_STARTTLS)
		return;
	g->so.conf.tls = TLS_LEVEL_OPPORTUNISTIC;
	so_rig_hear(g, "250-mx.example.net\r\n250 STARTTLS\r\n");
	if (m == AT_STARTTLS)
		return;
	so_rig_hear(g, "220 go ahead\r\n");
	assert_int_equal(g->so.state, SMTP_OUT_TLS);
	if (m == AT_HANDSHAKE)
		return;
	smtp_out_secured(&g->so);
	g->so.conf.login = &login;
	so_rig_hear(g, "250-mx.example.net\r\n250 AUTH PLAIN\r\n");
	assert_int_equal(g->so.state, SMTP_OUT_AUTH);
}

/* As much of it as belongs to the moment, or all where its replies are awaited
 * already. */
static void
give_content(struct so_rig *g, enum moment m)
{
	assert_true(smtp_out_wants_body(&g->so));
	smtp_out_body(&g->so, "x\r\n", 3);
	if (m == AT_CONTENT)
		return;
	smtp_out_body_end(&g->so);
	if (m != AT_DOT_UNSENT)
		assert_true(smtp_out_left(&g->so));
}

/* Lead the machine to the moment; what is still awaited from commands sent
 * ahead is heard in settle_down(). EARLY: by BDAT the content may be given
 * before any reply. */
static void
bring_to(struct so_rig *g, enum moment m, const char *ehlo, bool early)
{
	if (m < AT_FIRST_IDLE) {
		bring_to_hello(g, m);
		return;
	}
	so_rig_greet(g, ehlo);
	if (m == AT_FIRST_IDLE)
		return;
	if (m == AT_IDLE || m == AT_MAIL)
		carry_one(g);
	if (m == AT_IDLE)
		return;
	smtp_out_mail(&g->so, &g->a[g->judged == &g->a[1]]);
	if (early)
		give_content(g, m);
	if (m == AT_FIRST_MAIL || m == AT_MAIL)
		return;
	so_rig_hear(g, "250 sender\r\n");
	if (m == AT_RCPT)
		return;
	if (m == AT_RSET) {
		so_rig_hear(g, "550 no\r\n");
		if (g->so.piped && g->so.said == g->so.chunked)
			so_rig_hear(g, "554 no recipients\r\n");
		assert_int_equal(g->so.state, SMTP_OUT_RSET);
		return;
	}
	so_rig_hear(g, "250 recipient\r\n");
	if (m == AT_DATA)
		return;
	if (!g->so.chunked)
		so_rig_hear(g, "354 go on\r\n");
	if (!early)
		give_content(g, m);
}

/* After a refusal: replies to what was sent ahead, and RSET. */
static void
settle_down(struct so_rig *g)
{
	if (g->so.fate != SMTP_OUT_SETTLED)
		return;
	while (g->so.state == SMTP_OUT_RCPT || g->so.state == SMTP_OUT_DATA ||
	       g->so.state == SMTP_OUT_DOT)
		so_rig_hear(g, "503 out of order\r\n");
	if (g->so.state == SMTP_OUT_RSET)
		so_rig_hear(g, "250 reset\r\n");
}

static const char *
seen_recipients(const struct so_rig *g, enum moment m)
{
	if (m == AT_RSET)
		return "–";
	if (g->so.fate == SMTP_OUT_SETTLED)
		return so_rig_outcome_words[g->judged->rcpt[0].outcome];
	if (g->so.state == SMTP_OUT_CLOSED)
		return "untried";
	return "–";
}

static const char *
seen_destination(const struct so_rig *g, enum moment m)
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
seen_connection(const struct so_rig *g, enum moment m)
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
check_words(const struct so_rig *g, enum moment m, const char *said)
{
	const struct reply *reply = NULL;
	bool done = false;

	if (m != AT_RSET && g->so.fate == SMTP_OUT_SETTLED) {
		reply = &g->judged->rcpt[0].reply;
		done = g->judged->rcpt[0].outcome == ATTEMPT_DONE;
	} else if (g->so.state == SMTP_OUT_CLOSED) {
		reply = &g->so.why;
	}
	if (m != AT_RSET && g->so.fate == SMTP_OUT_SETTLED && !done &&
	    reply_permanent(reply) !=
		    (g->judged->rcpt[0].outcome == ATTEMPT_NEVER))
		fail_msg("%s, %s: %s, and the reason is %d %s", moment_names[m],
			 said, so_rig_outcome_words[g->judged->rcpt[0].outcome],
			 reply->code, reply->text);
	if (reply && reply_ok(reply) != done)
		fail_msg("%s, %s: %d %s", moment_names[m], said, reply->code,
			 reply->text);
	if (reply && !done && !reply_temporary(reply) &&
	    !reply_permanent(reply))
		fail_msg("%s, %s: %d %s", moment_names[m], said, reply->code,
			 reply->text);
}

/* From DATA on what is refused for good is the content. */
static bool
is_of_content(enum moment m)
{
	return m == AT_DATA || m == AT_CONTENT || m == AT_DOT_UNSENT ||
	       m == AT_DOT;
}

/* All of it has left, and nobody says whether it was taken. */
static bool
is_doubted(enum moment m, const char *said, bool early)
{
	bool left =
		early && (m == AT_FIRST_MAIL || m == AT_MAIL || m == AT_RCPT);

	return (m == AT_DOT || left) &&
	       (is_end(said) || strcmp(said, "garbage") == 0 ||
		strcmp(said, "3xx") == 0);
}

static void
check_row(enum moment m, const char *said, const char *ehlo, bool early,
	  const struct table_row *want)
{
	struct so_rig g;
	bool same;

	so_rig_init(&g, 1);
	bring_to(&g, m, ehlo, early);
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
	if (m != AT_RSET &&
	    g.judged->rcpt[0].doubted != is_doubted(m, said, early))
		fail_msg("%s, %s: doubted: %d", moment_names[m], said,
			 g.judged->rcpt[0].doubted);
	if (m != AT_RSET && g.judged->rcpt[0].reply.of_content !=
				    (is_of_content(m) &&
				     strcmp(want->recipients, "never") == 0))
		fail_msg("%s, %s: of the content: %d", moment_names[m], said,
			 g.judged->rcpt[0].reply.of_content);
	so_rig_done(&g);
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
	const struct table_row lost = {
		.line = number,
		.recipients = "later",
		.destination = "dropped",
		.connection = "closed",
	};
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
		check_row((enum moment)m, s, SO_RIG_PLAIN, false, &want);
		check_row((enum moment)m, s, SO_RIG_PIPED, false, &want);
		if (m == AT_DATA)
			continue;
		check_row((enum moment)m, s, SO_RIG_CHUNKED, false, &want);
		if (m == AT_MAIL && is_end(s)) /* beside the table */
			check_row(AT_MAIL, s, SO_RIG_CHUNKED, true, &lost);
		else
			check_row((enum moment)m, s, SO_RIG_CHUNKED, true,
				  &want);
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
	struct secret *password = secret_new("secret", 6);

	(void)state;
	login.password = password;
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
	secret_free(&password);
	for (size_t m = 0; m < NMOMENT; m++)
		for (size_t s = 0; s < NSAID; s++)
			if (said_belongs(m, said_names[s]) && !seen[m][s])
				fail_msg("docs/delivery.md has no row: %s, %s",
					 moment_names[m], said_names[s]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
