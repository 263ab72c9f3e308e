#include "queue/key.h"

#include <endian.h>
#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/xalloc.h"

/* Crockford's alphabet: in ASCII order, so that texts sort as the ids. */
static const char key_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#define KEY_TEXT_BITS 5

void
queue_id_text(uint64_t id, char ret[static QUEUE_ID_LEN])
{
	for (int i = QUEUE_ID_LEN - 2; i >= 0; i--) {
		ret[i] = key_digits[id & ((1u << KEY_TEXT_BITS) - 1)];
		id >>= KEY_TEXT_BITS;
	}
	ret[QUEUE_ID_LEN - 1] = '\0';
}

int
queue_id_parse(const char *text, uint64_t *ret_id)
{
	uint64_t id = 0;

	if (strlen(text) != QUEUE_ID_LEN - 1)
		return -EINVAL;
	for (const char *p = text; *p != '\0'; p++) {
		const char *d = strchr(key_digits, *p);

		if (d == NULL || id >> (64 - KEY_TEXT_BITS) != 0)
			return -EINVAL;
		id = id << KEY_TEXT_BITS | (uint64_t)(d - key_digits);
	}
	*ret_id = id;
	return 0;
}

uint64_t
queue_dest_key(const char *agent, const char *name)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char text[2048];
	size_t la = strnlen(agent, 255), ln = strnlen(name, 1024);
	uint64_t be;

	memcpy(text, agent, la);
	text[la] = '\0';
	memcpy(text + la + 1, name, ln);
	SHA256((unsigned char *)text, la + 1 + ln, digest);
	memcpy(&be, digest, sizeof(be));
	return be64toh(be);
}

static struct store_key
key_with_number(uint8_t kind, uint64_t number)
{
	struct store_key k = {.kind = kind, .len = sizeof(number)};
	uint64_t be = htobe64(number);

	memcpy(k.bytes, &be, sizeof(be));
	return k;
}

struct store_key
key_message(uint64_t id, uint32_t n)
{
	struct store_key k = key_with_number('m', id);
	uint32_t be = htobe32(n);

	memcpy(k.bytes + k.len, &be, sizeof(be));
	k.len += sizeof(be);
	return k;
}

bool
key_message_parse(const struct store_key *k, uint64_t *ret_id, uint32_t *ret_n)
{
	uint32_t be;

	if (k->kind != 'm' || k->len != sizeof(uint64_t) + sizeof(be))
		return false;
	memcpy(&be, k->bytes + sizeof(uint64_t), sizeof(be));
	*ret_id = key_number(k);
	*ret_n = be32toh(be);
	return true;
}

struct store_key
key_dest(uint64_t dest)
{
	return key_with_number('d', dest);
}

struct store_key
key_blob(uint64_t blob)
{
	return key_with_number('b', blob);
}

struct store_key
key_caller(const char *key)
{
	struct store_key k = {.kind = 'k', .len = SHA256_DIGEST_LENGTH};

	SHA256((const unsigned char *)key, strlen(key), k.bytes);
	return k;
}

struct store_key
key_pause(void)
{
	struct store_key k = {.kind = '0', .len = 5};

	memcpy(k.bytes, "pause", 5);
	return k;
}

struct store_key
key_walk(void)
{
	struct store_key k = {.kind = '0', .len = 4};

	memcpy(k.bytes, "walk", 4);
	return k;
}

uint64_t
key_number(const struct store_key *k)
{
	uint64_t be = 0;

	if (k->len >= sizeof(be))
		memcpy(&be, k->bytes, sizeof(be));
	return be64toh(be);
}

bool
place_is_ready(const struct store_place *p)
{
	return p->len > 0 && p->bytes[0] == 'R';
}

bool
place_is_time(const struct store_place *p)
{
	return p->len > 0 && p->bytes[0] == 'T';
}

static uint64_t
place_u64(const struct store_place *p, size_t at)
{
	uint64_t be;

	memcpy(&be, p->bytes + at, sizeof(be));
	return be64toh(be);
}

int64_t
place_when(const struct store_place *p)
{
	return place_is_time(p) ? (int64_t)place_u64(p, PLACE_PREFIX_KIND) : 0;
}

uint64_t
place_dest(const struct store_place *p)
{
	return place_is_ready(p) ? place_u64(p, 1) : 0;
}

uint8_t
place_lane(const struct store_place *p)
{
	return place_is_ready(p) ? p->bytes[PLACE_PREFIX_DEST] : 0;
}

uint32_t
place_flow(const struct store_place *p)
{
	uint32_t be;

	if (!place_is_ready(p))
		return 0;
	memcpy(&be, p->bytes + PLACE_PREFIX_LANE, sizeof(be));
	return be32toh(be);
}

uint8_t
lane_of(enum queue_class class, bool tried)
{
	return (uint8_t)(2 * class + (tried ? 1 : 0));
}

enum store_class store_class_of(enum queue_class class)
{
	return class == QUEUE_ALERT ? STORE_CLASS_ALERT : STORE_CLASS_OTHER;
}

char *
key_dup_names(const char *agent, const char *name, char **ret_name)
{
	size_t la = strlen(agent) + 1, ln = strlen(name) + 1;
	char *both = xmalloc(la + ln);

	memcpy(both, agent, la);
	*ret_name = memcpy(both + la, name, ln);
	return both;
}
