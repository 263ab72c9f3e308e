#include "tests/unit/spf_suite.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/spf_kit.h"
#include "tests/unit/test.h"

#define FIELDS_MAX 16
#define NOW        1000000000

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

bool
spf_case_wants_result(const struct spf_case *c, enum spf_result result)
{
	return result_wanted(c->results, spf_result_names[result]);
}

bool
spf_case_wants(const struct spf_case *c, const struct spf_verdict *v)
{
	const char *got =
		v->explanation != NULL ? v->explanation : SPF_SUITE_EXPLANATION;

	return spf_case_wants_result(c, v->result) &&
	       (strcmp(c->explanation, "-") == 0 ||
		strcmp(c->explanation, got) == 0);
}

FILE *
spf_suite_open(void)
{
	const char *folder = getenv("BELFRY_CONFORMANCE");
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/spf/rfc7208.flat",
		 folder != NULL ? folder : BELFRY_CONFORMANCE);
	f = fopen(path, "r");
	if (f == NULL)
		fprintf(stderr, "skipped: no %s\n", path);
	return f;
}

static void
run_case(struct zone *zone, char *fields[], spf_case_fn *fn, void *arg)
{
	struct spf_case c = {
		.name = fields[1],
		.question = {.scope = SPF_MAIL_FROM,
			     .helo = fields[3],
			     .sender = fields[4],
			     .receiver = "receiver.example",
			     .now = NOW},
		.results = fields[5],
		.explanation = fields[6],
	};

	spf_kit_ip(fields[2], c.question.ip);
	fn(arg, zone, &c);
}

unsigned
spf_suite_each(FILE *f, spf_case_fn *fn, void *arg)
{
	char *fields[FIELDS_MAX], *line = NULL;
	size_t lens[FIELDS_MAX], size = 0, n;
	unsigned cases = 0;
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
			run_case(&zone, fields, fn, arg);
			cases++;
		}
	}
	zone_done(&zone);
	free(line);
	return cases;
}
