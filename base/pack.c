#include "base/pack.h"

#include <endian.h>
#include <string.h>

static void
pk_put(struct pack *p, const void *data, size_t len)
{
	if (buf_append(p->out, data, len) < 0)
		p->bad = true;
}

void
pack_u8(struct pack *p, uint8_t v)
{
	pk_put(p, &v, sizeof(v));
}

void
pack_u16(struct pack *p, uint16_t v)
{
	uint16_t be = htobe16(v);

	pk_put(p, &be, sizeof(be));
}

void
pack_u32(struct pack *p, uint32_t v)
{
	uint32_t be = htobe32(v);

	pk_put(p, &be, sizeof(be));
}

void
pack_u64(struct pack *p, uint64_t v)
{
	uint64_t be = htobe64(v);

	pk_put(p, &be, sizeof(be));
}

void
pack_bytes(struct pack *p, const void *data, size_t len)
{
	if (len > UINT16_MAX) {
		p->bad = true;
		return;
	}
	pack_u16(p, (uint16_t)len);
	pk_put(p, data, len);
}

void
pack_str(struct pack *p, const char *s)
{
	pack_bytes(p, s, strlen(s));
}

void
unpack_init(struct unpack *u, const void *data, size_t len)
{
	u->at = data;
	u->end = u->at + len;
	u->bad = false;
}

static const void *
up_take(struct unpack *u, size_t len)
{
	const void *p = u->at;

	if (u->bad || (size_t)(u->end - u->at) < len) {
		u->bad = true;
		return NULL;
	}
	u->at += len;
	return p;
}

uint8_t
unpack_u8(struct unpack *u)
{
	const uint8_t *p = up_take(u, 1);

	return p != NULL ? *p : 0;
}

uint16_t
unpack_u16(struct unpack *u)
{
	const void *p = up_take(u, sizeof(uint16_t));
	uint16_t be = 0;

	if (p != NULL)
		memcpy(&be, p, sizeof(be));
	return be16toh(be);
}

uint32_t
unpack_u32(struct unpack *u)
{
	const void *p = up_take(u, sizeof(uint32_t));
	uint32_t be = 0;

	if (p != NULL)
		memcpy(&be, p, sizeof(be));
	return be32toh(be);
}

uint64_t
unpack_u64(struct unpack *u)
{
	const void *p = up_take(u, sizeof(uint64_t));
	uint64_t be = 0;

	if (p != NULL)
		memcpy(&be, p, sizeof(be));
	return be64toh(be);
}

const void *
unpack_bytes(struct unpack *u, size_t *ret_len)
{
	size_t len = unpack_u16(u);
	const void *p = up_take(u, len);

	*ret_len = p != NULL ? len : 0;
	return p;
}

char *
unpack_str(struct unpack *u, struct arena *a)
{
	size_t len;
	const char *p = unpack_bytes(u, &len);

	if (p == NULL)
		return arena_strdup(a, "");
	if (memchr(p, '\0', len) != NULL)
		u->bad = true;
	return arena_strndup(a, p, len);
}

bool
unpack_end(const struct unpack *u)
{
	return !u->bad && u->at == u->end;
}
