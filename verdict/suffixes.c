#include "verdict/suffixes.h"

#include <errno.h>
#include <libpsl.h>
#include <stdlib.h>

#include "base/xalloc.h"

struct suffixes {
	psl_ctx_t *psl; /* owned */
};

int
suffixes_open(struct suffixes **ret)
{
	psl_ctx_t *psl = psl_latest(NULL);
	struct suffixes *s;

	if (psl == NULL)
		return -ENOENT;
	s = xcalloc(1, sizeof(*s));
	s->psl = psl;
	*ret = s;
	return 0;
}

void
suffixes_close(struct suffixes **suffixes)
{
	struct suffixes *s = *suffixes;

	*suffixes = NULL;
	if (s == NULL)
		return;
	psl_free(s->psl);
	free(s);
}

const char *
suffixes_organisation(const struct suffixes *suffixes, const char *name)
{
	const char *found = psl_registrable_domain(suffixes->psl, name);

	return found != NULL ? found : name;
}
