/*
 * A Maildir on the disk: what stands in it, and what does when the n-th call
 * fails or is the process's last.
 */
#include "deliver/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/call_fail.h"
#include "tests/unit/test.h"

#define CONTENT "Subject: x\r\n\r\nbody\r\n"
#define STORED  "Subject: x\n\nbody\n"

static const struct maildir_name name = {
	.arrival_ms = 1767225600123,
	.id = "0000000000ABC",
	.n = 2,
	.host = "mx.example.org",
};
#define NAME "1767225600.M123000Q0000000000ABC_2.mx.example.org"

static char base[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "/tmp/belfry-maildir-XXXXXX");
	return mkdtemp(base) != NULL ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	return nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char *
in_base(const char *path)
{
	return xasprintf("%s/%s", base, path);
}

static int
deliver_sync(const char *path, bool sync, const struct maildir_name *n,
	     const char *content)
{
	char *full = in_base(path);
	struct maildir m;
	int r = maildir_open(&m, full, strlen(base), sync, n);

	free(full);
	if (r < 0)
		return r;
	r = maildir_write(&m, content, strlen(content));
	if (r < 0) {
		maildir_abandon(&m);
		return r;
	}
	return maildir_commit(&m);
}

static int
deliver(const char *path, const struct maildir_name *n, const char *content)
{
	return deliver_sync(path, true, n, content);
}

/* The files in FOLDER below the base; the last one's path in *RET. */
static size_t
count(const char *folder, char **ret)
{
	char *path = in_base(folder);
	DIR *dir = opendir(path);
	struct dirent *e;
	size_t n = 0;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		if (ret != NULL) {
			free(*ret);
			*ret = xasprintf("%s/%s", path, e->d_name);
		}
	}
	if (dir != NULL)
		closedir(dir);
	free(path);
	return n;
}

static void
expect_file(const char *path, const char *content)
{
	char data[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, data, sizeof(data) - 1);
	close(fd);
	assert_true(n >= 0);
	data[n] = '\0';
	assert_string_equal(data, content);
}

