#include <string.h>

#include "alert/rules_impl.h"

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME  UINT64_C(1099511628211)

size_t
rules_ninhibit(const struct rules *r)
{
	return r->ninhibit;
}

struct rules_sides
rules_inhibit_sides(const struct rules *r, const struct labels *labels)
{
	struct rules_sides s = {0, 0};

	for (size_t i = 0; i < r->ninhibit; i++) {
		if (rules_match_surely(r, &r->inhibit[i].source, labels))
			s.source |= UINT64_C(1) << i;
		if (rules_match_surely(r, &r->inhibit[i].target, labels))
			s.target |= UINT64_C(1) << i;
	}
	return s;
}

static const char *
value_of(const struct labels *l, const char *name)
{
	const char *value = labels_get(l, name);

	return value != NULL ? value : "";
}

uint64_t
rules_inhibit_key(const struct rules *r, size_t at, const struct labels *labels)
{
	const struct rules_inhibit *rule = &r->inhibit[at];
	uint64_t h = FNV_OFFSET;

	for (size_t i = 0; i < rule->nequal; i++) {
		const char *s = value_of(labels, rule->equal[i]);

		for (; *s != '\0'; s++)
			h = (h ^ (unsigned char)*s) * FNV_PRIME;
		h = (h ^ 0xff) * FNV_PRIME;
	}
	return h;
}

static bool
are_equal(const struct rules_inhibit *rule, const struct labels *a,
	  const struct labels *b)
{
	for (size_t i = 0; i < rule->nequal; i++)
		if (strcmp(value_of(a, rule->equal[i]),
			   value_of(b, rule->equal[i])) != 0)
			return false;
	return true;
}

bool
rules_inhibits_by(const struct rules *r, const struct labels *source,
		  struct rules_sides source_sides, const struct labels *target,
		  struct rules_sides target_sides)
{
	/* Of a rule that both are on both sides of, neither would ever be told.
	 */
	uint64_t both = source_sides.source & source_sides.target &
			target_sides.source & target_sides.target;
	uint64_t rules = source_sides.source & target_sides.target & ~both;

	for (size_t i = 0; rules != 0; i++, rules >>= 1)
		if ((rules & 1) != 0 &&
		    are_equal(&r->inhibit[i], source, target))
			return true;
	return false;
}

bool
rules_inhibits(const struct rules *r, const struct labels *source,
	       const struct labels *target)
{
	return rules_inhibits_by(r, source, rules_inhibit_sides(r, source),
				 target, rules_inhibit_sides(r, target));
}
