#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "verdict/verdict_impl.h"

/* The list, whose strings and networks are the configuration's, as our own. */
static void
judge_copy_trusted(struct judge *j)
{
	struct conf_list *list = &j->conf.trusted_authserv;
	const struct trusted_authserv *from = list->v;
	struct trusted_authserv *v =
		arena_alloc(&j->arena, (list->n + 1) * sizeof(*v));

	for (size_t i = 0; i < list->n; i++) {
		const struct network_list *l = &from[i].believed;

		v[i].id = arena_strdup(&j->arena, from[i].id);
		v[i].believed.n = l->n;
		v[i].believed.v =
			arena_alloc(&j->arena, (l->n + 1) * sizeof(*l->v));
		if (l->n > 0)
			memcpy(v[i].believed.v, l->v, l->n * sizeof(*l->v));
	}
	list->v = v;
}

int
judge_new(const struct verdict_conf *conf, const char *hostname,
	  struct judge **ret, const char **ret_why)
{
	struct judge *j = xcalloc(1, sizeof(*j));
	bool psl = conf->dmarc.method == DMARC_PSL;

	if (psl && suffixes_open(&j->suffixes) < 0) {
		free(j);
		*ret_why = "there is no public suffix list";
		return -ENOENT;
	}
	j->refs = 1;
	arena_init(&j->arena);
	j->conf = *conf;
	j->hostname = arena_strdup(&j->arena, hostname);
	j->authserv_id = conf->authserv_id[0] == '\0'
				 ? j->hostname
				 : arena_strdup(&j->arena, conf->authserv_id);
	j->conf.authserv_id = NULL;
	judge_copy_trusted(j);
	j->dkim = dkim_library_new();
	*ret = j;
	return 0;
}

struct judge *
judge_ref(struct judge *judge)
{
	__atomic_add_fetch(&judge->refs, 1, __ATOMIC_RELAXED);
	return judge;
}

void
judge_unref(struct judge **judge)
{
	struct judge *j = *judge;

	*judge = NULL;
	if (j == NULL || __atomic_sub_fetch(&j->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	dkim_library_free(&j->dkim);
	suffixes_close(&j->suffixes);
	arena_done(&j->arena);
	free(j);
}

const char *
judge_authserv_id(const struct judge *judge)
{
	return judge->authserv_id;
}
