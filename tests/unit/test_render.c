/*
 * Notices as mails. With a row's name as argument the mail is printed: how the
 * files of tests/alert/ were made.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "tests/unit/render_kit.h"

static void
render_row(const struct render *r, const struct kit_row *row, struct buf *out)
{
	struct render_notice n = kit_notice(row);

	buf_init(out, RENDER_MAIL_MAX);
	assert_int_equal(render_mail(r, &n, "anna@example.org", out), 0);
}

static void
test_golden(void **state)
{
	struct render *r = kit_render("");

	(void)state;
	for (const struct kit_row *row = kit_rows; row->name != NULL; row++) {
		struct buf out;

		render_row(r, row, &out);
		kit_compare(row->name, "eml", &out);
		buf_done(&out);
	}
	render_unref(&r);
	assert_null(r);
}

/* --- the form ----------------------------------------------------------------- */

/* Lines end in CRLF, are of 7 bits and at most 998. */
static void
check_lines(const char *name, const struct buf *out)
{
	const char *s = buf_str(out);

	for (; *s != '\0'; s += 2) {
		size_t len = strcspn(s, "\r\n");

		for (size_t i = 0; i < len; i++)
			if ((unsigned char)s[i] >= 0x7f ||
			    ((unsigned char)s[i] < ' ' && s[i] != '\t'))
				fail_msg("%s: an octet %02x in %.60s", name,
					 (unsigned char)s[i], s);
		if (len > 998)
			fail_msg("%s: %zu octets: %.60s", name, len, s);
		if (s[len] != '\r' || s[len + 1] != '\n')
			fail_msg("%s: no CRLF behind %.60s", name, s);
		s += len;
	}
}

static void
test_lines(void **state)
{
	struct render *r = kit_render("");

	(void)state;
	for (const struct kit_row *row = kit_rows; row->name != NULL; row++) {
		struct buf out;

		render_row(r, row, &out);
		check_lines(row->name, &out);
		buf_done(&out);
	}
	render_unref(&r);
}

/* How often FIELD begins a line of the header. */
static size_t
count_field(const struct buf *out, const char *field)
{
	const char *end = strstr(buf_str(out), "\r\n\r\n");
	char line[80];
	size_t n = 0;

	snprintf(line, sizeof(line), "\r\n%s:", field);
	for (const char *p = buf_str(out);
	     (p = strstr(p, line)) != NULL && p < end; p++)
		n++;
	return n;
}

/* Nothing of what comes from outside makes a field of its own. */
static void
test_evil_header(void **state)
{
	struct render *r = kit_render("");
	struct render_notice n = kit_notice(&kit_rows[0]);
	struct buf out;

	(void)state;
	n.group_subject = "x\r\nBcc: victim@example.org\r\n\r\nbody";
	n.receiver = "on\r\nBcc: x";
	n.message_id = "1@x>\r\nBcc: y";
	n.root_id = "0@x\r\nBcc: z";
	n.reply_token = "t\r\nBcc: t";
	n.mark = "m\r\nBcc: m";
	buf_init(&out, RENDER_MAIL_MAX);
	assert_int_equal(
		render_mail(r, &n, "anna@example.org>\r\nBcc: v", &out), 0);
	check_lines("evil", &out);
	assert_int_equal(count_field(&out, "Bcc"), 0);
	assert_int_equal(count_field(&out, "Subject"), 1);
	assert_non_null(strstr(buf_str(&out),
			       "Subject: Re: x  Bcc: victim@example.org"));
	buf_done(&out);
	render_unref(&r);
}

#define FORGED "\r\nAcknowledge: http://evil.example.net/\n\x1b[31m"

