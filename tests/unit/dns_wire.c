#include "tests/unit/dns_wire.h"

#include <arpa/nameser.h>
#include <resolv.h>

#include "tests/unit/test.h"

void
wire_number(struct wire *w, unsigned v, int bytes)
{
	while (bytes-- > 0)
		w->data[w->len++] = (unsigned char)(v >> bytes * 8);
}

void
wire_name(struct wire *w, const char *name)
{
	int n = ns_name_compress(name, w->data + w->len,
				 sizeof(w->data) - w->len, NULL, NULL);

	assert_true(n > 0);
	w->len += (size_t)n;
}

void
wire_record(struct wire *w, const char *name, int type, size_t rdlen)
{
	wire_name(w, name);
	wire_number(w, (unsigned)type, 2);
	wire_number(w, ns_c_in, 2);
	wire_number(w, 60, 4);
	wire_number(w, (unsigned)rdlen, 2);
}
