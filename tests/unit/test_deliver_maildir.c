/*
 * The agent `maildir`: which folder, what stands in the file, and what becomes
 * of a recipient whose mailbox can't be written.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "deliver/routes_conf.h"
#include "tests/unit/call_fail.h"
#include "tests/unit/fake_rig.h"
#include "tests/unit/test.h"

struct maildir_rig {
	struct fake_rig fake;
	struct route_rule route;
	char base[64], path[128];
};

static void
maildir_rig_start(struct maildir_rig *g, const char *path)
{
	struct agent_rig *agent = &g->fake.agent;

	snprintf(g->base, sizeof(g->base), "/tmp/belfry-maildir-XXXXXX");
	assert_non_null(mkdtemp(g->base));
	snprintf(g->path, sizeof(g->path), "%s%s", g->base, path);
	fake_rig_init(&g->fake);
	g->route = (struct route_rule){
		.match = TEXT("example.net"),
		.deliver = ROUTE_MAILDIR,
		.path = g->path,
		.mark = {"test", 1, 1},
	};
	agent->routes = (struct conf_list){1, &g->route};
	agent->disk = pool_new("disk", 2, 100);
	g->fake.mail.agent = "maildir";
	g->fake.mail.dest = g->path;
	fake_rig_start(&g->fake);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
maildir_rig_done(struct maildir_rig *g)
{
	/* As in belfryd: its threads post to the loops. */
	agent_rig_stop(&g->fake.agent, 5000);
	pool_free(&g->fake.agent.disk);
	fake_rig_done(&g->fake);
	nftw(g->base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What lies in FOLDER below the base; the last one's content, the caller's. */
static size_t
look(const struct maildir_rig *g, const char *folder, char **ret_content)
{
	char *path = xasprintf("%s/%s", g->base, folder), *file;
	DIR *dir = opendir(path);
	struct dirent *e;
	size_t n = 0;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		struct stat st;
		int fd;

		if (e->d_name[0] == '.')
			continue;
		n++;
		if (ret_content == NULL)
			continue;
		file = xasprintf("%s/%s", path, e->d_name);
		fd = open(file, O_RDONLY);
		assert_true(fd >= 0 && fstat(fd, &st) == 0);
		free(*ret_content);
		*ret_content = xcalloc(1, (size_t)st.st_size + 1);
		assert_int_equal(read(fd, *ret_content, (size_t)st.st_size),
				 st.st_size);
		close(fd);
		free(file);
	}
	if (dir != NULL)
		closedir(dir);
	free(path);
	return n;
}

static void
test_delivers(void **state)
{
	struct maildir_rig g;
	struct fake_result *r;
	char *content = NULL;

	(void)state;
	maildir_rig_start(&g, "/{domain}/{local}");
	g.fake.mail.rcpt[0] = "Anna+list@example.net";
	r = fake_rig_send(&g.fake);
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_DONE);
	assert_int_equal(r->dest_state, ATTEMPT_DEST_OK);
	assert_non_null(strstr(r->rcpt[0].relay, "/example.net/anna"));
	free(r);
	assert_int_equal(look(&g, "example.net/anna/new", &content), 1);
	assert_string_equal(content, "Return-Path: <anna@example.org>\n"
				     "Delivered-To: Anna+list@example.net\n"
				     "Subject: x\n\n.dot\n");
	assert_int_equal(look(&g, "example.net/anna/tmp", NULL), 0);
	/* A report. */
	g.fake.mail.sender = "";
	g.fake.mail.rcpt[0] = "ben@example.net";
	fake_rig_expect_done(&g.fake);
	assert_int_equal(look(&g, "example.net/ben/new", &content), 1);
	assert_memory_equal(content, "Return-Path: <>\n", 16);
	free(content);
	maildir_rig_done(&g);
}

