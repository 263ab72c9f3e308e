/*
 * The drop folder's side of the disk, each call of it failing once: what could
 * not be read is not taken, and what could not be removed is said to be there.
 */
#include "relay/drop_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "tests/unit/call_fail.h"
#include "tests/unit/test.h"

#define NAME  "0123456789abcdef0123456789abcdef"
#define TAIL  "123456789abcdef0123456789abcdef"
#define BODY  "Subject: x\r\n\r\n"
#define LINES 9000
#define LINE  "a line of it\r\n"
#define NOW   INT64_C(1767225600000)
#define CALLS 64 /* of one file, at most */

static char base[64];
static int dir_fd;
static char *content; /* of the message */
static size_t content_len;

static const int errors[] = {EIO, EACCES, ENOMEM, ESTALE};

static int
setup(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "%s/belfry-drop-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(base));
	dir_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir_fd >= 0);
	content_len = strlen(BODY) + LINES * strlen(LINE);
	content = xmalloc(content_len + 1);
	memcpy(content, BODY, strlen(BODY) + 1);
	for (size_t i = 0; i < LINES; i++)
		memcpy(content + strlen(BODY) + i * strlen(LINE), LINE,
		       strlen(LINE) + 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(content);
	unlinkat(dir_fd, NAME, 0);
	unlinkat(dir_fd, DROP_BAD NAME, 0);
	close(dir_fd);
	return rmdir(base);
}

static void
put(void)
{
	int fd = openat(dir_fd, NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			0640);

	assert_true(fd >= 0);
	dprintf(fd,
		"belfry-drop 1\nsender a@b.example\nrecipient c@d.example\n"
		"size %018zu\n\n",
		content_len);
	assert_int_equal(write(fd, content, content_len), content_len);
	assert_int_equal(close(fd), 0);
}

