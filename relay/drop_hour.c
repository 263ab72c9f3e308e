/* Quotas of the drop folder, and what was already said. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "relay/drop_impl.h"

void
drop_hour_done(struct drop_hour *h)
{
	struct drop_user *u, *u_next;
	struct drop_noted *n, *n_next;

	HASH_ITER(hh, h->users, u, u_next)
	{
		HASH_DEL(h->users, u);
		free(u);
	}
	HASH_ITER(hh, h->noted, n, n_next)
	{
		HASH_DEL(h->noted, n);
		free(n);
	}
	h->odd = h->bad = 0;
}

void
drop_hour_check(struct drop_hour *h, int64_t now_mono_ms)
{
	if (now_mono_ms - h->since_mono_ms < DROP_HOUR_MS)
		return;
	drop_hour_done(h);
	h->since_mono_ms = now_mono_ms;
}

static struct drop_user *
hour_user(struct drop_hour *h, uid_t uid)
{
	struct drop_user *u;

	HASH_FIND(hh, h->users, &uid, sizeof(uid), u);
	if (u == NULL) {
		u = xcalloc(1, sizeof(*u));
		u->uid = uid;
		HASH_ADD(hh, h->users, uid, sizeof(u->uid), u);
	}
	return u;
}

bool
drop_hour_may(struct drop_hour *h, uid_t uid, int64_t size, bool *ret_first)
{
	struct drop_user *u = hour_user(h, uid);

	/* A file larger than the quota must not wait for ever: whether it is
	 * too large is for limits.message_size. */
	if (u->files > 0 &&
	    (u->files >= h->most_files || size > h->most_bytes - u->bytes)) {
		*ret_first = !u->told;
		u->told = true;
		return false;
	}
	return u->kept < DROP_KEPT_MAX;
}

void
drop_hour_count(struct drop_hour *h, uid_t uid, int64_t size)
{
	struct drop_user *u = hour_user(h, uid);

	u->files++;
	u->bytes += size < h->most_bytes ? size : h->most_bytes;
}

void
drop_hour_kept(struct drop_hour *h, uid_t uid)
{
	hour_user(h, uid)->kept++;
}

void
drop_hour_pass(struct drop_hour *h)
{
	for (struct drop_user *u = h->users; u != NULL; u = u->hh.next)
		u->kept = 0;
}

bool
drop_hour_note(struct drop_hour *h, const char *name)
{
	struct drop_noted *n;

	HASH_FIND_STR(h->noted, name, n);
	if (n != NULL || HASH_COUNT(h->noted) >= DROP_NOTED_MAX)
		return false;
	n = xcalloc(1, sizeof(*n));
	memcpy(n->name, name, strlen(name) + 1);
	HASH_ADD_STR(h->noted, name, n);
	return true;
}
