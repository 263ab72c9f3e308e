#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

static void
capture(void *arg, const char *line)
{
	struct buf *b = arg;

	buf_append_str(b, line);
	buf_append_char(b, '\n');
}

struct fixture {
	struct buf out;
	struct log *log;
	struct log_context root;
};

static void
log_reopen(struct log *log, const struct log_conf *conf)
{
	assert_int_equal(log_prepare(log, conf), 0);
	log_switch(log, conf);
}

static void
fixture_init(struct fixture *f, enum log_format format, enum log_level level,
	     enum log_addresses addresses)
{
	struct log_conf conf = {
		.format = format, .level = level, .addresses = addresses};

	memset(f, 0, sizeof(*f));
	buf_init(&f->out, 1 << 20);
	f->log = log_new_capture(capture, &f->out);
	log_reopen(f->log, &conf);
	f->root.log = f->log;
}

static void
fixture_done(struct fixture *f)
{
	log_close(&f->log);
	buf_done(&f->out);
}

static const struct {
	const char *name, *value, *logfmt, *json;
} values[] = {
	{"bare", "host[192.0.2.1]:25", "host[192.0.2.1]:25",
	 "\"host[192.0.2.1]:25\""},
	{"empty", "", "\"\"", "\"\""},
	{"blank", "250 ok", "\"250 ok\"", "\"250 ok\""},
	{"equals", "a=b", "\"a=b\"", "\"a=b\""},
	{"quote", "say \"x\"", "\"say \\\"x\\\"\"", "\"say \\\"x\\\"\""},
	{"backslash", "a\\b", "\"a\\\\b\"", "\"a\\\\b\""},
	{"a second line", "x\nevent=accept", "\"x\\nevent=accept\"",
	 "\"x\\nevent=accept\""},
	{"CR and tab", "\r\t", "\"\\r\\t\"", "\"\\r\\t\""},
	{"escape", "\033[2J", "\"\\u001b[2J\"", "\"\\u001b[2J\""},
	{"DEL", "\177", "\"\\u007f\"", "\"\\u007f\""},
	{"UTF-8", "J\xc3\xb6rg", "\"J\xc3\xb6rg\"", "\"J\xc3\xb6rg\""},
	{"no UTF-8", "J\xf6rg", "\"J\\ufffdrg\"", "\"J\\ufffdrg\""},
	{"C1 next line", "a\xc2\x85z", "\"a\\u0085z\"", "\"a\\u0085z\""},
	{"line separator", "\xe2\x80\xa8", "\"\\u2028\"", "\"\\u2028\""},
};

static void
test_values(void **state)
{
	struct fixture f, j;
	char text[256];

	(void)state;
	fixture_init(&f, LOG_LOGFMT, LOG_DEBUG, LOG_ADDR_PLAIN);
	fixture_init(&j, LOG_JSON, LOG_DEBUG, LOG_ADDR_PLAIN);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		buf_clear(&f.out);
		buf_clear(&j.out);
		log_event(&f.root, LOG_INFO, "e",
			  LOG_STR("k", values[i].value));
		log_event(&j.root, LOG_INFO, "e",
			  LOG_STR("k", values[i].value));
		snprintf(text, sizeof(text), "level=info event=e k=%s\n",
			 values[i].logfmt);
		if (strcmp(buf_str(&f.out), text) != 0)
			fail_msg("%s: %s", values[i].name, buf_str(&f.out));
		snprintf(text, sizeof(text),
			 "{\"level\":\"info\",\"event\":\"e\",\"k\":%s}\n",
			 values[i].json);
		if (strcmp(buf_str(&j.out), text) != 0)
			fail_msg("%s: %s", values[i].name, buf_str(&j.out));
	}
	fixture_done(&f);
	fixture_done(&j);
}

static void
test_context(void **state)
{
	struct fixture f;
	struct log_context session, message;

	(void)state;
	fixture_init(&f, LOG_LOGFMT, LOG_INFO, LOG_ADDR_PLAIN);
	session = (struct log_context){.parent = &f.root,
				       .field = LOG_STR("session", "S1")};
	message = (struct log_context){.parent = &session,
				       .field = LOG_STR("id", "M1")};
	log_event(&message, LOG_WARNING, "x", LOG_INT("n", -5),
		  LOG_STR("none", NULL), LOG_INT("max", INT64_MIN));
	log_event(&message, LOG_DEBUG, "unseen");
	log_event(NULL, LOG_ERROR, "nowhere");
	assert_string_equal(buf_str(&f.out),
			    "level=warning event=x session=S1 id=M1 n=-5 "
			    "max=-9223372036854775808\n");
	fixture_done(&f);
}