/* Nor does it begin a line of the text, where only our words stand. */
static void
test_evil_lines(void **state)
{
	static const char *const tries[] = {
		"x" FORGED,
		"x\rAcknowledge: http://evil.example.net/",
		"x\xe2\x80\xa8"
		"Acknowledge: http://evil.example.net/",
		"x\xe2\x80\xaey\xe2\x81\xa7z\xc2\x9b"
		"31m",
	};
	static const char *const never[] = {
		"\r\nAcknowledge: http://evil",
		"=E2=80=A8",
		"=E2=80=AE",
		"=E2=81=A7",
		"=C2=9B",
		"=1B",
		"=?UTF-8",
	};
	struct render *r = kit_render("");

	(void)state;
	for (size_t i = 0; i < ROWS(tries); i++) {
		const char *evil = tries[i];
		struct label l[] = {{"alertname", evil},
				    {"instance", evil},
				    {"severity", evil}};
		struct label notes[] = {{"description", evil},
					{"summary", evil}};
		const struct labels labels = {3, l}, note = {2, notes};
		struct render_alert v[2];
		struct render_notice n = kit_notice(&kit_rows[0]);
		struct buf out;

		v[0] = v[1] = n.v[0];
		v[0].labels = n.group_labels = &labels;
		v[0].annotations = &note;
		v[0].acked_by = evil;
		n.v = v;
		n.n = n.nfiring = 2;
		n.who = n.note = n.person = n.receiver = n.route = evil;
		n.group_subject = n.next_what = evil;
		buf_init(&out, RENDER_MAIL_MAX);
		assert_int_equal(render_mail(r, &n, "anna@example.org", &out),
				 0);
		check_lines("evil", &out);
		for (size_t k = 0; k < ROWS(never); k++)
			if (strstr(buf_str(&out), never[k]) != NULL)
				fail_msg("try %zu: \"%s\" in %s", i, never[k],
					 buf_str(&out));
		buf_done(&out);
	}
	render_unref(&r);
}

/* An alert's title, and nothing twice. */
static void
test_titles(void **state)
{
	static const struct {
		const char *name, *alertname, *source, *instance, *summary;
		const char *text;
	} rows[] = {
		{"a rule", "Disk", NULL, "db1", "It is full",
		 "* Disk on db1\r\n  It is full\r\n  since"},
		{"named after the source", "shop", "shop", NULL, "It is full",
		 "* It is full\r\n  since"},
		{"and where", "shop", "shop", "db1", "It is full",
		 "* It is full on db1\r\n  since"},
		{"which it says", "shop", "shop", "db1", "db1 is full",
		 "* db1 is full\r\n  since"},
		{"the summary is the name", "It is full", "cli", NULL,
		 "It is full", "* It is full\r\n  since"},
		{"no words", "shop", "shop", NULL, NULL, "* shop\r\n  since"},
	};
	struct render *r = kit_render("");

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct render_notice n = kit_notice(&kit_rows[0]);
		struct labels labels, notes;
		struct labels_builder b;
		struct render_alert a = {.labels = &labels,
					 .annotations = &notes,
					 .starts_ms = n.since_ms};
		struct arena arena;
		struct buf out;

		arena_init(&arena);
		labels_builder_init(&b, &arena);
		labels_set(&b, "alertname", rows[i].alertname);
		if (rows[i].source != NULL)
			labels_set(&b, "source", rows[i].source);
		if (rows[i].instance != NULL)
			labels_set(&b, "instance", rows[i].instance);
		assert_int_equal(labels_finish(&b, &labels), 0);
		labels_builder_init(&b, &arena);
		if (rows[i].summary != NULL)
			labels_set(&b, "summary", rows[i].summary);
		labels_finish_annotations(&b, &notes);
		n.v = &a;
		n.n = 1;
		buf_init(&out, RENDER_MAIL_MAX);
		assert_int_equal(render_mail(r, &n, "a@example.org", &out), 0);
		if (strstr(buf_str(&out), rows[i].text) == NULL)
			fail_msg("%s: no \"%s\" in %s", rows[i].name,
				 rows[i].text, buf_str(&out));
		buf_done(&out);
		arena_done(&arena);
	}
	render_unref(&r);
}

/* --- much --------------------------------------------------------------------- */

#define MANY 50

/* A row of many alerts, each with a long description. */
static struct render_notice
many_alerts(struct render_alert v[static MANY], struct labels *labels,
	    struct arena *arena, const char *fill, size_t len)
{
	struct render_notice n = kit_notice(&kit_rows[0]);
	size_t unit = strlen(fill);
	char *text = arena_alloc(arena, len * unit + 1);

	for (size_t i = 0; i < len; i++)
		memcpy(text + i * unit, fill, unit);
	for (size_t i = 0; i < MANY; i++) {
		struct labels *l = &labels[2 * i], *notes = l + 1;
		struct labels_builder b;

		v[i] = n.v[0];
		labels_builder_init(&b, arena);
		labels_set(&b, "alertname", "HostDown");
		labels_set(&b, "instance", arena_printf(arena, "host%03zu", i));
		assert_int_equal(labels_finish(&b, l), 0);
		labels_builder_init(&b, arena);
		labels_set(&b, "summary", "no answer");
		labels_set(&b, "description", text);
		labels_finish_annotations(&b, notes);
		v[i].labels = l;
		v[i].annotations = notes;
	}
	n.v = v;
	n.n = MANY;
	n.nfiring = 200;
	return n;
}

