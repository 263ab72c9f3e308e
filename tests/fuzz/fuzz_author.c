/*
 * The domains of From fields, whatever stands in them: each as verdicts compare
 * them, and once.
 */
#include <string.h>

#include "base/must.h"
#include "verdict/author.h"
#include "verdict/domain.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_domain(const struct author *a, size_t i, struct arena *arena)
{
	const char *domain = a->domains[i], *again;

	again = domain_canonical(domain, strlen(domain), arena);
	must(again != NULL && strcmp(again, domain) == 0);
	must(domain_labels(domain) >= 1 && domain_within(domain, domain));
	for (size_t k = 0; k < i; k++)
		must(strcmp(a->domains[k], domain) != 0);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct author author;
	struct arena arena;

	arena_init(&arena);
	author_find((const char *)data, len, &arena, &author);
	must(author.n <= AUTHOR_DOMAINS_MAX);
	must(!author.more || author.n == AUTHOR_DOMAINS_MAX);
	must(author.fields > 0 || author.n == 0);
	must(author.n > 0 || author.why[0] != '\0');
	must(author.fields < 2 || author.why[0] != '\0');
	for (size_t i = 0; i < author.n; i++)
		check_domain(&author, i, &arena);
	arena_done(&arena);
	return 0;
}
