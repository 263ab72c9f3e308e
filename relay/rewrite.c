#include "relay/rewrite.h"

#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "deliver/template.h"
#include "mail/pattern.h"

struct rewrite_step {
	struct pattern *match; /* owned */
	const char *to[3];     /* by enum rewrite_place; "": nothing */
};

struct rewrite {
	size_t n;
	struct rewrite_step *v; /* owned */
	char delimiter;
};

static int
rw_compile(struct rewrite *r, const struct rewrite_rule *rule,
	   struct conf_errors *e)
{
	struct rewrite_step *step = &r->v[r->n];
	char *why = NULL;
	int result;

	result = pattern_new(rule->match, r->delimiter, &step->match, &why);
	if (result < 0)
		conf_error(e, &rule->mark, "`%s` is no pattern: %s",
			   rule->match, why);
	free(why);
	step->to[REWRITE_FROM] = rule->from;
	step->to[REWRITE_SENDER] = rule->sender;
	step->to[REWRITE_ENVELOPE] = rule->envelope;
	r->n++;
	return result;
}

int
rewrite_new(const struct config *config, struct conf_errors *e,
	    struct rewrite **ret)
{
	const struct rewrite_rule *rules = config->rewrite.v;
	struct rewrite *r = xcalloc(1, sizeof(*r));
	int result = 0;

	r->delimiter = config->recipient_delimiter[0];
	r->v = xcalloc(config->rewrite.n + 1, sizeof(*r->v));
	for (size_t i = 0; result == 0 && i < config->rewrite.n; i++)
		result = rw_compile(r, &rules[i], e);
	if (result < 0)
		rewrite_free(&r);
	else
		*ret = r;
	return result;
}

void
rewrite_free(struct rewrite **rp)
{
	struct rewrite *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		pattern_free(&r->v[i].match);
	free(r->v);
	free(r);
}

/* A name may not become an address with what stood in quotes: then it stays. */
static const char *
rw_expand(const struct rewrite *r, const char *text, const char *address,
	  struct arena *arena)
{
	struct template_values values;
	struct address made;
	const char *why;

	template_values_init(&values, "", address, r->delimiter, arena);
	text = template_expand(text, &values, arena);
	if (address_parse(text, arena, &made, &why) < 0)
		return NULL;
	return address_text(&made, arena);
}

const char *
rewrite_address(const struct rewrite *r, enum rewrite_place place,
		const char *address, struct arena *arena)
{
	struct address a;
	const char *why;

	if (r == NULL || address_parse(address, arena, &a, &why) < 0)
		return NULL;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].to[place][0] != '\0' &&
		    pattern_match(r->v[i].match, &a))
			return rw_expand(r, r->v[i].to[place],
					 address_text(&a, arena), arena);
	return NULL;
}