static void
expect_mode(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

/* --- what stands in it ------------------------------------------------------- */

static void
test_delivers(void **state)
{
	char *path, *found = NULL;

	(void)state;
	assert_int_equal(deliver("a/b/box", &name, CONTENT), 0);
	assert_int_equal(count("a/b/box/new", &found), 1);
	path = in_base("a/b/box/new/" NAME ",S=17");
	assert_string_equal(found, path);
	expect_file(path, STORED);
	expect_mode(path, 0600);
	free(path);
	assert_int_equal(count("a/b/box/tmp", NULL), 0);
	path = in_base("a/b/box/cur");
	expect_mode(path, 0700);
	free(path);
	path = in_base("a");
	expect_mode(path, 0700);
	free(path);
	free(found);
}

/* What a crash between the link and the queue's record leaves. */
static void
test_again_is_one(void **state)
{
	struct maildir_name other = name;

	(void)state;
	assert_int_equal(deliver("box", &name, CONTENT), 0);
	assert_int_equal(deliver("box", &name, CONTENT), 0);
	assert_int_equal(count("box/new", NULL), 1);
	other.n = 3; /* another recipient whose mail comes here too */
	assert_int_equal(deliver("box", &other, CONTENT), 0);
	assert_int_equal(count("box/new", NULL), 2);
	assert_int_equal(count("box/tmp", NULL), 0);
}

/* Folders that are there may be another delivery's that has not synced. */
static void
test_syncs_what_is_there(void **state)
{
	static const struct {
		const char *path;
		long folders; /* above the Maildir */
	} row[] = {{"box", 1}, {"a/b/box", 3}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		long calls[2];

		assert_int_equal(deliver(row[i].path, &name, CONTENT), 0);
		for (int sync = 0; sync < 2; sync++) {
			call_fail_arm(0, CALL_FAIL_ERRNO, 0);
			assert_int_equal(deliver_sync(row[i].path, sync == 1,
						      &name, CONTENT),
					 0);
			calls[sync] = call_fail_disarm();
		}
		/* open, fsync, close; and an fsync of the Maildir. */
		assert_int_equal(calls[1] - calls[0], row[i].folders * 3 + 1);
	}
}

static void
test_line_ends(void **state)
{
	static const struct {
		const char *name, *pieces[4], *stored;
	} row[] = {
		{"CRLF", {"a\r\nb\r\n"}, "a\nb\n"},
		{"CRLF over two pieces", {"a\r", "\nb\r\n"}, "a\nb\n"},
		{"a CR by itself", {"a\rb\r\n"}, "a\rb\n"},
		{"a CR at the end", {"a\r\nb\r"}, "a\nb\r"},
		{"CR CR LF", {"a\r\r\nb"}, "a\r\nb"},
		{"an LF by itself", {"a\nb"}, "a\nb"},
		{"nothing", {""}, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct maildir_name n = name;
		char *path = in_base("lines"), *file;
		struct maildir m;

		print_message("%s\n", row[i].name);
		n.n = (uint32_t)i;
		assert_int_equal(maildir_open(&m, path, strlen(base), true, &n),
				 0);
		for (size_t p = 0; row[i].pieces[p] != NULL; p++)
			assert_int_equal(
				maildir_write(&m, row[i].pieces[p],
					      strlen(row[i].pieces[p])),
				0);
		assert_int_equal(maildir_commit(&m), 0);
		file = xasprintf("%s/new/1767225600.M123000Q0000000000ABC_%zu."
				 "mx.example.org,S=%zu",
				 path, i, strlen(row[i].stored));
		expect_file(file, row[i].stored);
		free(file);
		free(path);
	}
}

static void
test_large(void **state)
{
	size_t lines = 40000;
	char *content = xmalloc(lines * 10 + 1), *found = NULL;
	struct stat st;

	(void)state;
	for (size_t i = 0; i < lines; i++)
		memcpy(content + i * 10, "12345678\r\n", 11);
	assert_int_equal(deliver("box", &name, content), 0);
	assert_int_equal(count("box/new", &found), 1);
	assert_int_equal(stat(found, &st), 0);
	assert_int_equal(st.st_size, lines * 9);
	free(found);
	free(content);
}

static void
test_refuses(void **state)
{
	static char long_part[300];
	char *path = in_base("missing/x/box");
	struct maildir m;

	(void)state;
	memset(long_part, 'a', sizeof(long_part) - 1);
	/* A folder that must be there, since no recipient names it. */
	assert_int_equal(maildir_open(&m, path,
				      strlen(base) + strlen("/missing"), true,
				      &name),
			 -ENOENT);
	free(path);
	assert_int_equal(deliver(long_part, &name, CONTENT), -ENAMETOOLONG);
	path = in_base("file");
	close(open(path, O_WRONLY | O_CREAT, 0600));
	free(path);
	assert_int_equal(deliver("file/box", &name, CONTENT), -ENOTDIR);
	assert_int_equal(deliver("file", &name, CONTENT), -ENOTDIR);
}

/* --- leftovers ------------------------------------------------------------------ */

static void
touch(const char *file, int64_t wall_ms)
{
	char *path = in_base(file);
	struct timespec t[2] = {{.tv_sec = wall_ms / 1000},
				{.tv_sec = wall_ms / 1000}};

	close(open(path, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
	free(path);
}

static void
test_leftovers(void **state)
{
	static const struct {
		const char *file;
		int64_t age_ms;
		bool stays;
	} row[] = {
		{"box/tmp/1.M2Q3_1.mx.example.org", MAILDIR_STALE_MS + 2000,
		 false},
		{"box/tmp/1.M2Q3_2.mx.example.org", MAILDIR_STALE_MS - 2000,
		 true},
		{"box/tmp/1.M2Q3_1.other.example.org", MAILDIR_STALE_MS * 2,
		 true},
		{"box/tmp/1.V2I3M4.mx.example.org", MAILDIR_STALE_MS * 2, true},
		{"box/tmp/notes", MAILDIR_STALE_MS * 2, true},
	};
	int64_t now = 1767225600000;
	char *path = in_base("box");
	struct maildir m;

	(void)state;
	assert_int_equal(maildir_open(&m, path, strlen(base), true, &name), 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		touch(row[i].file, now - row[i].age_ms);
	maildir_clean(&m, "mx.example.org", now);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *file = in_base(row[i].file);

		if ((access(file, F_OK) == 0) != row[i].stays)
			fail_msg("%s", row[i].file);
		free(file);
	}
	maildir_abandon(&m);
	free(path);
}

/* --- the n-th call --------------------------------------------------------------- */

/* Whatever fails: no half message in new/, nothing open, and the next try goes
 * well and makes one file. */
static void
test_every_call_fails(void **state)
{
	static const int errors[] = {EIO, ENOSPC, EDQUOT, EACCES};
	int first_free = dup(0);
	long calls;

	(void)state;
	close(first_free);
	call_fail_arm(0, CALL_FAIL_ERRNO, 0);
	assert_int_equal(deliver("counted", &name, CONTENT), 0);
	calls = call_fail_disarm();
	assert_in_range(calls, 15, 100);
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++)
		for (long n = 1; n <= calls; n++) {
			char *box = xasprintf("box-%zu-%ld", e, n), *new,
			     *found = NULL;
			int r, fd;

			new = xasprintf("%s/new", box);
			call_fail_arm(n, CALL_FAIL_ERRNO, errors[e]);
			r = deliver(box, &name, CONTENT);
			call_fail_disarm();
			/* The clean-up behind the delivery may fail. */
			assert_true(r == 0 || r == -errors[e]);
			assert_int_equal(count(new, &found), r == 0 ? 1 : 0);
			if (r == 0)
				expect_file(found, STORED);
			fd = dup(0);
			assert_int_equal(fd, first_free);
			close(fd);
			assert_int_equal(deliver(box, &name, CONTENT), 0);
			assert_int_equal(count(new, &found), 1);
			expect_file(found, STORED);
			free(found);
			free(new);
			free(box);
		}
}

static void
test_every_call_is_the_last(void **state)
{
	long calls;

	(void)state;
	call_fail_arm(0, CALL_FAIL_ERRNO, 0);
	assert_int_equal(deliver("counted", &name, CONTENT), 0);
	calls = call_fail_disarm();
	for (long n = 1; n <= 2 * calls; n++) {
		char *box = xasprintf("box-%ld", n), *new, *tmp, *found = NULL;
		int status;
		pid_t pid;

		new = xasprintf("%s/new", box);
		tmp = xasprintf("%s/tmp", box);
		pid = fork();
		if (pid == 0) {
			call_fail_arm((n + 1) / 2,
				      n % 2 ? CALL_FAIL_KILL_BEFORE
					    : CALL_FAIL_KILL_AFTER,
				      0);
			_exit(deliver(box, &name, CONTENT) == 0 ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		if (count(new, &found) == 1)
			expect_file(found, STORED);
		assert_in_range(count(tmp, NULL), 0, 1);
		assert_int_equal(deliver(box, &name, CONTENT), 0);
		assert_int_equal(count(new, &found), 1);
		expect_file(found, STORED);
		assert_int_equal(count(tmp, NULL), 0);
		free(found);
		free(tmp);
		free(new);
		free(box);
	}
}

static void
test_a_short_write_goes_on(void **state)
{
	long calls;

	(void)state;
	call_fail_arm(0, CALL_FAIL_ERRNO, 0);
	assert_int_equal(deliver("counted", &name, CONTENT), 0);
	calls = call_fail_disarm();
	for (long n = 1; n <= calls; n++) {
		char *box = xasprintf("box-%ld", n), *found = NULL,
		     *new = xasprintf("%s/new", box);

		call_fail_arm(n, CALL_FAIL_SHORT, 0);
		assert_int_equal(deliver(box, &name, CONTENT), 0);
		call_fail_disarm();
		assert_int_equal(count(new, &found), 1);
		expect_file(found, STORED);
		free(found);
		free(new);
		free(box);
	}
}

#define MAILDIR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MAILDIR_TEST(test_delivers),
		MAILDIR_TEST(test_again_is_one),
		MAILDIR_TEST(test_syncs_what_is_there),
		MAILDIR_TEST(test_line_ends),
		MAILDIR_TEST(test_large),
		MAILDIR_TEST(test_refuses),
		MAILDIR_TEST(test_leftovers),
		MAILDIR_TEST(test_every_call_fails),
		MAILDIR_TEST(test_every_call_is_the_last),
		MAILDIR_TEST(test_a_short_write_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
