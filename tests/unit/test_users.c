#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/users.h"

#define KEYS                                                                   \
	"scram: {salt: \"W22ZaJ0SNY7soEsUEjb6gQ==\", "                         \
	"stored: \"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=\", "           \
	"server: \"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\"}"
#define PRINT "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd"
#define HASH  "password: \"$y$j9T$nFrf4QjyMwxBUmhT7GB2G1$x\""

static struct config *
config(void)
{
	static const char text[] =
		"hostname: relay1.example.org\n"
		"networks: {office: [192.0.2.0/24]}\n"
		"alerts: {mail: [a@b.example], people: {anna: {mail: "
		"anna@b.example}}}\n"
		"delivery: {smarthost: [{host: smtp.example.net}]}\n";
	struct config *c = NULL;
	struct conf_errors e;

	conf_errors_init(&e);
	assert_int_equal(config_load_text("t", text, strlen(text), &c, &e), 0);
	conf_errors_done(&e);
	return c;
}

/* *RET_SAID is the caller's. */
static struct users *
load(const char *text, char **ret_said)
{
	struct config *c = config();
	struct users *u = NULL;
	struct conf_errors e;
	size_t len;
	FILE *f = open_memstream(ret_said, &len);
	int r;

	conf_errors_init(&e);
	r = users_load_text(c, "u", text, strlen(text), &e, &u);
	assert_int_equal(r, e.total > 0 ? -EINVAL : 0);
	assert_int_equal(u != NULL, r == 0);
	conf_errors_print(&e, f);
	fclose(f);
	conf_errors_done(&e);
	config_unref(&c);
	return u;
}

/* The file that `users_file` names: the place is where it is named. */
static void
says_where_it_is_named(void **state)
{
	static const char text[] =
		"hostname: relay1.example.org\n"
		"users_file: /nowhere/users.yaml\n"
		"delivery: {smarthost: [{host: smtp.example.net}]}\n";
	struct config *c = NULL;
	struct users *u = NULL;
	struct conf_errors e;

	(void)state;
	conf_errors_init(&e);
	assert_int_equal(config_load_text("t", text, strlen(text), &c, &e), 0);
	assert_int_equal(users_load(c, &e, &u), -EINVAL);
	assert_int_equal(e.n, 1);
	assert_string_equal(e.v[0].mark.file, "t");
	assert_int_equal(e.v[0].mark.line, 2);
	assert_string_equal(
		e.v[0].text,
		"`users_file`: /nowhere/users.yaml can't be read: No such file "
		"or directory; `belfry password --user NAME` makes an entry "
		"for "
		"it");
	conf_errors_done(&e);
	config_unref(&c);
}

static const struct {
	const char *name, *text, *says;
} rows[] = {
	{"nobody", "", ""},
	{"by password", "anna: {" HASH "}\n", ""},
	{"by scram", "anna@example.org: {" KEYS "}\n", ""},
	{"any name", "\"include\": {" HASH "}\n'a b': {" HASH "}\n", ""},
	{"a list", "- anna\n",
	 "u:1:1: a configuration is a section of `key: value` lines, with a "
	 "space behind each colon\n"},
	{"no way in", "anna: {senders: [a.example]}\n",
	 "u:1:1: there is no way to log in: give `password`, "
	 "`scram`, `certificates` or `token_file`\n"},
	{"an empty entry", "anna: {" HASH "}\nben:\n",
	 "u:2:1: an empty section; leave it out\n"},
	{"an unknown key", "anna: {" HASH ", sender: [a.example]}\n",
	 "u:1:53: unknown key `sender`; did you mean `senders`?\n"},
	{"twice", "anna: {" HASH "}\nanna: {" HASH "}\n",
	 "u:2:1: `anna` is given twice; the first is in line 1\n"},
	{"a name that can't be", "\"a\\nb\": {" HASH "}\n",
	 "u:1:1: a name is UTF-8 without control characters, of 1 to 255 "
	 "bytes\n"},
	{"a password in clear", "anna: {password: secret}\n",
	 "u:1:18: `password` is a hash of crypt(5) that is still good, like "
	 "yescrypt's; `belfry password` makes one\n"},
	{"a weak hash",
	 "anna: {password: \"$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/\"}\n",
	 "u:1:18: `password` is a hash of crypt(5) that is still good, like "
	 "yescrypt's; `belfry password` makes one\n"},
	{"half of the keys", "anna: {scram: {salt: \"YWJj\"}}\n",
	 "u:1:15: `scram` has a `salt` and the two keys `stored` and `server` "
	 "of 32 bytes, in base64; `belfry password` makes them\n"},
	{"a short key",
	 "anna: {scram: {salt: \"YWJj\", stored: \"YWJj\", server: "
	 "\"YWJj\"}}\n",
	 "u:1:15: `scram` has a `salt` and the two keys `stored` and `server` "
	 "of 32 bytes, in base64; `belfry password` makes them\n"},
	{"a pattern that is none", "anna: {" HASH ", senders: ['/(/']}\n",
	 "u:1:63: `/(/` is no pattern: "},
	{"an unknown network", "anna: {" HASH ", networks: [home]}\n",
	 "u:1:64: no network is called `home`; the names are those in "
	 "`networks`, and `loopback`\n"},
	{"a person", "anna: {" HASH ", person: ben}\n",
	 "u:1:61: there is no person in `alerts.people` called `ben`\n"},
	{"a right", "anna: {" HASH ", rights: [read, write]}\n",
	 "u:1:68: `rights` lists submit, post, read, act and admin, not "
	 "`write`\n"},
	{"no such token", "anna: {token_file: /nowhere/token}\n", "u:1:20: "},
	{"two tokens", "anna: {token_file: /a, token_env: B}\n", "u:1:"},
	{"the same token",
	 "anna: {token_env: USERS_TOKEN}\n"
	 "ben: {token_env: USERS_TOKEN}\n",
	 "u:2:18: `anna` and `ben` have the same token; each needs one of its "
	 "own\n"},
	{"no fingerprint", "anna: {certificates: [AB:CD]}\n",
	 "u:1:23: a fingerprint is SHA-256, 64 digits with or without colons"},
	{"a certificate twice",
	 "anna: {certificates: [" PRINT "]}\n"
	 "ben: {certificates: [" PRINT "]}\n",
	 "u:2:22: this certificate is given twice, first as one of `anna`\n"},
	{"a class", "anna: {" HASH ", class: alert}\n",
	 "u:1:60: `class` can't be `alert`; one of listener, by_header, "
	 "normal, bulk\n"},
};

