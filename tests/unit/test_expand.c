#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "deliver/expand.h"

static const char conf_text[] =
	"hostname: relay.example.org\n"
	"domains: [Ours.example, inner.example, sub.inner.example, "
	"box.example, prog.example]\n"
	"origin: Origin.Example\n"
	"postmaster: boss@inner.example\n"
	"aliases:\n"
	"  root: [ann@inner.example]\n"
	"  team: [ann@inner.example, ben@far.example, root]\n"
	"  anna+fixed: [fixed@inner.example]\n"
	"  anna: [anna, copy@far.example]\n"
	"  ben: [ben@ours.example]\n"
	"  info@ours.example: [team, Info@inner.example]\n"
	"  info: [info@far.example]\n"
	"  '\"quo ted\"': [q@far.example]\n"
	"  half: [h@far.example, x@nowhere.example]\n"
	"  bare: [someone]\n"
	"  both: [watched@ours.example, watched+x@ours.example]\n"
	"  self: [self, self@sub.inner.example, copy@far.example]\n"
	"routes:\n"
	"  - {match: sales@ours.example, deliver: smtp, via: [{name: sales, "
	"host: 127.0.0.1}]}\n"
	"  - {match: watched@ours.example, deliver: smtp, via: [{name: sales, "
	"host: 127.0.0.1}], bcc: [archive@far.example, team, "
	"sales@ours.example]}\n"
	"  - {match: inner.example, deliver: smtp, via: [{name: inner, host: "
	"127.0.0.1}]}\n"
	"  - {match: box.example, deliver: maildir, path: '/m/{local}'}\n"
	"  - {match: prog.example, deliver: pipe, command: [/bin/x, '{to}', "
	"'{from}']}\n"
	"  - {match: pinned@localhost, deliver: smtp, via: [{name: here, "
	"host: 127.0.0.1}]}\n"
	"delivery:\n"
	"  only_recipients: ['/(?<!@nowhere.example)$/']\n"
	"  by_sender: [{match: shop.example, via: [{name: shop, host: "
	"127.0.0.1}]}]\n"
	"  smarthost: [{name: hub, host: 127.0.0.1}]\n";

