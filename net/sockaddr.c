#include "net/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static const uint8_t mapped_prefix[12] = {
	[10] = 0xff,
	[11] = 0xff,
};

bool
sockaddr_bytes(const struct sockaddr_any *a, uint8_t ret[static 16])
{
	if (a->ss.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)&a->ss;

		memcpy(ret, mapped_prefix, 12);
		memcpy(ret + 12, &in->sin_addr, 4);
		return true;
	}
	if (a->ss.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)&a->ss;

		memcpy(ret, &in6->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool
bytes_are_ipv4(const uint8_t b[static 16])
{
	return memcmp(b, mapped_prefix, 12) == 0;
}

void
sockaddr_unmap(struct sockaddr_any *a)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	uint8_t b[16];

	if (a->ss.ss_family != AF_INET6 || !sockaddr_bytes(a, b) ||
	    !bytes_are_ipv4(b))
		return;
	in.sin_port = ((const struct sockaddr_in6 *)(void *)&a->ss)->sin6_port;
	memcpy(&in.sin_addr, b + 12, 4);
	*a = (struct sockaddr_any){.len = sizeof(in)};
	memcpy(&a->ss, &in, sizeof(in));
}

bool
sockaddr_site(const struct sockaddr_any *a, uint8_t ret[static 16])
{
	if (!sockaddr_bytes(a, ret))
		return false;
	if (!bytes_are_ipv4(ret))
		memset(ret + 8, 0, 8);
	return true;
}

bool
sockaddr_network(const struct sockaddr_any *a, uint8_t ret[static 16])
{
	if (!sockaddr_site(a, ret))
		return false;
	ret[bytes_are_ipv4(ret) ? 15 : 7] = 0;
	return true;
}

void
sockaddr_ip(const struct sockaddr_any *a,
	    char ret_text[static SOCKADDR_TEXT_MAX])
{
	uint8_t b[16];

	if (!sockaddr_bytes(a, b))
		snprintf(ret_text, SOCKADDR_TEXT_MAX, "%s",
			 a->ss.ss_family == AF_UNIX ? "unix" : "unknown");
	else if (bytes_are_ipv4(b))
		inet_ntop(AF_INET, b + 12, ret_text, SOCKADDR_TEXT_MAX);
	else
		inet_ntop(AF_INET6, b, ret_text, SOCKADDR_TEXT_MAX);
}

static void
sockaddr_unix_text(const struct sockaddr_any *a,
		   char ret_text[static SOCKADDR_TEXT_MAX])
{
	const struct sockaddr_un *un = (const void *)&a->ss;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t len = a->len > head ? a->len - head : 0;

	/* An unnamed peer has no path; a full path has no NUL. */
	snprintf(ret_text, SOCKADDR_TEXT_MAX, "unix:%.*s",
		 (int)strnlen(un->sun_path, len), un->sun_path);
}

void
sockaddr_text(const struct sockaddr_any *a,
	      char ret_text[static SOCKADDR_TEXT_MAX])
{
	char ip[SOCKADDR_TEXT_MAX];

	if (a->ss.ss_family != AF_INET && a->ss.ss_family != AF_INET6) {
		sockaddr_unix_text(a, ret_text);
		return;
	}
	sockaddr_ip(a, ip);
	/* An IPv6 address has at most 45 characters. */
	snprintf(ret_text, SOCKADDR_TEXT_MAX,
		 strchr(ip, ':') != NULL ? "[%.64s]:%d" : "%.64s:%d", ip,
		 sockaddr_port(a));
}

int
sockaddr_port(const struct sockaddr_any *a)
{
	if (a->ss.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&a->ss)->sin_port);
	if (a->ss.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&a->ss)->sin6_port);
	return 0;
}

int
sockaddr_parse_ip(const char *ip, int port, struct sockaddr_any *ret)
{
	struct sockaddr_any a = {0};
	struct sockaddr_in *in = (void *)&a.ss;
	struct sockaddr_in6 *in6 = (void *)&a.ss;

	if (port < 0 || port > 65535)
		return -EINVAL;
	if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		a.len = sizeof(*in);
	} else if (inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		a.len = sizeof(*in6);
		sockaddr_unmap(&a);
	} else {
		return -EINVAL;
	}
	*ret = a;
	return 0;
}

/* Decimal digits only, at most MAX; -1 otherwise. */
static int
parse_number(const char *s, int max)
{
	int n = 0;

	if (*s == '\0')
		return -1;
	for (; *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + (*s - '0');
		if (n > max)
			return -1;
	}
	return *s == '\0' ? n : -1;
}

static int
sockaddr_parse_unix(const char *path, struct sockaddr_any *ret)
{
	struct sockaddr_any a = {0};
	struct sockaddr_un *un = (void *)&a.ss;
	size_t len = strlen(path);

	if (path[0] != '/' || len >= sizeof(un->sun_path))
		return -EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len + 1);
	a.len = sizeof(*un);
	*ret = a;
	return 0;
}