static const struct {
	const char *name;
	enum log_addresses how;
	const char *address, *line;
} addresses[] = {
	{"plain", LOG_ADDR_PLAIN, "anna@example.org", "to=anna@example.org"},
	{"domain", LOG_ADDR_DOMAIN, "anna@example.org", "to=@example.org"},
	{"domain without one", LOG_ADDR_DOMAIN, "postmaster", "to=@"},
	{"hash", LOG_ADDR_HASH, "anna@example.org", "to=a3bf86238a1c59bd"},
	{"hash, other case", LOG_ADDR_HASH, "Anna@Example.ORG",
	 "to=a3bf86238a1c59bd"},
	{"login", LOG_ADDR_DOMAIN, "anna", "to=@"},
	{"folder", LOG_ADDR_DOMAIN, "/var/mail/example.org@x/anna", "to=@"},
	{"null path, hash", LOG_ADDR_HASH, "", "to=\"\""},
	{"null path, domain", LOG_ADDR_DOMAIN, "", "to=\"\""},
};

static void
test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct fixture f;
		char text[128];

		fixture_init(&f, LOG_LOGFMT, LOG_INFO, addresses[i].how);
		log_event(&f.root, LOG_INFO, "e",
			  LOG_ADDR("to", addresses[i].address));
		snprintf(text, sizeof(text), "level=info event=e %s\n",
			 addresses[i].line);
		if (strcmp(buf_str(&f.out), text) != 0)
			fail_msg("%s: %s", addresses[i].name, buf_str(&f.out));
		fixture_done(&f);
	}
}

static const struct {
	const char *name;
	enum log_addresses how;
	const char *text, *line;
} texts[] = {
	{"plain", LOG_ADDR_PLAIN, "550 <anna@example.org> no", NULL},
	{"domain", LOG_ADDR_DOMAIN, "550 <anna@example.org> no",
	 "550 <@example.org> no"},
	{"hash", LOG_ADDR_HASH, "550 <Anna@example.org>: no",
	 "550 <a3bf86238a1c59bd>: no"},
	{"two", LOG_ADDR_DOMAIN, "a@b.example and c@d.example",
	 "@b.example and "
	 "@d.example"},
	{"punctuation round it", LOG_ADDR_HASH,
	 "user 'anna@example.org'... (anna@example.org)",
	 "user 'a3bf86238a1c59bd'... (a3bf86238a1c59bd)"},
	{"quoted local part", LOG_ADDR_DOMAIN,
	 "no \"Anna \\\" M@\"@example.org here", "no @example.org here"},
	{"a quote that was never opened", LOG_ADDR_DOMAIN,
	 "no Anna\"@example.org here", "@example.org here"},
	{"literal", LOG_ADDR_DOMAIN, "no anna@[192.0.2.1]!",
	 "no @[192.0.2.1]!"},
	{"what is no literal", LOG_ADDR_DOMAIN,
	 "no x@[anna@example.org], y@[ ben@example.org ]",
	 "no @[@example.org], @[ @example.org ]"},
	{"UTF-8", LOG_ADDR_DOMAIN, "no \u00fcn\u00efx@b\u00fccher.example ok",
	 "no @b\u00fccher.example ok"},
	{"VERP", LOG_ADDR_DOMAIN, "bounce+anna=example.org@b.example ok",
	 "@b.example ok"},
	{"source route", LOG_ADDR_DOMAIN,
	 "<@relay.example:anna@example.org> ok",
	 "<@relay.example:@example.org> ok"},
	{"no address", LOG_ADDR_DOMAIN, "a @ b, @example.org", NULL},
	{"without a domain", LOG_ADDR_DOMAIN, "no anna@ here", "no @ here"},
};

static void
test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fixture f;
		json_t *line;
		const char *said;

		fixture_init(&f, LOG_JSON, LOG_INFO, texts[i].how);
		log_event(&f.root, LOG_INFO, "e",
			  LOG_STR("reply", texts[i].text),
			  LOG_EXACT("exact", texts[i].text));
		line = json_loads(buf_str(&f.out), 0, NULL);
		assert_non_null(line);
		said = json_string_value(json_object_get(line, "reply"));
		if (strcmp(said, texts[i].line != NULL ? texts[i].line
						       : texts[i].text) != 0)
			fail_msg("%s: %s", texts[i].name, said);
		assert_string_equal(
			json_string_value(json_object_get(line, "exact")),
			texts[i].text);
		json_decref(line);
		fixture_done(&f);
	}
}

