/*
 * The parts of belfry-milter that need no mail server.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "milter/field.h"
#include "milter/header_copy.h"
#include "milter/ours.h"

/* --- the header, octet by octet ------------------------------------------------- */

static const struct {
	const char *name;
	bool raw;
	const char *field, *value, *expect;
} header_rows[] = {
	{"as it was", true, "Subject", " hello", "Subject: hello\r\n"},
	{"no space", true, "Subject", "hello", "Subject:hello\r\n"},
	{"a tab, and two spaces behind", true, "X", "\thello  ",
	 "X:\thello  \r\n"},
	{"folded by LF", true, "To", " a,\n\tb,\n c",
	 "To: a,\r\n\tb,\r\n c\r\n"},
	{"folded by CRLF", true, "To", " a,\r\n\tb", "To: a,\r\n\tb\r\n"},
	{"folded behind the colon", true, "X", "\n v", "X:\r\n v\r\n"},
	{"a CR that ends nothing", true, "X", " a\rb\r", "X: a\rb\r\r\n"},
	{"nothing", true, "X", "", "X:\r\n"},
	{"8 bit", true, "X", " \xc3\xbc\xff", "X: \xc3\xbc\xff\r\n"},
	{"without the leading space", false, "Subject", "hello",
	 "Subject: hello\r\n"},
	{"and folded", false, "X", "a\n b", "X: a\r\n b\r\n"},
};

static void
test_header(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(header_rows) / sizeof(*header_rows);
	     i++) {
		struct header_copy h;

		header_copy_init(&h, header_rows[i].raw, 1024);
		header_copy_field(&h, header_rows[i].field,
				  header_rows[i].value);
		if (strcmp(buf_str(&h.text), header_rows[i].expect) != 0)
			fail_msg("%s: \"%s\"", header_rows[i].name,
				 buf_str(&h.text));
		assert_false(h.too_long);
		header_copy_done(&h);
	}
}

static void
test_header_ceiling(void **state)
{
	struct header_copy h;

	(void)state;
	header_copy_init(&h, true, 20);
	header_copy_field(&h, "A", " 12345678901");
	assert_int_equal(h.text.len, 16);
	header_copy_field(&h, "B", "\n 1");
	assert_true(h.too_long);
	assert_string_equal(buf_str(&h.text), "A: 12345678901\r\n");
	/* What comes behind it has no place either. */
	header_copy_field(&h, "C", "");
	header_copy_end(&h);
	assert_int_equal(h.text.len, 16);
	header_copy_done(&h);

	header_copy_init(&h, true, 5);
	header_copy_field(&h, "A", " ");
	header_copy_end(&h);
	assert_true(h.too_long);
	header_copy_done(&h);
}

/* --- whose it is ------------------------------------------------------------------ */

#define OURS                                                                   \
	"hostname: mx.example.org\nnetworks: {servers: [10.1.0.0/16]}\n"       \
	"delivery: {smarthost: [{host: smtp.example.net}]}\n"
#define SOME                                                                   \
	OURS "milter: {ours: {networks: [servers], daemons: [ORIGINATING]}}\n"

static const struct {
	const char *name, *conf, *ip, *auth_type, *daemon, *expect;
} ours_rows[] = {
	{"a stranger", SOME, "192.0.2.1", NULL, NULL, NULL},
	{"of a network", SOME, "10.1.2.3", NULL, NULL, "network"},
	{"beside it", SOME, "10.2.2.3", NULL, NULL, NULL},
	{"loopback is not in this list", SOME, "127.0.0.1", NULL, NULL, NULL},
	{"but by default", OURS, "127.0.0.1", NULL, NULL, "network"},
	{"of IPv6, too", OURS, "::1", NULL, NULL, "network"},
	{"a unix socket is loopback", OURS, NULL, NULL, NULL, "network"},
	{"and not", SOME, NULL, NULL, NULL, NULL},
	{"not told", OURS, "", NULL, NULL, NULL},
	{"logged in", SOME, "192.0.2.1", "PLAIN", NULL, "authenticated"},
	{"an empty macro", SOME, "192.0.2.1", "", NULL, NULL},
	{"not asked for", OURS "milter: {ours: {authenticated: false}}\n",
	 "192.0.2.1", "PLAIN", NULL, NULL},
	{"by the daemon", SOME, "192.0.2.1", NULL, "ORIGINATING", "daemon"},
	{"another daemon", SOME, "192.0.2.1", NULL, "originating", NULL},
	{"none listed", OURS, "192.0.2.1", NULL, "ORIGINATING", NULL},
};

static struct config *
load(const char *text)
{
	struct conf_errors e;
	struct config *c;

	conf_errors_init(&e);
	if (config_load_text("t", text, strlen(text), &c, &e) < 0)
		fail_msg("%s", e.v[0].text);
	conf_errors_done(&e);
	return c;
}

static void
test_ours(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ours_rows) / sizeof(*ours_rows); i++) {
		struct milter_client client = {
			.auth_type = ours_rows[i].auth_type,
			.daemon_name = ours_rows[i].daemon,
		};
		struct config *c = load(ours_rows[i].conf);
		const char *ip = ours_rows[i].ip, *is;

		if (ip == NULL)
			client.address.ss.ss_family = AF_UNIX;
		else if (ip[0] != '\0')
			assert_int_equal(
				sockaddr_parse_ip(ip, 0, &client.address), 0);
		is = milter_is_ours(&c->milter.ours, &client);
		if ((is == NULL) != (ours_rows[i].expect == NULL) ||
		    (is != NULL && strcmp(is, ours_rows[i].expect) != 0))
			fail_msg("%s: %s", ours_rows[i].name,
				 is != NULL ? is : "not ours");
		config_unref(&c);
	}
}

/* --- fields and replies ------------------------------------------------------------ */

static void
test_fields(void **state)
{
	static const char fields[] = "DKIM-Signature: v=1;\r\n\tb=x\r\n"
				     "X:y\r\n";
	struct arena arena;
	char *name, *value;
	size_t at = 0;

	(void)state;
	arena_init(&arena);
	assert_true(milter_next_field(fields, sizeof(fields) - 1, &at, true,
				      &arena, &name, &value));
	assert_string_equal(name, "DKIM-Signature");
	assert_string_equal(value, " v=1;\n\tb=x");
	assert_true(milter_next_field(fields, sizeof(fields) - 1, &at, true,
				      &arena, &name, &value));
	assert_string_equal(name, "X");
	assert_string_equal(value, "y");
	assert_false(milter_next_field(fields, sizeof(fields) - 1, &at, true,
				       &arena, &name, &value));
	/* The mail server adds the space itself. */
	assert_string_equal(milter_value(" a\r\n\tb", 6, false, &arena),
			    "a\n\tb");
	assert_string_equal(milter_value("", 0, false, &arena), "");
	arena_done(&arena);
}

static void
test_reply_text(void **state)
{
	struct arena arena;
	struct reply r;
	char *text;

	(void)state;
	arena_init(&arena);
	reply_set(&r, 550, "5.7.1", "100%% sure\nof %%s");
	assert_string_equal(milter_reply_text(&r, &arena), "100%% sure of %%s");
	memset(r.text, '%', sizeof(r.text) - 1);
	r.text[sizeof(r.text) - 1] = '\0';
	text = milter_reply_text(&r, &arena);
	assert_in_range(strlen(text), 890, 980);
	assert_int_equal(strlen(text) % 2, 0);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_header_ceiling),
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_reply_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
