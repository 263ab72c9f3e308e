/*
 * render_rules - what a configuration says of words: its templates, and those of
 * each endpoint.
 */
#include <errno.h>

#include "alert/render.h"
#include "alert/rules.h"
#include "base/arena.h"

static void
add_endpoint(struct render *r, const struct rules_endpoint *from,
	     struct conf_errors *e)
{
	struct render_endpoint ep = {.channel = from->channel,
				     .url = from->url,
				     .body = from->body,
				     .nheaders = from->nheaders,
				     .args = from->command,
				     .nargs = from->ncommand};
	struct render_field *headers;
	struct arena arena;

	arena_init(&arena);
	headers = arena_alloc(&arena, (from->nheaders + 1) * sizeof(*headers));
	for (size_t i = 0; i < from->nheaders; i++)
		headers[i] = (struct render_field){from->headers[i].name,
						   from->headers[i].value};
	ep.headers = headers;
	(void)render_add_endpoint(r, from->name, &ep, from->mark, e);
	arena_done(&arena);
}

int
render_new_by_rules(const struct rules *rules, struct conf_errors *e,
		    struct render **ret)
{
	const struct rules_settings *set = rules_settings(rules);
	const struct render_conf conf = {.hostname = set->hostname,
					 .from = set->from,
					 .url = set->url,
					 .reply = set->reply,
					 .templates = set->templates};
	const struct rules_receiver *receivers;
	size_t before = e->total, n = rules_receivers(rules, &receivers);
	struct render *r;
	int err = render_new(&conf, set->mark, e, &r);

	if (err < 0)
		return err;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < receivers[i].nendpoints; k++)
			add_endpoint(r, &receivers[i].endpoints[k], e);
	if (e->total > before) {
		render_unref(&r);
		return -EINVAL;
	}
	*ret = r;
	return 0;
}