/* Text that grows is cut, and nothing of an address at its end remains. */
static void
test_long_text(void **state)
{
	char value[4000] = "";
	struct fixture f;
	json_t *line;
	const char *said;

	(void)state;
	for (size_t n = 0; n + 7 < sizeof(value); n += 6)
		memcpy(value + n, "a@b.c ", 7);
	for (int how = LOG_ADDR_HASH; how <= LOG_ADDR_DOMAIN; how++) {
		fixture_init(&f, LOG_JSON, LOG_INFO, (enum log_addresses)how);
		log_event(&f.root, LOG_INFO, "e", LOG_STR("reply", value));
		line = json_loads(buf_str(&f.out), 0, NULL);
		said = json_string_value(json_object_get(line, "reply"));
		assert_int_equal(strlen(said), 1027);
		assert_null(strstr(said, "a@"));
		json_decref(line);
		fixture_done(&f);
	}
}

/* Long values are cut, and what does not fit is left out whole: the line stays
 * JSON. */
static void
test_long(void **state)
{
	struct fixture f;
	char value[3000];
	json_t *line;

	(void)state;
	memset(value, '\1', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	fixture_init(&f, LOG_JSON, LOG_INFO, LOG_ADDR_PLAIN);
	log_event(&f.root, LOG_INFO, "e", LOG_STR("a", value),
		  LOG_STR("b", value), LOG_STR("c", "short"));
	line = json_loads(buf_str(&f.out), 0, NULL);
	assert_non_null(line);
	assert_int_equal(json_string_length(json_object_get(line, "a")), 1027);
	assert_null(json_object_get(line, "b"));
	assert_string_equal(json_string_value(json_object_get(line, "c")),
			    "short");
	assert_true(json_is_true(json_object_get(line, "cut")));
	json_decref(line);
	fixture_done(&f);
}

/* --- the thread and its targets -------------------------------------------- */

static void
read_file(const char *path, struct buf *b)
{
	char piece[65536];
	FILE *in = fopen(path, "r");
	size_t n;

	assert_non_null(in);
	while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
		assert_int_equal(buf_append(b, piece, n), 0);
	fclose(in);
}

static void
assert_file(const char *path, const char *expected)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	read_file(path, &b);
	assert_string_equal(buf_str(&b), expected);
	buf_done(&b);
}

