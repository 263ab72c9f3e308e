/*
 * Documents of tests/alert/intake: what was posted, and what it means.
 *
 *	source KIND               and any of
 *	now TIME                  2026-11-21T04:10:00Z without it
 *	secret TEXT, token, postable
 *	header NAME: VALUE
 *	query NAME=VALUE
 *	map WHERE POINTER, label NAME POINTER, resolved WORD
 *	crlf                      the lines of the body end in CRLF
 *	body FILE, headers FILE   of the conformance folder; without it the
 *	                          document is skipped. A .http file is a request
 *
 *	the body
 *	=====
 *	the result, as show() has it
 *
 * `test_intake FILE...` shows them.
 */
#include "alert/intake.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alert/intake_text.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "tests/unit/test.h"

#define FILE_MAX ((size_t)1 << 20)
#define LIST_MAX 20
#define SKIPPED  77 /* to ctest */

struct document {
	struct arena arena;
	struct rules_source source;
	struct source_label labels[LIST_MAX];
	const char *resolved[LIST_MAX];
	struct doc_field query[LIST_MAX];
	struct intake_request req;
	struct secret *secret;
	bool crlf, absent; /* it wants a file that is not there */
	const char *expected;
};

/* NULL: it is not there. */
static char *
slurp(struct arena *a, const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	char *text;

	if (f == NULL)
		return NULL;
	text = arena_alloc(a, FILE_MAX);
	*ret_len = fread(text, 1, FILE_MAX - 1, f);
	fclose(f);
	return text;
}

static char *
slurp_sample(struct document *d, const char *name, size_t *ret_len)
{
	const char *folder = getenv("BELFRY_CONFORMANCE");
	char *text;

	folder = folder != NULL ? folder : BELFRY_CONFORMANCE;
	text = slurp(&d->arena,
		     arena_printf(&d->arena, "%s/alerts/%s", folder, name),
		     ret_len);
	d->absent = d->absent || text == NULL;
	return text;
}

static void
set_header(struct document *d, const char *line)
{
	for (int i = 0; i < INTAKE_NHEADER; i++) {
		const char *name = intake_header_names[i];
		size_t len = strlen(name);

		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			d->req.header[i] =
				line + len + 1 + strspn(line + len + 1, " ");
	}
}

/* Lines of fields; a "#" begins a remark. */
static void
set_headers(struct document *d, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		if (*line == '\0')
			return;
		if (*line != '#')
			set_header(d, line);
	}
}

static void
set_body(struct document *d, const char *name)
{
	size_t len = 0;
	char *text = slurp_sample(d, name, &len), *body = text;

	if (text != NULL && strstr(name, ".http") != NULL) {
		body = memmem(text, len, "\r\n\r\n", 4);
		body = body != NULL ? body + 4 : strstr(text, "\n\n") + 2;
		len -= (size_t)(body - text);
		text[body - text - 1] = '\0';
		set_headers(d, text);
	}
	d->req.body = body;
	d->req.body_len = len;
}

static void
set_map(struct document *d, const char *where, const char *at)
{
	struct source_map *m = &d->source.map;
	const struct {
		const char *name, **to;
	} place[] = {
		{"dedup_key", &m->dedup_key}, {"title", &m->title},
		{"text", &m->text},           {"status", &m->status},
		{"severity", &m->severity},   {"url", &m->url},
	};

	for (size_t i = 0; i < sizeof(place) / sizeof(place[0]); i++)
		if (strcmp(place[i].name, where) == 0)
			*place[i].to = at;
}

static void
set_pair(struct document *d, const char *key, char *value)
{
	struct source_map *m = &d->source.map;
	char *rest = value;

	if (strcmp(key, "map") == 0) {
		strsep(&rest, " ");
		set_map(d, value, rest);
	} else if (strcmp(key, "label") == 0) {
		strsep(&rest, " ");
		d->labels[m->nlabels++] = (struct source_label){value, rest};
	} else if (strcmp(key, "resolved") == 0) {
		d->resolved[m->nresolved++] = value;
	} else if (strcmp(key, "query") == 0) {
		strsep(&rest, "=");
		d->query[d->req.nquery++] = (struct doc_field){value, rest};
	} else {
		fail_msg("no such line: %s", key);
	}
}

