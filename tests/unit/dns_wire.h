/*
 * dns_wire - DNS messages for tests (RFC 1035, 4.1), written piece by piece.
 */
#ifndef TESTS_UNIT_DNS_WIRE_H
#define TESTS_UNIT_DNS_WIRE_H

#include <stddef.h>

struct wire {
	unsigned char data[4096];
	size_t len;
};

void wire_number(struct wire *w, unsigned v, int bytes);
void wire_name(struct wire *w, const char *name);
/* The head of a record; RDLEN octets follow. */
void wire_record(struct wire *w, const char *name, int type, size_t rdlen);

#endif
