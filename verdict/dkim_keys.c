#include "verdict/dkim_keys.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/xalloc.h"

struct dkim_keys {
	_Atomic unsigned refs;
	size_t n;
	struct dkim_rule **rules; /* owned */
};

struct dkim_keys *
dkim_keys_new(void)
{
	struct dkim_keys *keys = xcalloc(1, sizeof(*keys));

	atomic_init(&keys->refs, 1);
	return keys;
}

struct dkim_rule *
dkim_keys_add(struct dkim_keys *keys, struct pattern *match, const char *domain)
{
	struct dkim_rule *rule = xcalloc(1, sizeof(*rule));

	rule->match = match;
	rule->domain = xstrdup(domain);
	keys->rules =
		xreallocarray(keys->rules, keys->n + 1, sizeof(*keys->rules));
	keys->rules[keys->n++] = rule;
	return rule;
}

void
dkim_rule_add(struct dkim_rule *rule, const char *name, struct dkim_key *key)
{
	rule->selectors = xreallocarray(rule->selectors, rule->n + 1,
					sizeof(*rule->selectors));
	rule->selectors[rule->n++] =
		(struct dkim_selector){.name = xstrdup(name), .key = key};
}

struct dkim_keys *
dkim_keys_ref(struct dkim_keys *keys)
{
	atomic_fetch_add(&keys->refs, 1);
	return keys;
}

static void
rule_free(struct dkim_rule *rule)
{
	for (size_t i = 0; i < rule->n; i++) {
		free(rule->selectors[i].name);
		dkim_key_free(&rule->selectors[i].key);
	}
	free(rule->selectors);
	pattern_free(&rule->match);
	free(rule->domain);
	free(rule);
}

void
dkim_keys_unref(struct dkim_keys **keys)
{
	struct dkim_keys *k = *keys;

	*keys = NULL;
	if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	for (size_t i = 0; i < k->n; i++)
		rule_free(k->rules[i]);
	free(k->rules);
	free(k);
}

const struct dkim_rule *
dkim_keys_find(const struct dkim_keys *keys, const struct address *a)
{
	for (size_t i = 0; i < keys->n; i++)
		if (pattern_match(keys->rules[i]->match, a))
			return keys->rules[i];
	return NULL;
}

size_t
dkim_keys_count(const struct dkim_keys *keys)
{
	return keys->n;
}

const struct dkim_rule *
dkim_keys_rule(const struct dkim_keys *keys, size_t i)
{
	return keys->rules[i];
}