static void
test_file_reopen(void **state)
{
	char dir[] = "/tmp/belfry-log-XXXXXX", path[64], old[64], fifo[64];
	struct log_conf conf = {.to = path, .level = LOG_INFO};
	struct clock *clock = clock_new_fixed(880106106123);
	struct log_context root = {0};
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(old, sizeof(old), "%s/log.1", dir);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(log_open(&conf, clock, &root.log), 0);
	log_event(&root, LOG_INFO, "one");
	clock_advance(clock, 900);
	log_event(&root, LOG_DEBUG, "unseen");
	log_event(&root, LOG_INFO, "two");
	assert_int_equal(rename(path, old), 0);
	conf.format = LOG_JSON;
	log_reopen(root.log, &conf);
	log_event(&root, LOG_INFO, "three");
	conf.to = (char[]){"/nowhere/log"};
	conf.level = LOG_DEBUG;
	assert_int_equal(log_prepare(root.log, &conf), -ENOENT);
	log_event(&root, LOG_DEBUG, "unseen");
	/* One that is given up leaves no trace but its file. */
	conf.to = old;
	assert_int_equal(log_prepare(root.log, &conf), 0);
	log_event(&root, LOG_DEBUG, "unseen");
	log_forget(root.log);
	conf.to = fifo;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(log_prepare(root.log, &conf), -ENXIO);
	assert_int_equal(unlink(fifo), 0);
	log_event(&root, LOG_INFO, "four");
	log_close(&root.log);
	assert_file(old,
		    "time=1997-11-21T09:55:06.123Z level=info event=one\n"
		    "time=1997-11-21T09:55:07.023Z level=info event=two\n");
	assert_file(path, "{\"time\":\"1997-11-21T09:55:07.023Z\","
			  "\"level\":\"info\",\"event\":\"three\"}\n"
			  "{\"time\":\"1997-11-21T09:55:07.023Z\","
			  "\"level\":\"info\",\"event\":\"four\"}\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0);
	unlink(path);
	unlink(old);
	rmdir(dir);
	clock_free(&clock);
}

/* stderr as the journal's stream, and back to a plain one. */
static void
test_journal(void **state)
{
	char path[] = "/tmp/belfry-log-XXXXXX", stream[64];
	struct log_conf conf = {.to = (char[]){"stderr"}, .level = LOG_DEBUG};
	struct clock *clock = clock_new_fixed(880106106123);
	struct log_context root = {0};
	int fd = mkstemp(path), saved = dup(2);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_int_equal(dup2(fd, 2), 2);
	assert_int_equal(log_open(&conf, clock, &root.log), 0);
	log_event(&root, LOG_DEBUG, "a");
	log_event(&root, LOG_ERROR, "b");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_reopen(root.log, &conf);
	log_event(&root, LOG_WARNING, "c");
	log_close(&root.log);
	dup2(saved, 2);
	close(saved);
	unsetenv("JOURNAL_STREAM");
	assert_file(path, "<7>level=debug event=a\n<3>level=error event=b\n"
			  "time=1997-11-21T09:55:06.123Z level=warning "
			  "event=c\n");
	close(fd);
	unlink(path);
	clock_free(&clock);
}

#define LINES 20000

static void *
chatter(void *arg)
{
	for (int i = 0; i < LINES; i++) {
		log_event(arg, LOG_INFO, "line", LOG_INT("n", i),
			  LOG_STR("pad", "some bytes to fill the ring with"));
		log_event(arg, LOG_DEBUG, "debug", LOG_INT("n", i));
	}
	return NULL;
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0, len = strlen(what);

	/* AddressSanitizer's strstr() measures all of TEXT at each call. */
	for (; *text != '\0'; text++)
		n += strncmp(text, what, len) == 0;
	return n;
}

struct reader {
	int fd;
	struct buf out;
};

static void *
reader(void *arg)
{
	struct reader *r = arg;
	char piece[4096];
	ssize_t n;

	while ((n = read(r->fd, piece, sizeof(piece))) > 0)
		buf_append(&r->out, piece, (size_t)n);
	return NULL;
}

static size_t
sum_dropped(const char *text)
{
	static const char told[] = "event=log_dropped lines=";
	size_t sum = 0;

	for (; *text != '\0'; text++)
		if (strncmp(text, told, sizeof(told) - 1) == 0)
			sum += strtoul(text + sizeof(told) - 1, NULL, 10);
	return sum;
}

/* Into a pipe that nobody reads at first: event lines wait and all arrive; a
 * debug line arrives or is counted. */
static void
test_full_ring(void **state)
{
	char dir[] = "/tmp/belfry-log-XXXXXX", path[64];
	struct log_conf conf = {.to = path, .level = LOG_DEBUG};
	struct log_context root = {0};
	struct reader r;
	pthread_t t[3];
	size_t debug;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	r.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(fcntl(r.fd, F_SETFL, 0), 0);
	buf_init(&r.out, SIZE_MAX / 2);
	assert_int_equal(log_open(&conf, clock_system(), &root.log), 0);
	for (int i = 0; i < LINES; i++)
		log_event(&root, LOG_DEBUG, "debug", LOG_INT("n", i));
	pthread_create(&t[0], NULL, chatter, &root);
	pthread_create(&t[1], NULL, chatter, &root);
	pthread_create(&t[2], NULL, reader, &r);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	log_close(&root.log); /* ends the reader too */
	pthread_join(t[2], NULL);
	assert_int_equal(count(buf_str(&r.out), "event=line "), 2 * LINES);
	debug = count(buf_str(&r.out), "event=debug ");
	assert_true(debug < 3 * LINES);
	assert_int_equal(debug + sum_dropped(buf_str(&r.out)), 3 * LINES);
	close(r.fd);
	unlink(path);
	rmdir(dir);
	buf_done(&r.out);
}

static void
test_targets(void **state)
{
	(void)state;
	assert_true(log_target_ok("stderr"));
	assert_true(log_target_ok("syslog:mail"));
	assert_true(log_target_ok("syslog:local3"));
	assert_true(log_target_ok("/var/log/belfry.log"));
	assert_false(log_target_ok("syslog:nothing"));
	assert_false(log_target_ok("syslog:"));
	assert_false(log_target_ok("belfry.log"));
	assert_false(log_target_ok(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_file_reopen),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_full_ring),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
