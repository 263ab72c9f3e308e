#include "mail/xclient.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

static const struct {
	const char *name, *args;
	bool forward;
	const char *wanted; /* "NAME=value ..." of what is given; NULL: refused
			     */
} rows[] = {
	{"an address", "ADDR=192.0.2.1", false, "ADDR=192.0.2.1 "},
	{"IPv6", "ADDR=IPV6:2001:db8::1", false, "ADDR=2001:db8::1 "},
	{"IPv6 without its mark", "ADDR=2001:db8::1", true,
	 "ADDR=2001:db8::1 "},
	{"small letters", "addr=192.0.2.1 proto=esmtp", false,
	 "ADDR=192.0.2.1 PROTO=esmtp "},
	{"all of XCLIENT",
	 "NAME=c.example.org ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP "
	 "HELO=helo.example.org LOGIN=anna+40example.org",
	 false,
	 "NAME=c.example.org ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP "
	 "HELO=helo.example.org LOGIN=anna@example.org "},
	{"all of XFORWARD",
	 "NAME=c.example.org ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP "
	 "HELO=[192.0.2.1] IDENT=4bkLX91 SOURCE=REMOTE",
	 true,
	 "NAME=c.example.org ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP "
	 "HELO=[192.0.2.1] IDENT=4bkLX91 SOURCE=REMOTE "},
	{"not known", "NAME=[UNAVAILABLE] ADDR=[TEMPUNAVAIL]", false,
	 "NAME= ADDR= "},
	{"the last one counts", "HELO=a HELO=b", false, "HELO=b "},
	{"two blanks", "HELO=a  PORT=1", false, "PORT=1 HELO=a "},
	{"another protocol is forwarded", "PROTO=UUCP", true, "PROTO=UUCP "},
	{"another protocol", "PROTO=UUCP", false, NULL},
	{"IDENT of XCLIENT", "IDENT=x", false, NULL},
	{"LOGIN of XFORWARD", "LOGIN=x", true, NULL},
	{"no attribute", "REVERSE_NAME=x.example.org", false, NULL},
	{"no value", "NAME=", false, NULL},
	{"no equals sign", "NAME", false, NULL},
	{"a name that is none", "NAME=a_b!", false, NULL},
	{"a literal is no name", "NAME=[192.0.2.1]", false, NULL},
	{"an address that is none", "ADDR=192.0.2", false, NULL},
	{"an address that is a name", "ADDR=localhost", false, NULL},
	{"port 0", "PORT=0", false, NULL},
	{"port 65536", "PORT=65536", false, NULL},
	{"no xtext", "HELO=a+b", false, NULL},
	{"a line end in xtext", "HELO=a+0D+0AMAIL", false, NULL},
	{"no source", "SOURCE=ELSEWHERE", true, NULL},
};

static void
given(const struct xclient *x, char *ret, size_t size)
{
	static const char *const names[] = {"NAME", "ADDR",  "PORT",  "PROTO",
					    "HELO", "LOGIN", "IDENT", "SOURCE"};

	ret[0] = '\0';
	for (int i = 0; i < XCLIENT_NATTR; i++)
		if (xclient_has(x, (enum xclient_attr)i))
			snprintf(ret + strlen(ret), size - strlen(ret),
				 "%s=%s ", names[i], x->value[i]);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct xclient x = {.given = 0};
		struct reply reply;
		char got[1024];
		int r = xclient_parse(rows[i].args, rows[i].forward, &x,
				      &reply);

		print_message("%s\n", rows[i].name);
		assert_int_equal(r, rows[i].wanted != NULL ? 0 : -EINVAL);
		if (r < 0) {
			assert_int_equal(reply.code, 501);
			continue;
		}
		given(&x, got, sizeof(got));
		assert_string_equal(got, rows[i].wanted);
	}
}

static const struct {
	const char *name, *args;
	enum xforward_whose whose;
	const char *wanted;
} forwarded[] = {
	{"a client", "NAME=c.example.org ADDR=192.0.2.1 SOURCE=REMOTE",
	 XFORWARD_CLIENTS, "NAME=c.example.org ADDR=192.0.2.1 SOURCE=REMOTE "},
	{"made there",
	 "NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE] "
	 "SOURCE=LOCAL",
	 XFORWARD_LOCAL, "NAME= ADDR= HELO= SOURCE=LOCAL "},
	{"a client of its own", "ADDR=192.0.2.1 SOURCE=local", XFORWARD_LOCAL,
	 "ADDR=192.0.2.1 SOURCE=local "},
	{"not known", "ADDR=[UNAVAILABLE] SOURCE=REMOTE", XFORWARD_NOBODYS,
	 "ADDR= SOURCE=REMOTE "},
	{"not said", "IDENT=4bkLX91", XFORWARD_NOBODYS, "IDENT=4bkLX91 "},
	{"behind a bad name", "NAME=-bad.x ADDR=192.0.2.7", XFORWARD_CLIENTS,
	 "NAME= ADDR=192.0.2.7 "},
	{"behind no attribute", "X ADDR=192.0.2.7", XFORWARD_CLIENTS,
	 "ADDR=192.0.2.7 "},
	{"behind an unknown one", "LOGIN=x ADDR=192.0.2.7", XFORWARD_CLIENTS,
	 "ADDR=192.0.2.7 "},
	{"a bad one behind a good one", "ADDR=192.0.2.7 ADDR=192.0.2.",
	 XFORWARD_NOBODYS, "ADDR= "},
	{"a bad source behind a good one", "SOURCE=LOCAL SOURCE=MOON",
	 XFORWARD_NOBODYS, "SOURCE= "},
};

/* Refused or not: nothing of it is another's. */
static void
test_whose(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
		struct xclient x = {.given = 0};
		struct reply reply;
		char got[1024];

		print_message("%s\n", forwarded[i].name);
		(void)xclient_parse(forwarded[i].args, true, &x, &reply);
		given(&x, got, sizeof(got));
		assert_string_equal(got, forwarded[i].wanted);
		assert_int_equal(xforward_whose(&x), forwarded[i].whose);
	}
}

/* What is said is what is wrong first. */
static void
test_first(void **state)
{
	struct xclient x = {.given = 0};
	struct reply reply;

	(void)state;
	assert_int_equal(xclient_parse("NAME=-x PORT=0", true, &x, &reply),
			 -EINVAL);
	assert_string_equal(reply.text, "bad value of NAME");
}

static void
test_length(void **state)
{
	char args[XCLIENT_MAX + 16] = "HELO=";
	struct xclient x = {.given = 0};
	struct reply reply;

	(void)state;
	memset(args + 5, 'a', XCLIENT_MAX - 1);
	assert_int_equal(xclient_parse(args, false, &x, &reply), 0);
	assert_int_equal(strlen(x.value[XCLIENT_HELO]), XCLIENT_MAX - 1);
	args[5 + XCLIENT_MAX - 1] = 'a';
	assert_int_equal(xclient_parse(args, false, &x, &reply), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
