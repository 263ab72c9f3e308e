/*
 * Answers of the DNS in wire format: addresses, and mail exchangers by their
 * preference with names that may stand in a log or a reply. Half a list is
 * none, since the best may be in the other half. The same as records, with names
 * that can be asked for.
 */
#include "net/dns_answer.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_code(int r)
{
	must(r == -EBADMSG || (r >= 0 && r < 16));
}

static void
check_addresses(const uint8_t *data, size_t size, int type, int family)
{
	struct dns_answer answer = {.n = 0};

	check_code(dns_answer_add(&answer, data, size, type));
	must(answer.n <= DNS_ADDRESSES_MAX);
	for (size_t i = 0; i < answer.n; i++)
		must(answer.v[i].ss.ss_family == family ||
		     answer.v[i].ss.ss_family == AF_INET); /* unmapped */
}

static void
check_host(const char *host)
{
	must(strlen(host) < DNS_NAME_MAX);
	for (; *host != '\0'; host++)
		must(*host > ' ' && *host <= '~' && *host != '\\');
}

static void
check_mx(const uint8_t *data, size_t size)
{
	struct dns_mx_answer mx = {.n = 0};
	int r = dns_answer_add_mx(&mx, data, size);

	check_code(r);
	must(mx.n <= DNS_MX_MAX && (r >= 0 || mx.n == 0));
	for (size_t i = 0; i < mx.n; i++) {
		check_host(mx.v[i].host);
		must(i == 0 || mx.v[i - 1].preference <= mx.v[i].preference);
	}
}

static void
check_records(const uint8_t *data, size_t size, int type)
{
	struct dns_records records = {.n = 0};
	char escaped[DNS_ESCAPED_MAX];
	struct arena arena;
	int r;

	arena_init(&arena);
	r = dns_answer_records(&records, data, size, type, &arena);
	check_code(r);
	must(records.n <= DNS_RECORDS_MAX && (r >= 0 || records.n == 0));
	for (size_t i = 0; i < records.n; i++) {
		const struct dns_record *v = &records.v[i];

		must(v->data[v->len] == '\0');
		if (type != ns_t_mx && type != ns_t_ptr)
			continue;
		must(strlen(v->data) == v->len);
		must(v->len == 0 || dns_name_escape(v->data, escaped));
	}
	arena_done(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int types[] = {ns_t_a, ns_t_aaaa, ns_t_mx, ns_t_ptr,
				    ns_t_txt};

	check_addresses(data, size, ns_t_a, AF_INET);
	check_addresses(data, size, ns_t_aaaa, AF_INET6);
	check_mx(data, size);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		check_records(data, size, types[i]);
	return 0;
}
