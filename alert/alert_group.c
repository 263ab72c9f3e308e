#include "alert/alert_group.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/must.h"

#define GROUP_FORMAT 1

void
group_print(const char *receiver, const struct labels *labels, uint8_t flags,
	    uint8_t ret[static GROUP_PRINT])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	uint8_t own = flags & GROUP_OWN;
	struct buf packed;
	struct pack p = {.out = &packed};

	buf_init(&packed, SIZE_MAX);
	labels_pack(&p, labels);
	must(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(ctx, &own, 1) == 1 &&
	     EVP_DigestUpdate(ctx, receiver, strlen(receiver) + 1) == 1 &&
	     EVP_DigestUpdate(ctx, packed.data, packed.len) == 1 &&
	     EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
	EVP_MD_CTX_free(ctx);
	buf_done(&packed);
	memcpy(ret, digest, GROUP_PRINT);
}

void
group_encode(const struct group_core *c, const char *receiver,
	     const void *labels, size_t labels_len, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, GROUP_FORMAT);
	pack_u8(&p, c->flags);
	pack_u8(&p, c->steps);
	pack_u32(&p, c->seq);
	pack_u64(&p, (uint64_t)c->created_ms);
	pack_u64(&p, (uint64_t)c->due_ms);
	pack_u64(&p, (uint64_t)c->flushed_ms);
	pack_u64(&p, (uint64_t)c->repeat_ms);
	pack_u64(&p, (uint64_t)c->clock_ms);
	pack_u64(&p, (uint64_t)c->clock_from_ms);
	pack_str(&p, receiver);
	must(!p.bad && buf_append(out, labels, labels_len) == 0);
}

int
group_decode(const void *value, size_t len, struct arena *arena,
	     struct group_core *ret, const char **ret_receiver,
	     struct labels *ret_labels)
{
	struct group_core c;
	struct unpack u;

	unpack_init(&u, value, len);
	if (unpack_u8(&u) != GROUP_FORMAT)
		return len > 0 ? -EPROTONOSUPPORT : -EBADMSG;
	c.flags = unpack_u8(&u);
	c.steps = unpack_u8(&u);
	c.seq = unpack_u32(&u);
	c.created_ms = (int64_t)unpack_u64(&u);
	c.due_ms = (int64_t)unpack_u64(&u);
	c.flushed_ms = (int64_t)unpack_u64(&u);
	c.repeat_ms = (int64_t)unpack_u64(&u);
	c.clock_ms = (int64_t)unpack_u64(&u);
	c.clock_from_ms = (int64_t)unpack_u64(&u);
	*ret_receiver = unpack_str(&u, arena);
	if (u.bad || labels_unpack(&u, arena, ret_labels) < 0 ||
	    !unpack_end(&u))
		return -EBADMSG;
	*ret = c;
	return 0;
}