static void
set_line(struct document *d, char *line)
{
	char *value = line;
	size_t len = 0;

	strsep(&value, " ");
	if (strcmp(line, "source") == 0) {
		while (strcmp(source_kind_names[d->source.kind], value) != 0)
			d->source.kind++;
		d->source.name = value;
	} else if (strcmp(line, "now") == 0) {
		assert_int_equal(clock_rfc3339_parse(value, &d->req.now_ms), 0);
	} else if (strcmp(line, "secret") == 0) {
		d->secret = secret_new(value, strlen(value));
	} else if (strcmp(line, "token") == 0) {
		d->req.by_token = true;
	} else if (strcmp(line, "postable") == 0) {
		d->req.postable = true;
	} else if (strcmp(line, "crlf") == 0) {
		d->crlf = true;
	} else if (strcmp(line, "header") == 0) {
		set_header(d, value);
	} else if (strcmp(line, "headers") == 0) {
		char *text = slurp_sample(d, value, &len);

		if (text != NULL)
			set_headers(d, text);
	} else if (strcmp(line, "body") == 0) {
		set_body(d, value);
	} else {
		set_pair(d, line, value);
	}
}

static const char *
with_crlf(struct arena *a, const char *s, size_t *len)
{
	char *out = arena_alloc(a, 2 * *len + 1), *at = out;

	for (; *s != '\0'; s++) {
		if (*s == '\n')
			*at++ = '\r';
		*at++ = *s;
	}
	*len = (size_t)(at - out);
	return out;
}

static void
document_init(struct document *d, const char *path)
{
	char *text, *line, *end;
	size_t len;

	memset(d, 0, sizeof(*d));
	arena_init(&d->arena);
	d->source.map = (struct source_map){
		.dedup_key = "",
		.title = "",
		.text = "",
		.status = "",
		.severity = "",
		.url = "",
		.labels = d->labels,
		.resolved = d->resolved,
	};
	d->req.query = d->query;
	d->req.now_ms = 1795234200000;
	text = slurp(&d->arena, path, &len);
	assert_non_null(text);
	while ((line = strsep(&text, "\n")) != NULL && *line != '\0')
		set_line(d, line);
	end = strstr(text, "=====\n");
	assert_non_null(end);
	d->expected = end + strlen("=====\n");
	if (d->req.body != NULL || d->absent)
		return;
	end[end > text ? -1 : 0] = '\0';
	d->req.body_len = strlen(text);
	d->req.body =
		d->crlf ? with_crlf(&d->arena, text, &d->req.body_len) : text;
}

/* --- the result ------------------------------------------------------------------ */

static void
show_text(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '\n')
			buf_append_str(out, "\\n");
		else
			buf_append_char(out, *s);
	buf_append_char(out, '\n');
}

static void
show_labels(struct buf *out, const char *what, const struct labels *l)
{
	for (size_t i = 0; i < l->n; i++) {
		buf_printf(out, "  %s %s=", what, l->v[i].name);
		show_text(out, l->v[i].value);
	}
}

static void
show_time(struct buf *out, const char *what, int64_t ms)
{
	char text[CLOCK_RFC3339_LEN];

	if (ms == 0)
		return;
	clock_rfc3339(ms, text);
	buf_printf(out, "  %s %s\n", what, text);
}

static void
show_alert(struct buf *out, const struct alert *a)
{
	buf_printf(out, "%s %s\n",
		   a->status == ALERT_FIRING ? "firing" : "resolved",
		   a->key != NULL ? a->key : "(by its labels)");
	show_time(out, "starts", a->starts_ms);
	show_time(out, "ends", a->ends_ms);
	show_labels(out, "label", &a->labels);
	show_labels(out, "note", &a->annotations);
	if (*a->url != '\0')
		buf_printf(out, "  url %s\n", a->url);
}

static void
show(const struct document *d, struct buf *out)
{
	struct alert_batch batch;
	char *why = NULL;
	int r = intake_read(&d->source, &d->req, d->secret, &batch, &why);

	if (r == -EINVAL)
		buf_printf(out, "malformed: %s\n", why);
	else if (r < 0)
		buf_printf(out, "%s\n",
			   r == -EACCES ? "not allowed" : "no alert");
	else if (batch.n == 0)
		buf_append_str(out, "nothing\n");
	for (size_t i = 0; i < batch.n; i++)
		show_alert(out, &batch.v[i]);
	assert_true(r == -EINVAL || why == NULL);
	free(why);
	alert_batch_done(&batch);
}