/* What a stranger may do, and what a client of ours gets. */
static const struct {
	const char *name, *rcpt, *stranger, *trusted;
} rows[] = {
	{"a route", "sales@ours.example", "sales@ours.example>sales", NULL},
	{"a route, extended", "Sales+x@OURS.example",
	 "Sales+x@ours.example>sales", NULL},
	{"a domain's route", "x@inner.example", "x@inner.example>inner", NULL},
	{"nobody", "x@ours.example", "unknown", NULL},
	{"by_domain is none of ours", "x@sub.inner.example", "unknown", NULL},
	{"a domain above ours", "x@example", "foreign", "x@example>hub"},
	{"a domain below ours", "x@a.ours.example", "foreign",
	 "x@a.ours.example>hub"},
	{"elsewhere", "x@far.example", "foreign", "x@far.example>hub"},
	{"nowhere", "x@nowhere.example", "foreign", "excluded"},

	{"alias", "root@ours.example", "ann@inner.example>inner", NULL},
	{"alias, letters", "ROOT@ours.example", "ann@inner.example>inner",
	 NULL},
	{"alias, quoted", "\"root\"@ours.example", "ann@inner.example>inner",
	 NULL},
	{"alias, blank in it", "\"quo ted\"@ours.example", "q@far.example>hub",
	 NULL},
	{"alias, extended", "root+x@ours.example", "ann@inner.example>inner",
	 NULL},
	{"quoted, with an extension", "\"root+x\"@ours.example",
	 "ann@inner.example>inner", NULL},
	{"a route, quoted", "\"sales\"@ours.example",
	 "sales@ours.example>sales", NULL},
	{"a route, quoted with an extension", "\"sale\\s+x\"@ours.example",
	 "sales+x@ours.example>sales", NULL},
	{"the exact name first", "anna+fixed@ours.example",
	 "fixed@inner.example>inner", NULL},
	{"aliases of aliases", "team@ours.example",
	 "ann@inner.example>inner ben@far.example>hub "
	 "ann@inner.example>inner",
	 NULL},
	{"the whole address first", "info@ours.example",
	 "ann@inner.example>inner ben@far.example>hub "
	 "ann@inner.example>inner info@far.example>hub",
	 NULL},
	{"the name alone", "info@inner.example", "info@far.example>hub", NULL},
	{"an alias before a route", "ben@ours.example", "unknown", NULL},
	{"alias with a dead end", "half@ours.example", "excluded", NULL},
	{"alias that keeps its own", "anna+x@inner.example",
	 "anna+x@inner.example>inner copy@far.example>hub", NULL},
	{"alias that keeps its own, which is nobody", "anna@ours.example",
	 "unknown", NULL},
	{"alias that keeps one of its own", "self@inner.example", "unknown",
	 NULL},
	{"alias for a bare name", "bare@ours.example",
	 "someone@origin.example>hub", NULL},

	{"a Maildir", "x@box.example", "x@box.example>/m/{local}", NULL},
	{"none has such a name", "\"../x\"@box.example", "unknown", NULL},
	{"a program", "x@prog.example", "x@prog.example>/bin/x {to} {from}",
	 NULL},
	{"an option of the program", "-x@prog.example", "unknown", NULL},

	{"copies", "watched@ours.example",
	 "watched@ours.example>sales archive@far.example>hub! "
	 "ann@inner.example>inner! ben@far.example>hub! "
	 "ann@inner.example>inner! sales@ours.example>sales!",
	 NULL},
	{"copies once", "both@ours.example",
	 "watched@ours.example>sales watched+x@ours.example>sales "
	 "archive@far.example>hub! ann@inner.example>inner! "
	 "ben@far.example>hub! ann@inner.example>inner! "
	 "sales@ours.example>sales!",
	 NULL},

	{"postmaster", "postmaster@ours.example", "boss@inner.example>inner",
	 NULL},
	{"postmaster elsewhere of ours", "PostMaster@sub.inner.example",
	 "boss@inner.example>inner", NULL},
	{"postmaster alone", "postmaster", "boss@inner.example>inner", NULL},
	{"postmaster alone, in capitals", "POSTMASTER",
	 "boss@inner.example>inner", NULL},
	{"postmaster of the host", "postmaster@relay.example.org", "foreign",
	 "boss@inner.example>inner"},
	{"postmaster of others", "postmaster@far.example", "foreign",
	 "postmaster@far.example>hub"},
	{"postmaster, quoted", "\"postmaster\"@ours.example",
	 "boss@inner.example>inner", NULL},

	{"the host's name", "root@relay.example.org", "foreign",
	 "ann@inner.example>inner"},
	{"the host, no alias", "x@relay.example.org", "foreign",
	 "x@relay.example.org>hub"},
	{"localhost", "root@localhost", "foreign", "ann@inner.example>inner"},
	{"localhost, nobody", "x@localhost", "foreign", "unknown"},
	{"localhost, by a route", "pinned@localhost", "foreign",
	 "pinned@localhost>here"},
	{"bare alias", "root", "no_domain", "ann@inner.example>inner"},
	{"bare name", "x", "no_domain", "x@origin.example>hub"},

	{"percent", "x%far.example@ours.example", "source", "unknown"},
	{"percent to a domain's route", "x%far.example@inner.example", "source",
	 "x%far.example@inner.example>inner"},
	{"percent in quotes", "\"x%far.example\"@inner.example", "source",
	 "x%far.example@inner.example>inner"},
	{"bang", "far.example!x@inner.example", "source",
	 "far.example!x@inner.example>inner"},
	{"at in quotes", "\"x@far.example\"@inner.example", "source",
	 "\"x@far.example\"@inner.example>inner"},
	{"at by backslash", "\"x\\@far.example\"@inner.example", "source",
	 "\"x@far.example\"@inner.example>inner"},
	{"two tricks", "x%a!b@far.example", "foreign", "x%a!b@far.example>hub"},
	{"extension with percent", "anna+x%far.example@ours.example", "source",
	 "unknown"},
	{"literal of ours", "x@[127.0.0.1]", "foreign", "x@[127.0.0.1]>hub"},
	{"postmaster at a literal", "postmaster@[127.0.0.1]", "foreign",
	 "postmaster@[127.0.0.1]>hub"},
	{"literal, IPv6", "x@[IPv6:::1]", "foreign", "x@[IPv6:::1]>hub"},
};

static struct config *
conf_new(void)
{
	struct config *c = NULL;
	struct conf_errors e;

	conf_errors_init(&e);
	if (config_load_text("t", conf_text, strlen(conf_text), &c, &e) < 0)
		conf_errors_print(&e, stderr);
	assert_int_equal(e.total, 0);
	conf_errors_done(&e);
	return c;
}

