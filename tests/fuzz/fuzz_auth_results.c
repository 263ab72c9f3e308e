/*
 * Authentication-Results: what is read of a field, written anew, is read as the
 * same; and whose field it is both agree on.
 */
#include <string.h>

#include "base/must.h"
#include "verdict/auth_results.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

/* Longer texts are cut when they are written. */
#define INPUT_MAX 350

static bool
same(const char *a, const char *b)
{
	/* What can't stand in a field is replaced, octet by octet or
	 * character by character. */
	return strcmp(a, b) == 0 || strchr(b, '?') != NULL;
}

static void
check_same(const struct auth_results *a, const struct auth_results *b)
{
	must(same(a->authserv_id, b->authserv_id));
	must(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct auth_result *x = &a->v[i], *y = &b->v[i];

		must(strcmp(x->method, y->method) == 0);
		must(strcmp(x->result, y->result) == 0);
		must(same(x->reason, y->reason) && x->n == y->n);
		for (size_t j = 0; j < x->n; j++)
			must(same(x->props[j].value, y->props[j].value));
	}
}

static void
check_field(const struct header_field *f)
{
	struct auth_results a, b;
	struct arena arena;
	struct buf out;

	arena_init(&arena);
	buf_init(&out, 1 << 20);
	if (auth_results_parse(f->value, f->value_len, &arena, &a) < 0) {
		must(!header_is(f, AUTH_RESULTS_NAME) ||
		     auth_results_of(f, "mx.example.org"));
	} else {
		must(!header_is(f, AUTH_RESULTS_NAME) ||
		     auth_results_of(f, a.authserv_id));
		must(auth_results_claims(f, "mx.example.org") >=
		     auth_results_of(f, "mx.example.org"));
		must(auth_results_write(&a, true, &out) == 0);
		must(auth_results_parse(out.data, out.len, &arena, &b) == 0);
		check_same(&a, &b);
	}
	buf_done(&out);
	arena_done(&arena);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	char header[sizeof(AUTH_RESULTS_NAME) + 1 + INPUT_MAX + 1];
	size_t n = strlen(AUTH_RESULTS_NAME) + 1;
	struct header_field f;

	if (len > INPUT_MAX)
		return 0;
	memcpy(header, AUTH_RESULTS_NAME ":", n);
	/* Neither SMTP nor a milter lets a NUL through. */
	for (size_t i = 0; i < len; i++)
		header[n++] = data[i] == '\0' ? '?' : (char)data[i];
	header[n++] = '\n';
	must(header_next(header, n, &f) == 1);
	check_field(&f);
	return 0;
}