static void
document_done(struct document *d)
{
	secret_free(&d->secret);
	arena_done(&d->arena);
}

/* --- the tests ---------------------------------------------------------------------- */

static size_t absent;

static void
check_document(const char *name)
{
	char *path = xasprintf(BELFRY_INTAKE "/%s", name);
	struct document d;
	struct buf out;

	document_init(&d, path);
	buf_init(&out, FILE_MAX);
	if (d.absent) {
		absent++;
	} else {
		show(&d, &out);
		if (strcmp(buf_str(&out), d.expected) != 0)
			fail_msg("%s:\n%s", name, buf_str(&out));
	}
	buf_done(&out);
	document_done(&d);
	free(path);
}

static void
test_documents(void **state)
{
	DIR *dir = opendir(BELFRY_INTAKE);
	const struct dirent *e;
	size_t n = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		check_document(e->d_name);
		n++;
	}
	closedir(dir);
	assert_true(n > absent);
	if (absent > 0)
		print_message("samples of %zu of %zu documents are not here\n",
			      absent, n);
}

static void
test_urls_and_names(void **state)
{
	static const struct {
		const char *in, *url, *name;
	} row[] = {
		{"https://x/y?a=b#c", "https://x/y?a=b#c", "https___x_y_a_b_c"},
		{"HTTP://x", "HTTP://x", "HTTP___x"},
		{"javascript:alert(1)", "", "javascript_alert_1_"},
		{"http://x/ y", "", "http___x__y"},
		{"http://x/\"y", "", "http___x__y"},
		{"http://x/<y>", "", "http___x__y_"},
		{"http://x/\n", "", "http___x__"},
		{"", "", "_"},
		{"9x", "", "_9x"},
		{"grafana.folder", "", "grafana_folder"},
	};
	struct arena a;

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_string_equal(intake_url(&a, row[i].in, 100), row[i].url);
		assert_string_equal(intake_name(&a, row[i].in, 100),
				    row[i].name);
	}
	assert_string_equal(intake_url(&a, "http://x/0123456789", 10), "");
	assert_string_equal(intake_name(&a, "0123456789", 5), "_1234");
	arena_done(&a);
}

/* What would be too much is told before memory is spent on it. */
static void
test_limits(void **state)
{
	static const struct rules_source source = {
		.name = "prometheus",
		.kind = SOURCE_ALERTMANAGER,
	};
	static const struct {
		const char *name, *open, *piece, *close;
		size_t n;
		const char *why;
	} row[] = {
		{"levels", "", "[", "", DOC_DEPTH + 1,
		 "JSON of too many levels"},
		{"values", "[", "0,", "0]", DOC_VALUES,
		 "JSON of too many values"},
		{"alerts", "[", "{\"labels\":{\"a\":\"b\"}},",
		 "{\"labels\":{\"a\":\"b\"}}]", ALERT_BATCH_MAX,
		 "more than 10000 alerts"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct alert_batch batch;
		char *why = NULL;
		struct buf body;
		int r;

		buf_init(&body, 64 << 20);
		buf_append_str(&body, row[i].open);
		for (size_t n = 0; n < row[i].n; n++)
			buf_append_str(&body, row[i].piece);
		buf_append_str(&body, row[i].close);
		r = intake_prometheus(&source, body.data, body.len, 1, &batch,
				      &why);
		if (r != -EINVAL || strcmp(why, row[i].why) != 0)
			fail_msg("%s: %d %s", row[i].name, r, why);
		assert_true(batch.n <= ALERT_BATCH_MAX);
		free(why);
		alert_batch_done(&batch);
		buf_done(&body);
	}
}

static void
show_file(const char *path)
{
	struct document d;
	struct buf out;

	document_init(&d, path);
	buf_init(&out, FILE_MAX);
	show(&d, &out);
	printf("%s", buf_str(&out));
	buf_done(&out);
	document_done(&d);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_urls_and_names),
		cmocka_unit_test(test_limits),
	};
	int failed;

	for (int i = 1; i < argc; i++)
		show_file(argv[i]);
	if (argc > 1)
		return 0;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed == 0 && absent > 0 ? SKIPPED : failed;
}
