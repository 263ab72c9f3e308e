#include "milter/snapshot.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "config/dkim_load.h"

int
milter_snapshot_new(struct config *config, struct conf_errors *e,
		    struct milter_snapshot **ret)
{
	struct milter_snapshot *s = xcalloc(1, sizeof(*s));
	const char *why = NULL;
	int r = 0;

	s->refs = 1;
	s->config = config_ref(config);
	if (judge_new(&config->verdict, config->hostname, &s->judge, &why) <
	    0) {
		conf_error(e, &config->verdict.mark, "verdict: %s", why);
		r = -EINVAL;
	}
	if (r == 0 && config->milter.sign)
		r = config_dkim_load(config, e, &s->keys);
	if (r == 0)
		*ret = s;
	else
		milter_snapshot_unref(&s);
	return r;
}

struct milter_snapshot *
milter_snapshot_ref(struct milter_snapshot *s)
{
	must(atomic_fetch_add(&s->refs, 1) > 0);
	return s;
}

void
milter_snapshot_unref(struct milter_snapshot **sp)
{
	struct milter_snapshot *s = *sp;

	*sp = NULL;
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	judge_unref(&s->judge);
	dkim_keys_unref(&s->keys);
	config_unref(&s->config);
	free(s);
}