static bool
there(const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The content as far as it could be read; true: all, and nothing said against
 * it. */
static bool
read_all(struct drop_file *f)
{
	size_t at = 0;

	drop_file_open(f);
	if (f->error < 0)
		return false;
	assert_null(f->bad);
	assert_int_equal(f->env.size, content_len);
	do {
		drop_file_read(f);
		if (f->error < 0)
			return false;
		assert_false(f->changed);
		assert_true(at + f->piece_len <= content_len);
		assert_memory_equal(f->piece, content + at, f->piece_len);
		at += f->piece_len;
	} while (f->piece_len > 0);
	assert_int_equal(at, content_len);
	return true;
}

/* Open and read with the N-th call failing. */
static bool
read_failing(long n, enum call_fail_how how, int error, long *ret_calls)
{
	struct drop_file f;
	bool whole;

	put();
	drop_file_init(&f, dir_fd, NAME);
	call_fail_arm(n, how, error);
	whole = read_all(&f);
	*ret_calls = call_fail_disarm();
	if (!whole)
		assert_int_equal(f.error, -error);
	drop_file_done(&f);
	assert_true(there(NAME));
	return whole;
}

static void
test_every_call_of_reading_fails(void **state)
{
	long calls = CALLS;

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		for (long n = 1; n <= calls; n++)
			assert_int_equal(read_failing(n, CALL_FAIL_ERRNO,
						      errors[i], &calls),
					 n > calls);
}

static void
test_every_read_is_short(void **state)
{
	long calls = CALLS;

	(void)state;
	for (long n = 1; n <= calls; n++)
		assert_true(read_failing(n, CALL_FAIL_SHORT, 0, &calls));
}

/* Do ACTION to a file that was read, with the N-th call failing. What it
 * said. */
static int
finish_failing(enum drop_action action, long n, int error, long *ret_calls)
{
	struct drop_file f;
	int r;

	put();
	drop_file_init(&f, dir_fd, NAME);
	assert_true(read_all(&f));
	f.action = action;
	call_fail_arm(n, CALL_FAIL_ERRNO, error);
	drop_file_finish(&f);
	*ret_calls = call_fail_disarm();
	r = f.error;
	drop_file_done(&f);
	return r;
}

/* Who is told that it is gone forgets that it was taken: it would be taken
 * again. */
static void
test_every_call_of_the_end_fails(void **state)
{
	static const enum drop_action actions[] = {DROP_UNLINK, DROP_ASIDE};
	long calls = CALLS;
	int r;

	(void)state;
	for (size_t a = 0; a < 2; a++)
		for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
			for (long n = 1; n <= calls; n++) {
				r = finish_failing(actions[a], n, errors[i],
						   &calls);
				assert_int_equal(r,
						 n <= calls ? -errors[i] : 0);
				assert_int_equal(there(NAME), r < 0);
				assert_int_equal(there(DROP_BAD NAME),
						 r == 0 && actions[a] ==
								   DROP_ASIDE);
				unlinkat(dir_fd, DROP_BAD NAME, 0);
			}
}

/* Whoever took it away meanwhile, or put another one there: it is gone. */
static void
test_gone(void **state)
{
	struct drop_file f;

	(void)state;
	for (int other = 0; other < 2; other++) {
		put();
		drop_file_init(&f, dir_fd, NAME);
		assert_true(read_all(&f));
		assert_int_equal(unlinkat(dir_fd, NAME, 0), 0);
		if (other)
			put();
		f.action = DROP_UNLINK;
		drop_file_finish(&f);
		assert_int_equal(f.error, 0);
		drop_file_done(&f);
		assert_int_equal(there(NAME), other);
	}
}

/* A folder that can't be looked through now is looked through later. */
static void
test_every_call_of_a_look_fails(void **state)
{
	static struct drop_scan s;
	long calls = CALLS;

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		for (long n = 1; n <= calls; n++) {
			put();
			s = (struct drop_scan){.dir_fd = dir_fd, .now_ms = NOW};
			call_fail_arm(n, CALL_FAIL_ERRNO, errors[i]);
			drop_scan_turn(&s);
			calls = call_fail_disarm();
			assert_true(s.error == 0 || s.error == -errors[i]);
			if (n > calls)
				assert_int_equal(s.n, 1);
			drop_scan_turn(&s); /* to the end, or anew */
			drop_scan_done(&s);
			s = (struct drop_scan){.dir_fd = dir_fd, .now_ms = NOW};
			drop_scan_turn(&s);
			assert_int_equal(s.error, 0);
			assert_int_equal(s.n, 1);
			assert_string_equal(s.v[0].name, NAME);
			drop_scan_done(&s);
		}
}

/* The order in which they were left, whatever they are called; the large ones
 * come last. */
static void
test_order(void **state)
{
	static const struct {
		const char *name;
		struct timespec left;
		off_t size;
	} row[] = {
		{"f" TAIL, {10, 500}, 0},
		{"0" TAIL, {10, 600}, DROP_PIECE},
		{"8" TAIL, {9, 900}, DROP_PIECE + 1},
		{"4" TAIL, {11, 0}, 0},
	};
	static const size_t order[] = {0, 1, 3, 2};
	static struct drop_scan s;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct timespec t[2] = {row[i].left, row[i].left};
		int fd = openat(dir_fd, row[i].name,
				O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, row[i].size), 0);
		assert_int_equal(futimens(fd, t), 0);
		close(fd);
	}
	s = (struct drop_scan){.dir_fd = dir_fd, .now_ms = NOW};
	drop_scan_turn(&s);
	assert_int_equal(s.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(s.v[i].name, row[order[i]].name);
	drop_scan_done(&s);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(unlinkat(dir_fd, row[i].name, 0), 0);
}

#define DROP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DROP_TEST(test_every_call_of_reading_fails),
		DROP_TEST(test_every_read_is_short),
		DROP_TEST(test_every_call_of_the_end_fails),
		DROP_TEST(test_gone),
		DROP_TEST(test_every_call_of_a_look_fails),
		DROP_TEST(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
