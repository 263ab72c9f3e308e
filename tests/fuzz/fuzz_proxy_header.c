/*
 * A proxy's header: what is whole is inside of what came and an address, and
 * whoever reads it in pieces comes to the same end.
 */
#include "net/proxy_header.h"

#include <errno.h>
#include <string.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_tcp(const struct sockaddr_any *a)
{
	return a->ss.ss_family == AF_INET || a->ss.ss_family == AF_INET6;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header, again;
	size_t used = 0, used_again = 0, len = 0;
	int r = proxy_header_parse(data, size, &header, &used), part = 0;

	must(r == 1 || r == 0 || r == -EINVAL);
	if (r > 0) {
		must(used > 0 && used <= size && used <= PROXY_HEADER_MAX);
		must(is_tcp(&header.client) == header.known);
		must(is_tcp(&header.server) == header.known);
	}
	while (part == 0 && len < size && len < 600)
		part = proxy_header_parse(data, ++len, &again, &used_again);
	if (part > 0) {
		must(r == 1 && used_again == used && used == len);
		must(memcmp(&again, &header, sizeof(header)) == 0);
	}
	return 0;
}
