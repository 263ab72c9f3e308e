/*
 * dkim_keys - who signs with which keys: an immutable snapshot, shared by
 * reference from any thread. A reload makes a new one.
 */
#ifndef VERDICT_DKIM_KEYS_H
#define VERDICT_DKIM_KEYS_H

#include <stddef.h>

#include "mail/address.h"
#include "mail/pattern.h"
#include "verdict/dkim_key.h"

struct dkim_selector {
	char *name;           /* owned */
	struct dkim_key *key; /* owned */
};

struct dkim_rule {
	struct pattern *match; /* owned */
	char *domain;          /* owned; d= */
	size_t n;
	struct dkim_selector *selectors; /* owned */
};

struct dkim_keys;

struct dkim_keys *dkim_keys_new(void);
/* Before it is shared: one rule more, behind the others. MATCH is consumed. */
struct dkim_rule *dkim_keys_add(struct dkim_keys *keys, struct pattern *match,
				const char *domain);
/* One selector more for the rule; KEY is consumed. */
void dkim_rule_add(struct dkim_rule *rule, const char *name,
		   struct dkim_key *key);
struct dkim_keys *dkim_keys_ref(struct dkim_keys *keys);
/* Leaves NULL. NULL is fine. */
void dkim_keys_unref(struct dkim_keys **keys);
/* The first rule for mail from A; NULL: none. */
const struct dkim_rule *dkim_keys_find(const struct dkim_keys *keys,
				       const struct address *a);
size_t dkim_keys_count(const struct dkim_keys *keys);
const struct dkim_rule *dkim_keys_rule(const struct dkim_keys *keys, size_t i);

#endif
