#include "alert/inhibit.h"

#include <stdlib.h>

#include <uthash.h>

#include "base/xalloc.h"

struct inhibit_key {
	uint64_t rule, equal;
};

struct inhibitor {
	uint64_t owner;
	bool both; /* it matches the target side, too */
};

struct inhibit_set {
	UT_hash_handle hh;
	struct inhibit_key key;
	size_t n, cap;
	struct inhibitor *v; /* owned */
};

struct inhibit {
	struct inhibit_set *sets;
};

struct inhibit *
inhibit_new(void)
{
	return xcalloc(1, sizeof(struct inhibit));
}

static void
inhibit_drop(struct inhibit *i, struct inhibit_set *set)
{
	HASH_DEL(i->sets, set);
	free(set->v);
	free(set);
}

void
inhibit_free(struct inhibit **ip)
{
	struct inhibit_set *set, *next;

	if (*ip == NULL)
		return;
	HASH_ITER(hh, (*ip)->sets, set, next)
	inhibit_drop(*ip, set);
	free(*ip);
	*ip = NULL;
}

static struct inhibit_set *
inhibit_set_of(const struct inhibit *i, const struct rules *r, size_t rule,
	       const struct labels *labels, struct inhibit_key *ret_key)
{
	struct inhibit_set *set;

	ret_key->rule = rule;
	ret_key->equal = rules_inhibit_key(r, rule, labels);
	HASH_FIND(hh, i->sets, ret_key, sizeof(*ret_key), set);
	return set;
}

static bool
has_bit(uint64_t bits, size_t at)
{
	return bits >> at & 1;
}

void
inhibit_add(struct inhibit *i, const struct rules *r,
	    const struct labels *labels, struct rules_sides sides,
	    uint64_t owner)
{
	for (size_t at = 0; at < RULES_INHIBIT_MAX; at++) {
		struct inhibit_key key;
		struct inhibit_set *set;

		if (!has_bit(sides.source, at))
			continue;
		set = inhibit_set_of(i, r, at, labels, &key);
		if (set == NULL) {
			set = xcalloc(1, sizeof(*set));
			set->key = key;
			HASH_ADD(hh, i->sets, key, sizeof(key), set);
		}
		if (set->n == set->cap) {
			set->cap = set->cap > 0 ? 2 * set->cap : 2;
			set->v = xreallocarray(set->v, set->cap,
					       sizeof(set->v[0]));
		}
		set->v[set->n++] =
			(struct inhibitor){owner, has_bit(sides.target, at)};
	}
}

void
inhibit_remove(struct inhibit *i, const struct rules *r,
	       const struct labels *labels, struct rules_sides sides,
	       uint64_t owner)
{
	for (size_t at = 0; at < RULES_INHIBIT_MAX; at++) {
		struct inhibit_key key;
		struct inhibit_set *set;
		size_t n = 0;

		if (!has_bit(sides.source, at))
			continue;
		set = inhibit_set_of(i, r, at, labels, &key);
		while (set != NULL && n < set->n && set->v[n].owner != owner)
			n++;
		if (set == NULL || n == set->n)
			continue;
		set->v[n] = set->v[--set->n];
		if (set->n == 0)
			inhibit_drop(i, set);
	}
}

uint64_t
inhibit_find(const struct inhibit *i, const struct rules *r,
	     const struct labels *labels, struct rules_sides sides,
	     uint64_t target)
{
	for (size_t at = 0; at < RULES_INHIBIT_MAX; at++) {
		bool both = has_bit(sides.source, at);
		const struct inhibit_set *set;
		struct inhibit_key key;

		if (!has_bit(sides.target, at))
			continue;
		set = inhibit_set_of(i, r, at, labels, &key);
		for (size_t n = 0; set != NULL && n < set->n; n++)
			if (set->v[n].owner != target &&
			    !(both && set->v[n].both))
				return set->v[n].owner;
	}
	return 0;
}
