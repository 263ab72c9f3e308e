/*
 * sockaddr - socket addresses as values and as text, and lists of networks.
 */
#ifndef NET_SOCKADDR_H
#define NET_SOCKADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct sockaddr_any {
	struct sockaddr_storage ss;
	socklen_t len;
};

#define SOCKADDR_TEXT_MAX 128

/* The address without port: "192.0.2.1", "2001:db8::1", "unix"; "unknown": there
 * is none. A mapped IPv4 address is written as IPv4. */
void sockaddr_ip(const struct sockaddr_any *a,
		 char ret_text[static SOCKADDR_TEXT_MAX]);
/* With port: "192.0.2.1:25", "[2001:db8::1]:25", "unix:/path". */
void sockaddr_text(const struct sockaddr_any *a,
		   char ret_text[static SOCKADDR_TEXT_MAX]);
int sockaddr_port(const struct sockaddr_any *a); /* 0 for unix */
/* Of an address that has one. */
void sockaddr_set_port(struct sockaddr_any *a, int port);
/* The address as IPv6, an IPv4 one mapped; false for other families. */
bool sockaddr_bytes(const struct sockaddr_any *a, uint8_t ret[static 16]);
/* An IPv4 address that is mapped into IPv6 becomes the former: the kernel sends
 * to both alike, and what compares families must see one. */
void sockaddr_unmap(struct sockaddr_any *a);
/* Whom to count as one: an IPv4 address, mapped; of IPv6 the network of 64
 * bits, which is what one host is given. False for other families. */
bool sockaddr_site(const struct sockaddr_any *a, uint8_t ret[static 16]);
/* The network of 256 of these: of IPv4 24 bits, of IPv6 56. */
bool sockaddr_network(const struct sockaddr_any *a, uint8_t ret[static 16]);
/* A literal address, no names; a mapped one is IPv4. 0 or -EINVAL. */
int sockaddr_parse_ip(const char *ip, int port, struct sockaddr_any *ret);
/* A listener's address: "127.0.0.1:25", "[::1]:25", ":25" (both families, IPv6
 * first), "unix:/path". At most two are returned. 0 or -EINVAL. */
int sockaddr_parse_listen(const char *text, struct sockaddr_any ret[static 2],
			  size_t *ret_n);
/* True when no other machine can be there: 127/8, ::1, unix sockets. */
bool sockaddr_is_loopback(const struct sockaddr_any *a);
/* True for the wildcard addresses. */
bool sockaddr_is_any(const struct sockaddr_any *a);

/* True for an address that this machine has now, loopback included. Asks the
 * kernel which way a packet would go; sends none. */
bool sockaddr_is_ours(const struct sockaddr_any *a);

struct network {
	uint8_t addr[16]; /* IPv4 as mapped IPv6 */
	uint8_t prefix;   /* of 128 */
};

struct network_list {
	size_t n;
	struct network *v; /* owned by an arena of the caller's */
};

/* "10.0.0.0/8", "2001:db8::/32" or a single address; bits below the prefix must
 * be zero. 0 or -EINVAL. */
int network_parse(const char *text, struct network *ret);
/* Unix sockets are in no network, and no IPv4 address is in ::/0. */
bool network_list_has(const struct network_list *l,
		      const struct sockaddr_any *a);

#endif