static void
test_which_folder(void **state)
{
	static char long_local[] = "a@example.net....................";
	static const struct {
		const char *path, *rcpt;
		const char *folder; /* NULL: bounced */
	} row[] = {
		{"/box", "anna@example.net", "box"},
		{"/{local}", "\"Anna\"@example.net", "anna"},
		{"/{local}", "\"an na\"@example.net", "an na"},
		{"/{local}", "\"../x\"@example.net", NULL},
		{"/{local}", "\"..\"@example.net", NULL},
		{"/{local}", "\".\"@example.net", NULL},
		{"/{local}", "\".hidden\"@example.net", NULL},
		{"/{local}", "\"\"@example.net", NULL},
		{"/{local}", "a/b@example.net", NULL},
		{"/box", "a/b@example.net", "box"},
		{"/x-{extension}", "anna+list@example.net", "x-list"},
		{"/x-{extension}", "anna+x/y@example.net", NULL},
		{"/x-{extension}", "anna@example.net", NULL},
		{"/{local}", long_local, NULL},
		{"/{domain}/{local}", "anna@example.net", "example.net/anna"},
	};
	char too_long[300];

	(void)state;
	memset(too_long, 'a', 201);
	memcpy(too_long + 201, "@example.net", 13);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct maildir_rig g;
		char *new;

		maildir_rig_start(&g, row[i].path);
		g.fake.mail.rcpt[0] =
			row[i].rcpt == long_local ? too_long : row[i].rcpt;
		print_message("%s %s\n", row[i].path, g.fake.mail.rcpt[0]);
		if (row[i].folder == NULL) {
			fake_rig_expect(&g.fake, ATTEMPT_NEVER, ATTEMPT_DEST_OK,
					"5.1.3");
			maildir_rig_done(&g);
			continue;
		}
		fake_rig_expect_done(&g.fake);
		new = xasprintf("%s/new", row[i].folder);
		assert_int_equal(look(&g, new, NULL), 1);
		free(new);
		maildir_rig_done(&g);
	}
}

static void
test_not_mounted(void **state)
{
	struct maildir_rig g;

	(void)state;
	maildir_rig_start(&g, "/disk/{local}");
	fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	agent_rig_wait_logged(&g.fake.agent, "event=maildir_failed", 1);
	assert_int_equal(look(&g, "", NULL), 0);
	maildir_rig_done(&g);
}

/* What must be there is the folder that the braces stand for. */
static void
test_braces(void **state)
{
	struct maildir_rig g;
	char *folder;

	(void)state;
	maildir_rig_start(&g, "/{{{{{{{{b/{local}");
	g.fake.mail.rcpt[0] = "x@example.net";
	fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	assert_int_equal(look(&g, "", NULL), 0);
	folder = xasprintf("%s/{{{{b", g.base);
	assert_int_equal(mkdir(folder, 0700), 0);
	free(folder);
	fake_rig_expect_done(&g.fake);
	assert_int_equal(look(&g, "{{{{b/x/new", NULL), 1);
	maildir_rig_done(&g);
}

static long
calls_of_one(struct maildir_rig *g)
{
	call_fail_arm(0, CALL_FAIL_ERRNO, 0);
	fake_rig_expect_done(&g->fake);
	return call_fail_disarm();
}

/* The first mail to a Maildir makes sure of its folders; so does the first one
 * after a failure. */
static void
test_syncs_once(void **state)
{
	static const char *const folders[] = {"", "/cur", "/new", "/tmp"};
	struct maildir_rig g;
	long first, later;

	(void)state;
	maildir_rig_start(&g, "/box");
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *path = xasprintf("%s/box%s", g.base, folders[i]);

		assert_int_equal(mkdir(path, 0700), 0);
		free(path);
	}
	first = calls_of_one(&g);
	later = calls_of_one(&g);
	/* Of the base and the Maildir; leftovers are looked for as well. */
	assert_in_range(first - later, 4, 6);
	assert_int_equal(calls_of_one(&g), later);
	call_fail_arm(1, CALL_FAIL_ERRNO, EIO);
	fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	call_fail_disarm();
	assert_int_equal(calls_of_one(&g), later + 4);
	assert_int_equal(calls_of_one(&g), later);
	maildir_rig_done(&g);
}

/* Two routes change places: the next try is made where the new one leads. */
static void
test_moved(void **state)
{
	struct maildir_rig g;
	struct fake_result *r;

	(void)state;
	maildir_rig_start(&g, "/{local}");
	g.fake.mail.dest = "/elsewhere/{local}";
	r = fake_rig_send(&g.fake);
	assert_int_equal(r->rcpt[0].outcome, ATTEMPT_MOVED);
	assert_string_equal(r->rcpt[0].moved_dest, g.path);
	free(r);
	maildir_rig_done(&g);
}

