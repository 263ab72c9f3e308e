#include "net/dns_answer.h"

#include <arpa/nameser.h>
#include <string.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_answer answer = {.n = 0};
	struct dns_mx_answer mx = {.n = 0};

	dns_answer_add(&answer, data, size, ns_t_a);
	dns_answer_add(&answer, data, size, ns_t_aaaa);
	must(answer.n <= DNS_ADDRESSES_MAX);
	dns_answer_add_mx(&mx, data, size);
	must(mx.n <= DNS_MX_MAX);
	for (size_t i = 0; i < mx.n; i++) {
		must(strlen(mx.v[i].host) < DNS_NAME_MAX);
		must(i == 0 || mx.v[i - 1].preference <= mx.v[i].preference);
	}
	return 0;
}