static const struct many_row {
	const char *name;
	const char *fill; /* so often is the description of each */
	size_t len;
	const char *says;
} many_rows[] = {
	{"an outage", "d", 100, "\r\n... and 150 more"},
	{"long ones are cut", "d", 16000, "ddd...\r\n"},
	{"fewer are shown", "&", 16000, "\r\n... and 1"},
	{"octets that take three", "\xc3\xbc", 8000, "\r\n\r\n--=_belfry"},
};

static void
test_many(void **state)
{
	struct render *r = kit_render("");

	(void)state;
	for (size_t i = 0; i < ROWS(many_rows); i++) {
		const struct many_row *row = &many_rows[i];
		struct labels labels[2 * MANY];
		struct render_alert v[MANY];
		struct render_notice n;
		struct arena arena;
		struct buf out;

		arena_init(&arena);
		n = many_alerts(v, labels, &arena, row->fill, row->len);
		buf_init(&out, RENDER_MAIL_MAX * 2);
		assert_int_equal(render_mail(r, &n, "anna@example.org", &out),
				 0);
		assert_true(out.len <= RENDER_MAIL_MAX);
		if (strstr(buf_str(&out), row->says) == NULL)
			fail_msg("%s: not said: %s", row->name, row->says);
		check_lines(row->name, &out);
		buf_done(&out);
		arena_done(&arena);
	}
	render_unref(&r);
}

/* --- templates of a folder ------------------------------------------------------- */

static const struct override {
	const char *name, *file, *text;
	const char *says; /* NULL: refused */
	const char *error;
} overrides[] = {
	{"another text", "mail.txt", "{{title}} is {{severity}}\n",
	 "\r\n[london] DiskWillFill on db1 is critical\r\n", NULL},
	{"HTML is escaped by itself", "mail.html", "<i>{{route}}</i>",
	 "<i>severity=&quot;critical&quot; &gt; team=&quot;db&quot;</i>", NULL},
	{"no such variable", "mail.txt", "a\n{{sumary}}\n", NULL,
	 "mail.txt:2:1: no variable is called `sumary`; did you mean "
	 "`summary`?"},
	{"wrong tags", "mail.txt", "a\n\n{{#alerts}}\n", NULL,
	 "mail.txt:3:1: \"alerts\" is never closed"},
	{"turns in a circle", "message.txt", "{{text}}", NULL,
	 "message.txt:1:1: `message` and `text` are made of this template: it "
	 "can't hold them"},
	{"no JSON", "slack.json", "{\"text\": {{title}}}", NULL,
	 "slack.json:1:1: what this template makes of a notice of kind firing "
	 "is no JSON: "},
	{"JSON that breaks at a quote", "teams.json",
	 "{\"text\": \"{{{title}}}\"}", NULL,
	 "teams.json:1:1: what this template makes of a notice of kind firing "
	 "is no JSON: "},
	{"JSON that lacks a comma", "webhook.json",
	 "[{{#alerts}}\"{{title}}\"{{/alerts}}]", NULL,
	 "webhook.json:1:1: what this template makes of a notice of kind "
	 "firing is no JSON: "},
	{"too much", "slack.json",
	 "[{{#alerts}}1{{^-last}},{{/-last}}{{/alerts}}]", "", NULL},
};

static void
check_override(const struct override *o, const char *dir)
{
	struct conf_errors e;
	struct render *r = NULL;
	char *file = xasprintf("%s/%s", dir, o->file);
	FILE *f = fopen(file, "we");
	struct buf out;

	assert_non_null(f);
	fputs(o->text, f);
	assert_int_equal(fclose(f), 0);
	conf_errors_init(&e);
	if (kit_render_try(dir, &e, &r) < 0) {
		const char *line = strrchr(e.v[0].mark.file, '/') + 1;
		char *text = xasprintf("%s:%d:%d: %s", line, e.v[0].mark.line,
				       e.v[0].mark.column, e.v[0].text);

		if (o->error == NULL ||
		    strncmp(text, o->error, strlen(o->error)) != 0)
			fail_msg("%s: %s", o->name, text);
		free(text);
	} else {
		if (o->says == NULL)
			fail_msg("%s: taken", o->name);
		render_row(r, &kit_rows[0], &out);
		assert_non_null(strstr(buf_str(&out), o->says));
		buf_done(&out);
		render_unref(&r);
	}
	conf_errors_done(&e);
	assert_int_equal(remove(file), 0);
	free(file);
}

static void
test_override(void **state)
{
	char dir[] = "/tmp/render.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < ROWS(overrides); i++)
		check_override(&overrides[i], dir);
	assert_int_equal(rmdir(dir), 0);
}