static struct routing *
routing_make(void)
{
	struct config *c = conf_new();
	struct routing_sources from = config_routing(c);
	struct routing *r = NULL;
	struct conf_errors e;

	conf_errors_init(&e);
	assert_int_equal(routing_new(&from, &e, &r), 0);
	conf_errors_done(&e);
	config_unref(&c);
	return r;
}

/* "address>destination address>destination!" with ! at a copy, or the name of a
 * refusal. */
static const char *
expanded(const struct routing *r, const char *sender, const char *rcpt,
	 bool trusted, struct arena *arena)
{
	enum expand_result result;
	const char *why, *text = "";
	struct expansion ex;
	struct address a;

	assert_int_equal(address_parse_bare(rcpt, arena, &a, &why), 0);
	result = expand_rcpt(r, sender, &a, trusted, arena, &ex);
	if (result != EXPAND_OK)
		return expand_result_names[result];
	for (size_t i = 0; i < ex.n; i++)
		text = arena_printf(arena, "%s%s%s>%s%s", text, i ? " " : "",
				    ex.v[i].address, ex.v[i].route.dest,
				    ex.v[i].copy ? "!" : "");
	return text;
}

static void
test_rows(void **state)
{
	struct routing *r = routing_make();
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *want[2] = {rows[i].stranger, rows[i].trusted};
		struct arena arena;

		if (want[1] == NULL)
			want[1] = want[0];
		arena_init(&arena);
		for (int trusted = 0; trusted < 2; trusted++) {
			const char *got = expanded(r, "", rows[i].rcpt,
						   trusted == 1, &arena);

			if (strcmp(got, want[trusted]) == 0)
				continue;
			print_error("%s (%s): %s\n", rows[i].name,
				    trusted ? "trusted" : "stranger", got);
			failed++;
		}
		arena_done(&arena);
	}
	routing_unref(&r);
	assert_int_equal(failed, 0);
}

/* What no route takes goes the way of the message's sender, copies too. */
static void
test_senders(void **state)
{
	static const struct {
		const char *sender, *gives;
	} row[] = {
		{"", "watched@ours.example>sales archive@far.example>hub! "
		     "ann@inner.example>inner! ben@far.example>hub! "
		     "ann@inner.example>inner! sales@ours.example>sales!"},
		{"x@shop.example",
		 "watched@ours.example>sales archive@far.example>shop! "
		 "ann@inner.example>inner! ben@far.example>shop! "
		 "ann@inner.example>inner! sales@ours.example>sales!"},
	};
	struct routing *r = routing_make();

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct arena arena;

		arena_init(&arena);
		assert_string_equal(expanded(r, row[i].sender,
					     "watched@ours.example", false,
					     &arena),
				    row[i].gives);
		arena_done(&arena);
	}
	routing_unref(&r);
}

/* Chains and sums have ceilings, told of when the table is made. */
static void
test_ceilings(void **state)
{
	static const struct {
		const char *name, *says;
		int chain, wide;
	} row[] = {
		{"a long chain", NULL, 19, 0},
		{"one too long", "leads over more than 20 names", 21, 0},
		{"far too long", "leads over more than 20 names", 500, 0},
		{"many", NULL, 0, 100},
		{"too many", "stands for more than 1000 addresses", 0, 101},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct config *c = NULL;
		struct conf_errors e;
		char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		fputs("hostname: a.example\ndelivery: {smarthost: [{host: "
		      "b.example}]}\naliases:\n  end: [x@b.example]\n",
		      f);
		for (int n = 0; n < row[i].chain; n++)
			fprintf(f, "  a%d: [a%d]\n", n, n + 1);
		fputs("  ten: [end, end, end, end, end, end, end, end, end, "
		      "end]\n  wide: [ten",
		      f);
		for (int n = 1; n < row[i].wide; n++)
			fputs(", ten", f);
		fputs("]\n", f);
		fclose(f);
		conf_errors_init(&e);
		config_load_text("t", text, strlen(text), &c, &e);
		if ((row[i].says != NULL) != (e.total == 1) ||
		    (row[i].says != NULL &&
		     strstr(e.v[0].text, row[i].says) == NULL))
			fail_msg("%s: %s", row[i].name,
				 e.n > 0 ? e.v[0].text : "nothing");
		conf_errors_done(&e);
		config_unref(&c);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_senders),
		cmocka_unit_test(test_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
