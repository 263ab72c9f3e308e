#include "alert/history.h"

#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "base/pack.h"

#define HISTORY_FORMAT 1

const char *const history_what_names[] = {
	"opened",           "opened again", "resolved",  "no longer reported",
	"changed",          "flapping",     "steady",    "queued",
	"accepted",         "failed",       "withdrawn", "acknowledged",
	"not acknowledged", "closed",       "noise",     "group ended",
};

static void
history_pack_cut(struct pack *p, const char *s)
{
	size_t len = strlen(s);

	if (len > HISTORY_TEXT_MAX)
		for (len = HISTORY_TEXT_MAX;
		     len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80;)
			len--;
	pack_bytes(p, s, len);
}

void
history_encode(const struct history *h, struct buf *out)
{
	struct pack p = {.out = out};

	pack_u8(&p, HISTORY_FORMAT);
	pack_u64(&p, (uint64_t)h->when_ms);
	pack_u8(&p, (uint8_t)h->what);
	history_pack_cut(&p, h->who);
	history_pack_cut(&p, h->text);
	must(!p.bad);
}

int
history_decode(const void *value, size_t len, struct arena *arena,
	       struct history *ret)
{
	struct history h;
	struct unpack u;
	uint8_t what;

	unpack_init(&u, value, len);
	if (unpack_u8(&u) != HISTORY_FORMAT)
		return len > 0 ? -EPROTONOSUPPORT : -EBADMSG;
	h.when_ms = (int64_t)unpack_u64(&u);
	what = unpack_u8(&u);
	h.what = what;
	h.who = unpack_str(&u, arena);
	h.text = unpack_str(&u, arena);
	if (!unpack_end(&u) || what >= HISTORY_NWHAT)
		return -EBADMSG;
	*ret = h;
	return 0;
}
