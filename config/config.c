#include "config/config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "config/config_impl.h"

/* CONFIG first, so that one is the other. */
struct config_holder {
	struct config config;
	_Atomic int refs;
	struct arena arena; /* of everything CONFIG points to */
};

static struct config_holder *
config_new(void)
{
	struct config_holder *h = xcalloc(1, sizeof(*h));

	h->refs = 1;
	arena_init(&h->arena);
	return h;
}

typedef bool config_resolve_fn(struct config *c, struct arena *arena,
			       struct conf_errors *e);

/* The end of a load: H is the caller's, or gone. */
static int
config_finish(struct config_holder *h, int r, config_resolve_fn *resolve,
	      struct config **ret, struct conf_errors *e)
{
	struct config *c = &h->config;

	if (r == 0 && !resolve(c, &h->arena, e))
		r = -EINVAL;
	conf_errors_sort(e);
	if (r < 0)
		config_unref(&c);
	else
		*ret = c;
	return r;
}

int
config_load(const char *path, struct config **ret, struct conf_errors *e)
{
	struct config_holder *h = config_new();
	int r = conf_load(path, &config_table, &h->arena, e, &h->config);

	return config_finish(h, r, config_resolve, ret, e);
}

int
config_load_milter(const char *path, struct config **ret, struct conf_errors *e)
{
	struct config_holder *h = config_new();
	int r = conf_load(path, &config_table, &h->arena, e, &h->config);

	return config_finish(h, r, config_resolve_for_milter, ret, e);
}

int
config_load_text(const char *name, const char *text, size_t len,
		 struct config **ret, struct conf_errors *e)
{
	struct config_holder *h = config_new();
	int r = conf_load_text(name, text, len, &config_table, &h->arena, e,
			       &h->config);

	return config_finish(h, r, config_resolve, ret, e);
}

struct config *
config_ref(struct config *c)
{
	struct config_holder *h = (struct config_holder *)c;

	must(atomic_fetch_add(&h->refs, 1) > 0);
	return c;
}

void
config_unref(struct config **cp)
{
	struct config_holder *h;

	if (cp == NULL || *cp == NULL)
		return;
	h = (struct config_holder *)*cp;
	*cp = NULL;
	if (atomic_fetch_sub(&h->refs, 1) > 1)
		return;
	arena_done(&h->arena);
	free(h);
}

struct routing_sources
config_routing(const struct config *c)
{
	return (struct routing_sources){
		.delivery = &c->delivery,
		.routes = &c->routes,
		.hostname = c->hostname,
		.delimiter = c->recipient_delimiter[0],
		.domains = &c->domains,
		.origin = c->origin,
		.postmaster = c->postmaster,
		.aliases = &c->aliases,
		.file_aliases = &c->file_aliases,
	};
}