/* No folder, or a file in its place. */
static void
test_no_folder(void **state)
{
	static const struct {
		const char *path, *error;
	} rows[] = {
		{"/nowhere/templates", "the folder of `templates`, "
				       "/nowhere/templates: No such file or "
				       "directory"},
		{"/dev/null",
		 "the folder of `templates`, /dev/null: Not a directory"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct conf_errors e;
		struct render *r = NULL;

		conf_errors_init(&e);
		assert_int_equal(kit_render_try(rows[i].path, &e, &r), -EINVAL);
		assert_string_equal(e.v[0].text, rows[i].error);
		conf_errors_done(&e);
	}
}

/* A file that is there and can't be read is an error, not ours instead. */
static void
test_unreadable(void **state)
{
	char dir[] = "/tmp/render.XXXXXX", *file;
	struct conf_errors e;
	struct render *r = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	file = xasprintf("%s/mail.txt", dir);
	assert_int_equal(mkdir(file, 0755), 0);
	conf_errors_init(&e);
	assert_int_equal(kit_render_try(dir, &e, &r), -EINVAL);
	assert_non_null(strstr(e.v[0].text, "mail.txt: "));
	assert_null(r);
	conf_errors_done(&e);
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(rmdir(dir), 0);
	free(file);
}

static const struct from_row {
	const char *from, *field;
} from_rows[] = {
	{"", "From: Belfry <alerts@relay1.example.org>\r\n"},
	{"ops@example.org", "From: <ops@example.org>\r\n"},
	{"Ops <ops@example.org>", "From: Ops <ops@example.org>\r\n"},
	{"\"Ops, night\" <ops@example.org>",
	 "From: \"Ops, night\" <ops@example.org>\r\n"},
	{"T\xc3\xbcrmer <ops@example.org>",
	 "From: =?UTF-8?B?VMO8cm1lcg==?= <ops@example.org>\r\n"},
};

static void
test_from(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(from_rows); i++) {
		struct render *r = kit_render_from(from_rows[i].from);
		struct buf out;

		render_row(r, &kit_rows[0], &out);
		if (strstr(buf_str(&out), from_rows[i].field) == NULL)
			fail_msg("%s", from_rows[i].field);
		buf_done(&out);
		render_unref(&r);
	}
}

/* What begins a mail in which all are new, or so many that not all are listed. */
static void
test_new(void **state)
{
	static const struct {
		size_t nfiring;
		const char *says;
	} rows[] = {
		{2, "\r\nFIRING: 2 alerts, critical"},
		{200, "\r\nFIRING: 2 or more new, 200 alerts in all"},
	};
	struct render *r = kit_render("");

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct render_notice n = kit_notice(kit_find("more"));
		struct render_alert two[2] = {n.v[0], n.v[1]};
		struct buf out;

		two[0].is_new = two[1].is_new = true;
		n.v = two;
		n.nfiring = rows[i].nfiring;
		buf_init(&out, RENDER_MAIL_MAX);
		assert_int_equal(render_mail(r, &n, "anna@example.org", &out),
				 0);
		assert_non_null(strstr(buf_str(&out), rows[i].says));
		/* Where the list is cut the links stand above it, too. */
		assert_int_equal(strstr(buf_str(&out), "\r\nAcknowledge: ") <
					 strstr(buf_str(&out), "\r\n* "),
				 rows[i].nfiring > 2);
		buf_done(&out);
	}
	render_unref(&r);
}

/* Something comes next only where somebody still has to acknowledge. */
static void
test_acked_in_part(void **state)
{
	static const char says[] = "\r\nOthers of the group are not "
				   "acknowledged.\r\n";
	struct render *r = kit_render("");

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct render_notice n = kit_notice(kit_find("acked"));
		struct buf out;

		n.next_ms = i * (n.now_ms + 60000);
		n.next_what = "reminder";
		buf_init(&out, RENDER_MAIL_MAX);
		assert_int_equal(render_mail(r, &n, "anna@example.org", &out),
				 0);
		assert_int_equal(strstr(buf_str(&out), says) != NULL, i == 1);
		buf_done(&out);
	}
	render_unref(&r);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_evil_header),
		cmocka_unit_test(test_evil_lines),
		cmocka_unit_test(test_titles),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_acked_in_part),
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_no_folder),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_from),
	};

	if (argc == 2) {
		struct render *r = kit_render("");
		const struct kit_row *row = kit_find(argv[1]);
		struct buf out;

		render_row(r, row, &out);
		fwrite(out.data, 1, out.len, stdout);
		buf_done(&out);
		render_unref(&r);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
