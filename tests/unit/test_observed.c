#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "verdict/observed.h"

#define HOUR     INT64_C(3600000)
#define NOW      (INT64_C(1700000000000) / HOUR * HOUR) /* 2023-11-14 22:00 */
#define NAME     "verdict.20231114T220000000Z."
#define OLD(n)   "verdict.20231114T21000000" n "Z.1" /* an hour before */
#define MAX_SIZE (1 << 20)
#define MAX_AGE  (24 * HOUR)

/* A folder, what is under way in it, and what was logged. */
struct rig {
	char dir[64];
	struct clock *clock;
	struct log *log;
	struct log_context root;
	struct observed *observed;
	char said[1024];
};

static void
rig_hear(void *arg, const char *line)
{
	struct rig *rig = arg;

	strncat(rig->said, line, sizeof(rig->said) - strlen(rig->said) - 1);
}

static void
rig_open(struct rig *rig)
{
	assert_int_equal(observed_open(rig->dir, MAX_SIZE, MAX_AGE, rig->clock,
				       &rig->root, &rig->observed),
			 0);
}

static int
setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	snprintf(rig->dir, sizeof(rig->dir), "/tmp/belfry-observed.XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	rig->clock = clock_new_fixed(NOW);
	rig->log = log_new_capture(rig_hear, rig);
	rig->root.log = rig->log;
	rig_open(rig);
	*state = rig;
	return 0;
}

/* Calls FN with each entry of the folder; the sum of what it returns. */
static int
rig_each(struct rig *rig, int (*fn)(struct rig *rig, const char *name))
{
	DIR *d = opendir(rig->dir);
	const struct dirent *e;
	int sum = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			sum += fn(rig, e->d_name);
	closedir(d);
	return sum;
}

static char *
rig_path(struct rig *rig, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
	return path;
}

static int
rig_unlink(struct rig *rig, const char *name)
{
	return unlink(rig_path(rig, name));
}

static int
teardown(void **state)
{
	struct rig *rig = *state;

	observed_close(&rig->observed);
	log_close(&rig->log);
	clock_free(&rig->clock);
	rig_each(rig, rig_unlink);
	assert_int_equal(rmdir(rig->dir), 0);
	free(rig);
	return 0;
}

static int
is_part(struct rig *rig, const char *name)
{
	(void)rig;
	return strstr(name, ".part") != NULL;
}

static int
is_whole(struct rig *rig, const char *name)
{
	(void)rig;
	return strstr(name, ".part") == NULL;
}

