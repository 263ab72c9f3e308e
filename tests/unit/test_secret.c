#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/xalloc.h"

/* Files of a folder of our own. */
static char dir[] = "/tmp/test_secret.XXXXXX";

static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void
file_put(const char *path, const char *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

struct one {
	struct secret_conf key;
	struct conf_mark mark;
};

static bool
one_check(void *field, const struct conf_mark *mark, struct conf_errors *e)
{
	(void)mark;
	return secret_check(&((struct one *)field)->key, "key", e);
}

static const struct conf_option one_options[] = {
	SECRET_OPTIONS("key", struct one, key, "the key", "/etc/belfry/key"),
	{.name = NULL},
};
static const struct conf_table one_table = {
	.size = sizeof(struct one),
	.options = one_options,
	.check = one_check,
};

/* --- what a file says ------------------------------------------------------- */

static const struct content_row {
	const char *name, *bytes;
	size_t len;
	mode_t mode;
	int r;
	const char *says; /* the secret, or a part of why */
} content_rows[] = {
	{"plain", "abc", 3, 0600, 0, "abc"},
	{"one newline is dropped", "abc\n", 4, 0640, 0, "abc"},
	{"only one", "abc\n\n", 5, 0600, 0, "abc\n"},
	{"a CR is the secret's", "abc\r\n", 5, 0600, 0, "abc\r"},
	{"any byte", "\xff \x01$#%", 6, 0600, 0, "\xff \x01$#%"},
	{"empty", "", 0, 0600, -ENODATA, "is empty"},
	{"only a newline", "\n", 1, 0600, -ENODATA, "is empty"},
	{"NUL", "a\0b", 3, 0600, -EINVAL, "has a NUL byte"},
	{"the world reads", "abc", 3, 0604, -EPERM,
	 "everybody on this machine "
	 "can read"},
	{"the world writes", "abc", 3, 0602, -EPERM,
	 "everybody on this machine can write"},
};

static void
test_contents(void **state)
{
	char *path = path_of("content");

	(void)state;
	for (size_t i = 0; i < sizeof(content_rows) / sizeof(*content_rows);
	     i++) {
		const struct content_row *row = &content_rows[i];
		struct secret_conf conf = {.file = {.text = path},
					   .env = {.text = ""}};
		struct secret *s = NULL;
		char *why;

		print_message("%s\n", row->name);
		file_put(path, row->bytes, row->len, row->mode);
		assert_int_equal(secret_load(&conf, SECRETS_REFUSE, &s, &why),
				 row->r);
		if (row->r == 0) {
			assert_null(why);
			assert_int_equal(s->len, strlen(row->says));
			assert_string_equal(s->bytes, row->says);
		} else {
			assert_null(s);
			assert_non_null(strstr(why, row->says));
			assert_non_null(strstr(why, path));
		}
		secret_free(&s);
		free(why);
	}
	unlink(path);
	free(path);
}

static void
test_size(void **state)
{
	char *path = path_of("large"), *bytes = xmalloc(SECRET_MAX + 2), *why;
	struct secret_conf conf = {.file = {.text = path}, .env = {.text = ""}};
	struct secret *s = NULL;

	(void)state;
	memset(bytes, 'x', SECRET_MAX + 2);
	file_put(path, bytes, SECRET_MAX + 1, 0600);
	assert_int_equal(secret_load(&conf, SECRETS_REFUSE, &s, &why), -EFBIG);
	free(why);
	bytes[SECRET_MAX] = '\n';
	file_put(path, bytes, SECRET_MAX + 2, 0600);
	assert_int_equal(secret_load(&conf, SECRETS_REFUSE, &s, &why), -EFBIG);
	free(why);
	file_put(path, bytes, SECRET_MAX + 1, 0600);
	assert_int_equal(secret_load(&conf, SECRETS_REFUSE, &s, &why), 0);
	assert_int_equal(s->len, SECRET_MAX);
	secret_free(&s);
	unlink(path);
	free(path);
	free(bytes);
}

/* --- whose it is ------------------------------------------------------------ */

static void
test_warn(void **state)
{
	char *path = path_of("open"), *why;
	struct secret_conf conf = {.file = {.text = path}, .env = {.text = ""}};
	struct secret *s = NULL;

	(void)state;
	file_put(path, "abc", 3, 0644);
	assert_int_equal(secret_load(&conf, SECRETS_WARN, &s, &why), 0);
	assert_string_equal(s->bytes, "abc");
	assert_non_null(strstr(why, "chmod o="));
	free(why);
	secret_free(&s);
	unlink(path);
	free(path);
}

/* Below $CREDENTIALS_DIRECTORY, and not only by the look of the path. */
static void
test_credentials(void **state)
{
	char *home = path_of("credentials"), *in = path_of("credentials/key");
	char *out = path_of("outside"), *link = path_of("credentials/link");
	const struct {
		const char *name, *file;
		int r;
	} rows[] = {
		{"by its name", "key", 0},
		{"by its path", in, 0},
		{"a link that leads out", "link", -EPERM},
		{"there is none", "other", -ENOENT},
		{"outside", out, -EPERM},
	};

	(void)state;
	assert_int_equal(mkdir(home, 0700), 0);
	file_put(in, "abc\n", 4, 0444);
	file_put(out, "abc\n", 4, 0444);
	assert_int_equal(symlink(out, link), 0);
	setenv("CREDENTIALS_DIRECTORY", home, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct secret_conf conf = {.file = {.text = rows[i].file},
					   .env = {.text = ""}};
		struct secret *s = NULL;
		char *why;

		print_message("%s\n", rows[i].name);
		assert_int_equal(secret_load(&conf, SECRETS_REFUSE, &s, &why),
				 rows[i].r);
		assert_true((s != NULL) == (rows[i].r == 0));
		free(why);
		secret_free(&s);
	}
	unsetenv("CREDENTIALS_DIRECTORY");
	unlink(link);
	unlink(in);
	unlink(out);
	rmdir(home);
	free(link);
	free(out);
	free(in);
	free(home);
}

/* In a process of its own that is nobody: which sentence, 0 the right one. */
static int
denied_as_nobody(const struct secret_conf *conf, const char *says)
{
	struct secret *s = NULL;
	char *why = NULL;

	if (setegid(65534) < 0 || seteuid(65534) < 0)
		return 2;
	if (secret_load(conf, SECRETS_REFUSE, &s, &why) != -EACCES)
		return 3;
	return strstr(why, says) != NULL ? 0 : 1;
}

static void
denied(const char *path, const char *says)
{
	struct secret_conf conf = {.file = {.text = path}, .env = {.text = ""}};
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(denied_as_nobody(&conf, says));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_denied(void **state)
{
	char *sub = path_of("sub"), *path = path_of("sub/key"), *says;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(mkdir(sub, 0755), 0);
	file_put(path, "abc", 3, 0600);
	says = xasprintf("install -o root -g nogroup -m 0640 FILE %s", path);
	denied(path, says);
	free(says);
	assert_int_equal(chmod(sub, 0700), 0);
	says = xasprintf("the folder %s is closed to it", sub);
	denied(path, says);
	free(says);
	assert_int_equal(chmod(dir, 0700), 0);
	unlink(path);
	rmdir(sub);
	free(path);
	free(sub);
}

/* --- in a configuration ----------------------------------------------------- */

static const struct conf_row {
	const char *name, *text;
	const char *error;   /* of the table */
	const char *refused; /* of secret_read() */
	bool looked;         /* and secret_look() finds nothing */
	bool strictly;
	const char *secret;
} conf_rows[] = {
	{"nothing", "{}", NULL, NULL, true, true, NULL},
	{"both", "{key_file: /a, key_env: B}",
	 "c:1:25: `key_file` and `key_env` are two places for one thing; give "
	 "one of them",
	 NULL, false, false, NULL},
	{"relative", "{key_file: a/b}",
	 "c:1:12: `key_file` is a whole path, or the name of a credential of "
	 "systemd, not `a/b`",
	 NULL, false, false, NULL},
	{"with a dollar", "{key_env: $KEY}",
	 "c:1:11: `key_env` is the name of an environment variable, written "
	 "without `$`",
	 NULL, false, false, NULL},
	{"begins with a digit", "{key_env: 1A}",
	 "c:1:11: `key_env` is the name of an environment variable, written "
	 "without `$`",
	 NULL, false, false, NULL},
	{"of the environment", "{key_env: TEST_SECRET}", NULL, NULL, true, true,
	 "from outside"},
	{"not set", "{key_env: TEST_SECRET_NO}", NULL,
	 "c:1:11: `key_env`: the environment variable TEST_SECRET_NO is not "
	 "set",
	 true, false, NULL},
	{"a credential, and no folder", "{key_file: smarthost}", NULL,
	 "c:1:12: `key_file`: smarthost is no whole path, so it is a "
	 "credential of systemd, and there is no $CREDENTIALS_DIRECTORY: write "
	 "the path, or `LoadCredential=smarthost:/etc/belfry/smarthost` in the "
	 "unit",
	 true, false, NULL},
	{"not there", "{key_file: /nowhere/key}", NULL,
	 "c:1:12: `key_file`: /nowhere/key can't be read: No such file or "
	 "directory",
	 false, false, NULL},
	{"no file", "{key_file: /dev/null}", NULL,
	 "c:1:12: `key_file`: /dev/null can't be read: it is no regular file",
	 false, false, NULL},
	{"everybody's", "{key_file: /etc/passwd}", NULL,
	 "c:1:12: `key_file`: everybody on this machine can read /etc/passwd; "
	 "`chmod o= /etc/passwd` mends it, and `secrets: {mode: warn}` takes "
	 "it",
	 false, false, NULL},
};

static void
expect_error(const struct conf_errors *e, const char *text)
{
	char *line;

	assert_int_equal(e->n, text != NULL ? 1 : 0);
	if (text == NULL)
		return;
	line = xasprintf("%s:%d:%d: %s", e->v[0].mark.file, e->v[0].mark.line,
			 e->v[0].mark.column, e->v[0].text);
	assert_string_equal(line, text);
	free(line);
}

static void
conf_row(const struct conf_row *row)
{
	struct conf_errors e, looked;
	struct secret *s = NULL;
	struct arena arena;
	struct one one;

	print_message("%s\n", row->name);
	arena_init(&arena);
	conf_errors_init(&e);
	conf_errors_init(&looked);
	conf_load_text("c", row->text, strlen(row->text), &one_table, &arena,
		       &e, &one);
	expect_error(&e, row->error);
	if (row->error == NULL) {
		secret_read(&one.key, "key", SECRETS_REFUSE, &e, &s);
		expect_error(&e, row->refused);
		assert_true((s != NULL) == (row->secret != NULL));
		if (s != NULL)
			assert_string_equal(s->bytes, row->secret);
		assert_int_equal(secret_look(&one.key, "key", SECRETS_REFUSE,
					     false, &looked),
				 row->looked);
		assert_int_equal(looked.total, row->looked ? 0 : 1);
		assert_int_equal(secret_look(&one.key, "key", SECRETS_REFUSE,
					     true, &looked),
				 row->strictly);
	}
	secret_free(&s);
	conf_errors_done(&looked);
	conf_errors_done(&e);
	arena_done(&arena);
}

static void
test_conf(void **state)
{
	(void)state;
	setenv("TEST_SECRET", "from outside", 1);
	for (size_t i = 0; i < sizeof(conf_rows) / sizeof(*conf_rows); i++)
		conf_row(&conf_rows[i]);
	unsetenv("TEST_SECRET");
}

static void
test_equal(void **state)
{
	struct secret *a = secret_new("abc", 3), *b = secret_new("abc", 3);
	struct secret *c = secret_new("abd", 3), *none = NULL;

	(void)state;
	assert_true(secret_equal(a, b));
	assert_false(secret_equal(a, c));
	assert_false(secret_equal(a, NULL));
	assert_true(secret_equal(NULL, NULL));
	secret_free(&a);
	assert_null(a);
	secret_free(&b);
	secret_free(&c);
	secret_free(&none);
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
drop_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_warn),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_conf),
		cmocka_unit_test(test_equal),
	};

	unsetenv("CREDENTIALS_DIRECTORY");
	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
