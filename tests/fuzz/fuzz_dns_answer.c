#include "net/dns_answer.h"

#include <arpa/nameser.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_answer answer = {.n = 0};

	dns_answer_add(&answer, data, size, ns_t_a);
	dns_answer_add(&answer, data, size, ns_t_aaaa);
	must(answer.n <= DNS_ADDRESSES_MAX);
	return 0;
}