static void
test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *said;
		struct users *u = load(rows[i].text, &said);

		print_message("%s\n", rows[i].name);
		if (strncmp(said, rows[i].says, strlen(rows[i].says)) != 0 ||
		    (rows[i].says[0] == '\0' && said[0] != '\0'))
			fail_msg("it says: %s", said);
		assert_null(strstr(said, "saltsalt"));
		users_free(&u);
		free(said);
	}
}

static bool
may_send(const struct user *user, const char *text)
{
	struct address a;
	struct arena arena;
	const char *why;
	bool may;

	arena_init(&arena);
	assert_int_equal(address_parse(text, &arena, &a, &why), 0);
	may = user_may_send(user, &a);
	arena_done(&arena);
	return may;
}

static bool
may_come(const struct user *user, const char *ip)
{
	struct sockaddr_any a;

	assert_int_equal(sockaddr_parse_ip(ip, 1, &a), 0);
	return user_may_come_from(user, &a);
}

static void
test_questions(void **state)
{
	char *said;
	struct users *u = load(
		"anna: {" HASH "}\n"
		"app: {" KEYS ", senders: [a.example, x@b.example], networks: "
		"[office, loopback], rate: 10/1m, daily: 5, class: bulk}\n"
		"prometheus: {token_env: USERS_TOKEN, rights: [read]}\n"
		"ben: {" HASH ", rights: [post, act]}\n"
		"boss: {" HASH ", rights: [admin], person: anna}\n"
		"site: {certificates: [" PRINT "]}\n",
		&said);
	const struct user *anna = users_find(u, "anna"),
			  *app = users_find(u, "app");
	struct sockaddr_any local = {.ss.ss_family = AF_UNIX};

	(void)state;
	assert_string_equal(said, "");
	free(said);
	assert_null(users_find(u, "Anna"));
	assert_null(users_find(u, ""));
	assert_null(users_find(NULL, "anna"));
	assert_int_equal(anna->rights, USER_SUBMIT);
	assert_int_equal(anna->class, USER_CLASS_LISTENER);
	assert_false(anna->has_scram);
	assert_false(user_has_senders(anna));
	assert_true(may_send(anna, "anybody@anywhere.example"));
	assert_true(may_come(anna, "198.51.100.1"));

	assert_string_equal(app->password, "");
	assert_true(app->has_scram);
	assert_int_equal(app->scram.iterations, SCRAM_ITERATIONS);
	assert_string_equal(app->scram.salt, "W22ZaJ0SNY7soEsUEjb6gQ==");
	assert_int_equal(app->rate.n, 10);
	assert_int_equal(app->daily, 5);
	assert_int_equal(app->class, CONFIG_CLASS_BULK);
	assert_true(user_has_senders(app));
	assert_true(may_send(app, "any@a.example"));
	assert_false(may_send(app, "any@sub.a.example"));
	assert_true(may_send(app, "x+1@b.example"));
	assert_false(may_send(app, "y@b.example"));
	assert_true(may_come(app, "192.0.2.77"));
	assert_true(may_come(app, "::1"));
	assert_false(may_come(app, "198.51.100.1"));
	assert_true(user_may_come_from(app, &local));

	assert_ptr_equal(users_find_token(u, "to ken"),
			 users_find(u, "prometheus"));
	assert_null(users_find_token(u, "to ken "));
	assert_null(users_find_token(u, ""));
	assert_true(users_have_certificates(u));
	assert_ptr_equal(
		users_find_certificate(
			u, "AB:CD:EF:AB:CD:EF:AB:CD:EF:AB:CD:EF:AB:CD:EF:AB:"
			   "CD:EF:AB:CD:EF:AB:CD:EF:AB:CD:EF:AB:CD:EF:AB:CD"),
		users_find(u, "site"));
	assert_null(users_find_certificate(u, "AB"));
	assert_string_equal(users_hash_like(u, "nobody"), anna->password);
	assert_null(users_hash_like(NULL, "nobody"));
	assert_int_equal(users_find(u, "prometheus")->rights, USER_READ);
	assert_int_equal(users_find(u, "ben")->rights, USER_POST | USER_ACT);
	assert_int_equal(users_find(u, "boss")->rights, USER_READ | USER_ADMIN);
	assert_string_equal(users_find(u, "boss")->person, "anna");
	assert_string_equal(anna->person, "");
	users_free(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_where_it_is_named),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_questions),
	};

	setenv("USERS_TOKEN", "to ken", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