/* --- content in pieces ------------------------------------------------------------ */

static char *
long_content(size_t lines, size_t *ret_len)
{
	struct buf b;

	buf_init(&b, 1 << 26);
	for (size_t i = 0; i < lines; i++)
		buf_printf(&b, "line %06zu\r\n", i);
	*ret_len = b.len;
	return buf_take(&b);
}

static void
test_long_content(void **state)
{
	struct maildir_rig g;
	char *stored = NULL, *body;
	size_t len;
	char *content = long_content(50000, &len);

	(void)state;
	maildir_rig_start(&g, "/box");
	g.fake.mail.content = content;
	g.fake.mail.len = len;
	fake_rig_expect_done(&g.fake);
	assert_int_equal(look(&g, "box/new", &stored), 1);
	body = strstr(stored, "line ");
	assert_non_null(body);
	assert_int_equal(strlen(body), 50000 * 12);
	assert_string_equal(body + 49999 * 12, "line 049999\n");
	free(stored);
	free(content);
	maildir_rig_done(&g);
}

static void
test_damaged_content(void **state)
{
	struct maildir_rig g;
	size_t len;
	char *content = long_content(10000, &len);

	(void)state;
	maildir_rig_start(&g, "/box");
	g.fake.mail.broken_at = 1; /* from the beginning */
	fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	g.fake.mail.content = content;
	g.fake.mail.len = len;
	g.fake.mail.broken_at = 100000; /* in the second piece */
	fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	assert_int_equal(look(&g, "box/tmp", NULL), 0);
	g.fake.mail.broken_at = 0;
	g.fake.mail.size = (int64_t)len + 1; /* shorter than it was */
	fake_rig_expect(&g.fake, ATTEMPT_LATER, ATTEMPT_DEST_OK, "4.3.0");
	assert_int_equal(look(&g, "box/tmp", NULL), 0);
	assert_int_equal(look(&g, "box/new", NULL), 0);
	g.fake.mail.size = 0;
	fake_rig_expect_done(&g.fake);
	assert_int_equal(look(&g, "box/new", NULL), 1);
	maildir_rig_done(&g);
	free(content);
}

/* --- the n-th call fails ------------------------------------------------------------- */

static void
test_every_call_fails(void **state)
{
	static const struct {
		int error;
		const char *dsn;
	} row[] = {
		{ENOSPC, "4.2.2"},
		{EDQUOT, "4.2.2"},
		{EIO, "4.3.0"},
		{EACCES, "4.3.0"},
	};
	struct maildir_rig g;
	long calls = 0;
	size_t len;
	char *content = long_content(8000, &len); /* two pieces */

	(void)state;
	maildir_rig_start(&g, "/{local}");
	g.fake.mail.content = content;
	g.fake.mail.len = len;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		for (long n = 0; n <= calls; n++) {
			struct fake_result *r;
			char *rcpt = xasprintf("m%zu-%ld@example.net", i, n);
			char *new = xasprintf("m%zu-%ld/new", i, n);
			long counted;
			bool done;

			g.fake.mail.rcpt[0] = rcpt;
			call_fail_arm(n, CALL_FAIL_ERRNO, row[i].error);
			r = fake_rig_send(&g.fake);
			counted = call_fail_disarm();
			calls = n == 0 ? counted : calls;
			done = r->rcpt[0].outcome == ATTEMPT_DONE;
			assert_true(done || n > 0);
			if (!done) {
				assert_int_equal(r->rcpt[0].outcome,
						 ATTEMPT_LATER);
				assert_string_equal(r->rcpt[0].reply.dsn,
						    row[i].dsn);
			}
			free(r);
			assert_int_equal(look(&g, new, NULL), done ? 1 : 0);
			free(new);
			free(rcpt);
		}
	assert_in_range(calls, 15, 200);
	free(content);
	maildir_rig_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delivers),
		cmocka_unit_test(test_which_folder),
		cmocka_unit_test(test_not_mounted),
		cmocka_unit_test(test_braces),
		cmocka_unit_test(test_syncs_once),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_long_content),
		cmocka_unit_test(test_damaged_content),
		cmocka_unit_test(test_every_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
