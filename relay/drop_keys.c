/*
 * The keys of a file: what was published under one is not published again. A
 * part has another key each time its key turns out to be taken by something
 * else: what stood for its recipients then (aliases, rewrite, routes) is not
 * what stands for them now, and some may be new.
 */
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/xalloc.h"
#include "relay/drop_impl.h"

static const char *
dk_keep(struct drop_keys *k, char *key)
{
	k->v = xreallocarray(k->v, k->n + 1, sizeof(*k->v));
	k->v[k->n++] = key;
	return key;
}

void
drop_keys_init(struct drop_keys *k, const struct drop_file *f)
{
	/* The same name by another user is another message. */
	*k = (struct drop_keys){
		.base = xasprintf("drop/%lu/%s", (unsigned long)f->st.st_uid,
				  f->name),
	};
}

const char *
drop_keys_part(struct drop_keys *k, size_t part, unsigned retakes)
{
	char *name = part == 1 ? xstrdup(k->base)
			       : xasprintf("%s/%zu", k->base, part);
	char *key = retakes == 0 ? xstrdup(name)
				 : xasprintf("%s#%u", name, retakes);

	free(name);
	return dk_keep(k, key);
}

const char *
drop_keys_report(struct drop_keys *k, const struct drop_file *f,
		 const struct drop_talk *t)
{
	uint32_t of = 0;

	for (size_t i = 0; i < f->env.nrcpt; i++)
		if (drop_talk_refusal(t, i) != NULL)
			of = crc32c(of, &i, sizeof(i));
	return dk_keep(k, xasprintf("%s/report/%08x", k->base, of));
}

void
drop_keys_forget(const struct drop_keys *k, struct queue *q, struct loop *loop)
{
	for (size_t i = 0; i < k->n; i++)
		queue_forget_key(q, k->v[i], loop);
}

void
drop_keys_done(struct drop_keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->v[i]);
	free(k->v);
	free(k->base);
	*k = (struct drop_keys){0};
}
