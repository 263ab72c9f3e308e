#include "net/proxy_header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/must.h"

/* --- version 1 -------------------------------------------------------------- */

#define V1_MAX 107 /* with CRLF */

/* The next of the words that single spaces part; NULL: there is none. */
static char *
v1_word(char **rest)
{
	char *word = strsep(rest, " ");

	return word != NULL && *word != '\0' ? word : NULL;
}

/* Digits only, and no zero in front. -1: it is none. */
static int
v1_port(const char *text)
{
	int port = 0;

	if (text == NULL || (text[0] == '0' && text[1] != '\0'))
		return -1;
	for (; *text >= '0' && *text <= '9' && port <= 65535; text++)
		port = port * 10 + (*text - '0');
	return *text == '\0' && port <= 65535 ? port : -1;
}

/* In the notation of its family, which the header names. */
static bool
v1_address(const char *ip, const char *port, bool v6, struct sockaddr_any *ret)
{
	int n = v1_port(port);

	return ip != NULL && n >= 0 && (strchr(ip, ':') != NULL) == v6 &&
	       sockaddr_parse_ip(ip, n, ret) == 0;
}

static int
v1_line(char *line, struct proxy_header *ret)
{
	char *rest = line, *family, *from, *to, *from_port, *to_port;
	bool v6;

	v1_word(&rest); /* PROXY */
	family = v1_word(&rest);
	if (family == NULL)
		return -EINVAL;
	if (strcmp(family, "UNKNOWN") == 0)
		return 1;
	v6 = strcmp(family, "TCP6") == 0;
	if (!v6 && strcmp(family, "TCP4") != 0)
		return -EINVAL;
	from = v1_word(&rest);
	to = v1_word(&rest);
	from_port = v1_word(&rest);
	to_port = v1_word(&rest);
	if (rest != NULL || !v1_address(from, from_port, v6, &ret->client) ||
	    !v1_address(to, to_port, v6, &ret->server))
		return -EINVAL;
	ret->known = true;
	return 1;
}

static int
v1_parse(const char *data, size_t len, struct proxy_header *ret,
	 size_t *ret_used)
{
	size_t max = len < V1_MAX ? len : V1_MAX;
	const char *end = memchr(data, '\n', max);
	char line[V1_MAX];
	int r;

	if (end == NULL)
		return len < V1_MAX ? 0 : -EINVAL;
	if (end[-1] != '\r' || memchr(data, '\0', (size_t)(end - data)))
		return -EINVAL;
	memcpy(line, data, (size_t)(end - data));
	line[end - data - 1] = '\0';
	r = v1_line(line, ret);
	if (r > 0)
		*ret_used = (size_t)(end - data) + 1;
	return r;
}

/* --- version 2 -------------------------------------------------------------- */

static const uint8_t v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

#define V2_FIXED 16 /* octets in front of the addresses */

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
enum { V2_TCP4 = 0x11, V2_TCP6 = 0x21 };

#define V2_ADDRESSES4 12
#define V2_ADDRESSES6 36
#define V2_CRC32C     0x03

static uint16_t
v2_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
v2_address4(const uint8_t *ip, const uint8_t *port, struct sockaddr_any *ret)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	memcpy(&in.sin_addr, ip, 4);
	memcpy(&in.sin_port, port, 2);
	*ret = (struct sockaddr_any){.len = sizeof(in)};
	memcpy(&ret->ss, &in, sizeof(in));
}

static void
v2_address6(const uint8_t *ip, const uint8_t *port, struct sockaddr_any *ret)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	memcpy(&in6.sin6_addr, ip, 16);
	memcpy(&in6.sin6_port, port, 2);
	*ret = (struct sockaddr_any){.len = sizeof(in6)};
	memcpy(&ret->ss, &in6, sizeof(in6));
	sockaddr_unmap(ret);
}

/* The sum is over the whole header with zeros in its own place. */
static bool
v2_checksum(const uint8_t *header, size_t len, const uint8_t *value)
{
	static const uint8_t zeros[4];
	uint32_t said = (uint32_t)v2_u16(value) << 16 | v2_u16(value + 2);
	uint32_t crc = crc32c(0, header, (size_t)(value - header));

	crc = crc32c(crc, zeros, sizeof(zeros));
	crc = crc32c(crc, value + 4, len - (size_t)(value + 4 - header));
	return crc == said;
}

/* The fields from AT on fill the header. */
static bool
v2_fields(const uint8_t *header, size_t len, size_t at)
{
	while (at < len) {
		const uint8_t *field = header + at;
		size_t value_len;

		if (len - at < 3)
			return false;
		value_len = v2_u16(field + 1);
		if (value_len > len - at - 3)
			return false;
		if (field[0] == V2_CRC32C &&
		    (value_len != 4 || !v2_checksum(header, len, field + 3)))
			return false;
		at += 3 + value_len;
	}
	return true;
}

static int
v2_whole(const uint8_t *header, size_t len, struct proxy_header *ret)
{
	const uint8_t *a = header + V2_FIXED;
	size_t addresses;

	if (header[12] == V2_LOCAL)
		return 1;
	if (header[12] != V2_PROXY || header[13] >> 4 > 3 ||
	    (header[13] & 0xf) > 2)
		return -EINVAL;
	if (header[13] != V2_TCP4 && header[13] != V2_TCP6)
		return 1;
	addresses = header[13] == V2_TCP4 ? V2_ADDRESSES4 : V2_ADDRESSES6;
	if (len < V2_FIXED + addresses ||
	    !v2_fields(header, len, V2_FIXED + addresses))
		return -EINVAL;
	if (header[13] == V2_TCP4) {
		v2_address4(a, a + 8, &ret->client);
		v2_address4(a + 4, a + 10, &ret->server);
	} else {
		v2_address6(a, a + 32, &ret->client);
		v2_address6(a + 16, a + 34, &ret->server);
	}
	ret->known = true;
	return 1;
}

static int
v2_parse(const uint8_t *data, size_t len, struct proxy_header *ret,
	 size_t *ret_used)
{
	size_t whole;
	int r;

	if (len < V2_FIXED)
		return 0;
	whole = V2_FIXED + v2_u16(data + 14);
	if (whole > PROXY_HEADER_MAX)
		return -EINVAL;
	if (len < whole)
		return 0;
	r = v2_whole(data, whole, ret);
	if (r > 0)
		*ret_used = whole;
	return r;
}

/* --- which -------------------------------------------------------------------- */

static bool
begins_with(const void *data, size_t len, const void *with, size_t with_len)
{
	return memcmp(data, with, len < with_len ? len : with_len) == 0;
}

int
proxy_header_parse(const void *data, size_t len, struct proxy_header *ret,
		   size_t *ret_used)
{
	static const char v1[] = {'P', 'R', 'O', 'X', 'Y', ' '};
	struct proxy_header header = {.known = false};
	size_t used = 0;
	int r = -EINVAL;

	if (len == 0)
		return 0;
	if (begins_with(data, len, v1, sizeof(v1)))
		r = v1_parse(data, len, &header, &used);
	else if (begins_with(data, len, v2_signature, sizeof(v2_signature)))
		r = v2_parse(data, len, &header, &used);
	if (r > 0) {
		must(used > 0 && used <= len);
		*ret = header;
		*ret_used = used;
	}
	return r;
}