static void
rig_put(struct rig *rig, const char *name, const char *text)
{
	FILE *f = fopen(rig_path(rig, name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* All of a file; "" when it is not there. */
static const char *
rig_get(struct rig *rig, const char *name)
{
	static char text[OBSERVED_LINE_MAX];
	FILE *f = fopen(rig_path(rig, name), "r");
	size_t n;

	if (f == NULL)
		return "";
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static const char *
own_name(const char *prefix, const char *suffix)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s%ld%s", prefix, (long)getpid(), suffix);
	return name;
}

/* --- a line -------------------------------------------------------------------- */

static struct dkim_signature signatures[] = {
	{.domain = "example.com",
	 .selector = "s1",
	 .result = DKIM_PASS,
	 .why = ""},
	{.domain = "", .selector = "", .result = DKIM_NEUTRAL, .why = "no"},
};
static const struct dkim_verdict dkim = {.n = 2, .signatures = signatures};
static const struct dkim_verdict no_dkim;
static const struct author author = {.n = 1, .domains = {"example.com"}};
static const struct author no_author;
static const struct spf_verdict spf = {.result = SPF_FAIL};

static const struct {
	const char *name;
	struct verdict_message m;
	struct dmarc_verdict dmarc;
	struct verdict_result r;
	const char *line;
} lines[] = {
	{"a pass",
	 {.helo = "mail.example.com", .sender = "anna@example.com"},
	 {.result = DMARC_PASS,
	  .author = "example.com",
	  .policy_domain = "example.com",
	  .record = {.p = DMARC_POLICY_REJECT,
		     .sp = DMARC_POLICY_ABSENT,
		     .np = DMARC_POLICY_NONE,
		     .aspf_strict = true,
		     .rua = "mailto:dmarc@example.com"},
	  .policy = DMARC_POLICY_REJECT,
	  .asked = DMARC_POLICY_NONE,
	  .dkim_aligned = 1},
	 {.mail_from = &spf,
	  .spf_domain = "example.com",
	  .dkim = &dkim,
	  .author = &author},
	 "{\"v\":1,\"time\":1699999200,\"ip\":\"192.0.2.1\","
	 "\"helo\":\"mail.example.com\",\"sender\":\"anna@example.com\","
	 "\"from\":[\"example.com\"],\"spf\":{\"scope\":\"mfrom\","
	 "\"domain\":\"example.com\",\"result\":\"fail\"},"
	 "\"dkim\":[{\"d\":\"example.com\",\"s\":\"s1\",\"result\":\"pass\"},"
	 "{\"d\":\"\",\"s\":\"\",\"result\":\"neutral\"}],"
	 "\"dmarc\":{\"result\":\"pass\",\"from\":\"example.com\","
	 "\"domain\":\"example.com\",\"p\":\"reject\",\"sp\":\"\","
	 "\"np\":\"none\",\"t\":\"n\",\"psd\":\"u\",\"adkim\":\"r\","
	 "\"aspf\":\"s\",\"rua\":\"mailto:dmarc@example.com\",\"tag\":\"p\","
	 "\"spf\":false,\"dkim\":[0]},\"asked\":\"none\","
	 "\"disposition\":\"none\",\"override\":\"\"}\n"},
	{"a failure that we only mark, of a null path and odd octets",
	 {.helo = "a\"\\\x01\xff\xc3\xbc", .sender = ""},
	 {.result = DMARC_FAIL,
	  .author = "",
	  .policy_domain = "",
	  .asked = DMARC_POLICY_REJECT,
	  .policy = DMARC_POLICY_REJECT,
	  .spf_aligned = true},
	 {.helo = &spf,
	  .spf_domain = "a",
	  .dkim = &no_dkim,
	  .author = &no_author,
	  .disposition = VERDICT_MARK},
	 "{\"v\":1,\"time\":1699999200,\"ip\":\"192.0.2.1\","
	 "\"helo\":\"a\\\"\\\\\\u0001\\ufffd\xc3\xbc\",\"sender\":\"\","
	 "\"from\":[],\"spf\":{\"scope\":\"helo\",\"domain\":\"a\","
	 "\"result\":\"fail\"},\"dkim\":[],\"dmarc\":{\"result\":\"fail\","
	 "\"from\":\"\",\"spf\":true,\"dkim\":[]},\"asked\":\"reject\","
	 "\"disposition\":\"mark\",\"override\":\"local_policy\"}\n"},
	{"a test, t=y",
	 {.helo = "", .sender = ""},
	 {.result = DMARC_FAIL,
	  .author = "",
	  .policy_domain = "",
	  .asked = DMARC_POLICY_QUARANTINE,
	  .policy = DMARC_POLICY_REJECT},
	 {.spf_domain = "",
	  .dkim = &no_dkim,
	  .author = &no_author,
	  .disposition = VERDICT_HOLD},
	 "{\"v\":1,\"time\":1699999200,\"ip\":\"192.0.2.1\",\"helo\":\"\","
	 "\"sender\":\"\",\"from\":[],\"dkim\":[],"
	 "\"dmarc\":{\"result\":\"fail\",\"from\":\"\",\"spf\":false,"
	 "\"dkim\":[]},\"asked\":\"quarantine\",\"disposition\":\"hold\","
	 "\"override\":\"policy_test_mode\"}\n"},
};

/* Row I, with a client and the parts that point to each other. */
static void
line_of(size_t i, struct verdict_message *m, struct verdict_result *r)
{
	*m = lines[i].m;
	*r = lines[i].r;
	r->dmarc = &lines[i].dmarc;
	m->now_ms = NOW;
	assert_int_equal(sockaddr_parse_ip("192.0.2.1", 0, &m->client), 0);
}

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct verdict_message m;
		struct verdict_result r;
		struct buf out;

		print_message("%s\n", lines[i].name);
		line_of(i, &m, &r);
		buf_init(&out, 4096);
		assert_int_equal(observed_line(&m, &r, &out), 0);
		assert_string_equal(buf_str(&out), lines[i].line);
		buf_done(&out);

		buf_init(&out, strlen(lines[i].line) - 1);
		assert_int_equal(observed_line(&m, &r, &out), -EMSGSIZE);
		assert_int_equal(out.len, 0);
		buf_done(&out);
	}
}

/* --- files --------------------------------------------------------------------- */

static void
rig_add(struct rig *rig)
{
	struct verdict_message m;
	struct verdict_result r;

	line_of(0, &m, &r);
	observed_add(rig->observed, &m, &r);
}

/* A file is under another name until its hour is over. */
static void
test_hour(void **state)
{
	struct rig *rig = *state;

	observed_turn(rig->observed);
	assert_int_equal(rig_each(rig, is_part) + rig_each(rig, is_whole), 0);

	rig_add(rig);
	observed_turn(rig->observed);
	clock_advance(rig->clock, HOUR - 1);
	rig_add(rig);
	observed_turn(rig->observed);
	assert_int_equal(rig_each(rig, is_whole), 0);
	assert_int_equal(strlen(rig_get(rig, own_name(NAME, ".part"))),
			 2 * strlen(lines[0].line));

	clock_advance(rig->clock, 1);
	observed_turn(rig->observed);
	assert_int_equal(rig_each(rig, is_part), 0);
	assert_int_equal(strlen(rig_get(rig, own_name(NAME, ""))),
			 2 * strlen(lines[0].line));
}

/* What was judged elsewhere is not ours to report. */
static void
test_trusted(void **state)
{
	struct rig *rig = *state;
	struct verdict_message m = {.how = VERDICT_TRUST};
	struct verdict_result r = {.disposition = VERDICT_NONE};

	observed_add(rig->observed, &m, &r);
	observed_turn(rig->observed);
	assert_int_equal(rig_each(rig, is_part), 0);
}

/* What a killed process left is made whole; half a line at its end is none. */
static void
test_leftovers(void **state)
{
	struct rig *rig = *state;
	int fd;

	observed_close(&rig->observed);
	rig_put(rig, OLD("1") ".part", "{\"a\":1}\n{\"b\":2}\n{\"c\":");
	rig_put(rig, OLD("2") ".part", "{\"torn\":");
	rig_put(rig, OLD("3") ".part", "{\"busy\":1}\n");
	rig_put(rig, "other.part", "x");
	fd = open(rig_path(rig, OLD("3") ".part"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(
		symlink("/etc/passwd", rig_path(rig, OLD("4") ".part")), 0);

	rig_open(rig);
	assert_string_equal(rig_get(rig, OLD("1")), "{\"a\":1}\n{\"b\":2}\n");
	assert_string_equal(rig_get(rig, OLD("2")), "");
	assert_string_equal(rig_get(rig, OLD("2") ".part"), "");
	assert_string_equal(rig_get(rig, OLD("3")), "");
	assert_string_equal(rig_get(rig, OLD("3") ".part"), "{\"busy\":1}\n");
	assert_string_equal(rig_get(rig, "other.part"), "x");
	close(fd);
}

/* An end is no reason to wait for the hour. */
static void
test_close(void **state)
{
	struct rig *rig = *state;

	rig_add(rig);
	observed_close(&rig->observed);
	assert_int_equal(rig_each(rig, is_part), 0);
	assert_string_equal(rig_get(rig, own_name(NAME, "")), lines[0].line);

	/* The same time and process id again. */
	rig_open(rig);
	rig_add(rig);
	observed_close(&rig->observed);
	assert_int_equal(rig_each(rig, is_whole), 2);
}

static int
size_of(struct rig *rig, const char *name)
{
	struct stat st;

	assert_int_equal(stat(rig_path(rig, name), &st), 0);
	return (int)st.st_size;
}

/* All together have a ceiling, and the oldest go first. */
static void
test_ceiling(void **state)
{
	struct rig *rig = *state;
	struct observed_counts counts;
	size_t n = 3 * MAX_SIZE / strlen(lines[0].line);

	for (size_t i = 0; i < n; i++) {
		rig_add(rig);
		if (i % 100 == 0) {
			clock_advance(rig->clock, 1000);
			observed_turn(rig->observed);
			assert_in_range(rig_each(rig, size_of), 0, MAX_SIZE);
		}
	}
	observed_turn(rig->observed);
	observed_count(rig->observed, &counts);
	assert_int_equal(counts.lines, n);
	assert_int_equal(counts.lines_dropped, 0);
	assert_in_range(rig_each(rig, size_of), MAX_SIZE / 2, MAX_SIZE);
	assert_in_range(counts.files_dropped, 10, 24);
	assert_string_equal(rig_get(rig, own_name(NAME, "")), "");
}

static void
test_age(void **state)
{
	struct rig *rig = *state;
	struct observed_counts counts;

	rig_add(rig);
	observed_turn(rig->observed);
	clock_advance(rig->clock, HOUR);
	observed_turn(rig->observed);
	clock_advance(rig->clock, MAX_AGE - HOUR);
	observed_turn(rig->observed);
	assert_int_equal(rig_each(rig, is_whole), 1);
	clock_advance(rig->clock, HOUR);
	observed_turn(rig->observed);
	assert_int_equal(rig_each(rig, is_whole), 0);
	observed_count(rig->observed, &counts);
	assert_int_equal(counts.files_dropped, 1);
}

/* What can't be written is counted and told of once. */
static void
test_lost(void **state)
{
	struct rig *rig = *state;
	struct observed_counts counts;
	struct metrics *metrics = metrics_new();
	struct buf out;

	observed_register(rig->observed, metrics);
	assert_int_equal(rmdir(rig->dir), 0);
	rig_add(rig);
	observed_turn(rig->observed);
	rig_add(rig);
	observed_turn(rig->observed);
	observed_count(rig->observed, &counts);
	assert_int_equal(counts.lines, 0);
	assert_int_equal(counts.lines_dropped, 2);
	assert_string_equal(rig->said,
			    "level=warning event=observed status=lost "
			    "error=\"No such file or directory\"");
	buf_init(&out, 65536);
	assert_int_equal(metrics_render(metrics, &out), 0);
	assert_non_null(strstr(buf_str(&out),
			       "belfry_observed_lines_dropped_total 2\n"));
	buf_done(&out);
	observed_close(&rig->observed);
	metrics_free(&metrics);
	assert_int_equal(mkdir(rig->dir, 0700), 0);
}

/* More than waits for the thread is dropped. */
static void
test_flood(void **state)
{
	struct rig *rig = *state;
	struct observed_counts counts;
	size_t room = OBSERVED_BUFFER_MAX / strlen(lines[0].line);

	for (size_t i = 0; i < room + 5; i++)
		rig_add(rig);
	observed_turn(rig->observed);
	observed_count(rig->observed, &counts);
	assert_int_equal(counts.lines, room);
	assert_int_equal(counts.lines_dropped, 5);
}

static void
test_thread(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(observed_start(rig->observed), 0);
	for (int i = 0; i < 1000; i++)
		rig_add(rig);
	observed_set_limits(rig->observed, 2 * MAX_SIZE, MAX_AGE);
	observed_close(&rig->observed);
	assert_int_equal(rig_each(rig, size_of),
			 1000 * (int)strlen(lines[0].line));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test_setup_teardown(test_hour, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trusted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leftovers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_close, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ceiling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thread, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