static int
sockaddr_parse_both(int port, struct sockaddr_any ret[static 2], size_t *ret_n)
{
	sockaddr_parse_ip("::", port, &ret[0]);
	sockaddr_parse_ip("0.0.0.0", port, &ret[1]);
	*ret_n = 2;
	return 0;
}

int
sockaddr_parse_listen(const char *text, struct sockaddr_any ret[static 2],
		      size_t *ret_n)
{
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	char host[INET6_ADDRSTRLEN];
	size_t len;
	int port, r;

	if (strncmp(text, "unix:", 5) == 0) {
		r = sockaddr_parse_unix(text + 5, &ret[0]);
		if (r == 0)
			*ret_n = 1;
		return r;
	}
	port = colon != NULL ? parse_number(colon + 1, 65535) : -1;
	if (port < 0)
		return -EINVAL;
	if (colon == text)
		return sockaddr_parse_both(port, ret, ret_n);

	len = (size_t)(colon - text);
	if (bracket) {
		if (text[len - 1] != ']')
			return -EINVAL;
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	/* Brackets are for IPv6, and IPv6 is in brackets. */
	if (bracket != (strchr(host, ':') != NULL))
		return -EINVAL;
	r = sockaddr_parse_ip(host, port, &ret[0]);
	if (r == 0)
		*ret_n = 1;
	return r;
}

bool
sockaddr_is_loopback(const struct sockaddr_any *a)
{
	uint8_t b[16];

	if (!sockaddr_bytes(a, b))
		return a->ss.ss_family == AF_UNIX;
	if (bytes_are_ipv4(b))
		return b[12] == 127;
	return memcmp(b, &in6addr_loopback, 16) == 0;
}

bool
sockaddr_is_any(const struct sockaddr_any *a)
{
	static const uint8_t zero[16];
	uint8_t b[16];

	if (!sockaddr_bytes(a, b))
		return false;
	if (bytes_are_ipv4(b))
		return memcmp(b + 12, zero, 4) == 0;
	return memcmp(b, zero, 16) == 0;
}

void
sockaddr_set_port(struct sockaddr_any *a, int port)
{
	if (a->ss.ss_family == AF_INET)
		((struct sockaddr_in *)(void *)&a->ss)->sin_port =
			htons((uint16_t)port);
	if (a->ss.ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&a->ss)->sin6_port =
			htons((uint16_t)port);
}

/* What leads to the machine itself has that very address as its source. */
bool
sockaddr_is_ours(const struct sockaddr_any *a)
{
	struct sockaddr_any to = *a, from = {.len = sizeof(from.ss)};
	uint8_t there[16], here[16];
	bool ours = false;
	int fd;

	if (sockaddr_is_loopback(a) || sockaddr_is_any(a))
		return true;
	fd = socket(a->ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	sockaddr_set_port(&to, 9);
	if (connect(fd, (struct sockaddr *)&to.ss, to.len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&from.ss, &from.len) == 0)
		ours = sockaddr_bytes(&to, there) &&
		       sockaddr_bytes(&from, here) &&
		       memcmp(there, here, sizeof(there)) == 0;
	close(fd);
	return ours;
}

/* Do the first PREFIX bits of A and B agree? */
static bool
prefix_equal(const uint8_t *a, const uint8_t *b, unsigned prefix)
{
	unsigned bytes = prefix / 8, bits = prefix % 8;
	unsigned mask = 0xff00u >> bits & 0xff;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return bits == 0 || ((a[bytes] ^ b[bytes]) & mask) == 0;
}

/* Are all bits from PREFIX on zero? */
static bool
rest_is_zero(const uint8_t a[static 16], unsigned prefix)
{
	for (unsigned i = prefix; i < 128; i++)
		if (a[i / 8] & 0x80u >> i % 8)
			return false;
	return true;
}

int
network_parse(const char *text, struct network *ret)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char ip[INET6_ADDRSTRLEN];
	struct sockaddr_any a;
	struct network net;
	int max, prefix;

	if (len >= sizeof(ip))
		return -EINVAL;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (sockaddr_parse_ip(ip, 0, &a) < 0 || !sockaddr_bytes(&a, net.addr))
		return -EINVAL;
	/* The bits of a mapped address are counted as they are written. */
	max = strchr(ip, ':') != NULL ? 128 : 32;
	prefix = slash != NULL ? parse_number(slash + 1, max) : max;
	if (prefix < 0)
		return -EINVAL;
	net.prefix = (uint8_t)(128 - max + prefix);
	if (!rest_is_zero(net.addr, net.prefix))
		return -EINVAL;
	*ret = net;
	return 0;
}

bool
network_list_has(const struct network_list *l, const struct sockaddr_any *a)
{
	uint8_t b[16];
	unsigned least;

	if (!sockaddr_bytes(a, b))
		return false;
	/* A shorter prefix is an IPv6 network that happens to cover the place
	 * where IPv4 is mapped. */
	least = bytes_are_ipv4(b) ? 96 : 0;
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].prefix >= least &&
		    prefix_equal(l->v[i].addr, b, l->v[i].prefix))
			return true;
	return false;
}
