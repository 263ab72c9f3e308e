/*
 * The suite of RFC 7208, in its flat form (BELFRY_CONFORMANCE/spf): every case,
 * asked of our own evaluator.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"
#include "tests/unit/zone.h"
#include "verdict/spf.h"

#define CASES       203
#define FIELDS_MAX  16
#define QUESTIONS   200
#define SUITE_NOW   1000000000
#define EXPLANATION "DEFAULT" /* the suite's word for none of the domain's */

static size_t
percent_decode(char *s)
{
	char *to = s;
	unsigned octet;

	for (const char *from = s; *from != '\0'; to++)
		if (*from == '%' && sscanf(from + 1, "%2x", &octet) == 1) {
			*to = (char)octet;
			from += 3;
		} else {
			*to = *from++;
		}
	*to = '\0';
	return (size_t)(to - s);
}

static size_t
split(char *line, char *fields[FIELDS_MAX], size_t lens[FIELDS_MAX])
{
	size_t n = 0;
	char *field;

	line[strcspn(line, "\n")] = '\0';
	while (n < FIELDS_MAX && (field = strsep(&line, "\t")) != NULL) {
		lens[n] = percent_decode(field);
		fields[n++] = field;
	}
	return n;
}

/* Strings of one TXT record are one behind the other; the fields of an MX have
 * a blank between them. */
static void
add_record(struct zone *z, char *fields[], size_t lens[], size_t n)
{
	char data[8192];
	size_t len = 0;

	for (size_t i = 3; i < n; i++) {
		if (i > 3 && strcmp(fields[2], "MX") == 0)
			data[len++] = ' ';
		assert_true(len + lens[i] + 1 < sizeof(data));
		memcpy(data + len, fields[i], lens[i]);
		len += lens[i];
	}
	data[len] = '\0';
	zone_add(z, fields[1], fields[2], data, len);
}

static void
parse_ip(const char *text, uint8_t ret[16])
{
	memset(ret, 0, 16);
	memset(ret + 10, 0xff, 2);
	if (inet_pton(AF_INET, text, ret + 12) != 1)
		assert_int_equal(inet_pton(AF_INET6, text, ret), 1);
}

static bool
result_wanted(const char *wanted, const char *got)
{
	size_t len = strlen(got);

	for (; wanted != NULL; wanted = strchr(wanted, ',')) {
		wanted += *wanted == ',';
		if (strncmp(wanted, got, len) == 0 &&
		    (wanted[len] == ',' || wanted[len] == '\0'))
			return true;
	}
	return false;
}

static bool
run_case(struct zone *z, char *fields[])
{
	struct spf_question q = {.scope = SPF_MAIL_FROM,
				 .helo = fields[3],
				 .sender = fields[4],
				 .receiver = "receiver.example",
				 .now = SUITE_NOW};
	struct spf_verdict v;
	struct answers answers;
	struct arena arena;
	const char *got;
	bool ok;
	int r;

	arena_init(&arena);
	answers_init(&answers, &arena, QUESTIONS);
	parse_ip(fields[2], q.ip);
	while ((r = spf_check(&q, &answers, &arena, NULL, &v)) == -EAGAIN)
		assert_true(zone_settle(z, &answers));
	assert_int_equal(r, 0);
	got = v.explanation != NULL ? v.explanation : EXPLANATION;
	ok = result_wanted(fields[5], spf_result_names[v.result]) &&
	     (strcmp(fields[6], "-") == 0 || strcmp(fields[6], got) == 0);
	if (!ok)
		print_error("%s: %s (%s) \"%s\", not %s \"%s\"\n", fields[1],
			    spf_result_names[v.result], v.why, got, fields[5],
			    fields[6]);
	arena_done(&arena);
	return ok;
}

static void
all_cases(void **state)
{
	FILE *f = *state;
	char *fields[FIELDS_MAX], *line = NULL;
	size_t lens[FIELDS_MAX], size = 0, n;
	unsigned cases = 0, passed = 0;
	struct zone zone;

	zone_init(&zone);
	while (getline(&line, &size, f) > 0) {
		n = split(line, fields, lens);
		if (strcmp(fields[0], "S") == 0) {
			zone_done(&zone);
			zone_init(&zone);
		} else if (strcmp(fields[0], "R") == 0 && n >= 3) {
			add_record(&zone, fields, lens, n);
		} else if (strcmp(fields[0], "T") == 0 && n >= 7) {
			cases++;
			passed += run_case(&zone, fields);
		}
	}
	zone_done(&zone);
	free(line);
	print_message("%u of %u cases\n", passed, cases);
	assert_int_equal(cases, CASES);
	assert_int_equal(passed, CASES);
}

int
main(void)
{
	const char *folder = getenv("BELFRY_CONFORMANCE");
	char path[4096];
	FILE *f;
	int r;

	snprintf(path, sizeof(path), "%s/spf/rfc7208.flat",
		 folder != NULL ? folder : BELFRY_CONFORMANCE);
	f = fopen(path, "r");
	if (f == NULL) {
		fprintf(stderr, "skipped: no %s\n", path);
		return 77;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(all_cases, f),
	};
	r = cmocka_run_group_tests(tests, NULL, NULL);
	fclose(f);
	return r;
}
